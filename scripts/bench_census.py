#!/usr/bin/env python3
"""Measures what censuses cost on MNIST, on a healthy network and on two that die; prints Markdown tables.

    scripts/bench_census.sh --data /path/to/mnist      builds the benchmark program, then runs this

A figure is the median over rounds of the time up to the last step, divided by that of the same training with the census
off, in the same round. A brute-force census is one pass over the training set whenever it is taken, so its share is
measured on fewer steps where there are many of them.

Needs only the standard library, and build/release/reluscope_bench. Exit codes: 0 measured, 1 a measurement failed,
2 bad usage.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIGS = (  # name, config, changes to it
    ("healthy", "mnist.json", ()), ("negative bias", "mnist.json", ("network.layers.0.init.bias=-4",)),
    ("dying", "mnist-dying.json", ()))
EPOCH = 469  # steps
CADENCES = (  # of the census: its name, the exact run's steps, the brute-force run's, and the aim on the healthy network
    ("epoch", 5 * EPOCH, 5 * EPOCH, 1.02), ("10", 2 * EPOCH, 200, 1.10), ("step", EPOCH, 40, 1.5))
DEVICES = ("immortal", "batch", "witness", "invariance", "sign", "interval", "margin", "scan")
SAMPLES = 60000


def measure(program, config, changes, data, steps, census, brute, threads):
    command = [program, "census", "--config", os.path.join(ROOT, "configs", config), "--threads", str(threads),
               f"data.directory={data}", f"train.steps={steps}", f"record.census={census}", *changes]
    done = subprocess.run(command + (["--brute"] if brute else []), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench_census: {' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="directory of MNIST's IDX files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "reluscope_bench"))
    parser.add_argument("--markdown", help="write the tables to this file as well")
    options = parser.parse_args()
    if not os.path.isfile(options.program):
        parser.error(f"{options.program} is missing: scripts/bench_census.sh builds it")
    data = os.path.abspath(options.data)

    ratios = {}  # (config, cadence, engine): one per round
    last = {}
    for round_number in range(options.rounds):
        for name, config, changes in CONFIGS:
            for cadence, exact_steps, brute_steps, _ in CADENCES:
                for engine, steps in (("exact", exact_steps), ("brute", brute_steps)):
                    print(f"\rround {round_number + 1} of {options.rounds}: {name}, {cadence}, {engine}      ", end="",
                          file=sys.stderr)
                    off = measure(options.program, config, changes, data, steps, "off", False, options.threads)
                    on = measure(options.program, config, changes, data, steps, cadence, engine == "brute", options.threads)
                    ratios.setdefault((name, cadence, engine), []).append(on["seconds"] / off["seconds"])
                    last[name, cadence, engine] = on
    print(file=sys.stderr)

    rows = []
    for name, *_ in CONFIGS:
        for cadence, _, _, aim in CADENCES:
            exact = statistics.median(ratios[name, cadence, "exact"])
            brute = statistics.median(ratios[name, cadence, "brute"])
            result = last[name, cadence, "exact"]
            # The last census of a run comes after the time that is measured.
            rows.append([
                f"{name}, {'every ' if cadence != '10' else 'every 10 '}{cadence if cadence != '10' else 'steps'}",
                f"{exact:.3f}", f"{min(ratios[name, cadence, 'exact']):.3f}–{max(ratios[name, cadence, 'exact']):.3f}",
                f"≤ {aim}" if name == "healthy" else "", f"{brute:.2f}",
                f"{100 * (exact - 1) / (brute - 1):.1f} %",
                f"{100 * result['samples'] / (result['censuses'] * SAMPLES):.1f} %", f"{100 * result['width']:.2f} %",
                str(result["dead"])])
    text = table(["census", "time / off", "range", "aim", "brute force / off", "extra cost, share of brute force's",
                  "samples run a census", "mean width dead_max − dead_min, of all units", "dead at the end"], rows)
    settled = []
    for name, *_ in CONFIGS:
        for cadence, *_ in CADENCES:
            result = last[name, cadence, "exact"]
            settled.append([f"{name}, {cadence}"] +
                           [f"{result[device] / result['censuses']:.1f}" for device in DEVICES])
    text += "\n\nUnits settled by each device, per census:\n\n" + table(["census"] + list(DEVICES), settled) + "\n"
    print(text, end="")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
