#!/usr/bin/env python3
"""The benchmark program measures what scripts/bench.py asks for: every mode runs, on something small.

    test_bench.py PROGRAM
"""

import json
import subprocess
import sys
import unittest

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

    def test_activations(self):
        lines = measure("activations", "--seconds", "0.05")
        self.assertIn("relu", [line["activation"] for line in lines])
        self.assertGreaterEqual(len(lines), 16)

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


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
