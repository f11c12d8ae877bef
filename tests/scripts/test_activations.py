#!/usr/bin/env python3
"""Runs every command of docs/activations.md, each once, and holds what the page says by signs and intervals. Figures
differ from CPU to CPU, and with them from seed to seed; what is tested here has held for others too. Times are not tested.

    test_activations.py RELUSCOPE SOURCE_DIR
"""
import csv
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest

RELUSCOPE, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
PAGE = (SOURCE / "docs" / "activations.md").read_text(encoding="utf-8")
POOR = '{"name":"normal","std":0.3}'


def sections():
    """Title and text of each."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def anchor(title):
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def commands():
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return "".join(blocks).replace("\\\n", " ").splitlines()


def table(file):
    with open(file, newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def numbers(rows, column):
    return [float(row[column]) for row in rows if row[column]]


class Comparison:
    """What one command measured, and the traces it kept."""

    def __init__(self, directory, said):
        self.directory = directory
        self.figures = {(one["metric"], one["variant"]): one for one in said["figures"]}
        self.rows = table(directory / "compare.csv")
        self.key = list(self.rows[0])[2]

    def median(self, metric, variant):
        return self.figures[metric, variant]["median"]

    def interval(self, metric, variant):
        """Of the paired differences to the first variant, where it has 95 %."""
        difference = self.figures[metric, variant]["difference"]
        return difference["low"], difference["high"]

    def failed(self, variant):
        return next(one["failed"] for (_, name), one in self.figures.items() if name == variant)

    def of(self, variant):
        """Its rows, a row for each seed."""
        return [row for row in self.rows if row[self.key] == variant]

    def column(self, column, variant):
        return numbers(self.of(variant), column)

    def traces(self, name, variant):
        """Of each seed, the rows of its hidden layers."""
        for row in self.of(variant):
            rows = table(self.directory / row["id"] / f"{name}.csv")
            yield [one for one in rows if one.get("role") != "output"]

    def ends(self, column, variant, layer):
        """Of each seed, at the last census."""
        for rows in self.traces("census", variant):
            yield [float(row[column]) for row in rows if row["layer"] == layer][-1]

    def starts(self, column, variant):
        """Of each seed, by layer, before the first update."""
        for rows in self.traces("layers", variant):
            yield [float(row[column]) for row in rows if row["step"] == "0"]


class Activations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        place = pathlib.Path(cls.scratch.name)
        (place / "bin").mkdir()
        (place / "bin" / "reluscope").symlink_to(RELUSCOPE)
        for name in ("configs", "data"):
            shutil.copytree(SOURCE / name, place / name)
        environment = dict(os.environ, PATH=f"{place / 'bin'}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
        cls.place, cls.compared, cls.printed = place, {}, []
        for command in commands():
            compares = command.startswith("reluscope compare")
            text = command + (" -q --json" if compares else "")
            said = subprocess.run(["bash", "-ec", text], cwd=place, env=environment, capture_output=True, text=True,
                                  check=False)
            if said.returncode != 0:
                raise AssertionError(f"{command} exited with {said.returncode}\n{said.stderr}")
            if compares:
                name = re.search(r"--runs runs/(\S+)", command)[1]
                cls.compared[name] = Comparison(place / "runs" / name, json.loads(said.stdout))
            elif not command.startswith("reluscope run"):
                cls.printed.append(list(csv.DictReader(said.stdout.splitlines())))

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    # The page itself

    def test_the_page_has_a_section_for_each_claim_of_its_table(self):
        listed = re.findall(r"^\| \[[^\]]+\]\(#([^)]+)\)", PAGE[:PAGE.index("\n## ")], re.MULTILINE)
        self.assertGreaterEqual(len(listed), 12)
        self.assertEqual(listed, [anchor(title) for title in sections()][:len(listed)])
        self.assertIn("When to use which", sections())

    def test_every_claim_has_a_source_a_command_and_a_verdict(self):
        for title, text in list(sections().items())[:-1]:
            with self.subTest(title):
                self.assertRegex(text, r"(?m)^\*\*Said:\*\* ")
                self.assertRegex(text, r"\*\*(Holds|Holds in part|Does not hold here)\.\*\*")
                self.assertRegex(text, r"```sh\n|\(#[a-z0-9-]+\)|the first comparison")

    def test_links_lead_somewhere_pictures_are_small_and_lines_short(self):
        anchors = {anchor(title) for title in sections()}
        for link in re.findall(r"\]\(([^)\s]+)\)", PAGE):
            file, _, at = link.partition("#")
            if not file:
                self.assertIn(at, anchors)
            elif "://" not in file:
                self.assertTrue((SOURCE / "docs" / file).exists(), link)
        for picture in re.findall(r"!\[[^\]]{40,}\]\((img/[^)]+)\)", PAGE):
            self.assertLess((SOURCE / "docs" / picture).stat().st_size, 120_000, picture)
        self.assertEqual(PAGE.count("!["), len(re.findall(r"!\[[^\]]{40,}\]\(img/", PAGE)))
        prose = re.sub(r"^!\[.*$|^\|.*$", "", PAGE, flags=re.MULTILINE)
        self.assertEqual([line for line in prose.splitlines() if len(line) > 125], [])

    def test_every_number_of_runs_is_named(self):
        """Each comparison that the tests below look at is shown, and the other way round."""
        looked_at = set(re.findall(r'compared\["(\w+)"\]', pathlib.Path(__file__).read_text(encoding="utf-8")))
        self.assertEqual(looked_at, set(self.compared))

    # The claims, in the order of the page

    def test_a_negative_input_gives_0_and_no_gradient(self):
        at = {(row["activation"], float(row["z"])): row for row in self.printed[0]}
        self.assertEqual((float(at["relu", -10]["a"]), float(at["relu", -10]["derivative"])), (0, 0))
        self.assertAlmostEqual(float(at["leaky_relu", -10]["derivative"]), 0.01, 6)
        for smooth in ("elu", "sigmoid", "tanh"):
            slope = float(at[smooth, -10]["derivative"])
            self.assertGreater(slope, 0)
            self.assertLess(slope, 1e-4)

    def test_dead_units_of_the_first_layer_are_locked_and_some_of_the_second_revive(self):
        runs = self.compared["dying"]
        self.assertGreater(runs.median("dead", "relu"), 0.6)
        for other in ("leaky_relu", "prelu", "elu"):
            self.assertEqual(max(runs.column("deaths", other)), 0)
        self.assertLess(runs.interval("dead", "leaky_relu")[1], -0.5)
        dead, locked = list(runs.ends("dead", "relu", "1")), list(runs.ends("locked", "relu", "1"))
        self.assertGreaterEqual(sum(locked), 0.98 * sum(dead))
        self.assertGreater(min(dead), 30)
        above = sum(runs.ends("dead", "relu", "2"))
        self.assertLess(sum(runs.ends("locked", "relu", "2")), 0.2 * above)
        units = [unit for rows in runs.traces("units", "relu") for unit in rows]
        below = [unit for unit in units if unit["layer"] == "1"]  # what is left of Adam's momentum may undo a death
        self.assertLessEqual(sum(int(unit["revivals"]) for unit in below), 0.01 * sum(int(unit["deaths"]) for unit in below))
        revived = [unit for unit in units if unit["layer"] == "2" and int(unit["revivals"]) > 0]
        self.assertGreater(len(revived), 8)
        self.assertGreater(sum(unit["state"] == "dead" for unit in revived), len(revived) / 2)

    def test_what_dies_is_lost_to_the_network(self):
        runs = self.compared["dying"]
        self.assertGreater(runs.interval("accuracy", "prelu")[0], 0)
        self.assertGreater(runs.median("accuracy", "leaky_relu"), runs.median("accuracy", "relu"))
        for layer in ("1", "2"):
            ranks = {name: list(runs.ends("effective_rank", name, layer)) for name in ("relu", "leaky_relu", "prelu")}
            self.assertLess(max(ranks["relu"]), min(ranks["prelu"]))
            relu, leaky, prelu = (statistics.median(ranks[name]) for name in ("relu", "leaky_relu", "prelu"))
            self.assertTrue(relu < leaky < (relu + prelu) / 2, ranks)
        rates = self.compared["rate"]
        self.assertGreater(rates.interval("accuracy", "0.001")[0], 0)
        self.assertLess(rates.interval("dead", "0.001")[1], -0.5)
        self.assertGreater(rates.median("accuracy", "0.001"), 0.95)

    def test_a_poor_initialisation_explodes_with_depth(self):
        theory = self.printed[1]
        foretold = float(theory[0]["chi1"]) ** 0.5
        self.assertAlmostEqual(foretold, 1.697, 2)
        runs = self.compared["exploding"]
        for column, forward in (("z_std", True), ("delta_rms", False)):
            mean, by_layer = {}, {}
            for weights in (POOR, "he_normal"):
                sizes = [rows if forward else rows[::-1] for rows in runs.starts(column, weights)]
                growth = [[after / before for before, after in zip(rows, rows[1:])] for rows in sizes]
                mean[weights] = [statistics.geometric_mean(one) for one in growth]
                by_layer[weights] = [statistics.median(layer) for layer in zip(*growth)]
            self.assertGreater(min(by_layer[POOR]), 1.1)
            self.assertTrue(all(0.85 < one / foretold < 1.15 for one in mean[POOR]), mean)
            self.assertTrue(all(0.7 < one < 1.4 for one in by_layer["he_normal"]), by_layer)
            self.assertTrue(all(0.85 < one < 1.15 for one in mean["he_normal"]), mean)
        self.assertGreater(min(runs.column("grad_decay_start", POOR)), 30)

    def test_the_noise_of_the_gradient_grows_with_it_and_not_faster(self):
        runs = self.compared["exploding"]
        of = {}
        for weights in (POOR, "he_normal"):
            steps = list(runs.traces("steps", weights))
            of[weights] = [(statistics.mean(numbers(one, "grad_trace")), statistics.mean(numbers(one, "grad_signal")))
                           for one in steps]
        for (trace, signal), (usual_trace, usual_signal) in zip(of[POOR], of["he_normal"]):
            self.assertGreater(trace / usual_trace, 1000)
            self.assertTrue(0.1 < (trace / signal) / (usual_trace / usual_signal) < 10)

    def test_bounded_activations_stay_finite_and_tanh_does_not_vanish(self):
        runs = self.compared["poor"]
        for unbounded in ("relu", "leaky_relu"):
            self.assertEqual(runs.failed(unbounded), len(runs.of(unbounded)))
            self.assertGreater(min(runs.column("first_loss", unbounded)), 100)
        for bounded in ("tanh", "sigmoid"):
            self.assertEqual(runs.failed(bounded), 0)
            self.assertLess(max(runs.column("first_loss", bounded)), 10)
            for rows in runs.traces("census", bounded):  # hardly a unit is saturated on every sample
                start = [row for row in rows if row["step"] == "0"]
                self.assertLess(sum(int(row["saturated"]) for row in start), 0.05 * sum(int(row["units"]) for row in start))
        self.assertGreater(min(runs.column("grad_decay_start", "tanh")), 1)
        self.assertLess(max(runs.column("grad_decay_start", "sigmoid")), 1e-3)
        self.assertGreater(min(numbers(self.printed[2][:11], "chi1")), 1)
        self.assertGreater(runs.median("accuracy", "tanh"), 0.25)
        self.assertLess(runs.median("accuracy", "sigmoid"), 0.2)

    def test_a_leak_keeps_units_alive_and_a_larger_one_is_right_more_often(self):
        runs = self.compared["slopes"]
        self.assertEqual({row["deaths"] for row in runs.rows}, {"0"})
        for slope in ("0.1", "0.3"):
            self.assertGreater(runs.median("accuracy", slope), runs.median("accuracy", "0.01"))
            self.assertGreater(runs.interval("loss", slope)[0], 0)
        low, high = self.compared["healthy"].interval("accuracy", "leaky_relu")
        self.assertTrue(-0.02 < low <= high < 0.02)
        self.assertGreater(self.compared["deep"].median("dead", "relu"), 0)
        self.assertEqual(self.compared["deep"].median("dead", "leaky_relu"), 0)

    def test_slopes_stay_near_their_start_and_scatter_about_0_in_a_sick_network(self):
        for name, low, high in (("healthy", 0.2, 0.35), ("dying", -0.15, 0.2)):
            units = [unit for rows in self.compared[name].traces("units", "prelu") for unit in rows]
            means = []
            for layer in ("1", "2"):
                slopes = numbers([unit for unit in units if unit["layer"] == layer], "slope")
                means.append(statistics.mean(slopes))
                self.assertTrue(low < means[-1] < high, means)
                self.assertTrue(min(slopes) < 0.1 and max(slopes) > 0.4)
                negative = sum(slope < 0 for slope in slopes) / len(slopes)
                self.assertTrue(negative < 0.1 if name == "healthy" else 0.3 < negative < 0.7, negative)
            self.assertLess(abs(means[1] - means[0]), 0.1)
        units = [unit for rows in self.compared["auto"].traces("units", "prelu") for unit in rows]
        for layer in {unit["layer"] for unit in units}:
            mean = statistics.mean(numbers([unit for unit in units if unit["layer"] == layer], "slope"))
            self.assertTrue(0.2 < mean < 0.35, mean)
        self.assertGreater(self.compared["dying"].interval("loss", "prelu")[0], 10)
        low, high = self.compared["healthy"].interval("accuracy", "prelu")
        self.assertTrue(-0.02 < low <= high < 0.02)

    def test_elu_shifts_less(self):
        for name in ("healthy", "sparse"):
            runs = self.compared[name]
            for column in ("bias_shift", "bias_shift_abs"):
                for one, other in zip(runs.column(column, "elu"), runs.column(column, "relu")):
                    self.assertLess(abs(one), abs(other))
        deep = self.compared["deep"]
        for one, other in zip(deep.column("bias_shift", "elu"), deep.column("bias_shift", "relu")):
            self.assertLess(abs(one), abs(other))
        # Single units of the autoencoder are further from 0; those of the dying ReLU network are at 0 because they are dead.
        auto = self.compared["auto"]
        self.assertGreater(auto.interval("bias_shift_abs", "elu")[0], 0)
        self.assertLess(abs(self.compared["dying"].median("bias_shift", "relu")), 0.05)
        self.assertLess(self.compared["dying"].median("bias_shift", "elu"), -0.9)

    def test_elu_is_faster_where_it_is_deep(self):
        deep = self.compared["deep"]
        self.assertLess(deep.interval("steps_to_loss", "elu")[1], 0)
        self.assertGreater(deep.interval("accuracy", "elu")[0], 0)
        self.assertLess(self.compared["auto"].median("steps_to_loss", "elu"),
                        self.compared["auto"].median("steps_to_loss", "relu"))
        healthy = self.compared["healthy"]
        ends = [one - other for one, other in zip(healthy.column("train_loss", "elu"), healthy.column("train_loss", "relu"))]
        self.assertGreater(statistics.median(ends), 0)
        second = {name: statistics.median(float(rows[2]["train_loss"]) for rows in healthy.traces("evaluation", name))
                  for name in ("relu", "elu")}
        self.assertLess(second["elu"], second["relu"])

    def test_elu_is_smooth_and_saturates(self):
        at = {(row["activation"], float(row["z"])): float(row["derivative"]) for row in self.printed[3]}
        self.assertEqual((at["relu", -0.01], at["relu", 0.01]), (0, 1))
        self.assertLess(abs(at["elu", 0.01] - at["elu", -0.01]), 0.02)
        self.assertAlmostEqual(at["leaky_relu", 0.01] - at["leaky_relu", -0.01], 0.99, 6)
        dying = self.compared["dying"]
        self.assertGreater(min(dying.ends("saturated", "elu", "1")), 12)
        self.assertEqual(max(dying.ends("saturated", "prelu", "1")), 0)
        self.assertLess(dying.median("accuracy", "elu"), dying.median("accuracy", "prelu"))

    def test_gradients_of_sigmoids_vanish_with_depth(self):
        runs = self.compared["sigmoid"]
        self.assertLess(max(runs.column("grad_decay_start", "sigmoid")), 1e-3)
        self.assertGreater(min(runs.column("grad_decay_start", "tanh")), 0.05)
        self.assertLess(runs.median("accuracy", "sigmoid"), 0.2)
        self.assertGreater(runs.median("accuracy", "tanh"), 0.8)
        self.assertGreater(self.compared["deep"].median("grad_decay_start", "relu"), 0.2)

    def test_zeros_are_relus_alone_and_buy_no_accuracy(self):
        healthy, sparse = self.compared["healthy"], self.compared["sparse"]
        self.assertTrue(0.45 < healthy.median("zero_fraction", "relu") < 0.8)
        for other in ("leaky_relu", "prelu", "elu"):
            self.assertLess(healthy.median("zero_fraction", other), 0.01)
        self.assertGreater(sparse.median("zero_fraction", "relu"), 0.2)
        self.assertGreater(sparse.interval("accuracy", "elu")[0], 0)

    def test_the_table_of_recommendations(self):
        healthy = self.compared["healthy"]
        for other in ("leaky_relu", "prelu", "elu"):
            low, high = healthy.interval("accuracy", other)
            self.assertTrue(-0.03 < low <= high < 0.03)
        self.assertLess(healthy.median("dead", "relu"), 0.06)
        auto = self.compared["auto"]
        self.assertLess(auto.interval("loss", "prelu")[1], 0)
        self.assertLess(auto.median("steps_to_loss", "prelu"), auto.median("steps_to_loss", "relu"))
        self.assertGreater(auto.median("dead", "relu"), 0.1)
        regression = self.compared["regression"]
        self.assertGreater(regression.failed("leaky_relu"), regression.failed("relu"))
        self.assertGreater(regression.median("dead", "relu"), 0.3)
        slower = json.loads((self.place / "runs" / "slower" / "summary.json").read_text(encoding="utf-8"))
        self.assertLess(slower["test"]["loss"], 0.2 * regression.median("loss", "relu"))
        self.assertLess(self.compared["bounded"].interval("loss", "sigmoid")[1], 0)
        low, high = self.compared["deep"].interval("accuracy", "leaky_relu")
        self.assertLess(low, 0.03)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
