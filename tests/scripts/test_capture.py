#!/usr/bin/env python3
"""scripts/reluscope_capture.py against brute force, on models of many kinds; and what the program makes of what it wrote.

    test_capture.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no PyTorch (python3-torch)
"""

import copy
import csv
import inspect
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

from beside_torch import PROGRAM, SOURCE  # skips where there is no PyTorch
import torch
import torch.nn as nn
import torch.nn.functional as F

import reluscope_capture as rc
from reluscope_capture import Capture, CaptureError


class Case(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="capture-"))
        self.addCleanup(shutil.rmtree, self.place)
        torch.manual_seed(3)

    def table(self, directory, name):
        with open(self.place / directory / f"{name}.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def events(self, directory):
        path = self.place / directory / "events.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def ask(self, *words, code=0):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, cwd=self.place, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done


def batches(x, size=16):
    return [x[at:at + size] for at in range(0, len(x), size)]


def rank(rows):
    """The effective rank: exp of the entropy of the singular values."""
    share = torch.linalg.svdvals(rows)
    share = share / share.sum()
    return float(torch.exp(-(share * share.log()).nansum()))


def kill(layer, *units):
    """Biases so low that nothing wakes these units."""
    with torch.no_grad():
        for unit in units:
            layer.bias[unit] = -1e3
    return layer


# ---- models, and by hand what their sites compute: {site: z as samples × units × positions}

def relu_sites(**z):
    return {name.replace("_", "."): value if value.dim() == 3 else value.flatten(2) if value.dim() == 4 else value[:, :, None]
            for name, value in z.items()}


class Cnn(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(2, 6, 3), kill(nn.Conv2d(6, 8, 3, stride=2), 1, 5), nn.Linear(8, 4)
        self.na, self.nb = (nn.BatchNorm2d(6), kill(nn.BatchNorm2d(8), 2)) if norm else (nn.Identity(), nn.Identity())
        self.norm = norm

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.na(self.a(x))), 2)
        return self.head(torch.relu(self.nb(self.b(x))).mean((2, 3)))

    def sites(self, x):
        first = self.na(self.a(x))
        second = self.nb(self.b(F.max_pool2d(first.clamp(min=0), 2)))
        return relu_sites(na=first, nb=second) if self.norm else relu_sites(a=first, b=second)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Conv2d(2, 6, 3, padding=1), kill(nn.Conv2d(6, 6, 3, padding=1), 0), \
            nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.head = kill(nn.BatchNorm2d(6), 3), nn.Linear(6, 4)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = x + self.norm(self.two(F.relu(self.one(x), inplace=True)))
        return self.head(F.relu_(y).mean((2, 3)))

    def sites(self, x):
        stem = self.stem(x)
        one = self.one(stem.clamp(min=0))
        total = self.norm(self.two(one.clamp(min=0))) + stem.clamp(min=0)
        return relu_sites(stem=stem, one=one, norm=total)


class InPlaceReused(nn.Module):
    """One nn.ReLU(inplace=True) for all."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = kill(nn.Linear(12, 16), 3, 4), kill(nn.Linear(16, 16), 7), nn.Linear(16, 4)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.c(self.act(self.b(self.act(self.a(x)))))

    def sites(self, x):
        a = self.a(x)
        return relu_sites(a=a, b=self.b(a.clamp(min=0)))


class Functional(nn.Module):
    """Every spelling of it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(kill(nn.Linear(12, 12), at) for at in range(7))

    CALLS = (F.relu, torch.relu, lambda x: x.relu(), lambda x: x.relu_(), lambda x: x.clamp(min=0),
             lambda x: torch.clamp_min(x, 0), lambda x: F.threshold(x, 0.3, 0.0))
    DEAD = {"layers.6": lambda z: z <= 0.3}

    def forward(self, x):
        for layer, call in zip(self.layers, self.CALLS):
            x = call(layer(x))
        return x.sum(1)

    def sites(self, x):
        result = {}
        for at, layer in enumerate(self.layers):
            z = layer(x)
            result[f"layers.{at}"] = z[:, :, None]
            x = z.clamp(min=0)
        return result


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 20, dropout=0.1, batch_first=True)
        self.embed, self.encoder, self.head = nn.Embedding(30, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 4)
        for one in self.encoder.layers:
            kill(one.linear1, 2, 9)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x)).mean(1))

    def sites(self, x):
        seen = {}
        x = self.embed(x)
        for at, layer in enumerate(self.encoder.layers):
            x = layer.norm1(x + layer.self_attn(x, x, x, need_weights=False)[0])
            z = layer.linear1(x)
            seen[f"encoder.layers.{at}.linear1"] = z.transpose(1, 2)
            x = layer.norm2(x + layer.linear2(z.clamp(min=0)))
        return seen


class Autoencoder(nn.Module):
    """A sparse autoencoder with planted dead latents."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = kill(nn.Linear(12, 48), *range(0, 48, 5)), nn.Linear(48, 12)

    def forward(self, x):
        return self.decoder(F.relu(self.encoder(x - self.decoder.bias)))

    def sites(self, x):
        return relu_sites(encoder=self.encoder(x - self.decoder.bias))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.dense, self.head = nn.LSTM(5, 8, batch_first=True), kill(nn.Linear(8, 10), 6), nn.Linear(10, 4)

    def forward(self, x):
        return self.head(F.relu(self.dense(self.lstm(x)[0][:, -1])))

    def sites(self, x):
        return relu_sites(dense=self.dense(self.lstm(x)[0][:, -1]))


class TwoBranches(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right, self.both = kill(nn.Linear(12, 8), 1), kill(nn.Linear(12, 6), 0), nn.Linear(14, 8)
        self.head = nn.Linear(8, 4)
        with torch.no_grad():  # dead above, and alive just below that
            self.left.weight[2:4] = 0
            self.left.bias[2:4] = torch.tensor([6.0, 5.9])

    def forward(self, x):
        left, right = F.relu6(self.left(x)), F.hardtanh(self.right(x), -2.0, 1.5)
        return self.head(F.relu(self.both(torch.cat([left, right], 1))))

    def sites(self, x):
        left, right = self.left(x), self.right(x)
        return relu_sites(left=left, right=right, both=self.both(torch.cat([left.clamp(0, 6), right.clamp(-2, 1.5)], 1)))

    DEAD = {"left": lambda z: (z <= 0) | (z >= 6), "right": lambda z: (z <= -2) | (z >= 1.5)}


class Unrolled(nn.Module):
    """A cell that is called for every step: its calls are positions of one site."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = kill(nn.Linear(5 + 8, 8), 2), nn.Linear(8, 4)
        with torch.no_grad():  # a unit that the first call cannot wake
            self.cell.weight[5] = torch.cat([torch.zeros(5), torch.ones(8)])
            self.cell.bias[5] = -0.01

    def forward(self, x):
        state = x.new_zeros(len(x), 8)
        for at in range(x.shape[1]):
            state = F.relu(self.cell(torch.cat([x[:, at], state], 1)))
        return self.head(state)

    def sites(self, x):
        state, z = x.new_zeros(len(x), 8), []
        for at in range(x.shape[1]):
            z.append(self.cell(torch.cat([x[:, at], state], 1)))
            state = z[-1].clamp(min=0)
        return {"cell": torch.stack(z, 2)}


