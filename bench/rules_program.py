"""What scripts/bench_rules.py asks of the program: runs, findings by every rule set, and what it offers."""

import csv
import json
import os
import re
import subprocess


class Failed(Exception):
    """The program did not do it; the text says why."""


class Program:
    def __init__(self, path):
        self.path = path
        # Whatever rule sets this program has, ours first.
        named = re.search(r"--rules NAME:\{([^}]*)\}", re.sub(r"\s*\n\s*", "", self.ask("diagnose", "--help")))
        if not named:
            raise Failed(f"{path} diagnose --help names no rule sets")
        self.sets = tuple(name.strip() for name in named.group(1).split(","))
        fields = json.loads(self.ask("schema"))["properties"]["data"]["anyOf"][0]["properties"]
        self.normalisations = tuple(fields["normalize"]["enum"])

    def ask(self, *arguments):
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())
        return done.stdout

    def run(self, config, run, *options):
        """Runs an experiment, given as a dict, into the directory `run`; returns its summary. A run whose loss is not
        finite has one as well."""
        with open(run + ".json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        return json.loads(self.ask("run", run + ".json", "-o", run, "--force", "--quiet", "--json", "--threads", "1",
                                   *options))

    def alarms(self, run):
        """By rule set, what it finds that is a warning or worse, in its order."""
        return {name: alarms(json.loads(self.ask("diagnose", run, "--rules", name, "--json"))["findings"])
                for name in self.sets}


def alarms(findings):
    return [finding for finding in findings if finding["severity"] != "info"]


def read(run, name):
    with open(os.path.join(run, name + ".csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cell(text):
    return text.replace("|", "\\|")


def table(head, rows, numbers_from=1):
    """In Markdown; the columns before `numbers_from` are text."""
    line = ["---"] * numbers_from + ["---:"] * (len(head) - numbers_from)
    return "".join("| " + " | ".join(map(cell, row)) + " |\n" for row in (head, line, *rows))
