#!/usr/bin/env python3
"""PyTorch programs, sick and healthy, that scripts/reluscope_capture.py watches; and whether `reluscope diagnose` names
what was planted, and is silent where nothing was.

    capture_programs.py RELUSCOPE [NAME …] [--keep DIR]

All of them, or those named; exits with 1 where one is not as expected. A sick program ends in the finding that is named
beside it, as a warning or worse, and with no other cause before it. A healthy one may be told information, and no more.
"""

import argparse
import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from reluscope_capture import Capture  # noqa: E402


# ---- data

def digits(pixels=8, flat=False, scale=None, samples=None):
    """With mean 0 and deviation 1, or `scale` times what the file has."""
    with gzip.open(ROOT / "data/digits/digits.csv.gz", "rt") as file:
        rows = torch.tensor([[float(cell) for cell in line.split(",")] for line in file if line[0].isdigit()])[:samples]
    x, y = rows[:, :64], rows[:, 64].long()
    x = x * scale if scale else (x - x.mean()) / x.std()
    if flat:
        return x, y
    x = x.reshape(-1, 1, 8, 8)
    return (x if pixels == 8 else F.interpolate(x, pixels, mode="bilinear", align_corners=False)), y


def waves():
    torch.manual_seed(11)
    x = torch.rand(512, 3) * 4 - 2
    return x, torch.sin(x[:, :1] * 2) + x[:, 1:2] * x[:, 2:]


def sentences():
    """Sequences of tokens; the class is the token that stands most often among the first four."""
    torch.manual_seed(12)
    x = torch.randint(0, 8, (512, 12))
    return x, torch.stack([(x == token).sum(1) for token in range(4)], 1).argmax(1)


# ---- models

def mlp(inputs, outputs, width=64, depth=2, phi=nn.ReLU, init=None, bias=None):
    layers = []
    for at in range(depth):
        layers += [nn.Linear(inputs if at == 0 else width, width), phi()]
    layers.append(nn.Linear(width if depth else inputs, outputs))
    model = nn.Sequential(*layers)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear) and init is not None:
                init(layer.weight)
        if bias is not None:
            for layer in list(model)[:-1]:
                if isinstance(layer, nn.Linear):
                    layer.bias.fill_(bias)
    return model


def cnn(channels=(16, 32), norm=False, left=4):
    """`left`: pixels a side that the head sees; 1: global average pooling."""
    layers, last = [], 1
    for count in channels:
        layers += [nn.Conv2d(last, count, 3, padding=1)] + ([nn.BatchNorm2d(count)] if norm else [])
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        last = count
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(left), nn.Flatten(), nn.Linear(last * left * left, 10))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.na = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.b, self.nb = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.nb(self.b(F.relu(self.na(self.a(x))))) + x)


def resnet(stride=2, channels=12, blocks=2):
    return nn.Sequential(nn.Conv2d(1, channels, stride + 1, stride=stride, padding=1, bias=False),
                         nn.BatchNorm2d(channels), nn.ReLU(), *[Block(channels) for _ in range(blocks)],
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(channels, 10))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(8, 16), nn.Parameter(0.1 * torch.randn(12, 16))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, 0.0, batch_first=True), 2)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x) + self.place).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.hidden, self.head = nn.LSTM(8, 24, batch_first=True), nn.Linear(24, 24), nn.Linear(24, 10)

    def forward(self, x):
        return self.head(F.relu(self.hidden(self.lstm(x.reshape(-1, 8, 8))[0][:, -1])))


