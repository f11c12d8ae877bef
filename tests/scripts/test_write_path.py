#!/usr/bin/env python3
"""Follows the system calls of a run and of a sweep: would what is on the disk after a power cut be whole?

    test_write_path.py RELUSCOPE SOURCE_DIR

A file that replaces another must be on the disk before it gets its name, and the name before anything builds on it; a
checkpoint must not speak of rows that are not there yet. Exits with 77 where strace is missing or may not trace.
"""

import ast
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from run_files import ROWS

PROGRAM = os.path.abspath(sys.argv[1])

# Beside those asked about, those by which a file could be changed unseen.
WRITES = ["write", "writev", "pwrite64", "pwritev", "ftruncate", "sendfile", "copy_file_range"]
SYNCS = ["fsync", "fdatasync"]
RENAMES = ["rename", "renameat", "renameat2", "link", "linkat"]  # a link is the name that must be new
UNLINKS = ["unlink", "unlinkat"]
OPENS = ["openat", "open", "creat"]
CALLS = [*OPENS, "close", *WRITES, *SYNCS, *RENAMES, *UNLINKS]
CONFIG = {
    "name": "small", "seed": 3,
    "data": {"kind": "spirals", "n_samples": 400},
    "network": {"layers": [{"units": 32, "activation": "relu", "repeat": 2}, {"units": 2}]},
    "train": {"steps": 190, "batch_size": 20, "optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9}},
    "record": {"every": 3, "census": "epoch", "checkpoint_every": 20},
}

TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
DESCRIPTOR = re.compile(r"\d+<((?:[^>\\]|\\.)*)>")

# What happened, and between which lines of the log: `path` is the file that was written, synced, opened or unlinked,
# or that was given the name `target`; `data` what was written, None where it is not known in full.
Event = collections.namedtuple("Event", "kind path target data began ended")


def unescaped(text):
    return ast.literal_eval(f'b"{text}"').decode("utf-8", "surrogateescape")


def whole_calls(lines):
    """(first line, last line, text) of every call that returned: strace splits those that another thread got into."""
    begun = {}
    for number, line in enumerate(lines):
        found = re.match(r"(?:\[pid +)?(\d+)\]? +(.*)", line)
        thread, text = found.groups() if found else ("", line)
        if text.endswith("<unfinished ...>"):
            begun[thread] = (number, text[:-len("<unfinished ...>")].rstrip())
            continue
        rest = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if rest:
            began, start = begun.pop(thread)
            yield began, number, start + rest.group(1)
        elif not text.startswith(("+++", "---")):
            yield number, number, text


def events_of(log, directory):
    """The events of the calls that succeeded, in the order of their ends."""
    for began, ended, text in whole_calls(log.splitlines()):
        found = re.match(r"(\w+)\((.*)\) += (-?\d+|\?)", text)
        if not found:
            raise ValueError(f"cannot read this line of strace: {text}")
        call, arguments, result = found.group(1), found.group(2), found.group(3)
        if result == "?" or int(result) < 0:
            continue
        names = [os.path.normpath(os.path.join(directory, unescaped(text))) for text, _ in TEXT.findall(arguments)]
        descriptor = DESCRIPTOR.match(arguments)
        path = unescaped(descriptor.group(1)) if descriptor else None
        if call in SYNCS:
            yield Event("sync", path, None, None, began, ended)
        elif call in RENAMES:
            yield Event("rename", *names, None, began, ended)
        elif call in UNLINKS:
            yield Event("unlink", names[0], None, None, began, ended)
        elif call in OPENS and "O_TRUNC" in arguments:
            yield Event("write", names[0], None, "", began, ended)
        elif call in WRITES:
            data = TEXT.search(arguments)
            known = call == "write" and data and not data.group(2)
            content = unescaped(data.group(1)) if known else None
            if known and len(content.encode("utf-8", "surrogateescape")) != int(result):
                content = None
            yield Event("write", path, None, content, began, ended)


def last_write(events, path, before):
    return max((event.ended for event in events if event.kind == "write" and event.path == path and
                event.ended < before), default=None)


def is_synced(events, path, after, before):
    return any(event.kind == "sync" and event.path == path and after < event.began and event.ended < before
               for event in events)


def renames_to(events, name):
    return [event for event in events if event.kind == "rename" and os.path.basename(event.target) == name]


def unlinks_of(events, path):
    return [event for event in events if event.kind == "unlink" and event.path == path]


def check_renames(events):
    """Content before name, and name before the next one in the same directory. Returns how many there were."""
    renames = [event for event in events if event.kind == "rename"]
    for at, rename in enumerate(renames):
        written = last_write(events, rename.path, rename.began)
        if written is None:
            raise AssertionError(f"{rename.path} was renamed, and never written")
        if not is_synced(events, rename.path, written, rename.began):
            raise AssertionError(f"{rename.path} was renamed to {rename.target} before its last bytes were synced")
        home = os.path.dirname(rename.target)
        following = [later.began for later in renames[at + 1:] if os.path.dirname(later.target) == home]
        # What was replaced must not go before what replaces it has come.
        following += [event.began for event in events
                      if event.kind == "unlink" and event.began > rename.ended and os.path.dirname(event.path) == home]
        if not is_synced(events, home, rename.ended, min(following, default=float("inf"))):
            raise AssertionError(f"{home} was not synced after {rename.target} got its name")
    return len(renames)


def check_rows(events, rename, files):
    """The rows were on the disk before the document that vouches for them got its name."""
    for file in files:
        written = last_write(events, file, rename.began)
        if written is None:
            raise AssertionError(f"{file} was never written, and {rename.target} vouches for it")
        if not is_synced(events, file, written, rename.began):
            raise AssertionError(f"{file} had bytes that were not synced when {rename.target} got its name")


def check_journal(events, path):
    """Every write is one whole row. Returns how many there were."""
    rows = [event.data for event in events if event.kind == "write" and event.path == path]
    for row in rows:
        if row is None or row.count("\n") != 1 or not row.endswith("\n"):
            raise AssertionError(f"{path} was given something else than one row: {row!r}")
    return len(rows)


class Traced(unittest.TestCase):
    def setUp(self):
        # strace shows where descriptors lead: past symbolic links.
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="reluscope-write-path-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.write("c.json", CONFIG)

    def write(self, name, document):
        pathlib.Path(self.place, name).write_text(json.dumps(document), encoding="utf-8")

    def trace(self, *command):
        log = os.path.join(self.place, "log")
        # A call that this machine does not have is no fault: hence the question mark.
        done = subprocess.run(["strace", "-f", "-y", "-s", "4096", "-o", log, "-e",
                               "trace=" + ",".join("?" + call for call in CALLS), PROGRAM, *command, "-q"],
                              cwd=self.place, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(log, encoding="utf-8", errors="surrogateescape") as file:
            return list(events_of(file.read(), self.place))

    def inside(self, *names):
        return os.path.join(self.place, *names)


class Run(Traced):
    FILES = {"checkpoint.safetensors": (CONFIG["train"]["steps"] - 1) // 20, "manifest.json": 2, "theory.csv": 1, "features.csv": 1,
             "sites.csv": 1, "summary.json": 1, "weights.safetensors": 1}

    def setUp(self):
        super().setUp()
        self.events = self.trace("run", "c.json", "-o", "run", "--save-weights", "--trace", "layers=copy.csv")
        self.rows = [self.inside("run", name) for name in ROWS] + [self.inside("copy.csv")]

    def test_files_that_replace_others_are_on_the_disk_before_they_get_their_names(self):
        for name, times in self.FILES.items():
            self.assertEqual([event.target for event in renames_to(self.events, name)],
                             [self.inside("run", name)] * times)
        self.assertEqual(check_renames(self.events), sum(self.FILES.values()))
        # Beside the rows nothing is written in place: it could be left in part.
        written = {event.path for event in self.events if event.kind == "write" and event.path.startswith(self.place)}
        temporary = {event.path for event in self.events if event.kind == "rename"}
        self.assertEqual(len(temporary), sum(self.FILES.values()))  # no name twice
        self.assertEqual(written, {*self.rows, *temporary})

    def test_rows_are_on_the_disk_before_a_checkpoint_that_counts_them(self):
        checkpoints = renames_to(self.events, "checkpoint.safetensors")
        self.assertEqual(len(checkpoints), self.FILES["checkpoint.safetensors"])
        for checkpoint in checkpoints:
            check_rows(self.events, checkpoint, self.rows)

    def test_rows_are_on_the_disk_before_the_run_is_done_and_its_checkpoint_goes(self):
        done = renames_to(self.events, "manifest.json")[-1]
        (gone,) = unlinks_of(self.events, self.inside("run", "checkpoint.safetensors"))
        self.assertGreater(gone.began, done.ended)
        # From then on nothing could bring lost rows back.
        check_rows(self.events, done, self.rows)


class Sweep(Traced):
    def test_a_sweep_keeps_its_journal_by_rows_until_the_results_are_on_the_disk(self):
        self.write("sweep.json", {"config": "c.json", "seeds": 2, "parameters": {
            "train.optimizer.lr": {"values": [0.05, 0.2]}, "train.steps": {"values": [60]}}})
        events = self.trace("sweep", "sweep.json", "-o", "out", "--runs", "runs", "--jobs", "2")
        runs = os.listdir(self.inside("runs"))
        self.assertEqual(len(runs), 4)
        (definition,) = renames_to(events, "sweep.json")
        self.assertEqual(definition.target, self.inside("out", "sweep.json"))
        (results,) = renames_to(events, "results.csv")
        self.assertEqual(results.target, self.inside("out", "results.csv"))
        for name, times in (("manifest.json", 2), ("theory.csv", 1), ("features.csv", 1), ("sites.csv", 1), ("summary.json", 1)):
            self.assertEqual(sorted(event.target for event in renames_to(events, name)),
                             sorted([self.inside("runs", run, name) for run in runs] * times))
        self.assertEqual(check_renames(events), 2 + 6 * len(runs))
        journal = self.inside("out", "results.part.csv")
        self.assertEqual(check_journal(events, journal), 1 + len(runs))
        (gone,) = unlinks_of(events, journal)
        self.assertGreater(gone.began, results.ended)


def can_trace():
    if not shutil.which("strace"):
        print("strace is missing (Debian: strace)")
        return False
    done = subprocess.run(["strace", "-f", "-y", "-o", os.devnull, "-e", "trace=fsync", "true"], capture_output=True,
                          text=True)
    if done.returncode != 0:
        print(f"strace cannot trace here: {done.stderr.strip()}")
    return done.returncode == 0


if __name__ == "__main__":
    if not can_trace():
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
