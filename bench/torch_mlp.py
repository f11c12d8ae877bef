#!/usr/bin/env python3
"""PyTorch's side of the benchmark: training steps of a multilayer perceptron, without and with reluscope's statistics.

    bench/torch_mlp.py --net 784,256,256,10 --batch 128 --mode careful --data /path/to/mnist

Prints one JSON object. It is the best case for PyTorch: the data are float32 tensors in memory, a batch is taken out of
them by shuffled indices, there is no DataLoader, and the optimiser is the variant with the least overhead.

  plain     training alone
  hooks     every column of layers.csv and steps.csv at every step, as such instrumentation is usually written: hooks,
            .item() for each number, clones of the parameters for the update ratio
  careful   the same columns with the fastest operators that were found
  forward   one pass over the whole training set, counting the active samples of every unit

A net of 784 inputs learns MNIST, from IDX files or from a stand-in of the same size; any other, with 1 output, learns
|x1| + |x2| + …. --check compares the numbers of `hooks` and `careful` instead of timing.
"""

import argparse
import csv
import ctypes
import gzip
import itertools
import json
import math
import os
import resource
import statistics
import sys
import time

import torch
from torch import nn

import blas

LEARNING_RATE = 0.01
MOMENTUM = 0.9
SEED = 1
POINTS = 3000
FORWARD_BATCH = 1000
CHUNKS = 15  # a measurement is the median over so many stretches of steps
CHECKED_STEPS = 5
TOLERANCE = 1e-4
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BYTES = 2**30


# ---- the machine -----------------------------------------------------------------------------------------------------


def prepare_process(threads, tuned=True):
    """Sets the threads of PyTorch's loops and, which PyTorch leaves alone, of OpenBLAS; if tuned, keeps freed memory.

    A step frees its gradients. Left alone, glibc gives such blocks back to the system, and the page faults of getting
    them again cost up to a third of a step.
    """
    torch.set_num_threads(threads)
    library = blas.load()
    if hasattr(library, "openblas_set_num_threads"):
        library.openblas_set_num_threads(threads)
    if not tuned:
        return
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def software():
    """What the figures depend on besides the machine."""
    name, optimised = blas.identify(blas.load(), torch.__config__.show())
    return {"blas": name, "blas_optimised": optimised, "version": torch.__version__}


def peak_rss_mib():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def time_chunks(work, seconds):
    """Seconds per call of `work` in each of CHUNKS stretches that together last about `seconds`, and calls per stretch.

    What runs before them warms up the caches and says how many calls make a stretch. There are fewer where the calls
    have become much slower since.
    """
    calls = 0
    beginning = start = time.perf_counter()
    while calls == 0 or start - beginning < seconds / (CHUNKS + 1):
        work()
        calls += 1
        start = time.perf_counter()
    times = []
    while len(times) < CHUNKS and (not times or start - beginning < 1.5 * seconds):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    return times, calls


# ---- data ------------------------------------------------------------------------------------------------------------


def read_idx(directory, name, header):
    """The bytes of an IDX file, plain or gzip, after its header, as a tensor."""
    path = os.path.join(directory, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            content = file.read()
    else:
        with gzip.open(f"{path}.gz", "rb") as file:
            content = file.read()
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header)


def mnist(directory):
    images = read_idx(directory, "train-images-idx3-ubyte", 16).view(-1, 784)
    labels = read_idx(directory, "train-labels-idx1-ubyte", 8)
    return images.float().div_(255), labels.long()


def stand_in_for_mnist():
    """60,000 noisy copies of ten templates, with the share of zeros that MNIST has: about 80 %."""
    templates = torch.rand(10, 784).mul_(255) * (torch.rand(10, 784) < 0.2)
    labels = torch.randint(0, 10, (60000,))
    images = templates[labels]
    images *= torch.rand_like(images)
    return images.floor_().div_(255), labels


def sum_of_magnitudes(features, count):
    points = torch.rand(count, features) * 2 - 1
    return points, points.abs().sum(1, keepdim=True)


def load_data(sizes, directory):
    if sizes[0] != 784:
        return sum_of_magnitudes(sizes[0], POINTS)
    return mnist(directory) if directory else stand_in_for_mnist()


