#!/usr/bin/env python3
"""A PyTorch model as a config: what the program counts in it is what a capture counts, unit by unit, and what a config
cannot say is refused in words. Without its dead units it goes back into the PyTorch model.

    test_export_torch.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import torch
except ImportError:
    print("no PyTorch here", file=sys.stderr)
    sys.exit(77)

import torch.nn as nn
import torch.nn.functional as F

PROGRAM = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "scripts"))
from reluscope_capture import Capture, CaptureError, export, load_pruned  # noqa: E402

torch.set_num_threads(1)
CLASSES, SAMPLES, BATCH = 3, 48, 16


def kill(layer, *units):
    """Biases so low that nothing wakes these units."""
    with torch.no_grad():
        for unit in units:
            layer.bias[unit] = -1e3
    return layer


def loud(layer):
    """So that both ends of a relu6 are reached."""
    with torch.no_grad():
        layer.weight.mul_(30)
    return layer


def settle(model):
    """Scales, shifts and running statistics that are far from 1 and 0, and slopes that differ."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)) and module.weight is not None:
                module.weight.add_(0.3 * torch.randn_like(module.weight))
                module.bias.add_(0.3 * torch.randn_like(module.bias))
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.3, 3)
            if isinstance(module, nn.PReLU) and module.weight.numel() > 1:
                module.weight.uniform_(-0.2, 0.5)
    return model


# ---- models

class Plain(nn.Module):
    """Convolutions, each pool, a view, dropout both ways."""

    def __init__(self):
        super().__init__()
        self.a, self.b = kill(nn.Conv2d(2, 6, 4, padding="same"), 1), kill(loud(nn.Conv2d(6, 8, 3)), 0, 5)
        self.c = nn.Conv2d(8, 5, 1, padding="valid", bias=False)
        self.pool, self.drop = nn.MaxPool2d(3, 2, 1), nn.Dropout2d(0.2)
        self.d, self.e = kill(nn.Linear(5 * 4, 12), 3), nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.drop(self.pool(torch.relu(self.a(x))))
        x = F.avg_pool2d(F.relu6(self.b(x), inplace=True), 2, stride=1, padding=1)
        x = F.leaky_relu(self.c(x), 0.2)
        x = F.adaptive_avg_pool2d(x, 2)
        x = F.dropout(x.view(x.size(0), -1), 0.5, self.training)
        return self.e(self.d(x).clamp(min=0))


class Block(nn.Module):
    """As torchvision's BasicBlock, one ReLU for both places."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = kill(nn.BatchNorm2d(out), 0)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        identity = x
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class Resnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(2, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Block(6, 6, 1), Block(6, 6, 1))
        self.layer2 = nn.Sequential(Block(6, 8, 2))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layer2(self.layer1(x))), 1))


class PreActivation(nn.Module):
    """He et al. 2016b: the bare sum is read by the next block's norm and by its shortcut; the second time in place, and
    the shortcut gets what the activation made of it."""

    def __init__(self):
        super().__init__()
        self.stem, self.n1 = nn.Conv2d(2, 6, 3, padding=1), kill(nn.BatchNorm2d(6), 2)
        self.c1 = nn.Conv2d(6, 6, 3, padding=1)
        self.n2, self.c2 = nn.BatchNorm2d(6), nn.Conv2d(6, 7, 3, padding=1)
        self.n3, self.c3 = nn.BatchNorm2d(7), nn.Conv2d(7, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.c1(F.relu(self.n1(x)))
        x = self.n2(x)
        y = self.c3(F.elu(self.n3(self.c2(F.relu_(x)))))
        return self.head(F.softplus(torch.add(x, y)).mean((2, 3)))


class Shared(nn.Module):
    """One in-place ReLU for all, functions, a grey picture without channels as a vector, log_softmax."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = kill(nn.Linear(36, 16), 3, 4), kill(nn.Linear(16, 16), 7), nn.Linear(16, 8)
        self.d, self.act = nn.Linear(8, CLASSES), nn.ReLU(inplace=True)

    def forward(self, x, scale=None, features=False, **others):
        x = x.reshape(-1, 36)
        if features or scale is not None:
            return x
        x = self.act(self.b(self.act(self.a(x))))
        x = F.linear(torch.tanh(self.c(x)), self.d.weight, bias=self.d.bias)
        return F.log_softmax(x, dim=1)


