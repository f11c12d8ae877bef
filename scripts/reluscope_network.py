#!/usr/bin/env python3
"""The PyTorch network that a config describes, its parameters called as in reluscope's files of weights.

    import json, reluscope_network, safetensors.torch
    config = json.load(open("runs/mine/manifest.json"))["config"]
    network = reluscope_network.build(config["network"]["layers"], (1, 28, 28))    # channels, height, width of a sample
    network.load_state_dict(safetensors.torch.load_file("runs/mine/weights.safetensors"))

Needs PyTorch 1.8 or later, and nothing else.
"""

import torch
from torch import nn

ACTIVATIONS = {
    "identity": lambda p, units: None, "relu": lambda p, units: nn.ReLU(), "relu6": lambda p, units: nn.ReLU6(),
    "leaky_relu": lambda p, units: nn.LeakyReLU(p.get("negative_slope", 0.01)),
    "prelu": lambda p, units: nn.PReLU(1 if p.get("slopes") == "layer" else units, p.get("init", 0.25)),
    "rrelu": lambda p, units: nn.RReLU(p.get("lower", 1 / 8), p.get("upper", 1 / 3)),
    "elu": lambda p, units: nn.ELU(p.get("alpha", 1.0)), "celu": lambda p, units: nn.CELU(p.get("alpha", 1.0)),
    # The approximate one is there from PyTorch 1.12 on.
    "gelu": lambda p, units: nn.GELU() if p.get("approximate", "none") == "none" else nn.GELU(p["approximate"]),
    "softplus": lambda p, units: nn.Softplus(p.get("beta", 1.0), p.get("threshold", 20.0)),
    "selu": lambda p, units: nn.SELU(), "silu": lambda p, units: nn.SiLU(), "mish": lambda p, units: nn.Mish(),
    "tanh": lambda p, units: nn.Tanh(), "sigmoid": lambda p, units: nn.Sigmoid(),
    "hardswish": lambda p, units: nn.Hardswish(),
    "softmax": lambda p, units: nn.Softmax(dim=1)}


class ChannelNorm(nn.LayerNorm):
    """A LayerNorm over the channels of each position, of what has its channels first (as ConvNeXt's)."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class SampleNorm(nn.LayerNorm):
    """A LayerNorm over all values of a sample; where that is one position, as over its channels."""

    def forward(self, x):
        return super().forward(x.reshape(len(x), *self.normalized_shape)).reshape(x.shape)


class Residual(nn.Module):
    """What its body yields plus what its shortcut does, and an activation after the sum."""

    def __init__(self, body, shortcut, activation):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut, activation or nn.Identity()

    def forward(self, x):
        return self.activation(self.body(x) + self.shortcut(x))


class Network(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        return self.layers(x)


def choice(value, default):
    """The name of a choice, and its settings."""
    value = default if value in (None, False) else value
    return (value, {}) if isinstance(value, str) else (value.get("name", default), value)


def norm_of(value, x):
    name, p = choice(value, "none")
    if name == "none":
        return None
    if name == "layer_norm":
        shape = x.shape[1:] if p.get("axes") == "sample" and x[0, 0].numel() > 1 else x.shape[1:2]
        kind = SampleNorm if p.get("axes") == "sample" else ChannelNorm
        return kind(shape, p.get("eps", 1e-5), p.get("affine", True))
    kind = nn.BatchNorm2d if x.dim() == 4 else nn.BatchNorm1d
    return kind(x.shape[1], p.get("eps", 1e-5), p.get("momentum", 0.1), p.get("affine", True))


def activation_of(layer, x):
    name, p = choice(layer.get("activation"), "identity")
    return ACTIVATIONS[name](p, x.shape[1])


def modules_of(layer, x):
    """The layer's modules one after the other; `x` is what the first one gets. Each is told what the next one gets."""
    kind = layer.get("type", "dense")
    if kind == "dense":
        if x.dim() == 4:
            x = yield nn.Flatten()
        bias = choice(layer.get("init", {}).get("bias"), "auto")[0] != "none" and \
            layer.get("init", {}).get("bias") is not False
        x = yield nn.Linear(x.shape[1], layer["units"], bias=bias)
    elif kind == "conv2d":
        bias = choice(layer.get("init", {}).get("bias"), "auto")[0] != "none" and \
            layer.get("init", {}).get("bias") is not False
        x = yield nn.Conv2d(x.shape[1], layer["channels"], layer["kernel"], layer.get("stride", 1),
                            layer.get("padding", 0), bias=bias)
    elif kind == "residual":
        yield Residual(sequence(layer["layers"], x), sequence(layer.get("shortcut") or [], x),
                       activation_of(layer, x if not layer.get("layers") else run(sequence(layer["layers"], x), x)))
        return
    elif kind in ("batch_norm", "layer_norm"):
        yield norm_of({**layer, "name": kind}, x)
        return
    elif kind == "max_pool":
        yield nn.MaxPool2d(layer["kernel"], layer.get("stride"), layer.get("padding", 0))
        return
    elif kind == "avg_pool":
        yield nn.AvgPool2d(layer["kernel"], layer.get("stride"), layer.get("padding", 0),
                           count_include_pad=layer.get("count_include_pad", True))
        return
    elif kind == "global_avg_pool":
        yield nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return
    elif kind == "flatten":
        yield nn.Flatten()
        return
    elif kind == "dropout":
        yield (nn.Dropout2d if layer.get("per") == "channel" and x.dim() == 4 else nn.Dropout)(layer.get("p", 0.5))
        return
    norm = norm_of(layer.get("norm"), x)
    if norm is not None:
        x = yield norm
    activation = activation_of(layer, x)
    if activation is not None:
        yield activation


def run(module, x):
    with torch.no_grad():
        return module.eval()(x)


def sequence(layers, x):
    """The layers as a Sequential that takes what is like `x`."""
    modules = []
    for layer in layers:
        for _ in range(layer.get("repeat", 1)):
            steps = modules_of(layer, x)
            module = next(steps, None)
            while module is not None:
                x = run(module, x)
                modules.append(module.train())
                try:
                    module = steps.send(x)
                except StopIteration:
                    module = None
    return nn.Sequential(*modules)


def build(layers, shape):
    """`layers`: of a config, raw or resolved; `shape`: of a sample, (features,) or (channels, height, width)."""
    x = torch.zeros(2, *shape)
    if layers[0].get("type", "dense") in ("dense", "dropout"):
        x = x.flatten(1)  # a dense layer reads a sample as it comes
    return Network(sequence(layers, x))
