#!/usr/bin/env python3
"""Weights go to PyTorch and back: the same nn.Sequential, with the weights of a run, has the loss of the run, and a run that
starts from the weights of a PyTorch network has its loss.

    test_torch_weights.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import csv
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

try:
    import torch
except ImportError:
    print("no PyTorch here", file=sys.stderr)
    sys.exit(77)

PROGRAM = os.path.abspath(sys.argv[1])
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


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        arrays[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    return arrays


def write_safetensors(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        packed = array.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
