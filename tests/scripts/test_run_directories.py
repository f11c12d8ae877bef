#!/usr/bin/env python3
"""Run directories that come from strangers, that many processes write at once, and whose processes are killed.

    test_run_directories.py RELUSCOPE SOURCE_DIR [--trials N] [--every] [--sanitized] [CLASS[.METHOD] ...]

--trials: how often the same command is started several times at one instant [3]. --every: a resume is killed at every
one of its system calls, and every link is tried, not some. --sanitized: the program looks for leaks in the way in which strace looks at
system calls, so nothing is killed.
"""

import collections
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

from run_files import RESULTS, ROWS

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
OPTIONS = sys.argv[3:]
EVERY = "--every" in OPTIONS
SANITIZED = "--sanitized" in OPTIONS
TRIALS = int(OPTIONS[OPTIONS.index("--trials") + 1]) if "--trials" in OPTIONS else 3
SAMPLE = 4  # kills tried of each kind of resume, beside those between names that come and go, unless --every

RUN_FILES = [*RESULTS, "manifest.json", "checkpoint.safetensors", ".lock"]
CONFIG = {
    "name": "small", "seed": 3,
    "data": {"kind": "csv", "file": "data.csv"},
    "network": {"layers": [{"units": 8, "activation": "relu", "repeat": 2}, {"units": 2}]},
    "train": {"steps": 60, "batch_size": 8, "optimizer": {"name": "sgd", "lr": 0.3, "momentum": 0.9}},
    "record": {"every": 1, "census": 5, "checkpoint_every": 20},
}
SWEEP = {"config": "c.json", "seeds": 2, "parameters": {"train.optimizer.lr": {"values": [0.05, 0.1, 0.2, 0.4]}}}
COMPARE = ["compare", "c.json", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2", "-q"]
EVENTS = "events.out.tfevents.0000000000.reluscope"
HOME = pathlib.Path()  # has the inputs, and results in one piece: whole, stopped, killed, swept, shards


def run(*arguments, **options):
    options = {"stdin": subprocess.DEVNULL, "cwd": HOME, "timeout": 600} | options
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, **options)


def must(*arguments, **options):
    done = run(*arguments, **options)
    assert done.returncode == 0, (arguments, done)
    return done


def setUpModule():
    global HOME
    HOME = pathlib.Path(os.path.realpath(tempfile.mkdtemp(prefix="reluscope-directories-")))
    unittest.addModuleCleanup(shutil.rmtree, HOME)
    (HOME / "data.csv").write_text("".join(f"{(7 * row) % 11 - 5},{(5 * row) % 13 - 6},{row % 2}\n" for row in range(48)))
    (HOME / "c.json").write_text(json.dumps(CONFIG))
    (HOME / "sweep-of-lr.json").write_text(json.dumps(SWEEP))
    must("run", "c.json", "-o", "whole", "--save-weights", "-q")
    must("sweep", "sweep-of-lr.json", "-o", "swept", "-q")
    for shard in range(1, 5):
        must("sweep", "sweep-of-lr.json", "-o", "shards", "--shard", f"{shard}/4", "-q")
    # A reader that goes away stops a run at once: as ^C does, and without a race.
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        subprocess.run([PROGRAM, "run", "c.json", "-o", "stopped", "--save-weights", "-q", "--trace", "layers=-"],
                       cwd=HOME, stdin=subprocess.DEVNULL, stdout=gone, check=True)
    assert (HOME / "stopped" / "checkpoint.safetensors").exists()
    # What SIGKILL leaves before the first checkpoint.
    shutil.copytree(HOME / "stopped", HOME / "killed")
    for name in ("checkpoint.safetensors", "summary.json"):
        (HOME / "killed" / name).unlink()
    manifest = json.loads((HOME / "killed" / "manifest.json").read_text())
    (HOME / "killed" / "manifest.json").write_text(json.dumps(manifest | {"status": "running"}))


def tree(directory):
    """What is in it: kind and content of everything, links not followed."""
    def content(path):
        if path.is_symlink():
            return os.readlink(path)
        return path.read_bytes() if path.is_file() else stat.S_IFMT(path.stat().st_mode)

    return {str(path.relative_to(directory)): content(path) for path in sorted(directory.rglob("*"))}


