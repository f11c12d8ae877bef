#!/usr/bin/env python3
"""Lets `reluscope prescribe` treat sick configs, and holds the outcome against healthy ones; prints a Markdown table.

    python3 scripts/bench_prescribe.py [--markdown FILE]      after a build

Cured means: on the seeds of the confirmation, which the choice did not see, the findings are gone in at least four runs
of five, and the median held-out figure is within 2 % of that of a healthy reference config over the same seeds (for
regression: of the variance that it explains).

Needs only the standard library, and build/release/reluscope. Exit codes: 0 all are cured, 1 some are not, or a run
failed; 2 bad usage.
"""

import argparse
import csv
import io
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DIGITS = ("digits-relu.json", [])
# What ails it, config, changes to it, the healthy reference, and the variance of the targets (regression).
PATIENTS = (
    ("born dead", "born-dead.json", [], ("born-dead.json", ["network.layers.0.units=32", "network.layers.0.repeat=2",
                                                            "train.optimizer.lr=0.01"]), 0.25),
    ("learning rate too high", "dying-relu.json", [], DIGITS, None),
    ("negative biases", "sick/negative-bias.json", [], DIGITS, None),
    ("deep and narrow", "sick/deep-narrow.json", [], ("digits-relu.json", ["network.layers.0.units=16"]), None),
    ("exploding initialisation", "sick/exploding-init.json", [], DIGITS, None),
    ("saturated sigmoids", "sick/sigmoid-saturation.json", [], ("digits-sigmoid.json", []), None),
    ("inputs out of scale", "sick/bad-scaling.json", [], DIGITS, None),
    ("target shift with momentum", "sick/target-shift.json", [],
     ("sick/target-shift.json", ["train.optimizer={\"name\":\"adam\",\"lr\":0.005}"]), 23.8),
    ("vanishing with depth", "sick/deep-sigmoid.json", [], DIGITS, None),
    ("saturated tanh", "digits-tanh.json", ["network.layers.0.init.bias=7"], ("digits-tanh.json", []), None),
    ("learning rate of 1e-7", "digits-relu.json", ["train.optimizer.lr=1e-7"], DIGITS, None),
)


PAGE = """# How well prescriptions do

Made by `python3 scripts/bench_prescribe.py --markdown docs/prescribe-benchmark.md`, which runs everything anew.

Cured means: on {seeds} seeds that the choice of the remedy did not see, the findings are gone in at least four runs of five,
and the median held-out figure is within 2 % of that of a healthy reference config over the same seeds (for regression:
of the variance it explains). The three counts are the runs without the findings: with a new seed alone, with the
remedy, with a random change that no finding points to. Cost is the time of a step, treated over as it is; runs is all
that the prescription took, at most 200.

{table}"""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench_prescribe: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def reference(program, config, changes, first_seed, seeds):
    """Median held-out accuracy, and loss, of the healthy config."""
    out = run([program, "compare", os.path.join(ROOT, "configs", config), *changes, f"seed={first_seed}", "--vary",
               "record.every=10", "--seeds", str(seeds), "--quiet", "--out", "-"])
    rows = list(csv.DictReader(io.StringIO(out)))
    accuracy = [float(row["test_accuracy"]) for row in rows if row["test_accuracy"]]
    return (statistics.median(accuracy) if accuracy else None,
            statistics.median(float(row["test_loss"]) for row in rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "reluscope"))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--markdown", help="write the table to this file as well")
    options = parser.parse_args()
    if not os.path.isfile(options.program):
        parser.error(f"{options.program} is missing: build it first")
    lines = ["| patient | findings | remedy | findings gone: as it is, treated, random change | held-out, as it is | treated "
             "| healthy reference | cost | runs | verdict |", "|" + " --- |" * 10]
    cured_all = True
    for name, config, changes, (healthy, healthy_changes), variance in PATIENTS:
        path = os.path.join(ROOT, "configs", config)
        result = json.loads(run([program, "prescribe", path, *changes, "--seeds", str(options.seeds), "--json", "--quiet"]
                                if (program := options.program) else []))
        if result["confirmation"] is None:
            lines.append(f"| {name} | {', '.join(result['findings'])} | | | | | | | {result['runs']} | {result['verdict']} |")
            cured_all = False
            continue
        confirmation = result["confirmation"]
        arms = [confirmation[arm] for arm in ("original", "treated", "control")]
        accuracy, loss = reference(program, healthy, healthy_changes, result["seed"] + options.seeds, options.seeds)
        treated = confirmation["treated"]["objective"]
        if result["objective"] == "accuracy":
            near = treated is not None and treated >= 0.98 * accuracy
            figures = [f"{100 * figure:.1f} %" if figure is not None else "failed"
                       for figure in (confirmation["original"]["objective"], treated, accuracy)]
        else:
            near = treated is not None and treated <= loss + 0.02 * variance
            figures = [f"{figure:.3g}" if figure is not None else "failed"
                       for figure in (confirmation["original"]["objective"], treated, loss)]
        cost = f"{confirmation['cost']:.2f}" if confirmation["cost"] is not None else "-"
        cured = near and confirmation["treated"]["cured"] >= 0.8 * options.seeds
        cured_all = cured_all and cured
        lines.append(f"| {name} | {', '.join(result['findings'])} | {' + '.join(result['remedy'])} | "
                     + ", ".join(str(arm["cured"]) for arm in arms) + f" of {options.seeds} | " + " | ".join(figures)
                     + f" | {cost} | {result['runs']} | {'cured' if cured else '**not cured**'} |")
        print(lines[-1], file=sys.stderr)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    text = PAGE.format(table=text, seeds=options.seeds)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)
    sys.exit(0 if cured_all else 1)


if __name__ == "__main__":
    main()
