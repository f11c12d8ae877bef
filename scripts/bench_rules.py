#!/usr/bin/env python3
"""Holds reluscope's rules, and the published ones of other tools, against healthy and sick runs.

    scripts/bench_rules.sh [--mnist DIR] [--housing FILE] [--markdown FILE]      builds the program, then runs this

Four collections: experiments rebuilt from public reports (bench/rules_cases.py), networks with default initialisers
(bench/rules_healthy.py), convolutional networks on pictures (bench/rules_pictures.py), and a corpus of known faults
(bench/rules_corpus.py). What is healthy or sick, the outcome of a run says, before any rule has seen it; then each rule
set judges it. A warning, or worse, is an alarm. The corpus is split in two by a hash of the names: thresholds were set
on the development half, the first tables show the other.

Needs only the standard library, and build/release/reluscope. Exit codes: 0 measured; 1 a run failed, or does not bear
its label; 2 bad usage; 3 with --strict: a rule of ours missed a sick run of the corpus, raised a false alarm on any
healthy run, of more than two cases the first finding is not the cause, or of the networks on pictures one is not healthy
that should be, or the planted fault was blamed on something else.
"""

import argparse
import concurrent.futures
import json
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import rules_cases  # noqa: E402
import rules_corpus  # noqa: E402
import rules_healthy  # noqa: E402
import rules_pictures  # noqa: E402
from rules_program import Failed, Program, alarms, read, table  # noqa: E402

DIGITS = os.path.join(ROOT, "data", "digits")
DEATH = ("death", "born-dead")
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


def judge(one, program, place):
    """Runs and verifies one experiment of the corpus, and returns each rule set's alarms."""
    run = os.path.join(place, one["name"])
    changes = ["data.directory=" + DIGITS] if one["config"]["data"]["kind"] == "csv" else []
    try:
        summary = program.run(one["config"], run, *changes, "--census", "brute")
        wrong = rules_corpus.verify(one, summary, *(read(run, name) for name in ("steps", "layers", "census")))
        return {"error": wrong} if wrong else {"alarms": program.alarms(run)}
    except Failed as failed:
        return {"error": str(failed)}


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if whole else "-"


def score(sets, experiments, results, faults=None):
    """Rows: what each rule set found among the sick, and how often it cried wolf among the healthy."""
    sick = [one for one in experiments if one["label"] == "sick" and (faults is None or one["fault"] in faults)]
    healthy = [one for one in experiments if one["label"] == "healthy"]
    rows = []
    for name in sets:
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


def beside(sets, cases, found, made, healthy):
    """Rows: on how many of the cases, and of the healthy default networks, each rule set raises an alarm."""
    run = [case for case in cases if "alarms" in found[case.name]]
    rows = []
    for name in sets:
        row = [name]
        for sick in (True, False):
            part = [case for case in run if case.sick == sick]
            row.append(f"{sum(bool(found[case.name]['alarms'][name]) for case in part)} of {len(part)}")
        wolves = len(rules_healthy.with_alarm(made, healthy, name))
        row.append(f"{wolves} of {len(rules_healthy.healthy_of(made, healthy))}")
        rows.append(row)
    return table(["rules", "sick experiments with an alarm", "healthy ones with an alarm",
                  "default networks with an alarm"], rows)


def findings_of(program, config, changes):
    """Of one run of a shipped config."""
    with tempfile.TemporaryDirectory() as place:
        try:
            text = program.ask("run", os.path.join(ROOT, "configs", config), "-o", os.path.join(place, "run"), "--quiet",
                               "--json", "--threads", "1", *changes)
        except Failed as failed:
            sys.exit(f"bench_rules: {config} {' '.join(changes)}: {failed}")
    return alarms(json.loads(text)["findings"])


def false_alarms(program, pool, mnist):
    """Warnings on healthy runs: every activation, over 5 seeds."""
    data = [("digits", "digits-relu.json", ["train.epochs=20"]), ("moons", "moons.json", ["train.epochs=20"])]
    if mnist:
        data.append(("MNIST", "mnist.json", ["train.epochs=2", "data.directory=" + mnist]))
    rows = []
    for activation in rules_healthy.ACTIVATIONS:
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
    return table(["sick config", "rule", "layer", "", "what it says"], rows, numbers_from=5)