def leftovers(directory):
    return [str(path) for path in directory.rglob("*") if path.name.endswith(".tmp")]


class Case(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(dir=HOME))
        self.addCleanup(shutil.rmtree, self.place)

    def copy(self, name, to=None):
        target = self.place / (to or name)
        shutil.copytree(HOME / name, target, symlinks=True)
        return target

    def assert_one_message(self, done, codes=(1, 2)):
        self.assertIn(done.returncode, codes, done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done)

    def assert_unchanged(self, directory, before):
        now = tree(directory)
        self.assertEqual([name for name in sorted(now.keys() | before.keys()) if now.get(name) != before.get(name)], [])

    def assert_same_run(self, directory, wholes=("whole",)):
        for whole in wholes:
            if all((directory / name).read_bytes() == (HOME / whole / name).read_bytes() for name in RESULTS):
                break
        else:
            self.fail(f"{directory} has other bytes than {wholes}")
        self.assertEqual(sorted(os.listdir(directory)), sorted([*RESULTS, "manifest.json", ".lock"]))
        self.assertEqual(json.loads((directory / "manifest.json").read_text())["status"], "done")


class Links(Case):
    """A stranger's directory: whatever links it has, nothing beside it changes."""

    def setUp(self):
        super().setUp()
        self.outside = self.place / "outside"
        (self.outside / "directory").mkdir(parents=True)
        (self.outside / "file").write_text("precious\n")
        os.mkfifo(self.outside / "pipe")
        self.before = tree(self.outside)
        self.attacks = 0

    def tearDown(self):
        self.assertGreater(self.attacks, 0)

    # What is there, what would be planted, in a directory too.
    TARGETS = ["file", "planted", "directory/planted", "directory"]

    def attack(self, build, names, *command, check=lambda name, directory, done: None, targets=(*TARGETS, "pipe")):
        """With each of the names a link that leads out of the directory which `build` makes; to all targets with --every,
        else to two in turn."""
        pairs = list(itertools.product(names, targets)) if EVERY else [
            (name, targets[(number + more) % len(targets)]) for number, name in enumerate(names) for more in (0, 2)]
        for name, target in pairs:
            with self.subTest(command=command[0], name=name, target=target):
                directory = build()
                link = directory / name
                link.parent.mkdir(parents=True, exist_ok=True)
                if link.is_dir() and not link.is_symlink():
                    shutil.rmtree(link)
                link.unlink(missing_ok=True)
                link.symlink_to(os.path.relpath(self.outside / target, link.parent))
                done = run(*command, cwd=HOME)
                self.attacks += 1
                self.assert_unchanged(self.outside, self.before)
                if done.returncode != 0:
                    self.assert_one_message(done)
                self.assertEqual(leftovers(self.place), [])
                check(name, directory, done)

    def built(self, name, to="run"):
        def build():
            shutil.rmtree(self.place / to, ignore_errors=True)
            return self.copy(name, to)
        return build

    def empty(self):
        shutil.rmtree(self.place / "run", ignore_errors=True)
        (self.place / "run").mkdir()
        return self.place / "run"

    def expect(self, refused, then=lambda name, directory: None):
        """A check that those names are refused by a message that says why, and the others are no hindrance."""
        def check(name, directory, done):
            self.assertEqual(done.returncode, 1 if name in refused else 0, done)
            if done.returncode == 0:
                then(name, directory)
            else:
                self.assertIn(f"{name}' is a symbolic link", done.stderr)
        return check

    def expect_replaced(self, name, directory):
        self.assertFalse((directory / name).is_symlink())

    def test_a_run_replaces_links_and_follows_none(self):
        def already(name, directory, done):
            # A link by the name of a run's file is one.
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(name, done.stderr)

        command = ["run", "c.json", "-o", self.place / "run", "--save-weights", "-q"]
        self.attack(self.empty, RUN_FILES, *command, check=already)
        self.attack(self.empty, RUN_FILES, *command, "--force",
                    check=self.expect([".lock"], lambda name, directory: self.assert_same_run(directory)))

    def test_a_run_that_goes_on_follows_no_links(self):
        command = ["run", "--resume", self.place / "run", "-q"]
        # What is read first may be refused, or taken as it was left: what matters is that nothing goes through the link.
        read = ["manifest.json", "checkpoint.safetensors", "summary.json", "theory.csv", "features.csv", "sites.csv"]
        names = [name for name in (*RESULTS, ".lock") if name not in read]
        self.attack(self.built("stopped"), names, *command, check=self.expect([*ROWS, ".lock"]))
        self.attack(self.built("killed"), names, *command,
                    check=self.expect([".lock"], lambda name, directory: self.assert_same_run(directory)))
        for start in ("stopped", "killed"):
            self.attack(self.built(start), read, *command)

    def test_prune_and_export_stay_inside_the_run(self):
        out = self.place / "run"
        for command, home, files in (("prune", "pruned", ["weights.safetensors", "network.json"]),
                                     ("export", "tensorboard", [EVENTS])):
            for given in ([], ["-o", out / home], ["-o", f"{out}/../run/{home}"]):
                self.attack(self.built("whole"), [home], command, out, *given, "-q", check=self.expect([home]))
            self.attack(self.built("whole"), [f"{home}/{file}" for file in files], command, out, "-q",
                        check=self.expect([], self.expect_replaced))

    def test_a_census_stays_inside_the_run_and_its_own_directory(self):
        def counted():
            whole = self.built("whole")()
            must("census", whole, "-o", whole / "seen", "--compare", whole, "-q")
            return whole

        command = ["census", self.place / "run", "-o", self.place / "run" / "seen", "--compare", self.place / "run", "-q"]
        self.attack(self.built("whole"), ["seen"], *command, check=self.expect(["seen"]))
        tables = [f"seen/{name}.csv" for name in ("census", "units", "sites", "changes")]
        self.attack(counted, [*tables, "seen/summary.json"], *command, check=self.expect([], self.expect_replaced))
        self.attack(counted, ["seen/.lock", "seen/manifest.json"], *command)

    def test_a_sweep_and_its_runs_stay_inside(self):
        def expect_merged(name, directory):
            self.assertEqual((directory / name).read_bytes(), (HOME / "swept" / "results.csv").read_bytes())
            self.expect_replaced(name, directory)

        out, results = self.place / "run", self.place / "results"
        sweep = ["sweep", "sweep-of-lr.json", "-j", "2", "-q", "-o"]
        self.attack(self.empty, ["sweep.json", "results.part.csv", "results.csv"], *sweep, out)
        self.attack(self.empty, ["shard-1-of-2.part.csv", "shard-1-of-2.csv"], *sweep, out, "--shard", "1/2")
        self.attack(self.built("shards"), ["results.csv"], "merge", out, "-q", check=self.expect([], expect_merged))
        some_run = (HOME / "swept" / "results.csv").read_text().splitlines()[1].split(",")[1]
        names = [f"{some_run}/{name}" for name in ("manifest.json", "steps.csv", ".lock")]

        def fresh():
            shutil.rmtree(results, ignore_errors=True)
            return self.empty()

        self.attack(fresh, [some_run, *names], *sweep, results, "--runs", out,
                    check=self.expect([some_run, names[-1]], self.expect_replaced))

    def test_documents_replace_a_link_by_their_name(self):
        for command in ([*COMPARE, "-o"], *([["curves", "--plot"]] if shutil.which("gnuplot") else [])):
            self.attack(self.empty, ["document"], *command, self.place / "run" / "document", targets=self.TARGETS,
                        check=self.expect([], self.expect_replaced))


