#!/usr/bin/env python3
"""Numbers never lie: what is not finite is said where it arises and breaks no file, a locale changes nothing, and memory
does not grow with the steps.

    test_numbers.py RELUSCOPE SOURCE_DIR [--sanitized]

--sanitized: the program was built with sanitizers, which remember what was freed; memory is not looked at.
"""

import csv
import fcntl
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from run_files import TRACES

PROGRAM = os.path.abspath(sys.argv[1])
SANITIZED = "--sanitized" in sys.argv

CONFIG = {
    "name": "small", "seed": 3,
    "data": {"kind": "spirals", "n_samples": 200},
    "network": {"layers": [{"name": "below", "units": 16, "activation": "relu"},
                           {"name": "above", "units": 12, "activation": "relu"}, {"name": "out", "units": 2}]},
    "train": {"steps": 60, "batch_size": 20, "optimizer": {"name": "sgd", "lr": 0.1}},
    "record": {"every": 1, "census": 10},
}
# Resident memory may differ by so much between two looks at a process whose memory stays as it is.
SLACK = 1 << 20


def strict(text):
    """JSON without the words that Python alone takes for numbers."""

    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def is_number(cell):
    return cell in ("", "nan", "inf", "-inf") or re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", cell)


def resident_memory(process):
    """In bytes; None where it has ended."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        return next((int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS:")), None)


class Numbers(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="reluscope-numbers-"))
        self.addCleanup(shutil.rmtree, self.place)
        (self.place / "c.json").write_text(json.dumps(CONFIG))

    def run_it(self, *arguments, out="r", environment=None):
        done = subprocess.run([PROGRAM, "run", "c.json", "-q", "--out", out, *arguments], cwd=self.place, text=True,
                              capture_output=True, env={**os.environ, **(environment or {})})
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.place / out

    def write_weights(self, name, arrays):
        """A safetensors file of float32 arrays {name: (shape, values)}."""
        header, data = {}, b""
        for key, (shape, values) in arrays.items():
            packed = struct.pack(f"<{len(values)}f", *values)
            header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
            data += packed
        text = json.dumps(header).encode()
        (self.place / name).write_bytes(struct.pack("<Q", len(text)) + text + data)

    def check_files(self, run):
        """Every document parses, every cell of a numeric column is a number or one of the three words."""
        for name in ("manifest.json", "summary.json"):
            strict((run / name).read_text())
        for line in (run / "events.jsonl").read_text().splitlines():
            strict(line)
        seen = set()
        for name in ("steps.csv", "layers.csv", "census.csv"):
            with open(run / name, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    for column, cell in row.items():
                        if column in ("name", "activation", "role"):
                            continue
                        self.assertTrue(is_number(cell), (name, column, cell))
                        seen.add(cell)
        return seen

    def non_finite_event(self, run):
        events = [strict(line) for line in (run / "events.jsonl").read_text().splitlines()]
        (event,) = [event for event in events if event["event"] == "non_finite"]
        return event

    def test_a_value_that_is_not_finite_is_reported_at_its_step_and_layer(self):
        run = self.run_it("train.optimizer.lr=1e30")
        event = self.non_finite_event(run)
        with open(run / "steps.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(int(rows[-1]["step"]), event["step"])
        for row in rows[:-1]:
            self.assertNotIn(row["loss"], ("nan", "inf", "-inf"))
        self.assertIn(f"step {event['step']}", strict((run / "summary.json").read_text())["failure"])
        self.assertTrue({"nan", "inf"} & self.check_files(run))

    def test_the_layer_is_the_first_one_that_is_not_finite(self):
        inputs = {"below": 2, "above": 16, "out": 12}
        units = {"below": 16, "above": 12, "out": 2}
        for sick in inputs:
            for value in (float("nan"), float("inf")):
                arrays = {}
                for place, layer in ((0, "below"), (2, "above"), (4, "out")):
                    weights = [0.01 * (index % 7 + 1) for index in range(units[layer] * inputs[layer])]
                    if layer == sick:
                        weights[3] = value
                    arrays[f"layers.{place}.weight"] = ([units[layer], inputs[layer]], weights)
                    arrays[f"layers.{place}.bias"] = ([units[layer]], [0.5] * units[layer])
                self.write_weights("w.safetensors", arrays)
                with self.subTest(layer=sick, value=value):
                    run = self.run_it("network.init_from=w.safetensors", "--force")
                    event = self.non_finite_event(run)
                    self.assertEqual((event["step"], event["name"]), (0, sick))
                    self.check_files(run)

    def test_a_locale_with_a_decimal_comma_changes_nothing(self):
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", str(self.place / "de_DE.UTF-8")],
                              capture_output=True)
        if made.returncode != 0:
            self.skipTest("no localedef with the definition of de_DE (Debian: locales)")
        german = {"LOCPATH": str(self.place), "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}
        shown = subprocess.run([sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, ''); "
                                "print(locale.localeconv()['decimal_point'], end='')"], env={**os.environ, **german},
                               capture_output=True, text=True)
        self.assertEqual(shown.stdout, ",", "the locale is not in force")
        plain = self.run_it(out="plain")
        comma = self.run_it(out="comma", environment=german)
        for name in TRACES:
            self.assertEqual((plain / name).read_bytes(), (comma / name).read_bytes(), name)
        for command in (["schema"], ["curves", "elu"], ["inspect", "plain/steps.csv", "--json"]):
            both = [subprocess.run([PROGRAM, *command], cwd=self.place, capture_output=True,
                                   env={**os.environ, **extra}).stdout for extra in ({}, german)]
            self.assertEqual(*both)

    @unittest.skipIf(SANITIZED, "freed memory is kept for a while")
    def test_memory_stays_flat_over_a_hundred_thousand_steps(self):
        # Its rows go into a small pipe: it is at most a dozen rows beyond the one that is read here, however the machine
        # shares its time out.
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen([PROGRAM, "run", "c.json", "-q", "--out", "long", "--threads", "1", "--trace",
                                    "layers=-", "train.steps=100000", "record.every=1000", "record.census=epoch"],
                                   cwd=self.place, stdout=writer)
        os.close(writer)
        with open(reader, encoding="utf-8") as rows:
            looks = [(int(row["step"]), resident_memory(process)) for row in csv.DictReader(rows)]
        self.assertEqual(process.wait(), 0)
        early = [resident for step, resident in looks if 10000 <= step < 30000]
        # At the end the recorded rows are read back for the diagnosis.
        late = [resident for step, resident in looks if 80000 <= step < 86000]
        self.assertTrue(early and late, f"only {len(looks)} looks")
        self.assertLess(max(late) - min(early), SLACK)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
