#!/usr/bin/env python3
"""What reluscope_capture.py costs: programs with it and without it, in turns, on one thread of the CPU.

    bench_capture.py [--turns N] [--model NAME]      prints a table in Markdown

A turn trains a few steps of each kind, one after the other. Times are those of the process, of which other processes
take none: medians over the turns. The naive hooks are what people write: a forward hook a ReLU, with an `.item()` for each
figure.
"""

import argparse
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--model", choices=MODELS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| program | ms a step | not recording | every 50th step | recorded step | naive hooks "
          "| census, of an evaluation |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, make in MODELS.items():
        if arguments.model not in (None, name):
            continue
        place = tempfile.mkdtemp(prefix="bench-capture-")
        try:
            bench = Bench(make, place)
            bench.bare(3), bench.captured(2, 1), bench.hooked(2)
            count = max(2, int(0.15 / bench.bare(3)))
            loader = [bench.x] * max(4, count)
            times = {}
            for _ in range(arguments.turns):
                for kind, result in (("bare", bench.bare(count)), ("off", bench.captured(count, 1 << 40, 1)),
                                     ("recorded", bench.captured(count, 1)), ("hooks", bench.hooked(count)),
                                     ("evaluation", bench.evaluation(loader)), ("census", bench.census(loader))):
                    times.setdefault(kind, []).append(result)

            def ratio(kind, to="bare"):
                return statistics.median(one / other for one, other in zip(times[kind], times[to]))
            every = (49 * ratio("off") + ratio("recorded")) / 50
            print(f"| {name} | {1e3 * statistics.median(times['bare']):.2f} | {ratio('off'):.3f} | {every:.3f} "
                  f"| {ratio('recorded'):.2f} | {ratio('hooks'):.2f} | {ratio('census', 'evaluation'):.2f} |", flush=True)
        finally:
            shutil.rmtree(place)


if __name__ == "__main__":
    main()