class Batches:
    """Endless batches of indices, shuffled anew each epoch; an incomplete batch at the end is left out."""

    def __init__(self, samples, size):
        self.samples = samples
        self.size = size
        self.rest = iter(())

    def next(self):
        indices = next(self.rest, None)
        if indices is None or len(indices) < self.size:
            self.rest = iter(torch.randperm(self.samples).split(self.size))
            indices = next(self.rest)
        return indices


# ---- training --------------------------------------------------------------------------------------------------------


def build(sizes):
    torch.manual_seed(SEED)
    modules = []
    for fan_in, units in zip(sizes, sizes[1:]):
        linear = nn.Linear(fan_in, units)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class Training:
    """Plain training. Subclasses measure around the three parts of a step."""

    tuned = False  # foreach: the same updates with less overhead from Python; not PyTorch's default

    def __init__(self, model, data, batch):
        self.model = model
        self.inputs, self.targets = data
        self.classifies = not self.targets.is_floating_point()
        self.loss_function = nn.CrossEntropyLoss() if self.classifies else nn.MSELoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM,
                                         foreach=self.tuned)
        self.batch = batch
        self.batches = Batches(len(self.inputs), batch)
        self.steps = 0

    def step(self):
        indices = self.batches.next()
        targets = self.targets.index_select(0, indices)
        self.optimizer.zero_grad(set_to_none=True)
        outputs = self.forward(indices)
        loss = self.loss_function(outputs, targets)
        self.backward(loss)
        self.update(loss, outputs, targets)
        self.steps += 1

    def forward(self, indices):
        return self.model(self.inputs.index_select(0, indices))

    def backward(self, loss):
        loss.backward()

    def update(self, loss, outputs, targets):
        self.optimizer.step()


# ---- training with statistics ----------------------------------------------------------------------------------------


def gradient_noise(sample_square_mean, batch_square, batch):
    """tr Σ and ‖G‖² of McCandlish et al. 2018, from the mean squared gradient norm of the single samples."""
    trace = (sample_square_mean - batch_square) / (1 - 1 / batch)
    signal = (batch * batch_square - sample_square_mean) / (batch - 1)
    return trace, signal


class Instrumented(Training):
    """Writes the rows that `reluscope run` writes at every step, from numbers that the subclasses gather."""

    def __init__(self, model, data, batch, layer_rows, step_rows):
        super().__init__(model, data, batch)
        self.linears = [module for module in model if isinstance(module, nn.Linear)]
        self.layer_rows = layer_rows
        self.step_rows = step_rows

    def epoch(self):
        return self.steps * self.batch // len(self.inputs)

    def is_output(self, at):
        return at == len(self.linears) - 1

    def write_layer(self, at, dead, forward, backward, update_ratio):
        """forward: zero_fraction, z_mean, z_std, a_mean, a_rms, a_max; backward: the five from grad_norm_w on."""
        units = self.linears[at].out_features
        self.layer_rows.writerow([
            self.steps, self.epoch(), at + 1, f"dense{at + 1}", "identity" if self.is_output(at) else "relu", units,
            dead, dead / units, *forward, *backward, update_ratio, ""])

    def write_step(self, loss, accuracy, grad_square, sample_square_mean, param_norm, update_ratio, dead):
        hidden_units = sum(linear.out_features for linear in self.linears[:-1])
        trace, signal = gradient_noise(sample_square_mean, grad_square, self.batch)
        self.step_rows.writerow([
            self.steps, self.epoch(), loss, accuracy, LEARNING_RATE, math.sqrt(grad_square),
            trace / signal if signal > 0 else math.inf, param_norm, update_ratio, dead / hidden_units, trace, signal])


def gradient_numbers(affine, delta_rms):
    """grad_norm_w, grad_norm_b, grad_max, delta_rms, weight_norm"""
    of_weights, of_biases = affine.weight.grad, affine.bias.grad
    return [of_weights.norm().item(), of_biases.norm().item(),
            max(of_weights.abs().max().item(), of_biases.abs().max().item()), delta_rms,
            affine.weight.detach().norm().item()]


