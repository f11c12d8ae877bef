#!/usr/bin/env python3
"""The benchmark program measures what scripts/bench.py asks for: every mode runs, on something small. And PyTorch is a peer
only where its BLAS is an optimised one; that needs no PyTorch here.

    test_bench.py PROGRAM RELUSCOPE
"""

import contextlib
import csv
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "scripts")]
import bench  # noqa: E402
import blas  # noqa: E402

SMALL = ("--net", "2,8,8,1", "--batch", "16", "--points", "60", "--seconds", "0.02")


def measure(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Modes(unittest.TestCase):
    def test_step(self):
        for threads in ("1", "2"):
            lines = measure("step", *SMALL, "--threads", threads)
            self.assertEqual([line["measure"] for line in lines], ["none", "full"])
            for line in lines:
                self.assertEqual((line["net"], line["batch"], line["threads"]), ("2,8,8,1", 16, int(threads)))
                self.assertLessEqual(line["min_us"], line["us_per_step"])
                self.assertLessEqual(line["us_per_step"], line["max_us"])
            self.assertGreater(lines[1]["ratio_to_none"], 0)

    def test_products(self):
        lines = measure("products", *SMALL)
        self.assertIn("eigen", [line["backend"] for line in lines])
        self.assertTrue(all(line["us_per_step"] > 0 for line in lines))

    def test_steps_and_primitives_of_a_config(self):
        config = str(ROOT / "bench" / "networks" / "small-cnn.json")
        case = ("--config", config, "--batch", "4", "--seconds", "0.02")
        self.assertEqual([line["net"] for line in measure("step", *case, "data.limit=64")], ["small-cnn", "small-cnn"])
        for line in measure("primitives", *case):  # none in a build without oneDNN's convolutions
            self.assertEqual((line["net"], line["batch"]), ("small-cnn", 4))
            self.assertGreater(line["us_per_step"], 0)

    def test_activations(self):
        lines = measure("activations", "--seconds", "0.05")
        curves = subprocess.run([RELUSCOPE, "curves", "--points", "2"], capture_output=True, text=True, check=True)
        every = {row["activation"] for row in csv.DictReader(curves.stdout.splitlines())}
        self.assertEqual({line["activation"] for line in lines}, every)

    def test_forward(self):
        self.assertGreater(measure("forward", "--net", "2,300,300,1", "--points", "3000")[0]["seconds"], 0)

    def test_packs_and_single_networks_find_the_same(self):
        study = ("--net", "1,2,2,2,2,2,1", "--points", "50", "--nets", "60", "--batch", "8", "--seconds", "0.02")
        for task, rate in (("born-dead", "nets_per_s"), ("train", "net_steps_per_s")):
            found = [measure("pack", "--task", task, "--way", way, *study)[0] for way in ("pack", "single")]
            self.assertTrue(all(line[rate] > 0 for line in found))
            self.assertEqual(found[0]["born_dead"], found[1]["born_dead"])
            self.assertTrue(0.2 < found[0]["born_dead"] < 1)

    def test_bad_usage(self):
        self.assertEqual(subprocess.run([PROGRAM, "sleep"], capture_output=True, check=False).returncode, 2)
        self.assertEqual(subprocess.run([PROGRAM, "step", "--batch", "0"], capture_output=True, check=False).returncode, 2)


def library(**functions):
    """A BLAS with these functions besides those that all have."""
    return types.SimpleNamespace(dgemm_=None, **functions)


class Blas(unittest.TestCase):
    def test_each_library_is_known_by_its_own_functions(self):
        openblas = library(openblas_get_config=mock.Mock(return_value=b"OpenBLAS 0.3.21 DYNAMIC_ARCH"),
                           openblas_get_corename=mock.Mock(return_value=b"Zen"),
                           openblas_get_parallel=mock.Mock(return_value=2))
        mkl_built_in = "Build settings: BLAS_INFO=mkl, BUILD_TYPE=Release"
        for found, configuration, expected in (
                (openblas, "BLAS_INFO=generic", ("OpenBLAS 0.3.21 (Zen, OpenMP)", True)),
                (library(bli_info_get_version_str=None), "", ("BLIS", True)),
                (library(mkl_get_version_string=None), "", ("MKL", True)),
                (library(ATL_buildinfo=None), "", ("ATLAS", True)),
                (library(), "BLAS_INFO=generic", ("the reference BLAS", False)),
                (library(), mkl_built_in, ("MKL, built in", True)),
                (None, mkl_built_in, ("MKL, built in", True)),
                (None, "", ("no libblas.so.3", False))):
            with self.subTest(expected):
                self.assertEqual(blas.identify(found, configuration), expected)

    def test_the_one_that_is_installed_is_named(self):
        name, optimised = blas.identify(blas.load(), "")
        self.assertTrue(name)
        self.assertEqual(optimised, not name.startswith(("the reference", "no ")))

    def peer(self, name, optimised):
        """What bench.py makes of a PyTorch with this BLAS: the peer, what is to be said of it, and what was said."""
        said = json.dumps({"us_per_step": 1.0, "blas": name, "blas_optimised": optimised, "version": "1.13"})
        with tempfile.TemporaryDirectory() as place:
            python = os.path.join(place, "python")
            with open(python, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\necho '{said}'\n")
            os.chmod(python, 0o755)
            heard = io.StringIO()
            with mock.patch.object(bench, "find_torch", lambda: bench.Torch(python)), contextlib.redirect_stderr(heard):
                return (*bench.find_peer(), heard.getvalue())

    def test_an_optimised_one_makes_a_peer(self):
        torch, description, heard = self.peer("OpenBLAS 0.3.21 (Zen, OpenMP)", True)
        self.assertIsNotNone(torch)
        self.assertIn("PyTorch 1.13 with OpenBLAS 0.3.21", description)
        self.assertEqual(heard, "")

    def test_the_reference_makes_none_and_no_ratio_and_that_is_said(self):
        torch, description, heard = self.peer("the reference BLAS", False)
        self.assertIsNone(torch)
        for text in (description, heard):
            self.assertIn("PyTorch 1.13 with the reference BLAS", text)
            self.assertIn("no optimised BLAS", text)
        self.assertIn("apt-get install libopenblas0-openmp", heard)
        options = types.SimpleNamespace(seconds=0.1, data="")
        plan = bench.Plan("program", torch, None, options)
        self.assertTrue(plan.measurements)
        self.assertEqual({measurement.command[0] for measurement in plan.measurements}, {"program"})
        # Of what is measured then there are no ratios to PyTorch.
        values = {bench.Key("step", "2,16,16,16,1", 32, 1, variant, "us"): [2.0]
                  for variant in ("products oneDNN", "no statistics", "full statistics")}
        bench.add_ratios(values)
        ratios = bench.Report(values).step_ratios()
        self.assertIn("full statistics / no statistics", ratios)
        self.assertNotIn("PyTorch", ratios)


class Captures(unittest.TestCase):
    """What watching a PyTorch program costs: the rows of scripts/bench_capture.py."""

    def plan(self):
        torch = types.SimpleNamespace(command=lambda script, *arguments: ["python", script, *arguments], environment={})
        plan = bench.Plan("program", torch, None, types.SimpleNamespace(seconds=0.3, data=""))
        return next(one for one in plan.measurements if one.command[1].endswith("bench_capture.py"))

    def test_a_row_for_each_program_and_the_aims(self):
        values = {}
        for program, off, census in (("CNN", 1.001, 1.5), ("MLP", 1.0, 1.625)):
            line = {"program": program, "us_per_step": 1234.0, "costs": {**dict.fromkeys(bench.CAPTURE_AIMS, 1.25),
                                                                        "not recording": off,
                                                                        "census, of an evaluation": census}}
            for key, value in self.plan().read(line):
                values.setdefault(key, []).append(value)
        bench.add_ratios(values)
        rows = bench.Report(values).captures().splitlines()
        self.assertEqual([[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]],
                         [["CNN", "1,234", "1.00", "1.25", "1.25", "1.25", "1.50"],
                          ["MLP", "1,234", "1.00", "1.25", "1.25", "1.25", "1.62"],
                          ["aim", "", "≤ 1.02", "≤ 1.03", "≤ 1.5", "", "≤ 1.7"]])

    def test_without_pytorch_there_is_no_row(self):
        self.assertEqual(len(bench.Report({}).captures().splitlines()), 2)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "no PyTorch here")
    def test_it_measures_what_is_asked_for(self):
        arguments = ("--json", "--turns", "1", "--seconds", "0.001", "--model", "CNN 16-32-64, 28×28")
        done = subprocess.run([sys.executable, "-B", str(ROOT / "scripts" / "bench_capture.py"), *arguments],
                              capture_output=True, text=True, check=True)
        (line,) = map(json.loads, done.stdout.splitlines())
        pairs = dict(self.plan().read(line))
        self.assertEqual(len(pairs), 1 + len(bench.CAPTURE_AIMS))
        self.assertTrue(all(value > 0 for value in pairs.values()))
        self.assertEqual(set(line["costs"]), set(bench.CAPTURE_AIMS))


if __name__ == "__main__":
    PROGRAM, RELUSCOPE = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