class Traces(Case):
    """A path that the user gives leads wherever it leads."""

    def trace(self, path, **options):
        directory = self.place / f"run-{len(list(self.place.iterdir()))}"
        done = run("run", "c.json", "-o", directory, "-q", "--trace", f"layers={path}", **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (directory / "layers.csv").read_text()

    def test_a_trace_goes_through_links(self):
        (self.place / "target").write_text("old\n")
        for target in ("target", "new"):
            link = self.place / f"link-to-{target}"
            link.symlink_to(target)
            rows = self.trace(link)
            self.assertTrue(link.is_symlink())
            self.assertEqual((self.place / target).read_text(), rows)

    def test_a_trace_goes_into_a_named_pipe_and_into_devices(self):
        pipe = self.place / "pipe"
        os.mkfifo(pipe)
        got = []
        reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
        reader.start()
        rows = self.trace(pipe)
        reader.join()
        self.assertEqual(got, [rows])
        (self.place / "link-to-pipe").symlink_to("pipe")
        reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
        reader.start()
        self.assertEqual(self.trace(self.place / "link-to-pipe"), rows)
        reader.join()
        self.assertEqual(got, [rows, rows])
        self.assertTrue(stat.S_ISFIFO(pipe.lstat().st_mode))
        self.trace("/dev/null")
        done = run("run", "c.json", "-o", self.place / "out", "-q", "--trace", "layers=/dev/stdout")
        self.assertEqual((done.returncode, done.stdout), (0, rows))


class Inputs(Case):
    """What a command reads it does not overwrite, by whatever name."""

    def test_outputs_that_are_inputs_are_refused(self):
        place = self.place
        for name in ("c.json", "data.csv", "sweep-of-lr.json"):
            shutil.copy(HOME / name, place)
        whole, shards = self.copy("whole"), self.copy("shards")
        (place / "init.json").write_text(json.dumps(CONFIG | {"network": CONFIG["network"] | {
            "init_from": "whole/weights.safetensors"}}))
        data = json.dumps(CONFIG | {"data": {"kind": "csv", "file": "whole/steps.csv", "label_column": "epoch",
                                             "task": "regression"}, "loss": "mse"})
        (place / "data.json").write_text(data.replace('{"units": 2}', '{"units": 1}'))
        (place / "odd").mkdir()
        shutil.copy(place / "c.json", place / "odd" / "summary.json")
        for name in ("odd/data.csv", "other.csv"):
            shutil.copy(place / "data.csv", place / name)
        (place / "link").symlink_to("c.json")
        (place / "network.json").write_text(json.dumps(CONFIG))
        os.link(place / "c.json", place / "hard")
        must("run", "network.json", "-o", "of-network", "--save-weights", "-q", cwd=place)
        (place / "to-the-run").symlink_to("whole")
        (place / "to-steps").symlink_to("new/steps.csv")
        vary = [*COMPARE[2:]]
        before = tree(place)
        for command in (
                *(["run", "c.json", "-o", "new", "-q", "--trace", f"steps={name}"]
                  for name in ("c.json", "./c.json", f"{place}/c.json", "link", "hard", "data.csv", "new/steps.csv",
                               "new/.lock", "new/../new/manifest.json", "to-steps")),
                ["run", "c.json", "-o", "new", "-q", "--trace", "steps=a", "--trace", "layers=./a"],
                ["run", "c.json", "-o", "new", "-q", "--trace", "steps=link", "--trace", "layers=hard"],
                ["run", "init.json", "-o", "new", "-q", "--trace", "steps=whole/weights.safetensors"],
                ["run", "init.json", "-o", "whole", "--force", "-q"],
                ["run", "init.json", "-o", "to-the-run", "--force", "-q"],
                ["run", "data.json", "-o", "whole", "--force", "-q"],
                ["run", "odd/summary.json", "-o", "odd", "--force", "-q"],
                ["prune", "whole", "-o", "whole", "-q"],
                ["prune", "whole", "-o", "to-the-run", "-q"],
                ["prune", "whole", "-o", "of-network", "-q"],
                ["prune", "of-network", "-o", ".", "-q"],
                ["census", "whole", "-o", "whole", "-q"],
                ["census", "whole", "-o", "to-the-run", "-q"],
                *(["report", "whole", "-o", f"whole/{name}", "-q"] for name in RUN_FILES),
                ["report", "of-network", "whole", "-o", "to-the-run/steps.csv", "-q"],
                *(["compare", name, *vary, "-o", out]
                  for name, out in (("c.json", "c.json"), ("c.json", "data.csv"), ("c.json", "link"),
                                    ("init.json", "whole/weights.safetensors"))),
                ["compare", "c.json", *vary, "--vary", "data.file=data.csv,other.csv", "-o", "other.csv"],
                ["prescribe", "c.json", "--write", "c.json", "-q"],
                ["prescribe", "c.json", "--write", "data.csv", "-q"],
                ["prescribe", "c.json", "--write", "-", "-q"],
                ["merge", "shards", "-o", "shards/sweep.json"],
                ["merge", "shards", "-o", "shards/shard-2-of-4.csv"],
                ["sweep", "sweep-of-lr.json", "-o", "sweep-of-lr.json", "-q"],
                ["init", "c.json"],
                ["init", "to-steps"]):
            with self.subTest(command):
                done = run(*command, cwd=place)
                self.assert_one_message(done, codes=(1,) if command[0] == "sweep" else (2,))
                self.assert_unchanged(place, before)
        for command in (["compare", "-", *vary, "-o", "c.json"], ["run", "-", "-o", "new", "--trace", "steps=c.json"]):
            with self.subTest(command), open(place / "c.json", encoding="utf-8") as stdin:
                self.assert_one_message(run(*command, cwd=place, stdin=stdin), codes=(2,))
                self.assert_unchanged(place, before)
        self.assertTrue(whole.exists() and shards.exists())

    def test_outputs_beside_inputs_are_fine(self):
        place = self.place
        for name in ("c.json", "data.csv"):
            shutil.copy(HOME / name, place)
        self.copy("whole")
        for command in (["run", "c.json", "-o", "new", "-q", "--trace", "steps=a", "--trace", "layers=b", "--trace",
                         "census=/dev/null", "--trace", "events=/dev/null"],
                        ["prune", "whole", "-q"], ["prune", "whole", "-q"], ["prune", "whole", "-o", "whole/other", "-q"],
                        ["census", "whole", "-o", "whole/seen", "-q"], ["census", "whole", "-o", "whole/seen", "-q"],
                        ["export", "whole", "-q"], ["export", "whole", "-o", "whole", "-q"],
                        ["compare", "c.json", *COMPARE[2:]]):
            with self.subTest(command):
                done = run(*command, cwd=place)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_empty_words_are_refused_everywhere(self):
        before = tree(HOME)
        for command in (["run", "c.json", "-o", ""], ["run", "c.json", "--out", ""], ["run", "c.json", "--out="],
                        ["run", "--resume", ""], ["run", "c.json", "--trace", ""], ["run", "c.json", "--trace", "steps="],
                        ["run", ""], ["run", "c.json", ""], ["validate", ""], ["theory", ""], ["diagnose", ""],
                        ["prescribe", "c.json", "--write", ""], ["prescribe", ""], [*COMPARE, "-o", ""],
                        [*COMPARE, "--runs", ""], ["sweep", "sweep-of-lr.json", "-o", ""],
                        ["sweep", "sweep-of-lr.json", "--runs", ""], ["sweep", ""], ["merge", ""], ["merge", "shards", ""],
                        ["merge", "shards", "-o", ""], ["prune", ""], ["prune", "whole", "-o", ""], ["report", ""],
                        ["census", ""], ["census", "whole", "-o", ""], ["census", "whole", "--weights", ""],
                        ["report", "whole", "-o", ""], ["export", ""], ["export", "whole", "-o", ""], ["watch", ""],
                        ["inspect", ""], ["init", ""], ["curves", "--plot", ""], ["curves", ""]):
            with self.subTest(command):
                done = run(*command)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done)
                self.assertTrue(done.stderr.startswith("reluscope: "), done.stderr)
                self.assert_unchanged(HOME, before)


@unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is missing")
class Charts(Case):
    def test_gnuplot_reads_nothing_from_the_path_of_its_scratch_directory(self):
        must("report", "whole", "-o", self.place / "plain.html", "-q")
        page = (self.place / "plain.html").read_bytes()
        for name in ("it's", "x'; system('touch pwned'); print '", "`touch pwned`", "$(touch pwned)", "a b", "line\nbreak",
                     "\"", "@x", "é"):
            with self.subTest(name):
                scratch = self.place / "scratch" / name
                scratch.mkdir(parents=True)
                for given, cwd in ((scratch, self.place), (os.path.join("scratch", name), self.place)):
                    done = run("report", HOME / "whole", "-o", "page.html", "-q", cwd=cwd,
                               env={**os.environ, "TMPDIR": str(given)})
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertTrue((self.place / "page.html").read_bytes() == page, "another page")
                    self.assertEqual(list(scratch.iterdir()), [])
        self.assertEqual([path for path in self.place.rglob("*") if path.name == "pwned"], [])
        done = run("report", "whole", "-o", self.place / "none.html", "-q",
                   env={**os.environ, "TMPDIR": str(self.place / "missing")})
        self.assertIn("TMPDIR", done.stderr)
        self.assert_one_message(done, codes=(0, 1))