class Gated(nn.Module):
    """A gated MLP behind a time-first sequence; its gate is one half of a layer, both halves rectified."""

    def __init__(self):
        super().__init__()
        self.up, self.down, self.head = kill(nn.Linear(6, 16), 1, 12), nn.Linear(8, 6), nn.Linear(6, 4)

    def forward(self, x):
        one, other = self.up(x).chunk(2, -1)
        return self.head(self.down(F.relu(one) * torch.relu(other)).mean(0))

    def sites(self, x):
        one, other = self.up(x).chunk(2, -1)
        return {"up": one.permute(1, 2, 0), "up#2": other.permute(1, 2, 0)}


def images(n=40):
    return torch.randn(n, 2, 12, 12)


MODELS = {
    "plain CNN": (lambda: Cnn(False), images), "CNN with batch norm": (lambda: Cnn(True), images),
    "residual": (Residual, images), "in place and reused": (InPlaceReused, lambda: torch.randn(40, 12)),
    "functional": (Functional, lambda: torch.randn(40, 12)),
    "transformer": (Transformer, lambda: torch.randint(0, 30, (40, 7))),
    "sparse autoencoder": (Autoencoder, lambda: torch.randn(40, 12)), "LSTM": (Lstm, lambda: torch.randn(40, 6, 5)),
    "two branches": (TwoBranches, lambda: torch.randn(40, 12) * 3), "unrolled": (Unrolled, lambda: torch.randn(40, 6, 5)),
}


def by_hand(model, loads, time_first=False):
    """Every unit, sample and position, in plain loops over what the model's own `sites` gives."""
    parts = {}
    with torch.no_grad():
        for x in loads:
            for name, z in model.sites(x).items():
                parts.setdefault(name, []).append(z)
    result = {}
    for name, z in ((name, torch.cat(some)) for name, some in parts.items()):
        is_dead = getattr(model, "DEAD", {}).get(name, lambda z: z <= 0)
        for unit in range(z.shape[1]):
            live = (~is_dead(z[:, unit])).tolist()
            flat = [one for sample in live for one in sample]
            result[name, unit] = {
                "dead": not any(flat), "activation_rate": sum(flat) / len(flat),
                "sample_rate": sum(any(sample) for sample in live) / len(live),
                "cover": sum(any(sample[at] for sample in live) for at in range(len(live[0]))) / len(live[0]),
                "highest": z[:, unit].max().item(), "positions": len(live[0])}
    return result


