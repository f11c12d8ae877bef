#!/usr/bin/env python3
"""PyTorch's side of scripts/bench_sweep.py: small nets, trained one after the other in a plain loop.

    bench/torch_loop.py --runs 20 --steps 500

Each run makes a net 1-10-10-1, draws its 64 points, trains it with SGD on full batches, and takes the final loss.
Nothing is measured on the way. Prints one JSON object.
"""

import argparse
import json
import time

import torch


def run(seed, steps):
    torch.manual_seed(seed)
    x = torch.rand(64, 1) * 3.4641 - 1.7320508
    y = x.abs()
    net = torch.nn.Sequential(torch.nn.Linear(1, 10), torch.nn.ReLU(), torch.nn.Linear(10, 10), torch.nn.ReLU(),
                              torch.nn.Linear(10, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    run(0, 50)
    start = time.perf_counter()
    losses = [run(seed, options.steps) for seed in range(options.runs)]
    seconds = time.perf_counter() - start
    print(json.dumps({"runs_per_second": options.runs / seconds, "loss": sum(losses) / len(losses),
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
