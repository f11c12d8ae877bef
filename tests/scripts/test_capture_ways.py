#!/usr/bin/env python3
"""scripts/reluscope_capture.py on models that are written in ways of their own: each says where its pre-activations are, and
is counted in plain loops over them; their gradients are taken of each sample's own loss.

    test_capture_ways.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import math
import sys
import unittest
import warnings

import test_capture as base  # skips where there is no PyTorch
import torch
import torch.nn as nn
import torch.nn.functional as F
from reluscope_capture import Capture, CaptureError
from test_capture import kill

SAMPLES = 40


class Model(nn.Module):
    log = None

    def note(self, name, z, axis=1):
        """z of site `name`, samples first, units along `axis`."""
        if self.log is not None:
            self.log.setdefault(name, []).append((z, axis))
        return z

    def data(self):
        return torch.randn(SAMPLES, 6)


class SlicedSequence(Model):
    def __init__(self):
        super().__init__()
        self.conv, self.head = kill(nn.Conv1d(3, 8, 3), 1, 5), nn.Linear(4, 3)

    def forward(self, x):
        z = self.conv(x)
        one, other = self.note("conv", z[:, :4]), self.note("conv#2", z.narrow(1, 4, 4))
        return self.head((F.relu(one) * F.relu(other)).mean(2))

    def data(self):
        return torch.randn(SAMPLES, 3, 11)


class SlicedChannelsLast(Model):
    def __init__(self):
        super().__init__()
        self.up, self.head = kill(nn.Linear(3, 12), 1, 8), nn.Linear(6, 3)

    def forward(self, x):
        z = self.up(x)
        one, other = self.note("up", z[..., :6], 3), self.note("up#2", torch.split(z, 6, -1)[1], 3)
        return self.head((F.relu(one) * torch.relu(other)).mean((1, 2)))

    def data(self):
        return torch.randn(SAMPLES, 5, 4, 3)


class Twice(Model):
    """A layer that is called twice: one site, but where the activations differ."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = kill(nn.Linear(6, 9), 2), nn.Linear(9, 3)

    def forward(self, x):
        one, other = self.note("layer", self.layer(x)), self.note("layer", self.layer(-x))
        third = self.note("layer#2", self.layer(2 * x))
        return self.head(F.relu(one) - F.relu(other) + F.relu6(third))


class Matrices(Model):
    """Parameters of the model itself, no layers."""

    def __init__(self):
        super().__init__()
        self.w1, self.b1 = nn.Parameter(0.4 * torch.randn(6, 8)), nn.Parameter(torch.zeros(8))
        self.w2, self.b2 = nn.Parameter(0.4 * torch.randn(8, 8)), nn.Parameter(torch.zeros(8))
        self.w3 = nn.Parameter(torch.randn(8, 3))
        with torch.no_grad():
            self.b1[2] = self.b2[3] = -99.0

    def forward(self, x):
        a = F.relu(self.note("w1", x @ self.w1 + self.b1))
        return F.relu(self.note("w2", torch.addmm(self.b2, a, self.w2))) @ self.w3


class TiedMatrix(Model):
    """An autoencoder of one matrix, that reads what it has encoded."""

    def __init__(self):
        super().__init__()
        self.w, self.up, self.down = nn.Parameter(0.4 * torch.randn(6, 9)), nn.Parameter(torch.zeros(9)), \
            nn.Parameter(torch.zeros(6))
        with torch.no_grad():
            self.up[2] = -99.0

    def forward(self, x):
        a = F.relu(self.note("parameters", (x - self.down) @ self.w + self.up))
        return (a @ self.w.T + self.down)[:, :3]


class Fixup(Model):
    """Biases and gains between layers, of the block that the layers are in (Zhang et al. 2019)."""

    class Block(nn.Module):
        def __init__(self, note):
            super().__init__()
            self.one, self.two = (nn.Conv2d(6, 6, 3, padding=1, bias=False) for _ in range(2))
            self.gain, self.note = nn.Parameter(torch.ones(1)), note
            self.biases = nn.ParameterList(nn.Parameter(torch.full((1,), value)) for value in (0.1, -1.0, -1.0))

        def forward(self, x):
            y = F.relu(self.note("block.one", self.one(x + self.biases[0]) + self.biases[1]))
            return F.relu(self.note("block.two", self.two(y) * self.gain + self.biases[2] + x))

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.head = kill(nn.Conv2d(3, 6, 3), 1), Fixup.Block(self.note), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.block(F.relu(self.note("stem", self.stem(x)))).mean((2, 3)))

    def data(self):
        return torch.randn(SAMPLES, 3, 6, 6)


class Token(Model):
    """A learned token before the sequence, that the layer reads, too."""

    def __init__(self):
        super().__init__()
        self.token, self.layer, self.head = nn.Parameter(torch.randn(1, 1, 6)), kill(nn.Linear(6, 8), 1), nn.Linear(8, 3)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), 1, 6), x], 1)
        return self.head(F.relu(self.note("layer", self.layer(x), 2)).mean(1))

    def data(self):
        return torch.randn(SAMPLES, 5, 6)