class CensusIsBruteForce(Case):
    def check(self, name, model, loads, **options):
        model.train()
        with Capture(model, self.place / name, **options) as capture:
            capture.census(loads)
        model.eval()
        expected = by_hand(model, loads)
        units = {(row["name"], int(row["unit"])): row for row in self.table(name, "units") if row["role"] == "hidden"}
        self.assertEqual(set(units), set(expected), name)
        self.assertTrue(any(one["dead"] for one in expected.values()) and not all(one["dead"] for one in expected.values()))
        for place, one in expected.items():
            row = units[place]
            self.assertEqual(row["state"] == "dead", one["dead"], (name, place, row))
            for column in ("activation_rate", "sample_rate", "cover"):
                self.assertAlmostEqual(float(row[column]), one[column], places=12, msg=f"{name} {place} {column}")
            if place[0] not in getattr(model, "DEAD", {}) and not math.isclose(one["highest"], -float(row["margin"]),
                                                                              rel_tol=1e-4, abs_tol=1e-5):
                self.fail(f"{name} {place}: margin {row['margin']}, highest z {one['highest']}")
        for row in self.table(name, "census"):
            if row["role"] == "hidden":
                mine = [one for (site, _), one in expected.items() if site == row["name"]]
                self.assertEqual(int(row["dead"]), sum(one["dead"] for one in mine))
                self.assertEqual(int(row["positions"]), mine[0]["positions"])

    def test_of_every_kind_of_model(self):
        for name, (make, inputs) in MODELS.items():
            with self.subTest(name):
                model, x = make(), inputs()
                if name == "CNN with batch norm" or name == "residual":
                    for _ in range(5):  # running statistics that are not those of any batch
                        model.train()(inputs() * 2 + 1)
                self.check(name.replace(" ", "-"), model, batches(x))

    def test_time_first_and_gated(self):
        model = Gated()
        loads = [torch.randn(5, 8, 6) for _ in range(4)]
        self.check("gated", model, loads, batch_axis=1)

    def test_latents_of_topk(self):
        class TopK(nn.Module):
            def forward(self, z):
                best = torch.topk(z, 4, dim=-1)
                return torch.zeros_like(z).scatter_(-1, best.indices, F.relu(best.values))

        class Sparse(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.pick, self.decoder = kill(nn.Linear(12, 24), 0, 7, 9), TopK(), nn.Linear(24, 12)

            def forward(self, x):
                return self.decoder(self.pick(self.encoder(x)))
        model, x = Sparse(), torch.randn(64, 12)
        with Capture(model, self.place / "topk", latents="pick") as capture:
            dead = capture.census(batches(x))
        fired = (model.pick(model.encoder(x)) != 0).sum(0)
        self.assertEqual(dead["encoder"], [unit for unit in range(24) if fired[unit] == 0])
        self.assertLessEqual({0, 7, 9}, set(dead["encoder"]))
        rates = [float(row["activation_rate"]) for row in self.table("topk", "units") if row["role"] == "hidden"]
        self.assertEqual(rates, [count / 64 for count in fired.tolist()])

    def test_sites_of_models_with_ways_of_their_own(self):
        """Names, kinds and what reads what, where it is not plain."""
        class Attention(nn.Module):
            def __init__(self):
                super().__init__()
                self.q, self.o, self.norm = nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8)
                self.up, self.down, self.head = nn.Linear(8, 32), nn.Linear(32, 8), nn.Linear(8, 3)

            def forward(self, x):
                q, k, v = self.q(self.norm(x)).chunk(3, -1)
                x = x + self.o((q @ k.transpose(1, 2)).softmax(-1) @ v)
                x = x + self.down(F.gelu(self.up(self.norm(x))))
                return {"hidden": x, "logits": self.head(x[:, 0])}

        class Concatenated(nn.Module):
            def __init__(self):
                super().__init__()
                self.c, self.d, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(8, 4, 3), nn.Linear(4, 2)

            def forward(self, x):
                z = self.c(x)
                x = torch.cat([F.relu(z), F.relu(-z)], 1)
                return self.head(F.silu(self.d(x)).mean((2, 3))), x
        normed = nn.Sequential(nn.utils.weight_norm(nn.Linear(6, 8)), nn.ReLU(), nn.utils.spectral_norm(nn.Linear(8, 8)), nn.ReLU(),
                               nn.Linear(8, 2), nn.Softmax(1))
        recurrent = nn.Sequential(nn.Embedding(9, 4, sparse=True), nn.GRU(4, 6))

        class Tied(nn.Module):
            def __init__(self):
                super().__init__()
                self.tokens, self.hidden, self.head = nn.Embedding(9, 6), nn.Linear(6, 6), nn.Linear(6, 9, bias=False)
                self.head.weight = self.tokens.weight

            def forward(self, x):
                return self.head(F.relu(self.hidden(self.tokens(x))))
        for name, model, x, expected in (
                ("attention", Attention(), torch.randn(8, 5, 8), ["up gelu hidden 5 input", "head identity output 1 input up"]),
                ("concatenated", Concatenated(), torch.randn(8, 3, 9, 9),
                 ["c relu hidden 49 input", "c#2 relu hidden 49 input", "d silu hidden 25 c c#2", "head identity output 1 d"]),
                ("normed", normed, torch.randn(8, 6), ["0 relu hidden 1 input", "2 relu hidden 1 0", "4 softmax output 1 2"]),
                ("tied", Tied(), torch.randint(0, 9, (8, 7)), ["hidden relu hidden 7 input", "head identity output 7 hidden"]),
                ("recurrent", recurrent, torch.randint(0, 9, (7, 12)), ["1 identity output 7 input"])):
            with self.subTest(name), Capture(model, self.place / name, every=1, batch_axis=name == "recurrent") as capture:
                capture.census([[x]])
                output = model(x)
                next(rc._tensors(output if name != "attention" else output["logits"])).square().mean().backward()
                capture.step(0.0, torch.optim.SGD(model.parameters(), 0.1))
                rows = self.table(name, "sites")
                self.assertEqual([" ".join(row[column] for column in ("name", "activation", "role", "positions", "inputs"))
                                  for row in rows], expected)
                owned = [one for site in capture.sites.values() for one in site["owned"]]
                self.assertEqual(sorted(owned), sorted(name for name, _ in model.named_parameters()))
                self.assertTrue(all(row["delta_rms"] for row in self.table(name, "layers")))

    def test_padding_is_left_out(self):
        class Tagger(nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden, self.head = nn.Linear(4, 9), nn.Linear(9, 3)

            def forward(self, x, real=None):
                return self.head(F.relu(self.hidden(x)))
        model, x = Tagger(), torch.randn(12, 6, 4)
        real = torch.arange(6)[None] < torch.randint(1, 6, (12, 1))
        with torch.no_grad():
            x[~real] = 50 * torch.randn(int((~real).sum()), 4)  # padding alone wakes many
            model.hidden.bias -= 1
        loads = [{"x": x[at:at + 4], "real": real[at:at + 4]} for at in range(0, 12, 4)]
        with Capture(model, self.place / "padding", mask="real") as capture:
            dead = capture.census(loads)["hidden"]
        z = model.hidden(x)[real]
        self.assertEqual(dead, [unit for unit in range(9) if bool((z[:, unit] <= 0).all())])
        self.assertIn(len(dead), range(1, 7))
        rows = [row for row in self.table("padding", "units") if row["role"] == "hidden"]
        for unit, row in enumerate(rows):
            self.assertAlmostEqual(float(row["activation_rate"]), float((z[:, unit] > 0).double().mean()), places=12)
            some = (model.hidden(x)[:, :, unit] > 0) & real
            self.assertAlmostEqual(float(row["sample_rate"]), float(some.any(1).double().mean()), places=12)
        a = (model.hidden(x).relu() * real[:, :, None]).sum(1).double() / real.sum(1, keepdim=True).clamp(min=1)
        self.assertAlmostEqual(float(self.table("padding", "census")[0]["effective_rank"]), rank(a), places=6)

    def test_what_depends_on_the_batch_is_marked(self):
        """z that is 0 but for rounding: where another batch size says otherwise, the unit is marked."""
        model = nn.Sequential(nn.Conv2d(8, 64, 3), nn.ReLU())
        x, dead, marks = torch.randn(32, 8, 10, 10), {}, {}
        with torch.no_grad():
            model[0].bias.copy_(-F.conv2d(x.double(), model[0].weight.double()).amax((0, 2, 3)))  # the largest z is next to 0
        for size in (1, 3, 32):
            with Capture(model, self.place / f"close{size}") as capture:
                dead[size] = set(capture.census(batches(x, size))["0"])
            marks[size] = {int(row["unit"]) for row in self.table(f"close{size}", "units") if row["within_rounding"] == "1"}
        differ = (dead[1] ^ dead[32]) | (dead[3] ^ dead[32])
        self.assertTrue(differ)
        for size in marks:
            self.assertLessEqual(differ, marks[size])


class Censuses(Case):
    def test_deaths_revivals_and_dates(self):
        model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        kill(model[0], 0)
        x = torch.randn(30, 6)
        optimizer = torch.optim.SGD(model.parameters(), 0.0)
        with Capture(model, self.place / "lives", census=batches(x)) as capture:
            for step, change in enumerate([(1, -1e3), (0, 1e3), (1, 1e3)]):
                model(x).sum().backward()
                capture.step(0.0, optimizer)
                model[0].bias.data[change[0]] = change[1]
                capture.census()
        told = [(one["step"], one["event"], one["unit"], one["after"], one["by"], one["dated"]) for one in self.events("lives")]
        self.assertEqual(told, [(0, "born_dead", 0, None, None, None), (1, "died", 1, 0, 1, "exact"),
                                (2, "revived", 0, 1, 2, "exact"), (3, "revived", 1, 2, 3, "exact")])
        rows = [row for row in self.table("lives", "census") if row["name"] == "0"]
        self.assertEqual([(row["step"], row["dead"], row["born_dead"], row["died"], row["revived"]) for row in rows],
                         [("0", "1", "1", "0", "0"), ("1", "2", "1", "1", "0"), ("2", "1", "1", "0", "1"),
                          ("3", "0", "1", "0", "1")])
        units = [row for row in self.table("lives", "units") if row["name"] == "0"]
        self.assertEqual([(row["deaths"], row["revivals"]) for row in units[:3]], [("0", "1"), ("1", "1"), ("0", "0")])
        self.assertEqual((units[1]["died_after"], units[1]["died_by"]), ("0", "1"))

    def test_states_are_those_of_their_definitions(self):
        """Saturated: |φ'| ≤ 0.01 on every sample; dormant: mean |a| ≤ 0.025 times the layer's; rare: below 1 % of the samples."""
        x = torch.randn(300, 6)
        for phi in (torch.tanh, F.gelu, F.relu, F.hardswish, F.softplus, F.leaky_relu, F.silu):
            class Model(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer, self.head = nn.Linear(6, 12), nn.Linear(12, 2)
                    with torch.no_grad():
                        self.layer.weight[:4] *= 1e-3
                        self.layer.bias[:4] = torch.tensor([30.0, -30.0, 2e-2, -3.0])
                        self.layer.weight[4:6] *= 200  # rare, and not dormant: two samples wake them, loudly
                        z = F.linear(x, self.layer.weight[4:6])
                        self.layer.bias[4:6] = -z.sort(0).values[-3]  # alive on two samples of 300

                def forward(self, x):
                    return self.head(phi(self.layer(x)))
            model = Model()
            with self.subTest(phi.__name__), Capture(model, self.place / phi.__name__) as capture:
                capture.census(batches(x))
                z = model.layer(x).detach().requires_grad_()
                a = phi(z)
                slope = torch.autograd.grad(a.sum(), z)[0].abs().amax(0)
                means = a.detach().abs().mean(0)
                kinked = phi in (F.relu, F.hardswish)
                live = (z > (0 if phi is F.relu else -3)).double().mean(0) if kinked else torch.ones(12)
                states = []
                for unit in range(12):
                    dead = kinked and live[unit] == 0
                    states.append("dead" if dead else "saturated" if slope[unit] <= 0.01 and phi is not F.leaky_relu else
                                  "dormant" if means[unit] <= 0.025 * means.mean() else "rare" if live[unit] < 0.01 else "alive")
                rows = [row for row in self.table(phi.__name__, "units") if row["role"] == "hidden"]
                self.assertEqual([row["state"] for row in rows], states)
                for unit, row in enumerate(rows):
                    self.assertAlmostEqual(float(row["a_mean"]), float(a[:, unit].mean()), places=5)
                census = self.table(phi.__name__, "census")[0]
                self.assertEqual(int(census["saturated"]), sum(one in ("dead", "saturated") for one in states))
                self.assertAlmostEqual(float(census["effective_rank"]), rank(a.detach()[:192].double()), places=4)

    def test_units_that_are_not_finite(self):
        model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        model[0].bias.data[2], model[0].bias.data[3], model[0].bias.data[4] = math.nan, -math.inf, math.inf
        with Capture(model, self.place / "nan") as capture:
            dead = capture.census(batches(torch.randn(30, 6)))
        self.assertEqual(dead["0"], [])
        units = [row for row in self.table("nan", "units") if row["name"] == "0"]
        self.assertEqual([row["state"] for row in units[2:]], ["not_finite"] * 3)
        self.assertEqual(self.table("nan", "census")[0]["not_finite"], "3")
        self.assertEqual(self.table("nan", "census")[0]["dead"], "0")
        self.assertEqual({one["unit"] for one in self.events("nan") if one["event"] == "non_finite" and one["layer"] == 1},
                         {2, 3, 4})
        self.ask("diagnose", "nan")

    def test_a_state_that_is_kept_is_no_other_path(self):
        class Keeps(nn.Module):
            def __init__(self):
                super().__init__()
                self.cell, self.head, self.kept = nn.Linear(6, 5), nn.Linear(10, 3), torch.zeros(4, 5)

            def forward(self, x):
                before = F.relu(self.kept)
                self.kept = self.cell(x).detach()
                return self.head(torch.cat([before, torch.tanh(self.kept)], 1))
        with Capture(Keeps(), self.place / "keeps") as capture:
            self.assertEqual(list(capture.census([torch.ones(4, 6), -torch.ones(4, 6)])), ["input", "cell", "head"])

    def test_a_death_between_censuses_far_apart_is_in_a_range(self):
        model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        with Capture(model, self.place / "range") as capture:
            capture.steps = 2
            capture.census(batches(torch.ones(4, 6)))
            kill(model[0], *range(5))
            capture.steps = 4
            capture.census(batches(torch.ones(4, 6)))
        events = self.events("range")
        died = [one for one in events if one["event"] == "died"]
        self.assertTrue(died and all((one["after"], one["by"], one["dated"]) == (2, 4, "range") for one in died))
        self.assertEqual([one["layer"] for one in events if one["event"] == "collapsed"], [1])
        # The first census was not one of the weights at the start: who was born dead is not known.
        self.assertEqual({row["born_dead"] for row in self.table("range", "census")}, {""})
        self.assertIn("collapsed-network", self.ask("diagnose", "range").stdout)

    def test_another_path_is_refused(self):
        class Paths(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.head = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 3)

            def forward(self, x):
                return self.head(F.relu(self.a(x) if x.mean() > 0 else self.b(x)))
        model = Paths()
        with self.assertRaisesRegex(CaptureError, "another path: site '[ab]' is (missing|new) in batch 1"):
            with Capture(model, self.place / "paths") as capture:
                capture.census([torch.ones(4, 6), -torch.ones(4, 6)])
        self.assertNotIn("forward", model.__dict__)
        self.assertEqual(json.loads((self.place / "paths/manifest.json").read_text())["status"], "failed")

    def test_other_data_are_noticed_and_another_order_is_not(self):
        model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        x = torch.randn(32, 6)
        with Capture(model, self.place / "data") as capture:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                capture.census(batches(x))
                capture.steps = 1
                capture.census(batches(x[torch.randperm(32)]))
            capture.steps = 2
            with self.assertWarnsRegex(UserWarning, "not those of the last one"):
                capture.census(batches(x + 0.1))

    def test_nothing_is_changed_by_measuring(self):
        """Parameters, running statistics and random numbers are those of the bare program, to the bit."""
        def train(watch):
            torch.manual_seed(5)
            model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.3),
                                  nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(600, 4)))
            data = torch.utils.data.TensorDataset(images(48), torch.randint(0, 4, (48,)))
            loader = torch.utils.data.DataLoader(data, 16, shuffle=True)
            optimizer = torch.optim.Adam(model.parameters(), 0.01)
            capture = Capture(model, self.place / "same", every=2, census=loader) if watch else None
            with capture or warnings.catch_warnings():
                for _ in range(3):
                    for x, y in loader:
                        optimizer.zero_grad()
                        loss = F.cross_entropy(model(x), y)
                        loss.backward()
                        capture.step(loss, optimizer) if watch else optimizer.step()
                    if watch:
                        capture.census()
            self.assertTrue(model.training)
            return model.state_dict()
        bare, watched = train(False), train(True)
        self.assertEqual(list(bare), list(watched))
        for name in bare:
            self.assertTrue(torch.equal(bare[name], watched[name]), name)