class HooksTraining(Instrumented):
    """As such instrumentation is usually written: each number by the operator of its name, and taken out at once."""

    def __init__(self, model, data, batch, layer_rows, step_rows):
        super().__init__(model, data, batch, layer_rows, step_rows)
        layers = len(self.linears)
        self.dead = [0] * layers
        self.before_activation = [None] * layers
        self.after_activation = [None] * layers
        self.delta_rms = [None] * layers
        self.input_squares = [None] * layers
        self.sample_squares = [None] * layers
        for at, linear in enumerate(self.linears):
            linear.register_forward_hook(self.linear_hook(at))
        for at, activation in enumerate(module for module in self.model if isinstance(module, nn.ReLU)):
            activation.register_forward_hook(self.activation_hook(at))

    def linear_hook(self, at):
        def hook(module, inputs, output):
            z = output.detach()
            self.before_activation[at] = [z.mean().item(), z.std(unbiased=False).item()]
            self.input_squares[at] = inputs[0].detach().pow(2).sum(1)
            output.register_hook(self.delta_hook(at))
            if self.is_output(at):
                self.see_activations(at, z)
        return hook

    def activation_hook(self, at):
        def hook(module, inputs, output):
            a = output.detach()
            self.dead[at] = (a > 0).any(0).logical_not().sum().item()
            self.see_activations(at, a)
        return hook

    def see_activations(self, at, a):
        self.after_activation[at] = [(a == 0).float().mean().item(), a.mean().item(), a.pow(2).mean().sqrt().item(),
                                     a.abs().max().item()]

    def delta_hook(self, at):
        def hook(gradient):
            delta = gradient * self.batch  # of each sample's own loss
            self.delta_rms[at] = delta.pow(2).mean().sqrt().item()
            self.sample_squares[at] = delta.pow(2).sum(1) * (self.input_squares[at] + 1)
        return hook

    def update(self, loss, outputs, targets):
        accuracy = (outputs.argmax(1) == targets).float().mean().item() if self.classifies else ""
        backward = [gradient_numbers(linear, delta_rms) for linear, delta_rms in zip(self.linears, self.delta_rms)]
        old = [[parameter.detach().clone() for parameter in linear.parameters()] for linear in self.linears]
        self.optimizer.step()
        value_square = update_square = 0.0
        for at, linear in enumerate(self.linears):
            values = sum(before.norm().item() ** 2 for before in old[at])
            updates = sum((parameter.detach() - before).norm().item() ** 2
                          for parameter, before in zip(linear.parameters(), old[at]))
            zero_fraction, *activations = self.after_activation[at]
            self.write_layer(at, self.dead[at], [zero_fraction, *self.before_activation[at], *activations],
                             backward[at], math.sqrt(updates / values))
            value_square += values
            update_square += updates
        self.write_step(loss.item(), accuracy, sum(row[0] ** 2 + row[1] ** 2 for row in backward),
                        sum(self.sample_squares).mean().item(), math.sqrt(value_square),
                        math.sqrt(update_square / value_square), sum(self.dead))


def square(tensor):
    """Squared L2 norm of all elements, by the BLAS."""
    flat = tensor if tensor.dim() == 1 else tensor.view(-1)
    return torch.dot(flat, flat)


def row_squares(matrix):
    return (matrix * matrix).sum(1)


def backward_to(z, loss, parameters):
    """Gives the parameters their gradients and returns the loss's by each z, all in one call."""
    gradients = torch.autograd.grad(loss, [*parameters, *z])
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    return gradients[len(parameters):]