class Where(Model):
    """A rectifier that is not seen: the layer behind it is."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(6, 8), kill(nn.Linear(8, 7), 3), nn.Linear(7, 3)

    def forward(self, x):
        z = self.a(x)
        return self.head(F.relu(self.note("b", self.b(torch.where(z > 0, z, torch.zeros_like(z))))))


class Dropped(Model):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = kill(nn.Linear(6, 8), 1), nn.Linear(8, 7), nn.Linear(7, 3)

    def forward(self, x):
        x = F.dropout(F.relu(self.note("a", F.dropout(self.a(x), 0.3, self.training))), 0.5, self.training)
        return self.head(F.relu(self.note("b", self.b(x))))


class Norms(Model):
    """A picture that is turned, and a block that begins with its norm."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = (nn.Conv2d(channels, 6, 3, padding=1) for channels in (3, 6, 6))
        self.a, self.b = kill(nn.BatchNorm2d(6), 1), kill(nn.GroupNorm(3, 6), 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.stem(x.permute(0, 3, 1, 2)[:, :, ::2])
        y = self.one(F.relu(self.note("a", self.a(x))))
        return self.head((x + self.two(F.relu(self.note("b", self.b(y))))).mean((2, 3)))

    def data(self):
        return torch.randn(SAMPLES, 12, 6, 3)


class FrozenNorms(Norms):
    """Fine-tuned: its statistics are those of other data, in training too."""

    def __init__(self):
        super().__init__()
        self.a.running_mean.uniform_(-1, 1)
        self.a.running_var.uniform_(0.3, 3)

    def train(self, mode=True):
        super().train(mode)
        self.a.training = False
        return self


class Ways(base.Case):
    def by_hand(self, model, x, targets):
        """{site: (z as samples × units × positions, RMS of each sample's own ∂L/∂z)}"""
        model.log = {}
        loss = F.cross_entropy(model(x), targets, reduction="sum")
        log, model.log = model.log, None
        result = {}
        for name, calls in log.items():
            gradients = torch.autograd.grad(loss, [z for z, _ in calls], retain_graph=True)
            z = torch.cat([z.detach().movedim(axis, 1).flatten(2) if z.dim() > 2 else z.detach()[:, :, None]
                           for z, axis in calls], 2)
            square = sum(float((gradient.double() ** 2).sum()) for gradient in gradients)
            result[name] = z, math.sqrt(square / (len(x) * z.shape[1]))
        return result

    def check(self, name, model, x):
        targets, optimizer = torch.randint(0, 3, (len(x),)), torch.optim.SGD(model.parameters(), 0.05)
        state = torch.random.get_rng_state()
        with warnings.catch_warnings(), Capture(model, self.place / name, every=1) as capture:
            warnings.simplefilter("error")
            dead = capture.census(x.split(16))
            units = self.table(name, "units")
            with capture.paused():
                in_census = self.by_hand(model.eval(), x, targets)
                torch.random.set_rng_state(state)
                in_step = self.by_hand(model.train(), x, targets)
            torch.random.set_rng_state(state)
            loss = F.cross_entropy(model(x), targets)
            loss.backward()
            capture.step(loss, optimizer)
        sites = {row["name"]: row for row in self.table(name, "sites")}
        self.assertEqual([one for one in sites if sites[one]["role"] == "hidden"], list(in_census))
        owned = [one for site in capture.sites.values() for one in site["owned"]]
        self.assertEqual(sorted(owned), sorted(one for one, _ in model.named_parameters()))
        steps = {row["name"]: row for row in self.table(name, "layers")}
        for site, (z, _) in in_census.items():
            live = (z > 0) & (z < 6) if sites[site]["activation"] == "relu6" else z > 0
            self.assertEqual(dead[site], [unit for unit in range(z.shape[1]) if not bool(live[:, unit].any())], site)
            rows = [row for row in units if row["name"] == site]
            self.assertEqual(len(rows), z.shape[1], site)
            for unit, row in enumerate(rows):
                for column, value in (("activation_rate", live[:, unit]), ("sample_rate", live[:, unit].any(1)),
                                      ("cover", live[:, unit].any(0))):
                    self.assertAlmostEqual(float(row[column]), float(value.double().mean()), 9, f"{site} {unit} {column}")
            z, delta = in_step[site]
            for column, value in (("positions", z.shape[2]), ("z_mean", z.mean()), ("z_std", z.std(unbiased=False)),
                                  ("z_max", z.abs().max()), ("delta_rms", delta)):
                self.assertTrue(math.isclose(float(steps[site][column]), float(value), rel_tol=2e-4, abs_tol=1e-6),
                                f"{site} {column}: {steps[site][column]}, by hand {value}")
        return dead

    def test_each_is_counted_by_hand(self):
        for kind in (SlicedSequence, SlicedChannelsLast, Twice, Matrices, TiedMatrix, Fixup, Token, Where, Dropped, Norms,
                     FrozenNorms):
            with self.subTest(kind.__name__):
                torch.manual_seed(3)
                model = kind()
                dead = self.check(kind.__name__, model, model.data())
                self.assertTrue(any(dead.values()))

    def test_of_numbers_that_lie_otherwise_in_memory(self):
        ways = {"float64": (lambda model, x: (model.double(), x.double())),
                "channels last": (lambda model, x: (model.to(memory_format=torch.channels_last), x)),
                "with gaps": (lambda model, x: (model, torch.cat([x, x], -1)[..., ::2]))}
        for name, change in ways.items():
            for kind in (Norms, SlicedSequence):
                with self.subTest(f"{name}, {kind.__name__}"):
                    torch.manual_seed(3)
                    model = kind()
                    self.check(f"{kind.__name__} {name}", *change(model, model.data()))

    def test_autocast_is_counted_in_its_own_numbers(self):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), kill(nn.Linear(288, 16), 2),
                              nn.ReLU(), nn.Linear(16, 3))
        x, z = torch.randn(30, 3, 8, 8), []

        def forward(model, batch):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return model(batch)
        with Capture(model, self.place / "autocast", forward=forward) as capture:
            dead = capture.census(x.split(8))
        model.eval()[4].register_forward_hook(lambda module, inputs, output: z.append(output.detach()))
        with torch.no_grad():
            for batch in x.split(8):
                forward(model, batch)
        live = torch.cat(z) > 0
        self.assertEqual(z[0].dtype, torch.bfloat16)
        self.assertEqual(dead["4"], [unit for unit in range(16) if not bool(live[:, unit].any())])
        rates = [float(row["activation_rate"]) for row in self.table("autocast", "units") if row["name"] == "4"]
        self.assertEqual(rates, live.double().mean(0).tolist())

    def test_what_is_frozen_is_no_fault(self):
        x = torch.randn(512, 12)
        y = (x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] > 0).long()
        model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))
        model[0].requires_grad_(False)
        optimizer = torch.optim.Adam(model[2:].parameters(), 3e-3)
        loader = list(zip(x.split(32), y.split(32)))
        with Capture(model, self.place / "frozen", every=5, census=loader, criterion="cross_entropy") as capture:
            for inputs, targets in loader * 10:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward()
                capture.step(loss, optimizer)
        self.assertEqual({bool(row["update_ratio"]) for row in self.table("frozen", "layers") if row["name"] == "0"}, {False})
        self.assertIn("Nothing found", self.ask("diagnose", "frozen").stdout)

    def test_complex_parameters_have_both_parts(self):
        class Spectral(nn.Module):
            def __init__(self):
                super().__init__()
                self.mix, self.layer, self.head = nn.Parameter(torch.randn(6, 6, dtype=torch.cfloat)), nn.Linear(6, 6), \
                    nn.Linear(6, 3)

            def forward(self, x):
                return self.head(F.relu(self.layer(x) + (x.to(torch.cfloat) @ self.mix).real))
        model, x, y = Spectral(), torch.randn(20, 6), torch.randint(0, 3, (20,))
        with warnings.catch_warnings(), Capture(model, self.place / "complex", every=1, census=[x]) as capture:
            warnings.simplefilter("error")
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            norms = [math.sqrt(sum(float(one.detach().abs().double().pow(2).sum()) for one in many))
                     for many in (model.parameters(), [parameter.grad for parameter in model.parameters()])]
            capture.step(loss, torch.optim.SGD(model.parameters(), 0.1))
        row = self.table("complex", "steps")[0]
        self.assertAlmostEqual(float(row["param_norm"]), norms[0], places=5)
        self.assertAlmostEqual(float(row["grad_norm"]), norms[1], places=5)

    def test_layers_without_a_shape_are_refused_in_words(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own, that they are new
            model = nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))
        with self.assertRaisesRegex(CaptureError, "lazy layers.*call it with one batch"):
            Capture(model, self.place / "lazy")
        model(torch.randn(2, 4))
        Capture(model, self.place / "lazy").close()

    def test_a_batch_without_samples_counts_nothing(self):
        model, x, y = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), torch.randn(20, 6), torch.randint(0, 3, (20,))
        found = []
        for name, ends in (("whole", (10, 20)), ("gap", (10, 10, 20))):
            loader = [(x[begin:end], y[begin:end]) for begin, end in zip((0, *ends), ends)]
            with Capture(model, self.place / name, census=loader, criterion="cross_entropy"):
                pass
            found.append([self.table(name, table) for table in ("census", "units", "evaluation")])
        self.assertEqual(*found)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
