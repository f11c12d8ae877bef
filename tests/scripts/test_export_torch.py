#!/usr/bin/env python3
"""A PyTorch model as a config: what the program counts in it is what a capture counts, unit by unit. Without its dead
units it goes back into the PyTorch model.

    test_export_torch.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import json
import random
import shutil
import sys
import unittest

from export_models import (BATCH, CLASSES, MODELS, Block, Case, Plain, Resnet, Shared, images, kill, random_model,
                           settle, table)
import torch
import torch.nn as nn
import torch.nn.functional as F

from reluscope_capture import Capture, CaptureError, export, load_pruned


class CountsAreThoseOfTheCapture(Case):
    def check(self, make, data):
        model, (x, y) = settle(make()), data()
        criterion = "nll" if isinstance(model, Shared) else "cross_entropy"
        state = {name: one.clone() for name, one in model.state_dict().items()}
        with Capture(model, self.place / "capture", criterion=criterion) as cap:
            cap.census(self.loader(x, y))
            cap.export(self.place / "mine", loader=self.loader(x, y))
        for name, one in model.state_dict().items():
            torch.testing.assert_close(one, state[name], rtol=0, atol=0)
        self.assertTrue(model.training)
        seen = json.loads(self.ask("census", "mine/config.json", "--out", "seen", "--json", "-q").stdout)
        loss = json.loads((self.place / "capture/summary.json").read_text())["train"]["loss"]
        self.assertAlmostEqual(seen["loss"], loss, delta=1e-5 * max(1, loss))
        there = {(row["name"].replace("#", "-"), row["unit"]): row for row in self.table("capture/units.csv")}
        here = {(row["name"], row["unit"]): row for row in self.table("seen/units.csv")
                if (row["name"], row["unit"]) in there}
        self.assertEqual(here.keys(), there.keys())  # the sites of both are called alike
        dead = 0
        for key, row in there.items():
            mine = here[key]
            self.assertEqual(mine["state"] == "dead", row["state"] == "dead", key)
            dead += row["state"] == "dead" and row["role"] == "hidden"
            for column in ("activation_rate", "sample_rate"):
                if row[column] and mine[column]:
                    self.assertAlmostEqual(float(mine[column]), float(row[column]), delta=2e-3, msg=(key, column))
        return dead

    def test_random_models_there_and_back(self):
        smaller = 0
        for number in range(10):
            with self.subTest(model=number):
                shutil.rmtree(self.place)
                self.place.mkdir()
                torch.manual_seed(number)
                model, (x, y) = random_model(random.Random(number)), images()
                self.check(lambda model=model: model, lambda x=x, y=y: (x, y))
                done = json.loads(self.ask("prune", "seen", "--units", "dead", "--json", "-q").stdout)
                smaller += done["parameters_after"] < done["parameters_before"]
                with torch.no_grad():
                    before = model.eval()(x)
                    after = load_pruned(model, self.place / "seen/pruned", self.place / "mine")(x)
                torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)
        self.assertGreaterEqual(smaller, 3)

    def test_unit_by_unit(self):
        for name, (make, data) in MODELS.items():
            with self.subTest(model=name):
                shutil.rmtree(self.place)
                self.place.mkdir()
                dead = self.check(make, data)
                self.assertGreater(dead, 0) if name != "prelu" else self.assertEqual(dead, 0)


    def test_what_shows_in_training_alone(self):
        def layers_of(make):
            export(make(), self.place / "mine", example=images()[0], overwrite=True)
            return json.loads((self.place / "mine/config.json").read_text())["network"]["layers"]
        dropped = [layer for layer in layers_of(Plain) if layer["type"] == "dropout"]
        self.assertEqual(dropped, [{"type": "dropout", "p": 0.2, "per": "channel"}, {"type": "dropout", "p": 0.5}])
        self.assertEqual([layer["type"] for layer in layers_of(Fixed)], ["conv2d", "flatten", "dense"])
        slope = layers_of(lambda: nn.Sequential(nn.Flatten(), nn.Linear(162, 4), nn.PReLU(4), nn.Linear(4, 3)))[0]
        self.assertEqual(slope["activation"], {"name": "prelu", "slopes": "unit", "weight_decay": True})
        norm = layers_of(MODELS["batch norm"][0])[0]["norm"]
        self.assertEqual(norm, {"name": "batch_norm", "eps": 0.1, "momentum": 0.3, "affine": True})


class Fixed(nn.Module):
    """What changes nothing leaves no layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(2, 4, 3), nn.Linear(4 * 49, CLASSES)

    def forward(self, x):
        x = F.adaptive_max_pool2d(F.dropout(self.conv(x), 0.5, False), 7).reshape(-1, 4, 7, 7)
        return self.out(x.contiguous().flatten(1))


class Deep(Case):
    def test_many_blocks_take_no_longer_than_they_should(self):
        """Each sum is looked at once: 40 of them, one after the other, would never end otherwise."""
        model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), *(Block(3, 3, 1) for _ in range(40)),
                              nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, CLASSES))
        x, y = images()
        export(model, self.place / "mine", example=(x, y))
        layers = json.loads((self.place / "mine/config.json").read_text())["network"]["layers"]
        kinds = [layer["type"] for layer in layers]
        self.assertEqual(kinds, ["conv2d", *["residual"] * 40, "global_avg_pool", "dense"])


