#!/usr/bin/env python3
"""Tests of what the plot_*.py scripts share: without matplotlib, and on input that is none, one message and exit code 2;
colours that everybody can tell apart."""

import itertools
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from plotting import COLORS  # noqa: E402
INPUTS = {  # as small as each script takes it
    "plot_traces.py": "step,loss\n0,1.0\n1,0.5\n",
    "plot_compare.py": "job,id,lr,seed,status,test_loss\n0,a,0.1,1,done,0.5\n1,b,0.2,1,done,0.25\n",
    "plot_curves.py": "activation,z,a,derivative\nrelu,-1,0,0\nrelu,1,1,1\n",
}
INSTEAD = {"plot_traces.py": "plot_traces.gp layers.csv traces.png", "plot_compare.py": "reluscope compare",
           "plot_curves.py": "reluscope curves --plot curves.png"}
PNG = b"\x89PNG"
CARDS = ("#f6f7f9", "#1d2125")  # of the report, light and dark
DEUTERANOPIA = (  # Machado, Oliveira and Fernandes (2009), severity 1.0; for linear RGB
    (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
SRGB_TO_XYZ = (  # white is D65
    (0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def linear(color):
    parts = [int(color[place:place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def without_green_cones(rgb):
    return [min(max(part, 0.0), 1.0) for part in times(DEUTERANOPIA, rgb)]


def lab(rgb):
    ratios = [part / white for part, white in zip(times(SRGB_TO_XYZ, rgb), times(SRGB_TO_XYZ, (1.0, 1.0, 1.0)))]
    x, y, z = (t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def contrast(one, other):
    """As WCAG 2 has it."""
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other)))
    return (high + 0.05) / (low + 0.05)


def least_difference(colors, seen=lambda rgb: rgb):
    return min(math.dist(one, other) for one, other in
               itertools.combinations([lab(seen(linear(color))) for color in colors], 2))


class Colors(unittest.TestCase):
    def test_the_measures_are_those_of_the_literature(self):
        self.assertAlmostEqual(contrast("#000000", "#ffffff"), 21.0, places=6)
        self.assertAlmostEqual(contrast("#777777", "#ffffff"), 4.478, places=3)
        for measured, known in zip(lab(linear("#ff0000")), (53.24, 80.09, 67.20)):
            self.assertAlmostEqual(measured, known, places=2)
        for part in without_green_cones([1.0, 1.0, 1.0]):  # grey stays as it is
            self.assertAlmostEqual(part, 1.0, places=5)

    def test_any_two_colours_are_told_apart_with_and_without_green_cones(self):
        self.assertEqual(len(COLORS), 9)
        for seen in (lambda rgb: rgb, without_green_cones):
            self.assertGreaterEqual(least_difference(COLORS, seen), 20.0)
            self.assertGreaterEqual(least_difference(COLORS[:4], seen), 41.0)

    def test_each_colour_stands_out_from_the_light_and_from_the_dark_cards(self):
        for color in COLORS:
            for card in CARDS:
                self.assertGreaterEqual(contrast(color, card), 3.0, (color, card))


class Plotting(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.picture = self.directory / "picture.png"

    def run_script(self, script, *arguments, text="", python=(), **environment):
        kept = {name: value for name, value in os.environ.items() if name != "RELUSCOPE_PLOT_PYTHON"}
        return subprocess.run([sys.executable, "-B", *python, str(SCRIPTS / script), "-o", str(self.picture), *arguments],
                              input=text, text=True, capture_output=True, encoding="utf-8", check=False,
                              env={**kept, **environment})

    def assert_refused(self, done, *parts):
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertFalse(self.picture.exists())

    def test_each_draws_its_input_from_a_pipe_and_from_a_file(self):
        for script, text in INPUTS.items():
            with self.subTest(script):
                trace = self.directory / "input.csv"
                trace.write_text(text, encoding="utf-8")
                for arguments, piped in (((), text), ((str(trace),), "")):
                    done = self.run_script(script, *arguments, text=piped)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertTrue(self.picture.read_bytes().startswith(PNG))
                    self.picture.unlink()

    def test_without_matplotlib_one_message_says_how_to_get_it_and_what_does_without(self):
        (self.directory / "matplotlib.py").write_text("raise ImportError('hidden by the test')\n", encoding="utf-8")
        for script, text in INPUTS.items():
            with self.subTest(script):
                done = self.run_script(script, text=text, PYTHONPATH=str(self.directory))
                self.assert_refused(done, script + ": python3-matplotlib is missing", "hidden by the test",
                                    "apt install python3-matplotlib", "pip install matplotlib",
                                    "without it: ", INSTEAD[script])

    def test_the_system_s_python_is_tried_where_the_one_in_use_has_none(self):
        system = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True, check=False)
        for script, text in INPUTS.items():
            with self.subTest(script):
                done = self.run_script(script, text=text, python=["-S"])
                if system.returncode == 0:
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.picture.unlink()
                else:
                    self.assert_refused(done, "python3-matplotlib is missing")
                self.assert_refused(self.run_script(script, text=text, python=["-S"], RELUSCOPE_PLOT_PYTHON="tried"),
                                    "python3-matplotlib is missing", "No module named")

    def test_a_pipe_with_nothing_in_it_is_one_message(self):
        for script in INPUTS:
            for text in ("", "\n\n", "\ufeff"):
                with self.subTest(script, text=text):
                    self.assert_refused(self.run_script(script, text=text),
                                        script + ": the input is empty: did the program before the pipe fail?")

    def test_input_that_is_none_is_one_message(self):
        for script, text in INPUTS.items():
            head, row = text.splitlines()[:2]
            for wrong in ("nonsense\n", head + "\n", f"{head}\n{row.rsplit(',', 1)[0]},x\n", "\0\xff\n"):
                with self.subTest(script, wrong=wrong):
                    self.assert_refused(self.run_script(script, text=wrong), script + ": ")
            with self.subTest(script, wrong="no file"):
                self.assert_refused(self.run_script(script, str(self.directory / "none.csv")), "cannot read")
                self.assert_refused(self.run_script(script, str(self.directory)), "irectory")
        short = INPUTS["plot_compare.py"].replace(",done,0.25", "")
        self.assert_refused(self.run_script("plot_compare.py", text=short), "expected 6 cells")

    def test_they_work_from_any_directory_and_leave_nothing_beside_them_under_B(self):
        done = subprocess.run([sys.executable, "-B", os.path.relpath(SCRIPTS / "plot_curves.py", self.directory)],
                              input=INPUTS["plot_curves.py"], text=True, capture_output=True, cwd=self.directory,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((self.directory / "curves.png").read_bytes().startswith(PNG))


if __name__ == "__main__":
    unittest.main()
