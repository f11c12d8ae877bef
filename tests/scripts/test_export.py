#!/usr/bin/env python3
"""Reads what `reluscope export` writes, event files by the format's own rules and joined tables by Python's csv, and
holds it against the CSVs of the runs.

    test_export.py RELUSCOPE SOURCE_DIR
"""

import csv
import gzip
import io
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

# What a row is about: no values of it.
PLACES = ("step", "epoch", "layer", "name", "units", "activation", "role", "from_file")
PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == masked(data[at:at + 8])
        body = data[at + 12:at + 12 + length]
        assert len(body) == length
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body)
        yield body
        at += 16 + length


def fields(data):
    """(field, value) of a message: numbers as they are, the rest as bytes."""

    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        kind = key & 7
        if kind == 0:
            value, at = varint(at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            assert kind == 2
            length, at = varint(at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


class Export(unittest.TestCase):
    def test_every_number_is_there(self):
        with tempfile.TemporaryDirectory() as place:
            run = os.path.join(place, "run")
            for command in (["run", os.path.join(SOURCE, "configs", "dying-relu.json"), "train.epochs=3", "-o", run, "-q"],
                            ["export", run, "--to", "tensorboard", "-q"]):
                done = subprocess.run([PROGRAM, *command], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
            (name,) = os.listdir(os.path.join(run, "tensorboard"))
            self.assertTrue(name.startswith("events.out.tfevents."))
            with open(os.path.join(run, "tensorboard", name), "rb") as file:
                first, *events = [list(fields(record)) for record in records(file.read())]
            self.assertEqual(dict(first)[3], b"brain.Event:2")
            scalars, histograms = {}, {}
            for event in events:
                step = dict(event)[2]
                for field, value in fields(dict(event)[5]):
                    self.assertEqual(field, 1)
                    parts = dict(fields(value))
                    if 2 in parts:
                        scalars[parts[1].decode(), step] = parts[2]
                    else:
                        histograms[parts[1].decode()] = dict(fields(parts[5]))
            for table, named in (("steps", False), ("layers", True), ("census", True)):
                with open(os.path.join(run, table + ".csv"), encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        prefix = f"{table}/{row['name']}/" if named else f"{table}/"
                        for column, cell in row.items():
                            if column in PLACES or cell == "":
                                continue
                            written = scalars.pop((prefix + column, int(row["step"])))
                            wanted = struct.unpack("<f", struct.pack("<f", float(cell)))[0]
                            self.assertTrue(written == wanted or math.isnan(wanted))
            self.assertEqual(scalars, {})
            margins = histograms["units/dense1/margin"]
            self.assertEqual(margins[3], 64)
            self.assertEqual(sum(struct.unpack("<30d", margins[7])), 64)
            self.assertEqual(struct.unpack("<30d", margins[6])[-1], margins[2])


HIDDEN = "network.layers.*.activation"
SMALL = {"name": "small", "seed": 1, "data": {"kind": "moons", "n_samples": 60}, "train": {"steps": 6},
         "network": {"layers": [{"units": 4, "activation": "relu", "repeat": 2}, {"units": 2}]},
         "record": {"every": 2, "census": 3}}


def program(*arguments, cwd):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, cwd=cwd, stdin=subprocess.DEVNULL, check=False)


def table_of(text):
    """The rows as csv reads them: lists of cells, the header first."""
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


class JoinedTables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.place = cls.home.name
        with open(os.path.join(cls.place, "c.json"), "w", encoding="utf-8") as file:
            json.dump(SMALL, file)
        done = program("compare", "c.json", "--vary", HIDDEN + "=relu,leaky_relu", "--seeds", "2", "--runs", "kept",
                       "-q", cwd=cls.place)
        assert done.returncode == 0, done.stderr
        cls.runs = sorted(f"kept/{name}" for name in os.listdir(os.path.join(cls.place, "kept"))
                          if os.path.isdir(os.path.join(cls.place, "kept", name)))
        assert len(cls.runs) == 4

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()

    def setUp(self):
        self.made = []

    def tearDown(self):
        for run in self.made:
            shutil.rmtree(os.path.join(self.place, run), ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def read(self, *parts):
        with open(self.path(*parts), "rb") as file:
            return file.read()

    def run_with(self, name, **files):
        """A run from elsewhere, of these files: tables by their names, and the manifest."""
        os.makedirs(self.path(name))
        self.made.append(name.split("/")[0])
        for file, content in files.items():
            with open(self.path(name, file + (".json" if file == "manifest" else ".csv")), "wb") as out:
                out.write(content)
        return name

    def export(self, *arguments):
        done = program("export", "--to", "csv", *arguments, cwd=self.place)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    def refuse(self, *arguments, says, code=2):
        done = program("export", *arguments, cwd=self.place)
        self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
        for part in says:
            self.assertIn(part, done.stderr.decode())
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_the_rows_of_the_runs_stand_one_after_the_other(self):
        for table, name in (("steps", "activation"), ("layers", "layers_0_activation"), ("census", "activation"),
                            ("units", "activation")):
            joined = rows_of(self.export(*self.runs, "--table", table))
            expected = []
            for run in self.runs:
                with open(self.path(run, "manifest.json"), encoding="utf-8") as file:
                    manifest = json.load(file)
                for row in rows_of(self.read(run, table + ".csv")):
                    expected.append({"run": os.path.basename(run), "seed": str(manifest["seed"]),
                                     name: manifest["config"]["network"]["layers"][0]["activation"]["name"], **row})
            empty = {column for column in expected[0] if all(row[column] == "" for row in expected)}
            self.assertEqual([list(row.items()) for row in joined],
                             [[(column, cell) for column, cell in row.items() if column not in empty]
                              for row in expected], table)
            self.assertEqual({(row["seed"], row[name]) for row in joined},
                             {(seed, name) for seed in ("1", "2") for name in ("relu", "leaky_relu")})
            self.assertTrue(empty.isdisjoint(joined[0]))
            self.assertEqual(empty >= {"batch_rare", "batch_faint"}, table == "layers")
        self.assertEqual(self.export(*self.runs), self.export(*self.runs, "--table", "steps", "-o", "-"))

    def test_one_run_has_its_seed_and_no_settings(self):
        table = table_of(self.export(self.runs[0]))
        self.assertEqual(table[0][:5], ["run", "seed", "step", "epoch", "loss"])
        self.assertEqual(len(table), len(table_of(self.read(self.runs[0], "steps.csv"))))

    def test_cells_are_copied_letter_for_letter(self):
        odd = self.run_with("odd", steps=b'step,"a ""b"", c",loss\n0,"x, ""y""\nz",1.50\n1, plain ,007\n')
        self.assertEqual(table_of(self.export(odd)),
                         [["run", "step", 'a "b", c', "loss"], ["odd", "0", 'x, "y"\nz', "1.50"],
                          ["odd", "1", " plain ", "007"]])
        self.assertIn(b'odd,0,"x, ""y""\nz",1.50\n', self.export(odd))

    def test_what_varies_may_be_any_text(self):
        runs = [self.run_with(name, steps=b"step\n0\n", manifest=json.dumps({"seed": 3, "config": config}).encode())
                for name, config in (('a "b", c', {"data": {"file": 'x,"y".csv'}, "layer": 1}),
                                     ("d", {"data": {"file": "line\nbreak"}, "layer": None}))]
        self.assertEqual(table_of(self.export(*runs)),
                         [["run", "seed", "file", "layer", "step"], ['a "b", c', "3", 'x,"y".csv', "1", "0"],
                          ["d", "3", "line\nbreak", "null", "0"]])

    def test_no_two_columns_have_one_name(self):
        runs = [self.run_with(name, units=b"run,seed,layer,lr\nr,s,1,2\n",
                              manifest=json.dumps({"seed": 3, "config": {"layer": name, "o": {"lr": name}}}).encode())
                for name in ("a", "b")]
        self.assertEqual(table_of(self.export(*runs, "--table", "units"))[:2],
                         [["run_2", "seed_2", "layer_2", "o_lr", "run", "seed", "layer", "lr"],
                          ["a", "3", "a", "a", "r", "s", "1", "2"]])

    def test_runs_of_other_columns_leave_cells_empty(self):
        old = self.run_with("old", steps=b"step,gone,never\n0,7,\n")
        new = self.run_with("new", steps=b"loss,step,never,fresh\n0.5,0,,9\n")
        self.assertEqual(table_of(self.export(old, new)),
                         [["run", "step", "gone", "loss", "fresh"], ["old", "0", "7", "", ""],
                          ["new", "0", "", "0.5", "9"]])

    def test_a_last_row_without_its_line_break_is_left_out(self):
        whole = self.run_with("whole", steps=b"step,loss,late\n0,1,\n1,2,\n")
        cut = self.run_with("cut", steps=b"step,loss,late\n0,3,\n1,4,5")
        self.assertEqual(table_of(self.export(whole, cut)),
                         [["run", "step", "loss"], ["whole", "0", "1"], ["whole", "1", "2"], ["cut", "0", "3"]])

    def test_tables_without_rows_keep_their_columns(self):
        self.assertEqual(self.export(self.run_with("none", steps=b"step,loss\n")), b"run,step,loss\n")
        some = self.run_with("some", steps=b"step,other\n1,\n")
        self.assertEqual(self.export("none", some), b"run,step\nsome,1\n")

    def test_runs_of_one_name_get_those_of_the_directories_above(self):
        for name in ("a/x/run", "a/y/run", "a/y/other"):
            os.makedirs(self.path(name))
            shutil.copy(self.path(self.runs[0], "steps.csv"), self.path(name))
        self.made = ["a"]
        rows = rows_of(self.export("a/x/run/", "a/y/run", "a/y/other"))
        self.assertEqual(list(dict.fromkeys(row["run"] for row in rows)), ["x/run", "y/run", "other"])
        self.refuse("--to", "csv", "a/x/run", "a/y/../x/run/", says=["a/y/../x/run/: ", "twice", "as a/x/run too"])

    def test_a_run_without_a_manifest_has_no_seed(self):
        foreign = self.run_with("foreign", steps=b"step,loss\n0,1\n")
        rows = rows_of(self.export(*self.runs, foreign))
        self.assertEqual((rows[-1]["run"], rows[-1]["seed"], rows[-1]["activation"]), ("foreign", "", ""))
        self.assertIn(rows[0]["seed"], ("1", "2"))

    def test_a_damaged_manifest_is_said_and_does_no_harm(self):
        damaged = self.run_with("damaged", steps=b"step,loss\n0,1\n", manifest=b'{"seed": 1, "config"')
        done = program("export", "--to", "csv", damaged, cwd=self.place)
        self.assertEqual((done.returncode, done.stdout), (0, b"run,step,loss\ndamaged,0,1\n"))
        self.assertIn(b"damaged/manifest.json", done.stderr)

    def test_a_missing_table_is_said_with_those_that_are_there(self):
        some = self.run_with("some", layers=b"step\n0\n", units=b"layer\n0\n")
        self.refuse("--to", "csv", self.runs[0], some, says=["some/steps.csv: no such file", "has: layers, units"])
        self.refuse("--to", "csv", self.run_with("empty"), says=["empty/steps.csv", "expected the directory of a run"])
        self.refuse("--to", "csv", "nowhere", says=["nowhere: expected the directory of a run"])

    def test_a_table_that_is_damaged_is_refused_before_anything_is_written(self):
        for content, says in ((b"step,loss\n0,1\n1\n", ["bad/steps.csv:3: found 1 cells, expected 2"]),
                              (b"step,loss,step\n0,1,2\n", ["bad/steps.csv:1: ", '"step" twice']),
                              (gzip.compress(b"step\n0\n", mtime=0), ["bad/steps.csv: found gzip data"]),
                              (b"", ["bad/steps.csv", "empty"]), (b"\n\n", ["bad/steps.csv", "blank lines"])):
            bad = self.run_with("bad", steps=content)
            self.refuse("--to", "csv", *self.runs, bad, says=says)
            self.refuse("--to", "csv", *self.runs, bad, "-o", "none.csv", says=says)
            self.assertFalse(os.path.exists(self.path("none.csv")))
            shutil.rmtree(self.path(bad))
        self.made = []
        pipe = self.run_with("pipe")
        os.mkfifo(self.path(pipe, "steps.csv"))
        self.refuse("--to", "csv", pipe, says=["pipe/steps.csv: found a named pipe"])

    def test_a_file_is_written_whole_and_no_input_is_overwritten(self):
        self.assertEqual(self.export(*self.runs, "-o", "all.csv"), b"")
        self.assertEqual(self.read("all.csv"), self.export(*self.runs))
        self.assertEqual(self.export(*self.runs, "-o", "/dev/stdout"), self.read("all.csv"))
        before = self.read(self.runs[1], "units.csv")
        for out in ("units.csv", "evaluation.csv", "manifest.json"):
            self.refuse("--to", "csv", *self.runs, "-o", f"{self.runs[1]}/{out}", says=["would overwrite"])
        self.assertEqual(self.read(self.runs[1], "units.csv"), before)

    def test_a_reader_that_goes_ends_it_quietly(self):
        long = self.run_with("long", steps=b"step,loss\n" + b"1,0.5\n" * 200_000)
        done = subprocess.run(["bash", "-c", 'set -o pipefail; "$0" export "$1" --to csv | head -n 1', PROGRAM, long],
                              capture_output=True, cwd=self.place, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"run,step,loss\n", b""))

    def test_event_files_are_of_one_run_and_of_all_its_tables(self):
        self.refuse(*self.runs, says=["found 4 runs, expected one", "--to csv"])
        self.refuse(self.runs[0], "--table", "steps", says=["--table steps and --to tensorboard"])
        done = program("export", self.runs[0], "--to", "csv", "--table", "events", cwd=self.place)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"evaluation", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
