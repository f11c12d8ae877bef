#!/usr/bin/env python3
"""PyTorch's side of the benchmark: training steps of a convolutional network, without and with reluscope's statistics.

    bench/torch_cnn.py --config bench/networks/small-cnn.json --mode careful --data /path/to/mnist

Prints one JSON object. Data, batches, optimiser and the modes are those of torch_mlp.py; the network is the config's,
as scripts/reluscope_network.py builds it. A unit is a channel, dead in a batch if it is 0 at every position of every
sample. There is no gradient noise: it would take a gradient for each sample. `plain --tuned` and `careful` keep images channels
last. --check compares the numbers of `hooks` and `careful` instead of timing.
"""

import itertools
import json
import math
import os
import re
import sys

import torch
from torch import nn

import torch_mlp
from torch_mlp import LEARNING_RATE, Training, gradient_numbers, square

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scripts"))
import reluscope_network  # noqa: E402

IMAGE = (1, 28, 28)


# ---- network ---------------------------------------------------------------------------------------------------------


def build(layers):
    torch.manual_seed(torch_mlp.SEED)
    model = reluscope_network.build(layers, IMAGE)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return model.to(memory_format=torch.channels_last) if Training.tuned else model


class Layer:
    """A row of layers.csv: a convolution or linear map, and the module that ends it. Its z is what that one takes if it
    is an activation, else what it yields."""

    def __init__(self, affine):
        self.affine = affine
        self.end = affine
        self.is_active = False

    def end_with(self, module, is_active):
        self.end, self.is_active = module, is_active

    def values(self, inputs, output):
        """z and a, from what the module at its end took and yields."""
        return (inputs[0] if self.is_active else output), output


def layers_of(model):
    """Its layers. The activation after a block's sum ends the last layer of the block's body."""
    layers = []

    def visit(module):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            layers.append(Layer(module))
        elif isinstance(module, nn.BatchNorm2d):
            layers[-1].end_with(module, False)
        elif isinstance(module, nn.ReLU):
            layers[-1].end_with(module, True)
        elif isinstance(module, reluscope_network.Residual):
            visit(module.shortcut)
            visit(module.body)
            visit(module.activation)
        else:
            for child in module.children():
                visit(child)

    visit(model)
    return layers


# ---- training with statistics ----------------------------------------------------------------------------------------


class Instrumented(Training):
    """Writes the rows that `reluscope run` writes at every step, from numbers that the subclasses gather."""

    def __init__(self, model, data, batch, layer_rows, step_rows):
        super().__init__(model, data, batch)
        self.layers = layers_of(model)
        self.parameters = list(model.parameters())
        self.layer_rows = layer_rows
        self.step_rows = step_rows

    def write_layer(self, at, dead, numbers):
        """numbers: those from zero_fraction to update_ratio."""
        layer = self.layers[at]
        units = layer.affine.weight.shape[0]
        self.layer_rows.writerow([self.steps, at + 1, "relu" if layer.is_active else "identity", units, dead,
                                  dead / units, *numbers])

    def write_step(self, loss, accuracy, grad_square, value_square, update_square, dead):
        hidden = sum(layer.affine.weight.shape[0] for layer in self.layers if layer.is_active)
        self.step_rows.writerow([self.steps, self.steps * self.batch // len(self.inputs), loss, accuracy, LEARNING_RATE,
                                 math.sqrt(grad_square), math.sqrt(value_square),
                                 math.sqrt(update_square / value_square), dead / hidden])


def norm_square(tensor):
    return tensor.norm().item() ** 2


