#!/usr/bin/env python3
"""What becomes of runs that are stopped, cut off from their readers, out of disk or of their directory.

    test_interruptions.py RELUSCOPE SOURCE_DIR

Most runs here are caught in the middle without a race: their trace goes into a pipe that nobody empties, so they wait
in a write until drain() reads it.
"""

import csv
import fcntl
import json
import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from run_files import RESULTS, ROWS

PROGRAM = os.path.abspath(sys.argv[1])

STEPS, LAYERS = 1500, 3
# Large updates: units die and revive, and events.jsonl has something to lose.
CONFIG = {
    "name": "small", "seed": 3,
    "data": {"kind": "spirals", "n_samples": 400},
    "network": {"layers": [{"units": 32, "activation": "relu", "repeat": 2}, {"units": 2}]},
    "train": {"steps": STEPS, "batch_size": 20, "optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9}},
    "record": {"every": 1, "census": "epoch"},
}
MINUTES_OF_STEPS = 20_000_000  # more than any test waits for
PATIENCE = 1800  # seconds until what waits is said to hang; nothing here takes more than a few on an idle machine
HOME = pathlib.Path()
WHOLE = pathlib.Path()  # the run in one piece that all others are held against


def run(*arguments, **options):
    options = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "timeout": PATIENCE, "cwd": HOME} | options
    return subprocess.run([PROGRAM, *map(str, arguments)], stderr=subprocess.PIPE, text=True, **options)


def setUpModule():
    global HOME, WHOLE
    # Whoever started the tests in the background may have had them ignored, and what is ignored is inherited.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    HOME = pathlib.Path(os.path.realpath(tempfile.mkdtemp(prefix="reluscope-interruptions-")))
    unittest.addModuleCleanup(shutil.rmtree, HOME)
    WHOLE = HOME / "whole"
    (HOME / "c.json").write_text(json.dumps(CONFIG))
    done = run("run", "c.json", "-o", WHOLE, "--save-weights", "-q")
    assert done.returncode == 0, done.stderr


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.005)


def fact_of(process, name, base=10):
    """A number that the kernel knows of a process; 0 where it has ended."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1], base)
    return 0


def is_pending(process, number):
    """Whether the signal waits for a thread of the process to take it."""
    return bool(fact_of(process, "ShdPnd", 16) >> (number - 1) & 1)


def blocked_or_ignored(status, names=("SigBlk", "SigIgn", "SigCgt")):
    """The signals that stand in these lines of a /proc/PID/status."""
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.split(":")[0] in names]
    return {number for mask in masks for number in range(1, 32) if mask >> (number - 1) & 1}


def small_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


def manifest_of(directory):
    return json.loads((directory / "manifest.json").read_text())


def snapshot(directory):
    """Everything in it, with the times of the last changes."""
    paths = [directory, *sorted(directory.rglob("*"))]
    return {path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None) for path in paths}


class PipedRun:
    """A run whose layers.csv goes to a pipe too, caught after its first rows: it cannot end before drain()."""

    def __init__(self, *arguments, before=None):
        reader, writer = small_pipe()
        self.reader = reader
        self.process = subprocess.Popen([PROGRAM, "run", *map(str, arguments), "-q", "--trace", "layers=-"], cwd=HOME,
                                        stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
                                        preexec_fn=before)
        os.close(writer)
        self.text = b""

    def wait_for(self, rows):
        while self.text.count(b"\n") < rows:
            if not self._read():
                raise AssertionError(f"it ended before its time: {self.process.communicate()[1].decode()}")

    def _read(self):
        if not select.select([self.reader], [], [], PATIENCE)[0]:
            raise AssertionError("the run writes nothing any more")
        piece = os.read(self.reader, 4096)
        self.text += piece
        return piece

    def send(self, number):
        self.process.send_signal(number)

    def hang_up(self):
        """The reader goes away."""
        if self.reader is not None:
            os.close(self.reader)
        self.reader = None

    def drain(self):
        """Lets it go on to its end; returns the exit code and stderr."""
        while self._read():
            pass
        return self.end()

    def end(self):
        stderr = self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode, stderr.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.hang_up()


class Case(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(dir=HOME))
        self.addCleanup(shutil.rmtree, self.place)
        self.out = self.place / "run"

    def piped_run(self, *arguments, rows=300, before=None):
        piped = PipedRun(*arguments, before=before)
        self.addCleanup(piped.close)
        piped.wait_for(rows)
        return piped

    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.place, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def interrupted_run(self, *arguments):
        """Leaves an interrupted run in self.out."""
        piped = self.piped_run("c.json", "-o", self.out, *arguments)
        piped.send(signal.SIGINT)
        self.assertEqual(piped.drain(), (-signal.SIGINT, ""))

    def killed_run(self, *arguments):
        """Leaves what SIGKILL leaves of a run in self.out."""
        piped = self.piped_run("c.json", "-o", self.out, *arguments)
        piped.send(signal.SIGKILL)
        self.assertEqual(piped.end(), (-signal.SIGKILL, ""))

    def mount(self, size):
        """A small disk, unmounted at the end."""
        disk = pathlib.Path(tempfile.mkdtemp(dir=self.place, prefix="disk-"))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True)
        if mounted.returncode != 0:
            disk.rmdir()
            self.skipTest(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        return disk

    def remount(self, disk, option):
        subprocess.run(["mount", "-o", f"remount,{option}", disk], check=True)

    def assert_done(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def assert_complains(self, done, *parts, code=1):
        """One line on stderr, with all of that in it."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in parts:
            self.assertIn(str(part), done.stderr)

    def assert_same(self, left, right, names=RESULTS):
        for name in names:
            same = (left / name).read_bytes() == (right / name).read_bytes()
            self.assertTrue(same, f"{left / name} and {right / name} differ")

    def assert_untouched(self, directory, before, but=()):
        """Against an earlier snapshot(); `but` are files that may have changed."""
        now = snapshot(directory)
        changed = [str(path) for path in sorted(before.keys() | now.keys())
                   if path not in but and before.get(path) != now.get(path)]
        self.assertEqual(changed, [])

    def assert_like_whole(self, directory):
        self.assert_same(WHOLE, directory)
        self.assertEqual(sorted(os.listdir(directory)), sorted(os.listdir(WHOLE)))
        self.assertEqual(manifest_of(directory)["status"], "done")

    def assert_resumes(self, directory):
        self.assert_done(run("run", "--resume", directory, "--save-weights", "-q"))
        self.assert_like_whole(directory)

    def assert_beginnings(self, directory, names=ROWS):
        """Rows that are there are those of the run in one piece; only the last may be cut off."""
        for name in names:
            begins = (WHOLE / name).read_bytes().startswith((directory / name).read_bytes())
            self.assertTrue(begins, f"{directory / name} does not begin like that of the run in one piece")


