#!/usr/bin/env python3
"""Times a sweep of 1,000 small runs (1-10-10-1, 64 points, 500 steps) beside the same in PyTorch; prints Markdown.

    python3 scripts/bench_sweep.py [--torch /usr/bin/python3] [--markdown FILE]      after a build

Rounds alternate between all of them; figures are medians of runs/s over the rounds, process start and files included for
reluscope, excluded for PyTorch. Needs only the standard library, build/release/reluscope, and for the peer a Python with
PyTorch. Exit codes: 0 measured, 1 a run failed, 2 bad usage.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUNS = 1000


def sweep(record):
    return {"name": "small", "seeds": RUNS, "config": {
        "name": "small", "data": {"kind": "abs", "n_samples": 80, "test_fraction": 0.2},
        "network": {"layers": [{"units": 10, "activation": "relu", "repeat": 2}, {"units": 1}]},
        "loss": "mse", "train": {"steps": 500, "batch_size": 64, "optimizer": {"name": "sgd", "lr": 0.01}},
        "record": record}}


CASES = (  # name, what is recorded, threads
    ("sweep, every 10th step recorded in full, census every 100 steps", {"every": 10, "census": 100, "probe_every": 500}, 1),
    ("the same, two at a time", {"every": 10, "census": 100, "probe_every": 500}, 2),
    ("sweep, census at both ends only", {"every": 500, "census": 500, "probe_every": 500}, 1),
    ("sweep, no census", {"every": 500, "census": "off"}, 1),
)


def time_sweep(program, record, threads):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "sweep.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(sweep(record), file)
        start = time.perf_counter()
        done = subprocess.run([program, "sweep", path, "-o", os.path.join(place, "out"), "-q", "-j", str(threads)],
                              capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"bench_sweep: {done.stderr.strip()}")
    return RUNS / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "reluscope"))
    parser.add_argument("--torch", help="a Python that has PyTorch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", help="write the table to this file as well")
    options = parser.parse_args()
    if not os.path.isfile(options.program):
        parser.error(f"{options.program} is missing: build it first")
    rates = {name: [] for name, *_ in CASES}
    peer = []
    for _ in range(options.rounds):
        for name, record, threads in CASES:
            rates[name].append(time_sweep(options.program, record, threads))
        if options.torch:
            done = subprocess.run([options.torch, os.path.join(ROOT, "bench", "torch_loop.py")], capture_output=True,
                                  text=True)
            if done.returncode != 0:
                sys.exit(f"bench_sweep: {done.stderr.strip()}")
            peer.append(json.loads(done.stdout)["runs_per_second"])
    base = statistics.median(peer) if peer else None
    lines = ["| 1,000 runs of 1-10-10-1, 64 points, 500 steps | runs/s |" + (" times PyTorch |" if peer else ""),
             "| --- | ---: |" + (" ---: |" if peer else "")]
    for name, *_ in CASES:
        rate = statistics.median(rates[name])
        lines.append(f"| {name} | {rate:,.0f} |" + (f" {rate / base:.0f} |" if peer else ""))
    if peer:
        lines.append(f"| PyTorch, one after the other, nothing measured, one thread | {base:,.1f} | 1 |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
