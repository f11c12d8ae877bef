#!/usr/bin/env python3
"""Measures what censuses cost on MNIST, on two healthy networks and three with dead units; prints Markdown tables.

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
CONFIGS = (  # name, config, changes to it, its steps an epoch, and the aims for the cadences
    ("healthy", "configs/mnist.json", (), 469, (1.02, 1.10, 1.5)),
    ("negative bias", "configs/mnist.json", ("network.layers.0.init.bias=-4",), 469, (None, None, None)),
    ("dying", "configs/mnist-dying.json", (), 469, (None, None, None)),
    ("small CNN", "bench/networks/small-cnn.json", ("seed=3",), 938, (1.03, 1.15, None)),
    ("small CNN, a unit born dead", "bench/networks/small-cnn.json", (), 938, (None, None, None)))
CADENCES = (  # of the census: its name, the exact run's epochs, and the brute-force run's steps where they are fewer
    ("epoch", 5, None), ("10", 2, 200), ("step", 1, 40))
DEVICES = ("immortal", "batch", "witness", "invariance", "sign", "interval", "margin", "scan")
SAMPLES = 60000


def measure(program, config, changes, data, steps, census, brute, threads):
    command = [program, "census", "--config", os.path.join(ROOT, config), "--threads", str(threads),
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
        for name, config, changes, epoch, _ in CONFIGS:
            for cadence, epochs, brute_steps in CADENCES:
                for engine, steps in (("exact", epochs * epoch), ("brute", brute_steps or epochs * epoch)):
                    print(f"\rround {round_number + 1} of {options.rounds}: {name}, {cadence}, {engine}      ", end="",
                          file=sys.stderr)
                    off = measure(options.program, config, changes, data, steps, "off", False, options.threads)
                    on = measure(options.program, config, changes, data, steps, cadence, engine == "brute", options.threads)
                    ratios.setdefault((name, cadence, engine), []).append(on["seconds"] / off["seconds"])
                    last[name, cadence, engine] = on
    print(file=sys.stderr)

    rows = []
    for name, *_, aims in CONFIGS:
        for (cadence, *_), aim in zip(CADENCES, aims):
            exact = statistics.median(ratios[name, cadence, "exact"])
            brute = statistics.median(ratios[name, cadence, "brute"])
            result = last[name, cadence, "exact"]
            # The last census of a run comes after the time that is measured.
            rows.append([
                f"{name}, {'every ' if cadence != '10' else 'every 10 '}{cadence if cadence != '10' else 'steps'}",
                f"{exact:.3f}", f"{min(ratios[name, cadence, 'exact']):.3f}–{max(ratios[name, cadence, 'exact']):.3f}",
                f"≤ {aim}" if aim else "", f"{brute:.2f}",
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