class TwoBranches(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide, self.narrow = nn.Linear(64, 48), nn.Linear(64, 16)
        self.both, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.head(F.relu(self.both(torch.cat([F.relu(self.wide(x)), torch.tanh(self.narrow(x))], 1))))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.code = nn.Linear(64, 48), nn.Linear(48, 16)
        self.up, self.out = nn.Linear(16, 48), nn.Linear(48, 64)

    def forward(self, x):
        return self.out(F.relu(self.up(self.code(F.relu(self.down(x))))))


def frozen_norm():
    """Batch norm in evaluation mode, with the statistics of other data: nothing is left of the signal."""
    model = cnn((8, 16), norm=True)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(50.0)
            module.train = lambda mode=True, module=module: module
            module.training = False
    return model


def constant_start(weight):
    nn.init.constant_(weight, 0.0)


adam = torch.optim.Adam
sgd = torch.optim.SGD


class Program:
    def __init__(self, data, model, optimizer=adam, lr=3e-3, epochs=6, batch=32, criterion="cross_entropy", rule=None):
        self.data, self.model, self.optimizer, self.lr, self.epochs = data, model, optimizer, lr, epochs
        self.batch, self.criterion, self.rule = batch, criterion, rule


FLAT = lambda: digits(flat=True)
SICK = {
    "born dead": Program(FLAT, lambda: mlp(64, 10, bias=-30.0), rule="dead-on-arrival"),
    "rate": Program(FLAT, lambda: mlp(64, 10), lr=0.1, rule="dying-units"),
    "unscaled inputs": Program(lambda: digits(flat=True, scale=200),
                               lambda: mlp(64, 10), sgd, 0.1, rule="unscaled-inputs"),
    "dead output": Program(waves, lambda: nn.Sequential(mlp(3, 1), nn.ReLU(), nn.Identity()), sgd, 2.0, criterion="mse",
                           rule="dead-output"),
    "vanishing": Program(FLAT, lambda: mlp(64, 10, depth=10, phi=nn.Sigmoid), sgd, 0.01, epochs=3,
                         rule="vanishing-gradient"),
    "exploding": Program(FLAT, lambda: mlp(64, 10, depth=10, init=lambda w: nn.init.normal_(w, 0, 0.6)), sgd, 0.01,
                         epochs=3, rule="poor-initialisation"),
    "frozen batch norm": Program(lambda: digits(16), frozen_norm, sgd, 0.01, epochs=3, rule="dead-on-arrival"),
    "all weights 0": Program(FLAT, lambda: mlp(64, 10, init=constant_start), sgd, 0.1, rule="symmetric-units"),
    "two softmaxes": Program(FLAT, lambda: nn.Sequential(mlp(64, 10), nn.Softmax(1)), rule="double-softmax"),
}
HEALTHY = {
    "MLP": Program(FLAT, lambda: mlp(64, 10)),
    "MLP by SGD": Program(FLAT, lambda: mlp(64, 10), lambda p, lr: sgd(p, lr, momentum=0.9), 0.05),
    "deep MLP": Program(FLAT, lambda: mlp(64, 10, depth=5), lr=1e-3),
    "MLP with tanh": Program(FLAT, lambda: mlp(64, 10, phi=nn.Tanh)),
    "MLP with GELU": Program(FLAT, lambda: mlp(64, 10, phi=nn.GELU)),
    "MLP with leaky ReLU": Program(FLAT, lambda: mlp(64, 10, phi=nn.LeakyReLU)),
    "MLP with dropout": Program(FLAT, lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3),
                                                            nn.Linear(64, 10))),
    "regression": Program(waves, lambda: mlp(3, 1), epochs=30, criterion="mse"),
    "CNN, 8 pixels": Program(digits, lambda: cnn(left=2), epochs=6),
    "CNN, 28 pixels": Program(lambda: digits(28, samples=500), cnn, epochs=6),
    "CNN, 56 pixels": Program(lambda: digits(56, samples=400), lambda: cnn((8, 16, 32)), epochs=6),
    "CNN, 112 pixels": Program(lambda: digits(112, samples=200), lambda: cnn((8, 8, 16, 32)),
        epochs=6, lr=1.5e-3, batch=16),
    "CNN with batch norm, 28 pixels": Program(lambda: digits(28, samples=400), lambda: cnn((8, 16, 32), norm=True, left=1),
        epochs=8, batch=16),
    "CNN with batch norm, 56 pixels": Program(lambda: digits(56, samples=300), lambda: cnn((8, 16, 32), norm=True, left=2),
        epochs=8, batch=16),
    "ResNet, 28 pixels": Program(lambda: digits(28, samples=400), resnet, epochs=8, lr=1e-2, batch=16),
    "ResNet, 56 pixels": Program(lambda: digits(56, samples=300), lambda: resnet(4), epochs=10, lr=1e-2, batch=16),
    "ResNet, 112 pixels": Program(lambda: digits(112, samples=300), lambda: resnet(8), epochs=10, lr=3e-3, batch=16),
    "transformer": Program(sentences, Transformer, epochs=15),
    "LSTM": Program(digits, Recurrent, epochs=8),
    "two branches": Program(FLAT, TwoBranches),
    "autoencoder": Program(lambda: (digits(flat=True)[0],) * 2, Autoencoder, criterion="mse", epochs=10),
    "log-softmax": Program(FLAT, lambda: nn.Sequential(mlp(64, 10), nn.LogSoftmax(1)), criterion="nll"),
}

LOSSES = {"cross_entropy": F.cross_entropy, "nll": F.nll_loss, "mse": F.mse_loss}


def train(program, directory, seed=1):
    torch.manual_seed(seed)
    data = torch.utils.data.TensorDataset(*program.data())
    loader = torch.utils.data.DataLoader(data, program.batch, shuffle=True)
    model = program.model()
    optimizer = program.optimizer(model.parameters(), program.lr)
    with Capture(model, directory, every=5, census=loader, criterion=program.criterion) as capture:
        for epoch in range(program.epochs):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = LOSSES[program.criterion](model(inputs), targets)
                loss.backward()
                capture.step(loss, optimizer)
            capture.epoch = epoch + 1
            capture.census()


def verdict(reluscope, directory, program):
    """What the program says of the run, and whether that is as expected."""
    done = subprocess.run([reluscope, "diagnose", directory, "--json"], capture_output=True, text=True, check=True)
    findings = [one for one in json.loads(done.stdout)["findings"] if one["severity"] != "info"]
    causes = [one["rule"] for one in findings if one["symptom_of"] is None]
    as_expected = causes[:1] == [program.rule] if program.rule else not findings
    return as_expected, causes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reluscope")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--keep")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    place = pathlib.Path(arguments.keep or tempfile.mkdtemp(prefix="capture-programs-"))
    place.mkdir(exist_ok=True)
    wrong = 0
    for name, program in {**SICK, **HEALTHY}.items():
        if arguments.names and name not in arguments.names:
            continue
        directory = place / name.replace(" ", "-")
        shutil.rmtree(directory, ignore_errors=True)
        train(program, directory)
        good, causes = verdict(arguments.reluscope, directory, program)
        wrong += not good
        print(f"{'as expected' if good else 'WRONG':12} {name:32} {', '.join(causes) or 'silent'}", flush=True)
    if not arguments.keep:
        shutil.rmtree(place)
    print(f"{wrong} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
