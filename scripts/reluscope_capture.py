"""Watches the training of a PyTorch model, and writes the tables that reluscope reads.

One file; PyTorch 1.13 or newer is all it needs. The smallest program that works:

    with reluscope_capture.Capture(model, "runs/mine", every=50, census=train_loader) as cap:
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            cap.step(loss, optimizer)  # measures, and calls optimizer.step()

Then `reluscope diagnose runs/mine`, `reluscope report runs/mine`; while it trains, `reluscope watch runs/mine`.

A *site* is an activation function in one place of the model, named by the layer that produced its argument z. A *unit*
is a channel of a site. *Positions* are the places that a unit is applied at for one sample: pixels, tokens, calls of a
shared layer. A unit is dead if the derivative of the activation is 0 at z for every position of every sample. Every
`every` steps the training batch is measured (steps.csv, layers.csv). A census counts over a whole loader, in evaluation
mode, unit by unit (census.csv, units.csv, events.jsonl). docs/with-pytorch.md says what is promised of the numbers, and
what is not.

`cap.export("mine")` writes the model as a config with its weights and data, for `reluscope census`, `prune`,
`prescribe` and `theory`, and `load_pruned` puts what was pruned back into the model.

How it sees activations: while a forward pass is measured, a TorchFunctionMode gets every call of a PyTorch function: of
modules, functional, in place, reused. It tells tensors apart by a tag: the layer they come from, which axis holds the
units, the parameters since the last site. In all other steps nothing is in the way of the model.
"""

import collections
import contextlib
import copy
import csv
import ctypes
import functools
import io
import itertools
import json
import math
import os
import random
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Mapping

try:
    import fcntl
except ImportError:  # there are no such locks on Windows
    fcntl = None
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

VERSION = "0.1.0"
SCHEMA_VERSION = 1
SATURATED = 0.01  # |φ'| of a saturated unit, at most
DORMANT = 0.025  # mean |a| of a dormant unit over its layer's, at most (Sokar et al. 2023)
RARE = 0.01  # share of samples with a live position below which a unit is called rare
NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
RANK_ROWS = 192  # samples whose activations the effective rank is taken of
MOST_PASSES = 1000  # of training, for one update
SMALL = 1 << 13  # tensors up to this size are summed in float64


class CaptureError(RuntimeError):
    """What this file cannot measure, and what can be done about it."""


# ---- activations

class Phi:
    """An activation as it was called: its name, and `alive(z)`, which is above 0 exactly where φ'(z) is not 0, and is
    the distance to the dead region there. None: φ' is 0 nowhere, or underflows at most."""

    def __init__(self, name, alive=None, steps=False, leaky=False, slope=None):
        self.name, self.alive, self.slope = name, alive, slope
        self.learned = ()  # names of the parameters that it has itself
        self.steps = steps  # φ' is 0 or 1: saturated is dead
        self.leaky = leaky  # φ' never comes near 0
        self.mortal = alive is not None


def _argument(args, kwargs, at, name, default):
    value = args[at] if len(args) > at else kwargs.get(name, default)
    return default if value is None else value


def _relu(args, kwargs):
    return Phi("relu", lambda z: z, steps=True)


def _band(low, high, name="hardtanh"):
    return Phi("relu6" if (low, high) == (0, 6) else name, lambda z: torch.minimum(z - low, high - z), steps=True)


def _hardtanh(args, kwargs):
    return _band(_argument(args, kwargs, 1, "min_val", -1.0), _argument(args, kwargs, 2, "max_val", 1.0))


def _threshold(args, kwargs):
    at = _argument(args, kwargs, 1, "threshold", 0.0)
    return Phi("threshold", lambda z: z - at, steps=True)


def _shrink(name):
    def make(args, kwargs):
        width = _argument(args, kwargs, 1, "lambd", 0.5)
        return Phi(name, lambda z: z.abs() - width, steps=True)
    return make


def _clamp(args, kwargs):
    """clamp(z, min=0) is relu, and clamp(z, 0, 6) relu6; other limits are no activation, but the program's business."""
    low, high = _argument(args, kwargs, 1, "min", None), _argument(args, kwargs, 2, "max", None)
    if isinstance(low, (int, float)) and low == 0 and high is None:
        return _relu(args, kwargs)
    if isinstance(low, (int, float)) and low == 0 and isinstance(high, (int, float)):
        return _band(low, high)
    return None


def _leaky(name, default, scale="negative_slope", at=1):
    def make(args, kwargs):
        slope = _argument(args, kwargs, at, scale, default)
        if isinstance(slope, (int, float)) and slope == 0:
            return _relu(args, kwargs) if name == "leaky_relu" else Phi(name, lambda z: z)
        return Phi(name, leaky=name == "leaky_relu")
    return make


def _prelu(args, kwargs):
    """A unit whose learned slope is exactly 0 is dead below 0."""
    weight = _argument(args, kwargs, 1, "weight", None).detach()
    axis = 1 if args[0].dim() > 1 else 0

    def alive(z):
        shape = [1] * z.dim()
        if weight.numel() > 1 and z.shape[axis] == weight.numel():
            shape[axis] = -1
        elif weight.numel() > 1:
            return torch.full_like(z, math.inf)
        return torch.where((weight == 0).reshape(shape), z, torch.full_like(z, math.inf))
    return Phi("prelu", alive, leaky=True, slope=weight)


def _plain(name, **facts):
    return lambda args, kwargs: Phi(name, **facts)


def _activations():
    table = {}

    def add(make, *functions):
        table.update((function, make) for function in functions if function is not None)

    T = torch.Tensor
    add(_relu, torch.relu, torch.relu_, T.relu, T.relu_, F.relu)
    add(_clamp, torch.clamp, torch.clamp_, T.clamp, T.clamp_, torch.clip, T.clip, T.clip_)
    add(_clamp, torch.clamp_min, torch.clamp_min_, T.clamp_min, T.clamp_min_)
    add(lambda args, kwargs: _band(0.0, 6.0), F.relu6)
    add(_hardtanh, F.hardtanh, F.hardtanh_)
    add(_threshold, F.threshold, F.threshold_, torch.threshold, torch.threshold_)
    add(_shrink("hardshrink"), F.hardshrink, torch.hardshrink, T.hardshrink)
    add(_shrink("softshrink"), F.softshrink)
    add(_plain("hardswish", alive=lambda z: z + 3.0), F.hardswish)
    add(lambda args, kwargs: _band(-3.0, 3.0, "hardsigmoid"), F.hardsigmoid)
    add(_leaky("leaky_relu", 0.01), F.leaky_relu, F.leaky_relu_)
    add(_leaky("elu", 1.0, "alpha"), F.elu, F.elu_)
    add(_leaky("celu", 1.0, "alpha"), F.celu, F.celu_, torch.celu, torch.celu_)
    add(_prelu, F.prelu, torch.prelu, T.prelu)
    add(_plain("rrelu", leaky=True), F.rrelu, F.rrelu_, torch.rrelu, torch.rrelu_)
    for name in ("selu", "gelu", "silu", "mish", "softplus", "softsign", "logsigmoid", "tanhshrink", "sigmoid", "tanh"):
        for room in (F, torch, T):
            add(_plain(name), getattr(room, name, None), getattr(room, name + "_", None))
    return table


