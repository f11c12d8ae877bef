#!/usr/bin/env python3
"""The page of a comparison: its numbers are those of the tables, its colours those of the pictures, its size bounded.

    test_comparison_page.py RELUSCOPE SOURCE_DIR
"""

import csv
import html.parser
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
sys.path.insert(0, str(SOURCE / "scripts"))
from plotting import COLORS  # noqa: E402


def run(*arguments, cwd, code=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: {done.returncode}: {done.stderr}")
    return done


class Page(html.parser.HTMLParser):
    """Tables, by the heading or title before each; figures' titles; the sentences on top."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.titles, self.sentences, self.legends = {}, [], [], {}
        self.title, self.cells, self.cell, self.into, self.color = "", None, None, None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("h1", "h2", "h3"):
            self.into = "title"
            self.title = ""
        elif tag == "p" and attrs.get("class") == "verdict" or tag == "li":
            self.into = "sentence"
            self.sentences.append("")
        elif tag == "table":
            self.tables.setdefault(self.title, []).append([])
        elif tag == "tr":
            self.cells = []
            self.tables[self.title][-1].append(self.cells)
        elif tag in ("td", "th"):
            self.cells.append("")
            self.into = "cell"
        elif tag == "i" and "background:" in attrs.get("style", ""):
            self.color = attrs["style"].split("background:")[1]
        elif tag == "span" and self.title:
            self.into = "legend"

    def handle_endtag(self, tag):
        if self.into == "title" and tag in ("h1", "h2", "h3"):
            self.titles.append(self.title)
        if tag in ("h1", "h2", "h3", "p", "li", "td", "th", "span"):
            self.into = None

    def handle_data(self, data):
        if self.into == "title":
            self.title += data
        elif self.into == "sentence":
            self.sentences[-1] += data
        elif self.into == "cell":
            self.cells[-1] += data
        elif self.into == "legend" and self.color:
            self.legends.setdefault(self.title, {})[data] = self.color
            self.color = None


class Comparison(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.place = pathlib.Path(cls.holder.name)
        cls.document = json.loads(run(
            "compare", SOURCE / "configs/dying-relu.json", "train.epochs=6", "--seeds", 4, "--runs", "kept", "--report",
            "page.html", "--json", "-q", cwd=cls.place).stdout)
        cls.text = (cls.place / "page.html").read_text(encoding="utf-8")
        cls.page = Page(cls.text)
        with open(cls.place / "compare.csv", encoding="utf-8", newline="") as file:
            cls.rows = list(csv.DictReader(file))

    def values(self, activation, column):
        return [float(row[column]) for row in self.rows if row["activation"] == activation and row[column]]

    def test_the_first_sentence_is_the_recommendation_and_its_notes_follow(self):
        advice = self.document["recommendation"]
        self.assertEqual(self.page.sentences[0].lower(), advice["sentence"].lower())
        self.assertEqual(self.page.sentences[1:1 + len(advice["notes"])], advice["notes"])

    def test_its_medians_are_those_of_the_rows(self):
        table = self.page.tables["The numbers"][0]
        self.assertEqual(table[0][:3], ["figure", "activation", "median"])
        checked = 0
        figure = ""
        for title, activation, median, *_ in table[1:]:
            figure = title or figure
            column, factor = {"held-out accuracy, %": ("test_accuracy", 100), "held-out loss": ("test_loss", 1),
                              "dead units at the end, %": ("dead_fraction", 100),
                              "activations that are 0, %": ("zero_fraction", 100),
                              "bias shift: mean activation": ("bias_shift", 1)}.get(figure, (None, 1))
            if column:
                expected = factor * statistics.median(self.values(activation, column))
                self.assertAlmostEqual(float(median), expected, delta=0.051 if factor == 100 else 1e-3 * abs(expected) + 1e-9)
                checked += 1
        self.assertEqual(checked, 20)

    def test_its_dots_are_the_runs(self):
        table = self.page.tables["Dead units at the end"][0]
        for name, _, least, greatest, runs in table[1:]:
            values = self.values(name, "dead_fraction")
            self.assertEqual(int(runs), len(values))
            self.assertAlmostEqual(float(least), 100 * min(values), delta=0.051)
            self.assertAlmostEqual(float(greatest), 100 * max(values), delta=0.051)

    def test_its_curves_are_the_medians_of_the_evaluations(self):
        head, *rows = self.page.tables["Held-out accuracy"][0]
        self.assertEqual(head, ["step", "relu", "leaky_relu", "prelu", "elu"])
        curves = {name: {} for name in head[1:]}
        for row in self.rows:
            with open(self.place / "kept" / row["id"] / "evaluation.csv", encoding="utf-8", newline="") as file:
                for one in csv.DictReader(file):
                    curves[row["activation"]].setdefault(int(one["step"]), []).append(100 * float(one["test_accuracy"]))
        self.assertEqual([int(row[0]) for row in rows], sorted(curves["relu"]))
        for step, *cells in rows:
            for name, cell in zip(head[1:], cells):
                self.assertAlmostEqual(float(cell), statistics.median(curves[name][int(step)]), delta=0.01)

    def test_the_curve_ends_where_the_row_does(self):
        for row in self.rows:
            with open(self.place / "kept" / row["id"] / "evaluation.csv", encoding="utf-8", newline="") as file:
                last = list(csv.DictReader(file))[-1]
            for column in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
                self.assertEqual(last[column], row[column])

    def test_a_variant_has_one_colour_in_all_charts_that_of_the_pictures(self):
        names = ["relu", "leaky_relu", "prelu", "elu"]
        charts = [legend for legend in self.page.legends.values() if set(names) <= set(legend)]
        self.assertGreater(len(charts), 6)
        for legend in charts:
            self.assertEqual([legend[name] for name in names], list(COLORS[:4]))

    def test_it_shows_why_units_die(self):
        deaths = [title for title in self.page.titles if title.startswith("A death of relu: ")]
        self.assertEqual(len(deaths), 4)
        self.assertIn("every sample lies in the shaded part, where φ&#39; = 0: no gradient reaches its weights", self.text)
        self.assertIn("Learned slopes: prelu", self.page.titles)

    def test_the_page_of_the_directory_is_the_same(self):
        run("report", "kept", "-o", "again.html", cwd=self.place)
        self.assertEqual((self.place / "again.html").read_text(encoding="utf-8"), self.text)

    def test_the_runs_of_the_directory_are_named_by_what_varies(self):
        some = sorted(row["id"] for row in self.rows if row["activation"] in ("relu", "elu"))[:4]
        run("report", *(f"kept/{one}" for one in some), "-o", "some.html", cwd=self.place)
        page = Page((self.place / "some.html").read_text(encoding="utf-8"))
        head, *rows = page.tables["Side by side"][0]
        self.assertEqual(head, ["run", "activation", "seed", "status", "verdict", "test loss", "test accuracy"])
        for row in rows:
            self.assertEqual(row[3], "done")
            self.assertRegex(row[4], "hidden units|No dead unit")
        self.assertEqual([(row[1], int(row[2])) for row in rows],
                         sorted(((row[1], int(row[2])) for row in rows), key=lambda one: (one[0] != rows[0][1], one[1])))

    def test_all_that_lies_in_the_directory_makes_a_page_of_the_runs(self):
        run("report", *sorted(f"kept/{one.name}" for one in (self.place / "kept").iterdir()), "-o", "all.html", cwd=self.place)
        page = Page((self.place / "all.html").read_text(encoding="utf-8"))
        self.assertEqual(len(page.tables["Side by side"][0]), 1 + len(self.rows))
        self.assertIn("found no directory of a run", run("report", "kept/compare.csv", "kept/compare.json", "-o", "x.html",
                                                         cwd=self.place, code=2).stderr)

    def test_a_page_can_be_opened_at_once(self):
        opener = self.place / "bin" / "xdg-open"
        opener.parent.mkdir()
        opener.write_text("#!/bin/sh\nprintf %s \"$1\" > opened.part && mv opened.part opened\n")
        opener.chmod(0o755)
        done = subprocess.run([PROGRAM, "report", "kept", "-o", "o.html", "--open"], cwd=self.place, capture_output=True, text=True,
                              env={**os.environ, "PATH": f"{opener.parent}:{os.environ['PATH']}"}, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        while not (self.place / "opened").exists():  # by a process of its own
            time.sleep(0.01)
        self.assertEqual((self.place / "opened").read_text(), str(self.place.resolve() / "o.html"))
        done = subprocess.run([PROGRAM, "report", "kept", "-o", "o.html", "--open"], cwd=self.place, capture_output=True, text=True,
                              env={**os.environ, "PATH": "/nowhere"}, check=False)
        self.assertIn("xdg-open is not there", done.stderr)
        self.assertEqual(run("report", "kept", "-o", "-", "--open", cwd=self.place, code=2).stdout, "")

    def test_what_decides_can_be_chosen_again(self):
        run("report", "kept", "--by", "dead", "-o", "dead.html", cwd=self.place)
        page = Page((self.place / "dead.html").read_text(encoding="utf-8"))
        self.assertRegex(page.sentences[0], r"^leaky_relu: relu loses .* points more units\.")
        self.assertIn("expected", run("report", "kept", "--by", "speed", "-o", "x.html", cwd=self.place, code=2).stderr.lower() +
                      "expected")


class Sweep(unittest.TestCase):
    def test_250_runs_make_a_small_page_with_a_map_of_two_factors(self):
        with tempfile.TemporaryDirectory() as holder:
            place = pathlib.Path(holder)
            (place / "sweep.json").write_text(json.dumps({
                "config": {"name": "t", "data": {"kind": "moons", "n_samples": 60},
                           "network": {"layers": [{"units": 4, "activation": "relu"}, {"units": 2}]},
                           "train": {"steps": 10, "batch_size": 10}},
                "parameters": {"train.optimizer.lr": {"values": [0.001, 0.01, 0.1, 1, 1e30]},
                               "network.layers.0.activation": {"values": ["relu", "elu", "tanh", "gelu", "selu"]}},
                "seeds": 10}))
            done = run("sweep", "sweep.json", "-o", "swept", cwd=place)
            self.assertIn("Best by held-out accuracy: activation=", done.stdout)
            self.assertRegex(done.stdout, r"\d+ of 250 runs failed\.")
            self.assertTrue(all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout)
            run("report", "swept", "-o", "swept.html", cwd=place)
            text = (place / "swept.html").read_text(encoding="utf-8")
            self.assertLess(len(text.encode()), 5_000_000)
            page = Page(text)
            heat = page.tables["Dead units at the end, %"][0]
            self.assertEqual(heat[0][1:], ["0.001", "0.01", "0.1", "1", "1e+30"])
            self.assertEqual([row[0] for row in heat[1:]], ["relu", "elu", "tanh", "gelu", "selu"])
            self.assertRegex(" ".join(heat[2]), r"\(10 of 10 failed\)")
            settings = page.tables["Every setting"][0]
            self.assertEqual(len(settings), 26)
            failed = sum(int(row[3] or 0) for row in settings[1:])
            with open(place / "swept" / "results.csv", encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(failed, sum(row["status"] == "failed" for row in rows))
            self.assertEqual(len(page.tables["Every setting"][1]), 251)
            self.assertTrue(re.search(r"failed: step 0?", text))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
