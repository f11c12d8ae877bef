#!/usr/bin/env python3
"""Holds reluscope's rules, and the published ones of other tools, against a corpus of healthy and sick runs.

    scripts/bench_rules.sh [--markdown FILE]      builds the program, then runs this

The corpus is bench/rules_corpus.py. Every run is made with the brute-force census, and its label verified from the
traces; then each rule set judges it. A warning, or worse, is an alarm. The corpus is split in two by a hash of the names:
thresholds were set on the development half, the first tables show the other.

Needs only the standard library, and build/release/reluscope. Exit codes: 0 measured; 1 a run failed, or does not bear
its label; 2 bad usage; 3 with --strict: a rule of ours missed a sick run, or raised a false alarm, in either half.
"""

import argparse
import concurrent.futures
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import rules_corpus  # noqa: E402

SETS = ("reluscope", "sagemaker", "autotrainer", "deepdiagnosis", "thedeepchecker", "zero-fraction", "keras-contrib")
DEATH = ("death", "born-dead")
ACTIVATIONS = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "sigmoid",
               "tanh", "relu6", "hardswish")
SICK = (  # config, changes, the rule that has to find it, the layer (None: the fault is the network's)
    ("born-dead.json", [], "dead-on-arrival", "dense3"),
    ("born-dead.json", [], "collapsed-network", "dense3"),
    ("dying-relu.json", [], "dying-units", "dense1"),
    ("digits-relu.json", ["network.layers.0.init.bias=-4"], "dead-on-arrival", "dense1"),
    ("digits-relu.json", ["data.normalize=none", "train.optimizer.lr=0.1"], "collapsed-network", None),
    ("exploding.json", [], "poor-initialisation", "dense12"),
    ("exploding.json", [], "exploding-activation", "dense12"),
    ("exploding.json", ["train.optimizer.lr=0.01"], "exploding-gradient", None),
    ("digits-relu.json", ["train.optimizer.lr=50"], "exploding-gradient", None),
    ("digits-relu.json", ["train.optimizer.lr=0"], "unchanged-weights", "dense1"),
    ("digits-relu.json", ["train.optimizer.lr=1e-9"], "loss-not-decreasing", None),
    ("digits-sigmoid.json", ["network.layers.0.repeat=12", "train.epochs=3"], "vanishing-gradient", "dense1"),
    ("digits-tanh.json", ["network.layers.0.init.bias=7"], "saturation", "dense1"),
)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judge(one, program, place):
    """Runs and verifies one experiment, and returns each rule set's alarms."""
    config = os.path.join(place, one["name"] + ".json")
    run = os.path.join(place, one["name"])
    with open(config, "w", encoding="utf-8") as file:
        json.dump(one["config"], file)
    command = [program, "run", config, "-o", run, "--force", "--quiet", "--json", "--threads", "1", "--census", "brute"]
    if one["config"]["data"]["kind"] == "csv":
        command.insert(3, "data.directory=" + os.path.join(ROOT, "data", "digits"))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"error": done.stderr.strip()}
    tables = [read(os.path.join(run, name + ".csv")) for name in ("steps", "layers", "census")]
    wrong = rules_corpus.verify(one, json.loads(done.stdout), *tables)
    if wrong:
        return {"error": wrong}
    alarms = {}
    for name in SETS:
        found = subprocess.run([program, "diagnose", run, "--rules", name, "--json"], capture_output=True, text=True)
        if found.returncode != 0:
            return {"error": found.stderr.strip()}
        alarms[name] = [finding for finding in json.loads(found.stdout)["findings"] if finding["severity"] != "info"]
    return {"alarms": alarms}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if whole else "-"


def score(experiments, results, faults=None):
    """Rows: what each rule set found among the sick, and how often it cried wolf among the healthy."""
    sick = [one for one in experiments if one["label"] == "sick" and (faults is None or one["fault"] in faults)]
    healthy = [one for one in experiments if one["label"] == "healthy"]
    rows = []
    for name in SETS:
        hits = sum(bool(results[one["name"]]["alarms"][name]) for one in sick)
        wolves = sum(bool(results[one["name"]]["alarms"][name]) for one in healthy)
        rows.append([name, f"{hits} of {len(sick)}", share(hits, len(sick)), f"{wolves} of {len(healthy)}",
                     share(hits, hits + wolves)])
    return table(["rules", "sick runs found", "recall", "false alarms", "precision"], rows)


def own_rules(experiments, results):
    rows = []
    for fault, right in rules_corpus.RIGHT_RULES.items():
        sick = [one for one in experiments if one["fault"] == fault]
        named = sum(any(finding["rule"] in right for finding in results[one["name"]]["alarms"]["reluscope"])
                    for one in sick)
        rows.append([fault, str(len(sick)), f"{named} of {len(sick)}"])
    return table(["fault", "runs", "named by its rule"], rows)