class ChannelsLast(nn.LayerNorm):
    """torchvision's LayerNorm2d."""

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


def images(channels=2, side=9):
    x = torch.randn(SAMPLES, channels, side, side)
    return x, torch.arange(SAMPLES) % CLASSES


def table(features=12):
    return torch.randn(SAMPLES, features), torch.arange(SAMPLES) % CLASSES


MODELS = {
    "plain": (Plain, images),
    "batch norm": (lambda: nn.Sequential(
        nn.Conv2d(2, 6, 3), kill(nn.BatchNorm2d(6, 0.1, 0.3), 2), nn.ReLU(), nn.AvgPool2d(2, 2, 1, False, False),
        nn.Sequential(kill(nn.Conv2d(6, 6, 2), 4), nn.Hardswish(), nn.Identity()), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8, affine=False), nn.SiLU(), nn.Linear(8, CLASSES)),
        images),
    "resnet": (Resnet, images),
    "pre-activation": (PreActivation, images),
    "shared": (Shared, lambda: (torch.randn(SAMPLES, 6, 6), torch.arange(SAMPLES) % CLASSES)),
    "prelu": (lambda: nn.Sequential(
        nn.Linear(12, 10), nn.PReLU(10), nn.Linear(10, 9), nn.PReLU(), nn.Dropout(0.1), nn.Linear(9, 8), nn.ELU(0.5),
        nn.Linear(8, 8), nn.CELU(0.7), nn.Linear(8, 8), nn.GELU("tanh"), nn.Linear(8, 8), nn.Softplus(2.0, 10.0),
        nn.Linear(8, 8), nn.SELU(), nn.Linear(8, 8), nn.Mish(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 8),
        nn.RReLU(0.1, 0.6), nn.Linear(8, CLASSES)), table),
    "layer norm": (lambda: nn.Sequential(
        nn.Linear(12, 10), kill(nn.LayerNorm(10, 0.1), 1), nn.ReLU(), nn.Tanh(),
        nn.LayerNorm(10, elementwise_affine=False), loud(nn.Linear(10, 8)), nn.Hardtanh(0, 6),
        nn.Linear(8, CLASSES)), table),
    "layer norms of pictures": (lambda: nn.Sequential(
        nn.Conv2d(2, 6, 3), kill(ChannelsLast(6, 0.2), 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.LayerNorm((4, 5, 5), 0.3),
        nn.ReLU(), nn.Flatten(), nn.Linear(100, CLASSES)), images),
}