class Copied(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x, scale=1.0):
        self.kept = torch.softmax(self.layer(x).detach(), 1)
        return F.relu(self.layer(x)) * scale + self.layer.bias


class Steps(Case):
    def test_statistics_are_those_of_their_definitions(self):
        model = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3)).double()
        x, y = torch.randn(9, 6, dtype=torch.float64), torch.randint(0, 3, (9,))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        before = [parameter.detach().clone() for parameter in model.parameters()]
        with Capture(model, self.place / "steps", every=3) as capture:
            for _ in range(4):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y)
                loss.backward()
                capture.step(loss, optimizer)
        first = self.table("steps", "layers")[:3]
        self.assertEqual([row["step"] for row in self.table("steps", "steps")], ["0", "3"])
        self.assertEqual([row["role"] for row in first], ["hidden", "hidden", "output"])
        for parameter, old in zip(model.parameters(), before):
            parameter.data.copy_(old)
        h = x
        squares = [0.0, 0.0, 0.0]
        for sample in range(9):  # each sample's own loss
            z, a = [], x[sample]
            for at, phi in ((0, F.relu), (2, torch.tanh), (4, lambda v: v)):
                z.append(model[at](a))
                a = phi(z[-1])
            for at, gradient in enumerate(torch.autograd.grad(F.cross_entropy(a[None], y[sample:sample + 1]), z)):
                squares[at] += float((gradient ** 2).sum())
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for row, at, phi, square in zip(first, (0, 2, 4), (F.relu, torch.tanh, lambda v: v), squares):
            layer = model[at]
            z = layer(h).detach()
            h = phi(z)
            both = torch.cat([layer.weight.grad.flatten(), layer.bias.grad])
            theta = torch.cat([layer.weight.flatten(), layer.bias]).detach()
            expected = {
                "units": z.shape[1], "z_mean": z.mean(), "z_std": z.std(unbiased=False), "z_max": z.abs().max(),
                "a_mean": h.mean(), "a_rms": (h ** 2).mean().sqrt(), "a_max": h.abs().max(),
                "zero_fraction": (h == 0).double().mean(), "grad_norm_w": layer.weight.grad.norm(),
                "grad_norm_b": layer.bias.grad.norm(), "grad_max": both.abs().max(), "grad_mean": both.abs().mean(),
                "grad_zero_fraction": (both == 0).double().mean(), "weight_norm": layer.weight.norm(),
                "update_ratio": 0.1 * both.norm() / theta.norm(), "delta_rms": math.sqrt(square / z.numel()),
                "batch_dead": (z <= 0).all(0).sum() if at == 0 else 0, "positions": 1}
            for column, value in expected.items():
                self.assertAlmostEqual(float(row[column]), float(value), places=10, msg=f"{row['name']} {column}")

    def test_delta_adds_up_the_positions_of_a_unit(self):
        model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)).double()
        x, y = torch.randn(4, 1, 5, 5, dtype=torch.float64), torch.randint(0, 2, (4,))
        with Capture(model, self.place / "conv") as capture:
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            capture.step(loss, torch.optim.SGD(model.parameters(), 0.1), scaler=None)
            row = self.table("conv", "layers")[0]
        model.load_state_dict({name: value + 0.1 * parameter.grad for (name, value), parameter in
                               zip(model.state_dict().items(), model.parameters())})  # as it was before the update
        square = 0.0
        for sample in range(4):
            z = model[0](x[sample:sample + 1])
            loss = F.cross_entropy(model[3](F.relu(z).flatten(1)), y[sample:sample + 1])
            square += float((torch.autograd.grad(loss, z)[0] ** 2).sum())
        self.assertAlmostEqual(float(row["delta_rms"]), math.sqrt(square / (4 * 3)), places=10)
        self.assertEqual(row["positions"], "16")

    def steps_of(self, name, model, x, y, run, **options):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with Capture(model, self.place / name, every=1, **options) as capture:
            run(model, x, y, optimizer, capture)
        return self.table(name, "layers"), self.table(name, "steps")

    def same(self, one, other, *without, places=5):
        self.assertEqual(len(one), len(other))
        for left, right in zip(one, other):
            for column in left:
                if column in without:
                    continue
                try:
                    self.assertAlmostEqual(float(left[column]), float(right[column]), places=places, msg=column)
                except ValueError:
                    self.assertEqual(left[column], right[column], column)

    def plain(self, model, x, y, optimizer, capture):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        capture.step(loss, optimizer)

    def model(self):
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Sequential(nn.Linear(7, 5), nn.ReLU()), nn.Linear(5, 3))

    def data(self):
        torch.manual_seed(2)
        return torch.randn(12, 6), torch.randint(0, 3, (12,))

    def test_accumulated_gradients_are_one_step(self):
        def pieces(model, x, y, optimizer, capture):
            for at in range(0, 12, 4):
                part = F.cross_entropy(model(x[at:at + 4]), y[at:at + 4]) / 3
                part.backward()
            with torch.no_grad():
                model(x)  # an evaluation in between is none of it
            model(x)  # nor is one whose gradient nobody asks for
            capture.step(F.cross_entropy(model(x), y), optimizer)
        whole = self.steps_of("whole", self.model(), *self.data(), self.plain)
        parts = self.steps_of("parts", self.model(), *self.data(), pieces)
        self.same(whole[0], parts[0])
        self.same(whole[1], parts[1])

    def test_two_networks_against_each_other(self):
        generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
        judge = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
        rates = [torch.optim.SGD(model.parameters(), 0.1) for model in (generator, judge)]
        loss_of = F.binary_cross_entropy_with_logits
        with Capture(generator, self.place / "generator", every=1) as one, Capture(judge, self.place / "judge", every=1) as other:
            for _ in range(3):
                rates[1].zero_grad()
                loss = loss_of(judge(torch.randn(5, 6)), torch.ones(5, 1))
                loss = loss + loss_of(judge(generator(torch.randn(5, 4)).detach()), torch.zeros(5, 1))
                loss.backward()
                other.step(loss, rates[1])
                rates[0].zero_grad()
                with other.paused():
                    loss = loss_of(judge(generator(torch.randn(7, 4))), torch.ones(7, 1))
                loss.backward()
                one.step(loss, rates[0])
        for name, sites in (("generator", 2), ("judge", 2)):
            rows = self.table(name, "layers")
            self.assertEqual([int(row["step"]) for row in rows], [step for step in range(3) for _ in range(sites)])
            self.assertTrue(all(float(row["delta_rms"]) > 0 for row in rows))

    def test_sites_under_checkpointing_are_counted_once(self):
        from torch.utils.checkpoint import checkpoint

        class Checkpointed(nn.Module):
            def __init__(self, inner, reentrant):
                super().__init__()
                self.inner, self.reentrant = inner, reentrant

            def forward(self, x):
                inner = self.inner
                x = inner[1](inner[0](x))
                return inner[3](checkpoint(inner[2], x, use_reentrant=self.reentrant))
        whole = self.steps_of("bare", self.model(), *self.data(), self.plain)
        for reentrant in (False, True):
            rows, steps = self.steps_of(f"reentrant-{reentrant}", Checkpointed(self.model(), reentrant), *self.data(), self.plain)
            for row in rows:
                row["name"] = row["name"].replace("inner.", "")
            # The reentrant kind computes what it keeps without a graph: no gradient passes z there.
            self.same(whole[0], rows, *(["delta_rms"] if reentrant else []))
            self.same(whole[1], steps)
            self.assertEqual([row["delta_rms"] == "" for row in rows], [False, reentrant, False])

    def test_scaled_gradients_are_unscaled(self):
        class Scaler:
            """The face of torch.cuda.amp.GradScaler, which wants a GPU."""

            def __init__(self, scale):
                self.value = scale

            def get_scale(self):
                return self.value

            def scale(self, loss):
                return loss * self.value

            def unscale_(self, optimizer):
                for group in optimizer.param_groups:
                    for parameter in group["params"]:
                        parameter.grad /= self.value

            def step(self, optimizer):
                if all(bool(torch.isfinite(p.grad).all()) for group in optimizer.param_groups for p in group["params"]):
                    optimizer.step()

            def update(self):
                self.value = 1024.0

        def scaled(scale):
            def run(model, x, y, optimizer, capture):
                scaler = Scaler(scale)
                loss = F.cross_entropy(model(x), y)
                scaler.scale(loss).backward()
                capture.step(loss, optimizer, scaler=scaler)
            return run
        whole = self.steps_of("unscaled", self.model(), *self.data(), self.plain)
        parts = self.steps_of("scaled", self.model(), *self.data(), scaled(4096.0))
        self.same(whole[0], parts[0])
        self.same(whole[1], parts[1])
        with self.assertRaises(FileNotFoundError):  # a step that the scaler skips says nothing
            self.steps_of("skipped", self.model(), *self.data(), scaled(1e39))

    def test_half_precision(self):
        def halved(model, x, y, optimizer, capture):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(x), y)
            loss.backward()
            capture.step(loss, optimizer)
        whole = self.steps_of("float", self.model(), *self.data(), self.plain)
        half = self.steps_of("bfloat16", self.model(), *self.data(), halved)
        self.same(whole[0], half[0], "grad_max", "grad_zero_fraction", "batch_dead", "batch_dead_fraction", places=1)
        self.assertEqual([row["name"] for row in half[0]], ["0", "2.0", "3"])

    def test_gradients_too_small_to_square(self):
        model = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 3))
        x, y = self.data()

        def tiny(model, x, y, optimizer, capture):
            loss = F.cross_entropy(model(x), y) * 1e-28
            loss.backward()
            capture.step(loss, optimizer)
        rows, steps = self.steps_of("tiny", model, x, y, tiny)
        for row in rows:
            for column in ("delta_rms", "grad_norm_w", "grad_norm_b"):
                self.assertGreater(float(row[column]), 0.0)
        self.assertGreater(float(steps[0]["grad_norm"]), 0.0)

    def test_a_compiled_model_runs_uncompiled_where_it_is_recorded(self):
        class Compiled(nn.Module):
            """What torch.compile of PyTorch 2 returns, as far as it matters: it has the module, and a forward of its own."""

            def __init__(self, model):
                super().__init__()
                self.__dict__["runs"] = 0
                self._orig_mod = model
                self.forward = self.run

            def run(self, *args):
                self.__dict__["runs"] += 1
                return self._orig_mod(*args)
        whole = self.steps_of("bare", self.model(), *self.data(), self.plain)
        compiled = Compiled(self.model())
        optimizer = torch.optim.SGD(compiled.parameters(), 0.1)
        x, y = self.data()
        with Capture(compiled, self.place / "compiled", every=2, census=[(x, y)]) as capture:
            for _ in range(5):
                optimizer.zero_grad()
                self.plain(compiled, x, y, optimizer, capture)
        self.assertEqual(compiled.runs, 2)
        self.assertEqual(compiled.forward.__name__, "run")
        self.assertNotIn("forward", compiled._orig_mod.__dict__)
        self.same(whole[0], self.table("compiled", "layers")[:3])
        self.assertEqual([row["name"] for row in self.table("compiled", "census")[:3]], ["0", "2.0", "3"])

    def test_copies_of_the_model_have_a_forward_of_their_own(self):
        model = Copied()
        x = torch.randn(4, 6)
        with Capture(model, self.place / "copies", every=1):
            self.assertEqual(list(inspect.signature(model.forward).parameters), ["x", "scale"])
            average = torch.optim.swa_utils.AveragedModel(model)
            before = model(x)
            torch.save(model, self.place / "model.pt")
            others = [copy.deepcopy(model), average.module, torch.load(self.place / "model.pt")]
            for other in others:
                self.assertTrue(torch.equal(other(x), before))
                other.layer.bias.data += 1
                self.assertFalse(torch.equal(other(x), before))
                self.assertTrue(torch.equal(model(x), before))

    def test_a_program_that_never_calls_step_is_told(self):
        model = self.model()
        with Capture(model, self.place / "never") as capture, self.assertWarnsRegex(UserWarning, "instead of optimizer.step"):
            for _ in range(rc.MOST_PASSES + 1):
                model(torch.randn(1, 6))
        self.assertEqual(capture.books, [])

    def test_what_cannot_be_watched_is_refused_in_words(self):
        for model, words in ((nn.DataParallel(self.model()), "DistributedDataParallel"),
                             (torch.jit.script(self.model()), "TorchScript"), (len, "expected a torch.nn.Module")):
            with self.assertRaisesRegex(CaptureError, words):
                Capture(model, self.place / "refused")
        model = self.model()
        Capture(model, self.place / "taken").tables.close()
        with self.assertRaisesRegex(CaptureError, "holds manifest.json of another run"):
            Capture(model, self.place / "taken")
        Capture(model, self.place / "taken", overwrite=True).tables.close()
        with Capture(model, self.place / "lbfgs") as capture:
            with self.assertRaisesRegex(CaptureError, "cap.measure"):
                capture.step(0.0, torch.optim.LBFGS(model.parameters()))
            with self.assertWarnsRegex(UserWarning, "no forward pass"):
                capture.step(0.0, torch.optim.SGD(model.parameters(), 0.1))

    def test_several_ranks_are_one(self):
        """Two processes with half of each batch, against one with all of it."""
        program = self.place / "ranks.py"
        program.write_text(f"""
import sys
sys.path.insert(0, {str(SOURCE / 'scripts')!r})
import torch, torch.nn as nn, torch.nn.functional as F
import torch.distributed as dist
from reluscope_capture import Capture
rank, world = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(1)
model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 5), nn.ReLU(), nn.Linear(5, 3))
model[0].bias.data[2] = -99
x, y = torch.randn(32, 1, 6, 6), torch.randint(0, 3, (32,))
watched = model
if world > 1:
    dist.init_process_group("gloo", init_method="file://" + sys.argv[4], rank=rank, world_size=world)
    watched = nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
loader = [(x[at + rank::world][:8 // world], y[at + rank::world][:8 // world]) for at in range(0, 32, 8)]
with Capture(watched, sys.argv[3], every=2, census=loader, criterion="cross_entropy") as capture:
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(watched(inputs), targets)
        loss.backward()
        capture.step(loss, optimizer)
""", encoding="utf-8")
        for world in (1, 2):
            running = [subprocess.Popen([sys.executable, "-B", program, str(rank), str(world), self.place / f"world{world}",
                                         self.place / "meet"], stderr=subprocess.PIPE, text=True) for rank in range(world)]
            for one in running:
                _, err = one.communicate(timeout=300)
                self.assertEqual(one.returncode, 0, err)
        for name in ("steps", "layers", "census", "units", "sites", "features", "evaluation"):
            self.same(self.table("world1", name), self.table("world2", name), "within_rounding")
        data = [json.loads((self.place / f"world{world}/manifest.json").read_text())["data"] for world in (1, 2)]
        outcomes = [json.loads((self.place / f"world{world}/summary.json").read_text()) for world in (1, 2)]
        for key in ("loss", "constant_loss", "gain", "gain_error", "accuracy"):
            self.assertAlmostEqual(outcomes[0]["train"][key], outcomes[1]["train"][key], places=5)
        self.assertEqual((data[0]["train_samples"], data[0]["crc32"]), (data[1]["train_samples"], data[1]["crc32"]))


