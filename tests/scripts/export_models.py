"""PyTorch models that a config can say, for the tests of export; exits with 77 (skipped) where there is no PyTorch."""

import csv
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from beside_torch import PROGRAM  # skips where there is no PyTorch
import torch
import torch.nn as nn
import torch.nn.functional as F

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
    "a norm of pictures before all": (lambda: nn.Sequential(
        nn.BatchNorm2d(2), nn.Flatten(), kill(nn.Linear(2 * 9 * 9, 8), 3), nn.ReLU(), nn.Linear(8, CLASSES)), images),
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


class Sum(nn.Module):
    """Of two branches, in one of the ways to write it."""

    def __init__(self, body, shortcut, activation, way):
        super().__init__()
        self.body, self.shortcut, self.activation, self.way = body, shortcut, activation, way

    def forward(self, x):
        one, other = self.body(x), self.shortcut(x)
        if self.way == 0:
            one += other
            return self.activation(one)
        return self.activation(other + one if self.way == 1 else torch.add(one, other))


def random_model(draw):
    """Convolutions, norms, pools and sums in any order; many units die by their norms' shifts."""
    def activation(units):
        return draw.choice([nn.ReLU(), nn.ReLU(inplace=True), nn.PReLU(), nn.PReLU(units), nn.ReLU6(), nn.Tanh(),
                            nn.ELU(0.3, inplace=True), nn.Hardswish(), nn.LeakyReLU(0.1), nn.Identity()])

    def norm(kind, units):
        return [kind(units)] if draw.random() < 0.6 else []

    def maps(channels, out, stride=1):
        return [nn.Conv2d(channels, out, 3, stride, 1, bias=draw.random() < 0.7), *norm(nn.BatchNorm2d, out)]

    layers, channels, side = [], 2, 9
    for _ in range(draw.randint(2, 4)):
        out, stride, kind = draw.randint(2, 6), draw.choice([1, 1, 2]), draw.random()
        if kind < 0.4:
            layers += [*maps(channels, out, stride), activation(out)]
        elif kind < 0.8:
            same, middle = stride == 1 and draw.random() < 0.5, draw.randint(2, 5)
            out = channels if same else out
            before = [nn.BatchNorm2d(channels), activation(channels)] if draw.random() < 0.3 else []
            body = [*before, *maps(channels, middle, stride), activation(middle), *maps(middle, out)]
            side_way = [] if same else [nn.Conv2d(channels, out, 1, stride), *norm(nn.BatchNorm2d, out)]
            layers.append(Sum(nn.Sequential(*body), nn.Sequential(*side_way), activation(out), draw.randint(0, 2)))
        else:
            out, stride = channels, 1
            layers.append(draw.choice([nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1), nn.Dropout2d(0.2),
                                       nn.LayerNorm((channels, side, side)), activation(channels)]))
        channels, side = out, (side - 1) // stride + 1
    pooled = draw.random() < 0.5
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if pooled else [nn.Flatten()]
    width = channels if pooled else channels * side * side
    return settle(nn.Sequential(*layers, nn.Linear(width, 6), *norm(nn.BatchNorm1d, 6), activation(6),
                                nn.Linear(6, CLASSES)))


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
