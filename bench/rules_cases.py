"""Experiments rebuilt from public reports of networks that do not learn, for scripts/bench_rules.py.

bench/cases has their configs. What is wrong with each was known before any rule saw it: the label says so, and
which rules name it. A case bears its label by its outcome alone (ending()), which no rule has a part in.
"""

import dataclasses
import json
import os

import rules_data
from rules_program import Failed, table

SHARE = 1e-3   # A sick case ends with a loss that is not even this share below the best constant's.
ERRORS = 2.58  # A control has learned if its gain is above this many standard errors: 1 % by chance.
TRIES = 50     # With --shift: seeds that are tried, one after the other, until the case bears its label.
MISSES = 2     # --strict: of the sick cases this many may have another first finding; of all 19, 17 have to be right.


@dataclasses.dataclass(frozen=True)
class Case:
    """`names` and `effects` are rules, each with the layers it has to be at, if it has to ("rule layer layer")."""
    name: str
    kind: str
    cause: str
    names: tuple = ()           # the first finding names the cause
    effects: tuple = ()         # the first finding is what the cause has done, where it has to be seen
    below: float = None         # sick is also what ends with an accuracy below this on the training set
    needs: str = ""             # data that do not come with the project: "mnist" or "housing"

    @property
    def sick(self):
        return bool(self.names)


CASES = (
    Case("01-relu-output-regression", "output", "ReLU output, and targets below 0",
         ("dead-output dense2", "targets-out-of-range")),
    Case("02-final-relu-line", "output", "ReLU output, and targets below 0",
         ("dead-output dense3", "targets-out-of-range"), ("zero-gradient",)),
    Case("03-mnist-raw", "scale", "pixels from 0 to 255", ("unscaled-inputs",), below=0.9, needs="mnist"),
    Case("04-multilabel-bce", "control", "several labels a sample, learns"),
    Case("05-x4-unscaled", "scale", "inputs to 100, targets to 1e8", ("unscaled-inputs", "unscaled-targets"),
         ("saturation dense1 dense2",)),
    Case("06-ascii-codes", "scale", "inputs from 65 to 70", ("unscaled-inputs",), ("collapsed-network dense2",)),
    Case("07-linreg-nan", "scale", "inputs to 120 at a rate of 0.01", ("unscaled-inputs",), ("exploding-gradient",)),
    Case("08-inputs-1e4-tanh", "scale", "inputs to 1e4, targets to 3e4", ("unscaled-inputs", "unscaled-targets"),
         ("saturation dense1",)),
    Case("09-quad-lr01", "rate", "a rate of 0.1 with targets to 120", ("update-ratio", "unscaled-targets"),
         ("collapsed-network dense1 dense2", "dying-units dense1 dense2")),
    Case("10-too-few-epochs", "rate", "35 steps only", ("too-few-steps",), ("no-better-than-constant",)),
    Case("11-mnist-batch2000", "control", "150 steps, 91 % right", needs="mnist"),
    Case("12-relu-n01", "initialisation", "weights N(0, 1), a rate of 3, ReLU output",
         ("poor-initialisation", "exploding-activation", "update-ratio", "dead-output dense2"), needs="mnist"),
    Case("13-bits8-sigmoid-normal", "initialisation", "weights N(0, 0.05²) in three sigmoid layers",
         ("vanishing-gradient dense1", "poor-initialisation"), ("loss-not-decreasing",)),
    Case("14-bias1-ln10", "initialisation", "weights N(0, 0.005²), biases of 1",
         ("vanishing-gradient dense1", "poor-initialisation"), needs="mnist"),
    Case("15-one-relu-backwards", "dying", "one ReLU, which ends with a weight of 0", ("dead-output dense1",),
         ("no-better-than-constant",)),
    Case("16-ae-relu-output", "dying", "units of a ReLU output die", ("dead-output dense2",)),
    Case("17-control-abs32", "control", "|x|, learns"),
    Case("18-housing-13-30-6-1", "dying", "six ReLUs, and inputs to 711", ("unscaled-inputs",),
         ("collapsed-network dense2", "dying-units dense2"), needs="housing"),
    Case("19-negative-inputs", "dying", "inputs below 0, weights above", ("dead-on-arrival dense1",)),
    Case("20-ae-bce-soft-control", "control", "soft targets, whose cross-entropy cannot be 0"),
    Case("21-stock-uniform-init", "initialisation", "weights U(±0.05), 2 epochs", ("poor-initialisation dense2",)),
    Case("22-no-activation-lr3-mse", "rate", "a rate of 3, weights N(0, 1), no activation", ("update-ratio",),
         ("exploding-gradient",), needs="mnist"),
    Case("23-keypoints-adam01", "control", "a rate of 0.1 with Adam, learns"),
    Case("24-sin-direction", "dying", "weights U(±0.05) in layers of 2 units", ("poor-initialisation dense2",),
         ("collapsed-network dense2",)),
)


