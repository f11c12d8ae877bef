#!/usr/bin/env python3
"""A network that `run` trains and the same one that PyTorch trains and scripts/reluscope_capture.py watches: the same
weights at the start, the same batches. Their tables agree within rounding, unit by unit at every census, and `diagnose`
finds the same in both.

    test_run_and_capture.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import csv
import gzip
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from beside_torch import PROGRAM, SOURCE  # skips where there is no PyTorch
import torch
from torch_files import write_safetensors

import reluscope_network
from reluscope_capture import Capture

DIGITS = SOURCE / "data/digits/digits.csv.gz"
SAMPLES, CENSUS = 192, 5  # as many as the effective rank is taken of in a capture
PIXELS = (1, 8, 8)
# Without a bias before a norm: its gradient is rounding alone, which Adam makes as large as any.
NORM = {"norm": "batch_norm", "init": {"bias": False}}


def conv(channels, **more):
    return {"type": "conv2d", "channels": channels, "kernel": 3, "padding": 1, "activation": "relu", **more}


def dense(*widths, **more):
    return [*({"units": width, "activation": "relu", **more} for width in widths), {"units": 10}]


BLOCK = {"type": "residual", "activation": "relu",
         "layers": [conv(6, **NORM), {**conv(6, **NORM), "activation": "identity"}]}
PROJECTED = {"type": "residual", "activation": "relu",
             "layers": [conv(8, stride=2), {**conv(8), "activation": "identity"}],
             "shortcut": [{"type": "conv2d", "channels": 8, "kernel": 1, "stride": 2}]}
SGD, ADAM = {"name": "sgd"}, {"name": "adam"}
MAKE = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
LOSSES = {"cross_entropy": "cross_entropy", "mse": "mse_loss"}


class Experiment:
    def __init__(self, layers, optimizer, batch=50, steps=20, loss="cross_entropy", **train):
        self.layers, self.optimizer, self.batch, self.steps = layers, optimizer, batch, steps  # of 192 the last batch has 42
        self.loss, self.train = loss, train
        self.shape = PIXELS if layers[0].get("type") == "conv2d" else (64,)


EXPERIMENTS = {
    "a rate that kills, on the whole set": Experiment(dense(48, 32), {**SGD, "lr": 1.0, "momentum": 0.5}, batch=SAMPLES),
    "a rate that kills, in batches": Experiment(dense(48, 32), {**SGD, "lr": 2.0}, steps=30),
    "batch norm": Experiment(dense(32, 24, **NORM), {**ADAM, "lr": 0.2}, steps=30),
    "pooling": Experiment([conv(8), {"type": "max_pool", "kernel": 2}, conv(12), {"type": "max_pool", "kernel": 2},
                           {"units": 10}], {**ADAM, "lr": 0.1}),
    "residual blocks": Experiment([conv(6, **NORM), BLOCK, PROJECTED, {"type": "global_avg_pool"}, {"units": 10}],
                                  {**SGD, "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "other activations": Experiment([{**conv(6), "activation": "prelu"}, {"type": "layer_norm"},
                                     {**conv(6, stride=2), "activation": "hardswish"},
                                     {"units": 16, "activation": "prelu"}, {"units": 16, "activation": "tanh"},
                                     {"units": 16, "activation": "relu6"}, {"units": 10}], {**ADAM, "lr": 0.05}),
    "autoencoder": Experiment([*dense(24, 12)[:2], {"units": 64}], {**ADAM, "lr": 0.05}, loss="mse"),
    "clipped": Experiment(dense(24, 16), {"name": "rmsprop", "lr": 0.02}, clip_norm=0.5),
}
EXACT = set("epoch activation role from_file positions units samples state mortal inherited born_dead first_dead_step "
            "last_change_step deaths revivals dead saturated dormant died revived batch_dead fan_in".split())
SHARES = set("zero_fraction grad_zero_fraction activation_rate sample_rate cover dead_fraction batch_dead_fraction "
             "train_accuracy".split())
COLUMNS = {
    "steps": "epoch loss lr grad_norm param_norm update_ratio batch_dead_fraction",
    "layers": "epoch activation units batch_dead batch_dead_fraction zero_fraction z_mean z_std a_mean a_rms a_max "
              "grad_norm_w grad_norm_b grad_max delta_rms weight_norm update_ratio z_max grad_mean grad_zero_fraction role "
              "from_file positions slope_mean",
    "census": "epoch units dead dead_fraction saturated dormant born_dead died revived effective_rank role inherited samples "
              "positions",
    "units": "state born_dead first_dead_step last_change_step deaths revivals margin activation_rate role inherited a_mean "
             "slope",
    "sites": "role activation mortal units positions fan_in",
    "features": "mean std min max",
    "evaluation": "train_loss train_accuracy",
}
KEYS = {"steps": ["step"], "layers": ["step", "layer"], "census": ["step", "layer"], "units": ["layer", "unit"],
        "sites": ["layer"], "features": ["feature"], "evaluation": ["step"]}
# How far a number may be off, relative to its size and at all, and what is within rounding of the edge of being dead.
ROUNDING = {"float64": (1e-6, 1e-9, 1e-9), "float32": (2e-3, 1e-5, 1e-4)}


def digits(shape, kind):
    """As a run scales them: one mean and deviation for all."""
    with gzip.open(DIGITS, "rt") as file:
        rows = torch.tensor([[float(cell) for cell in line.split(",")] for line, _ in zip(file, range(SAMPLES))],
                            dtype=torch.float64)
    x = rows[:, :64]
    return ((x - x.mean()) / x.std(unbiased=False)).reshape(-1, *shape).to(kind), rows[:, 64].long()


class RunAndCapture(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="run-and-capture-"))
        self.addCleanup(shutil.rmtree, self.root)

    def run_it(self, experiment, precision, network):
        write_safetensors(self.place / "w.safetensors", network.state_dict())
        config = {"name": "run", "precision": precision,
                  "data": {"kind": "csv", "file": str(DIGITS), "normalize": "standard", "test_fraction": 0.0,
                           "limit": SAMPLES, "shape": list(PIXELS) if experiment.shape == PIXELS else None},
                  "network": {"layers": experiment.layers, "init_from": "w.safetensors"}, "loss": experiment.loss,
                  "train": {"steps": experiment.steps, "batch_size": experiment.batch, "shuffle": False,
                            "optimizer": experiment.optimizer, **experiment.train},
                  "record": {"every": 1, "census": CENSUS, "probe": "all", "probe_every": CENSUS, "evaluate": CENSUS}}
        if experiment.loss == "mse":
            config["data"].update(target="input", drop=64)
        (self.place / "c.json").write_text(json.dumps(config))
        done = subprocess.run([PROGRAM, "run", "c.json", "-q", "--out", "run"], cwd=self.place, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def capture_it(self, experiment, precision, network):
        """Returns, for each census, {layer: its dead units} and {(layer, unit): margin}."""
        x, y = digits(experiment.shape, getattr(torch, precision))
        loss_of = getattr(torch.nn.functional, LOSSES[experiment.loss])
        y = x if experiment.loss == "mse" else y
        loader = list(zip(x.split(experiment.batch), y.split(experiment.batch)))
        settings = {key: value for key, value in experiment.optimizer.items() if key != "name"}
        optimizer = MAKE[experiment.optimizer["name"]](network.parameters(), **settings)
        dead, margins = {}, {}
        capture = Capture(network, self.place / "capture", every=1, criterion=experiment.loss, from_file=True)

        def census():
            names = capture.census(loader)
            dead[capture.steps] = {capture.sites[name]["layer"]: set(units) for name, units in names.items()}
            margins[capture.steps] = {(int(row["layer"]), int(row["unit"])): float(row["margin"])
                                      for row in self.table("capture", "units") if row["margin"]}
        with capture:
            capture.epoch = 0
            census()
            while capture.steps < experiment.steps:
                inputs, targets = loader[capture.steps % len(loader)]
                optimizer.zero_grad()
                loss = loss_of(network(inputs), targets)
                loss.backward()
                capture.measure(loss, optimizer)
                if "clip_norm" in experiment.train:
                    torch.nn.utils.clip_grad_norm_(network.parameters(), experiment.train["clip_norm"])
                optimizer.step()
                capture.updated()
                capture.epoch = capture.steps // len(loader)
                if capture.steps % CENSUS == 0:
                    census()
        return dead, margins

    def table(self, directory, name):
        with open(self.place / directory / f"{name}.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def same_sites(self):
        """What computes a site, and which sites it reads: PyTorch's layers have other names."""
        run, capture = ({row["name"]: row for row in self.table(directory, "sites")} for directory in ("run", "capture"))
        for one, other in zip(run.values(), capture.values()):
            self.assertEqual({"residual": "sum"}.get(one["kind"], one["kind"]), other["kind"])
            reads = [{sites[name]["layer"] if name in sites else name for name in row["inputs"].split()}
                     for sites, row in ((run, one), (capture, other))]
            self.assertEqual(reads[0], reads[1], other["name"])

    def dead_in_run(self, steps):
        """{step: {layer: units}} from births, deaths and revivals, at the censuses."""
        lines = (self.place / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        now, result = {}, {}
        for step in steps:
            for event in events:
                if event["step"] == step and event["event"] in ("born_dead", "inherited", "died", "revived"):
                    units = now.setdefault(event["layer"], set())
                    (units.discard if event["event"] == "revived" else units.add)(event["unit"])
            result[step] = {layer: set(units) for layer, units in now.items()}
        return result

    def agree(self, table, precision, unsure, left_out=()):
        relative, absolute, _ = ROUNDING[precision]
        rows = []
        for directory in ("run", "capture"):
            found = {tuple(row[key] for key in KEYS[table]): row for row in self.table(directory, table)}
            rows.append(found)
        self.assertEqual(set(rows[0]), set(rows[1]), table)
        self.assertTrue(rows[0], table)
        for key, one in rows[0].items():
            for column in COLUMNS[table].split():
                left, right = one.get(column, ""), rows[1][key].get(column, "")
                where = f"{table} {dict(zip(KEYS[table], key))} {column}: {left} in the run, {right} in the capture"
                if left == right or column in left_out or unsure and column in EXACT | SHARES:
                    continue
                self.assertNotIn("", (left, right), where)
                self.assertNotIn(column, EXACT, where)
                left, right = float(left), float(right)
                if math.isnan(left) and math.isnan(right):
                    continue
                # In float32 a value next to 0 may be on either side of it.
                limit = 2e-3 if column in SHARES and precision == "float32" else absolute
                self.assertLessEqual(abs(left - right), limit + relative * max(abs(left), abs(right)), where)

    def findings(self, directory):
        """What `diagnose` says, and the rules that it could not apply."""
        done = subprocess.run([PROGRAM, "diagnose", directory, "--json"], cwd=self.place, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        return report["findings"], {one["rule"] for one in report["skipped"]}

    def same_findings(self):
        (run, no_run), (capture, no_capture) = self.findings("run"), self.findings("capture")
        self.assertEqual(no_capture, {"noisy-gradient", "row-number", "sparse-is-fine"})
        both = [[one for one in findings if one["rule"] not in no_run | no_capture] for findings in (run, capture)]

        def what(findings):
            return sorted((one["rule"], one["severity"], one["layer"] or 0) for one in findings)
        self.assertEqual(what(both[0]), what(both[1]))
        for one in both[0]:
            other = next(two for two in both[1] if (two["rule"], two["layer"]) == (one["rule"], one["layer"]))
            # A run dates deaths, a capture says at which census they were seen.
            self.assertLessEqual(one["step"] or 0, other["step"] or 0, one["rule"])
            self.assertLess(other["step"] or 0, (one["step"] or 0) + CENSUS, one["rule"])
            if one["rule"] != "dying-units":
                self.assertEqual(one["step"], other["step"], one["rule"])
        return {one["rule"] for one in both[0]}

    def compare(self, name, precision):
        self.place = self.root / name.replace(" ", "-")
        self.place.mkdir()
        experiment = EXPERIMENTS[name]
        torch.manual_seed(4)
        network = reluscope_network.build(experiment.layers, experiment.shape).to(getattr(torch, precision))
        self.run_it(experiment, precision, network)
        dead, margins = self.capture_it(experiment, precision, network)
        in_run = self.dead_in_run(sorted(dead))
        unsure = set()
        for step, layers in dead.items():
            for layer, units in layers.items():
                for unit in units ^ in_run[step].get(layer, set()):
                    self.assertLessEqual(abs(margins[step][layer, unit]), ROUNDING[precision][2],
                                         f"step {step}, layer {layer}, unit {unit}")
                    unsure.add((layer, unit))
        compared = set()
        for row in self.table("run", "units"):  # what a run says exactly is within what a capture says
            past = next(one for one in self.table("capture", "units")
                        if (one["layer"], one["unit"]) == (row["layer"], row["unit"]))
            if row["died_by"] and (int(row["layer"]), int(row["unit"])) not in unsure:
                self.assertLessEqual(int(past["died_after"]), int(row["died_after"]))
                self.assertGreaterEqual(int(past["died_by"]), int(row["died_by"]))
            for column in ("sample_rate", "cover"):  # a run has them where a unit has positions
                if row[column]:
                    self.assertAlmostEqual(float(past[column]), float(row[column]), msg=column,
                                           delta=1e-9 if precision == "float64" and not unsure else 0.02)
                    compared.add(column)
        self.assertEqual(compared, {"sample_rate", "cover"} if experiment.shape == PIXELS else set())
        for table in COLUMNS:
            if table != "features" or experiment.shape != PIXELS:  # of pictures a capture has channels, not pixels
                # A gradient that a norm makes cancel is rounding: it may come out as 0, or next to it.
                self.agree(table, precision, unsure, {"grad_zero_fraction"} if "norm" in str(experiment.layers) else ())
        self.same_sites()
        died = sum(len(units) for units in dead[experiment.steps].values())
        return died, set() if unsure else self.same_findings()

    def test_in_float64(self):
        rules, died = set(), {}
        for name in EXPERIMENTS:
            with self.subTest(name):
                died[name], found = self.compare(name, "float64")
                rules |= found
        # It is not that nothing happened.
        self.assertGreater(died["a rate that kills, in batches"], 40)
        self.assertGreaterEqual(sum(count > 0 for count in died.values()), 5)
        self.assertLessEqual({"dying-units", "collapsed-network", "update-ratio", "loss-not-decreasing",
                              "no-better-than-constant"}, rules)

    def test_in_float32(self):
        for name in ("a rate that kills, on the whole set", "pooling", "residual blocks"):
            with self.subTest(name):
                self.compare(name, "float32")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
