#!/usr/bin/env python3
"""What scripts/bench_rules.py judges by: labels that fit their configs and rules that exist, outcomes and verdicts. Of
its experiments a healthy and three sick networks on pictures are run, the smallest ones.

    test_bench_rules.py RELUSCOPE
"""

import itertools
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import rules_cases  # noqa: E402
import rules_corpus  # noqa: E402
import rules_data  # noqa: E402
import rules_healthy  # noqa: E402
import rules_pictures  # noqa: E402
from rules_program import Failed, Program, alarms, table  # noqa: E402

SICK = rules_cases.Case("sick", "dying", "a cause", ("dead-output dense2", "unscaled-inputs"),
                        ("saturation dense1 dense2",))
CONTROL = rules_cases.Case("control", "control", "learns")


def finding(rule, name=None, severity="warning"):
    return {"rule": rule, "name": name, "severity": severity, "sentence": f"{rule} it is."}


def summary(status="done", **train):
    return {"status": status, "train": train or None}


class Labels(unittest.TestCase):
    def test_every_case_has_a_config_and_every_config_a_case(self):
        names = [case.name for case in rules_cases.CASES]
        self.assertEqual(sorted(names), sorted(path.stem for path in (ROOT / "bench" / "cases").glob("*.json")))
        self.assertEqual((sum(case.sick for case in rules_cases.CASES), len(names)), (19, 24))

    def test_its_data_are_there_or_made_or_said_to_be_needed(self):
        for case in rules_cases.CASES:
            with self.subTest(case.name):
                config = json.loads((ROOT / "bench" / "cases" / f"{case.name}.json").read_text(encoding="utf-8"))
                self.assertEqual(config["name"], case.name)
                file = config["data"].get("file")
                kept = file is not None and (ROOT / "bench" / "cases" / file).is_file()
                self.assertEqual(bool(case.needs), not kept and file not in rules_data.TABLES)

    def test_rules_and_layers_of_the_labels_exist(self):
        for case in rules_cases.CASES:
            config = json.loads((ROOT / "bench" / "cases" / f"{case.name}.json").read_text(encoding="utf-8"))
            units = [layer for layer in config["network"]["layers"] if "units" in layer]
            layers = sum(layer.get("repeat", 1) for layer in units)
            for rule, *at in map(str.split, case.names + case.effects):
                with self.subTest(case.name, rule=rule):
                    subprocess.run([RELUSCOPE, "explain", rule], capture_output=True, check=True)
                    self.assertLessEqual(set(at), {f"dense{layer}" for layer in range(1, layers + 1)})


class Verdicts(unittest.TestCase):
    def test_the_first_finding_decides(self):
        for findings, expected in (
                ([], "silent"),
                ([finding("dead-output", "dense2"), finding("dying-units", "dense1")], "right"),
                ([finding("unscaled-inputs")], "right"),
                ([finding("dying-units", "dense1"), finding("dead-output", "dense2")], "wrong"),
                ([finding("dead-output", "dense1")], "wrong"),
                ([finding("saturation", "dense1")], "effect"),
                ([finding("saturation", "dense3")], "wrong")):
            with self.subTest(expected, findings=findings):
                self.assertEqual(rules_cases.verdict(SICK, findings), expected)

    def test_information_is_no_alarm(self):
        self.assertEqual(alarms([finding("bias-shift", "dense1", "info"), finding("saturation", "dense1", "critical")]),
                         [finding("saturation", "dense1", "critical")])

    def test_strict_fails_from_the_third_miss_on_and_at_any_false_alarm(self):
        cases = [rules_cases.Case(str(number), "dying", "a cause", ("dead-output",)) for number in range(4)] + [CONTROL]
        found = {case.name: {"alarms": {"reluscope": []}} for case in cases}
        for missed in range(4):
            for case in cases[missed:4]:
                found[case.name] = {"alarms": {"reluscope": [finding("dead-output")]}}
            for case in cases[:missed]:
                found[case.name] = {"alarms": {"reluscope": []}}
            self.assertEqual(bool(rules_cases.failures(cases, found)), missed > rules_cases.MISSES)
        found = {case.name: {"skipped": "needs --mnist"} for case in cases}
        self.assertEqual(rules_cases.failures(cases, found), [])
        found["control"] = {"alarms": {"reluscope": [finding("saturation")]}}
        self.assertEqual(rules_cases.failures(cases, found), ["false alarm: control: saturation: saturation it is."])

    def test_what_was_left_out_is_in_the_table_but_not_counted(self):
        found = {"sick": {"skipped": "needs --mnist"}, "control": {"alarms": {"reluscope": []}, "seed": 7}}
        self.assertEqual(sum(rules_cases.count([SICK, CONTROL], found).values()), 0)
        self.assertIn("left out: needs --mnist", rules_cases.cases_table([SICK, CONTROL], found))