def ending(case, summary):
    """Nothing, or why the run does not bear the label of its case."""
    part = summary.get("train")
    if summary["status"] != "done" or part is None:
        return None if case.sick else f"it ends as '{summary['status']}'"
    if not case.sick:
        return None if part["gain"] > ERRORS * part["gain_error"] else "it has not learned"
    if case.below is not None:
        return None if part["accuracy"] < case.below else f"it learns: accuracy {part['accuracy']:.2f}"
    learns = part["gain"] > SHARE * part["constant_loss"]
    return f"it learns: loss {part['loss']:.3g}, a constant's {part['constant_loss']:.3g}" if learns else None


def fits(finding, rules):
    """Whether it is one of these rules, at one of the layers named with it."""
    for rule, *layers in map(str.split, rules):
        if finding["rule"] == rule and (not layers or finding["name"] in layers):
            return True
    return False


def verdict(case, findings):
    """Of the warnings of a run: right, effect, wrong or silent."""
    if not findings:
        return "silent"
    return "right" if fits(findings[0], case.names) else "effect" if fits(findings[0], case.effects) else "wrong"


def judge(case, program, place, shift, places):
    """Runs a case at its seed, or with `shift` at the first one from there on at which it bears its label, and returns
    the alarms; or why there are none. `places` says where data are that do not come with the project."""
    if case.needs and not places[case.needs]:
        return {"skipped": f"needs --{case.needs}"}
    with open(os.path.join(rules_data.CASES, case.name + ".json"), encoding="utf-8") as file:
        config = json.load(file)
    source = config["data"]
    made = source.get("file") in rules_data.TABLES
    source["directory"] = place if made else rules_data.CASES
    if case.needs == "mnist":
        source["directory"] = places["mnist"]
    elif case.needs == "housing":
        source["directory"], source["file"] = os.path.split(os.path.abspath(places["housing"]))
    config["record"]["monitors"] = True
    config["seed"] += shift
    run = os.path.join(place, case.name)
    try:
        for _ in range(TRIES if shift else 1):
            wrong = ending(case, program.run(config, run))
            if not wrong:
                return {"alarms": program.alarms(run), "seed": config["seed"]}
            config["seed"] += 1
    except Failed as failed:
        wrong = str(failed)
    return {"error": wrong}


def judge_all(cases, program, pool, place, shift, places):
    rules_data.write(place)
    # The longest first: those of MNIST.
    order = sorted(cases, key=lambda case: case.needs != "mnist")
    results = pool.map(lambda case: judge(case, program, place, shift, places), order)
    return {case.name: result for case, result in zip(order, results)}


def count(cases, results):
    """By verdict, how many of the sick cases that were run."""
    counts = {"right": 0, "effect": 0, "wrong": 0, "silent": 0}
    for case in cases:
        if case.sick and "alarms" in results[case.name]:
            counts[verdict(case, results[case.name]["alarms"]["reluscope"])] += 1
    return counts


def cases_table(cases, results):
    rows = []
    for case in cases:
        result = results[case.name]
        row = [f"`{case.name}`", case.cause if case.sick else f"none: {case.cause}"]
        if "alarms" not in result:
            rows.append(row + ["", "", "left out: " + (result.get("skipped") or result["error"])])
            continue
        findings = result["alarms"]["reluscope"]
        first = f"{findings[0]['rule']} {findings[0]['name'] or ''}".strip() if findings else "-"
        right = verdict(case, findings) if case.sick else "**false alarm**" if findings else "right"
        rows.append(row + [str(result["seed"]), first, f"**{right}**" if right in ("wrong", "silent") else right])
    return table(["experiment", "what is wrong", "seed", "first finding", ""], rows, numbers_from=5)


def failures(cases, results):
    """What --strict does not let pass, in words."""
    counts = count(cases, results)
    missed = counts["wrong"] + counts["silent"]
    said = []
    if missed > MISSES:
        said.append(f"cases: the first finding of {missed} of {sum(counts.values())} is another than the cause")
    for case in cases:
        found = results[case.name].get("alarms", {}).get("reluscope")
        if found and not case.sick:
            said.append(f"false alarm: {case.name}: {found[0]['rule']}: {found[0]['sentence']}")
    return said