class Case(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="export-"))
        self.addCleanup(shutil.rmtree, self.place)
        torch.manual_seed(3)

    def ask(self, *words, code=0):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, cwd=self.place, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def table(self, name):
        with open(self.place / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @staticmethod
    def loader(x, y, size=BATCH):
        return [(x[at:at + size], y[at:at + size]) for at in range(0, len(x), size)]


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
        norm = layers_of(MODELS["batch norm"][0])[0]["norm"]
        self.assertEqual(norm, {"name": "batch_norm", "eps": 0.1, "momentum": 0.3, "affine": True})


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
                    shutil.rmtree(self.place / "mine")
                    export(model, self.place / "mine", loader=self.loader(x, y))
                self.ask("census", "mine/config.json", "--out", "seen", "-q")
                removed = json.loads(self.ask("prune", "seen", "--units", "dead", "--json", "-q", "-o", kind).stdout)
                with torch.no_grad():
                    before = model.eval()(x)
                count = sum(one.numel() for one in model.parameters())
                whole = {name: one.clone() for name, one in model.state_dict().items()}
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


class Data(Case):
    """The loader's data, once more and as they are."""

    def seen(self, model, batches, **words):
        export(model, self.place / "mine", loader=batches, overwrite=True, **words)
        done = self.ask("census", "mine/config.json", "--json", "-q")
        return json.loads(done.stdout), json.loads((self.place / "mine/config.json").read_text())

    def test_targets_of_every_kind(self):
        x, y = table()
        with torch.no_grad():
            for name, outputs, targets, words, want in (
                    ("a class is missing", 4, y.clamp(max=1) * 2, {}, lambda z, t: F.cross_entropy(z, t)),
                    ("a softmax", 3, y, {"end": nn.Softmax(1)}, lambda z, t: F.nll_loss(z.log(), t)),
                    ("values", 2, torch.randn(SAMPLES, 2), {}, F.mse_loss),
                    ("a value", 1, torch.randn(SAMPLES), {"end": nn.Flatten(0)}, F.mse_loss),
                    ("yes or no", 1, (y > 0).float(), {"criterion": "bce", "end": nn.Flatten(0)},
                     F.binary_cross_entropy_with_logits),
                    ("labels", 3, F.one_hot(y, 3).float(), {"criterion": "bce"}, F.binary_cross_entropy_with_logits)):
                with self.subTest(targets=name):
                    end = [words.pop("end")] if "end" in words else []
                    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, outputs), *end)
                    seen, _ = self.seen(model, self.loader(x, targets, 13), **words)
                    self.assertAlmostEqual(seen["loss"], want(model(x), targets).item(), delta=1e-5)

    def test_an_autoencoder_needs_no_targets(self):
        x, _ = images(1, 4)
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 16))
        seen, config = self.seen(model, [x])
        self.assertEqual(config["data"]["target"], "input")
        with torch.no_grad():
            self.assertAlmostEqual(seen["loss"], F.mse_loss(model(x), x.flatten(1)).item(), delta=1e-5)

    def test_double_precision_and_batches_of_other_kinds(self):
        x, y = table()
        model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, CLASSES)).double()
        batches = [{"x": x.double(), "label": y}]
        seen, config = self.seen(model, batches, forward=lambda model, batch: model(batch["x"]),
                                 target=lambda batch: batch["label"])
        self.assertEqual(config["precision"], "float64")
        with torch.no_grad():
            self.assertAlmostEqual(seen["loss"], F.cross_entropy(model(x.double()), y).item(), delta=1e-12)
            seen, config = self.seen(model.bfloat16(), [(x.bfloat16(), y)])
            loss = F.cross_entropy(model.float()(x.bfloat16().float()), y).item()
        self.assertEqual(config["precision"], "float32")
        self.assertAlmostEqual(seen["loss"], loss, delta=1e-5)

    def test_without_data_the_config_waits_for_some(self):
        x, y = images()
        model = Plain()
        export(model, self.place / "mine", example=x[:1])
        config = json.loads((self.place / "mine/config.json").read_text())
        self.assertEqual(config["data"]["shape"], [2, 9, 9])
        self.assertEqual(sorted(os.listdir(self.place / "mine")), ["config.json", "names.json", "weights.safetensors"])
        self.assertIn("inputs.npy", self.ask("census", "mine/config.json", "-q", code=2).stderr)
        export(model, self.place / "data", loader=self.loader(x, y))
        seen = json.loads(self.ask("census", "mine/config.json", "--data", "data", "--json", "-q").stdout)
        with torch.no_grad():
            self.assertAlmostEqual(seen["loss"], F.cross_entropy(model.eval()(x), y).item(), delta=1e-5)

    def test_one_sample_is_example_enough(self):
        class Squeezed(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv, self.out = nn.Conv2d(2, 5, 3), nn.Linear(5, CLASSES)

            def forward(self, x):
                return self.out(F.adaptive_avg_pool2d(torch.relu(self.conv(x)), 1).squeeze())  # all axes of size 1
        x, y = images()
        export(Squeezed(), self.place / "mine", example=x[:1])
        config = json.loads((self.place / "mine/config.json").read_text())
        kinds = [layer["type"] for layer in config["network"]["layers"]]
        self.assertEqual(kinds, ["conv2d", "global_avg_pool", "dense"])

    def test_names_of_every_kind(self):
        x, y = table()
        inner = nn.Sequential()
        inner.add_module("größe 1", nn.Linear(12, 12))
        inner.add_module("größe:1", nn.Linear(12, CLASSES))
        export(nn.Linear(12, CLASSES), self.place / "mine", example=x)
        layers = json.loads((self.place / "mine/config.json").read_text())["network"]["layers"]
        self.assertEqual([layer["name"] for layer in layers], ["parameters"])
        export(inner, self.place / "my model (1)", loader=self.loader(x, y))
        seen = json.loads(self.ask("census", "my model (1)/config.json", "--json", "-q").stdout)
        self.assertEqual([layer["name"] for layer in seen["layers"]], ["gr__e_1", "dense2"])

    def test_optimisers(self):
        x, y = table()
        model = nn.Sequential(nn.Linear(12, CLASSES))
        for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad):
            optimizer = kind(model.parameters(), 0.002)
            _, config = self.seen(model, [(x, y)], optimizer=optimizer)
            self.assertEqual(config["train"]["optimizer"]["lr"], optimizer.defaults["lr"])
            self.ask("validate", "mine/config.json")
        with self.assertWarnsRegex(UserWarning, "a config cannot say Rprop: train.optimizer is left out"):
            self.seen(model, [(x, y)], optimizer=torch.optim.Rprop(model.parameters()))
        groups = [{"params": [model[0].weight], "weight_decay": 0.1}, {"params": [model[0].bias]}]
        with self.assertWarnsRegex(UserWarning, "SGD with weight_decay: the first group's"):
            self.seen(model, [(x, y)], optimizer=torch.optim.SGD(groups, 0.1))

    def test_the_capture_knows_its_data_and_its_optimiser(self):
        x, y = table()
        model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, CLASSES))
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.5)
        batches = self.loader(x, y)
        with Capture(model, self.place / "run", every=2, census=batches, criterion="cross_entropy") as cap:
            for inputs, targets in batches:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward()
                cap.step(loss, optimizer)
            path = cap.export(self.place / "mine")
        self.assertEqual(path, str(self.place / "mine/config.json"))
        config = json.loads(pathlib.Path(path).read_text())
        self.assertEqual((config["train"]["optimizer"]["momentum"], config["train"]["batch_size"]), (0.5, BATCH))
        with self.assertRaisesRegex(CaptureError, "holds census.csv of something else"):
            cap.export(self.place / "run", overwrite=True)
        with self.assertRaisesRegex(CaptureError, "holds config.json of something else"):
            cap.export(self.place / "mine")