class Programs(Case):
    """Of bench/capture_programs.py a few of each kind; the script runs all."""

    def check(self, *names):
        sys.path.insert(0, str(SOURCE / "bench"))
        import capture_programs as programs
        for name in names:
            with self.subTest(name):
                program = {**programs.SICK, **programs.HEALTHY}[name]
                directory = self.place / name.replace(" ", "-")
                programs.train(program, directory)
                good, causes = programs.verdict(PROGRAM, directory, program)
                self.assertTrue(good, f"{name}: found {causes}, expected {program.rule or 'no warning'}")

    def test_what_was_planted_is_named(self):
        self.check("born dead", "rate", "unscaled inputs", "dead output", "vanishing", "exploding", "frozen batch norm",
                   "two softmaxes")

    def test_healthy_programs_are_let_be(self):
        self.check("MLP", "CNN, 28 pixels", "ResNet, 28 pixels", "ResNet, 112 pixels", "transformer")


class Downstream(Case):
    def capture(self, name, **options):
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        kill(model[0], 1, 4)
        x, y = torch.randn(48, 6), torch.randint(0, 3, (48,))
        loader = list(zip(batches(x), batches(y)))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with Capture(model, self.place / name, every=1, census=loader, **options) as capture:
            for inputs, targets in loader * 3:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward()
                capture.step(loss, optimizer)
                if options.get("criterion") is None:
                    continue
                self.assertIn("running, step", subprocess.run(["timeout", "2", PROGRAM, "watch", self.place / name],
                                                              capture_output=True, text=True).stdout) \
                    if capture.steps == 3 else None
        return model

    def test_everything_reads_it(self):
        self.capture("one", criterion="cross_entropy")
        self.capture("two")
        told = self.ask("diagnose", "one", "two")
        self.assertEqual(told.stderr.count("not applied"), 2)  # they lack different things
        self.assertIn("noisy-gradient (no steps.grad_trace)", told.stderr)
        self.assertIn("done, step 8, loss", self.ask("watch", "one").stdout)
        for words in (["one"], ["one", "two"]):
            self.ask("report", *words, "-o", "page.html")
            page = (self.place / "page.html").read_text(encoding="utf-8")
            self.assertIn("2 of 8", page) if words == ["one"] else self.assertIn("two", page)
            self.assertNotIn("every default filled in", page)
        for table in ("steps", "layers", "census", "units"):
            rows = list(csv.DictReader(self.ask("export", "one", "two", "--to", "csv", "--table", table).stdout.splitlines()))
            self.assertEqual({row["run"] for row in rows}, {"one", "two"})
        self.ask("export", "one")
        self.assertTrue(any((self.place / "one/tensorboard").iterdir()))
        for words in (["prune", "one", "-o", "pruned"], ["run", "--resume", "one"], ["prescribe", "one"]):
            self.assertIn("one", self.ask(*words, code=2).stderr)
        # A table of it alone, and rules of another tool.
        self.ask("diagnose", "one/layers.csv")
        self.ask("diagnose", "one", "--rules", "torch-audit")
        self.assertEqual(self.ask("capture", "--print").stdout, (SOURCE / "scripts/reluscope_capture.py").read_text("utf-8"))
        self.assertEqual(self.ask("--version").stdout.strip(), rc.VERSION)

    def test_columns_are_those_of_the_program(self):
        known = {}
        for table in rc.COLUMNS:
            for column in rc.COLUMNS[table]:
                done = subprocess.run([PROGRAM, "explain", f"{table}.{column}"], capture_output=True, text=True)
                known[table, column] = done.returncode == 0 or f"{table}.{column}" in done.stdout
        self.assertEqual([place for place, there in known.items() if not there], [])

    def test_units_that_were_silent_in_training(self):
        self.capture("silent")
        rows = [row for row in self.table("silent", "census") if row["name"] == "0"]
        self.assertEqual([row["silent"] for row in rows], ["", "2"])
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with Capture(model, self.place / "gaps", every=2, census=[torch.randn(4, 6)]) as capture:
            for _ in range(4):
                model(torch.randn(4, 6)).sum().backward()
                capture.step(0.0, optimizer)
        self.assertEqual({row["silent"] for row in self.table("gaps", "census")}, {""})  # a step between was not seen

    def test_a_capture_that_was_killed(self):
        program = self.place / "killed.py"
        program.write_text(f"import sys, os; sys.path.insert(0, {str(SOURCE / 'scripts')!r})\n"
                           "import torch; from reluscope_capture import Capture\n"
                           "model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())\n"
                           "with Capture(model, 'killed') as capture:\n"
                           "    capture.census([torch.randn(4, 2)])\n    os._exit(9)\n", encoding="utf-8")
        self.assertEqual(subprocess.run([sys.executable, "-B", program], cwd=self.place).returncode, 9)
        self.assertIn("stopped: its process has ended", self.ask("watch", "killed").stdout)
        self.ask("diagnose", "killed")


