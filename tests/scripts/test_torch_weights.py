#!/usr/bin/env python3
"""Weights go to PyTorch and back: the same nn.Sequential, with the weights of a run, has the loss of the run, and a run that
starts from the weights of a PyTorch network has its loss. And every output with every loss, penalties and layers without
biases train as there, step by step.

    test_torch_weights.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import csv
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

from beside_torch import PROGRAM  # skips where there is no PyTorch
import torch
from torch_files import read_safetensors, write_safetensors

FEATURES, CLASSES, SAMPLES = 3, 4, 60
CONFIG = {
    "name": "shared",
    "data": {"kind": "csv", "file": "data.csv", "test_fraction": 0.0},
    "network": {"layers": [{"units": 8, "activation": "relu"}, {"units": 7, "activation": "prelu"},
                           {"type": "dropout", "p": 0.1}, {"units": 6}, {"units": 5, "activation": "leaky_relu"},
                           {"units": CLASSES}]},
    "train": {"epochs": 5, "batch_size": SAMPLES, "optimizer": {"name": "sgd", "lr": 0.1}},
    "record": {"every": 1},
}


def sequential():
    linear = torch.nn.Linear
    return torch.nn.Sequential(linear(FEATURES, 8), torch.nn.ReLU(), linear(8, 7), torch.nn.PReLU(7),
                               torch.nn.Dropout(0.1), linear(7, 6), linear(6, 5), torch.nn.LeakyReLU(0.01),
                               linear(5, CLASSES)).eval()



class Weights(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="reluscope-torch-"))
        self.addCleanup(shutil.rmtree, self.place)
        numbers = random.Random(1)
        rows = [[round(numbers.gauss(0, 1), 3) for _ in range(FEATURES)] + [row % CLASSES] for row in range(SAMPLES)]
        (self.place / "data.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
        self.inputs = torch.tensor([row[:-1] for row in rows])
        self.labels = torch.tensor([row[-1] for row in rows])

    def run_it(self, config, *arguments):
        (self.place / "c.json").write_text(json.dumps(config))
        done = subprocess.run([PROGRAM, "run", "c.json", "-q", "--out", "r", *arguments], cwd=self.place, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.place / "r"

    def loss_of(self, network):
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(network(self.inputs), self.labels).item()

    def test_a_sequential_loads_the_weights_of_a_run(self):
        run = self.run_it(CONFIG, "--save-weights")
        arrays = read_safetensors(run / "weights.safetensors")
        network = sequential()
        network.load_state_dict({name.removeprefix("layers."): array for name, array in arrays.items()}, strict=True)
        loss = json.loads((run / "summary.json").read_text())["train"]["loss"]
        self.assertAlmostEqual(self.loss_of(network), loss, delta=1e-6 * loss)

    def test_a_run_starts_from_the_weights_of_a_sequential(self):
        torch.manual_seed(4)
        network = sequential()
        write_safetensors(self.place / "w.safetensors",
                          {f"layers.{name}": array for name, array in network.state_dict().items()})
        config = {**CONFIG, "network": {**CONFIG["network"], "init_from": "w.safetensors"}}
        config["network"]["layers"] = [layer | {"p": 0.0} if layer.get("type") == "dropout" else layer
                                       for layer in config["network"]["layers"]]
        run = self.run_it(config)
        with open(run / "steps.csv", encoding="utf-8", newline="") as file:
            loss = float(next(csv.DictReader(file))["loss"])
        self.assertAlmostEqual(self.loss_of(network), loss, delta=1e-6 * loss)


PHI = {"identity": torch.nn.Identity(), "softmax": torch.nn.Softmax(dim=1), "sigmoid": torch.nn.Sigmoid()}


def cross_entropy_of_probabilities(p, labels):
    share = (p / p.sum(dim=1, keepdim=True))[torch.arange(len(labels)), labels]
    return -torch.log(share.clamp(1e-7, 1 - 1e-7)).mean()


class Outputs(unittest.TestCase):
    """In float64, over five full batches."""
    STEPS, RATE = 5, 0.05

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="reluscope-torch-"))
        self.addCleanup(shutil.rmtree, self.place)
        numbers = random.Random(2)
        self.rows = [[round(numbers.uniform(0, 1), 3) for _ in range(FEATURES)] for _ in range(SAMPLES)]
        self.inputs = torch.tensor(self.rows, dtype=torch.float64)
        self.classes = torch.tensor([row % CLASSES for row in range(SAMPLES)])
        self.values = torch.tensor([[numbers.gauss(0, 1) for _ in range(CLASSES)] for _ in range(SAMPLES)],
                                   dtype=torch.float64)
        self.bits = (self.values > 0).double()

    def steps(self, output, loss, targets, outputs=CLASSES, penalty=None):
        """What the run records of each step."""
        columns = [[str(int(value)) for value in targets.tolist()]] if targets.dim() == 1 else \
            [[repr(value) for value in column] for column in targets.T.tolist()]
        lines = [",".join([str(value) for value in row] + [column[at] for column in columns])
                 for at, row in enumerate(self.rows)]
        (self.place / "data.csv").write_text("\n".join(lines) + "\n")
        reconstructs = targets is self.inputs
        data = {"kind": "csv", "file": "data.csv", "header": False, "test_fraction": 0.0,
                "task": "classification" if targets.dim() == 1 else "regression",
                "label_column": ",".join(str(FEATURES + at) for at in range(len(columns))),
                "target": "input" if reconstructs else "labels"}
        torch.manual_seed(7)
        self.network = torch.nn.Sequential(torch.nn.Linear(FEATURES, 6, bias=False), torch.nn.Tanh(),
                                           torch.nn.Linear(6, outputs), PHI[output]).double()
        arrays = {f"layers.{name}": array.float() for name, array in self.network.state_dict().items()}
        write_safetensors(self.place / "w.safetensors", arrays)
        self.network.load_state_dict({name.removeprefix("layers."): array for name, array in arrays.items()})
        config = {"name": "pair", "precision": "float64", "data": data, "loss": loss,
                  "network": {"init_from": "w.safetensors",
                              "layers": [{"units": 6, "activation": "tanh", "init": {"bias": False}},
                                         {"units": outputs, "activation": output}]},
                  "train": {"steps": self.STEPS, "batch_size": SAMPLES, "shuffle": False, "penalty": penalty or {},
                            "optimizer": {"name": "sgd", "lr": self.RATE}},
                  "record": {"every": 1}}
        (self.place / "c.json").write_text(json.dumps(config))
        done = subprocess.run([PROGRAM, "run", "c.json", "-q", "--force", "--out", "r"], cwd=self.place, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.place / "r/steps.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def check(self, rows, loss_of, penalty=None):
        """PyTorch trains the same network; loss and gradient norm of each step have to be the run's."""
        penalty = penalty or {}
        optimizer = torch.optim.SGD(self.network.parameters(), lr=self.RATE)
        for row in rows:
            optimizer.zero_grad()
            hidden = self.network[1](self.network[0](self.inputs))
            loss = loss_of(self.network[3](self.network[2](hidden)))
            weights = torch.cat([self.network[0].weight.flatten(), self.network[2].weight.flatten()])
            loss = loss + penalty.get("l1_weights", 0) * weights.abs().sum() \
                + penalty.get("l2_weights", 0) * weights.square().sum() \
                + penalty.get("l1_activations", 0) * hidden.abs().sum(dim=1).mean()
            loss.backward()
            norm = torch.sqrt(sum(p.grad.square().sum() for p in self.network.parameters())).item()
            self.assertAlmostEqual(float(row["loss"]), loss.item(), delta=1e-10 * (1 + abs(loss.item())))
            self.assertAlmostEqual(float(row["grad_norm"]), norm, delta=1e-9 * (1 + norm))
            optimizer.step()

    def test_every_output_with_every_loss(self):
        functional = torch.nn.functional
        one_hot = functional.one_hot(self.classes, CLASSES).double()
        on_values = {"mse": functional.mse_loss, "mae": functional.l1_loss, "huber": functional.huber_loss}
        for output in PHI:
            for name, function in on_values.items():
                with self.subTest(output=output, loss=name):
                    rows = self.steps(output, name, self.values)
                    self.check(rows, lambda y, f=function: f(y, self.values))
                    rows = self.steps(output, name, self.classes)
                    self.check(rows, lambda y, f=function: f(y, one_hot))
            with self.subTest(output=output, loss="on logits"):
                rows = self.steps(output, "cross_entropy", self.classes)
                self.check(rows, lambda y: functional.cross_entropy(y, self.classes))
                rows = self.steps(output, "bce", self.bits)
                self.check(rows, lambda y: functional.binary_cross_entropy_with_logits(y, self.bits))
        for output in ("softmax", "sigmoid"):
            with self.subTest(output=output, loss="on probabilities"):
                rows = self.steps(output, {"name": "cross_entropy", "from_logits": False}, self.classes)
                self.check(rows, lambda y: cross_entropy_of_probabilities(y, self.classes))
                rows = self.steps(output, {"name": "bce", "from_logits": False}, self.bits)
                self.check(rows, lambda y: functional.binary_cross_entropy(y, self.bits))

    def test_penalties(self):
        for penalty in ({"l1_weights": 0.01}, {"l2_weights": 0.02}, {"l1_activations": 0.03},
                        {"l1_weights": 0.01, "l2_weights": 0.02, "l1_activations": 0.03}):
            with self.subTest(penalty=penalty):
                rows = self.steps("identity", "mse", self.values, penalty=penalty)
                self.check(rows, lambda y: torch.nn.functional.mse_loss(y, self.values), penalty)

    def test_the_sample_as_the_target_and_several_labels(self):
        rows = self.steps("sigmoid", {"name": "bce", "from_logits": False}, self.inputs, outputs=FEATURES)
        self.check(rows, lambda y: torch.nn.functional.binary_cross_entropy(y, self.inputs))
        self.assertEqual([row["accuracy"] for row in rows], [""] * self.STEPS)
        rows = self.steps("identity", "bce", self.bits)
        with torch.no_grad():
            right = (self.network(self.inputs) > 0) == (self.bits == 1)
        self.assertAlmostEqual(float(rows[0]["accuracy"]), right.double().mean().item(), delta=1e-12)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