class Refused(Case):
    """In words: what, where, why; and nothing is written."""

    def model(self, forward, **modules):
        class Made(nn.Module):
            def __init__(self):
                super().__init__()
                for name, module in modules.items():
                    setattr(self, name, module)
                self.out = nn.Linear(12, CLASSES)

        Made.forward = forward
        return Made()

    def test_with_the_operation_and_its_place(self):
        def linear(outputs=12, inputs=12):
            return nn.Linear(inputs, outputs)

        vectors, pictures = torch.randn(8, 12), torch.randn(8, 2, 9, 9)

        def chain(*modules):
            return nn.Sequential(*modules)

        def picture(*modules):
            model = nn.Sequential(*modules, nn.Flatten())
            return model.append(nn.Linear(model(pictures).shape[1], 3))

        def attention(self, x):
            return self.out(torch.softmax(self.a(x) @ self.b(x).t(), -1) @ x)

        def part(self, x):
            return self.out(x if x.sum() > 0 else -x)

        def two_inputs(self, x, y):
            return self.out(x + y)

        def twice(self, x):
            y = F.relu(self.a(x))
            return self.out(F.relu(x + y) + self.b(y))

        hooked = chain(linear(), nn.ReLU(), linear(3))
        hooked[1].register_forward_hook(lambda module, inputs, output: output * 2)
        cases = [
            ("Conv2d in '0': groups is 2", picture(nn.Conv2d(2, 4, 3, groups=2)), pictures),
            (r"Conv2d in '0': dilation is \(2, 2\)", picture(nn.Conv2d(2, 4, 3, dilation=2)), pictures),
            ("Conv2d in '0': its kernel is not the same", picture(nn.Conv2d(2, 4, (1, 3))), pictures),
            ("a config pads with zeros", picture(nn.Conv2d(2, 4, 3, padding_mode="reflect")), pictures),
            ("MaxPool2d in '1': ceil_mode", picture(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2, ceil_mode=True)), pictures),
            ("GroupNorm in '1': a config has no such operation", picture(nn.Conv2d(2, 4, 3), nn.GroupNorm(1, 4)),
             pictures),
            (r"LayerNorm in '1': over \[7\] of a sample of", picture(nn.Conv2d(2, 4, 3), nn.LayerNorm(7)), pictures),
            (r"LSTM in 'rnn' \(test_export_torch.py:\d+\): a config has no recurrent layers",
             self.model(lambda self, x: self.out(self.rnn(x)[0][:, -1]), rnn=nn.LSTM(4, 12)), torch.randn(8, 5, 4)),
            ("LSTM in 'rnn' .*no recurrent layers", self.model(lambda self, x: self.rnn(x), rnn=nn.LSTM(4, 12)),
             torch.randn(8, 5, 4)),
            ("relu .*does not depend on the input", self.model(lambda self, x: self.out(x) + F.relu(self.p),
                                                            p=nn.Parameter(torch.ones(3))), vectors),
            (r"MultiheadAttention in 'a' \(test_", self.model(lambda self, x: self.out(self.a(x, x, x)[0]),
                                                             a=nn.MultiheadAttention(12, 2)), vectors),
            (r"matmul \(test_export_torch.py:\d+\): a config multiplies by weights alone, and has no attention",
             self.model(attention, a=linear(), b=linear()), vectors),
            ("torch.fx cannot follow forward.* missing 1 required positional argument: 'y'.* takes one tensor",
             self.model(two_inputs), vectors),
            (r"torch.fx cannot follow forward \(test_export_torch.py:\d+\): .*control flow", self.model(part), vectors),
            ("cat .*branches of a config meet in sums", self.model(
                lambda self, x: self.out(torch.cat([self.a(x), self.b(x)], 1)), a=linear(6), b=linear(6)), vectors),
            ("truediv .*what scales the data belongs before it", self.model(lambda self, x: self.out(x / 255)),
             vectors),
            ("its weight is that of 'a.weight'", self.model(
                lambda self, x: self.out(F.relu(self.a(F.relu(self.a(x))))), a=linear()), vectors),
            ("Linear in 'a' .*used in two places", self.model(twice, a=linear(), b=linear()), vectors),
            ("add .*two different branches", self.model(lambda self, x: self.out(torch.add(x, self.a(x), alpha=2)),
                                                        a=linear()), vectors),
            ("LayerNorm .*a config's goes over the channels", self.model(
                lambda self, x: self.out(self.a(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).mean((2, 3)))),
                a=linear(12, 2), norm=nn.LayerNorm((9, 9, 2))), pictures),
            ("add .*added to itself", self.model(lambda self, x: self.out(x + self.a(x)), a=nn.Identity()), vectors),
            ("add .*hold no blocks", self.model(lambda self, x: self.out(x + self.a(x) + self.b(x)), a=linear(),
                                                b=linear()), vectors),
            ("Hardtanh in '1': a config has no such", chain(linear(), nn.Hardtanh(), linear(3)), vectors),
            ("negative_slope is -0.2", chain(linear(), nn.LeakyReLU(-0.2), linear(3)), vectors),
            ("its input has 3 axes", chain(linear(6), nn.ReLU(), nn.Linear(6, 3)), torch.randn(8, 5, 12)),
            ("the model ends in batch_norm in '1'", chain(linear(3), nn.BatchNorm1d(3)), vectors),
            ("the model ends in global_avg_pool", chain(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
             pictures),
            ("the model returns several things", self.model(lambda self, x: (self.out(x), x)), vectors),
            ("yield other outputs than the model", self.model(
                lambda self, x: self.out(x if self.training else F.relu(x))), vectors),
            ("yield other outputs than the model", hooked, vectors),
            (r"the example, of shape \[8, 12\], does not go through", chain(nn.Linear(13, 3)),
             vectors)]
        for message, model, example in cases:
            with self.subTest(message=message):
                with self.assertRaisesRegex(CaptureError, "export: .*" + message):
                    export(model, self.place / "mine", example=example)
                self.assertFalse((self.place / "mine").exists())

    def test_targets_and_losses_that_do_not_go_together(self):
        x, y = table()
        with self.assertRaisesRegex(CaptureError, "found nll, and the model does not end in log_softmax"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[(x, y)], criterion="nll")
        with self.assertRaisesRegex(CaptureError, "not the number of a class"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[(x, torch.rand(SAMPLES, 3))],
                   criterion="cross_entropy")
        with self.assertRaisesRegex(CaptureError, "of which shape are the samples"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine")
        with self.assertRaisesRegex(CaptureError, "the loader gave no batch"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[])
        self.assertEqual(os.listdir(self.place), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