class AtOnce(Case):
    """The same command several times, released at one instant."""

    def release(self, commands, **options):
        gate, opener = os.pipe()
        processes = [subprocess.Popen(["sh", "-c", 'read -r go; exec "$@"', "sh", PROGRAM, *map(str, command)], stdin=gate,
                                      cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
                     for command in commands]
        os.close(gate)
        os.close(opener)  # the end of the input lets all of them go
        for process, command in zip(processes, commands):
            _, said = process.communicate(timeout=600)
            self.assertEqual((process.returncode, said), (0, ""), command)

    def test_shards(self):
        results = (HOME / "swept" / "results.csv").read_bytes()
        for trial in range(TRIALS):
            with self.subTest(trial=trial):
                out = self.place / str(trial) / "deep" / "sweep"
                runs = self.place / str(trial) / "runs"
                self.release([["sweep", "sweep-of-lr.json", "--shard", f"{shard}/4", "-o", out, "--runs", runs, "-j", "1",
                               "-q"] for shard in range(1, 5)])
                must("merge", out, "-q")
                self.assertEqual((out / "results.csv").read_bytes(), results)
                self.assertEqual(sorted(os.listdir(out)), sorted(os.listdir(HOME / "shards") + ["results.csv"]))
                self.assertEqual(leftovers(self.place), [])

    def test_two_sweeps_that_take_one_directory_do_not_mix(self):
        (HOME / "other.json").write_text(json.dumps(SWEEP | {"seeds": 3}))
        for trial in range(TRIALS):
            with self.subTest(trial=trial):
                out = self.place / str(trial)
                gate, opener = os.pipe()
                processes = [subprocess.Popen(["sh", "-c", 'read -r go; exec "$@"', "sh", PROGRAM, "sweep", sweep, "--shard",
                                               shard, "-o", out, "-j", "1", "-q"], stdin=gate, cwd=HOME,
                                              stderr=subprocess.PIPE, text=True)
                             for sweep, shard in (("sweep-of-lr.json", "1/2"), ("other.json", "2/2"))]
                os.close(gate)
                os.close(opener)
                said = [process.communicate(timeout=600)[1] for process in processes]
                self.assertEqual(sorted(process.returncode for process in processes), [0, 1], said)
                self.assertIn("holds another sweep", "".join(said))

    def test_documents(self):
        commands = {"export": ["export", "whole", "-q", "-o"], "prune": ["prune", "whole", "-q", "-o"],
                    "compare": [*COMPARE, "-j", "1", "-o"], "merge": ["merge", "shards", "-q", "-o"]}
        if shutil.which("gnuplot"):
            commands["report"] = ["report", "whole", "-q", "-o"]
        for name, command in commands.items():
            alone = self.place / name
            must(*command, alone)
            for trial in range(TRIALS):
                with self.subTest(name, trial=trial):
                    out = self.place / f"{name}-{trial}"
                    self.release([[*command, out]] * 3)
                    if alone.is_dir():
                        self.assertEqual(tree(out).keys(), tree(alone).keys())
                        for file, content in tree(alone).items():
                            # Where the data are depends on the place of network.json.
                            if file != "network.json":
                                self.assertEqual(tree(out)[file], content)
                    else:
                        self.assertEqual(out.read_bytes(), alone.read_bytes())
                    self.assertEqual(leftovers(self.place), [])


def can_trace():
    if SANITIZED or not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=fsync:signal=KILL:when=9", "true"],
                          capture_output=True).returncode == 0


