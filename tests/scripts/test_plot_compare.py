#!/usr/bin/env python3
"""Tests of scripts/plot_compare.py: names, baselines and intervals; what is written in pictures of comparisons, sweeps and
random sweeps, whose SVGs keep their text; their sizes; and errors of one line."""

import contextlib
import html
import io
import itertools
import pathlib
import random
import re
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import plot_compare  # noqa: E402

HIGHEST = 1600  # pixels
FIGURES = "train_loss,train_accuracy,test_loss,test_accuracy,dead_fraction,grad_norm_growth,steps_to_loss"
RATES = ("0.5", "0.1", "0.02", "0.004", "0.0008")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "tanh", "prelu")


def results(keys, settings, seeds, fails=lambda values, seed: False, accuracy=True, seeds_first=True):
    """A file: of a sweep, or with `seeds_first` of a comparison. Accuracies fall by a point a setting and rise by a tenth
    a seed."""
    lines = [f"job,id,{','.join(keys)},seed,status,failure,steps,{FIGURES}"]
    order = itertools.product(range(seeds), enumerate(settings))
    if not seeds_first:
        order = ((seed, setting) for setting in enumerate(settings) for seed in range(seeds))
    for job, (seed, (place, values)) in enumerate(order):
        shown = 0.95 - 0.01 * place + 0.001 * seed if accuracy else ""
        loss = 0.1 * (place + 1) + 0.01 * seed
        figures = f"{loss},{shown},{loss},{shown},{min(1.0, 0.02 * place)},{1 + place},{100 + place}"
        failed = fails(values, seed)
        cells = ",".join('"' + value.replace('"', '""') + '"' for value in values)
        lines.append(f"{job},h{job},{cells},{seed + 7},{'failed,step 3: it broke' if failed else 'done,'},10,"
                     f"{',' * 6 if failed else figures}")
    return "\n".join(lines) + "\n"


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def run_main(self, text, *arguments, output="x.svg"):
        """Exit code and messages; in this process, which has matplotlib already."""
        (self.directory / "input.csv").write_text(text, encoding="utf-8")
        before, errors = sys.argv, io.StringIO()
        sys.argv = ["plot_compare.py", str(self.directory / "input.csv"), "-o", str(self.directory / output), *arguments]
        try:
            with contextlib.redirect_stderr(errors):
                plot_compare.main()
            code = 0
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = before
        return code, errors.getvalue()

    def words(self, text, *arguments):
        """The texts of the picture, and all of them as one line. The picture's height, in dots, is looked at as well."""
        self.assertEqual(self.run_main(text, *arguments), (0, ""))
        svg = (self.directory / "x.svg").read_text(encoding="utf-8")
        height = float(re.search(r'height="([\d.]+)pt"', svg)[1]) / 72 * plot_compare.DPI
        self.assertLessEqual(height, HIGHEST)
        found = [html.unescape(part) for part in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
        return found, " ".join(" ".join(found).split())


class Pictures(Case):
    def test_a_comparison_says_what_it_is_held_against_and_how_sure_that_is(self):
        text = results(["network.layers.*.activation"], [(name,) for name in ACTIVATIONS[:4]], 5,
                       lambda values, seed: values[0] == "tanh" or (values[0], seed) in (("elu", 1), ("elu", 3)))
        texts, line = self.words(text)
        self.assertIn("Baseline: activation=relu.", line)
        self.assertIn("95 % bootstrap interval of the median of the paired differences, n = 5 seeds", line)
        for name in ACTIVATIONS[:4]:  # one whose runs have all failed as well
            self.assertIn(name, texts)
        self.assertEqual((texts.count("2 of 5 failed"), texts.count("5 of 5 failed")), (4, 4))
        self.assertIn("✕: runs that failed", line)
        for axis in ("test accuracy, %  (better →)", "test loss  (← better)", "dead units, %  (← better)"):
            self.assertEqual(texts.count(axis), 2, axis)
        self.assertIn("difference to relu", texts)
        first = (self.directory / "x.svg").read_bytes()
        texts, line = self.words(text, "--baseline", "elu", "--by", "steps_to_loss")
        self.assertIn("Baseline: activation=elu.", line)
        self.assertIn("difference to elu", texts)
        self.assertIn("steps to loss  (← better)", texts)
        self.words(text)
        self.assertEqual((self.directory / "x.svg").read_bytes(), first, "the same file, other bytes")

    def test_a_sweep_of_two_things_is_heat_maps_and_lines(self):
        settings = list(itertools.product(ACTIVATIONS, RATES, ["5"]))
        text = results(["network.layers.*.activation", "train.optimizer.lr", "train.epochs"], settings, 3,
                       lambda values, seed: values[1] == "0.5" and (values[0] == "elu" or values[0] == "tanh" and seed == 2),
                       seeds_first=False)
        texts, line = self.words(text)
        self.assertIn("Baseline: activation=relu, lr=0.5.", line)  # the best; what does not vary has no name
        self.assertIn("test accuracy, % (higher is better)", texts)
        self.assertIn("dead units, % (lower is better)", texts)
        self.assertIn("n = 3 seeds, has 0 in it", line)
        self.assertEqual((texts.count("1 of 3 failed"), texts.count("3 of 3 failed")), (2, 2))
        for shown in ("95.1", "−1.0", "94.1", "2.0"):  # medians, differences to the baseline, the dead
            self.assertIn(shown, texts)
        rates = [text for text in texts if text in RATES]
        self.assertEqual(rates[:5], sorted(RATES, key=float))
        _, line = self.words(text, "--baseline", "elu, train.optimizer.lr=0.1", "--by", "dead")
        self.assertIn("Baseline: activation=elu, lr=0.1.", line)
        self.assertIn("dead units, % (lower is better)", line)
        self.assertIn("test accuracy, % (higher is better)", line)
        code, message = self.run_main(text, output="x.png")
        self.assertEqual((code, message), (0, ""))
        width, height = struct.unpack(">II", (self.directory / "x.png").read_bytes()[16:24])
        self.assertTrue(800 < width < 2000 and 600 < height <= HIGHEST, (width, height))

    def test_of_many_settings_the_best_are_drawn_and_the_others_counted(self):
        draw = random.Random(1)
        settings = [(draw.choice(ACTIVATIONS), str(draw.uniform(0.001, 1.0)), draw.choice(("16", "32")))
                    for _ in range(60)]
        _, line = self.words(results(["a.activation.name", "train.lr", "train.batch_size"], settings, 1))
        self.assertIn("The best 20 of 60 settings by test accuracy, % (higher is better, a run that failed is the worst); "
                      "40 are left out.", line)
        self.assertIn(f"activation={settings[0][0]}, lr={float(settings[0][1]):.4g}, batch_size={settings[0][2]}", line)
        self.assertIn("n = 1 seed: too few for an interval", line)
        self.assertEqual(line.count("activation="), 21)  # the baseline is in the caption as well

    def test_one_thing_that_is_a_number_goes_to_the_right(self):
        text = results(["train.optimizer.lr"], [(rate,) for rate in RATES], 3, lambda values, seed: values[0] == "0.5",
                       accuracy=False)
        texts, line = self.words(text, "--baseline", "lr=0.02")
        self.assertIn("Baseline: lr=0.02.", line)
        self.assertIn("test loss  (better ↓)", texts)
        self.assertNotIn("accuracy", line)
        self.assertIn("3 of 3 failed", line)

    def test_large_files_do_not_grow_the_picture(self):
        many = [f"a{number}" for number in range(14)]
        rates = [f"{0.001 * 1.4 ** number:.6g}" for number in range(20)]
        texts, line = self.words(results(["activation", "lr"], list(itertools.product(many, rates)), 3,
                                         lambda values, seed: seed == 2 and values[1] == rates[-1], seeds_first=False))
        self.assertIn("✕ 1/3", texts)
        self.assertIn("n = 3 seeds", line)
        _, line = self.words(results(["activation"], [(f"a{number}",) for number in range(40)], 2))
        self.assertIn("20 are left out", line)


class Parts(Case):
    def test_keys_are_named_by_as_few_words_as_tell_them_apart(self):
        for keys, names in ((["network.layers.*.activation", "train.optimizer.lr"], ["activation", "lr"]),
                            (["network.layers.0.activation.name", "loss.kind"], ["activation", "loss"]),
                            (["network.layers.0.units", "network.layers.1.units"], ["layers_0_units", "layers_1_units"]),
                            (["a.lr", "b.lr", "lr"], ["a_lr", "b_lr", "lr"]), (["a.*", "a"], ["a.*", "a"])):
            self.assertEqual(plot_compare.short_names(keys), names)

    def test_numbers_are_in_order_and_words_as_they_come(self):
        self.assertEqual(plot_compare.Factor("k", "k", ["10", "9", "1e-3", "", "9"]).values, ["", "1e-3", "9", "10"])
        self.assertEqual(plot_compare.Factor("k", "k", ["relu", "elu", "10", "relu"]).values, ["relu", "elu", "10"])
        drawn = plot_compare.Factor("k", "k", ["0.1234567", "0.12340001", "0.5"])
        self.assertEqual(list(drawn.shown.values()), ["0.1234", "0.1235", "0.5"])

    def test_the_interval_is_that_of_resampled_medians(self):
        self.assertIsNone(plot_compare.interval([1.0, 2.0]))
        self.assertEqual(plot_compare.interval([3.0, 1.0, 2.0]), (1.0, 3.0))
        # Of nine values, the bounds are the second and the eighth: P(median ≤ x₁) = 0.0014, P(median ≤ x₂) = 0.030.
        self.assertEqual(plot_compare.interval([float(value) for value in range(9)]), (1.0, 7.0))

    def test_a_wrong_baseline_is_one_line_that_says_what_there_is(self):
        text = results(["network.activation", "train.lr"], [("relu", "0.1"), ("elu", "0.1"), ("elu", "0.2")], 2)
        for arguments, parts in (
                (("--baseline", "tanh"), ("there is no such setting", "activation=relu, lr=0.1; activation=elu, lr=0.1")),
                (("--baseline", "activation=elu"), ("expected one setting, found 2", "activation=elu, lr=0.2")),
                (("--baseline", "relu, lr=0.2"), ("there is no such setting",)), (("--baseline", ","), ("no such",))):
            code, message = self.run_main(text, *arguments)
            self.assertEqual((code, message.count("\n")), (2, 1), message)
            for part in parts:
                self.assertIn(part, message)
        self.assertFalse((self.directory / "x.svg").exists())

    def test_values_are_named_in_the_ways_people_write_them(self):
        factors, settings = plot_compare.find_settings(
            [{"network.activation": name, "train.lr": rate, "seed": "1", "status": "done"} for name, rate in
             itertools.product(("relu", '{"name": "elu", "alpha": 2}'), ("0.10", "0.2"))], ["network.activation", "train.lr"])
        for text, place in (("relu, 0.1", 0), ("activation=relu,train.lr=1e-1", 0), ("lr=0.2, relu", 1),
                            ('{"name": "elu", "alpha": 2}, 0.2', 3), (settings[2].name, 2)):
            self.assertIs(plot_compare.named_baseline(text, factors, settings), settings[place], text)

    def test_other_errors_are_one_line(self):
        keys, settings = ["activation"], [("relu",), ("elu",)]
        failed = results(keys, settings, 2, lambda values, seed: True)
        for text, arguments, part in (
                (failed, (), "no run was done; of the first one is said: step 3: it broke"),
                (results(keys, settings, 2, accuracy=False), ("--by", "accuracy"), "it has loss, dead"),
                (results(keys, settings, 2).replace("0.95,", "x,"), (), "expected a number, found 'x'"),
                (failed.replace("seed", "sown"), (), "expected the columns id, seed and status")):
            code, message = self.run_main(text, *arguments)
            self.assertEqual((code, message.count("\n")), (2, 1), message)
            self.assertIn(part, message)


if __name__ == "__main__":
    unittest.main()