class CarefulTraining(Instrumented):
    """The same numbers at the least cost that was found.

    Squared norms by BLAS dot, counts by sign().sum(), extremes by amax and amin; ∂L/∂z comes out of the one call of the
    backward pass instead of a hook in Python; updates are read off the momentum buffers; the inputs' norms are computed
    once and for all. All numbers leave their tensors together, after the last operator of the step.
    """

    def __init__(self, model, data, batch, layer_rows, step_rows):
        super().__init__(model, data, batch, layer_rows, step_rows)
        self.parameters = list(self.model.parameters())
        self.data_squares = row_squares(self.inputs)
        self.z = []
        self.a = []
        self.deltas = ()
        self.first_input_squares = None

    def forward(self, indices):
        self.first_input_squares = self.data_squares.index_select(0, indices)
        self.z = []
        self.a = [self.inputs.index_select(0, indices)]
        for at, linear in enumerate(self.linears):
            self.z.append(nn.functional.linear(self.a[-1], linear.weight, linear.bias))
            self.a.append(self.z[-1] if self.is_output(at) else torch.relu(self.z[-1]))
        return self.a[-1]

    def backward(self, loss):
        self.deltas = backward_to(self.z, loss, self.parameters)

    @torch.no_grad()
    def update(self, loss, outputs, targets):
        scalars = [loss]
        if self.classifies:
            scalars.append((outputs.argmax(1) == targets).sum())
        input_squares = self.first_input_squares
        for at, linear in enumerate(self.linears):
            input_squares = self.measure_layer(at, linear, input_squares, scalars)
        self.optimizer.step()
        for parameter in self.parameters:
            scalars.append(square(self.optimizer.state[parameter]["momentum_buffer"]))
        self.write([scalar.item() for scalar in scalars])  # on a CPU cheaper than to stack them first

    def measure_layer(self, at, linear, input_squares, scalars):
        """Appends the layer's scalars in the order in which write() takes them; returns its activations' squares."""
        z, a, delta = self.z[at], self.a[at + 1], self.deltas[at]
        sample_squares = row_squares(delta)
        activation_squares = row_squares(a)
        scalars += [z.sum(), square(z), activation_squares.sum(), a.amax()]
        if self.is_output(at):
            scalars += [a.amin(), torch.count_nonzero(a)]
        else:
            active = a.sign().sum(0)
            scalars += [a.sum(), active.sum(), active.sign().sum()]
        scalars += [sample_squares.sum(), torch.dot(sample_squares, input_squares)]
        for parameter in (linear.weight, linear.bias):
            gradient = parameter.grad
            scalars += [square(gradient), gradient.amax(), gradient.amin(), square(parameter)]
        return activation_squares

    def write(self, numbers):
        take = iter(numbers[:-len(self.parameters)])
        moved = iter(numbers[-len(self.parameters):])
        loss = next(take)
        accuracy = next(take) / self.batch if self.classifies else ""
        total_dead = 0
        gradient_square = sample_square = value_square = update_square = 0.0
        for at, linear in enumerate(self.linears):
            units = linear.out_features
            count = units * self.batch
            z_sum, z_square, a_square, a_max = itertools.islice(take, 4)
            if self.is_output(at):
                a_min, active = itertools.islice(take, 2)
                a_sum, a_max, dead = z_sum, max(a_max, -a_min), 0
            else:
                a_sum, active, alive = itertools.islice(take, 3)
                dead = units - int(alive)
            delta_square, weighted_square = itertools.islice(take, 2)
            of_weights, high_w, low_w, weights = itertools.islice(take, 4)
            of_biases, high_b, low_b, biases = itertools.islice(take, 4)
            updates = LEARNING_RATE**2 * (next(moved) + next(moved))
            z_mean = z_sum / count
            self.write_layer(
                at, dead,
                [1 - active / count, z_mean, math.sqrt(max(z_square / count - z_mean**2, 0.0)), a_sum / count,
                 math.sqrt(a_square / count), a_max],
                [math.sqrt(of_weights), math.sqrt(of_biases), max(high_w, -low_w, high_b, -low_b),
                 self.batch * math.sqrt(delta_square / count), math.sqrt(weights)],
                math.sqrt(updates / (weights + biases)))
            total_dead += dead
            gradient_square += of_weights + of_biases
            sample_square += self.batch**2 * (delta_square + weighted_square)
            value_square += weights + biases
            update_square += updates
        self.write_step(loss, accuracy, gradient_square, sample_square / self.batch, math.sqrt(value_square),
                        math.sqrt(update_square / value_square), total_dead)


