#!/usr/bin/env python3
"""What reluscope_capture.py costs: programs with it and without it, in turns, on one thread of the CPU.

    bench_capture.py [--turns N] [--model NAME]      prints a table in Markdown

scripts/bench.sh --torch takes its figures from here, too.

A turn trains a few steps of each kind, one after the other. Times are those of the process, of which other processes
take none: medians over the turns. The naive hooks are what people write: a forward hook a ReLU, with an `.item()` for each
figure.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from reluscope_capture import Capture  # noqa: E402


def cnn():
    layers, last = [], 1
    for channels in (16, 32, 64):
        layers += [nn.Conv2d(last, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        last = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 9, 10)), (1, 28, 28), 64


def norm_cnn():
    layers, last = [], 3
    for channels in (32, 64, 64):
        layers += [nn.Conv2d(last, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
                   nn.MaxPool2d(2)]
        last = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, 10)), (3, 32, 32), 64


def mlp():
    layers = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)]
    return nn.Sequential(*layers), (784,), 128


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256, batch_first=True), 2)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


def transformer():
    return Transformer(), (32, 64), 32


MODELS = {"CNN 16-32-64, 28×28": cnn, "CNN 32-64-64 with batch norm, 32×32": norm_cnn, "MLP 784-256-256-10": mlp,
          "transformer, 2 × 64, 32 tokens": transformer}

COSTS = ("not recording", "every 50th step", "recorded step", "naive hooks", "census, of an evaluation")


class Bench:
    def __init__(self, make, place):
        torch.manual_seed(1)
        self.model, shape, batch = make()
        self.x, self.y = torch.randn(batch, *shape), torch.randint(0, 10, (batch,))
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.01)
        self.place = place

    def steps(self, count, finish):
        start = time.process_time()
        for _ in range(count):
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(self.x), self.y)
            loss.backward()
            finish(loss)
        return (time.process_time() - start) / count

    def bare(self, count):
        return self.steps(count, lambda loss: self.optimizer.step())

    def captured(self, count, every, first=0):
        with Capture(self.model, self.place, every=every, overwrite=True) as capture:
            capture.steps = first
            return self.steps(count, lambda loss: capture.step(loss, self.optimizer))

    def hooked(self, count):
        figures, handles = {}, []

        def forward_hook(name):
            def look(module, inputs, output):
                z = inputs[0].detach()
                a = output.detach()
                figures[name] = [(a == 0).float().mean().item(), a.mean().item(), a.std().item(), a.abs().max().item(),
                                 z.mean().item(), z.std().item(), (a.flatten(1) == 0).all(0).sum().item()]
            return look
        for name, module in self.model.named_modules():
            if isinstance(module, (nn.ReLU, nn.TransformerEncoderLayer)):
                handles.append(module.register_forward_hook(forward_hook(name)))

        def finish(loss):
            for name, parameter in self.model.named_parameters():
                figures["g" + name] = [parameter.grad.norm().item(), parameter.grad.abs().max().item(),
                                       parameter.grad.abs().mean().item(), (parameter.grad == 0).float().mean().item(),
                                       parameter.norm().item()]
            self.optimizer.step()
        result = self.steps(count, finish)
        for handle in handles:
            handle.remove()
        return result

    def evaluation(self, loader):
        self.model.eval()
        start = time.process_time()
        with torch.no_grad():
            for x in loader:
                self.model(x)
        self.model.train()
        return time.process_time() - start

    def census(self, loader):
        with Capture(self.model, self.place, overwrite=True) as capture:
            start = time.process_time()
            capture.census(loader)
            return time.process_time() - start


def measure(make, turns, seconds):
    """ms of a bare step, and {what: its time over that of what stands beside it}."""
    place = tempfile.mkdtemp(prefix="bench-capture-")
    try:
        bench = Bench(make, place)
        bench.bare(1), bench.captured(2, 1), bench.hooked(1)
        count = max(2, int(seconds / bench.bare(2)))
        loader = [bench.x] * max(4, count)
        ratios, bare_times = {what: [] for what in COSTS}, []
        for _ in range(turns):
            bare, off, recorded = bench.bare(count), bench.captured(count, 1 << 40, 1), bench.captured(count, 1)
            hooks, evaluation, census = bench.hooked(count), bench.evaluation(loader), bench.census(loader)
            bare_times.append(bare)
            for what, ratio in zip(COSTS, (off / bare, (49 * off + recorded) / 50 / bare, recorded / bare, hooks / bare,
                                           census / evaluation)):
                ratios[what].append(ratio)
        return 1e3 * statistics.median(bare_times), {what: statistics.median(found) for what, found in ratios.items()}
    finally:
        shutil.rmtree(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.15, help="of the bare program in a turn (default: %(default)s)")
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each program, as bench.py reads it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.json:
        print(f"| program | ms a step | {' | '.join(COSTS)} |")
        print(f"|---|{'---:|' * (len(COSTS) + 1)}")
    for name, make in MODELS.items():
        if arguments.model not in (None, name):
            continue
        time_of_step, costs = measure(make, arguments.turns, arguments.seconds)
        if arguments.json:
            print(json.dumps({"program": name, "us_per_step": 1e3 * time_of_step, "costs": costs}), flush=True)
        else:
            cells = (f"{cost:.{2 if cost > 1.03 else 3}f}" for cost in costs.values())
            print(f"| {name} | {time_of_step:.2f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