@unittest.skipUnless(can_trace(), "strace is missing, or may not trace")
class Kills(Case):
    """A process that is killed at one of its system calls, and what the next one makes of it."""

    # Those that can change what is on the disk.
    CHANGES = {"open", "openat", "write", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir",
               "mkdirat", "rmdir", "ftruncate", "fsync", "flock", "close"}

    def calls(self, command, directory):
        """(name, number among those of that name) of each call of the main thread, from its start on."""
        log = self.place / "log"
        done = subprocess.run(["strace", "-qq", "-o", log, PROGRAM, *map(str, command)], cwd=HOME, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done)
        counts, calls, begun = collections.Counter(), [], False
        for line in log.read_text(errors="replace").splitlines():
            found = re.match(r"(\w+)\(", line)
            if not found or found.group(1) == "execve":
                continue
            counts[found.group(1)] += 1
            begun = begun or str(directory) in line
            if EVERY or (begun and found.group(1) in self.CHANGES):
                calls.append((found.group(1), counts[found.group(1)]))
        return calls

    def chosen(self, calls):
        if EVERY:
            return calls
        names = [call for call in calls if call[0].startswith(("rename", "unlink", "link"))]
        return names + [call for call in calls if call not in names][::max(1, len(calls) // SAMPLE)]

    def kill_at(self, call, command):
        """Whether it was killed there."""
        name, number = call
        done = subprocess.run(["strace", "-qq", "-o", os.devnull, "-e", f"trace={name}", "-e",
                               f"inject={name}:signal=KILL:when={number}", PROGRAM, *map(str, command)], cwd=HOME,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertIn(done.returncode, (0, -signal.SIGKILL), done)
        return done.returncode != 0

    def check_kills(self, prepare, command, resumes, check):
        """Kills the command in the directory that `prepare` makes, and has each of `resumes`, in turn, go on."""
        directory = prepare()
        calls = self.calls([*command, "--threads", "1", "-q"], directory)
        killed = 0
        for number, call in enumerate(self.chosen(calls)):
            with self.subTest(call=call):
                directory = prepare()
                killed += self.kill_at(call, [*command, "--threads", "1", "-q"])
                done = run(*resumes[number % len(resumes)], "-q")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                check(directory)
        self.assertGreater(killed, 0)
        print(f"{' '.join(map(str, command[:3]))}: killed at {killed} of {len(calls)} system calls", file=sys.stderr)

    def preparing(self, name):
        def prepare():
            shutil.rmtree(self.place / "run", ignore_errors=True)
            return self.copy(name, "run") if name else self.place / "run"
        return prepare

    def test_a_resume_without_a_checkpoint(self):
        out = self.place / "run"
        self.check_kills(self.preparing("killed"), ["run", "--resume", out],
                         [["run", "--resume", out], ["run", "c.json", "--resume", out]], self.assert_same_run)

    def test_a_resume_from_a_checkpoint(self):
        out = self.place / "run"
        self.check_kills(self.preparing("stopped"), ["run", "--resume", out],
                         [["run", "--resume", out], ["run", "c.json", "--resume", out]], self.assert_same_run)

    def test_a_run_that_begins_by_a_resume(self):
        out = self.place / "run"
        self.check_kills(self.preparing(None), ["run", "c.json", "--save-weights", "--resume", out],
                         [["run", "c.json", "--save-weights", "--resume", out]], self.assert_same_run)

    def test_a_run_that_replaces_another(self):
        out = self.place / "run"
        must("run", "c.json", "seed=4", "-o", "other", "--save-weights", "-q")
        for old in ("stopped", "whole"):
            self.check_kills(self.preparing(old), ["run", "c.json", "seed=4", "-o", out, "--force", "--save-weights"],
                             [["run", "--resume", out]], lambda directory: self.assert_same_run(directory, ("other", "whole")))

    def test_what_a_killed_process_leaves_goes_with_the_next_that_writes_there(self):
        out = self.place / "out"
        for command, target in (([*COMPARE, "-j", "1", "-o"], out / "compare.csv"), (["merge", "shards", "-o"], out / "r.csv"),
                                (["prune", "whole", "-o"], out), (["export", "whole", "-o"], out)):
            with self.subTest(command[0]):
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                # Of another process that is still at it.
                living = subprocess.Popen(["sh", "-c", 'exec 9>"$1"; flock 9; echo; read -r end', "sh",
                                           out / ".reluscope-1-1.tmp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                living.stdout.readline()
                self.assertTrue(self.kill_at(("rename", 1), [*command, target]))
                left = leftovers(out)
                self.assertEqual(len(left), 2, left)
                must(*command, target, "-q")
                self.assertEqual(leftovers(out), [str(out / ".reluscope-1-1.tmp")])
                living.communicate(b"\n")
                must(*command, target, "-q")
                self.assertEqual(leftovers(out), [])


if __name__ == "__main__":
    names = [word for at, word in enumerate(OPTIONS) if not word.startswith("--") and OPTIONS[at - 1:at] != ["--trials"]]
    unittest.main(argv=[sys.argv[0], *names])
