#!/usr/bin/env python3
"""What a run is said to need before it starts, against the most memory that it had.

    test_memory.py RELUSCOPE SOURCE_DIR

With little address space each run is refused, and the message names the need; with all that there is it is made. The
need must be an upper bound, and not much above what it was. What is known before the data are loaded is the need of the
data alone; their shapes here are such that the run adds nothing to it that matters.
"""

import json
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

PROGRAM = os.path.abspath(sys.argv[1])

MIB = 1 << 20
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": MIB, "GiB": 1 << 30}
LIMIT = 150 * MIB  # every run here needs more
# The need is printed with one digit after the point.
ROUNDED = 1.05
# The heaps of threads, tables on their way to disk.
CONSTANT = 16 * MIB
MOST_TOO_MUCH = 4


def hidden(units, **more):
    return {"units": units, "activation": "relu", **more}


def experiment(data, layers, optimizer=None, **more):
    reconstructs = data.get("target") == "input"
    outputs = data["n_features"] if reconstructs else 1 if data["kind"] == "abs" else 2
    train = {"steps": 3, **more.pop("train", {})}
    if optimizer:
        train["optimizer"] = optimizer
    if outputs == 1 or reconstructs:
        more["loss"] = "mse"
    return {"data": data, "network": {"layers": [*layers, {"units": outputs}]}, "train": train, **more}


def moons(samples):
    return {"kind": "moons", "n_samples": samples}


ADAM = {"name": "adam", "lr": 0.01}
DEADLY = {"name": "rmsprop", "lr": 0.3, "momentum": 0.9, "centered": True}
IDX_SAMPLES = 6_000_000
NPY_SAMPLES = 6_000_000
CSV_SAMPLES = 3_000_000
PICTURES = 30_000
CASES = {
    "many samples of a classification": experiment(moons(5_000_000), [hidden(3)]),
    "many samples of a regression": experiment({"kind": "abs", "n_samples": 7_000_000}, [hidden(3)]),
    "half of the samples for testing": experiment({**moons(5_000_000), "test_fraction": 0.5}, [hidden(3)]),
    "many features": experiment({"kind": "classification", "n_samples": 100_000, "n_features": 200}, [hidden(16)]),
    "an idx file": experiment({"kind": "idx", "images": "images.idx", "labels": "labels.idx"}, [hidden(3)]),
    "an npy file": experiment({"kind": "npy", "file": "features.npy", "labels": "labels.npy"}, [hidden(3)]),
    "a csv file": experiment({"kind": "csv", "file": "data.csv"}, [hidden(3)]),
    "pictures": experiment({"kind": "images", "train": "list.csv"}, [hidden(3)]),
    "a wide layer and few samples": experiment(moons(10), [hidden(100_000)], ADAM),
    "a wide layer that is dead": experiment(moons(200_000), [hidden(10_000, init={"bias": -1.0})]),
    "many parameters": experiment(moons(1000), [hidden(2000), hidden(2000)], ADAM),
    "many parameters that die": experiment(moons(1000), [hidden(2000, init={"bias": -1.0}), hidden(2000)], DEADLY),
    "many parameters in float64": experiment(moons(1000), [hidden(1200), hidden(1200)], ADAM, precision="float64"),
    "a large batch": experiment(moons(40_000), [hidden(400), hidden(400)], train={"batch_size": 40_000}),
    "a deep network": experiment(moons(1000), [hidden(150, repeat=80)], ADAM),
    "an autoencoder with penalties": experiment(
        {"kind": "classification", "n_samples": 4000, "n_features": 2000, "target": "input"}, [hidden(300)], ADAM,
        train={"batch_size": 4000, "penalty": {"l1_weights": 1e-4, "l2_weights": 1e-4, "l1_activations": 1e-4}}),
    "a probe of all samples": experiment(moons(60_000), [hidden(300), hidden(300)], record={"probe": "all"}),
}


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.place = place.name
        for name, *parts in (("images.idx", struct.pack(">4BIII", 0, 0, 8, 3, IDX_SAMPLES, 4, 4),
                              bytes(range(32)) * (IDX_SAMPLES // 2)),
                             ("labels.idx", struct.pack(">4BI", 0, 0, 8, 1, IDX_SAMPLES),
                              b"\0\1" * (IDX_SAMPLES // 2)),
                             ("features.npy", cls.npy_header("<f4", f"({NPY_SAMPLES}, 1)"),
                              struct.pack("<2f", -1.5, 2.5) * (NPY_SAMPLES // 2)),
                             ("labels.npy", cls.npy_header("<i8", f"({NPY_SAMPLES},)"),
                              struct.pack("<2q", 0, 1) * (NPY_SAMPLES // 2)),
                             ("grey.png", cls.png(48)),
                             ("list.csv", b"grey.png,0\ngrey.png,1\n" * (PICTURES // 2)),
                             ("data.csv", b"-1.25,0\n2.75,1\n" * (CSV_SAMPLES // 2))):
            with open(os.path.join(cls.place, name), "wb") as file:
                file.writelines(parts)
        _, _, cls.baseline = cls.start(experiment(moons(100), [hidden(3)]))

    @staticmethod
    def npy_header(kind, shape):
        text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()

    @staticmethod
    def png(side):
        def chunk(kind, content):
            return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

        rows = (b"\0" + bytes(range(side))) * side
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

    @classmethod
    def start(cls, config, limit=None):
        """Exit code, what was said, and the most memory in bytes."""
        def set_limit():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        with open(os.path.join(cls.place, "c.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen([PROGRAM, "run", "c.json", "-q", "--force"], cwd=cls.place,
                                       stdout=subprocess.DEVNULL, stderr=err, preexec_fn=set_limit)
            _, status, usage = os.wait4(process.pid, 0)  # only wait4 says how much memory it was
            process.returncode = os.waitstatus_to_exitcode(status)
            err.seek(0)
            return process.returncode, err.read().decode(), usage.ru_maxrss * 1024

    def test_the_need_is_an_upper_bound_and_not_much_above(self):
        for name, config in CASES.items():
            with self.subTest(name):
                code, said, _ = self.start(config, LIMIT)
                self.assertEqual(code, 2, said)
                need = re.search(r"needs about ([0-9.]+) (\w+) of memory", said)
                self.assertTrue(need, said)
                bound = float(need[1]) * UNITS[need[2]]
                code, said, peak = self.start(config)
                self.assertEqual(code, 0, said)
                print(f"{name}: {bound / MIB:.0f} MiB said, {peak / MIB:.0f} MiB used", file=sys.stderr)
                self.assertLessEqual(peak, bound * ROUNDED + self.baseline + CONSTANT)
                self.assertLessEqual(bound, MOST_TOO_MUCH * peak)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