class Page(Case):
    """docs/with-pytorch.md"""

    def blocks(self):
        page = (SOURCE / "docs/with-pytorch.md").read_text(encoding="utf-8")
        return re.findall(r"^```(\w+)\n(.*?)^```\n", page, flags=re.M | re.S)

    def test_the_way_from_nothing_to_a_report(self):
        tools = self.place / "tools"
        tools.mkdir()
        (tools / "reluscope").symlink_to(PROGRAM)
        (tools / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} -B "$@"\n', encoding="utf-8")
        (tools / "python3").chmod(0o755)
        blocks = self.blocks()
        (self.place / "train.py").write_text(next(code for language, code in blocks if language == "python"), encoding="utf-8")
        (self.place / "metrics.csv").write_text("epoch,step,train_loss,val_loss\n0,9,1.5,\n0,9,,1.4\n1,19,1.2,\n", "utf-8")
        (self.place / "trainer_state.json").write_text(json.dumps({"log_history": [
            {"step": 10, "loss": 2.5, "learning_rate": 1e-4, "grad_norm": 1.5}, {"step": 10, "eval_loss": 2.0},
            {"step": 20, "loss": 2.0}]}), "utf-8")
        shown = ""
        for language, code in blocks:
            if language == "sh":
                done = subprocess.run(["bash", "-ec", code], capture_output=True, text=True, cwd=self.place,
                                      env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                shown += done.stdout
            if language == "text":
                for line in code.splitlines():
                    bare = [re.sub("[0-9]+", "#", re.sub(r"\s+", " ", text)).strip() for text in (line, shown)]
                    self.assertIn(*bare)
        self.assertIn("dying-units", shown)
        self.assertTrue((self.place / "mine.html").exists())
        self.assertEqual((self.place / "lightning.csv").read_text(), "step,epoch,loss\n9,0,1.5\n19,1,1.2\n")
        for table in ("lightning.csv", "trainer.csv"):
            self.ask("diagnose", table)

    def test_the_callbacks(self):
        """Driven in the order in which the trainers call them; the frameworks themselves are not here."""
        import types
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
        for name in ("lightning", "transformers"):
            code = next(code for language, code in self.blocks() if language == "python" and name in code)
            base = type("Base", (), {})
            modules = {"lightning": types.ModuleType("lightning"), "transformers": types.ModuleType("transformers"),
                       "lightning.pytorch": types.ModuleType("lightning.pytorch")}
            modules["lightning.pytorch"].Callback = modules["transformers"].TrainerCallback = base
            modules["lightning"].pytorch = modules["lightning.pytorch"]
            sys.modules.update(modules)
            try:
                space = {}
                exec(compile(code.replace('"runs/', f'"{self.place}/').replace("every=50", "every=1"), name, "exec"), space)
            finally:
                for one in modules:
                    del sys.modules[one]
            callback = space["Reluscope"]()
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            if name == "lightning":
                trainer = types.SimpleNamespace(accumulate_grad_batches=2, current_epoch=0, train_dataloader=[(x, y)])
                callback.on_train_start(trainer, model)
                for batch in range(4):
                    loss = F.cross_entropy(model(x), y) / 2
                    callback.on_before_backward(trainer, model, loss)
                    loss.backward()
                    if batch % 2:
                        callback.on_before_optimizer_step(trainer, model, optimizer)
                        optimizer.step()
                        optimizer.zero_grad()
                    callback.on_train_batch_end(trainer, model, None, None, batch)
                callback.on_train_epoch_end(trainer, model)
                callback.on_train_end(trainer, model)
            else:
                class WithLoss(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.inner = model

                    def forward(self, x, labels, attention_mask=None):
                        logits = self.inner(x)
                        return {"loss": F.cross_entropy(logits, labels), "logits": logits}
                whole = WithLoss()
                callback.on_train_begin(None, None, None, model=whole)
                for _ in range(2):
                    whole(x, labels=y)["loss"].backward()
                    callback.on_pre_optimizer_step(None, None, None, optimizer=optimizer)
                    optimizer.step()
                    optimizer.zero_grad()
                    callback.on_step_end(None, None, None)
                callback.on_epoch_end(None, None, None, train_dataloader=[{"x": x, "labels": y}])
                callback.on_train_end(None, None, None)
            steps = self.table(name, "steps")
            self.assertEqual([row["step"] for row in steps], ["0", "1"])
            self.assertTrue(all(0.3 < float(row["loss"]) < 3 for row in steps))
            self.assertEqual(len(self.table(name, "layers")), 4)
            self.assertEqual(self.table(name, "census")[-1]["role"], "output")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