ACTIVATIONS = _activations()
SOFTMAX = {getattr(room, name): name for room in (F, torch, torch.Tensor) for name in ("softmax", "log_softmax")}
CONVOLUTIONS = {getattr(room, name): (name, int(name[-2])) for room in (F, torch)
                for name in ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")}
NORMS = {getattr(F, name): name for name in ("batch_norm", "layer_norm", "group_norm", "instance_norm")}
PRODUCTS = {F.linear, F.bilinear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.Tensor.__rmatmul__,
            torch.mm, torch.Tensor.mm, torch.bmm, torch.Tensor.bmm, torch.addmm, torch.Tensor.addmm, torch.einsum,
            torch.baddbmm}
SUMS = {torch.add, torch.Tensor.add, torch.Tensor.add_, torch.Tensor.__add__, torch.Tensor.__radd__,
        torch.Tensor.__iadd__, torch.cat, torch.concat, torch.stack}
# What comes out is no larger than what goes in: the bound on |x| holds on.
TAME = {F.max_pool1d, F.max_pool2d, F.max_pool3d, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, F.adaptive_avg_pool1d,
        F.adaptive_avg_pool2d, F.adaptive_max_pool2d, torch.flatten, torch.Tensor.flatten, torch.Tensor.view,
        torch.Tensor.reshape, torch.reshape, torch.max_pool2d}


def _derivative(function, args, kwargs, z):
    """|φ'| at z, by autograd: of activations that are neither steps nor leaky."""
    with torch.enable_grad():
        leaf = z.detach().clone().requires_grad_()
        arguments = (leaf, *args[1:])
        inner = leaf.clone() if getattr(function, "__name__", "").endswith("_") or kwargs.get("inplace") else leaf
        total = function(inner, *arguments[1:], **kwargs).sum()
        return torch.autograd.grad(total, leaf)[0].abs()


# ---- the forward pass

class Tag:
    """What is known of a tensor: where it comes from."""
    __slots__ = ("layer", "call", "axis", "owned", "sources", "kind", "weight", "largest", "scale", "site",
                 "softmax_of", "serial")

    def __init__(self, layer=None, call=0, axis=None, owned=(), sources=(), kind=None):
        self.layer, self.call = layer, call  # the layer that made it, and which of its calls
        self.axis = axis  # where the units are: 1, or -1 for the last axis; None: not known
        self.owned = dict.fromkeys(owned)  # parameters since the last site, by name, in order
        self.sources = dict.fromkeys(sources)  # the sites it reads
        self.kind = kind
        self.weight = self.largest = self.scale = None  # of an affine map: its weight, max |x| and the scale behind it
        self.site = None  # it is the activation of this site, as it came out
        self.softmax_of = None
        self.serial = 0

    # A tensor that the model keeps may be copied, or written to a file: without its tag.
    def __deepcopy__(self, memo):
        return None

    def __reduce__(self):
        return type(None), ()


def _tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _tensors(one)


class Names:
    """What parameters are called, and whose they are."""

    def __init__(self, model, parameters):
        self.of = {id(parameter): name for name, parameter in parameters.items()}
        modules = dict(model.named_modules())
        self.linears = {id(module._parameters.get("weight")): f"{name}.weight" for name, module in modules.items()
                        if isinstance(module, torch.nn.Linear)}
        # Of parameters, and of layers, when a pass has met them: the module that they are a part of.
        self.homes = {name: self._home(name, modules) for name in (*parameters, *self.linears.values())}
        matrices = collections.Counter(self.homes[name] for name, one in parameters.items() if one.dim() > 1)
        # Modules with several matrices, and not PyTorch's own: each matrix is a layer.
        self.bare = {home for home, count in matrices.items()
                     if count > 1 and not type(modules[home]).__module__.startswith("torch.nn.")}

    @staticmethod
    def _home(name, modules):
        home = name.rpartition(".")[0].split(".parametrizations")[0]
        while isinstance(modules[home], (torch.nn.ParameterList, torch.nn.ParameterDict)):
            home = home.rpartition(".")[0]
        return home


class ForwardPass(TorchFunctionMode):
    """Sees every call in one forward pass, and tells `book` of each activation:
    `book.site(key, tag, phi, z, call)` returns a function that takes the activation a."""

    serials = itertools.count(1)

    def __init__(self, model, names, book, output):
        super().__init__()
        self.serial = next(self.serials)
        self.names, self.linears, self.homes, self.bare = names.of, names.linears, names.homes, names.bare
        self.own = {*names.of, *map(id, model.buffers())}
        self.book = book
        self.output = output  # which of what the model returns is its output
        self.calls = {}  # of layers
        self.inside = 0  # a module whose output is a site by itself
        self.ordinals = {}  # sites so far that come from the same call of a layer

    def tag(self, tensor):
        """Nothing for a tensor of another pass: a state that is kept, say."""
        tag = tensor.__dict__.get("_reluscope_tag") if isinstance(tensor, torch.Tensor) else None
        return tag if tag is not None and tag.serial == self.serial else None

    def put(self, tensor, tag):
        tag.serial = self.serial
        if id(tensor) not in self.own:
            tensor._reluscope_tag = tag

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name == "__get__" or name == "__set__" or not args:  # .shape, .requires_grad, …
            result = function(*args, **kwargs)
            if name == "__get__" and isinstance(result, torch.Tensor) and self.tag(args[0]) is not None:
                self._mark(function, args, kwargs, result)  # .T, .data
            return result
        make, z = None if self.inside else ACTIVATIONS.get(function), args[0]
        # A bound on a parameter is no activation of a sample.
        is_signal = isinstance(z, torch.Tensor) and z.is_floating_point() and z.dim() > 0 and id(z) not in self.own
        phi = make(args, kwargs) if make and is_signal else None
        if phi is None:
            result = function(*args, **kwargs)
            self._mark(function, args, kwargs, result)
            return result
        tag = self.tag(z) or Tag(sources=("input",))
        key = self._key(tag, phi)
        phi.learned = self._own(tag, args[1:], tuple(kwargs.values()))  # the slopes of a PReLU
        take = self.book.site(key, tag, phi, z, lambda: _derivative(function, args, kwargs, z))
        result = function(*args, **kwargs)
        take(result)
        self._passed(key, tag, result)
        return result

    def _passed(self, key, tag, result):
        """Behind a site everything begins anew."""
        after = Tag(tag.layer, tag.call, tag.axis, sources=(key,))
        after.site, after.largest = key, self.book.largest(key)
        self.put(result, after)

    def _key(self, tag, phi):
        """Two sites behind one call of a layer are two; the same site behind two calls of it is one, but where the
        activations differ."""
        layer = tag.layer or "input"
        while True:
            number = self.ordinals[layer, tag.call] = self.ordinals.get((layer, tag.call), 0) + 1
            key = layer if number == 1 else f"{layer}#{number}"
            if self.book.sites.get(key, {"activation": phi.name})["activation"] == phi.name:
                return key

    def _own(self, tag, *tensors):
        """Returns the names of the parameters among the tensors."""
        found = [self.names[id(tensor)] for tensor in _tensors(tensors) if id(tensor) in self.names]
        tag.owned.update(dict.fromkeys(found))
        return found

    def _mark(self, function, args, kwargs, result):
        """Tags what a function returns."""
        results = [one for one in _tensors(result) if one.is_floating_point()]
        if not results:
            return
        inputs = list(_tensors((args, tuple(kwargs.values()))))
        tags = [(one, self.tag(one)) for one in inputs]
        tags = [(one, tag) for one, tag in tags if tag is not None]
        parameters = [one for one in inputs if id(one) in self.names]
        if not tags and not any(id(one) in self.own for one in inputs):
            return
        # Of a sum the branch that has layers of its own since the last site; else the first one.
        main = next(((one, tag) for one, tag in tags if tag.owned), tags[0] if tags else (None, Tag()))
        before = main[1]
        tag = Tag(before.layer, before.call, kind=before.kind)
        for _, one in tags:
            tag.owned.update(one.owned)
            tag.sources.update(one.sources)
        # What is made of parameters alone, as a normalised weight, reads nothing.
        if not tag.sources and any(id(one) not in self.own and self.tag(one) is None for one in inputs):
            tag.sources["input"] = None
        self._own(tag, parameters)
        data = args[0] if args and isinstance(args[0], torch.Tensor) else main[0]
        if parameters:
            weight = _argument(args, kwargs, 1, "weight", None) if function is F.linear or function in CONVOLUTIONS else None
            if id(weight) not in self.names:
                weight = next((one for one in parameters if one.dim() > 1), parameters[0])
            name = self.names[id(weight)]
            if function is F.linear:
                name = self.linears.get(id(weight), name)  # of a weight that is an embedding's, too
            home = self.homes[name]
            # A bias or a gain of a module, behind a layer in it, makes no layer.
            is_map = function in PRODUCTS or function in CONVOLUTIONS or function in NORMS
            if is_map or before.layer is None or not f"{self.homes[before.layer]}.".startswith(f"{home}." if home else ""):
                layer = name if home in self.bare and weight.dim() > 1 else home or "parameters"
                self.homes[layer] = home
                self.calls[layer] = self.calls.get(layer, 0) + 1
                tag.layer, tag.call = layer, self.calls[layer]
                tag.kind = getattr(function, "__name__", "")
        if function in PRODUCTS:
            if not parameters and len(inputs) > 1 and self.tag(inputs[1]) is not None and self.tag(inputs[1]).layer:
                tag.layer = tag.layer or self.tag(inputs[1]).layer
            tag.axis = -1
            if function is F.linear:
                tag.kind, tag.largest = "dense", self._largest(data)
                tag.weight = _argument(args, kwargs, 1, "weight", None)
        elif function in CONVOLUTIONS:
            tag.kind, dims = CONVOLUTIONS[function]
            tag.axis = results[0].dim() - dims - 1
            if tag.axis == 1:
                tag.weight, tag.largest = _argument(args, kwargs, 1, "weight", None), self._largest(data)
            if "transpose" in tag.kind:
                tag.weight = None
        elif function in NORMS:
            tag.kind = NORMS[function]
            tag.axis = before.axis if before.axis is not None or function is F.layer_norm else 1
            if function is F.batch_norm and before.weight is not None and not kwargs.get("training", True):
                variance, scale = args[2], kwargs.get("weight")
                tag.weight, tag.largest = before.weight, before.largest
                tag.scale = (variance + kwargs.get("eps", 1e-5)).rsqrt() * (1.0 if scale is None else scale.abs())
        else:
            if function in SUMS and len({one.layer for _, one in tags if one.sources}) > 1:
                tag.kind = "sum" if function not in (torch.cat, torch.concat, torch.stack) else "cat"
            if main[0] is not None:
                tag.axis = _moved_axis(function, args, kwargs, main[0], before.axis, results[0])
            if function in TAME:
                tag.largest = before.largest if before.weight is None else None
        if function in SOFTMAX and tags:
            tag.softmax_of = (main[0], before, SOFTMAX[function])
        for one in results:
            self.put(one, tag)

    def _largest(self, x):
        """max |x|, for the bound on the rounding of a product."""
        return self.book.absolute_maximum(x, self.tag(x))

    def outputs(self, value):
        """The output is a site, too, if it is none yet."""
        tensor = self.output(value)
        tag = self.tag(tensor)
        if tag is not None and tag.site is not None:
            self.book.is_output(tag.site)
        elif tag is not None and tensor.is_floating_point() and tensor.dim() > 0:
            phi, z = Phi("identity", leaky=True), tensor
            if tag.softmax_of is not None:
                z, tag, name = tag.softmax_of
                phi = Phi(name, leaky=True)
            key = self._key(tag, phi)
            self.book.site(key, tag, phi, z, None)(tensor)
            self.book.is_output(key)
        for one in _tensors(value):
            one.__dict__.pop("_reluscope_tag", None)  # what leaves the model is as it was

    # A module whose output is a site: what is not 0 is live (TopK, JumpReLU).
    def enter(self, module, inputs):
        self.inside += 1

    def leave(self, module, inputs, output):
        self.inside -= 1
        tensor = next(_tensors(output), None)
        if self.inside or tensor is None:
            return
        tags = [self.tag(tensor), *map(self.tag, _tensors(inputs)), Tag(sources=("input",))]
        tag = next(one for one in tags if one is not None)
        phi = Phi("latents", lambda z: z.abs(), steps=True)
        key = self._key(tag, phi)
        self.book.site(key, tag, phi, tensor, None)(tensor)
        self._passed(key, tag, tensor)


def _moved_axis(function, args, kwargs, x, axis, result):
    """Where the units are after an operation that may have moved them."""
    if axis is None or x.dim() == 0 or result.dim() == 0:
        return None
    name = getattr(function, "__name__", "")
    at = axis % x.dim()
    if name in ("transpose", "swapaxes", "swapdims", "transpose_") and len(args) >= 3:
        one, other = args[1] % x.dim(), args[2] % x.dim()
        at = other if at == one else one if at == other else at
    elif name == "permute" and len(args) >= 2:
        order = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
        at = [dim % x.dim() for dim in order].index(at)
    elif name == "t" or name == "__get__" and result.dim() == x.dim() and result.shape != x.shape:
        at = x.dim() - 1 - at
    elif name in SLICES and result.dim() == x.dim():
        pass
    elif axis == -1:
        return -1 if result.shape[-1] == x.shape[-1] else None
    elif at >= result.dim() or result.shape[at] != x.shape[at]:
        return None
    return -1 if at == result.dim() - 1 and at > 1 else at


# Of channels some, or those of several tensors, where they were.
SLICES = {"cat", "concat", "chunk", "split", "split_with_sizes", "tensor_split", "narrow", "index_select", "__getitem__", "glu"}


# ---- units, samples, positions

class Layout:
    """z with samples first, and which axes are what. `samples` is None where rows cannot be told apart by sample."""

    def __init__(self, z, tag, samples, batch_axis, mask=None):
        axis = tag.axis
        if z.dim() == 1:
            z, axis = z[:, None], 1
        if axis is None:
            axis = 1 if z.dim() == 2 or z.dim() > 3 else -1
        axis %= z.dim()
        self.samples = samples
        self.how = None
        if samples and batch_axis == 1 and z.dim() > 2 and z.shape[1] == samples and axis > 1:
            self.how = ("swap",)
        elif samples and z.shape[0] != samples and z.shape[0] % samples == 0 and axis > 0:
            self.how = ("fold", batch_axis)
            axis += 1
        elif samples and z.shape[0] != samples:
            self.samples = None
        z = self.arrange(z)
        self.axis = axis
        self.units = z.shape[axis]
        self.rows = [at for at in range(z.dim()) if at != axis]  # all but the units
        self.places = self.rows[1:]  # positions
        self.shape = z.shape
        self.mask = None
        if mask is not None and self.places and tuple(z.shape[at] for at in self.rows) == tuple(mask.shape):
            self.mask = mask.unsqueeze(axis)
        self.count = z.numel() // max(self.units, 1)  # samples × positions

    def arrange(self, z):
        if z.dim() == 1:
            return z[:, None]
        if self.how is None:
            return z
        if self.how[0] == "swap":
            return z.transpose(0, 1)
        if self.how[1] == 1:
            return z.reshape(-1, self.samples, *z.shape[1:]).transpose(0, 1)
        return z.reshape(self.samples, -1, *z.shape[1:])

    def over_places(self, reduce, x):
        """samples × units"""
        return reduce(x, self.places) if self.places else x

    def only(self, x, filling):
        return x if self.mask is None else x.masked_fill(~self.mask, filling)


def _wide(z):
    """float64 where that costs next to nothing, else float32 at least; of complex numbers the two parts."""
    z = torch.view_as_real(z) if z.is_complex() else z
    if z.device.type != "mps" and z.numel() <= SMALL:
        return z.double()
    return z.float() if z.dtype in (torch.float16, torch.bfloat16) else z


def _norm(x, usual):
    """In float64, unless the last one was of a usual size: the squares of small numbers vanish in float32."""
    return torch.linalg.vector_norm(_wide(x) if usual else _double(x))


def _is_usual(norm, count):
    return 1e-12 < norm / math.sqrt(count) < 1e12


def _count(size):
    """How many of these, none below 0, are not 0."""
    return _double(torch.sign(size).flatten(1).sum(1)).sum() if size.dim() > 1 else (size != 0).sum()


def _double(x):
    x = torch.view_as_real(x) if x.is_complex() else x
    return x.float() if x.device.type == "mps" else x.double()


class Book:
    """What both kinds of measurement share: the sites of this pass, in order."""

    def __init__(self, samples, batch_axis, mask):
        self.samples, self.batch_axis, self.mask = samples, batch_axis, mask
        self.sites = {}  # by key: facts that do not depend on the batch
        self.output_keys = set()
        self.loss = None  # where the model returns it

    def note(self, key, tag, phi, layout):
        if key in self.sites:
            return self.sites[key]
        self.sites[key] = {
            "name": key, "activation": phi.name, "mortal": phi.mortal, "units": layout.units, "kind": tag.kind or "",
            "positions": None, "owned": list(tag.owned), "inputs": " ".join(tag.sources) or "input", "phi": phi,
            "fan_in": None if tag.weight is None or tag.scale is not None else tag.weight[0].numel()}  # of no norm
        return self.sites[key]

    def is_output(self, key):
        self.output_keys.add(key)

    def largest(self, key):
        return None

    def absolute_maximum(self, x, tag):
        return None


class StepBook(Book):
    """Statistics of a training batch, as tensors that wait on the device."""

    def __init__(self, samples, batch_axis, mask, usual):
        super().__init__(samples, batch_axis, mask)
        self.usual = usual  # sites, and parameters, whose gradients were of a size to be squared in float32
        self.seen = {}  # by key: a list of observations
        self.came_back = False  # a gradient has
        self.had_graph = False

    def site(self, key, tag, phi, z, derivative):
        layout = Layout(z, tag, self.samples, self.batch_axis, self.mask)
        facts = self.note(key, tag, phi, layout)
        if layout.samples and facts["positions"] is None:
            facts["positions"] = layout.count // layout.samples
        entry = {"delta": None, "count": z.numel(), "fires": 0, "phi": phi}
        if z.numel() == 0 or facts["units"] != layout.units:
            return lambda a: None
        with torch.no_grad():
            wide, high = _wide(z.detach()), None
            if phi.alive is None:
                live = torch.ones(layout.units, dtype=torch.bool, device=z.device)
            else:
                s = layout.only(layout.arrange(phi.alive(z.detach())), -math.inf)
                peak = s.amax(layout.rows)
                live = ~(peak <= 0)
                high = peak.amax() if phi.name == "relu" and layout.mask is None else None
            entry["live"] = live
            high = wide.amax() if high is None else high
            entry["z"] = [wide.sum(), torch.linalg.vector_norm(wide), high, wide.amin()]
        if z.requires_grad:
            self.had_graph = True

            def arrived(gradient):
                self.came_back = True
                entry["fires"] += 1
                with torch.no_grad():
                    entry["delta"] = _norm(gradient.detach(), key in self.usual)
            z.register_hook(arrived)
        self.seen.setdefault(key, []).append(entry)

        def take(a):
            with torch.no_grad():
                wide = _wide(a.detach())
                if phi.name == "relu":  # none is below 0
                    nonzero, largest = _count(wide), high.clamp(min=0)
                else:
                    low, most = torch.aminmax(wide)
                    nonzero, largest = (wide != 0).sum(), torch.maximum(most, -low)
                entry["a"] = [wide.sum(), torch.linalg.vector_norm(wide), largest, nonzero]
        return take


class CensusBook(Book):
    """Counts of a unit over a whole loader: one book for all batches."""

    def __init__(self, batch_axis):
        super().__init__(None, batch_axis, None)
        self.totals, self.bounds = {}, {}
        self.path = None  # the sites of a pass

    def begin(self, samples, mask):
        self.samples, self.mask = samples, mask
        # Of this batch: how often a site was passed, and samples × units, whether there is a live position.
        self.calls, self.fires = {}, {}

    def end(self, number):
        for key, fires in self.fires.items():
            total = self.totals[key]
            if fires is not None and total["fired"] is not None:
                total["fired"] += fires.sum(0, dtype=torch.float64 if fires.device.type != "mps" else torch.float32)
            else:
                total["fired"] = None
        path = sorted(self.calls)
        if self.path is None:
            self.path = path
        if path != self.path:
            odd = sorted(set(path) ^ set(self.path))
            where = "is missing in" if odd[0] in self.path else "is new in"
            raise CaptureError(
                f"the forward pass took another path: site '{odd[0]}' {where} batch {number}. Counts over different "
                "samples cannot be compared. Take the census over data that take one path, or make that part a model "
                "of its own")

    def site(self, key, tag, phi, z, derivative):
        layout = Layout(z, tag, self.samples, self.batch_axis, self.mask)
        facts = self.note(key, tag, phi, layout)
        call = self.calls[key] = self.calls.get(key, 0) + 1
        if facts["units"] != layout.units:
            raise CaptureError(f"site '{key}' had {facts['units']} units, and now has {layout.units}: a unit must be "
                               "the same channel for every sample")
        if z.numel() == 0:
            return lambda a: None
        total = self.totals.get(key)
        if total is None:
            zeros = _double(torch.zeros(layout.units, device=z.device))
            total = self.totals[key] = {
                "alive": zeros - math.inf, "high": zeros - math.inf, "low": zeros + math.inf, "places": {},
                "positions": set(), "samples": 0, "rank": [], "ranked": 0, "bound": None,
                "slope": zeros.clone() if derivative else None,
                **{name: zeros.clone() for name in ("live", "fired", "count", "a", "a_abs")}}
        if call == 1:
            total["samples"] += layout.samples or 0
        z = layout.arrange(z.detach())
        clean, s, peak = layout.only(z, 0.0), None, None
        total["low"] = torch.minimum(total["low"], clean.amin(layout.rows))
        total["count"] += layout.count if layout.mask is None else layout.mask.sum()
        if phi.alive is not None:
            s = layout.only(phi.alive(z), -math.inf)
            by_sample = layout.over_places(torch.amax, s)  # samples × units
            peak = by_sample.amax(0)
            total["alive"] = torch.maximum(total["alive"], peak)
            if layout.samples:
                by_place = s.amax(0).movedim(layout.axis - 1, 0) if layout.places else peak
                old = total["places"].get(call, by_place)
                same = getattr(old, "shape", None) == by_place.shape
                total["places"][call] = torch.maximum(old, by_place) if same else False
        total["high"] = torch.maximum(total["high"], peak if phi.name == "relu" and layout.mask is None else
                                      clean.amax(layout.rows))
        if layout.samples:
            total["positions"].add((call, layout.count // layout.samples))
            fires = torch.ones(layout.samples, layout.units, dtype=torch.bool, device=z.device) if s is None else \
                ~(by_sample <= 0)
            earlier = self.fires.get(key)
            self.fires[key] = fires if earlier is None else fires | earlier
        else:
            self.fires[key] = None
        if derivative is not None and not phi.steps and not phi.leaky:
            size = layout.only(layout.arrange(derivative()), 0.0).amax(layout.rows)
            total["slope"] = torch.maximum(total["slope"], size)
        if tag.weight is not None and tag.largest is not None:
            self._bound(key, total, tag, z.dtype)

        def take(a):
            a = layout.only(layout.arrange(a.detach()), 0.0)
            kind = torch.float32 if a.dtype in (torch.float16, torch.bfloat16) else None

            def add_up(x):
                """By unit: float32 over the positions of a sample, float64 from there on."""
                x = x.sum(layout.places, dtype=kind) if layout.places else x
                return x.sum(0, dtype=total["a"].dtype)
            plain = add_up(a)
            total["a"] += plain
            total["a_abs"] += plain if phi.name in ("relu", "relu6") else add_up(a.abs())
            if s is None:
                total["live"] += layout.count if layout.mask is None else layout.mask.sum()
            else:
                total["live"] += add_up(torch.sign(a) if phi.name == "relu" else (s > 0).float())
            if total["ranked"] < RANK_ROWS:
                # Of each sample the mean over its positions, as of a run. Padding is 0 here.
                rows = _double(a.movedim(layout.axis, -1)[:RANK_ROWS - total["ranked"]])
                rows = rows.reshape(len(rows), -1, layout.units)
                real = rows.shape[1]
                if layout.mask is not None:
                    real = layout.mask[:len(rows)].reshape(len(rows), -1).sum(1, keepdim=True).clamp(min=1)
                total["rank"].append(rows.sum(1) / real)
                total["ranked"] += total["rank"][-1].shape[0]
        return take

    def absolute_maximum(self, x, tag):
        if tag is not None and tag.largest is not None and tag.weight is None:
            return tag.largest
        if not isinstance(x, torch.Tensor) or x.numel() == 0:
            return None
        low, high = torch.aminmax(x.detach())
        return torch.maximum(high, -low)

    def largest(self, key):
        """Of what a relu puts out, which the census has looked at anyway: over all batches so far."""
        total, facts = self.totals.get(key), self.sites.get(key)
        return total["high"].amax().clamp_min(0) if total and facts["activation"] == "relu" else None

    def _bound(self, key, total, tag, dtype):
        """|computed − exact| of a sum of n products: n ε Σ|w||x| at most (Higham 2002, 3.1); here with max |x|."""
        size = self.bounds.get(key)
        if size is None:
            weight = tag.weight.detach()
            size = _double(weight).abs().flatten(1).sum(1) * (weight[0].numel() + 2) * torch.finfo(dtype).eps
            if tag.scale is not None:
                size = size * _double(tag.scale)
            self.bounds[key] = size
        here = size * tag.largest
        total["bound"] = here if total["bound"] is None else torch.maximum(total["bound"], here)


# ---- the tables

COLUMNS = {
    "steps": "step epoch loss accuracy lr grad_norm param_norm update_ratio batch_dead_fraction",
    "layers": "step epoch layer name activation units batch_dead batch_dead_fraction zero_fraction z_mean z_std a_mean "
              "a_rms a_max grad_norm_w grad_norm_b grad_max delta_rms weight_norm update_ratio slope_mean z_max "
              "grad_mean grad_zero_fraction role from_file positions",
    "census": "step epoch layer name units dead dead_fraction saturated dormant born_dead died revived effective_rank "
              "role inherited samples positions silent not_finite",
    "units": "layer name unit state born_dead first_dead_step last_change_step deaths revivals cause died_after "
             "died_by margin activation_rate role inherited a_mean slope sample_rate cover within_rounding",
    "sites": "layer name kind role activation mortal units positions fan_in inputs",
    "features": "feature mean std min max",
    "evaluation": "step epoch train_loss train_accuracy",
}
COLUMNS = {table: names.split() for table, names in COLUMNS.items()}
FILES = [f"{table}.csv" for table in COLUMNS] + ["events.jsonl", "summary.json", "manifest.json"]


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return repr(value)  # nan, inf and -inf are read as such
    return str(value)


class Tables:
    """The directory of a capture. It is locked while the capture goes on, so that `reluscope watch` knows."""

    def __init__(self, directory, overwrite):
        self.directory = os.fspath(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.lock = os.open(os.path.join(self.directory, ".lock"), os.O_RDWR | os.O_CREAT | NO_LINKS, 0o666)
        try:
            if fcntl:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.lock)
            raise CaptureError(f"{self.directory}: another process writes there: choose another directory") from None
        there = [name for name in os.listdir(self.directory) if name in FILES or name == "checkpoint.safetensors"]
        if there and not overwrite:
            os.close(self.lock)
            raise CaptureError(f"{self.directory}: holds {there[0]} of another run: choose another directory, or "
                               "Capture(…, overwrite=True)")
        for name in there:
            os.remove(os.path.join(self.directory, name))

    def append(self, table, rows):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        path = os.path.join(self.directory, f"{table}.csv")
        if not os.path.exists(path):
            writer.writerow(COLUMNS[table])
        writer.writerows([_cell(row.get(column)) for column in COLUMNS[table]] for row in rows)
        self._add(path, text.getvalue())

    def events(self, rows):
        self._add(os.path.join(self.directory, "events.jsonl"),
                  "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def _add(self, path, text):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_LINKS, 0o666)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

    def replace(self, table, rows):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS[table])
        writer.writerows([_cell(row.get(column)) for column in COLUMNS[table]] for row in rows)
        self.write(f"{table}.csv", text.getvalue())

    def write(self, name, text):
        """At once, or not at all."""
        descriptor, path = tempfile.mkstemp(dir=self.directory, prefix=f".{name}.")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        os.replace(path, os.path.join(self.directory, name))

    def close(self):
        os.close(self.lock)


# ---- small helpers

def _crc32(tensor):
    """The sum of the crc32 of the samples' bytes: the same for any order of the samples."""
    total = 0
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dim() == 0 or tensor.numel() == 0:
        return 0
    size = tensor[0].numel() * tensor.element_size()
    data = (ctypes.c_char * (size * tensor.shape[0])).from_address(tensor.data_ptr())
    view = memoryview(data)
    for sample in range(tensor.shape[0]):
        total += zlib.crc32(view[sample * size:(sample + 1) * size])
    return total & 0xffffffff


@contextlib.contextmanager
def _as_it_was(model):
    """Evaluation mode, and afterwards every mode and random number as before."""
    modes = [(module, module.training) for module in model.modules()]
    here = random.getstate()
    numpy = sys.modules.get("numpy")
    there = numpy.random.get_state() if numpy else None
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    devices = list(range(torch.cuda.device_count())) if cuda else []
    try:
        with torch.random.fork_rng(devices=devices):
            model.eval()
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        random.setstate(here)
        if numpy:
            numpy.random.set_state(there)


def _to(value, device):
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if callable(getattr(value, "to", None)):  # packed sequences, batches of other libraries
        return value.to(device)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_to(one, device) for one in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_to(one, device) for one in value)
    if isinstance(value, Mapping):
        return {key: _to(one, device) for key, one in value.items()}
    return value


def _main_tensor(value):
    logits = value.get("logits") if isinstance(value, Mapping) else None
    return logits if isinstance(logits, torch.Tensor) else next((one for one in _tensors(value) if one.dim() > 0), None)


def _first_input(args, kwargs):
    return next(_tensors((args, tuple(kwargs.values()))), None)


def _ranks():
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return (torch.distributed.get_rank(), torch.distributed.get_world_size()) if there else (0, 1)


def _square(x):
    return x * x  # which ** 2 refuses where it overflows


def _root(square):
    return math.sqrt(square) if square >= 0 else square  # NaN stays one


# ---- the capture

class WatchedForward:
    """In the place of a module's forward. A copy of the module, or one that is read from a file, has its own again."""

    def __init__(self, capture, host):
        self.capture, self.host, self.usual = capture, host, host.forward
        self.watched = self.usual if host is capture.model else host._orig_mod  # what was compiled cannot be watched
        functools.update_wrapper(self, self.usual)  # its signature, which trainers look at

    def __call__(self, *args, **kwargs):
        if self.capture.steps % self.capture.every or self.capture.is_paused or not torch.is_grad_enabled():
            return self.usual(*args, **kwargs)
        return self.capture._watched(self.watched, args, kwargs)

    def __deepcopy__(self, memo):
        return copy.deepcopy(self.usual, memo)  # a bound method: of the copy, which is in `memo` by now

    def __reduce__(self):
        return getattr, (self.host, "forward")


class Capture:
    """Measures `model` while it trains, into `directory`.

    every       a step in so many is recorded: 0, every, 2 · every, …
    census      a loader: a census over it before the first step and at the end
    reduction   how the loss joins its samples: "mean", or "sum"
    batch_axis  1 for models whose sequences come as time × batch × features
    mask        which positions are real, not padding: the name of a keyword argument of forward, or a function of
                (args, kwargs), that gives a tensor samples × positions
    latents     names of submodules whose output is an activation, live where it is not 0: TopK, JumpReLU
    from_file   training starts from weights of a file: units dead at the start are inherited, not born dead
    forward     how a census calls the model: a function of (model, batch); without it the model gets batch[0] of a
                tuple or list, a dictionary as keyword arguments, and anything else as it is
    criterion   the loss, by name: "cross_entropy", "nll", "mse" or "bce" (on logits). A census then says whether the
                model is better than the best constant output, which is the first question of a diagnosis
    output      which of what the model returns is its output: a key, an index, or a function; without it `logits`,
                where there are any, or the first tensor
    target      a function of the batch that gives the targets; without it they are batch[1]
    """

    def __init__(self, model, directory, every=50, census=None, *, reduction="mean", batch_axis=0, mask=None,
                 latents=(), from_file=False, forward=None, criterion=None, target=None, output=None, overwrite=False):
        self.model, self.host = self._unwrap(model)
        if criterion is not None and criterion not in Outcome.LOSSES:
            raise CaptureError(f"criterion: found '{criterion}', expected one of {', '.join(Outcome.LOSSES)}")
        self.criterion, self.target = criterion, target
        self.output = _main_tensor if output is None else output if callable(output) else lambda value: value[output]
        self.outcome = self.start_loss = self.optimizer = self.trained_by = None
        if every < 1:
            raise CaptureError(f"every: found {every}, expected 1 or more")
        if reduction not in ("mean", "sum"):
            raise CaptureError(f"reduction: found '{reduction}', expected mean or sum")
        modules = dict(self.model.named_modules())
        for name in [latents] if isinstance(latents, str) else latents:
            if name not in modules:
                raise CaptureError(f"latents: the model has no submodule '{name}'; print(model) shows its names")
        self.latents = [modules[name] for name in ([latents] if isinstance(latents, str) else latents)]
        self.every, self.loader, self.reduction, self.batch_axis = every, census, reduction, batch_axis
        self.mask, self.from_file, self.forward = mask, from_file, forward
        self.rank, self.world = _ranks()
        self.is_paused = False
        self.original = None  # a forward that somebody else has put into the place of the class's
        self.parameters = dict(self.model.named_parameters())
        if not self.parameters:
            raise CaptureError("the model has no parameters")
        if any(isinstance(one, torch.nn.parameter.UninitializedParameter) for one in self.parameters.values()):
            raise CaptureError("the model has lazy layers, whose parameters have no shape yet: call it with one batch "
                               "before Capture")
        self.device = next(iter(self.parameters.values())).device
        self.names = Names(self.model, self.parameters)
        self.steps = 0  # updates made
        self.epoch = None  # epochs completed: the program may say it
        self.sites = {}  # by name, in the order in which they were first passed
        self.owners = {}  # parameters by name: the site that owns each
        self.lives = {}  # by site: what censuses have seen of its units
        self.censuses = []
        self.usual = set()
        self.awake, self.recorded = {}, 0  # since the last census: units that got a gradient, and recorded steps
        self.books = []  # forward passes since the last update, where it is to be recorded
        self.pending = None
        self.told = set()
        self.losses = []
        self.features = None
        self.failed = None
        self.tables = Tables(directory, overwrite) if self.rank == 0 else None
        self.started = time.time()
        self.status = "running"
        self._write_manifest()

    @staticmethod
    def _unwrap(model):
        """The module that has the layers, and the one whose forward is watched: a compiled one runs uncompiled then."""
        host = None
        while True:
            if isinstance(getattr(model, "_orig_mod", None), torch.nn.Module):  # of torch.compile
                host, model = host or model, model._orig_mod
            elif isinstance(model, torch.nn.parallel.DistributedDataParallel):
                model = model.module
            else:
                break
        if isinstance(model, torch.nn.DataParallel):
            raise CaptureError("DataParallel copies the model for every step, and the copies cannot be watched: use "
                               "DistributedDataParallel, as PyTorch advises")
        if isinstance(model, torch.jit.ScriptModule):
            raise CaptureError("the model is a TorchScript module, whose functions cannot be seen: give Capture the "
                               "module that it was made from")
        if type(model).__name__ in ("FullyShardedDataParallel", "FSDP"):
            raise CaptureError("FSDP cuts parameters into pieces that no longer belong to a layer: capture a run with "
                               "DistributedDataParallel, or on one device")
        if not isinstance(model, torch.nn.Module):
            raise CaptureError(f"model: found {type(model).__name__}, expected a torch.nn.Module")
        return model, host or model

    # -- the forward pass of training

    def start(self):
        """What `with` does first. Callbacks of trainers call it, and `close` at the end."""
        self.original = self.host.__dict__.get("forward")
        if self.loader is not None:
            self.census(self.loader)
        self.host.__dict__["forward"] = WatchedForward(self, self.host)
        return self

    @contextlib.contextmanager
    def paused(self):
        """Passes that are none of this model's training: of a discriminator for the sake of its generator, say."""
        self.is_paused, before = True, self.is_paused
        try:
            yield
        finally:
            self.is_paused = before

    def __enter__(self):
        try:
            return self.start()
        except BaseException as fault:
            self.__exit__(type(fault), fault, None)
            raise

    def __exit__(self, kind, fault, trace):
        interrupted = kind is not None and not issubclass(kind, Exception)
        self.close("interrupted" if interrupted else "failed" if kind is not None else "done")
        return False

    def close(self, status="done"):
        """Takes the last census, and leaves the model as it was."""
        if self.status != "running":
            return
        self._put(self.host, self.original)
        self.status = status
        try:
            counted = bool(self.censuses) and self.censuses[-1]["step"] == self.steps
            if status == "done" and self.loader is not None and not counted:
                self.census(self.loader)
        except BaseException:
            self.status = "failed"
            raise
        finally:
            if self.tables:
                if self.status == "done":
                    self._write_summary()
                self._write_manifest()
                self.tables.close()

    @staticmethod
    def _put(module, forward):
        """In place of the forward of the module's class; None: that again."""
        module.__dict__.pop("forward", None)
        if forward is not None:
            module.__dict__["forward"] = forward

    def _mask_of(self, args, kwargs):
        if self.mask is None:
            return None
        mask = kwargs.get(self.mask) if isinstance(self.mask, str) else self.mask(args, kwargs)
        return None if mask is None else mask.bool()

    def _samples_of(self, args, kwargs):
        first = _first_input(args, kwargs)
        if first is None or first.dim() == 0:
            return None
        return first.shape[self.batch_axis if first.dim() > 1 and self.batch_axis else 0]

    def _watched(self, call, args, kwargs):
        book = StepBook(self._samples_of(args, kwargs), self.batch_axis, self._mask_of(args, kwargs), self.usual)
        if self.features is None:
            self.features = Features()
            self.features.add(_first_input(args, kwargs), self.batch_axis)
        output = self._run(book, call, args, kwargs)
        self.books.append(book)
        if len(self.books) > MOST_PASSES:
            self.books.clear()
            self._tell(f"{MOST_PASSES} forward passes of the model since the last cap.step(loss, optimizer): is it called "
                       "instead of optimizer.step()?")
        return output

    def _run(self, book, call, args, kwargs):
        watch = ForwardPass(self.model, self.names, book, self.output)
        handles = []
        for module in self.latents:
            handles.append(module.register_forward_pre_hook(watch.enter))
            handles.append(module.register_forward_hook(watch.leave))
        try:
            with watch:
                output = call(*args, **kwargs)
            watch.outputs(output)
            loss = output.get("loss") if isinstance(output, Mapping) else None
            book.loss = loss.detach().reshape(()) if isinstance(loss, torch.Tensor) and loss.numel() == 1 else None
        finally:
            for handle in handles:
                handle.remove()
        self._note_sites(book)
        return output

    def _note_sites(self, book):
        new = False
        for key, facts in book.sites.items():
            if key not in self.sites:
                new = True
                self.sites[key] = dict(facts, layer=len(self.sites) + 1, role="hidden")
                for name in facts["owned"]:
                    self.owners.setdefault(name, key)
            site = self.sites[key]
            if site["activation"] != facts["activation"]:
                raise CaptureError(f"site '{key}' was {site['activation']}, and is {facts['activation']} now: give "
                                   "each activation a layer of its own")
        for key in book.output_keys:
            self.sites[key]["role"] = "output"
        for site in self.sites.values():
            site["owned"] = [name for name, owner in self.owners.items() if owner == site["name"]]
        if new and self.tables:
            self.tables.replace("sites", self.sites.values())

    # -- a step

    def step(self, loss, optimizer, scaler=None):
        """Measures, and updates: instead of optimizer.step(). With a GradScaler also scaler.update()."""
        if isinstance(optimizer, torch.optim.LBFGS):
            raise CaptureError("LBFGS runs the model many times for one update: call cap.measure(loss, optimizer) "
                               "before optimizer.step(closure) and cap.updated() after it")
        self.measure(loss, optimizer, scaler)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        self.updated()

    def measure(self, loss, optimizer, scaler=None, scale=None):
        """The first half of `step`: after the backward pass, and before clipping and the update. `updated` is the
        other. Where somebody else has unscaled the gradients, `scale` says what the loss was scaled by. Without a loss
        it is the one that the model returned, if it did."""
        self.pending = None
        if self.steps % self.every:
            return
        books = [book for book in self.books if book.came_back or not book.had_graph]
        self.books = []
        if not books or not any(book.came_back for book in books):
            self._tell(f"no forward pass of the model was seen before step {self.steps}, or no backward pass: call "
                       "model(…) itself, not a method of it, and backward before cap.step")
            return
        scale = scale or 1.0
        if scaler is not None:
            scale = float(scaler.get_scale()) if getattr(scaler, "is_enabled", lambda: True)() else 1.0
            scaler.unscale_(optimizer)
        with torch.no_grad():
            self.pending = self._gather(books, loss, optimizer, scale)

    def _gather(self, books, loss, optimizer, scale):
        """Tensors on the device, in one list; `read` takes their values, in the same order, once they have come."""
        values, readers, device = [], [], self.device

        def want(tensors, read):
            readers.append((len(tensors), read))
            values.extend(tensors)

        self.trained_by = optimizer
        if self.optimizer is None:
            group = optimizer.param_groups[0]
            self.optimizer = {"name": type(optimizer).__name__, "lr": float(group["lr"]),
                              "weight_decay": float(group.get("weight_decay", 0.0))}
        record = {"sites": {}, "parameters": {}, "lr": float(optimizer.param_groups[0]["lr"]), "scale": scale,
                  "samples": sum(book.samples or 0 for book in books)}
        if loss is None:
            own = [book.loss for book in books if book.loss is not None]
            loss = torch.stack(own).mean() if own else math.nan
        loss = loss.detach() if isinstance(loss, torch.Tensor) else torch.tensor(float(loss))
        want([loss.reshape(())], lambda v: record.update(loss=v[0]))
        for key, site in self.sites.items():
            entries = [entry for book in books for entry in book.seen.get(key, [])]
            if not entries:
                continue
            units = site["units"]
            total = record["sites"][key] = {"z": [0.0, 0.0, -math.inf, math.inf], "a": [0.0, 0.0, 0.0, 0.0],
                                            "count": 0, "live": None, "square": None}
            live = entries[0]["live"].bool()
            for entry in entries:
                total["count"] += entry["count"]
                live = live | entry["live"].bool()

                def take(v, total=total):
                    z, a = total["z"], total["a"]
                    total["z"] = [z[0] + v[0], z[1] + _square(v[1]), _worse(max, z[2], v[2]), _worse(min, z[3], v[3])]
                    total["a"] = [a[0] + v[4], a[1] + _square(v[5]), _worse(max, a[2], v[6]), a[3] + v[7]]
                want(entry["z"] + entry["a"], take)
                if entry["delta"] is not None and entry["fires"] == 1:
                    def square(v, total=total):
                        total["square"] = (total["square"] or 0.0) + _square(v[0] / scale)
                    want([entry["delta"]], square)
            total["live"] = live
            if self.world > 1:
                together = live.to(torch.uint8).to(device)
                torch.distributed.all_reduce(together, torch.distributed.ReduceOp.MAX)
                total["live"] = together.bool()
            want([units - total["live"].sum()], lambda v, total=total: total.update(dead=int(v[0])))
            slope = entries[-1]["phi"].slope
            if slope is not None:
                want([slope.mean()], lambda v, total=total: total.update(slope=v[0]))
        for name, parameter in self.parameters.items():
            facts = record["parameters"][name] = {"size": parameter.numel(), "gradient": None}
            want([torch.linalg.vector_norm(_wide(parameter.detach()))], lambda v, facts=facts: facts.update(norm=v[0]))
            if parameter.grad is not None and not parameter.grad.is_sparse:
                gradient = parameter.grad.detach()
                size = _wide(gradient).abs()
                want([_norm(gradient, name in self.usual), size.amax(), size.sum(), _count(size)],
                     lambda v, facts=facts: facts.update(gradient=v))
        record["before"] = [parameter.detach().clone() for parameter in self.parameters.values()]
        record["values"], record["readers"], record["want"], record["device"] = values, readers, want, device
        return record

    def updated(self):
        """The second half of `step`: after the update."""
        record, self.pending = self.pending, None
        self.books = []
        if record is not None:
            with torch.no_grad():
                for (name, parameter), before in zip(self.parameters.items(), record.pop("before")):
                    facts = record["parameters"][name]
                    record["want"]([torch.linalg.vector_norm(_wide(parameter.detach() - before))],
                                   lambda v, facts=facts: facts.update(change=v[0]))
                self._finish(record)
        self.steps += 1

    def _finish(self, record):
        kind = torch.float32 if record["device"].type == "mps" else torch.float64
        values = torch.stack([value.to(record["device"], kind) for value in record["values"]]).tolist()  # the one wait
        at = 0
        for count, read in record["readers"]:
            read(values[at:at + count])
            at += count
        norms = {name: (one["gradient"][0], one["size"])
                 for name, one in record["parameters"].items() if one["gradient"]}
        norms.update((key, (math.sqrt(one["square"]), one["count"]))
                     for key, one in record["sites"].items() if one["square"])
        self.usual = {name for name, (norm, count) in norms.items() if _is_usual(norm, count)}
        if not self.recorded and not self.censuses:  # until a census knows better
            self.features.write(self.tables, self.world, self.device)
        self.recorded += 1
        for key, total in record["sites"].items():
            self.awake[key] = total["live"] | self.awake[key] if key in self.awake else total["live"]
        self._join_ranks(record)
        if self.tables is None:
            return
        place = {"step": self.steps, "epoch": self._epoch()}
        rows = [dict(place, **self._layer_row(self.sites[key], one, record)) for key, one in record["sites"].items()]
        hidden = [row for row in rows if row["role"] == "hidden"]
        all_parameters = record["parameters"].values()
        gradients = [one["gradient"] for one in all_parameters if one["gradient"]]
        norm = _root(sum(_square(one["norm"]) for one in all_parameters))
        change = _root(sum(_square(one["change"]) for one in all_parameters))
        step = dict(place, loss=record["loss"], lr=record["lr"], param_norm=norm,
                    grad_norm=_root(sum(_square(one[0]) for one in gradients)), update_ratio=_ratio(change, norm),
                    batch_dead_fraction=_ratio(sum(row["batch_dead"] for row in hidden),
                                               sum(row["units"] for row in hidden)) if hidden else None)
        if record["scale"] != 1.0 and not math.isfinite(step["grad_norm"]):
            return  # the scaler was too large, and has skipped this update: that is its way of finding its size
        self.tables.append("layers", rows)
        self.tables.append("steps", [step])
        self.losses.append((self.steps, record["loss"]))
        self._note_fault(step, rows)

    def _layer_row(self, site, total, record):
        n, samples, z, a = total["count"], record["samples"], total["z"], total["a"]
        mean = z[0] / n
        row = {"layer": site["layer"], "name": site["name"], "activation": site["activation"], "units": site["units"],
               "role": site["role"], "from_file": self.from_file, "positions": site["positions"],
               "batch_dead": total["dead"], "batch_dead_fraction": total["dead"] / site["units"],
               "zero_fraction": 1.0 - a[3] / n, "z_mean": mean,
               "z_std": _root(max(z[1] / n - mean * mean, 0.0)) if z[1] == z[1] else math.nan,
               "z_max": _worse(max, z[2], -z[3]), "a_mean": a[0] / n, "a_rms": _root(a[1] / n), "a_max": a[2],
               "slope_mean": total.get("slope")}
        if total["square"] is not None and samples:
            # A mean loss divides the gradient of each sample's own loss by the number of samples.
            row["delta_rms"] = _root(total["square"] / (samples * site["units"]))
        owned = [(name, record["parameters"][name]) for name in site["owned"]]
        maps = [one for one in owned if one[0] not in site["phi"].learned]  # weights and biases: no slopes, as of a run
        for column, names in (("grad_norm_w", [one for one in maps if not _is_bias(one[0])]),
                              ("grad_norm_b", [one for one in maps if _is_bias(one[0])])):
            got = [facts["gradient"][0] for _, facts in names if facts["gradient"]]
            row[column] = _root(sum(_square(one) for one in got)) if got else None
        got = [(facts["gradient"], facts["size"]) for _, facts in maps if facts["gradient"]]
        if got:
            size = sum(count for _, count in got)
            row["grad_max"] = max((one[1] for one, _ in got), key=lambda v: math.inf if v != v else v)
            row["grad_mean"] = sum(one[2] for one, _ in got) / size
            row["grad_zero_fraction"] = 1.0 - sum(one[3] for one, _ in got) / size
        weights = [facts["norm"] for name, facts in maps if not _is_bias(name)]
        row["weight_norm"] = _root(sum(_square(one) for one in weights)) if weights else None
        trained = [facts for name, facts in owned if self.parameters[name].requires_grad]  # what is frozen is no fault
        if trained:
            row["update_ratio"] = _ratio(_root(sum(_square(facts["change"]) for facts in trained)),
                                         _root(sum(_square(facts["norm"]) for facts in trained)))
        return row

    def _join_ranks(self, record):
        """The record of all ranks together. Gradients of parameters are the same in each: DDP has seen to that."""
        factor = record["samples"] if self.reduction == "mean" else 1
        for total in record["sites"].values():
            if total["square"] is not None:
                total["square"] *= factor * factor
        if self.world == 1:
            return
        weight = float(record["samples"] or 1)
        sums, peaks = [record["loss"] * weight, weight], []
        for key in self.sites:
            total = record["sites"].get(key)
            if total is None:
                raise CaptureError(f"site '{key}' was not passed on rank {self.rank}: all ranks must take one path")
            sums += [total["count"], *total["z"][:2], *total["a"][:2], total["a"][3], total["square"] or 0.0]
            peaks += [total["z"][2], -total["z"][3], total["a"][2]]
        sums = torch.tensor(sums, dtype=torch.float64, device=record["device"])
        peaks = torch.tensor(peaks, dtype=torch.float64, device=record["device"])
        torch.distributed.all_reduce(sums)
        torch.distributed.all_reduce(peaks, torch.distributed.ReduceOp.MAX)
        sums, peaks = sums.tolist(), peaks.tolist()
        record["loss"], record["samples"] = sums[0] / sums[1], sums[1]
        for number, key in enumerate(self.sites):
            total = record["sites"][key]
            some, most = sums[2 + 7 * number:9 + 7 * number], peaks[3 * number:3 * number + 3]
            total.update(count=some[0], z=[some[1], some[2], most[0], -most[1]], a=[some[3], some[4], most[2], some[5]],
                         square=None if total["square"] is None else some[6])

    def _note_fault(self, step, rows):
        if self.failed or math.isfinite(step["loss"]) and math.isfinite(step["grad_norm"]):
            return
        for row in rows:
            odd = next((name for name in ("z_max", "a_max", "delta_rms", "grad_norm_w")
                        if row.get(name) is not None and not math.isfinite(row[name])), None)
            if odd:
                break
        else:
            row, odd = {}, "loss" if not math.isfinite(step["loss"]) else "grad_norm"
        self.failed = f"{odd} is not finite at step {self.steps}" + (f", layer '{row['name']}'" if row else "")
        self.tables.events([_event(self.steps, "non_finite", layer=row.get("layer"), name=row.get("name"), detail=odd)])

    # -- a census

    def census(self, loader=None):
        """Counts, over all that `loader` gives, in evaluation mode. Returns {site: indices of its dead units}."""
        loader = self.loader if loader is None else loader
        if loader is None:
            raise CaptureError("census: which data? cap.census(loader), or Capture(…, census=loader)")
        book, features = CensusBook(self.batch_axis), Features()
        outcome = Outcome(self.criterion) if self.criterion else None
        checksum, batches, largest = 0, 0, 0
        there = self.model.__dict__.get("forward")
        self._put(self.model, self.original if self.host is self.model else there)
        call = self.model.forward  # as it is when nobody watches
        try:
            with _as_it_was(self.model), torch.no_grad():
                def watched(*args, **kwargs):
                    nonlocal checksum, largest
                    first = _first_input(args, kwargs)
                    samples = self._samples_of(args, kwargs)
                    if first is not None:
                        moved = first.transpose(0, 1) if self.batch_axis and first.dim() > 1 else first
                        checksum = (checksum + _crc32(moved)) & 0xffffffff
                        features.add(first, self.batch_axis)
                    largest = max(largest, samples or 0)
                    book.begin(samples, self._mask_of(args, kwargs))
                    output = self._run(book, call, args, kwargs)
                    book.end(batches)
                    return output
                self._put(self.model, watched)
                for batch in loader:
                    batch = _to(batch, self.device)
                    if self.forward is not None:
                        output = self.forward(self.model, batch)
                    elif isinstance(batch, Mapping):
                        output = self.model(**batch)
                    else:
                        output = self.model(batch[0] if isinstance(batch, (list, tuple)) else batch)
                    if outcome:
                        outcome.add(self.output(output), self.target(batch) if self.target else batch[1])
                    batches += 1
        finally:
            self._put(self.model, there)
        if not batches:
            raise CaptureError("census: the loader gave no batch; is it an iterator that has been used up?")
        if not book.totals:
            raise CaptureError("census: no activation was seen; call the model itself in `forward`, not a method of it")
        if outcome:
            phis = [one["activation"] for one in self.sites.values() if one["role"] == "output"]
            self.outcome = outcome.facts(self.world, phis[0] if phis else None)
            if self.steps == 0:
                self.start_loss = self.outcome["train"]["loss"]
        return self._judge(book, features, checksum, largest)

    def export(self, directory, example=None, loader=None, optimizer=None, overwrite=False):
        """The model as it is as a config of reluscope with its weights: see `export` below. Without a loader the data
        are those of the census. Returns the config's path."""
        output = None if self.output is _main_tensor else self.output
        if self.tables is None:
            return None  # rank 0 writes
        return export(self.model, directory, example, self.loader if loader is None else loader,
                      criterion=self.criterion, optimizer=optimizer or self.trained_by, target=self.target,
                      forward=self.forward, output=output, overwrite=overwrite)

    def _judge(self, book, features, checksum, batch_size):
        with torch.no_grad():
            counts = {key: self._counts(book, key) for key in self.sites if key in book.totals}
        samples = max(total["samples"] for total in book.totals.values())
        if self.world > 1:
            both = torch.tensor([samples, checksum], dtype=torch.int64, device=self.device)
            torch.distributed.all_reduce(both)
            samples, checksum = int(both[0]), int(both[1]) & 0xffffffff
        data = {"step": self.steps, "samples": samples, "batch_size": batch_size, "crc32": f"{checksum:08x}"}
        if self.censuses and self.censuses[-1]["crc32"] != data["crc32"]:
            self._tell("the data of this census are not those of the last one (augmentation, or a shuffled loader that "
                       "drops its last batch): some of the units that died or came back may have done so by the data "
                       "alone")
        first = not self.censuses
        after = None if first else self.censuses[-1]["step"]
        if not first and after == self.steps:
            self.censuses.pop()
        self.censuses.append(data)
        rows, units, events, dead_units = [], [], [], {}
        for key, count in counts.items():
            row, some, happened = self._judge_site(self.sites[key], count, samples, first, after)
            # A step that was not recorded may have woken any unit.
            if after is not None and 0 < self.recorded == self.steps - after and key in self.awake:
                row["silent"] = int((~self.awake[key]).sum())
            rows.append(row)
            units += some
            events += happened
            dead_units[key] = [unit["unit"] for unit in some if unit["state"] == "dead"]
        self.awake, self.recorded = {}, 0
        features.write(self.tables, self.world, self.device)
        if self.tables:
            self.tables.replace("sites", self.sites.values())
            self.tables.append("census", rows)
            if self.outcome:
                train = self.outcome["train"]
                self.tables.append("evaluation", [{"step": self.steps, "epoch": self._epoch(),
                                                   "train_loss": train["loss"], "train_accuracy": train["accuracy"]}])
            self.tables.replace("units", units)
            self.tables.events(events)
            self.last_census = rows
            self._write_manifest()
        return dead_units

    def _counts(self, book, key):
        """Of one site, as lists by unit; of all ranks together."""
        total, facts = book.totals[key], book.sites[key]
        places = list(total["places"].values())
        cover = None
        fixed = len(total["positions"]) == len({call for call, _ in total["positions"]})
        if places and all(one is not False for one in places) and fixed and book.mask is None:
            cover = [one.reshape(facts["units"], -1) for one in places]
        slope, fired = total["slope"], total["fired"]
        if self.world > 1:
            together = torch.distributed
            # What one rank could not measure none has, and the ranks' positions have to be the same.
            size = sum(one.shape[1] for one in cover) if cover else 0
            lacks = torch.tensor([size, -size, fired is None, total["bound"] is None], device=self.device).long()
            together.all_reduce(lacks, together.ReduceOp.MAX)
            most, least, no_fired, no_bound = lacks.tolist()
            cover = cover if most == -least and most else None
            fired = None if no_fired else fired
            total["bound"] = None if no_bound else total["bound"]
            for name in ("alive", "high"):
                total[name] = total[name].contiguous()
                together.all_reduce(total[name], together.ReduceOp.MAX)
            together.all_reduce(total["low"], together.ReduceOp.MIN)
            for name in ("live", "count", "a", "a_abs"):
                together.all_reduce(total[name])
            for one in cover or []:
                together.all_reduce(one, together.ReduceOp.MAX)
            if slope is not None:
                together.all_reduce(slope, together.ReduceOp.MAX)
            if fired is not None:
                together.all_reduce(fired)
            if total["bound"] is not None:
                together.all_reduce(total["bound"], together.ReduceOp.MAX)
            share, total["rank"] = total["rank"], [None] * self.world
            together.all_gather_object(total["rank"], torch.cat(share)[:max(RANK_ROWS // self.world, 1)].cpu())
        if cover is not None:
            cover = _double(~(torch.cat(cover, 1) <= 0)).mean(1)
        blank = torch.full_like(total["a"], math.nan)
        columns = [total[name] for name in ("alive", "high", "low", "live", "count", "a", "a_abs")]
        columns += [blank if one is None else one for one in (fired, cover, slope, total["bound"])]
        kind = total["a"].dtype
        matrix = torch.stack([one.to(kind) for one in columns]).tolist()
        names = ("alive", "high", "low", "live", "count", "a", "a_abs", "fired", "cover", "slope", "bound")
        result = dict(zip(names, matrix))
        result["phi"] = facts["phi"]
        result["rank"] = _effective_rank(total["rank"])
        positions = sum(count for _, count in total["positions"])
        result["positions"] = positions if fixed and positions else None
        return result

    def _judge_site(self, site, count, samples, first, after):
        key, phi = site["name"], count["phi"]
        if count["positions"]:
            site["positions"] = count["positions"]
        life = self.lives.setdefault(key, [{"deaths": 0, "revivals": 0} for _ in range(site["units"])])
        rows, events = [], []
        finite = [math.isfinite(high) and math.isfinite(low) for high, low in zip(count["high"], count["low"])]
        # alive: the largest distance into the live region; not above 0: dead. NaN proves nothing.
        dead = [ok and phi.mortal and value <= 0 for ok, value in zip(finite, count["alive"])]
        means = [value / n if n else math.nan for value, n in zip(count["a_abs"], count["count"])]
        level = sum(means) / len(means)
        place = {"layer": site["layer"], "name": key}
        born_known = first and self.steps == 0
        died = revived = saturated_units = dormant_units = 0
        for unit, now in enumerate(dead):
            past = life[unit]
            rate = count["live"][unit] / count["count"][unit] if count["count"][unit] else math.nan
            if first:
                past["at_start"] = now if born_known else None
                if now:
                    past.update(first=self.steps, change=self.steps)
                    if born_known:
                        past["cause"], word = ("inherited",) * 2 if self.from_file else ("born", "born_dead")
                        events.append(_event(self.steps, word, **place, unit=unit))
            elif now != past["dead"]:
                died, revived = died + now, revived + (not now)
                past["deaths" if now else "revivals"] += 1
                past["change"] = self.steps
                past.setdefault("first", self.steps) if now else None
                past.pop("cause", None)
                if now:
                    past.update(after=after, by=self.steps)
                events.append(_event(self.steps, "died" if now else "revived", **place, unit=unit, after=after,
                                     by=self.steps, dated="exact" if self.steps == after + 1 else "range"))
            if not finite[unit] and past.get("finite", True):
                events.append(_event(self.steps, "non_finite", **place, unit=unit, detail="z"))
            past.update(dead=now, finite=finite[unit])
            slope = count["slope"][unit]
            saturated = now or (finite[unit] and not phi.leaky and not phi.steps and slope <= SATURATED)
            if phi.name in ("softmax", "log_softmax", "identity"):
                saturated = now
            dormant = now or (finite[unit] and means[unit] <= DORMANT * level)
            saturated_units, dormant_units = saturated_units + bool(saturated), dormant_units + bool(dormant)
            margin = -count["alive"][unit] if phi.mortal and count["alive"][unit] < math.inf else None
            fired = count["fired"][unit] / samples if samples and count["fired"][unit] == count["fired"][unit] else None
            often = rate if fired is None else fired
            state = "not_finite" if not finite[unit] else "dead" if now else "saturated" if saturated else \
                "dormant" if dormant else "rare" if often < RARE else "alive"
            bound = count["bound"][unit]
            slopes = phi.slope
            rows.append(dict(
                place, unit=unit, state=state, role=site["role"], deaths=past["deaths"], revivals=past["revivals"],
                born_dead=None if past["at_start"] is None else past["at_start"] and not self.from_file,
                inherited=None if past["at_start"] is None else past["at_start"] and self.from_file,
                first_dead_step=past.get("first"), last_change_step=past.get("change"),
                cause=past.get("cause") if now else None, died_after=past.get("after"), died_by=past.get("by"),
                margin=math.nan if phi.mortal and not finite[unit] else margin and margin + 0.0,
                activation_rate=rate if finite[unit] else math.nan, sample_rate=fired if finite[unit] else math.nan,
                cover=count["cover"][unit] if count["cover"][unit] == count["cover"][unit] and finite[unit] else None,
                a_mean=count["a"][unit] / count["count"][unit] if count["count"][unit] else None,
                slope=None if slopes is None else float(slopes.flatten()[unit if slopes.numel() > 1 else 0]),
                within_rounding=None if bound != bound or margin is None or not finite[unit] else abs(margin) <= bound))
        at_start = [past["at_start"] for past in life]
        known = at_start[0] is not None
        row = dict(place, step=self.steps, epoch=self._epoch(), units=site["units"], role=site["role"], dead=sum(dead),
                   dead_fraction=sum(dead) / site["units"], saturated=saturated_units, dormant=dormant_units, died=died,
                   revived=revived, effective_rank=count["rank"], samples=samples, positions=site["positions"],
                   not_finite=finite.count(False), born_dead=sum(at_start) * (not self.from_file) if known else None,
                   inherited=sum(at_start) * self.from_file if known else None)
        if row["dead"] == site["units"] and site["role"] == "hidden" and not site.get("collapsed"):
            events.append(_event(self.steps, "collapsed", **place, detail="every unit is dead"))
        site["collapsed"] = row["dead"] == site["units"]
        return row, rows, events

    # -- the rest

    def _epoch(self):
        if self.epoch is not None:
            return int(self.epoch)
        return None

    def _tell(self, text):
        if text[:40] not in self.told:
            self.told.add(text[:40])
            warnings.warn("reluscope_capture: " + text, stacklevel=3)

    def _write_manifest(self):
        if self.tables is None:
            return
        last = self.censuses[-1] if self.censuses else {}
        manifest = {
            "tool": "reluscope_capture", "version": VERSION, "schema_version": SCHEMA_VERSION, "status": self.status,
            "failure": self.failed, "name": os.path.basename(os.path.normpath(self.tables.directory)),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "model": type(self.model).__name__,
            "build": {"torch": torch.__version__, "python": sys.version.split()[0], "ranks": self.world},
            "data": {"train_samples": last.get("samples"), **{key: last.get(key) for key in ("batch_size", "crc32")}},
            "capture": {"every": self.every, "reduction": self.reduction, "batch_axis": self.batch_axis,
                        "parameters": sum(parameter.numel() for parameter in self.parameters.values()),
                        "censuses": self.censuses},
            "timings": {"seconds": round(time.time() - self.started, 3)}}
        if self.criterion:
            manifest["loss"] = {"name": "cross_entropy" if self.criterion == "nll" else self.criterion,
                                "from_logits": self.criterion in ("cross_entropy", "bce")}
        if self.optimizer:
            manifest["train"] = {"optimizer": self.optimizer}
        self.tables.write("manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def _write_summary(self):
        hidden = [row for row in getattr(self, "last_census", []) if row["role"] == "hidden"]
        summary = {"schema_version": SCHEMA_VERSION, "status": self.status, "failure": self.failed, "steps": self.steps}
        if self.losses:
            summary.update(first_loss=_clean(self.losses[0][1]), last_loss=_clean(self.losses[-1][1]))
        if self.outcome:
            summary.update({key: _clean(value) for key, value in self.outcome.items()}, start_loss=self.start_loss)
        if hidden:
            dead, units = sum(row["dead"] for row in hidden), sum(row["units"] for row in hidden)
            worst = max(hidden, key=lambda row: row["dead_fraction"])
            verdict = f"{dead} of {units} ({100 * dead / units:.1f} %) hidden units are dead on the last census's data"
            verdict += f"; worst is layer '{worst['name']}' with {worst['dead']} of {worst['units']}." if dead else "."
            summary.update(verdict=verdict, dead_fraction=dead / units)
        self.tables.write("summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


class Features:
    """Size of what the model gets: of each feature; of images, and of sequences of numbers, each channel."""

    def __init__(self):
        self.count, self.sums = 0, None

    def add(self, x, batch_axis):
        if x is None or not x.is_floating_point() or x.dim() < 1 or x.numel() == 0:
            return
        x = x.detach()
        axis = 1 if x.dim() in (2, 4, 5) else x.dim() - 1
        rows = [at for at in range(x.dim()) if at != axis] if x.dim() > 1 else [0]
        high, low = (x.amax(rows), x.amin(rows)) if x.dim() > 1 else (x.amax(), x.amin())
        wide = _double(x)
        sums = [wide.sum(rows), (wide * wide).sum(rows), high, low]
        if self.sums is not None and self.sums[0].shape != sums[0].shape:
            return
        self.count += x.numel() // max(sums[0].numel(), 1)
        self.sums = sums if self.sums is None else [self.sums[0] + sums[0], self.sums[1] + sums[1],
                                                    torch.maximum(self.sums[2], high), torch.minimum(self.sums[3], low)]

    def write(self, tables, world, device):
        """What all ranks have got together, by rank 0."""
        if world > 1:
            width = 0 if self.sums is None else self.sums[0].numel()
            widths = torch.tensor([width, -width], device=device)
            torch.distributed.all_reduce(widths, torch.distributed.ReduceOp.MAX)
            if not width or widths.tolist() != [width, -width]:
                return
            count = torch.tensor([self.count], device=device)
            for one, how in zip((count, *self.sums), ("SUM", "SUM", "SUM", "MAX", "MIN")):
                torch.distributed.all_reduce(one, getattr(torch.distributed.ReduceOp, how))
            self.count = int(count)
        if self.sums is None or tables is None:
            return
        columns = [one.reshape(-1).tolist() for one in self.sums]
        rows = []
        for feature, (total, square, high, low) in enumerate(zip(*columns)):
            mean = total / self.count
            std = 0.0 if high == low else _root(max(square / self.count - mean * mean, 0.0))  # of a constant: no rounding
            rows.append({"feature": feature, "mean": mean, "std": std,
                         "min": low, "max": high})
        tables.replace("features", rows)


class Outcome:
    """The loss of each sample, and that of the best constant output."""
    LOSSES = ("cross_entropy", "nll", "mse", "bce")
    RANGES = {"relu": (0, None), "softplus": (0, None), "sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1),
              "relu6": (0, 6), "hardsigmoid": (0, 1), "elu": (-1, None), "celu": (-1, None), "softsign": (-1, 1)}

    def __init__(self, kind):
        self.kind, self.losses, self.targets, self.right, self.judged = kind, [], [], 0.0, 0

    def add(self, output, target):
        if not isinstance(output, torch.Tensor):
            raise CaptureError(f"criterion: the model returned {type(output).__name__}, expected a tensor; `output` "
                               "picks one")
        if len(target) == 0:
            return
        output = _double(output.detach())
        if self.kind in ("cross_entropy", "nll"):
            if output.dim() == 3 and output.shape[:2] == target.shape:
                output = output.transpose(1, 2)  # classes behind samples, as the loss wants them
            function = F.cross_entropy if self.kind == "cross_entropy" else F.nll_loss
            loss = function(output, target, reduction="none")
            real = (target != -100).reshape(len(target), -1)
            loss = (loss.reshape(len(target), -1) * real).sum(1) / real.sum(1).clamp(min=1)
            self.right += ((output.argmax(1) == target).reshape(len(target), -1) & real).sum()
            self.judged += real.sum()
        else:
            target = _double(target).reshape(output.shape)
            function = F.mse_loss if self.kind == "mse" else F.binary_cross_entropy_with_logits
            loss = function(output, target, reduction="none").reshape(len(target), -1).mean(1)
            if self.kind == "bce":
                self.right += ((output > 0) == (target > 0.5)).sum()
                self.judged += target.numel()
        self.losses.append(loss)
        self.targets.append(target.detach().reshape(len(target), -1).cpu())

    def facts(self, world, activation):
        losses, targets = torch.cat(self.losses).cpu(), torch.cat(self.targets)
        right, judged = float(self.right), float(self.judged)
        if world > 1:
            parts = [None] * world
            torch.distributed.all_gather_object(parts, (losses, targets, right, judged))
            losses, targets = torch.cat([one[0] for one in parts]), torch.cat([one[1] for one in parts])
            right, judged = sum(one[2] for one in parts), sum(one[3] for one in parts)
        facts = {}
        if self.kind in ("cross_entropy", "nll"):
            real = targets != -100
            counts = torch.bincount(targets[real]).double()
            share = counts / counts.sum()
            information = -share.clamp(min=1e-300).log()
            constant = (information[targets.clamp(min=0)] * real).sum(1) / real.sum(1).clamp(min=1)
            there = [(float(one), number) for number, one in enumerate(share) if one > 0]
            facts["classes"] = {"count": len(there), "largest": max(there)[0], "largest_name": str(max(there)[1]),
                                "smallest": min(there)[0], "smallest_name": str(min(there)[1])}
        elif self.kind == "bce":
            share = targets.mean(0).clamp(1e-300, 1)
            constant = -(targets * share.log() + (1 - targets) * (1 - share).clamp(min=1e-300).log()).mean(1)
        else:
            constant = ((targets - targets.mean(0)) ** 2).mean(1)
            low, high = self.RANGES.get(activation, (None, None))
            outside = torch.zeros_like(targets, dtype=torch.bool)
            for bound, beyond in ((low, torch.lt), (high, torch.gt)):
                outside |= beyond(targets, bound) if bound is not None else False
            facts["targets"] = {"mean": float(targets.mean()), "std": float(targets.std(unbiased=False)),
                                "min": float(targets.min()), "max": float(targets.max()),
                                "outside": float(outside.double().mean()), "output_low": low, "output_high": high}
        gain = constant - losses
        facts["train"] = {"loss": float(losses.mean()), "accuracy": right / judged if judged else None,
                          "constant_loss": float(constant.mean()), "gain": float(gain.mean()),
                          "gain_error": float(gain.std() / math.sqrt(len(gain))) if len(gain) > 1 else None}
        return facts


def _clean(value):
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_bias(name):
    return name.rpartition(".")[2].startswith("bias")


def _ratio(part, whole):
    return part / whole if whole else (math.nan if part == 0 or part != part else math.inf)


def _worse(which, old, new):
    return new if new != new else old if old != old else which(old, new)


def _event(step, event, layer=None, name=None, unit=None, after=None, by=None, dated=None, detail=None):
    return {"step": step, "event": event, "layer": layer, "name": name, "unit": unit, "after": after, "by": by,
            "dated": dated, "cause": None, "own_weights": None, "own_bias": None, "upstream": None, "lr": None,
            "grad_norm": None, "detail": detail}


def _effective_rank(parts):
    """exp of the entropy of the singular values (Roy & Vetterli 2007)."""
    if not parts:
        return None
    rows = torch.cat(parts)
    if not bool(torch.isfinite(rows).all()):
        return math.nan
    values = torch.linalg.svdvals(rows)
    share = values / values.sum()
    share = share[share > 0]
    return float(torch.exp(-(share * share.log()).sum())) if share.numel() else 0.0


# ---- export: the model as a config of reluscope, and its weights beside it

# Activations of a config, and their settings, called as PyTorch's arguments and in their order, with its defaults.
PHIS = {"relu": {}, "leaky_relu": {"negative_slope": 0.01}, "prelu": {}, "rrelu": {"lower": 1 / 8, "upper": 1 / 3},
        "elu": {"alpha": 1.0}, "selu": {}, "celu": {"alpha": 1.0}, "gelu": {"approximate": "none"}, "silu": {},
        "mish": {}, "softplus": {"beta": 1.0, "threshold": 20.0}, "sigmoid": {}, "tanh": {}, "relu6": {},
        "hardswish": {}}
PHI_OF = {name.replace("_", ""): name for name in PHIS}
OPTIMIZERS = {"SGD": "lr momentum dampening nesterov weight_decay", "Adam": "lr betas eps weight_decay",
              "AdamW": "lr betas eps weight_decay", "RMSprop": "lr alpha eps momentum centered weight_decay",
              "Adagrad": "lr lr_decay eps initial_accumulator_value weight_decay"}
EXPORTED = ("config.json", "weights.safetensors", "names.json", "inputs.npy", "targets.npy")
NOT_SAID = {  # why a config cannot say it; names as Exporter.kind gives them
    "lstm gru rnn lstmcell grucell rnncell": "a config has no recurrent layers",
    "multiheadattention transformer transformerencoder transformerencoderlayer transformerdecoderlayer softmax "
    "logsoftmax matmul bmm einsum baddbmm scaleddotproductattention":
        "a config multiplies by weights alone, and has no attention; a softmax stands at its end alone",
    "cat concat concatenate stack chunk split getitem": "branches of a config meet in sums, and nothing is cut apart",
    "mul imul div truediv sub": "a config multiplies and adds by layers alone; what scales the data belongs before it",
    "embedding embeddingbag": "a config reads numbers, not tokens",
    "conv1d conv3d convtranspose2d": "a config's convolutions are conv2d"}
NOT_SAID = {name: why for names, why in NOT_SAID.items() for name in names.split()}
TORCH = os.path.dirname(torch.__file__)


def _cannot(text):
    return CaptureError(f"export: {text}. Capture and its censuses work all the same")


def _plain(name):
    """As a config takes names."""
    return "".join(one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in name).lstrip(".")[:100]


def _place_of(frames):
    """The innermost line that is the user's: of pairs of file and line, innermost first."""
    for file, line in frames:
        if not file.startswith((TORCH, "<")) and file != __file__:
            return f" ({os.path.basename(file)}:{line})"
    return ""


def _traced(model):
    """The graph of `One`, in training mode, which knows of dropout. Each node's meta has a `place` for messages."""
    import traceback

    import torch.fx

    class One(torch.nn.Module):
        """The model, with one tensor and else its defaults."""

        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x)

    class Tracer(torch.fx.Tracer):
        modules = ()

        def call_module(self, module, forward, args, kwargs):
            before, self.modules = self.modules, (*self.modules, self.path_of_module(module))
            try:
                return super().call_module(module, forward, args, kwargs)
            finally:
                self.modules = before

        def create_node(self, *args, **kwargs):
            node, frame, frames = super().create_node(*args, **kwargs), sys._getframe(), []
            while frame.f_code is not _traced.__code__:
                frames.append((frame.f_code.co_filename, frame.f_lineno))
                frame = frame.f_back
            inside = f" in '{_inside(self.modules[-1])}'" if len(self.modules) > 1 else ""
            node.meta["place"] = inside + _place_of(frames)
            return node

    modes, root = [(module, module.training) for module in model.modules()], One()
    try:
        model.train()
        graph = Tracer().trace(root)
    except Exception as fault:  # whatever a forward does with what stands for its tensors
        frames = [(one.filename, one.lineno) for one in reversed(traceback.extract_tb(fault.__traceback__))]
        raise _cannot(f"torch.fx cannot follow forward{_place_of(frames)}: {fault}. A config's network takes "
                      "one tensor, and all samples one way: it has no conditions and loops over values") from fault
    finally:
        for module, mode in modes:
            module.training = mode
    return torch.fx.GraphModule(root, graph)


def _inside(target):
    """The model's own name of what is called `model.…` in the graph."""
    return target.partition(".")[2]


def _square_of(value):
    """The one number of a window; None where height and width differ."""
    values = set(value) if isinstance(value, (tuple, list)) else {value}
    return values.pop() if len(values) == 1 else None


class Exporter:
    """From the graph of a model to the layers of a config. `example`: a batch."""

    def __init__(self, model, example, output=None):
        self.graph_module = _traced(model)
        self.modules = dict(self.graph_module.named_modules())
        self.shapes, self.starts, self.taken, self.said, self.log_softmax = {}, {}, {}, set(), False
        nodes = list(self.graph_module.graph.nodes)
        self._run(example)
        self.input, self.samples = nodes[0], len(example)
        self.raw = {self.input}  # the sample as it comes, in whatever shape
        self.sample = self.shapes[self.input][1:]
        self._follow_in_place(nodes)
        end = nodes[-1].args[0]
        if output is not None and not hasattr(end, "op"):
            end = output(end)
        if not hasattr(end, "op"):
            raise _cannot("the model returns several things, and a config's network one: `output` picks it")
        while self.kind(end) in ("squeeze", "flatten", "view", "reshape") and \
                self.samples == math.prod(self.shapes.get(end, ())):
            end = self._signals(end)[0]  # samples × 1 as samples
        if self.kind(end) == "logsoftmax":
            self.log_softmax, end = True, self._signals(end)[0]
        self.end = end
        self._name_sites(nodes)
        self.layers = self.chain(end, self.input)
        last = self.layers[-1] if self.layers else {"type": "input"}
        if last["type"] != "dense" or "norm" in last:
            ending = last["norm"]["name"] if "norm" in last else last["type"]
            raise _cannot(f"the model ends in {ending}{end.meta['place']}, and a config in a dense layer with its "
                          "activation")
        if len(self.sample) not in (1, 3):
            raise _cannot(f"a sample has the shape {list(self.sample)}, and a config takes a vector or channels × "
                          "height × width")
        self._make_names_unique()
        self.arrays, self.names = {}, {}
        self._flatten(self.layers, None)
        self._place(self.layers, "layers.")

    def _run(self, example):
        """The shape of all that is computed. Dropout that is called as a function was traced as in training."""
        import torch.fx
        exporter = self

        class Shapes(torch.fx.Interpreter):
            def run_node(self, node):
                if node.op == "call_function" and exporter.kind(node).startswith(("dropout", "featuredropout")):
                    value = self.fetch_args_kwargs_from_env(node)[0][0]
                else:
                    value = super().run_node(node)
                if isinstance(value, torch.Tensor):
                    exporter.shapes[node] = tuple(value.shape)
                return value
        try:
            Shapes(self.graph_module).run(example.clone())
        except Exception as fault:
            raise CaptureError(f"export: the example, of shape {list(example.shape)}, does not go through the model: "
                               f"{str(fault).splitlines()[0] if str(fault) else fault!r}") from fault

    def _follow_in_place(self, nodes):
        """Who reads a tensor after an operation in place reads what that has made of it."""
        order = {node: at for at, node in enumerate(nodes)}
        for node in nodes:
            name, module = str(getattr(node.target, "__name__", node.target)), self.modules.get(str(node.target))
            if node.op == "call_module":
                changes = getattr(module, "inplace", False)
            else:
                changes = node.op.startswith("call") and (name.endswith("_") or node.kwargs.get("inplace") is True or
                                                          name == "iadd")
            for old in self._signals(node)[:1] if changes else ():
                for user in [user for user in old.users if order[user] > order[node]]:
                    user.replace_input_with(old, node)

    # -- what a node is

    def kind(self, node):
        """Conv2d, F.conv2d: conv2d. LeakyReLU, leaky_relu_: leakyrelu. What is not PyTorch's keeps its path."""
        if node.op in ("placeholder", "get_attr", "output"):
            return node.op
        if node.op == "call_method":
            name, room = node.target, "torch"
        else:
            what = type(self.modules[node.target]) if node.op == "call_module" else node.target
            name, room = getattr(what, "__name__", str(what)), getattr(what, "__module__", None) or "torch"
        plain = name.lower().replace("_", "")
        return plain if room.partition(".")[0] in ("torch", "_operator", "operator") else f"{room}.{name}"

    def refuse(self, node, why=None):
        why = why or NOT_SAID.get(self.kind(node), "a config has no such operation")
        name = type(self.modules[node.target]).__name__ if node.op == "call_module" else \
            getattr(node.target, "__name__", node.target)
        raise _cannot(f"{name}{node.meta['place']}: {why}")

    def _signals(self, node):
        return [one for one in node.all_input_nodes if one in self.shapes and one.op != "get_attr"]

    def is_sum(self, node):
        return self.kind(node) in ("add", "iadd")

    def is_activation(self, node):
        return self.kind(node) in PHI_OF or self._phi(node) is not None

    def _phi(self, node):
        """What hardtanh, clamp and threshold are with the right limits."""
        kind, limits = self.kind(node), None
        if kind == "hardtanh":
            limits = self.get(node, 1, "min_val", -1.0), self.get(node, 2, "max_val", 1.0)
        elif kind in ("clamp", "clip", "clampmin"):
            limits = self.get(node, 1, "min", None), None if kind == "clampmin" else self.get(node, 2, "max", None)
        elif kind == "threshold":
            limits = self.get(node, 1, "threshold", 1), self.get(node, 2, "value", 1)
            return "relu" if limits == (0, 0) else None
        return {(0, None): "relu", (0, 6): "relu6"}.get(limits)

    def get(self, node, at, name, default):
        """A setting: of a module, or an argument."""
        if node.op == "call_module":
            return getattr(self.modules[node.target], name, default)
        return _argument(node.args, node.kwargs, at, name, default)

    def array(self, node, at, name):
        """A parameter or a buffer with its name in the model; None: there is none."""
        if node.op == "call_module":
            tensor, theirs = getattr(self.modules[node.target], name), _inside(f"{node.target}.{name}")
        else:
            there = _argument(node.args, node.kwargs, at, name, None)
            if there is not None and getattr(there, "op", None) != "get_attr":
                self.refuse(node, f"its {name} is computed, and a config's are parameters")
            theirs = None if there is None else _inside(there.target)
            tensor = None if there is None else functools.reduce(getattr, there.target.split("."), self.graph_module)
        if tensor is None:
            return {}
        if id(tensor) in self.taken and name != "num_batches_tracked":
            self.refuse(node, f"its {name} is that of '{self.taken[id(tensor)][0]}', and a config has no shared "
                              "weights")
        self.taken[id(tensor)] = (theirs, tensor)  # kept, or another tensor would get its id
        return {name: (theirs, tensor)}

    # -- from the end to the input

    def before(self, node):
        """The last node that all on the way to this one has gone through: of a sum where its branches part."""
        if node in self.starts:
            return self.starts[node]
        signals = self._signals(node)
        if not self.is_sum(node) and len(signals) == 1:
            return signals[0]
        if not self.is_sum(node) or len(signals) != 2 or self.get(node, 9, "alpha", 1) != 1:
            self.refuse(node, "a config adds up two different branches, as they are" if self.is_sum(node) else None)
        one, other = self.spine(signals[0]), set(self.spine(signals[1]))
        self.starts[node] = next(at for at in one if at in other)  # the input, at last
        return self.starts[node]

    def spine(self, node):
        nodes = [node]
        while node is not self.input:
            if node not in self.shapes:
                self.refuse(node)  # it yields more than a tensor
            if node.op == "get_attr" or not self._signals(node):
                several = [one for one in node.all_input_nodes if self._signals(one)]  # of which this is one
                self.refuse(*(several[:1] or (node, "it does not depend on the input, and a config's values do")))
            node = self.before(node)
            nodes.append(node)
        return nodes

    def chain(self, node, start):
        """The layers that make the node of `start`."""
        nodes, layers = self.spine(node), []
        for node in reversed(nodes[:nodes.index(start)]):
            if node in self.said:
                self.refuse(node, "what it yields is used in two places that one sum does not join, or twice")
            self.said.add(node)
            self._append(layers, node)
        return layers

    def _append(self, layers, node):
        layer = self._sum(node) if self.is_sum(node) else self.say(node)
        if layer is None:
            return
        last = layers[-1] if layers and "activation" not in layers[-1] else {"type": "nothing"}
        if layer["type"] in ("batch_norm", "layer_norm") and last["type"] in ("dense", "conv2d") and "norm" not in last:
            settings = {key: value for key, value in layer.items() if key not in ("type", "parts", "name")}
            last.update(norm={"name": layer["type"], **settings}, parts=last["parts"] + layer["parts"])
        elif layer["type"] == "activation" and last["type"] in ("dense", "conv2d", "residual"):
            last.update(activation=layer["activation"], parts=last["parts"] + layer["parts"],
                        name=self.site_names.get(node, last.get("name")))
        else:
            layers.append(layer)

    def _sum(self, node):
        signals, start = self._signals(node), self.before(node)
        if len({self.shapes[one] for one in (node, *signals)}) > 1:
            self.refuse(node, "the shapes of what is added differ, and a config's are the same")
        body, shortcut = sorted((self.chain(one, start) for one in signals), key=len, reverse=True)
        if not body:
            self.refuse(node, "a value is added to itself")
        if any(layer["type"] == "residual" for layer in body + shortcut):
            self.refuse(node, "a sum in a branch of a sum: a config's residual blocks hold no blocks")
        return {"type": "residual", "layers": body, **({"shortcut": shortcut} if shortcut else {}), "parts": []}

    def _name_sites(self, nodes):
        """Activations are called as in a capture, but for the sign before a number."""
        self.site_names, owners, calls = {}, {}, {}
        for node in nodes:
            owners[node] = owner, _ = self._owner(node, owners)
            if self.is_activation(node) and self._signals(node):
                number = calls[owner] = calls.get(owner, 0) + 1
                self.site_names[node] = owner if number == 1 else f"{owner}-{number}"

    def _owner(self, node, owners):
        """The layer that a tensor comes from, and whether that stands behind the last activation."""
        before = [owners[one] for one in self._signals(node)] or [("input", False)]
        parameters = [_inside(one.target.rpartition(".")[0]) for one in node.all_input_nodes if one.op == "get_attr"]
        if self.is_activation(node):
            return before[0][0], False
        if node.op == "call_module" and next(self.modules[node.target].parameters(), None) is not None:
            return _inside(node.target) or "parameters", True
        if parameters:
            return parameters[0] or "parameters", True
        return next((one for one in before if one[1]), before[0])

    # -- a layer of each kind

    def say(self, node):
        """The layer of a config; None: nothing need be done. `parts`: of each module the parameters."""
        kind, before = self.kind(node), self._signals(node)[0]
        given, made = self.shapes[before], self.shapes[node]
        if kind in PHI_OF or self._phi(node) or kind == "softmax" and node is self.end:
            return self._activation(node, kind, given)
        if kind in ("linear", "conv2d"):
            return self._affine(node, kind, given)
        if kind in ("batchnorm1d", "batchnorm2d", "syncbatchnorm", "layernorm"):
            return self._norm(node, kind, given)
        if kind in ("maxpool2d", "avgpool2d", "adaptiveavgpool2d", "adaptivemaxpool2d", "mean"):
            return self._pool(node, kind, given)
        if kind in ("dropout", "dropout2d"):
            if kind == "dropout2d" and len(given) != 4:
                self.refuse(node, f"its input has {len(given)} axes, and channels of samples have 4")
            p = self.get(node, 1, "p", 0.5)
            if node.op == "call_function" and not self.get(node, 2, "training", True):
                return None
            if p >= 1:
                self.refuse(node, "with p = 1 nothing is left")
            return {"type": "dropout", "p": p, **({"per": "channel"} if kind == "dropout2d" else {}), "parts": [{}]}
        if kind in ("identity", "contiguous", "clone"):
            return None
        if kind == "permute" and self._is_around_norm(node):
            return None
        if kind in ("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten"):
            return self._reshape(node, before, given, made)
        return self.refuse(node)

    def _reshape(self, node, before, given, made):
        if made[:1] != given[:1]:
            self.refuse(node, "it joins or cuts samples, and a config keeps each by itself")
        readers = [user for user in before.users if user in self.shapes and self._signals(user)]
        if before in self.raw and readers == [node] and len(made) in (2, 4):
            self.raw.add(node)  # the data are written as it makes them
            self.sample = made[1:]
            return None
        if made == given or made[1] == given[1] == math.prod(made[1:]) == math.prod(given[1:]):
            return None
        if len(made) == 2 and len(given) == 4 and before not in self.raw:
            return {"type": "flatten", "parts": [{}]}
        return self.refuse(node, f"from the shape {list(given[1:])} of a sample to {list(made[1:])}: a config flattens "
                                 "alone")

    def _activation(self, node, kind, given):
        name = self._phi(node) or PHI_OF.get(kind, kind)
        settings = {key: self.get(node, 1 + at, key, default) for at, (key, default) in
                    enumerate(PHIS.get(name, {}).items() if kind in PHI_OF else ())}
        part = {}
        if name == "prelu":
            part = self.array(node, 1, "weight")
            shared = part["weight"][1].numel() == 1
            settings = {"slopes": "layer" if shared and given[1:2] != (1,) else "unit", "weight_decay": True}
        if name == "softmax" and self.get(node, 1, "dim", None) not in (1, len(given) - 1, -1):
            self.refuse(node, "a config's softmax goes over the outputs")
        odd = next((key for key, value in settings.items() if isinstance(value, (int, float)) and value < 0), None)
        if odd:
            self.refuse(node, f"{odd} is {settings[odd]}, and a config's is not below 0")
        return {"type": "activation", "activation": {"name": name, **settings},
                "name": self.site_names.get(node, name), "parts": [part]}

    def _affine(self, node, kind, given):
        axes = 2 if kind == "linear" else 4
        if len(given) != axes:
            self.refuse(node, f"its input has {len(given)} axes, and a config's has {axes}: there are no positions but "
                              "those of pictures")
        part = {**self.array(node, 1, "weight"), **self.array(node, 2, "bias")}
        theirs, weight = part["weight"]
        layer = {"type": "dense", "name": theirs.rpartition(".")[0] or "parameters", "units": weight.shape[0]}
        if kind == "conv2d":
            layer.update(type="conv2d", channels=layer.pop("units"), kernel=_square_of(tuple(weight.shape[2:])),
                         stride=_square_of(self.get(node, 3, "stride", 1)),
                         padding=_square_of(self.get(node, 4, "padding", 0)))
            layer["padding"] = 0 if layer["padding"] == "valid" else layer["padding"]
            for name, at in (("dilation", 5), ("groups", 6)):
                value = self.get(node, at, name, 1)
                if _square_of(value) != 1:
                    self.refuse(node, f"{name} is {value}, and a config's convolutions have {name} 1")
            if self.get(node, 9, "padding_mode", "zeros") != "zeros":
                self.refuse(node, "a config pads with zeros")
            odd = next((name for name in ("kernel", "stride", "padding") if layer[name] is None), None)
            if odd:
                self.refuse(node, f"its {odd} is not the same for height and width, as a config's is")
        return {**layer, **({} if "bias" in part else {"init": {"bias": False}}), "parts": [part]}

    def _norm(self, node, kind, given):
        layer = {"type": "layer_norm", "eps": self.get(node, 4, "eps", 1e-5)}
        part = {**self.array(node, 2, "weight"), **self.array(node, 3, "bias")}
        if len(part) == 1:
            self.refuse(node, "it has a scale without a shift, and a config's has both or none")
        if kind == "layernorm":
            shape = tuple(self.get(node, 1, "normalized_shape", ()))
            channels_last = self.kind(self._signals(node)[0]) == "permute"
            if shape == given[1:] and len(given) in (2, 4) and not channels_last:
                layer.update({"axes": "sample"} if len(given) == 4 else {})
            elif not (len(given) == 4 and shape == given[3:] and channels_last):
                self.refuse(node, f"over {list(shape)} of a sample of {list(given[1:])}: a config's goes over the "
                                  "channels of each position, or over all of a sample")
        else:
            if node.op != "call_module" or not self.get(node, 0, "track_running_stats", False) or \
                    self.get(node, 0, "momentum", None) is None:
                self.refuse(node, "a config's batch norm is a module with running statistics and a momentum")
            if len(given) not in (2, 4):
                self.refuse(node, f"its input has {len(given)} axes, and a config's has 2 or 4")
            layer.update(type="batch_norm", momentum=self.get(node, 0, "momentum", 0.1))
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                part.update(self.array(node, 0, name))
        return {**layer, "affine": "weight" in part, "parts": [part]}

    def _is_around_norm(self, node):
        """Channels last and back, around a layer norm."""
        order = node.args[1] if len(node.args) > 1 and isinstance(node.args[1], (list, tuple)) else node.args[1:]
        order = [at % 4 for at in order] if all(isinstance(at, int) for at in order) else None
        if order == [0, 2, 3, 1]:
            users = list(node.users)
            return len(users) == 1 and self.kind(users[0]) == "layernorm"
        return order == [0, 3, 1, 2] and self.kind(self._signals(node)[0]) == "layernorm"

    def _pool(self, node, kind, given):
        if len(given) != 4:
            self.refuse(node, f"its input has {len(given)} axes, and pictures have 4")
        if kind == "mean":
            axes = self.get(node, 1, "dim", None)
            if sorted(at % 4 for at in (axes if isinstance(axes, (list, tuple)) else ())) != [2, 3]:
                self.refuse(node, "a config has the mean over all positions")
            return {"type": "global_avg_pool", "parts": [{}]}
        name = "avg_pool" if "avg" in kind else "max_pool"
        if kind.startswith("adaptive"):
            size, side = _square_of(self.get(node, 1, "output_size", None)), _square_of(given[2:])
            if size == 1 and name == "avg_pool":
                return {"type": "global_avg_pool", "parts": [{}]}
            if not size or not side or side % size:
                self.refuse(node, f"from {list(given[2:])} to {self.get(node, 1, 'output_size', None)}: its windows "
                                  "are not all of one size, as a config's are")
            return None if size == side else {"type": name, "kernel": side // size, "parts": [{}]}
        kernel = _square_of(self.get(node, 1, "kernel_size", None))
        layer = {"type": name, "kernel": kernel, "stride": _square_of(self.get(node, 2, "stride", None) or kernel),
                 "padding": _square_of(self.get(node, 3, "padding", 0)), "parts": [{}]}
        if None in layer.values():
            self.refuse(node, "its window is not square, as a config's is")
        if self.get(node, 5 if name == "max_pool" else 4, "ceil_mode", False):
            self.refuse(node, "ceil_mode: a config's windows lie within their input")
        if name == "max_pool" and _square_of(self.get(node, 4, "dilation", 1)) != 1:
            self.refuse(node, "a config's pools have dilation 1")
        if name == "avg_pool":
            layer["count_include_pad"] = self.get(node, 5, "count_include_pad", True)
            if self.get(node, 6, "divisor_override", None) is not None:
                self.refuse(node, "divisor_override: a config divides by the window's size")
        return layer

    # -- as an nn.Sequential

    def _make_names_unique(self):
        """Where two layers have one, it is that of the activation."""
        taken = set()
        for layer in sorted(self._all(self.layers), key=lambda layer: "activation" not in layer):
            name = _plain(layer.pop("name", None) or "")
            if name and name not in taken:
                taken.add(name)
                layer["name"] = name

    def _all(self, layers):
        for layer in layers:
            yield layer
            yield from self._all([*layer.get("layers", ()), *layer.get("shortcut", ())])

    def _flatten(self, layers, is_vector):
        """Whatever the number of positions, a module flattens them before a dense layer, unless they are the data as they
        are (None). Whether a vector comes out."""
        for layer in list(layers):
            if layer["type"] == "dense" and is_vector is False:
                layers.insert(next(at for at, one in enumerate(layers) if one is layer), {"type": "flatten", "parts": [{}]})
            if layer["type"] == "residual":
                is_vector = self._flatten(layer["layers"], is_vector)
            elif layer["type"] in ("dense", "flatten", "global_avg_pool"):
                is_vector = True
            elif layer["type"] == "conv2d" or layer["type"].endswith("_pool") or \
                    is_vector is None and layer["type"].endswith("_norm") and len(self.sample) == 3:
                is_vector = False
        return is_vector

    def _place(self, layers, prefix):
        """Calls the parameters as in an nn.Sequential with a module for each map, norm and activation."""
        number = 0
        for layer in layers:
            parts, key = layer.pop("parts"), f"{prefix}{number}."
            if layer["type"] == "residual":
                self._place(layer["layers"], key + "body.")
                self._place(layer.get("shortcut", []), key + "shortcut.")
                keys, number = [key + "activation."], number + 1
            else:
                keys = [f"{prefix}{number + at}." for at in range(len(parts))]
                number += len(parts)
            for key, part in zip(keys, parts):
                for name, (theirs, tensor) in part.items():
                    half = tensor.dtype in (torch.float16, torch.bfloat16)
                    self.arrays[key + name] = (tensor.float() if half else tensor).detach().cpu().contiguous()
                    self.names[key + name] = theirs

    def again(self, x, layers=None, prefix="layers."):
        """What the written layers make of x with the written parameters, in evaluation mode."""
        number = 0

        def take():
            nonlocal number
            number += 1
            key = f"{prefix}{number - 1}."
            return {name[len(key):]: one for name, one in self.arrays.items() if name.startswith(key)}

        def norm(x, layer, kind):
            part = take()
            if kind == "batch_norm":
                return F.batch_norm(x, part["running_mean"], part["running_var"], part.get("weight"), part.get("bias"),
                                    eps=layer["eps"])
            if layer.get("axes") == "sample":
                return F.layer_norm(x, x.shape[1:], part.get("weight"), part.get("bias"), layer["eps"])
            x = F.layer_norm(x.movedim(1, -1), x.shape[1:2], part.get("weight"), part.get("bias"), layer["eps"])
            return x.movedim(-1, 1)

        def activation(x, layer, part):
            settings = dict(layer["activation"])
            name = settings.pop("name")
            if name == "softmax":
                return torch.softmax(x, 1)
            return F.prelu(x, part["weight"]) if name == "prelu" else \
                getattr(torch if hasattr(torch, name) else F, name)(x, **settings)

        for layer in self.layers if layers is None else layers:
            kind = layer["type"]
            if kind == "residual":
                key = f"{prefix}{number}."
                branches = (layer["layers"], key + "body."), (layer.get("shortcut", []), key + "shortcut.")
                x = sum(self.again(x, *branch) for branch in branches)
                part = {name.rpartition(".")[2]: one for name, one in take().items() if name.startswith("activation.")}
                x = activation(x, layer, part) if "activation" in layer else x
                continue
            if kind == "dense":
                part = take()
                x = F.linear(x.flatten(1), part["weight"], part.get("bias"))
            elif kind == "conv2d":
                part = take()
                x = F.conv2d(x, part["weight"], part.get("bias"), layer["stride"], layer["padding"])
            elif kind in ("batch_norm", "layer_norm"):
                x = norm(x, layer, kind)
            elif kind != "activation":
                take()
                if kind == "flatten":
                    x = x.flatten(1)
                elif kind == "global_avg_pool":
                    x = x.mean((2, 3), keepdim=True)
                elif kind != "dropout":
                    settings = {key: layer[key] for key in ("stride", "padding", "count_include_pad") if key in layer}
                    x = getattr(F, kind + "2d")(x, layer["kernel"], **settings)
            if "norm" in layer:
                x = norm(x, layer["norm"], layer["norm"]["name"])
            if "activation" in layer:
                x = activation(x, layer, take())
        return x


def _bytes(tensor):
    tensor = tensor.detach().cpu().contiguous()
    return bytes((ctypes.c_char * (tensor.numel() * tensor.element_size())).from_address(tensor.data_ptr())) \
        if tensor.numel() else b""


KINDS = {torch.float32: ("F32", "<f4"), torch.float64: ("F64", "<f8"), torch.int64: ("I64", "<i8"),
         torch.uint8: ("U8", "|u1")}


def _safetensors(arrays, metadata):
    header, at = {"__metadata__": metadata}, 0
    for name, one in arrays.items():
        size = one.numel() * one.element_size()
        header[name] = {"dtype": KINDS[one.dtype][0], "shape": list(one.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *map(_bytes, arrays.values())])


def _read_safetensors(path):
    kinds = {name: kind for kind, (name, _) in KINDS.items()}
    with open(path, "rb") as file:
        data = file.read()
    start, arrays = 8 + int.from_bytes(data[:8], "little"), {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            flat = torch.frombuffer(bytearray(data[start + begin:start + end]), dtype=kinds[entry["dtype"]]) \
                if end > begin else torch.empty(0, dtype=kinds[entry["dtype"]])
            arrays[name] = flat.reshape(entry["shape"])
    return arrays


def _npy(tensor):
    text = repr({"descr": KINDS[tensor.dtype][1], "fortran_order": False, "shape": tuple(tensor.shape)})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"".join([b"\x93NUMPY\x01\x00", len(text).to_bytes(2, "little"), text.encode(), _bytes(tensor)])


def _replace(path, data):
    """At once, or not at all."""
    descriptor, there = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".export.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.chmod(there, 0o644)
        os.replace(there, path)
    except BaseException:
        os.unlink(there)
        raise


def _data_of(model, loader, forward, target):
    """All that the loader gives: what the model gets, what it should yield (or None), and the size of a batch."""
    inputs, targets, got = [], [], []
    handle = model.register_forward_pre_hook(lambda module, args: got.append(args)) if forward else None
    try:
        for batch in loader:
            if forward:
                forward(model, _to(batch, next(model.parameters()).device))
                x = next(_tensors(got.pop()), None)
            else:
                x = batch[0] if isinstance(batch, (list, tuple)) else batch
            if not isinstance(x, torch.Tensor):
                raise CaptureError(f"export: the {'model gets' if forward else 'loader gives'} {type(x).__name__}, "
                                   "expected a tensor, or a tuple that begins with one")
            if target or isinstance(batch, (list, tuple)) and len(batch) > 1:
                targets.append((target(batch) if target else batch[1]).detach().cpu())
            inputs.append(x.detach().cpu())
    finally:
        if handle:
            handle.remove()
    if not inputs:
        raise CaptureError("export: the loader gave no batch; is it an iterator that has been used up?")
    return torch.cat(inputs), torch.cat(targets) if targets else None, len(inputs[0])


def _loss_of(criterion, ending, log_softmax, targets):
    """The loss of the config; without a criterion that which goes with targets and outputs."""
    classes = targets is None or not targets.is_floating_point() and targets.dim() == 1
    if criterion is None:
        criterion = "nll" if log_softmax else "cross_entropy" if classes else "mse"
        if criterion == "cross_entropy" and ending == "softmax":
            return {"name": "cross_entropy", "from_logits": False}
    if criterion == "nll" and not log_softmax:
        raise CaptureError("export: criterion: found nll, and the model does not end in log_softmax, as is expected")
    if log_softmax and criterion not in ("nll", "cross_entropy"):
        raise CaptureError(f"export: the model ends in log_softmax, and a config says that with cross_entropy alone, "
                           f"not with {criterion}")
    return {"name": "cross_entropy" if criterion == "nll" else criterion}


def _targets_of(targets, loss, outputs):
    """As the config's loss wants them, and its word for what they are."""
    if loss != "cross_entropy":
        return targets.reshape(len(targets), -1).double(), "regression"
    if targets.is_floating_point() or targets.dim() != 1 or int(targets.min()) < 0:
        raise CaptureError("export: the loader's targets are not the number of a class for each sample, and the loss "
                           "cross_entropy takes no others here")
    # A config counts the classes that there are: where some are missing, columns say which each one is.
    if len(torch.unique(targets)) == outputs:
        return targets.long(), "classification"
    return F.one_hot(targets.long(), outputs).to(torch.uint8), "classification"


def _words_of(optimizer):
    name, group = type(optimizer).__name__, optimizer.param_groups[0]
    keys = OPTIMIZERS.get(name, "").split()
    odd = [key for key in ("amsgrad", "maximize") if group.get(key)]
    odd += [key for key in keys if any(other.get(key) != group.get(key) for other in optimizer.param_groups)]
    if not keys or odd:
        what = name + (f" with {', '.join(odd)}" if odd else "")
        warnings.warn(f"reluscope_capture: export: a config cannot say {what}" +
                      (": the first group's settings are written" if keys else ": train.optimizer is left out"),
                      stacklevel=4)
    return {"name": name.lower(), **{key: group[key] for key in keys if key in group}} if keys else None


def export(model, directory, example=None, loader=None, *, criterion=None, optimizer=None, target=None, forward=None,
           output=None, overwrite=False):
    """Writes `model` as a config of reluscope, with its weights beside it, into `directory`; returns the config's path.

    A CaptureError says which operation a config cannot say. `loader`: its data are written, too, and the config reads
    them; without one `example` is a batch of what the model gets. The other arguments are those of Capture.
    """
    model = Capture._unwrap(model)[0]
    device = next(model.parameters()).device
    wide = next(model.parameters()).dtype == torch.float64
    inputs = targets = None
    batch = 32
    with _as_it_was(model), torch.no_grad():
        if loader is not None:
            inputs, targets, batch = _data_of(model, loader, forward, target)
        example = next(_tensors(inputs if example is None else example), None)
        if example is None:
            raise CaptureError("export: of which shape are the samples? export(model, directory, example=batch), or "
                               "loader=…")
        example = example[:8].to(device)
        example = torch.cat([example, example]) if len(example) == 1 else example
        found = Exporter(model, example, output)
        want = model(example.clone())
        want = (want if output is None or isinstance(want, torch.Tensor) else output(want)).cpu()
        rough, want = max(1e-3, 20 * torch.finfo(want.dtype).eps), _double(want)
        got = found.again(example.cpu().to(torch.float64 if wide else torch.float32).reshape(-1, *found.sample))
        got = _double(torch.log_softmax(got, 1) if found.log_softmax else got).reshape(want.shape)
    near = rough / 10 * torch.nan_to_num(want, 0, 0, 0).abs().max().item()
    if not torch.allclose(got, want, rough, near, equal_nan=True):
        raise _cannot("the layers that were found yield other outputs than the model: it takes another way in training "
                      "than in evaluation, or a hook changes what a layer yields")
    last = found.layers[-1]
    loss = _loss_of(criterion, last.get("activation", {}).get("name"), found.log_softmax, targets)
    data = {"kind": "npy", "file": "inputs.npy", "labels": "targets.npy", "test_fraction": 0.0}
    files = {"weights.safetensors": _safetensors(found.arrays, {"format": "pt"}),
             "names.json": (json.dumps(found.names, indent=2) + "\n").encode()}
    if len(found.sample) == 3:
        data["shape"] = list(found.sample)
    if inputs is not None:
        inputs = inputs.reshape(-1, *found.sample)
        files["inputs.npy"] = _npy(inputs.double() if wide else inputs.float())
        if targets is not None:
            targets, data["task"] = _targets_of(targets, loss["name"], last["units"])
            files["targets.npy"] = _npy(targets)
        elif last["units"] == inputs[0].numel() and criterion in (None, "mse", "bce"):
            data.pop("labels")
            data["target"], loss = "input", {"name": criterion or "mse"}
    train = {"batch_size": batch}
    words = _words_of(optimizer) if optimizer is not None else None
    train.update({"optimizer": words} if words else {})
    directory = os.path.abspath(os.fspath(directory))
    config = {"name": _plain(os.path.basename(directory)) or "exported",
              "precision": "float64" if wide else "float32", "data": data,
              "network": {"layers": found.layers, "init_from": "weights.safetensors"}, "loss": loss, "train": train}
    files["config.json"] = (json.dumps(config, indent=2) + "\n").encode()  # the last: it reads the others
    there = sorted(set(os.listdir(directory)) & {*EXPORTED, *FILES}) if os.path.isdir(directory) else []
    if [name for name in there if name in FILES or not overwrite]:
        raise CaptureError(f"export: {directory}: holds {there[0]} of something else: choose another directory, or "
                           "overwrite=True for that of an earlier export")
    os.makedirs(directory, exist_ok=True)
    for name, content in files.items():
        _replace(os.path.join(directory, name), content)
    return os.path.join(directory, "config.json")


def load_pruned(model, weights, exported):
    """Gives the model the parameters that reluscope has made of it, and its layers the sizes that go with them.

    weights    a file of weights, or the directory with one: of `reluscope prune`, or of a run of the exported config
    exported   the directory of the export
    """
    if os.path.isdir(weights):
        weights = os.path.join(weights, "weights.safetensors")
    with open(os.path.join(exported, "names.json"), encoding="utf-8") as file:
        names = json.load(file)
    model, arrays, places = Capture._unwrap(model)[0], _read_safetensors(weights), []
    modules, own = dict(model.named_modules()), {**dict(model.named_parameters()), **dict(model.named_buffers())}
    if set(arrays) != set(names):
        odd = sorted(set(arrays) ^ set(names))[0]
        raise CaptureError(f"load_pruned: {weights}: '{odd}' is {'new' if odd in arrays else 'missing'}: are these "
                           f"weights of the network in {exported}?")
    for ours, theirs in names.items():
        if theirs not in own or own[theirs].dim() != arrays[ours].dim():
            raise CaptureError(f"load_pruned: the model has no parameter '{theirs}' with {arrays[ours].dim()} axes: is "
                               f"it the one of the export in {exported}, without parametrizations?")
        places.append((own[theirs], arrays[ours], modules[theirs.rpartition(".")[0]]))
    for tensor, array, _ in places:
        tensor.data, tensor.grad = array.to(tensor.device, tensor.dtype), None
    for *_, module in places:
        if isinstance(module, torch.nn.Linear):
            module.out_features, module.in_features = module.weight.shape
        elif isinstance(module, torch.nn.Conv2d):
            module.out_channels, module.in_channels = module.weight.shape[:2]
        elif isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.num_features = len(module.running_mean)
        elif isinstance(module, torch.nn.PReLU):
            module.num_parameters = module.weight.numel()
    return model