class HooksTraining(Instrumented):
    """As such instrumentation is usually written: each number by the operator of its name, and taken out at once."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.dead = [0] * len(self.layers)
        self.values = [None] * len(self.layers)
        self.delta_rms = [None] * len(self.layers)
        for at, layer in enumerate(self.layers):
            layer.end.register_forward_hook(self.forward_hook(at))

    def forward_hook(self, at):
        def hook(module, inputs, output):
            layer = self.layers[at]
            before, after = layer.values(inputs, output)
            z, a = before.detach(), after.detach()
            if layer.is_active:
                self.dead[at] = (a > 0).transpose(0, 1).flatten(1).any(1).logical_not().sum().item()
            self.values[at] = [(a == 0).float().mean().item(), z.mean().item(), z.std(unbiased=False).item(),
                               a.mean().item(), a.pow(2).mean().sqrt().item(), a.abs().max().item()]
            before.register_hook(self.delta_hook(at))
        return hook

    def delta_hook(self, at):
        def hook(gradient):
            self.delta_rms[at] = (gradient * self.batch).pow(2).mean().sqrt().item()  # of each sample's own loss
        return hook

    def update(self, loss, outputs, targets):
        accuracy = (outputs.argmax(1) == targets).float().mean().item()
        gradients = [gradient_numbers(layer.affine, delta_rms)
                     for layer, delta_rms in zip(self.layers, self.delta_rms)]
        grad_square = sum(norm_square(parameter.grad) for parameter in self.parameters)
        old = {parameter: parameter.detach().clone() for parameter in self.parameters}
        self.optimizer.step()
        values = {parameter: norm_square(before) for parameter, before in old.items()}
        updates = {parameter: norm_square(parameter.detach() - before) for parameter, before in old.items()}
        for at, layer in enumerate(self.layers):
            own = list(layer.affine.parameters())
            update_ratio = math.sqrt(sum(updates[one] for one in own) / sum(values[one] for one in own))
            self.write_layer(at, self.dead[at], [*self.values[at], *gradients[at], update_ratio])
        self.write_step(loss.item(), accuracy, grad_square, sum(values.values()), sum(updates.values()), sum(self.dead))


def in_memory(tensor):
    """All elements as a vector, in the order in which they lie in memory: a view."""
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(-1)


def units_first(tensor):
    """Samples and positions × units, of what lies channels last."""
    return tensor.permute(0, 2, 3, 1).reshape(-1, tensor.shape[1]) if tensor.dim() == 4 else tensor


class CarefulTraining(Instrumented):
    """The same numbers at the least cost that was found.

    Squared norms by BLAS dot, counts by sign().sum(), extremes by amax and amin; ∂L/∂z comes out of the one call of
    the backward pass instead of a hook in Python; updates are read off the momentum buffers. All numbers leave their
    tensors together, after the last operator of the step.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.z = [None] * len(self.layers)
        self.a = [None] * len(self.layers)
        self.deltas = ()
        for at, layer in enumerate(self.layers):
            layer.end.register_forward_hook(self.forward_hook(at))

    def forward_hook(self, at):
        def hook(module, inputs, output):
            self.z[at], self.a[at] = self.layers[at].values(inputs, output)
        return hook

    def backward(self, loss):
        self.deltas = torch_mlp.backward_to(self.z, loss, self.parameters)

    @torch.no_grad()
    def update(self, loss, outputs, targets):
        scalars = [loss, (outputs.argmax(1) == targets).sum()]
        for at in range(len(self.layers)):
            self.measure_layer(at, scalars)
        for parameter in self.parameters:
            gradient = in_memory(parameter.grad)
            scalars += [square(gradient), gradient.amax(), gradient.amin(), square(in_memory(parameter))]
        self.optimizer.step()
        scalars += [square(in_memory(self.optimizer.state[parameter]["momentum_buffer"]))
                    for parameter in self.parameters]
        self.write([scalar.item() for scalar in scalars])

    def measure_layer(self, at, scalars):
        """Appends the layer's scalars in the order in which write() takes them."""
        z, a, delta = in_memory(self.z[at]), in_memory(self.a[at]), in_memory(self.deltas[at])
        scalars += [z.sum(), square(z), square(delta), a.amax()]
        if self.layers[at].is_active:
            active = units_first(self.a[at]).sign().sum(0)
            scalars += [a.sum(), square(a), active.sum(), active.sign().sum()]
        else:
            scalars += [a.amin(), torch.count_nonzero(a)]

    def write(self, numbers):
        take = iter(numbers)
        loss, correct = itertools.islice(take, 2)
        forward = [self.forward_numbers(at, take) for at in range(len(self.layers))]
        backward = {parameter: list(itertools.islice(take, 4)) for parameter in self.parameters}
        updates = {parameter: LEARNING_RATE**2 * next(take) for parameter in self.parameters}
        for at, (layer, (dead, values, delta_rms)) in enumerate(zip(self.layers, forward)):
            weight, bias = layer.affine.weight, layer.affine.bias
            of_weights, high_w, low_w, weights = backward[weight]
            of_biases, high_b, low_b, biases = backward[bias]
            self.write_layer(at, dead, [
                *values, math.sqrt(of_weights), math.sqrt(of_biases), max(high_w, -low_w, high_b, -low_b), delta_rms,
                math.sqrt(weights), math.sqrt((updates[weight] + updates[bias]) / (weights + biases))])
        self.write_step(loss, correct / self.batch, sum(row[0] for row in backward.values()),
                        sum(row[3] for row in backward.values()), sum(updates.values()),
                        sum(dead for dead, *_ in forward))

    def forward_numbers(self, at, take):
        """Dead units; the numbers from zero_fraction to a_max; delta_rms."""
        count = self.a[at].numel()
        z_sum, z_square, delta_square, a_max = itertools.islice(take, 4)
        if self.layers[at].is_active:
            a_sum, a_square, active, alive = itertools.islice(take, 4)
            dead = self.a[at].shape[1] - int(alive)
        else:
            a_min, active = itertools.islice(take, 2)
            a_sum, a_square, a_max, dead = z_sum, z_square, max(a_max, -a_min), 0
        z_mean = z_sum / count
        return dead, [1 - active / count, z_mean, math.sqrt(max(z_square / count - z_mean**2, 0.0)), a_sum / count,
                      math.sqrt(a_square / count), a_max], self.batch * math.sqrt(delta_square / count)


# ---- command line ----------------------------------------------------------------------------------------------------


def read_layers(path):
    """The layers of a config, which may have lines of comments."""
    with open(path, encoding="utf-8") as file:
        return json.loads(re.sub(r"^\s*//.*", "", file.read(), flags=re.MULTILINE))["network"]["layers"]


def load_data(directory):
    pixels, labels = torch_mlp.load_data([math.prod(IMAGE)], directory)
    return pixels.view(-1, *IMAGE), labels


def main():
    parser = torch_mlp.argument_parser("convolutional networks", 64, ["plain", "hooks", "careful"])
    parser.add_argument("--config", required=True, help="whose network it is")
    options = parser.parse_args()
    torch_mlp.prepare(options)
    layers = read_layers(options.config)
    made = torch_mlp.trainings(lambda: build(layers), load_data(options.data), options.batch, hooks=HooksTraining,
                               careful=CarefulTraining)
    if options.check:
        return torch_mlp.check(made)
    name = os.path.splitext(os.path.basename(options.config))[0]
    torch_mlp.print_result(name, options, torch_mlp.measure_training(made, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
