#!/usr/bin/env python3
"""Convolutions, norms, pools and residual blocks are PyTorch's: a run from weights of PyTorch has the same losses, step
by step, and leaves the same weights and running statistics; without its dead channels a network says there what it said;
and the numbers that experiment.torch_numbers_test holds layers, activations, losses and optimisers to are PyTorch's still.

    test_torch_layers.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import csv
import gzip
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from beside_torch import PROGRAM  # skips where there is no PyTorch
import torch
from torch_files import read_safetensors, write_safetensors

import reluscope_network
import torch_numbers

SIDE, CLASSES, SAMPLES, BATCH, STEPS = 9, 3, 36, 12, 3
SHAPE = (1, SIDE, SIDE)
NORM = {"norm": {"name": "batch_norm", "momentum": 0.3}}
LAYERS = [
    {"type": "layer_norm", "axes": "sample"},
    {"type": "conv2d", "channels": 6, "kernel": 3, "padding": "same", **NORM, "activation": "relu"},
    {"type": "residual", "layers": [
        {"type": "conv2d", "channels": 6, "kernel": 3, "padding": 1, "init": {"bias": False}, **NORM, "activation": "gelu"},
        {"type": "conv2d", "channels": 6, "kernel": 3, "padding": 1, **NORM}], "activation": "relu"},
    {"type": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
    {"type": "residual", "layers": [
        {"type": "conv2d", "channels": 8, "kernel": 2, "stride": 2, "activation": {"name": "prelu", "weight_decay": True}},
        {"type": "conv2d", "channels": 8, "kernel": 1}],
     "shortcut": [{"type": "conv2d", "channels": 8, "kernel": 1, "stride": 2}, {"type": "avg_pool", "kernel": 2, "stride": 1}],
     "activation": {"name": "prelu", "weight_decay": True}},
    {"type": "batch_norm"}, {"type": "activation", "activation": "elu"},
    {"type": "conv2d", "channels": 5, "kernel": 2, "activation": "gelu",
     "norm": {"name": "layer_norm", "axes": "sample", "eps": 1e-3}},
    {"type": "dropout", "p": 0.0, "per": "channel"}, {"type": "layer_norm"},
    {"type": "avg_pool", "kernel": 2, "stride": 1, "padding": 1, "count_include_pad": False},
    {"units": 7, **NORM, "activation": "tanh"},
    {"units": 6, "norm": "layer_norm", "activation": "silu"}, {"type": "layer_norm", "affine": False},
    {"units": CLASSES},
]
LAYERS[4]["shortcut"] = [{"type": "conv2d", "channels": 8, "kernel": 2, "stride": 2}]
BLOCK = {"type": "residual", "repeat": 2, "activation": "relu", "layers": [
    {"type": "conv2d", "channels": 5, "kernel": 3, "padding": 1, "init": {"bias": False}, **NORM, "activation": "relu"},
    {"type": "conv2d", "channels": 6, "kernel": 3, "padding": 1, **NORM}]}
MORTAL = [
    {"type": "conv2d", "channels": 6, "kernel": 3, "padding": "same", **NORM, "activation": "relu"}, BLOCK,
    {"type": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
    {"type": "conv2d", "channels": 8, "kernel": 2, "activation": "relu"},
    {"units": 7, "activation": "relu"}, {"units": CLASSES},
]
# Of MORTAL's modules: norms that make a channel dead, or lead the sum behind them there, and maps that do.
DEAD_NORMS = {"layers.1": [2], "layers.3.body.1": [0, 4], "layers.3.body.4": [2], "layers.4.body.4": [2, 3]}
DEAD_MAPS = {"layers.6": [1, 7], "layers.9": [5]}
OPTIMIZER = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}



class Layers(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="reluscope-torch-"))
        self.addCleanup(shutil.rmtree, self.place)
        torch.manual_seed(5)
        pixels = torch.randint(0, 256, (SAMPLES, SIDE, SIDE), dtype=torch.uint8)
        labels = torch.arange(SAMPLES) % CLASSES
        pixels[labels == 1, :4] //= 3
        with gzip.open(self.place / "images.gz", "wb") as file:
            file.write(struct.pack(">IIII", 0x803, SAMPLES, SIDE, SIDE) + pixels.numpy().tobytes())
        with gzip.open(self.place / "labels.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, SAMPLES) + bytes(labels.tolist()))
        self.inputs = (pixels.double() / 255).unsqueeze(1)
        self.labels = labels

    def config(self, optimizer, **network):
        return {"name": "layers", "precision": "float64",
                "data": {"kind": "idx", "images": "images.gz", "labels": "labels.gz", "normalize": "unit",
                         "test_fraction": 0.0},
                "network": {"layers": LAYERS, **network}, "loss": "cross_entropy",
                "train": {"steps": STEPS, "batch_size": BATCH, "shuffle": False, "optimizer": optimizer},
                "record": {"every": 1}}

    def run_it(self, config, name, *arguments):
        (self.place / "c.json").write_text(json.dumps(config))
        done = subprocess.run([PROGRAM, "run", "c.json", "-q", "--save-weights", "--out", name, *arguments],
                              cwd=self.place, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.place / name

    def network(self, layers=LAYERS):
        torch.manual_seed(6)
        network = reluscope_network.build(layers, SHAPE).double()
        with torch.no_grad():
            for name, array in network.state_dict().items():  # statistics that are far from 0 and 1
                if array.dim() != 4 and name.endswith(("weight", "bias")):  # scales and shifts that are not all one
                    array.add_(0.3 * torch.randn(array.shape, dtype=array.dtype))
                elif name.endswith("running_mean"):
                    array.uniform_(-1, 1)
                elif name.endswith("running_var"):
                    array.uniform_(0.3, 3)
        return network

    def test_training_is_that_of_pytorch(self):
        network = self.network()
        write_safetensors(self.place / "w.safetensors", network.state_dict())
        run = self.run_it(self.config(OPTIMIZER, init_from="w.safetensors"), "run")
        network.train()
        stepper = torch_numbers.optimizer_of(OPTIMIZER, network, slopes_decay=True)
        losses = []
        for step in range(STEPS):
            part = slice(step * BATCH, (step + 1) * BATCH)
            stepper.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(self.inputs[part]), self.labels[part])
            loss.backward()
            stepper.step()
            losses.append(loss.item())
        with open(run / "steps.csv", encoding="utf-8", newline="") as file:
            for row, loss in zip(csv.DictReader(file), losses):
                self.assertAlmostEqual(float(row["loss"]), loss, delta=1e-9)
        arrays = read_safetensors(run / "weights.safetensors")
        self.assertEqual(set(arrays), set(network.state_dict()))
        for key, array in network.state_dict().items():
            torch.testing.assert_close(arrays[key], array.to(arrays[key].dtype), rtol=1e-6, atol=1e-8, msg=key)
        network.eval()
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(network(self.inputs), self.labels).item()
        self.assertAlmostEqual(json.loads((run / "summary.json").read_text())["train"]["loss"], loss, delta=1e-7)

    def test_without_its_dead_channels_a_network_says_what_it_said(self):
        arrays = self.network(MORTAL).state_dict()
        for module in DEAD_MAPS:
            arrays[f"{module}.weight"].abs_()  # of what is never negative: nobody else is dead
        for module, channels in {**DEAD_NORMS, **DEAD_MAPS}.items():
            arrays[f"{module}.weight"][channels] = 0.0
            arrays[f"{module}.bias"][channels] = -1.0
        write_safetensors(self.place / "w.safetensors", arrays)
        config = self.config({"name": "sgd", "lr": 0.0}, layers=MORTAL, init_from="w.safetensors")
        config["precision"] = "float32"
        run = self.run_it(config, "mortal")
        done = subprocess.run([PROGRAM, "prune", "mortal", "--units", "dead", "--json", "-q"], cwd=self.place, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        removed = [layer["removed"] for layer in report["layers"]]
        # The stem, the first block's body and sum, the second's, the convolution, the dense layer. Of the last sum
        # channel 3 stays: what it is added to lives.
        self.assertEqual(removed[:3], [1, 2, 1])
        self.assertEqual(removed[4:], [1, 2, 1, 0])
        outputs = []
        for directory, config_file in ((run, run / "manifest.json"), (run / "pruned", run / "pruned" / "network.json")):
            document = json.loads(config_file.read_text())
            layers = document.get("config", document)["network"]["layers"]
            network = reluscope_network.build(layers, SHAPE)
            network.load_state_dict(read_safetensors(directory / "weights.safetensors"))
            network.eval()
            with torch.no_grad():
                outputs.append(network(self.inputs.float()))
        self.assertEqual(network.layers[0].weight.shape, (5, 1, 3, 3))
        self.assertEqual(network.layers[9].weight.shape, (6, 6 * 4 * 4))
        difference = (outputs[0] - outputs[1]).abs().max().item()
        self.assertLessEqual(difference, report["train"]["bound"])
        self.assertLess(report["train"]["bound"], 0.5)
        self.assertEqual(report["train"]["beyond_bound"], 0)
        self.assertEqual(report["train"]["predictions"]["same"], SAMPLES)
        # And it loads back here.
        again = subprocess.run([PROGRAM, "census", "pruned/network.json", "-q", "--json"], cwd=run, text=True,
                               capture_output=True)
        self.assertEqual(again.returncode, 0, again.stderr)

    def test_a_run_goes_on_as_if_it_had_not_stopped(self):
        config = self.config({"name": "adam", "lr": 0.01})
        config["train"]["steps"] = 8
        whole = self.run_it(config, "whole")
        config["record"]["checkpoint_every"] = 3
        self.run_it(config, "part")
        self.assertEqual(read_safetensors(whole / "weights.safetensors").keys(),
                         read_safetensors(self.place / "part" / "weights.safetensors").keys())
        for threads in (1, 2):
            again = self.run_it(config, f"threads{threads}", "--threads", str(threads))
            for table in ("steps.csv", "layers.csv", "units.csv", "weights.safetensors"):
                self.assertEqual((again / table).read_bytes(), (whole / table).read_bytes(), table)


class Numbers(unittest.TestCase):
    def test_the_numbers_in_the_tree_are_those_of_pytorch(self):
        arrays = torch_numbers.make()
        self.assertEqual(list(torch_numbers.differences(torch_numbers.FILE, arrays)), [],
                         "scripts/torch_numbers.py makes the file anew")
        # And what is not is found.
        name = "optimizer.sgd/layers.0.weight"
        arrays[name] = arrays[name] + 1e-9
        (wrong,) = torch_numbers.differences(torch_numbers.FILE, arrays)
        self.assertIn(name, wrong)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