class GoesOn(Case):
    """What the other commands make of an export, and the way back."""

    def dead_channels(self):
        torch.manual_seed(5)
        model = settle(Resnet())
        kill(model.layer2[0].bn1, 3, 5)
        x, y = images()
        export(model, self.place / "mine", loader=self.loader(x, y), optimizer=torch.optim.SGD(
            model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4), criterion="cross_entropy")
        return model, x

    def test_pruned_weights_load_back(self):
        for kind in ("resnet", "mlp"):
            with self.subTest(model=kind):
                if kind == "resnet":
                    model, x = self.dead_channels()
                else:
                    model, (x, y) = settle(nn.Sequential(
                        nn.Linear(12, 10), kill(nn.BatchNorm1d(10), 1, 4), nn.ReLU(), kill(nn.Linear(10, 8), 0),
                        nn.ReLU6(), nn.Linear(8, 6), nn.PReLU(6), nn.Linear(6, CLASSES))), table()
                    with torch.no_grad():  # a slope of 0: it can die
                        kill(model[5], 2), model[6].weight[2].zero_()
                    shutil.rmtree(self.place / "mine")
                    export(model, self.place / "mine", loader=self.loader(x, y))
                self.ask("census", "mine/config.json", "--out", "seen", "-q")
                removed = json.loads(self.ask("prune", "seen", "--units", "dead", "--json", "-q", "-o", kind).stdout)
                with torch.no_grad():
                    before = model.eval()(x)
                count = sum(one.numel() for one in model.parameters())
                whole = {name: one.clone() for name, one in model.state_dict().items()}
                model(x).sum().backward()  # gradients of the old shapes
                self.assertIs(load_pruned(model, self.place / kind, self.place / "mine"), model)
                with torch.no_grad():
                    torch.testing.assert_close(model(x), before, rtol=1e-4, atol=1e-4)
                self.assertEqual(count - sum(one.numel() for one in model.parameters()),
                                 removed["parameters_before"] - removed["parameters_after"])
                self.assertLess(removed["parameters_after"], removed["parameters_before"])
                left = {layer["name"]: layer["units"] - layer["removed"] for layer in removed["layers"]}
                if kind == "resnet":
                    block, few = model.layer2[0], left["layer2.0.bn1"]
                    sizes = block.conv1.out_channels, block.conv2.in_channels, block.bn1.num_features
                    self.assertEqual(sizes, (few, few, few))
                    self.assertLessEqual(few, 8 - 3)  # three were planted
                else:
                    few = left["1"]
                    sizes = model[0].out_features, model[1].num_features, model[3].in_features, model[3].out_features
                    self.assertEqual(sizes, (few, few, few, left["3"]))
                    self.assertLessEqual(few, 10 - 2)
                    self.assertLessEqual(left["3"], 8 - 1)
                    self.assertEqual(model[6].num_parameters, model[6].weight.numel())
                    self.assertLess(model[6].num_parameters, 6)
                self.assertEqual({one.grad for one in model.parameters()}, {None})
                # It trains on, and other weights of the exported network go in as well.
                model.train()(x).sum().backward()
                torch.optim.SGD(model.parameters(), 0.1, momentum=0.9).step()
                load_pruned(model, self.place / "mine/weights.safetensors", self.place / "mine")
                for name, one in model.state_dict().items():
                    torch.testing.assert_close(one, whole[name], rtol=0, atol=0)

    def test_what_does_not_belong_to_the_model_changes_nothing(self):
        model, _ = self.dead_channels()
        with self.assertRaisesRegex(CaptureError, "the model has no parameter 'bn1.weight'"):
            other = Resnet()
            other.bn1 = nn.Identity()
            before = other.conv1.weight.clone()
            load_pruned(other, self.place / "mine", self.place / "mine")
        torch.testing.assert_close(other.conv1.weight, before, rtol=0, atol=0)
        x, y = table()
        export(MODELS["layer norm"][0](), self.place / "other", loader=self.loader(x, y))
        with self.assertRaisesRegex(CaptureError, "are these weights of the network in"):
            load_pruned(model, self.place / "other", self.place / "mine")

    def test_theory_run_and_prescribe(self):
        self.dead_channels()
        config = json.loads((self.place / "mine/config.json").read_text())
        self.assertEqual(config["train"], {"batch_size": BATCH, "optimizer": {
            "name": "sgd", "lr": 0.05, "momentum": 0.9, "dampening": 0, "nesterov": False, "weight_decay": 1e-4}})
        told = json.loads(self.ask("theory", "mine/config.json", "network.init_from=null", "--json", "-q").stdout)
        self.assertGreater(told["layers"][0]["q"], 0)
        self.ask("run", "mine/config.json", "train.epochs=2", "-q", "--out", "run")
        self.assertEqual(json.loads((self.place / "run/summary.json").read_text())["status"], "done")
        done = self.ask("prescribe", "mine/config.json", "train.epochs=2", "--budget", 12, "--seeds", 3, "--json", "-q")
        self.assertIn("verdict", json.loads(done.stdout))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