def trainings(build_model, data, batch, **instrumented):
    """Of each mode a function that makes its training; the instrumented ones take where rows of layers and steps go."""
    def maker(kind):
        return lambda *rows: kind(build_model(), data, batch, *rows)
    return {mode: maker(kind) for mode, kind in {"plain": Training, **instrumented}.items()}


# ---- measurements ----------------------------------------------------------------------------------------------------


def in_microseconds(times, calls):
    return {"us_per_step": round(statistics.median(times) * 1e6, 2), "min_us": round(min(times) * 1e6, 2),
            "max_us": round(max(times) * 1e6, 2), "steps": calls * len(times)}


def measure_training(made, options):
    if options.mode == "plain":
        return in_microseconds(*time_chunks(made["plain"]().step, options.seconds))
    with open(os.devnull, "w", encoding="utf-8", newline="") as sink:
        rows = csv.writer(sink)
        return in_microseconds(*time_chunks(made[options.mode](rows, rows).step, options.seconds))


@torch.no_grad()
def measure_forward(sizes, options):
    inputs, _ = load_data(sizes, options.data)
    model = build(sizes)

    def sweep():
        counts = [torch.zeros(units) for units in sizes[1:-1]]
        for h in inputs.split(FORWARD_BATCH):
            count = iter(counts)
            for module in model:
                h = module(h)
                if isinstance(module, nn.ReLU):
                    next(count).add_(h.sign().sum(0))

    times, _ = time_chunks(sweep, options.seconds)
    return {"seconds": round(statistics.median(times), 5)}


# ---- check -----------------------------------------------------------------------------------------------------------


class Rows(list):
    """Takes the place of a csv.writer and keeps the rows."""

    writerow = list.append


def traced(make):
    layer_rows, step_rows = Rows(), Rows()
    training = make(layer_rows, step_rows)
    for _ in range(CHECKED_STEPS):
        training.step()
    return layer_rows + step_rows


def agree(one, other):
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-7)  # float32: a mean of terms that cancel
    return one == other


def check(made):
    """Whether both instrumented modes, from the same seed, write the same rows but for rounding."""
    usual, careful = (traced(made[mode]) for mode in ("hooks", "careful"))
    different = [(a, b) for a, b in zip(usual, careful) if len(a) != len(b) or not all(map(agree, a, b))]
    for one, other in different:
        print(f"hooks   {one}\ncareful {other}", file=sys.stderr)
    print(f"{len(usual) - len(different)} of {len(usual)} rows agree within {TOLERANCE:g}")
    return 1 if different else 0


def argument_parser(what, batch, modes):
    """What all modes take, but for the network."""
    parser = argparse.ArgumentParser(description=f"Times PyTorch on what reluscope_bench times: {what}.")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mode", default="plain", choices=modes)
    parser.add_argument("--seconds", type=float, default=2.0, help="time to spend on measuring")
    parser.add_argument("--data", default="", help="directory of MNIST's IDX files")
    parser.add_argument("--tuned", action="store_true",
                        help="keep freed memory and update with foreach; careful is always tuned")
    parser.add_argument("--check", action="store_true", help="compare the numbers of hooks and careful")
    return parser


def prepare(options):
    Training.tuned = options.tuned or options.mode == "careful" or options.check
    prepare_process(options.threads, Training.tuned)
    torch.manual_seed(SEED)


def print_result(net, options, measured):
    print(json.dumps({"peer": "torch", "net": net, "batch": options.batch, "threads": options.threads,
                      "mode": options.mode + (" tuned" if options.tuned else ""), **measured,
                      "peak_rss_mib": peak_rss_mib(), **software()}))


def main():
    parser = argument_parser("dense networks", 128, ["plain", "hooks", "careful", "forward"])
    parser.add_argument("--net", default="784,256,256,10", help="inputs and units of each layer")
    options = parser.parse_args()
    sizes = [int(size) for size in options.net.split(",")]
    prepare(options)
    if options.mode == "forward":
        print_result(options.net, options, measure_forward(sizes, options))
        return 0
    made = trainings(lambda: build(sizes), load_data(sizes, options.data), options.batch, hooks=HooksTraining,
                     careful=CarefulTraining)
    if options.check:
        return check(made)
    print_result(options.net, options, measure_training(made, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
