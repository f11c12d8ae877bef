#!/usr/bin/env python3
"""PyTorch's side of the benchmark: a study of many tiny nets, a stack of them to each call of torch.baddbmm.

    bench/torch_tiny.py --net 1,2,2,2,2,2,2,2,2,2,2,1 --points 1000

  born-dead  draws nets (he_normal, zero biases) and counts those with a hidden layer that no point activates (nets/s)
  train      trains nets on |x1| + |x2| + …, each with batches of its own: autograd, SGD with momentum (net-steps/s)

Prints one JSON object. It is the best case for PyTorch: several sizes of the stack are tried and the fastest is
measured; points are columns (units × points), which makes a layer's products several times as fast as the other way.
"""

import argparse
import json
import statistics
import sys
import time

import torch

from torch_mlp import (LEARNING_RATE, MOMENTUM, SEED, peak_rss_mib, prepare_process, software, sum_of_magnitudes,
                       time_chunks)

STACK_SIZES = (20, 100, 200, 400, 1000)
SHARE_OF_TRIALS = 0.3  # of the time, to find the fastest stack


def draw(nets, sizes):
    """Weights (nets × units × inputs) and biases (nets × units × 1) of each layer."""
    weights = [torch.randn(nets, units, fan_in).mul_((2 / fan_in) ** 0.5) for fan_in, units in zip(sizes, sizes[1:])]
    biases = [torch.zeros(nets, units, 1) for units in sizes[1:]]
    return weights, biases


class BornDead:
    """Draws one stack of nets per call and counts those born dead."""

    def __init__(self, sizes, nets, options):
        self.hidden = sizes[:-1]
        self.nets = nets
        self.points = (torch.rand(sizes[0], options.points) * 2 - 1).expand(nets, -1, -1)
        self.drawn = 0
        self.dead = 0

    @torch.no_grad()
    def __call__(self):
        h = self.points
        for weights, biases in zip(*draw(self.nets, self.hidden)):
            h = torch.baddbmm(biases, weights, h).relu_()
        # With biases of 0, all layers above one without an active unit are without one: the last tells.
        alive = torch.count_nonzero(h.view(self.nets, -1).amax(1)).item()
        self.drawn += self.nets
        self.dead += self.nets - alive

    def outcome(self):
        return {"born_dead": round(self.dead / self.drawn, 4)}


class Train:
    """Trains one stack of nets by one step per call."""

    def __init__(self, sizes, nets, options):
        self.nets = nets
        self.batch = options.batch
        self.inputs, self.targets = sum_of_magnitudes(sizes[0], options.points)
        self.weights, self.biases = draw(nets, sizes)
        parameters = [parameter.requires_grad_() for parameter in self.weights + self.biases]
        self.optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM, foreach=True)
        self.loss = None

    def __call__(self):
        samples = torch.randint(0, len(self.inputs), (self.nets * self.batch,))
        h = self.inputs.index_select(0, samples).view(self.nets, self.batch, -1).transpose(1, 2)
        targets = self.targets.index_select(0, samples).view(self.nets, 1, self.batch)
        for at, (weights, biases) in enumerate(zip(self.weights, self.biases)):
            h = torch.baddbmm(biases, weights, h)
            if at + 1 < len(self.weights):
                h = torch.relu(h)
        # The sum over the nets of each one's mean: every net gets the gradient that it would get alone.
        self.loss = torch.nn.functional.mse_loss(h, targets, reduction="sum") / self.batch
        self.optimizer.zero_grad(set_to_none=True)
        self.loss.backward()
        self.optimizer.step()

    def outcome(self):
        return {"batch": self.batch, "loss": round(self.loss.item() / self.nets, 5)}


TASKS = {"born-dead": (BornDead, "nets_per_s"), "train": (Train, "net_steps_per_s")}


def fastest_stack(make, sizes, options):
    """The number of nets per call with which the calls are fastest, by short trials."""
    stacks = [stack for stack in STACK_SIZES if stack < options.nets] + [options.nets]
    budget = options.seconds * SHARE_OF_TRIALS / len(stacks)
    rates = {}
    for stack in stacks:
        work = make(sizes, stack, options)
        work()
        calls = 0
        start = time.perf_counter()
        while calls == 0 or time.perf_counter() - start < budget:
            work()
            calls += 1
        rates[stack] = stack * calls / (time.perf_counter() - start)
    return max(rates, key=rates.get)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times PyTorch on many tiny nets at once.")
    parser.add_argument("--task", default="born-dead", choices=list(TASKS))
    parser.add_argument("--net", default="1,2,2,2,2,2,2,2,2,2,2,1", help="inputs and units of each layer")
    parser.add_argument("--nets", type=int, default=1000, help="nets of the study")
    parser.add_argument("--points", type=int, default=1000, help="points in [-1, 1] that each net sees")
    parser.add_argument("--batch", type=int, default=32, help="points of a training step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="time to spend on measuring")
    return parser.parse_args()


def main():
    options = parse_arguments()
    sizes = [int(size) for size in options.net.split(",")]
    prepare_process(options.threads)
    torch.manual_seed(SEED)
    make, rate = TASKS[options.task]
    stack = fastest_stack(make, sizes, options)
    work = make(sizes, stack, options)
    times, _ = time_chunks(work, options.seconds * (1 - SHARE_OF_TRIALS))
    print(json.dumps({"peer": "torch", "task": options.task, "net": options.net, "threads": options.threads,
                      rate: round(stack / statistics.median(times)), "min": round(stack / max(times)),
                      "max": round(stack / min(times)), **work.outcome(), "points": options.points, "stack": stack,
                      "peak_rss_mib": peak_rss_mib(), **software()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
