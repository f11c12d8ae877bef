#!/usr/bin/env python3
"""Data, losses and optimisers that go with an exported model, and what is refused: with the operation, its place and
the reason.

    test_export_words.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import json
import os
import pathlib
import sys
import unittest

from export_models import BATCH, CLASSES, SAMPLES, Case, Plain, images, table
import torch
import torch.nn as nn
import torch.nn.functional as F

from reluscope_capture import Capture, CaptureError, export


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
        files = sorted(os.listdir(self.place / "mine"))
        self.assertEqual(files, ["config.json", "names.json", "weights.safetensors"])
        self.assertEqual({os.stat(self.place / "mine" / file).st_mode & 0o777 for file in files}, {0o644})
        weights = (self.place / "mine/weights.safetensors").read_bytes()
        self.assertEqual(int.from_bytes(weights[:8], "little") % 8, 0)  # the numbers begin at a multiple of 8
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
        with self.assertWarnsRegex(UserWarning, "a config cannot say Adam with amsgrad"):
            self.seen(model, [(x, y)], optimizer=torch.optim.Adam(model.parameters(), amsgrad=True))
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
            (r"LSTM in 'rnn' \(test_export_words.py:\d+\): a config has no recurrent layers",
             self.model(lambda self, x: self.out(self.rnn(x)[0][:, -1]), rnn=nn.LSTM(4, 12)), torch.randn(8, 5, 4)),
            ("LSTM in 'rnn' .*no recurrent layers", self.model(lambda self, x: self.rnn(x), rnn=nn.LSTM(4, 12)),
             torch.randn(8, 5, 4)),
            ("relu .*does not depend on the input", self.model(lambda self, x: self.out(x) + F.relu(self.p),
                                                            p=nn.Parameter(torch.ones(3))), vectors),
            (r"MultiheadAttention in 'a' \(test_", self.model(lambda self, x: self.out(self.a(x, x, x)[0]),
                                                             a=nn.MultiheadAttention(12, 2)), vectors),
            (r"matmul \(test_export_words.py:\d+\): a config multiplies by weights alone, and has no attention",
             self.model(attention, a=linear(), b=linear()), vectors),
            ("torch.fx cannot follow forward.* missing 1 required positional argument: 'y'.* takes one tensor",
             self.model(two_inputs), vectors),
            (r"torch.fx cannot follow forward \(test_export_words.py:\d+\): .*control flow", self.model(part), vectors),
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
            ("Dropout in '0': with p = 1", chain(nn.Dropout(1.0), linear(3)), vectors),
            ("Softmax in '1': a config's softmax goes over the outputs", chain(linear(3), nn.Softmax(0)), vectors),
            ("add .*the shapes of what is added differ", self.model(
                lambda self, x: self.out(self.a(x) + self.b(x)), a=linear(), b=linear(1)), vectors),
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
        with self.assertRaisesRegex(CaptureError, "not the number of a class"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[(x, y - 100)])
        with self.assertRaisesRegex(CaptureError, "of which shape are the samples"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine")
        with self.assertRaisesRegex(CaptureError, "the model gets NoneType, expected a tensor"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[(x, y)],
                   forward=lambda model, batch: model(x=batch[0]))
        with self.assertRaisesRegex(CaptureError, "the loader gives list, expected a tensor"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[([1], y)])
        with self.assertRaisesRegex(CaptureError, "the loader gave no batch"):
            export(self.model(lambda self, x: self.out(x)), self.place / "mine", loader=[])
        self.assertEqual(os.listdir(self.place), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