class Signals(Case):
    def test_sigint_and_sigterm_end_a_run_after_its_step_and_it_can_be_resumed(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                directory = self.place / number.name
                piped = self.piped_run("c.json", "-o", directory, "--save-weights")
                piped.send(number)
                self.assertEqual(piped.drain(), (-number, ""))
                self.assertEqual(manifest_of(directory)["status"], "interrupted")
                summary = json.loads((directory / "summary.json").read_text())
                self.assertEqual(summary["status"], "interrupted")
                self.assertLess(summary["steps"], STEPS)
                self.assertTrue(piped.text == (directory / "layers.csv").read_bytes(), "the pipe got other rows")
                with open(directory / "steps.csv", encoding="utf-8") as file:
                    self.assertEqual([int(row["step"]) for row in csv.DictReader(file)], list(range(summary["steps"])))
                self.assertEqual(piped.text.count(b"\n"), 1 + LAYERS * summary["steps"])
                self.assert_beginnings(directory, ["steps.csv", "layers.csv", "census.csv", "events.jsonl"])
                self.assertTrue((directory / "checkpoint.safetensors").exists())
                self.assert_resumes(directory)
                self.assertEqual(manifest_of(directory)["resumed_at_steps"], [summary["steps"]])

    def test_a_run_can_be_interrupted_again_when_it_goes_on(self):
        self.interrupted_run()
        piped = self.piped_run("--resume", self.out)
        piped.send(signal.SIGTERM)
        self.assertEqual(piped.drain(), (-signal.SIGTERM, ""))
        self.assert_resumes(self.out)
        self.assertEqual(len(manifest_of(self.out)["resumed_at_steps"]), 2)

    def test_a_second_signal_quits_at_once(self):
        for first, second in ((signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM),
                              (signal.SIGTERM, signal.SIGINT)):
            with self.subTest(f"{first.name}, {second.name}"):
                directory = self.place / f"{first.name}-{second.name}"
                # Nobody empties the pipe: the step that the first signal waits for will never end.
                piped = self.piped_run("c.json", "-o", directory)
                piped.send(first)
                wait_until(lambda: not is_pending(piped.process, first), "the first signal has been noticed")
                self.assertIsNone(piped.process.poll())
                piped.send(second)
                self.assertEqual(piped.end(), (-second, ""))
                self.assertEqual(manifest_of(directory)["status"], "running")
                self.assertFalse((directory / "checkpoint.safetensors").exists())
                self.assertFalse((directory / "summary.json").exists())
                self.assert_resumes(directory)

    def test_a_signal_that_was_ignored_at_the_start_stays_so(self):
        for number, other in ((signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
            with self.subTest(number):
                directory = self.place / number.name
                piped = self.piped_run("c.json", "-o", directory, before=lambda: signal.signal(number, signal.SIG_IGN))
                piped.send(number)
                piped.wait_for(1000)  # it goes on
                piped.send(other)
                self.assertEqual(piped.drain(), (-other, ""))
                self.assertEqual(manifest_of(directory)["status"], "interrupted")
                self.assert_resumes(directory)

    def test_no_thread_runs_a_handler(self):
        """It would run on the stack of what it interrupts: for a library's generated code that may be the heap."""
        both = {signal.SIGINT, signal.SIGTERM}
        piped = self.piped_run("c.json", "-o", self.out, "--threads", "2")
        threads = [(thread / "status").read_text() for thread in
                   pathlib.Path(f"/proc/{piped.process.pid}/task").iterdir()]
        for status in threads:
            self.assertFalse(both & blocked_or_ignored(status, ["SigCgt"]), status)
        # The kernel shows them as not blocked in the one that waits for them.
        self.assertEqual(sum(both <= blocked_or_ignored(status, ["SigBlk"]) for status in threads), len(threads) - 1)

    def test_commands_without_a_loop_die_of_the_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("theory", HOME / "c.json", "--sample", "10000000", "-q")
            wait_until(lambda: fact_of(process, "Threads") >= 1 and process.poll() is None, "it has begun")
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, -number)

    def test_a_file_beyond_its_limit_is_an_error_with_a_message_and_the_run_goes_on_without_it(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        failed = run("run", "c.json", "-o", self.out, "--save-weights", "-q", preexec_fn=limit)
        self.assertEqual(failed.returncode, 1, failed.stderr)
        self.assertIn("layers.csv': File too large", failed.stderr)
        self.assertEqual(manifest_of(self.out)["status"], "failed")
        self.assert_resumes(self.out)

    def test_a_child_gets_the_signals_as_they_were(self):
        said = self.place / "status"
        fake = self.place / "bin" / "gnuplot"
        fake.parent.mkdir()
        fake.write_text(f'#!/bin/sh\ncat /proc/self/status >"{said}"\nexec {shutil.which("gnuplot")} "$@"\n')
        fake.chmod(0o755)
        path = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
        self.assert_done(run("report", WHOLE, "-o", self.place / "page.html", "-q", env=os.environ | path))
        changed = {signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ}
        self.assertEqual(changed & blocked_or_ignored(said.read_text()), set())

    def interrupted_sweep(self, number):
        """A directory with an interrupted sweep and its definition; longer runs where it ended too early."""
        steps = 2000
        for attempt in range(6):
            place = self.place / f"{number.name}-{attempt}"
            place.mkdir()
            (place / "base.json").write_text(json.dumps(CONFIG | {"record": {"every": 10}}))
            (place / "sweep.json").write_text(json.dumps(
                {"config": "base.json", "seeds": 4, "parameters": {
                    "train.optimizer.lr": {"values": [0.05, 0.2]}, "train.steps": {"values": [steps]}}}))
            process = self.start("sweep", place / "sweep.json", "-o", place / "parts", "--runs",
                                 place / "parts" / "runs", "--jobs", "2", "-q")
            journal = place / "parts" / "results.part.csv"
            wait_until(lambda: process.poll() is not None or
                       (journal.exists() and journal.read_bytes().count(b"\n") > 2), "there are two results")
            process.send_signal(number)
            said = process.communicate(timeout=PATIENCE)
            self.assertEqual(said, ("", ""))
            if process.returncode != 0:
                self.assertEqual(process.returncode, -number)
                return place, journal
            steps *= 3
        self.fail("the sweep was over before it could be interrupted")

    def test_an_interrupted_sweep_goes_on_to_the_same_bytes(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                place, journal = self.interrupted_sweep(number)
                lines = journal.read_bytes().splitlines(keepends=True)
                self.assertTrue(3 <= len(lines) < 9, f"{len(lines)} lines")
                self.assertTrue(all(line.endswith(b"\n") for line in lines))
                self.assertFalse((place / "parts" / "results.csv").exists())
                for directory in (place / "parts", place / "whole"):
                    self.assert_done(run("sweep", place / "sweep.json", "-o", directory, "--runs", directory / "runs",
                                         "--jobs", "2", "-q"))
                self.assert_same(place / "whole", place / "parts", ["results.csv", "sweep.json"])
                self.assertFalse(journal.exists())
                kept = sorted(os.listdir(place / "whole" / "runs"))
                self.assertEqual(kept, sorted(os.listdir(place / "parts" / "runs")))
                for name in kept:
                    self.assert_same(place / "whole" / "runs" / name, place / "parts" / "runs" / name, RESULTS[:-1])

    def test_commands_that_run_many_die_of_the_signal_and_write_no_result(self):
        (self.place / "sweep.json").write_text(json.dumps(
            {"config": "../c.json", "seeds": 2, "parameters": {"train.steps": {"values": [MINUTES_OF_STEPS]}}}))
        config, endless = HOME / "c.json", f"train.steps={MINUTES_OF_STEPS}"
        for command in (["compare", config, endless, "--vary", "train.optimizer.lr=0.1,0.2", "-j", "2"],
                        ["compare", config, endless, "--vary", "train.optimizer.lr=0.1,0.2", "-j", "2", "-o", "-"],
                        ["prescribe", config, endless, "-j", "2", "--write", "cured.json"],
                        ["sweep", "sweep.json", "-j", "2"]):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(f"{command[0]} {number.name}"):
                    process = self.start(*command, "-q")
                    wait_until(lambda: fact_of(process, "Threads") >= 3, "its runs have begun")
                    process.send_signal(number)
                    said = process.communicate(timeout=PATIENCE)
                    self.assertEqual((process.returncode, *said), (-number, "", ""))
                    for name in ("compare.csv", "compare.part.csv", "cured.json", "sweeps/sweep/results.csv"):
                        self.assertFalse((self.place / name).exists(), name)


class Readers(Case):
    def test_a_reader_that_goes_away_ends_a_run_quietly_and_it_can_be_resumed(self):
        piped = self.piped_run("c.json", "-o", self.out, rows=1)
        piped.hang_up()
        self.assertEqual(piped.end(), (0, ""))
        self.assertEqual(manifest_of(self.out)["status"], "interrupted")
        self.assert_resumes(self.out)

    def output_gone(self, *command, after=0):
        """Whose reader goes away after so many bytes."""
        reader, writer = small_pipe()
        if after == 0:
            os.close(reader)
        process = subprocess.Popen([PROGRAM, *map(str, command)], cwd=HOME, stdin=subprocess.DEVNULL, stdout=writer,
                                   stderr=subprocess.PIPE, text=True)
        os.close(writer)
        if after > 0:
            os.read(reader, after)
            os.close(reader)
        stderr = process.communicate(timeout=PATIENCE)[1]
        return subprocess.CompletedProcess(command, process.returncode, "", stderr)

    def test_a_pipe_without_a_reader_from_the_start_is_no_fault(self):
        self.assert_done(self.output_gone("run", "c.json", "-o", self.out, "--trace", "layers=-", "-q"))
        self.assertEqual(manifest_of(self.out)["status"], "interrupted")
        self.assert_resumes(self.out)
        # The summary comes after the run: that is done all the same.
        directory = self.place / "json"
        self.assert_done(self.output_gone("run", "c.json", "-o", directory, "--save-weights", "--json", "-q"))
        self.assert_like_whole(directory)

    def test_documents_and_tables_end_quietly_where_nobody_reads_on(self):
        compare = ["compare", "c.json", "train.steps=20", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2", "-q"]
        for command in (["schema"], ["curves"], ["--help"], ["run", "--help"], ["completion", "bash"], ["init", "-"],
                        ["theory", "c.json", "-q"], ["run", "c.json", "--print-config"], ["validate", "c.json"],
                        ["diagnose", WHOLE], ["diagnose", WHOLE, "--json"], ["watch", WHOLE],
                        [*compare, "-o", "-"], [*compare, "-o", self.place / "compare.csv", "--json"]):
            for after in (0, 1):
                with self.subTest(f"{command} closed after {after}"):
                    self.assert_done(self.output_gone(*command, after=after))

    def closed(self, redirections, *command):
        return subprocess.run(["sh", "-c", f'exec "$@" {redirections}', "sh", PROGRAM, *map(str, command)], cwd=HOME,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)

    def test_what_is_said_to_closed_streams_lands_in_no_file(self):
        for number, redirections in enumerate(("<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")):
            with self.subTest(redirections):
                directory = self.place / str(number)
                trace = self.place / f"{number}.csv"
                # With all its messages: these must not find their way.
                done = self.closed(redirections, "run", "c.json", "-o", directory, "--save-weights", "--trace",
                                   f"steps={trace}")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_like_whole(directory)
                self.assertTrue(trace.read_bytes() == (WHOLE / "steps.csv").read_bytes(), "other rows in the trace")
        vary = ["c.json", "train.steps=50", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2"]
        for redirections, name in (("", "open"), ("<&- >&- 2>&-", "closed")):
            done = self.closed(redirections, "compare", *vary, "-o", self.place / f"{name}.csv")
            self.assertEqual(done.returncode, 0, done.stderr)
            if shutil.which("gnuplot"):
                done = self.closed(redirections, "report", WHOLE, "-o", self.place / f"{name}.html")
                self.assertEqual(done.returncode, 0, done.stderr)
        for kind in ("csv", "html") if shutil.which("gnuplot") else ("csv",):
            same = (self.place / f"open.{kind}").read_bytes() == (self.place / f"closed.{kind}").read_bytes()
            self.assertTrue(same, f"another {kind} where the streams are closed")

    def test_a_trace_to_a_standard_output_that_is_closed_harms_nothing(self):
        for number, wish in enumerate((["--trace", "layers=-"], ["--json"])):
            with self.subTest(wish):
                directory = self.place / str(number)
                self.assert_done(self.closed(">&-", "run", "c.json", "-o", directory, "--save-weights", *wish, "-q"))
                self.assert_like_whole(directory)


class FullDisk(Case):
    FULL = "No space left on device"

    def assert_fails_and_goes_on(self, disk, *arguments):
        directory = disk / "run"
        done = run("run", "c.json", "-o", directory, "--save-weights", "-q", *arguments)
        self.assert_complains(done, f"'{directory}/", self.FULL)
        self.assertIn(manifest_of(directory)["status"], ("running", "failed"))
        self.assertEqual([name for name in os.listdir(directory) if name.endswith(".tmp")], [])
        self.assert_beginnings(directory)
        checkpoint = directory / "checkpoint.safetensors"
        from_checkpoint = checkpoint.exists()
        if from_checkpoint:
            content = checkpoint.read_bytes()
            header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            self.assertEqual(8 + int.from_bytes(content[:8], "little") + max(ends), len(content))
        self.remount(disk, "size=16m")
        self.assert_resumes(directory)
        self.assertEqual(len(manifest_of(directory)["resumed_at_steps"]), 1 if from_checkpoint else 0)
        return from_checkpoint

    def test_a_run_that_fills_the_disk_says_so_and_goes_on_when_there_is_room(self):
        for size, cadence in (("64k", "off"), ("400k", "off"), ("64k", 100), ("256k", 100), ("512k", 250)):
            with self.subTest(f"{size}, {cadence}"):
                had = self.assert_fails_and_goes_on(self.mount(size), f"record.checkpoint_every={cadence}")
                self.assertEqual(had, cadence != "off" and size != "64k")

    def test_a_disk_that_is_full_at_the_very_end_is_no_end(self):
        page = os.sysconf("SC_PAGE_SIZE")
        pages = sum(-(-path.stat().st_size // page) for path in WHOLE.iterdir())
        # The manifest is written beside the old one: room for all files alone is not enough.
        for missing in range(4):
            with self.subTest(f"{missing} pages less"):
                self.assert_fails_and_goes_on(self.mount((pages - missing) * page), "record.checkpoint_every=off")

    def sweep(self, runs=40):
        (self.place / "base.json").write_text(json.dumps(CONFIG | {"record": {"every": 10}}))
        (self.place / "sweep.json").write_text(json.dumps(
            {"config": "base.json", "seeds": runs // 2, "parameters": {
                "train.steps": {"values": [100]}, "train.optimizer.lr": {"values": [0.05, 0.2]}}}))
        self.assert_done(run("sweep", self.place / "sweep.json", "-o", self.place / "swept", "-j", "1", "-q"))
        return self.place / "sweep.json"

    def test_a_sweep_that_fills_the_disk_says_so_and_goes_on_when_there_is_room(self):
        sweep = self.sweep()
        page = os.sysconf("SC_PAGE_SIZE")
        # Room for sweep.json and a page of results; then for the journal, whose rows have checksums, but not for a copy.
        results = (self.place / "swept" / "results.csv").read_bytes()
        rows = -(-(len(results) + 40 * len(results.splitlines())) // page)
        for pages, name in ((2, "results.part.csv"), (rows + 1, "results.csv")):
            with self.subTest(name):
                disk = self.mount(pages * page)
                command = ["sweep", sweep, "-o", disk / "sweep", "-j", "1", "-q"]
                self.assert_complains(run(*command), disk / "sweep" / name, self.FULL)
                journal = (disk / "sweep" / "results.part.csv").read_bytes()
                whole = journal[:journal.rindex(b"\n")].splitlines()[1:]
                self.assertEqual([row.rpartition(b",")[0] for row in whole], results.splitlines()[1:len(whole) + 1])
                self.remount(disk, "size=16m")
                self.assert_done(run(*command))
                self.assert_same(self.place / "swept", disk / "sweep", ["results.csv"])

    def test_no_room_for_the_traces_of_a_sweep_is_no_result_of_its_runs(self):
        sweep = self.sweep(runs=4)
        disk = self.mount("64k")
        command = ["sweep", sweep, "-o", self.place / "again", "--runs", disk / "runs", "-j", "1", "-q"]
        self.assert_complains(run(*command), disk, self.FULL)
        self.remount(disk, "size=16m")
        self.assert_done(run(*command))
        self.assert_same(self.place / "swept", self.place / "again", ["results.csv"])

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full")
    def test_output_that_cannot_be_written_is_a_failure(self):
        compare = ["compare", "c.json", "train.steps=20", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2", "-q"]
        commands = [["schema"], ["curves"], ["validate", "c.json"], ["--help"], ["run", "--help"], ["--version"],
                    ["completion", "bash"], ["init", "-"], ["theory", "c.json", "-q"], ["diagnose", WHOLE],
                    ["run", "c.json", "--print-config"], ["watch", WHOLE], [*compare, "-o", "-"],
                    [*compare, "-o", self.place / "compare.csv", "--json"],
                    ["run", "c.json", "-o", self.place / "json", "--json", "-q"],
                    ["run", "c.json", "-o", self.place / "trace", "--trace", "layers=-", "-q"]]
        with open("/dev/full", "w", encoding="utf-8") as full:
            for command in commands:
                with self.subTest(command):
                    self.assert_complains(run(*command, stdout=full), "standard output", self.FULL)
            # The table of a run, which comes with messages before it.
            done = run("run", "c.json", "-o", self.place / "table", stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertIn(self.FULL, done.stderr.splitlines()[-1])
        files = [["run", "c.json", "-o", self.out, "--trace", "layers=/dev/full", "-q"], [*compare, "-o", "/dev/full"]]
        if shutil.which("gnuplot"):
            files.append(["report", WHOLE, "-o", "/dev/full", "-q"])
        for command in files:
            with self.subTest(command):
                self.assert_complains(run(*command), "/dev/full", self.FULL)
        self.assertEqual(manifest_of(self.out)["status"], "failed")
        self.assert_resumes(self.out)


class Directories(Case):
    def test_a_directory_that_cannot_be_written_is_refused_and_can_still_be_read(self):
        disk = self.mount("16m")
        self.interrupted_run()
        shutil.copytree(self.out, disk / "interrupted")
        shutil.copytree(WHOLE, disk / "done")
        (disk / "empty").mkdir()
        self.remount(disk, "ro")
        before = snapshot(disk)
        compare = ["compare", "c.json", "train.steps=20", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2"]
        for command in (["run", "c.json", "-o", disk / "new"], ["run", "c.json", "-o", disk / "empty"],
                        ["run", "c.json", "-o", disk / "done", "--force"], ["run", "--resume", disk / "interrupted"],
                        ["run", "c.json", "-o", self.place / "new", "--trace", f"steps={disk / 'steps.csv'}"],
                        [*compare, "-o", disk / "compare.csv"], ["export", disk / "done", "--to", "tensorboard"]):
            with self.subTest(command):
                self.assert_complains(run(*command, "-q"), disk, "Read-only file system")
        self.assertFalse((self.place / "new").exists())
        self.assert_complains(run("run", "c.json", "-o", disk / "done", "-q"), disk / "done", "--force")
        for name, status in (("interrupted", "interrupted"), ("done", "done")):
            self.assert_done(run("diagnose", disk / name, "-q"))
            watched = run("watch", disk / name)
            self.assert_done(watched)
            self.assertTrue(watched.stdout.startswith(status), watched.stdout)
        self.assert_untouched(disk, before)

    def test_a_file_where_a_directory_should_be_is_refused_and_stays(self):
        file = self.place / "file"
        file.write_text("precious\n")
        (self.place / "sweep.json").write_text(json.dumps(
            {"config": "../c.json", "parameters": {"train.optimizer.lr": {"values": [0.1]}}}))
        compare = ["compare", "c.json", "train.steps=20", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2"]
        for command in (["run", "c.json", "-o", file], ["run", "c.json", "-o", file, "--force"],
                        ["run", "c.json", "-o", file / "in" / "it"], ["run", "--resume", file],
                        ["run", "c.json", "-o", self.out, "--trace", f"layers={file / 'layers.csv'}"],
                        ["sweep", self.place / "sweep.json", "-o", file],
                        ["sweep", self.place / "sweep.json", "-o", self.place / "sweep", "--runs", file / "runs"],
                        [*compare, "-o", file / "compare.csv"],
                        [*compare, "-o", self.place / "compare.csv", "--runs", file / "runs"]):
            with self.subTest(command):
                self.assert_complains(run(*command, "-q"), file)
        self.assertEqual(file.read_text(), "precious\n")
        self.assertFalse(self.out.exists())
        self.assertFalse((self.place / "sweep" / "results.csv").exists())

    def test_a_run_whose_directory_vanishes_fails_and_names_it(self):
        for cadence in ("off", 100):
            with self.subTest(cadence):
                directory = self.place / str(cadence)
                piped = self.piped_run("c.json", "-o", directory, f"record.checkpoint_every={cadence}")
                shutil.rmtree(directory)
                code, said = piped.drain()
                self.assertEqual(code, 1, said)
                self.assertIn(str(directory), said)
                self.assertEqual(len(said.splitlines()), 1, said)

    def test_a_run_leaves_alone_what_has_taken_the_place_of_its_directory(self):
        piped = self.piped_run("c.json", "-o", self.out, "record.checkpoint_every=off")
        shutil.rmtree(self.out)
        self.out.mkdir()
        (self.out / "precious").write_text("precious\n")
        code, said = piped.drain()
        self.assertTrue((self.out / "precious").exists(), "it removed a file that was not its own")
        self.assertEqual(code, 1, said)

    def test_a_run_in_progress_is_not_disturbed_by_another(self):
        piped = self.piped_run("c.json", "-o", self.out, "--save-weights")
        before = snapshot(self.out)
        # The manifest has been there since before the first row: it is a run, or one that somebody writes.
        self.assert_complains(run("run", "c.json", "-o", self.out, "-q"), self.out, "--force")
        for command in (["run", "c.json", "-o", self.out, "--force"], ["run", "--resume", self.out],
                        ["run", "c.json", "seed=4", "-o", self.out, "--force"],
                        ["run", "c.json", "--resume", self.out]):
            with self.subTest(command):
                self.assert_complains(run(*command, "-q"), self.out, "another process")
        # It may write on itself, as far as the pipe lets it.
        self.assert_untouched(self.out, before, but={self.out / name for name in ROWS})
        self.assertEqual(piped.drain(), (0, ""))
        self.assert_like_whole(self.out)

    def test_a_sweep_in_progress_is_not_disturbed_by_another(self):
        (self.place / "sweep.json").write_text(json.dumps(
            {"config": "../c.json", "parameters": {"train.steps": {"values": [MINUTES_OF_STEPS]}}}))
        first = self.start("sweep", "sweep.json", "-o", "sweep", "-j", "1", "-q")
        journal = self.place / "sweep" / "results.part.csv"
        wait_until(lambda: journal.exists() and journal.stat().st_size > 0, "the sweep has begun")
        before = snapshot(self.place / "sweep")
        self.assert_complains(run("sweep", "sweep.json", "-o", "sweep", "-q", cwd=self.place), "another process")
        self.assert_untouched(self.place / "sweep", before)
        self.assertIsNone(first.poll())

    def test_results_are_not_touched_without_force(self):
        self.interrupted_run()
        stopped = self.out.rename(self.place / "stopped")
        shutil.copytree(WHOLE, self.out)
        (self.place / "sweep.json").write_text(json.dumps(
            {"config": "../c.json", "parameters": {"train.steps": {"values": [20]}}}))
        (self.place / "other.json").write_text(json.dumps(
            {"config": "../c.json", "parameters": {"train.steps": {"values": [30]}}}))
        sweep = ["sweep", self.place / "sweep.json", "-o", self.place / "sweep"]
        self.assert_done(run(*sweep, "-q"))
        before = snapshot(self.place)
        for code, command in (
                (1, ["run", "c.json", "-o", self.out]),
                (1, ["run", "c.json", "seed=4", "-o", self.out, "--trace", f"layers={self.out / 'layers.csv'}"]),
                (1, ["run", "c.json", "-o", stopped]),
                (0, ["run", "--resume", self.out]),
                (0, ["run", "c.json", "--resume", self.out]),
                (2, ["run", "c.json", "seed=4", "--resume", self.out]),
                (2, ["run", "c.json", "seed=4", "--resume", stopped]),
                (2, ["run", "--resume", stopped, "--census", "brute"]),
                (2, ["run", "--resume", stopped, "--force"]),
                (2, ["run", "c.json", "no.such=key", "-o", self.out, "--force"]),
                (1, ["sweep", self.place / "other.json", "-o", self.place / "sweep"]),
                (0, sweep),
                (2, ["init", self.place / "sweep.json"])):
            with self.subTest(command):
                done = run(*command, "-q")
                self.assertEqual(done.returncode, code, done.stderr)
                self.assert_untouched(self.place, before)

    def test_a_trace_by_the_name_of_a_table_of_the_run_does_not_spoil_it(self):
        self.interrupted_run()
        done = run("run", "--resume", self.out, "--save-weights", "-q", "--trace", f"steps={self.out / 'steps.csv'}")
        self.assertIn(done.returncode, (0, 2), done.stderr)
        # Refused or not: nothing is lost, and nothing is there twice.
        self.assert_resumes(self.out)


class Leftovers(Case):
    def read_with_everything(self, directory, codes=(0,)):
        """diagnose, report and watch: none crashes, and what fails says why."""
        commands = [["diagnose", directory], ["diagnose", directory, "--json"]]
        if shutil.which("gnuplot"):
            commands.append(["report", directory, "-o", self.place / "report.html"])
        for command in commands:
            with self.subTest(command):
                done = run(*command, "-q")
                self.assertIn(done.returncode, codes, done.stderr)
                self.assertEqual(done.returncode == 0, done.stderr == "", done.stderr)
        # Nobody writes it any more: there is nothing to wait for.
        done = run("watch", directory, "--every", "0.05", "-q")
        self.assertIn(done.returncode, codes, done.stderr)
        self.assertEqual(done.returncode == 0, done.stderr == "", done.stderr)

    def test_an_interrupted_run_can_be_diagnosed_reported_and_watched(self):
        self.interrupted_run()
        self.read_with_everything(self.out)
        watched = run("watch", self.out)
        self.assert_done(watched)
        self.assertTrue(watched.stdout.startswith("interrupted, step "), watched.stdout)

    def test_a_killed_run_can_be_diagnosed_reported_and_watched(self):
        for cadence in ("off", 30):
            with self.subTest(cadence):
                shutil.rmtree(self.out, ignore_errors=True)
                self.killed_run(f"record.checkpoint_every={cadence}")
                self.read_with_everything(self.out)
                self.assert_resumes(self.out)

    def test_rows_cut_off_in_the_middle_crash_nothing(self):
        self.killed_run("record.checkpoint_every=30")
        for name in ROWS:
            with self.subTest(name):
                torn = self.place / f"torn-{name}"
                shutil.copytree(self.out, torn)
                os.truncate(torn / name, (torn / name).stat().st_size - 7)
                self.read_with_everything(torn, codes=(0, 2))

    def test_a_run_that_was_killed_before_its_first_row_crashes_nothing_and_can_begin_again(self):
        self.killed_run("record.checkpoint_every=off")
        # In the order in which they come to be.
        kinds = {"lock": [".lock"], "manifest-in-part": [".lock", ".reluscope-1-1.tmp"],
                 "manifest": [".lock", "manifest.json"], "empty-tables": [".lock", "manifest.json", *ROWS]}
        for kind, names in kinds.items():
            with self.subTest(kind):
                directory = self.place / kind
                directory.mkdir()
                for name in names:
                    (directory / name).touch()
                if "manifest.json" in names:
                    shutil.copy(self.out / "manifest.json", directory)
                self.read_with_everything(directory, codes=(0, 2))
                done = run("run", HOME / "c.json", "record.checkpoint_every=off", "--resume", directory,
                           "--save-weights", "-q")
                self.assert_done(done)
                self.assert_like_whole(directory)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