class Outcomes(unittest.TestCase):
    def test_a_sick_case_is_no_better_than_a_constant_or_broken(self):
        self.assertIsNone(rules_cases.ending(SICK, summary(loss=1.0, constant_loss=1.0, gain=0.0, gain_error=0.1)))
        self.assertIsNone(rules_cases.ending(SICK, summary(status="failed")))
        learned = summary(loss=0.9, constant_loss=1.0, gain=0.1, gain_error=0.1)
        self.assertIn("it learns", rules_cases.ending(SICK, learned))

    def test_a_control_has_learned_by_more_than_chance(self):
        self.assertIsNone(rules_cases.ending(CONTROL, summary(gain=0.3, gain_error=0.1)))
        self.assertIsNotNone(rules_cases.ending(CONTROL, summary(gain=0.2, gain_error=0.1)))
        self.assertIsNotNone(rules_cases.ending(CONTROL, summary(status="failed")))

    def test_a_healthy_network_generalises_and_lives_at_the_end(self):
        one = {"level": ("accuracy", rules_healthy.ACCURACY)}

        def ending(accuracy, *dead):
            census = [{"step": str(step), "role": "hidden", "dead": str(count), "units": "10"}
                      for step, count in enumerate(dead)]
            census.append({"step": str(len(dead) - 1), "role": "output", "dead": "10", "units": "10"})
            return rules_healthy.ending(one, {"status": "done", "test": {"accuracy": accuracy, "loss": 1.0}}, census)

        self.assertIsNone(ending(0.85, 0, 4))
        self.assertIsNone(ending(0.85, 6, 4))
        self.assertEqual(ending(0.84, 0, 4), "held-out accuracy 0.84")
        self.assertEqual(ending(0.99, 0, 5), "50 % of a layer dead")

    def test_levels_are_of_accuracy_loss_or_a_share_of_the_first_loss(self):
        run = {"test": {"accuracy": None, "loss": 0.5}, "first_loss": 2.0}
        for level, expected in ((("loss", 0.5), True), (("loss", 0.4), False), (("share", 0.25), True),
                                (("share", 0.2), False), (("accuracy", 0.1), False)):
            self.assertEqual(rules_corpus.reaches(level, run), expected)
        self.assertIsNone(rules_corpus.reaches(("loss", 1.0), {"test": None}))


class Experiments(unittest.TestCase):
    def test_names_are_unique_and_every_option_occurs(self):
        made = rules_healthy.networks(("none", "standard"), "DIR")
        names = [one["name"] for one in made]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual({one["config"]["data"]["normalize"] for one in made}, {"none", "standard", "per_feature"})
        self.assertEqual({one["config"]["network"]["layers"][0]["activation"] for one in made},
                         set(rules_healthy.ACTIVATIONS))
        self.assertFalse([one for one in rules_healthy.networks(("none",)) if "mnist" in one["name"]])

    def test_tables_are_the_same_each_time_and_have_the_columns_of_their_labels(self):
        for case in rules_cases.CASES:
            config = json.loads((ROOT / "bench" / "cases" / f"{case.name}.json").read_text(encoding="utf-8"))
            file = config["data"].get("file")
            if file in rules_data.TABLES:
                make = rules_data.TABLES[file]
                rows, again = (list(itertools.islice(make(random.Random(file)), 3)) for _ in range(2))
                self.assertEqual(rows, again)
                last = config["data"]["label_column"].split(",")[-1]
                self.assertIn(int(last), (-1, len(rows[0]) - 1))

    def test_the_program_says_what_it_offers(self):
        program = Program(RELUSCOPE)
        self.assertEqual(program.sets[0], "reluscope")
        self.assertGreater(len(program.sets), 5)
        self.assertIn("per_feature", program.normalisations)
        with self.assertRaises(Failed):
            program.ask("run", os.devnull)

    def test_a_cell_with_a_bar_stays_one_cell(self):
        self.assertEqual(table(["a", "b"], [["|x|", "1"]]), "| a | b |\n| --- | ---: |\n| \\|x\\| | 1 |\n")