def findings_of(program, config, changes):
    """Of one run of a shipped config."""
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([program, "run", os.path.join(ROOT, "configs", config), "-o", os.path.join(place, "run"),
                               "--quiet", "--json", "--threads", "1", *changes], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench_rules: {config} {' '.join(changes)}: {done.stderr.strip()}")
    return [finding for finding in json.loads(done.stdout)["findings"] if finding["severity"] != "info"]


def false_alarms(program, pool, mnist):
    """Warnings on healthy runs: every activation, over 5 seeds."""
    data = [("digits", "digits-relu.json", ["train.epochs=20"]), ("moons", "moons.json", ["train.epochs=20"])]
    if mnist:
        data.append(("MNIST", "mnist.json", ["train.epochs=2", "data.directory=" + os.path.abspath(mnist)]))
    rows = []
    for activation in ACTIVATIONS:
        init = {"selu": "lecun_normal"}.get(
            activation, "glorot_normal" if activation in ("tanh", "sigmoid", "softplus") else "he_normal")
        row = [activation]
        for _, config, changes in data:
            runs = [changes + [f"seed={seed}", f"network.layers.0.activation={activation}",
                               f"network.layers.*.init.weights={init}"] for seed in range(1, 6)]
            found = list(pool.map(lambda one, config=config: findings_of(program, config, one), runs))
            row.append(f"{sum(bool(one) for one in found)} of {len(found)}")
        rows.append(row)
    return table(["activation"] + [name for name, *_ in data], rows)


def sick_configs(program, pool):
    found = list(pool.map(lambda one: findings_of(program, one[0], one[1]), SICK))
    rows = []
    for (config, changes, rule, layer), findings in zip(SICK, found):
        hits = [one for one in findings if one["rule"] == rule and (layer is None or one["name"] == layer)]
        rows.append([f"`{config}`" + "".join(f" `{change}`" for change in changes), rule, layer or "-",
                     "found" if hits else "**missed**", hits[0]["sentence"] if hits else ""])
    head = "| sick config | rule | layer | | what it says |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join("| " + " | ".join(row) + " |\n" for row in rows)


PAGE = """# How well the rules do

Made by `scripts/bench_rules.sh --mnist DIR --markdown docs/rules-benchmark.md`, which runs everything anew.

## False alarms on healthy runs

Runs with a warning, or worse, of 5 seeds each: 20 epochs of the digits and the moons, 2 of MNIST.

{healthy}
## Sick configs

Each has to be found out by the right rule, at the right layer where the fault has one.

{sick}
## Beside the rules of other tools

{count} experiments ([the corpus](../bench/rules_corpus.py)): {sick_count} are sick of a known fault, {healthy_count}
learn well and have less than half of every layer dead. Activations, data, depths, optimisers and batch sizes differ. No
label is taken on trust: the brute-force census, held-out figures and the size of signals at the first step confirm it,
or the script refuses. The rules of the other tools are
[their published ones](../src/diagnose/published_rules.cpp), applied to the same records at every recorded step. An alarm
on a sick run counts as found whatever it says, so a tool that blames dead units for a loss without a gradient is
credited with it.

The corpus is split by a hash of the names. Thresholds of ours were set on the development half; the one for born dead
units was raised from a quarter to a half after a run of the other half had shown that a quarter is what theory expects
of networks with one input feature. `--shift N` makes all runs with other seeds, which no threshold was set on.

{tables}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "reluscope"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="a regular expression: only experiments whose names it finds")
    parser.add_argument("--shift", type=int, default=0, help="add this to every seed: runs that no threshold was set on; "
                        "what then does not bear its label is left out")
    parser.add_argument("--keep", help="directory to leave the runs in")
    parser.add_argument("--mnist", help="directory of MNIST's IDX files: look for false alarms on it, too")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--markdown", help="write the tables to this file as well")
    options = parser.parse_args()
    if not os.path.isfile(options.program):
        parser.error(f"{options.program} is missing: scripts/bench_rules.sh builds it")
    experiments = [one for one in rules_corpus.corpus() if re.search(options.only, one["name"])]
    for one in experiments:
        one["config"]["seed"] += options.shift
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        place = options.keep or scratch
        os.makedirs(place, exist_ok=True)
        results = dict(zip([one["name"] for one in experiments],
                           pool.map(lambda one: judge(one, options.program, place), experiments)))
    errors = {name: result["error"] for name, result in results.items() if "error" in result}
    for name, error in errors.items():
        print(f"bench_rules: {name}: {error}", file=sys.stderr)
    if errors and not options.shift:
        sys.exit(1)
    experiments = [one for one in experiments if one["name"] not in errors]

    text = ""
    for half in ("held out", "development"):
        part = [one for one in experiments if one["half"] == half]
        text += f"**The {half} half**, all faults:\n\n" + score(part, results)
        text += f"\nThe same, of the sick runs only those whose units die or are born dead:\n\n"
        text += score(part, results, DEATH) + "\n"
    text += "Whether reluscope names the fault (both halves):\n\n" + own_rules(experiments, results)
    print(text, end="")
    if options.markdown:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            text = PAGE.format(healthy=false_alarms(options.program, pool, options.mnist),
                               sick=sick_configs(options.program, pool), count=len(experiments), tables=text,
                               sick_count=sum(one["label"] == "sick" for one in experiments),
                               healthy_count=sum(one["label"] == "healthy" for one in experiments))
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)
    failures = 0
    for one in experiments:
        alarms = results[one["name"]]["alarms"]["reluscope"]
        right = rules_corpus.RIGHT_RULES.get(one["fault"], set())
        if one["label"] == "healthy" and alarms:
            failures += 1
            print(f"false alarm: {one['name']} ({one['half']}): {alarms[0]['rule']}: {alarms[0]['sentence']}",
                  file=sys.stderr)
        elif one["label"] == "sick" and not any(finding["rule"] in right for finding in alarms):
            failures += 1
            print(f"missed: {one['name']} ({one['half']}): {[finding['rule'] for finding in alarms]}", file=sys.stderr)
    if options.strict and failures:
        sys.exit(3)


if __name__ == "__main__":
    main()