CASES_TEXT = """**Experiments rebuilt from public reports**

{cases}
Named by the first finding: {named} of {sick_cases} ({right} by the cause, {effect} by its effect)
"""
DEFAULTS_TEXT = """**Networks with default initialisers**

{defaults}
{left_out}"""
BESIDE_TEXT = """**The rules of other tools on the same runs**

{beside}"""
PICTURES_TEXT = """**Convolutional networks on pictures**

{pictures}
{planted}
{pictures_beside}"""
PAGE = """# How well the rules do

Made by `scripts/bench_rules.sh --mnist DIR --housing FILE --markdown docs/rules-benchmark.md`, which runs everything
anew. `DIR` holds MNIST's IDX files, `FILE` is the table of the Boston housing data (506 lines, the price last); what
needs a file that is not given is left out, and said to be. `--only REGEX` runs only what has such a name,
`--shift N` everything with other seeds, `--strict` makes the script fail where ours are wrong.

## Experiments rebuilt from public reports

{cases_count} experiments that people asked about in public, because a network did not learn or because they thought so,
rebuilt with data in the likeness of theirs ([configs](../bench/cases), [labels](../bench/rules_cases.py)). What
matters to whoever asks is the first finding: it has to be the cause. *right*: it is; *effect*: it is what the cause has
done, at the right layer, where that has to be seen (a layer that has collapsed, say); **wrong**: it is something else;
**silent**: there is no warning. The healthy ones must have none.

The label is a matter of outcome: a sick one breaks off, or ends with a loss that is not even a thousandth below that of
the best constant output (the raw pixels only slow learning down: there, less than 90 % of the training set are right at
the end), and a healthy one has learned by more than chance. Four experiments (01, 02, 16, 18) fail only with some seeds;
they have the first one, counted from 1, with which they do. With `--shift`, a seed that does not bear out the label is
followed by the next.

    scripts/bench_rules.sh --mnist DIR --housing FILE --only '^[0-9][0-9]-'

{cases}
Of the sick {sick_cases}, the first finding of {named} names what is wrong: of {right} the cause itself, of {effect} its
effect.

## Networks with default initialisers

Networks as one sets them up without a thought: the initialiser that Keras or PyTorch has for a dense layer, ReLU, Adam
with a rate of 0.001, every normalisation that there is, 64 units, 20 epochs of the digits, three seeds of each
([the list](../bench/rules_healthy.py)). Then deep, narrow and wide ones, other activations, training that is shorter,
longer, with other batches and rates, other data, and MNIST's first 10,000. A network is healthy by its outcome; what that
has to be was fixed before any finding was read: a held-out accuracy of {accuracy} or more (without hidden layers the
digits allow 0.93 to 0.95, chance 0.1; other data have [levels of their own](../bench/rules_corpus.py)), and at the end
less than half of every hidden layer dead. What is not healthy is left out. No healthy one may have a warning.

    scripts/bench_rules.sh --mnist DIR --only '^(keras|pytorch|he)-'

{defaults}
{left_out}
## The rules of other tools on the same runs

An alarm is a warning, or worse, whatever it says. Whether an alarm on a sick experiment names the cause was looked at
for ours only (above).

{beside}
## Convolutional networks on pictures

30 healthy networks ([the list](../bench/rules_pictures.py)): plain convolutions, the same with batch norm, residual
blocks (He et al. 2015) and blocks in pre-activation order (He et al. 2016), on pictures of 28, 56 and 112 pixels a side,
with ReLU, leaky ReLU, ELU, GELU and tanh; half of all combinations, so chosen that every two choices meet. The pictures
are 800 of the digits that come with the project, as PNG files that `data.size` brings to each size. What is healthy is
said as above: a held-out accuracy of {accuracy} or more, and less than half of every hidden layer dead at the end. No
healthy one may have a warning.

    scripts/bench_rules.sh --pictures

{pictures}
Into others a fault was planted. That it is there the exact census confirms, or the outcome: at least half of a layer
dead from birth, in training, or in the weights of a file; an output that is wholly dead; for the rest what the corpus
below asks for. The first finding has to name it: the fault itself, or, where only the units of one layer are pushed too
hard, their death. And most of the dead units of the layer have to have died of what was planted, by the column `cause`
of `units.csv`: **cause** stands where they have not.

{planted}
Of {planted_count} faults the first finding names {planted_right}.

The rules of other tools on the same runs:

{pictures_beside}
## False alarms on healthy runs

Runs with a warning, or worse, of 5 seeds each: 20 epochs of the digits and the moons, 2 of MNIST, each activation with an
initialiser made for it.

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


def of_each(pool, experiments, judged):
    return dict(zip([one["name"] for one in experiments], pool.map(judged, experiments)))


def said_left_out(names):
    return f"Left out, since not healthy:\n\n{names}" if names else "None had to be left out.\n"


def corpus_tables(program, experiments, results):
    text = ""
    for half in ("held out", "development"):
        part = [one for one in experiments if one["half"] == half]
        text += f"**The {half} half**, all faults:\n\n" + score(program.sets, part, results)
        text += "\nThe same, of the sick runs only those whose units die or are born dead:\n\n"
        text += score(program.sets, part, results, DEATH) + "\n"
    return text + "Whether reluscope names the fault (both halves):\n\n" + own_rules(experiments, results)


def corpus_failures(experiments, results):
    said = []
    for one in experiments:
        found = results[one["name"]]["alarms"]["reluscope"]
        right = rules_corpus.RIGHT_RULES.get(one["fault"], set())
        if one["label"] == "healthy" and found:
            said.append(f"false alarm: {one['name']} ({one['half']}): {found[0]['rule']}: {found[0]['sentence']}")
        elif one["label"] == "sick" and not any(finding["rule"] in right for finding in found):
            said.append(f"missed: {one['name']} ({one['half']}): {[finding['rule'] for finding in found]}")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "reluscope"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="a regular expression: only experiments whose names it finds")
    parser.add_argument("--shift", type=int, default=0, help="add this to every seed: runs that no threshold was set on; "
                        "what then does not bear its label is left out")
    parser.add_argument("--keep", help="directory to leave the runs in")
    parser.add_argument("--mnist", help="directory of MNIST's IDX files: look for false alarms on it, and run its cases")
    parser.add_argument("--pictures", action="store_true", help="only the convolutional networks on pictures")
    parser.add_argument("--housing", help="the table of the Boston housing data: run its case")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--markdown", help="write the tables to this file as well")
    options = parser.parse_args()
    if not os.path.isfile(options.program):
        parser.error(f"{options.program} is missing: scripts/bench_rules.sh builds it")
    program = Program(options.program)
    mnist = options.mnist and os.path.abspath(options.mnist)
    wanted = re.compile(options.only).search
    cases = [case for case in rules_cases.CASES if wanted(case.name)]
    made = [one for one in rules_healthy.networks(program.normalisations, mnist) if wanted(one["name"])]
    experiments = [one for one in rules_corpus.corpus() if wanted(one["name"])]
    if options.pictures:
        cases, made, experiments = [], [], []
    pictures = [one for one in rules_pictures.healthy() if wanted(one["name"])]
    planted = [one for one in rules_pictures.sick() if wanted(one["name"])]
    for one in made + experiments + pictures + planted:
        one["config"]["seed"] += options.shift
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        places = {name: os.path.join(options.keep or scratch, name)
                  for name in ("cases", "default", "pictures", "corpus")}
        for place in places.values():
            os.makedirs(place, exist_ok=True)
        found = rules_cases.judge_all(cases, program, pool, places["cases"], options.shift,
                                      {"mnist": mnist, "housing": options.housing})
        healthy = of_each(pool, made, lambda one: rules_healthy.judge(one, program, places["default"], DIGITS))
        drawn = places["pictures"]
        if pictures or planted:
            rules_pictures.write(drawn, os.path.join(DIGITS, "digits.csv.gz"))
        healthy_pictures = of_each(pool, pictures, lambda one: rules_healthy.judge(one, program, drawn, DIGITS))
        sick_pictures = of_each(pool, planted, lambda one: rules_pictures.judge(one, program, drawn))
        results = of_each(pool, experiments, lambda one: judge(one, program, places["corpus"]))
    errors = [f"{name}: {result['error']}" for part in (found, healthy, healthy_pictures, sick_pictures, results)
              for name, result in part.items() if "error" in result]
    for error in errors:
        print(f"bench_rules: {error}", file=sys.stderr)
    if errors and not options.shift:
        sys.exit(1)
    experiments = [one for one in experiments if "error" not in results[one["name"]]]

    counts = rules_cases.count(cases, found)
    sections = {
        "cases": rules_cases.cases_table(cases, found), "cases_count": len(cases), "sick_cases": sum(counts.values()),
        "named": counts["right"] + counts["effect"], "right": counts["right"], "effect": counts["effect"],
        "accuracy": rules_healthy.ACCURACY, "defaults": rules_healthy.healthy_table(made, healthy),
        "left_out": said_left_out(rules_healthy.left_out(made, healthy)),
        "beside": beside(program.sets, cases, found, made, healthy),
        **rules_pictures.sections(program.sets, pictures, healthy_pictures, planted, sick_pictures),
        "tables": corpus_tables(program, experiments, results)}
    shown = [CASES_TEXT] if cases else []
    shown += [DEFAULTS_TEXT] if made else []
    shown += [BESIDE_TEXT] if cases or made else []
    shown += [PICTURES_TEXT] if pictures or planted else []
    shown += ["{tables}"] if experiments else []
    print("\n".join(shown).format(**sections), end="")
    if options.markdown:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            text = PAGE.format(healthy=false_alarms(program, pool, mnist), sick=sick_configs(program, pool),
                               count=len(experiments), sick_count=sum(one["label"] == "sick" for one in experiments),
                               healthy_count=sum(one["label"] == "healthy" for one in experiments), **sections)
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)
    unfit = [] if options.shift else rules_healthy.left_out(pictures, healthy_pictures).splitlines()
    failures = (rules_cases.failures(cases, found) + rules_healthy.failures(made, healthy) +
                rules_healthy.failures(pictures, healthy_pictures) + rules_pictures.failures(planted, sick_pictures) +
                corpus_failures(experiments, results) + unfit)
    for failure in failures:
        print(failure, file=sys.stderr)
    if options.strict and failures:
        sys.exit(3)


if __name__ == "__main__":
    main()