class Pictures(unittest.TestCase):
    def test_every_two_choices_meet_in_thirty_healthy_networks(self):
        made = rules_pictures.healthy()
        names = [one["name"] for one in made + rules_pictures.sick()]
        self.assertEqual(len(set(names)), len(names))
        choices = [tuple(one["name"].rsplit("-", 2)) for one in made]
        self.assertEqual(len(choices), 30)
        kinds = (tuple(rules_pictures.ARCHITECTURES), tuple(map(str, rules_pictures.SIZES)), rules_pictures.ACTIVATIONS)
        for first, second in itertools.combinations(range(3), 2):
            met = {(choice[first], choice[second]) for choice in choices}
            self.assertEqual(met, set(itertools.product(kinds[first], kinds[second])))

    def test_rules_of_the_labels_exist_and_every_cause_of_death_is_planted_at_every_size(self):
        made = rules_pictures.sick()
        for rule in {rule.split()[0] for one in made for rule in one["case"].names}:
            subprocess.run([RELUSCOPE, "explain", rule], capture_output=True, check=True)
        for size in rules_pictures.SIZES:
            causes = {cause for one in made if one["config"]["data"]["size"][0] == size for cause in one["of"]}
            self.assertEqual(causes, {"born", "inherited", "own_weights", "own_bias", "upstream", "norm", "skip"})

    def test_a_death_has_to_have_its_cause_and_a_fault_to_be_there(self):
        one = rules_pictures.sick_case("one", "death", "text", ("dying-units conv2d2",), [], 28, dead="conv2d2",
                                       of=("norm",))

        def judged(cause, *findings):
            return rules_pictures.verdict(one, {"alarms": {"reluscope": list(findings)}, "cause": cause})

        self.assertEqual(judged("norm", finding("dying-units", "conv2d2")), "right")
        self.assertEqual(judged("upstream", finding("dying-units", "conv2d2")), "cause")
        self.assertEqual(judged("norm", finding("dying-units", "conv2d1")), "wrong")
        self.assertEqual(judged("norm"), "silent")
        units = [{"name": name, "state": state, "cause": cause} for name, state, cause in (
            ("conv2d2", "dead", "norm"), ("conv2d2", "dead", "norm"), ("conv2d2", "dead", "skip"),
            ("conv2d2", "alive", "skip"), ("conv2d1", "dead", "skip"), ("conv2d1", "dead", "skip"))]
        self.assertEqual(rules_pictures.cause_of(one, units), "norm")
        self.assertEqual(rules_pictures.cause_of(one, units[1:]), "several")
        census = [{"name": "conv2d2", "units": "4", "dead": dead, "born_dead": "1"} for dead in ("1", "3")]
        self.assertIsNone(rules_pictures.wrong_with(one, {}, [], [], census))
        self.assertIsNotNone(rules_pictures.wrong_with(one, {}, [], [], census[:1]))

    def test_weights_are_changed_in_their_file_and_nothing_else_is(self):
        tensors = {f"layers.{at}.{name}": struct.pack("<2f", at, 5.0) for at in (3, 0, 10)
                   for name in ("weight", "bias", "running_mean")}
        head, data = {}, b""
        for name, values in tensors.items():
            head[name] = {"dtype": "F32", "shape": [2], "data_offsets": [len(data), len(data) + len(values)]}
            data += values
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / "weights.safetensors"
            text = json.dumps(head).encode()
            path.write_bytes(struct.pack("<Q", len(text)) + text + data)
            rules_pictures.change_file(path, rules_pictures.silence)
            after = path.read_bytes()[8 + len(text):]
        changed = {name: after[slice(*entry["data_offsets"])] for name, entry in head.items()}
        tensors["layers.3.weight"] = struct.pack("<2f", 0.0, 0.0)
        tensors["layers.3.bias"] = struct.pack("<2f", -1.0, -1.0)
        self.assertEqual(changed, tensors)

    def test_a_healthy_network_is_silent_and_planted_deaths_are_named_with_their_cause(self):
        program = Program(RELUSCOPE)
        digits = ROOT / "data" / "digits"
        sick = {one["name"]: one for one in rules_pictures.sick()}
        with tempfile.TemporaryDirectory() as place:
            rules_pictures.write(place, digits / "digits.csv.gz")
            healthy = next(one for one in rules_pictures.healthy() if one["name"] == "plain-28-elu")
            self.assertEqual(rules_healthy.judge(healthy, program, place, str(digits))["alarms"]["reluscope"], [])
            for name in ("inherited-norm-28", "own-bias-28", "skip-28"):
                with self.subTest(name):
                    result = rules_pictures.judge(sick[name], program, place)
                    self.assertEqual(rules_pictures.verdict(sick[name], result), "right")


if __name__ == "__main__":
    RELUSCOPE = sys.argv.pop(1)
    unittest.main()
