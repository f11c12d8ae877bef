#!/usr/bin/env python3
"""Runs the built program on input made to break it: configs, sweeps, data, weights, checkpoints, records, words.

    test_hostile.py RELUSCOPE SOURCE_DIR [--sanitized] [CLASS[.METHOD] ...]

Whatever comes in, the program ends by itself and soon, with the exit code that belongs to it and one message that can
be read; it takes no more memory than what it refuses is worth, prints nothing to standard output, and leaves no file
behind. --sanitized: the program was built with sanitizers, which are slow and have allocators of their own; memory is
not looked at.
"""

import contextlib
import fcntl
import gzip
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unicodedata
import unittest
import zipfile
import zlib

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
SANITIZED = "--sanitized" in sys.argv

MIB = 1 << 20
# Address space of every process here: what is refused for its size must not depend on the machine's memory.
ADDRESS_SPACE = 1 << 30
# A case that computes for longer, in CPU time, hangs: however busy the machine is.
CPU_SECONDS = 240 if SANITIZED else 40
# And one that does not end at all waits for something. The program itself waits for a few seconds at most.
PATIENCE = 1800
# A hundred of the things that are wrong, a line each.
LONGEST_MESSAGE = 16384
# Resident memory beyond that of `validate` with a good small config.
SMALL = 64 * MIB
# What `inspect` remembers of a table, whatever its size.
INSPECTED = 160 * MIB
# A line of ten million cells: its text, and a view, a string and a number for each cell.
WIDE = 900 * MIB
# What grows until there is no more: only the message matters.
ALL = ADDRESS_SPACE
BOMB_BYTES = 300 * MIB
GIB_OF_INPUT = 1 << 30

NETWORK = {"layers": [{"units": 3, "activation": "relu"}, {"units": 2}]}
MOONS = {"kind": "moons", "n_samples": 10}
RUN = ["run", "c.json", "-q"]
# What libraries and the language say to programmers.
INNARDS = re.compile("json[.]exception|std::|basic_string|vector::|bad_alloc|filesystem error|terminate called|Assert")
# Fewer than these are a name and no reason.
FEWEST_WORDS = 4
ESCAPES = "\x1b[2J\x1b]0;title\x07\r\x9b31m"
# What turns the direction of writing round, so that a reader sees another name than there is.
DIRECTIONS = "".join(map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
# Names as a stranger may give them to files, layers and runs.
EVIL = f"{ESCAPES}\x7f{DIRECTIONS}"

baseline = 0  # bytes; measured before the first case
cases = 0


class Ended:
    """How a process ended: code (negative for a signal, None if it had to be stopped), output, most memory in bytes."""

    def __init__(self, code, out, err, memory):
        self.code, self.out, self.err, self.memory = code, out, err, memory


def start_and_wait(arguments, directory, stdin=None):
    global cases
    cases += 1
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([PROGRAM, *arguments], cwd=directory, stdin=stdin or subprocess.DEVNULL, stdout=out,
                                   stderr=err, start_new_session=True,
                                   env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb"})
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        ended = wait_for_end(process, PATIENCE)
        memory = reap(process, stop=not ended)
        out.seek(0)
        err.seek(0)
        return Ended(process.returncode if ended else None, out.read(MIB), err.read(MIB), memory)


def wait_for_end(process, seconds):
    descriptor = os.pidfd_open(process.pid)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def reap(process, stop):
    """Only wait4 says how much memory the process had."""
    if stop:
        os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def own_memory():
    """A child counts the memory that its parent had when it was made."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def setUpModule():
    global baseline
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, hard))
    with tempfile.TemporaryDirectory() as place:
        with open(os.path.join(place, "c.json"), "w", encoding="utf-8") as file:
            file.write(config())
        good = start_and_wait(["validate", "c.json"], place)
        assert good.code == 0, good.err
        baseline = good.memory


def tearDownModule():
    print(f"{cases} cases", file=sys.stderr)


def config(data=None, **more):
    return json.dumps({"data": data or MOONS, "network": NETWORK, "train": {"steps": 1}, **more})


class Hostile(unittest.TestCase):
    """Works in `work`, a directory in one that has nothing else in it, so that files beside it are seen."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.work = os.path.join(self.place, "work")
        os.mkdir(self.work)

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)

    def write_sparse(self, name, size, start=b"", end=b""):
        with open(self.path(name), "wb") as file:
            file.write(start)
            file.truncate(size - len(end))
            file.seek(0, os.SEEK_END)
            file.write(end)

    def case(self, name, **more):
        """A case by a name that a terminal can show."""
        return self.subTest(ascii(name)[:100], **more)

    def snapshot(self, may_write):
        """Everything there is, with its time, but what may change."""
        seen = {}
        for directory, directories, files in os.walk(self.place):
            for name in directories + files:
                path = os.path.join(directory, name)
                relative = os.path.relpath(path, self.work)
                if not any(relative == one or relative.startswith(one + "/") for one in may_write):
                    status = os.lstat(path)
                    # A directory's time changes with what may be written into it.
                    is_directory = os.path.isdir(path)
                    seen[relative] = None if is_directory else (status.st_mode, status.st_size, status.st_mtime_ns)
        return seen

    def remove(self, names):
        """What one case has written must not be in the way of the next."""
        for name in names:
            if os.path.isdir(self.path(name)):
                shutil.rmtree(self.path(name), ignore_errors=True)
            elif os.path.lexists(self.path(name)):
                os.remove(self.path(name))

    def start(self, arguments, stdin=None, memory=SMALL, may_write=()):
        """Runs a case, and checks what holds of every one."""
        before = self.snapshot(may_write)
        ended = start_and_wait(arguments, self.work, stdin)
        after = self.snapshot(may_write)
        self.remove(after.keys() - before.keys())
        said = ended.err[:500]
        self.assertIsNotNone(ended.code, f"waits, and has not ended after {PATIENCE} s; it said {said}")
        self.assertNotEqual(ended.code, -signal.SIGXCPU, f"computes on after {CPU_SECONDS} s; it said {said}")
        self.assertGreaterEqual(ended.code, 0, f"ended by a signal; it said {said}")
        self.assertEqual(after, before, "files were written or changed")
        extra = ended.memory - max(baseline, own_memory())
        if not SANITIZED:
            self.assertLessEqual(extra, memory, f"{extra / MIB:.0f} MiB of memory; it said {said}")
        self.check_text(ended.err)
        self.check_text(ended.out)
        return ended

    def check_text(self, said):
        """Whether it can be shown on a terminal, and be read there."""
        text = said.decode("utf-8", "replace")
        self.assertNotIn("\ufffd", text, "not UTF-8")
        control = [letter for letter in text
                   if letter != "\n" and (unicodedata.category(letter) == "Cc" or letter in DIRECTIONS)]
        self.assertEqual(control, [], ascii(text))
        return text

    def check_message(self, err):
        self.assertLess(len(err), LONGEST_MESSAGE, err[:200])
        text = self.check_text(err)
        self.assertTrue(text.startswith("reluscope: "), text)
        self.assertEqual(len(re.findall("^reluscope: ", text, re.MULTILINE)), 1, text)
        self.assertIsNone(INNARDS.search(text), text)
        self.assertGreaterEqual(len(text.split()), FEWEST_WORDS, text)

    def refuse(self, arguments, code=2, says="", **limits):
        """A case that has to be refused; `code` is the exit code, or those that are right."""
        ended = self.start(arguments, **limits)
        self.check_refusal(ended, code)
        self.assertIn(says.encode(), ended.err)

    def check_refusal(self, ended, code):
        self.assertIn(ended.code, code if isinstance(code, tuple) else (code,), ended.err[:500])
        self.assertEqual(ended.out, b"")
        self.check_message(ended.err)

    def accept(self, arguments, may_write=("runs",)):
        """A case that looks odd and is right."""
        try:
            self.assertEqual(self.start(arguments, may_write=may_write).code, 0)
        finally:
            shutil.rmtree(self.path("runs"), ignore_errors=True)

    def survive(self, arguments, may_write=()):
        """A case that may be accepted; if it is not, then as every other."""
        ended = self.start(arguments, may_write=may_write)
        if ended.code != 0:
            self.check_refusal(ended, 2)

    @contextlib.contextmanager
    def filled_pipe(self, content):
        """The named pipe has the content from the start, and ends as soon as that has been read."""
        writer = os.open(self.path("pipe"), os.O_RDWR)
        os.write(writer, content)
        over = threading.Event()

        def close_when_empty():
            while not over.wait(0.01) and fcntl.ioctl(writer, termios.FIONREAD, bytes(4)) != bytes(4):
                pass
            os.close(writer)

        thread = threading.Thread(target=close_when_empty)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextlib.contextmanager
    def feeding(self, chunk, chunks):
        """A pipe into which `chunk` goes `chunks` times, or until nobody reads."""
        reader, writer = os.pipe()

        def feed():
            with contextlib.suppress(BrokenPipeError), open(writer, "wb", buffering=0) as pipe:
                for _ in range(chunks):
                    pipe.write(chunk)

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            yield reader
        finally:
            os.close(reader)
            thread.join()


# ---- configs


DEEP = 100_000
GOOD = config().encode()
MALFORMED = {
    "arrays in arrays": b"[" * DEEP + b"]" * DEEP,
    "arrays that are never closed": b"[" * DEEP,
    "objects in objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a deep value in a good place": GOOD.replace(b'"moons"', b"[" * DEEP + b"]" * DEEP),
    "a number beyond float64": GOOD.replace(b'"n_samples": 10', b'"noise": 1e400'),
    "a number below float64": GOOD.replace(b'"n_samples": 10', b'"noise": -1e400'),
    "a number of many digits": GOOD.replace(b'"n_samples": 10', b'"n_samples": ' + b"9" * 100_000),
    "a high surrogate alone": GOOD.replace(b'"moons"', b'"\\ud800"'),
    "a low surrogate alone": GOOD.replace(b'"moons"', b'"\\udc00"'),
    "surrogates in the wrong order": GOOD.replace(b'"moons"', b'"\\udc00\\ud800"'),
    "invalid UTF-8": GOOD.replace(b"moons", b"mo\xff\xfeons"),
    "overlong UTF-8": GOOD.replace(b"moons", b"mo\xc0\xafons"),
    "a surrogate in UTF-8": GOOD.replace(b"moons", b"mo\xed\xa0\x80ons"),
    "invalid UTF-8 in a key": GOOD.replace(b'"steps"', b'"st\xffeps"'),
    "a key twice": GOOD.replace(b'"steps": 1', b'"steps": 1, "steps": 2'),
    "data twice": GOOD.replace(b'"data"', b'"data": {"kind": "xor"}, "data"'),
    "NaN": GOOD.replace(b'"n_samples": 10', b'"noise": NaN'),
    "Infinity": GOOD.replace(b'"n_samples": 10', b'"noise": Infinity'),
    "minus infinity": GOOD.replace(b'"n_samples": 10', b'"noise": -Infinity'),
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf",
    "half a byte order mark": b"\xef\xbb",
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a comment": b"// nothing else\n",
    "a comment that is never closed": GOOD + b"/* and on",
    "only a comment that is never closed": b"/*",
    "NUL": b"\0",
    "NUL in front": b"\0" + GOOD,
    "NUL at the end": GOOD + b"\0",
    "NUL in a string": GOOD.replace(b"moons", b"mo\0ons"),
    "a document after the document": GOOD + GOOD,
    "an unclosed object": GOOD[:-1],
    "a list": b"[]",
    "text": b'"data"',
    "null": b"null",
    "terminal escapes": ESCAPES.encode(),
    "terminal escapes as an unknown key": GOOD.replace(b'"steps"', json.dumps(ESCAPES).encode()),
    "raw C1 controls as an unknown key": GOOD.replace(b'"steps"', '"\x9b31m\x7f"'.encode()),
    "terminal escapes as an unknown kind": GOOD.replace(b'"moons"', json.dumps(ESCAPES).encode()),
    "raw C1 controls as an unknown kind": GOOD.replace(b'"moons"', '"\x9b31m\x7f"'.encode()),
    "a long unknown key": GOOD.replace(b"steps", b"x" * DEEP),
    "a long unknown kind": GOOD.replace(b"moons", b"x" * DEEP),
}

# Values that no config may have.
OUT_OF_RANGE = [
    *("network.layers.0.units=" + value for value in
      ("0", "-1", "1.5", '"7"', "true", "[]", "4000000000", "9223372036854775807", "9223372036854775808",
       "18446744073709551616", "-9223372036854775809", "1e300")),
    "network.layers.0.repeat=1000000000", "network.layers.0.repeat=-1", "network.layers.0.repeat=9223372036854775807",
    "train.batch_size=0", "train.batch_size=-1", "train.batch_size=1.5", 'train.batch_size="7"',
    "train.batch_size=18446744073709551616", "train.batch_size=9223372036854775808",
    "train.steps=9223372036854775807", "train.steps=1e300", "train.epochs=9223372036854775807", "train.epochs=0",
    "train.warmup_steps=9223372036854775807",
    "data.n_samples=0", "data.n_samples=-1", "data.n_samples=4611686018427387904", "data.n_samples=1.5",
    "data.noise=-1", "data.noise=1e999", "data.noise=nan", "data.test_fraction=1", "data.limit=0",
    "data.limit=9223372036854775808", "record.probe=0", "record.probe=18446744073709551616", "record.every=-1",
    "record.checkpoint_every=9223372036854775808", "seed=-1", "seed=18446744073709551616", "seed=1.5",
    "train.optimizer.betas=[1e999, 0]", "train.optimizer.lr=-1", "train.optimizer.lr=Infinity",
    "network.layers=[]", "network.layers={}", "network=null", "data=null", "data=7", "network.layers.9.units=3",
    "network.layers.18446744073709551616.units=3", "network.layers.*=7", "*=7", "=7", "=", "", ".", "..=1", "a..b=1",
    "network.layers." + "0." * 50_000 + "units=3", "x" * 100_000, "x" * 100_000 + "=1", "name=" + "x" * 100_000,
    "train.optimizer=" + "[" * 50_000, "train.optimizer=" + '{"a":' * 10_000 + "1" + "}" * 10_000,
    f"{ESCAPES}=1", f"train.{ESCAPES}=1", f"train.optimizer={ESCAPES}", f"data.kind={ESCAPES}",
    b"train.steps=\xff", b"\xff=1", b"name=\xc3\x28",
]

# Values that a config may have, and no memory holds.
TOO_LARGE = [
    ["network.layers.0.units=1000000", "network.layers.0.repeat=9998"],
    ["network.layers=[{\"units\": 1000000}, {\"units\": 1000000}, {\"units\": 2}]"],
    ["data.n_samples=1000000000"],
    *([f"data={json.dumps(data)}"] for data in (
        {"kind": "blobs", "n_samples": 10**9, "n_features": 10**7, "centers": 65536},
        {"kind": "blobs", "n_samples": 2, "n_features": 10**7, "centers": 65536},
        {"kind": "classification", "n_samples": 100, "n_features": 10**7, "n_informative": 10**7, "n_redundant": 0},
        {"kind": "classification", "n_samples": 100, "n_features": 30000, "n_informative": 15000,
         "n_redundant": 15000},
        {"kind": "parity", "n_samples": 10**9, "n_features": 10**7},
        {"kind": "sparse", "n_samples": 10, "n_features": 10**7, "n_classes": 65536},
        {"kind": "regression", "n_samples": 10, "n_features": 10**7, "n_informative": 10**7, "n_targets": 10**6},
        {"kind": "friedman1", "n_samples": 10**9, "n_features": 10**7},
        {"kind": "teacher_student", "n_samples": 1, "n_features": 10**7, "hidden": 10**7, "n_targets": 10**6})),
]

# Large, and harmless: what counts is how many samples and steps there are.
LARGE_AND_RIGHT = [
    "train.batch_size=9223372036854775807", "record.probe=9223372036854775807", "record.every=9223372036854775807",
    "record.census=9223372036854775807", "record.checkpoint_every=9223372036854775807",
    "data.limit=9223372036854775807", "seed=9223372036854775807", "train.warmup_steps=1000000000000000",
    'train.schedule={"name": "step", "step_size": 9223372036854775807}',
    'train.schedule={"name": "cosine", "t_max": 9223372036854775807}',
]

BAD_NAMES = ["", "/", "/etc/x", "..", ".", "../x", "a/../../x", "a/b", "a\\b", "\0", "a\0b", "a\nb", "\n", "\x1b[2J",
             ESCAPES, "\x9b31m", "a" * 101, "a" * 10_000, " ", "~", "$HOME", "`id`", "a;b", "\u202egnp", "ä\u0301",
             "*"]


class Configs(Hostile):
    def test_malformed_text_is_refused_by_validate_and_by_run(self):
        for name, text in MALFORMED.items():
            self.write("c.json", text)
            for command in ("validate", "run"):
                with self.case(name, command=command):
                    self.refuse([command, "c.json"])

    def test_malformed_text_is_refused_on_standard_input(self):
        for name, text in MALFORMED.items():
            with self.case(name), self.feeding(text, 1) as pipe:
                self.refuse(["validate", "-"], stdin=pipe)

    def test_a_gigabyte_is_not_read_to_its_end(self):
        self.write_sparse("c.json", GIB_OF_INPUT, start=b'{"name": "', end=b'"}')
        for command in ("validate", "run"):
            with self.subTest(command=command):
                self.refuse([command, "c.json"])
        for name, byte in (("blanks", b" "), ("brackets", b"["), ("a string", b'"'), ("NULs", b"\0")):
            with self.case(name), self.feeding(byte * MIB, GIB_OF_INPUT // MIB) as pipe:
                self.refuse(["validate", "-"], stdin=pipe)

    def test_what_is_no_file_is_refused(self):
        os.mkdir(self.path("directory"))
        os.symlink("loop", self.path("loop"))
        self.write("file.json", GOOD)
        for name in ("directory", ".", "/dev/zero", "/dev/null", "/dev/full", "loop", "missing.json", "",
                     "missing/c.json", "file.json/c.json", "x" * 300, "x/" * 10_000, "x" * 100_000, f"{ESCAPES}.json",
                     "a\nb\nc", b"\xff\xfe"):
            for command in ("validate", "run"):
                with self.case(name, command=command):
                    self.refuse([command, name])

    def test_a_pipe_without_a_writer_is_not_waited_for(self):
        os.mkfifo(self.path("pipe"))
        for command in ("validate", "run"):
            with self.subTest(command=command):
                self.refuse([command, "pipe"])

    def test_values_out_of_range_are_refused(self):
        self.write("c.json", GOOD)
        for override in OUT_OF_RANGE:
            with self.case(override):
                self.refuse(["validate", "c.json", override])
                self.refuse([*RUN, override])

    @unittest.skipIf(SANITIZED, "there is no limit")
    def test_what_no_memory_holds_is_refused_with_the_figure(self):
        self.write("c.json", GOOD)
        for overrides in TOO_LARGE:
            with self.case(overrides):
                self.refuse([*RUN, *overrides], says="of memory")

    def test_large_values_that_change_nothing_are_accepted(self):
        self.write("c.json", GOOD)
        for override in LARGE_AND_RIGHT:
            with self.case(override):
                self.accept([*RUN, override])

    def test_a_run_name_leads_nowhere_else(self):
        for name in BAD_NAMES:
            self.write("c.json", config(name=name))
            with self.case(name):
                self.refuse(["validate", "c.json"])
                self.refuse(RUN)
            if name and "\0" not in name:
                self.write("c.json", GOOD)
                with self.case(name, override=True):
                    self.refuse([*RUN, f"name={name}"])

    def test_a_run_name_that_looks_like_an_option_is_a_name(self):
        for name in ("-", "--", "-rf", "--help", "a..b", "CON"):
            self.write("c.json", config(name=name))
            with self.case(name):
                self.accept(RUN)

    def test_output_that_cannot_be_written_leaves_nothing_behind(self):
        self.write("c.json", GOOD)
        self.write("file", "")
        for arguments in (["-o", "file"], ["-o", "file/x"], ["-o", "/dev/null/x"], ["-o", "/proc/x"], ["-o", "x" * 300],
                          ["-o", "x/" * 10_000], ["-o", ESCAPES + "x" * 300], ["--trace", "steps=missing/x.csv"],
                          ["--trace", "steps=."], ["--trace", "steps=" + "x" * 300]):
            with self.case(arguments):
                self.refuse([*RUN, *arguments], code=1)


# ---- sweeps


def sweep(parameters=None, **more):
    return json.dumps({"config": json.loads(GOOD), "parameters": parameters or {}, **more})


SEEDS = {"values": [1, 2]}
SWEEPS = {
    "an exploding grid": sweep({f"key{key}": {"values": list(range(1000))} for key in range(10)}),
    "too many seeds": sweep(seeds=10**18),
    "a list that is as wrong as it is long": json.dumps({"config": json.loads(GOOD), "runs": [1] * 1_000_000}),
    "seeds beyond int64": sweep(seeds=2**64 - 1),
    "seeds beyond uint64": sweep(seeds=2**64),
    "no seeds": sweep(seeds=0),
    "less than no seeds": sweep(seeds=[-1]),
    "seeds that are no numbers": sweep(seeds=[1.5]),
    "a list of seeds beyond int64": sweep(seeds=[2**63]),
    "more seeds than there are after the config's": sweep(config={**json.loads(GOOD), "seed": 2**63 - 1}, seeds=3),
    "a config that is a directory": sweep(config="."),
    "a config that is the sweep": sweep(config="s.json"),
    "a config that is missing": sweep(config="missing.json"),
    "a config with escapes in its name": sweep(config=ESCAPES),
    "a config with NUL in its name": sweep(config="c.json\0"),
    "a config that never ends": sweep(config="/dev/zero"),
    "a config that is a number": sweep(config=7),
    "too many random runs": sweep({"seed": SEEDS}, method="random", run_cap=2**63 - 1, seeds=2),
    "random runs beyond int64": sweep({"seed": SEEDS}, method="random", run_cap=2**63),
    "less than no random runs": sweep({"seed": SEEDS}, method="random", run_cap=-1),
    "no number of random runs": sweep({"seed": SEEDS}, method="random"),
    "bounds the wrong way round": sweep({"seed": {"min": 9, "max": 1}}, method="random", run_cap=1),
    "bounds beyond int64": sweep({"seed": {"min": 0, "max": 2**64 - 1}}, method="random", run_cap=1),
    "bounds beyond float64": sweep({"train.optimizer.lr": {"min": 0, "max": 10**300}}, method="random",
                                   run_cap=1).replace("1" + "0" * 300, "1e400"),
    "the logarithm of nothing": sweep({"train.optimizer.lr": {"distribution": "log_uniform_values", "min": 0,
                                                              "max": 1}}, method="random", run_cap=1),
    "a key with escapes": sweep({ESCAPES: {"values": [1]}}),
    "a long key": sweep({"x" * DEEP: {"values": [1]}}),
    "an empty key": sweep({"": {"values": [1]}}),
    "a value with escapes": sweep({"data.kind": {"values": [ESCAPES]}}),
    "a name that leads elsewhere": sweep(name="../x"),
    "a name with escapes": sweep(name=ESCAPES),
    "a method with escapes": sweep(method=ESCAPES),
    "a distribution with escapes": sweep({"seed": {"distribution": ESCAPES}}, method="random", run_cap=1),
    "parameters that are a list": sweep([1]),
    "no values": sweep({"seed": {"values": []}}),
    "runs that are no objects": json.dumps({"config": json.loads(GOOD), "runs": [1, None, []]}),
    "nothing": "",
    "a list": "[]",
    "nesting": "[" * DEEP,
}
RATES = {"values": [1e-6 * (1 + value) for value in range(100_000)]}
# A few megabytes that speak of ten thousand million runs, ten million, and more than that of which few are wanted.
ENDLESS_GRID = {"train.optimizer.lr": RATES, "train.optimizer.weight_decay": RATES}
MANY = {key: {"values": values["values"][:3162]} for key, values in ENDLESS_GRID.items()}
# What a sweep of so many may take.
MANY_MEMORY = 200 * MIB
# Each is within its range, and its extent is not.
WIDEST = sweep({"seed": {"min": -2**63, "max": 2**63 - 1}}, method="random", run_cap=2)


class Sweeps(Hostile):
    def test_sweeps_that_make_no_sense_are_refused(self):
        for name, text in SWEEPS.items():
            self.write("s.json", text)
            with self.case(name):
                self.refuse(["sweep", "s.json", "--list"])
            with self.case(name, list=False):
                self.refuse(["sweep", "s.json", "-q"])

    def test_the_widest_bounds_do_no_harm(self):
        self.write("s.json", WIDEST)
        self.survive(["sweep", "s.json", "--list"])

    def test_more_runs_than_there_can_be_are_refused_without_making_them(self):
        self.write("s.json", sweep(ENDLESS_GRID))
        for arguments in (["--list"], ["-q"], ["--list", "--shard", "1/1000000"]):
            with self.case(arguments):
                self.refuse(["sweep", "s.json", *arguments], says="10000000000 runs")

    def begin(self, arguments, enough):
        """What the program has as soon as `enough` of its process, and then of its end: code, and most memory."""
        with subprocess.Popen([PROGRAM, *arguments], cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, start_new_session=True) as process:
            try:
                enough(process)
            finally:
                process.stdout.close()
                memory = reap(process, stop=not wait_for_end(process, PATIENCE))
            self.assertEqual(process.stderr.read(), b"")
        if not SANITIZED:
            self.assertLessEqual(memory, max(MANY_MEMORY, own_memory()))
        return process.returncode

    def test_ten_million_runs_take_no_more_memory_than_ten(self):
        self.write("settings.json", sweep(MANY, name="settings"))
        self.write("seeds.json", sweep({"train.optimizer.lr": {"values": [0.1]}}, name="seeds", seeds=10**7))
        self.write("draws.json", sweep({"train.optimizer.lr": {"min": 0.0, "max": 1.0}}, name="draws", method="random",
                                       run_cap=10**7))
        self.write("capped.json", sweep(ENDLESS_GRID, name="capped", run_cap=10**7))

        def read_some(process):
            lines = [process.stdout.readline() for _ in range(100)]
            self.assertEqual([line.split(b",")[0] for line in lines[1:4]], [b"0", b"1", b"2"])

        def wait_for_a_row(process):
            journal = self.path(f"sweeps/{name}/shard-3-of-4.part.csv" if shard else f"sweeps/{name}/results.part.csv")
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end and process.poll() is None:
                if os.path.exists(journal) and os.path.getsize(journal) > 1000:
                    break
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)

        for name in ("settings", "seeds", "draws", "capped"):
            with self.case(name, list=True):
                self.assertEqual(self.begin(["sweep", f"{name}.json", "--list"], read_some), 0)
        for name in ("settings", "seeds"):
            for shard in ([], ["--shard", "3/4"]):
                with self.case(name, shard=shard):
                    code = self.begin(["sweep", f"{name}.json", "-q", "-j", "1", *shard], wait_for_a_row)
                    self.assertEqual(code, -signal.SIGTERM)

    def test_shards_that_make_no_sense_are_refused(self):
        self.write("s.json", sweep({"seed": SEEDS}))
        for shard in ("", "1", "0/1", "2/1", "-1/2", "1/0", "1/18446744073709551616", "9223372036854775807/1", "a/b",
                      "1/2/3", ESCAPES, b"\xff", "1" * 100_000):
            with self.case(shard):
                self.refuse(["sweep", "s.json", "--list", "--shard", shard])

    def test_what_is_no_sweep_is_refused(self):
        os.mkdir(self.path("directory"))
        for name in ("directory", "missing.json", "/dev/zero", "/dev/null", "", f"{ESCAPES}.json", b"\xff"):
            with self.case(name):
                self.refuse(["sweep", name, "--list"])

    def test_shards_that_are_damaged_are_not_merged(self):
        os.mkdir(self.path("empty"))
        for name in ("empty", "missing", "/dev/null", ESCAPES, b"\xff"):
            with self.case(name):
                self.refuse(["merge", name])
        os.mkdir(self.path("many"))
        self.write("many/sweep.json", json.dumps({"sweep": "0" * 16, "jobs": 2**63 - 1, "shard_format": 2}))
        self.refuse(["merge", "many"], says="jobs from 1 to")
        self.write("many/sweep.json", json.dumps({"sweep": "0" * 16, "jobs": 10**7, "shard_format": 2}))
        self.refuse(["merge", "many"], says="10000000 of 10000000 runs are missing")


# A few runs of each.
SWEPT = {"train.optimizer.lr": {"values": [0.1, 0.2, 0.3]}, "train.batch_size": {"values": [2, 3]}}
COMPARE = ["compare", "c.json", "--vary", "train.optimizer.lr=0.1,0.2", "--seeds", "2"]


def damages(text):
    """Each row zeroed, flipped, cut short, cut off with all that follows, and doubled: name, the row, the text."""
    lines = text.splitlines(keepends=True)
    for row in range(1, len(lines)):
        before, line, after = b"".join(lines[:row]), lines[row], b"".join(lines[row + 1:])
        half = len(line) // 2
        yield "zeroed", row, before + bytes(len(line)) + after
        yield "zeroed but its end", row, before + bytes(len(line) - 1) + b"\n" + after
        for bit in (0, 3, 6):
            flipped = line[:half] + bytes([line[half] ^ 1 << bit]) + line[half + 1:]
            yield f"bit {bit} flipped", row, before + flipped + after
        yield "cut short", row, before + line[:half] + b"\n" + after
        yield "without its end", row, before + line[:-1] + after
        yield "the last one, in half", row, before + line[:half]
        yield "doubled", row + 1, before + line + line + after


class Rows(Hostile):
    """Damage to the rows of sweeps and comparisons is noticed: made again, or refused."""

    def setUp(self):
        super().setUp()
        self.write("s.json", sweep(SWEPT))
        self.write("c.json", GOOD)
        for arguments in (["sweep", "s.json", "-o", "whole"], ["sweep", "s.json", "-o", "parts", "--shard", "1/2"],
                          ["sweep", "s.json", "-o", "parts", "--shard", "2/2"], [*COMPARE, "-o", "whole.csv"]):
            self.assertEqual(start_and_wait([*arguments, "-q"], self.work).code, 0)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_damaged_shards_are_not_merged(self):
        for shard in ("1", "2"):
            name = f"parts/shard-{shard}-of-2.csv"
            whole = self.read(name)
            for what, row, text in damages(whole):
                self.write(name, text)
                with self.case(what, shard=shard, row=row):
                    self.refuse(["merge", "parts"], says=f"shard-{shard}-of-2.csv, line {row + 1}: ")
                    self.refuse(["sweep", "s.json", "-o", "parts", "--shard", f"{shard}/2", "-q"],
                                says=f"sweep SWEEP --shard {shard}/2 --out 'parts'")
            self.write(name, whole)
        self.accept(["merge", "parts", "-q"], may_write=("parts",))
        self.assertEqual(self.read("parts/results.csv"), self.read("whole/results.csv"))

    def test_a_damaged_journal_is_gone_on_with_from_its_last_good_row(self):
        # A finished shard is what its journal was at the end.
        shard = self.read("parts/shard-1-of-2.csv")
        for what, row, text in damages(shard):
            with self.case(what, row=row):
                os.remove(self.path("parts/shard-1-of-2.csv"))
                self.write("parts/shard-1-of-2.part.csv", text)
                ended = start_and_wait(["sweep", "s.json", "-o", "parts", "--shard", "1/2"], self.work)
                self.assertEqual(ended.code, 0, ended.err)
                self.assertIn(f"shard-1-of-2.part.csv', line {row + 1}: the row is".encode(), ended.err)
                self.assertEqual(self.read("parts/shard-1-of-2.csv"), shard)
                self.assertEqual(sorted(os.listdir(self.path("parts"))),
                                 ["shard-1-of-2.csv", "shard-2-of-2.csv", "sweep.json"])

    def test_journals_of_something_else_are_refused_and_stay(self):
        old = self.read("whole/results.csv")  # as 0.1.0 had it
        other = self.read("parts/shard-1-of-2.csv")
        for name, content in (("of 0.1.0", old), ("of a sweep", other), ("no table", b"text\n"),
                              ("bytes", bytes(range(256)))):
            for command, journal in ((COMPARE, "compare.part.csv"),
                                     (["sweep", "t.json", "-o", "other"], "other/results.part.csv")):
                with self.case(name, command=command[0]):
                    self.write("t.json", sweep({"train.optimizer.lr": {"values": [1.0]}}))
                    os.makedirs(self.path("other"), exist_ok=True)
                    self.write(journal, content)
                    self.refuse([*command, "-q"], code=1, says="--out", may_write=("other/sweep.json",))
                    self.assertEqual(self.read(journal), content)
                    os.remove(self.path(journal))


# ---- data


def idx(shape, data=b"", kind=8, dimensions=None):
    count = len(shape) if dimensions is None else dimensions
    return bytes([0, 0, kind, count]) + b"".join(struct.pack(">I", extent) for extent in shape) + data


def npy(shape="(10, 2)", data=None, descr="'<f4'", order="False", version=1, header=None, length=None):
    text = (header if header is not None else
            "{'descr': %s, 'fortran_order': %s, 'shape': %s}\n" % (descr, order, shape)).encode("latin-1")
    size = struct.pack("<H" if version == 1 else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + (bytes(80) if data is None else data)


IMAGES = idx((10, 1, 2), bytes(range(20)))
LABELS = idx((10,), bytes([0, 1] * 5))
MOST = 2**32 - 1
BAD_IMAGES = {
    "nothing": b"",
    "more than 64 bits count": idx((MOST, MOST)),
    "products beyond 64 bits": idx((MOST, MOST, MOST, MOST)),
    "a product that wraps around to what is there": idx((10, 2**31, 2**31, 4), bytes(20)),
    "255 dimensions, and none": idx((), dimensions=255),
    "255 dimensions": idx((10,) + (1,) * 253 + (2,), bytes(20)).replace(b"\0\0\x08\xff", b"\0\0\x08\xfe"),
    "255 dimensions of the largest extent": idx((MOST,) * 255),
    "no dimensions": idx(()),
    "one dimension": idx((20,), bytes(20)),
    "no samples": idx((0, 2)),
    "no features": idx((10, 0)),
    "no samples of many features": idx((0, MOST, MOST)),
    "many samples of no features": idx((MOST, MOST, 0)),
    "one sample more than labels": idx((11, 1, 2), bytes(22)),
    "one sample less than labels": idx((9, 1, 2), bytes(18)),
    "more bytes than declared": IMAGES + b"\0",
    "a gigabyte declared": idx((10, 2**27), bytes(20)),
    **{f"element type {kind}": idx((10, 1, 2), bytes(160), kind) for kind in (0, 7, 10, 15, 255)},
    "NaN": idx((10, 2), struct.pack(">20f", *[float("nan")] * 20), 13),
    "infinity": idx((10, 2), struct.pack(">20d", *[float("inf")] * 20), 14),
    "another magic number": b"\1" + IMAGES[1:],
    "text": b"no images\n",
}
BAD_LABELS = {
    "nothing": b"",
    "two dimensions": IMAGES,
    "no labels": idx((0,)),
    "a label that is too large": idx((10,), struct.pack(">10i", 70000, *[0] * 9), 12),
    "a label below 0": idx((10,), bytes([255] * 10), 9),
    "half a label": idx((10,), struct.pack(">10f", *[0.5] * 10), 13),
    "NaN": idx((10,), struct.pack(">10f", *[float("nan")] * 10), 13),
    "more than there are": idx((MOST,), bytes(10)),
    "more bytes than declared": LABELS + b"\0",
    "more classes than outputs": idx((10,), bytes(range(10))),
}

FEATURES = npy()
CLASSES = npy("(10,)", bytes([0, 1] * 5), "'|u1'")
BAD_FEATURES = {
    "nothing": b"",
    **{f"version {version}": FEATURES[:6] + bytes([version]) + FEATURES[7:] for version in (0, 4, 9, 255)},
    **{f"version 1.{minor}": FEATURES[:7] + bytes([minor]) + FEATURES[8:] for minor in (1, 9, 255)},
    **{f"{key} twice": npy(header=f"{{'descr': '<f4', 'fortran_order': False, 'shape': (10, 2), '{key}': {value}}}\n")
       for key, value in (("descr", "'<f4'"), ("fortran_order", "False"), ("shape", "(10, 2)"))},
    "a header beyond the file": npy(length=60000),
    "a header of 4 GB": npy(version=2, length=2**32 - 1),
    "a header of no bytes": npy(length=0),
    "an extent below 0": npy("(-10, 2)"),
    "an extent beyond 64 bits": npy("(18446744073709551616, 2)"),
    "the largest extent": npy("(18446744073709551615, 2)"),
    "a product beyond 64 bits": npy("(4294967296, 4294967296)"),
    "a product that wraps around to what is there": npy("(10, 9223372036854775808, 2)"),
    "more than any memory": npy("(10, 1000000000000000)"),
    "no samples": npy("(0, 2)"),
    "no features": npy("(10, 0)"),
    "no dimensions": npy("()"),
    "65 dimensions": npy("(10, 2" + ", 1" * 63 + ")"),
    "an extent that is no number": npy("(10, None)"),
    "a shape that is a list": npy("[10, 2]"),
    "a call": npy(header="__import__('os').system('touch called')\n"),
    "a call as a shape": npy("(open('called', 'w'), 2)"),
    "objects": npy(descr="'|O'"),
    "a pickle": npy(descr="'|O'", data=b"cos\nsystem\n(S'touch called'\ntR."),
    "a structured array": npy(descr="[('a', '<f4'), ('b', '<f4')]"),
    "half precision": npy(descr="'<f2'"),
    "complex numbers": npy(descr="'<c8'"),
    "text": npy(descr="'<U5'"),
    "dates": npy(descr="'<M8[ns]'"),
    "an element type of no name": npy(descr="''"),
    "a long element type": npy(descr="'" + "x" * 60000 + "'"),
    "an element type with escapes": npy(descr=f"'{ESCAPES}'"),
    "an unknown key with escapes": npy(header=f"{{'{ESCAPES}': 1}}\n"),
    "no keys": npy(header="{}\n"),
    "text after the header": npy(header="{'descr': '<f4', 'fortran_order': False, 'shape': (10, 2)} + x\n"),
    "a dictionary in a dictionary": npy(header="{'a': " * 10_000),
    "more bytes than declared": FEATURES + b"\0",
    "NaN": npy(data=struct.pack("<20f", *[float("nan")] * 20)),
    "infinity": npy(data=struct.pack("<20f", *[float("inf")] * 20)),
    "other samples than labels": npy("(20, 1)"),
}

ROWS = b"0.5,1.5,0\n0.25,2.5,1\n" * 5
BAD_CSV = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf",
    "blank lines": b"\n\r\n  \n",
    "a header alone": b"a,b,label\n",
    "a row too long": ROWS + b"1,2,0,3\n",
    "a row too short": ROWS + b"1,0\n",
    "an unclosed quote": ROWS + b'"1,2,0\n',
    "a quote in the middle": ROWS + b'1"2,2,0\n',
    "text after a quote": ROWS + b'"1"x,2,0\n',
    "NaN": ROWS + b"nan,2,0\n",
    "infinity": ROWS + b"inf,2,0\n",
    "minus infinity": ROWS + b"-inf,2,0\n",
    "a number beyond float64": ROWS + b"1e999,2,0\n",
    "an empty cell": ROWS + b",2,0\n",
    "an empty label": ROWS + b"1,2,\n",
    "NaN as a label": ROWS + b"1,2,nan\n",
    "text in a numeric column": ROWS + b"one,2,0\n",
    "a decimal comma": b"0,5;1,5;0\n" * 10,
    "escapes in a numeric column": ROWS + ESCAPES.replace("\r", "").encode() + b",2,0\n",
    "bytes in a numeric column": ROWS + b"\xff\xfe\x80,2,0\n",
    "a long cell": ROWS + b"x" * MIB + b",2,0\n",
    "NUL in a cell": ROWS + b"1\x002,2,0\n",
    "NULs": bytes(1000),
    "UTF-16": ROWS.decode().encode("utf-16"),
    "UTF-16 without a byte order mark": ROWS.decode().encode("utf-16-le"),
    "one column": b"1\n2\n",
    "a third class": ROWS + b"1,2,2\n",
    "classes of one sample each": b"".join(b"1,2,label%d\n" % label for label in range(100_000)),
    "labels with escapes": b"".join(b"1,2,%d\x1b[2J\n" % label for label in range(5)),
    "a header with escapes": ESCAPES.replace("\r", "").encode() + b",b,label\n1,2\n",
    "one class": b"1,2,0\n" * 10,
    "one sample": b"1,2,0\n",
    "gzip's magic number alone": b"\x1f\x8b",
    "gzip of another method": b"\x1f\x8b\x01" + gzip.compress(ROWS, mtime=0)[3:],
}
GOOD_CSV = {
    "a byte order mark": b"\xef\xbb\xbf" + ROWS,
    "carriage returns": ROWS.replace(b"\n", b"\r\n"),
    "no newline at the end": ROWS[:-1],
    "a header": b"a,b,label\n" + ROWS,
    "a header with line breaks": b'"a\nb",b,label\n' + ROWS,
    "tabs": ROWS.replace(b",", b"\t"),
    "gzip": gzip.compress(ROWS, mtime=0),
    "gzip in members": gzip.compress(ROWS, mtime=0) + gzip.compress(ROWS, mtime=0),
    "gzip in many members": b"".join(gzip.compress(line + b"\n", mtime=0) for line in ROWS.splitlines()),
    "gzip that is larger than its content": gzip.compress(ROWS[:20], mtime=0),
    "gzip with an empty member at its end": gzip.compress(ROWS, mtime=0) + gzip.compress(b"", mtime=0),
    "gzip with an empty member": gzip.compress(b"", mtime=0) + gzip.compress(ROWS, mtime=0),
}


def bomb(start, chunk, chunks, members=False):
    """gzip of `start` and many times `chunk`: it is compressed once, and its bytes are repeated."""
    if members:
        return gzip.compress(start + chunk, mtime=0) + gzip.compress(chunk, mtime=0) * (chunks - 1)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = deflate.compress(start) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(chunk) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.crc32(start)
    for _ in range(chunks):
        checksum = zlib.crc32(chunk, checksum)
    end = struct.pack("<II", checksum, (len(start) + chunks * len(chunk)) & MOST)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + first + block * chunks + deflate.flush() + end


def png(height, width, rows, chunks=(), interlaced=0):
    """A grey picture; `rows` with the byte of its filter before each."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*one) for one in chunks)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def archive(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


class Data(Hostile):
    def setUp(self):
        super().setUp()
        self.write("images", IMAGES)
        self.write("labels", LABELS)
        self.write("features", FEATURES)
        self.write("classes", CLASSES)

    def read(self, kind, name="data"):
        """Makes the config read `name` as that kind."""
        data = {"images": {"kind": "idx", "images": name, "labels": "labels"},
                "labels": {"kind": "idx", "images": "images", "labels": name},
                "features": {"kind": "npy", "file": name, "labels": "classes"},
                "classes": {"kind": "npy", "file": "features", "labels": name},
                "csv": {"kind": "csv", "file": name}}[kind]
        self.write("c.json", config(data))

    def refuse_all(self, kind, table, says=""):
        self.read(kind)
        for name, content in table.items():
            self.write("data", content)
            with self.case(name, kind=kind):
                self.refuse(RUN, says=says)

    def refuse_truncated(self, kind, content):
        self.read(kind)
        for size in range(len(content)):
            self.write("data", content[:size])
            with self.case(kind, size=size):
                # Not for the size that its last bytes happen to declare.
                self.refuse(RUN, says="data:")

    def test_good_files_are_accepted(self):
        for kind, name in (("images", "images"), ("features", "features")):
            self.read(kind, name)
            with self.case(kind):
                self.accept(RUN)
        self.read("csv")
        for name, content in GOOD_CSV.items():
            self.write("data", content)
            with self.case(name):
                self.accept(RUN)

    def test_idx_files_that_lie_are_refused(self):
        self.refuse_all("images", BAD_IMAGES)
        self.refuse_all("labels", BAD_LABELS)

    def test_npy_files_that_lie_are_refused(self):
        self.refuse_all("features", BAD_FEATURES)

    def test_csv_files_that_make_no_sense_are_refused(self):
        self.refuse_all("csv", BAD_CSV)

    def test_files_that_end_too_early_are_refused_wherever_they_end(self):
        self.refuse_truncated("images", IMAGES)
        self.refuse_truncated("labels", LABELS)
        self.refuse_truncated("features", FEATURES)
        self.refuse_truncated("classes", CLASSES)
        self.refuse_truncated("csv", gzip.compress(ROWS, mtime=0))

    def test_damaged_gzip_is_refused(self):
        packed = gzip.compress(ROWS, mtime=0)
        self.refuse_all("csv", {
            "another checksum": packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:],
            "another length": packed[:-4] + bytes([packed[-4] ^ 1]) + packed[-3:],
            "reserved flags": packed[:3] + b"\xe0" + packed[4:],
            "a broken block": packed[:10] + b"\xff" + packed[11:],
            "gzip of gzip": gzip.compress(packed, mtime=0),
        }, says="data:")
        # A trailer that promises 4 GB may be believed.
        self.refuse_all("csv", {"a length beyond the memory": packed[:-1] + b"\xff"})

    def test_garbage_after_gzip_is_not_passed_over(self):
        packed = gzip.compress(ROWS, mtime=0)
        self.refuse_all("csv", {"text": packed + b"1,2,0\n", "bytes": packed + b"\xff" * 100,
                                "text that looks like a small length": packed + b"garbage\xff\1\0\0",
                                "half a member": packed + packed[:20]}, says="data:")

    def test_bombs_with_small_headers_are_refused_at_their_end(self):
        zeros = bytes(MIB)
        for kind, start in (("images", IMAGES), ("features", FEATURES)):
            self.write("data", bomb(start, zeros, BOMB_BYTES // MIB))
            self.read(kind)
            with self.case(kind):
                self.refuse(RUN, says="more bytes follow")

    def test_bombs_with_large_headers_are_refused_up_front(self):
        zeros = bytes(MIB)
        for kind, start in (("images", idx((2**20, 2**10, 2**10))), ("features", npy("(1048576, 1048576)", b"")),
                            ("features", npy("(2, 549755813888)", b""))):
            self.write("data", bomb(start, zeros, BOMB_BYTES // MIB))
            self.read(kind)
            with self.case(kind):
                self.refuse(RUN, says="of memory")

    @unittest.skipIf(SANITIZED, "there is no limit")
    def test_bombs_of_text_are_refused_up_front_or_end_with_the_memory(self):
        rows = b"0,0,0\n" * (MIB // 6)
        self.read("csv")
        self.write("data", bomb(b"", rows, BOMB_BYTES // len(rows)))
        with self.subTest("one member"):
            self.refuse(RUN, says="of memory")
        self.write("data", bomb(b"", rows, BOMB_BYTES // len(rows), members=True))
        with self.subTest("many members"):
            self.refuse(RUN, code=(1, 2), says="memory", memory=ALL)
        self.write("data", bomb(b"", b"0," * (MIB // 2), BOMB_BYTES // MIB))
        with self.subTest("one line"):
            self.refuse(RUN, says="longer than 64.0 MiB", memory=ALL)

    def test_tables_of_any_size_are_inspected_in_bounded_memory(self):
        same = bomb(b"", b"0,0,0\n" * (MIB // 6), 40)
        # Every value is another one: 600,000 rows, of which a table's columns remember a part.
        rows = b"".join(b"%d,text number %d,%d.5\n" % (row, row, row % 3000) for row in range(600_000))
        wide = b",".join(b"%d" % cell for cell in range(200_000)) + b"\n"
        for name, content in {"many rows": same, "many values": rows, "many columns": wide * 20}.items():
            self.write("data.csv", content)
            with self.case(name):
                self.assertEqual(self.start(["inspect", "data.csv"], memory=INSPECTED).code, 0)
                # There may be no label in it.
                self.assertIn(self.start(["init", "-", "--data", "data.csv", "-q"], memory=INSPECTED).code, (0, 2))

    def test_counts_are_compared_before_values_are_read(self):
        # What is good in itself, fits into memory, and would be unpacked for nothing.
        zeros = bytes(MIB)
        for kind, chunks, start in (("images", 300, idx((300, 2**10, 2**10))), ("labels", 30, idx((30 * MIB,))),
                                    ("features", 300, npy("(300, 1048576)", b"", "'|u1'")),
                                    ("classes", 30, npy("(31457280,)", b"", "'|u1'"))):
            self.write("data", bomb(start, zeros, chunks))
            self.read(kind)
            with self.case(kind):
                self.refuse(RUN, says="both have to agree")

    def test_pictures_that_lie_or_are_damaged_are_refused(self):
        os.makedirs(self.path("p/a"))
        os.makedirs(self.path("p/b"))
        good = png(2, 3, bytes(range(8)))
        self.write("p/a/1.png", good)
        self.write("p/b/1.png", good)
        self.write("c.json", config({"kind": "images", "train": "p", "channels": 1}))
        first = self.start(RUN, may_write=("runs",))
        shutil.rmtree(self.path("runs"), ignore_errors=True)
        if b"this build reads no PNG" in first.err:
            self.skipTest("this build reads no pictures")
        self.assertEqual(first.code, 0, first.err)
        for size in range(len(good)):
            self.write("p/b/1.png", good[:size])
            with self.case("cut off", size=size):
                self.refuse(RUN, says="p/b/1.png:")
        for place in range(len(good)):
            damaged = bytearray(good)
            damaged[place] ^= 0xFF
            self.write("p/b/1.png", bytes(damaged))
            with self.case("damaged", place=place):
                self.survive(RUN, may_write=("runs",))
                shutil.rmtree(self.path("runs"), ignore_errors=True)
        jpeg = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")  # the rest is not there
        huge = b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xd9"
        wide = b"\xff\xd8\xff\xc2\x00\x0b\x08\x1f\x00\x1f\x00\x01\x01\x11\x00"
        for name, content in {"another format": b"GIF89a" + bytes(100), "text": b"1,2,3\n", "nothing": b"",
                              "escapes": EVIL.encode(), "sizes that overflow": png(2**31 - 1, 2**31 - 1, b""),
                              "a size of nothing": png(0, 0, b""), "a negative size": png(2**32 - 1, 1, b""),
                              "a bomb that is none": png(8000, 8000, bytes(100)),
                              "a bomb": png(2**15, 2**15, bytes(64 * MIB)),
                              "more than is declared": png(2, 3, bytes(64 * MIB)) + bytes(9),
                              "a bomb in passes": png(8000, 8000, bytes(8001 * 2000), interlaced=1),
                              "a bomb of a profile": png(2, 4, bytes(10), [(b"iCCP", b"p\0\0" + zlib.compress(bytes(64 * MIB)))]),
                              "a bomb of text": png(2, 4, bytes(10), [(b"zTXt", b"p\0\0" + zlib.compress(bytes(64 * MIB)))]),
                              "only a start": jpeg, "sizes beyond all": huge, "progressive, and large": wide}.items():
            self.write("p/b/1.png", content)
            with self.case(name):
                if name == "more than is declared":  # what follows a picture is passed over
                    self.survive(RUN, may_write=("runs",))
                    shutil.rmtree(self.path("runs"), ignore_errors=True)
                else:
                    self.refuse(RUN, says="p/b/1.png: ")

    def test_folders_and_lists_of_pictures_that_make_no_sense_are_refused(self):
        self.write("c.json", config({"kind": "images", "train": "p"}))
        os.makedirs(self.path("p/a"))
        with self.case("a class without pictures"):
            self.refuse(RUN, says="p/a: ")
        os.makedirs(self.path("p/a/1.png"))
        with self.case("a folder that is called like a picture"):
            self.refuse(RUN, says="p/a: ")
        os.mkfifo(self.path("p/a/2.png"))
        with self.case("a pipe that nobody writes to"):
            self.refuse(RUN, says="p/a/2.png")
        os.remove(self.path("p/a/2.png"))
        os.symlink("2.png", self.path("p/a/2.png"))
        with self.case("a link to itself"):
            self.refuse(RUN, says="p/a/2.png")
        os.remove(self.path("p/a/2.png"))
        os.symlink("/dev/zero", self.path("p/a/2.png"))
        with self.case("a device without an end"):
            self.refuse(RUN, says="p/a/2.png", memory=ALL)
        os.remove(self.path("p/a/2.png"))
        os.makedirs(self.path("p/a/" + "/".join(["d"] * 900)))
        os.symlink("..", self.path("p/a/up"))
        with self.case("deep folders, and one that leads up"):
            self.refuse(RUN, says="p/a: ")
        os.makedirs(self.path(f"p/{EVIL}"))
        with self.case("a class with escapes in its name"):
            self.refuse(RUN, says="p/")
        self.write("c.json", config({"kind": "images", "train": "list.csv"}))
        for name, content in {"nothing": b"", "no label": b"a.png\n", "too many cells": b"a,b,c\n",
                              "a quote without end": b'"a.png,1\n', "no such picture": b"a.png,1\n",
                              "escapes": f"{EVIL},1\n".encode(), "a directory": b".,1\n",
                              "a NUL": b"a\0.png,1\n", "itself": b"list.csv,1\n", "a picture": b"\x89PNG\r\n\x1a\n"}.items():
            self.write("list.csv", content)
            with self.case(name):
                self.refuse(RUN)

    def test_archives_that_lie_or_are_damaged_are_refused(self):
        good = archive({"x.npy": FEATURES, "y.npy": CLASSES})
        self.write("data", good)
        self.write("c.json", config({"kind": "npz", "file": "data"}))
        first = self.start(RUN, may_write=("runs",))
        shutil.rmtree(self.path("runs"), ignore_errors=True)
        if b"this build reads no zip" in first.err:
            self.skipTest("this build reads no archives")
        self.assertEqual(first.code, 0, first.err)
        for size in range(0, len(good), 5):
            self.write("data", good[:size])
            with self.case("cut off", size=size):
                self.refuse(RUN, says="data:")
        for place in range(0, len(good), 11):
            damaged = bytearray(good)
            damaged[place] ^= 0xFF
            self.write("data", bytes(damaged))
            with self.case("damaged", place=place):
                self.survive(RUN, may_write=("runs",))
                shutil.rmtree(self.path("runs"), ignore_errors=True)
        zeros = bytes(MIB)
        for name, members in {"no array": {"a.txt": b"x"}, "an array of objects": {"x.npy": npy("(2,)", b"12", "'|O'")},
                              "an array that is none": {"x.npy": b"PK", "y.npy": CLASSES},
                              "escapes": {EVIL + ".npy": FEATURES, "b": b""},
                              "more than is declared": {"x.npy": npy("(4, 1)", zeros, "'|u1'"), "y.npy": CLASSES},
                              "less than is declared": {"x.npy": npy("(1048576, 1048576)", b""), "y.npy": CLASSES},
                              "a bomb": {"x.npy": npy("(4, 268435456)", b"", "'|u1'") + zeros * 256, "y.npy": CLASSES},
                              "a small bomb of labels": {"x.npy": FEATURES, "y.npy": npy("(4,)", b"", "'|u1'") + zeros}
                              }.items():
            self.write("data", archive(members))
            with self.case(name):
                self.refuse(RUN, says="data")

    def test_a_line_without_end_is_refused(self):
        self.write_sparse("data", GIB_OF_INPUT)
        self.read("csv")
        with self.subTest("a gigabyte of NULs"):
            self.refuse(RUN)
        self.read("csv", "/dev/zero")
        with self.subTest("NULs without end"):
            self.refuse(RUN)

    def test_ten_million_columns_do_no_harm(self):
        with open(self.path("data"), "wb") as file:
            for _ in range(20):
                file.write(b"0," * (MIB // 2))
            file.write(b"0\n")
        self.read("csv")
        self.refuse(RUN, code=(1, 2), memory=WIDE)

    def test_what_is_no_file_is_refused(self):
        os.mkdir(self.path("directory"))
        os.symlink("loop", self.path("loop"))
        for kind in ("images", "labels", "features", "classes", "csv"):
            for name in ("directory", ".", "", "loop", "missing", "/dev/null", "/dev/urandom", "/dev/zero", "images/x",
                         "x" * 300, "x" * 10_000, ESCAPES, "a\nb", "a\0b"):
                if kind == "csv" and name == "/dev/zero":
                    continue  # a line without end
                self.read(kind, name)
                with self.case(name, kind=kind):
                    self.refuse(RUN)

    def test_a_pipe_without_a_writer_is_not_waited_for(self):
        os.mkfifo(self.path("pipe"))
        for kind in ("images", "features", "csv"):
            self.read(kind, "pipe")
            with self.case(kind):
                self.refuse(RUN)

    def test_a_pipe_with_a_writer_is_read(self):
        os.mkfifo(self.path("pipe"))
        for kind, content in (("images", IMAGES), ("features", FEATURES), ("csv", ROWS), ("csv", GOOD_CSV["gzip"])):
            self.read(kind, "pipe")
            with self.case(kind), self.filled_pipe(content):
                self.accept(RUN, may_write=("runs", "pipe"))


# ---- weights


def tensors(entries=None, data=None, **more):
    """A safetensors file; `entries` replaces what a good one says of its arrays."""
    header = dict(GOOD_TENSORS if entries is None else entries, **more)
    return packed_header(json.dumps(header), WEIGHTS if data is None else data)


def packed_header(text, data):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def with_first(**changes):
    return {**GOOD_TENSORS, "layers.0.weight": {**GOOD_TENSORS["layers.0.weight"], **changes}}


GOOD_TENSORS = {"layers.0.weight": tensor(0, 24, [3, 2]), "layers.0.bias": tensor(24, 36, [3]),
                "layers.2.weight": tensor(36, 60, [2, 3]), "layers.2.bias": tensor(60, 68, [2])}
WEIGHTS = struct.pack("<17f", *[0.5] * 17)
BAD_WEIGHTS = {
    "nothing": b"",
    "a header of no bytes": struct.pack("<Q", 0),
    "a header of no bytes, and data": struct.pack("<Q", 0) + WEIGHTS,
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + tensors()[8:],
    "a header of 2^64 - 1 bytes": struct.pack("<Q", 2**64 - 1) + tensors()[8:],
    "a header one byte longer than the file": struct.pack("<Q", len(tensors()) - 7) + tensors()[8:],
    "a header that is not JSON": packed_header("no JSON", WEIGHTS),
    "a header that is a list": packed_header("[]", WEIGHTS),
    "a header that is a number": packed_header("7", WEIGHTS),
    "a header that is not UTF-8": packed_header(b'{"\xff\xfe": {}}', WEIGHTS),
    "arrays in arrays": packed_header("[" * DEEP + "]" * DEEP, WEIGHTS),
    "objects in objects": packed_header('{"a":' * DEEP + "1" + "}" * DEEP, WEIGHTS),
    "deep metadata": packed_header('{"__metadata__":' + "[" * DEEP + "]" * DEEP + "}", WEIGHTS),
    "a deep shape": packed_header('{"a": {"shape":' + "[" * DEEP + "]" * DEEP + "}}", WEIGHTS),
    "an array twice": packed_header(json.dumps(GOOD_TENSORS)[:-1] + ', "layers.2.bias": '
                                    + json.dumps(tensor(60, 68, [2])) + "}", WEIGHTS),
    "metadata twice": packed_header(json.dumps({"__metadata__": {"\x1b[2J": "1"}})[:-2] + ', "\\u001b[2J": "2"}}', b""),
    "arrays that overlap": tensors({**GOOD_TENSORS, "layers.0.bias": tensor(20, 32, [3])}),
    "arrays in the same place": tensors({**GOOD_TENSORS, "layers.0.bias": tensor(0, 12, [3])}),
    "a gap": tensors({**GOOD_TENSORS, "layers.2.bias": tensor(64, 72, [2])}, WEIGHTS + bytes(4)),
    "bytes of no array": tensors(data=WEIGHTS + bytes(4)),
    "offsets beyond the data": tensors(with_first(data_offsets=[0, 2**62])),
    "offsets beyond int64": tensors(with_first(data_offsets=[0, 2**63])),
    "offsets beyond uint64": tensors(with_first(data_offsets=[0, 2**64])),
    "offsets below 0": tensors(with_first(data_offsets=[-24, 0])),
    "offsets the wrong way round": tensors(with_first(data_offsets=[24, 0])),
    "three offsets": tensors(with_first(data_offsets=[0, 24, 36])),
    "half an offset": tensors(with_first(data_offsets=[0, 24.5])),
    "a length below 0": tensors(with_first(shape=[-3, -2])),
    "lengths whose product wraps around": tensors(with_first(shape=[3, 2, 2**32, 2**32])),
    "lengths whose product wraps around to the right one": tensors(with_first(shape=[2**62 + 6, 1])),
    "the largest lengths": tensors(with_first(shape=[2**63 - 1] * 64)),
    "too many lengths": tensors(with_first(shape=[1] * 10_000)),
    "lengths of no number": tensors(with_first(shape=["3", "2"])),
    "an unknown element type": tensors(with_first(dtype="F31")),
    "an element type with escapes": tensors(with_first(dtype=ESCAPES)),
    "an element type that is a number": tensors(with_first(dtype=7)),
    "integers": tensors(with_first(dtype="I32")),
    "another shape": tensors(with_first(shape=[2, 3])),
    "an unknown key": tensors(with_first(**{ESCAPES: 1})),
    "an array of no place": tensors({**GOOD_TENSORS, "layers.9.bias": tensor(68, 68, [0])}),
    "an array of no place with escapes": tensors({**GOOD_TENSORS, ESCAPES: tensor(68, 68, [0])}),
    "an array of no place with a long name": tensors({**GOOD_TENSORS, "x" * DEEP: tensor(68, 68, [0])}),
    "no arrays": tensors({}, b""),
    "a missing array": tensors({name: GOOD_TENSORS[name] for name in list(GOOD_TENSORS)[:3]}, WEIGHTS[:60]),
    "metadata that are numbers": tensors(__metadata__={"format": 7}),
    "a number beyond float64": packed_header('{"a": {"shape": [1e999]}}', WEIGHTS),
    "NUL and junk behind the header": packed_header(json.dumps(GOOD_TENSORS) + "\0junk", WEIGHTS),
    "NUL behind the header": packed_header(json.dumps(GOOD_TENSORS) + "\0", WEIGHTS),
    "a blank in front of the header": packed_header(" " + json.dumps(GOOD_TENSORS), WEIGHTS),
    "a description twice": packed_header(json.dumps(GOOD_TENSORS).replace('"dtype"', '"dtype": "F32", "dtype"'),
                                         WEIGHTS),
    "a pickle": b"\x80\x02cos\nsystem\n",
    "a zip archive": b"PK\x03\x04" + bytes(100),
}


class Weights(Hostile):
    def setUp(self):
        super().setUp()
        self.write("c.json", config(network={**NETWORK, "init_from": "weights"}))

    def test_good_weights_are_accepted(self):
        self.write("weights", tensors())
        self.accept(RUN)

    def test_weights_that_lie_are_refused(self):
        for name, content in BAD_WEIGHTS.items():
            self.write("weights", content)
            with self.case(name):
                self.refuse(RUN)

    def test_weights_that_end_too_early_are_refused_wherever_they_end(self):
        content = tensors()
        for size in range(len(content)):
            self.write("weights", content[:size])
            with self.subTest(size=size):
                self.refuse(RUN)

    def test_what_is_no_file_is_refused(self):
        os.mkdir(self.path("directory"))
        os.symlink("loop", self.path("loop"))
        os.mkfifo(self.path("pipe"))
        for name in ("directory", "", "loop", "missing", "pipe", "/dev/zero", "/dev/null", "x" * 300, ESCAPES, "a\0b"):
            self.write("c.json", config(network={**NETWORK, "init_from": name}))
            with self.case(name):
                self.refuse(RUN)

    def test_a_header_of_a_gigabyte_is_not_read(self):
        self.write_sparse("weights", GIB_OF_INPUT, start=struct.pack("<Q", GIB_OF_INPUT - 8) + b'{"a": "')
        self.refuse(RUN)

    def test_data_of_a_gigabyte_are_not_read_for_nothing(self):
        self.write_sparse("weights", GIB_OF_INPUT, start=tensors(data=b""))
        self.refuse(RUN)

    def test_weights_that_are_not_finite_are_not_passed_over(self):
        for value in (float("nan"), float("inf"), -float("inf")):
            self.write("weights", tensors(data=struct.pack("<17f", value, *[0.5] * 16)))
            with self.case(value):
                ended = self.start(["run", "c.json"], may_write=("runs",))
                if ended.code == 0:
                    self.assertIn(b"Failed at step 0", ended.out)
                    self.assertEqual(self.start([*RUN, "--force", "--strict"], may_write=("runs",)).code, 1)
                else:
                    self.check_refusal(ended, 2)
                shutil.rmtree(self.path("runs"), ignore_errors=True)


# ---- runs that go on


ENDLESS = {"train": {"steps": 100_000_000, "batch_size": 2},
           "record": {"every": 1000, "census": 1000, "checkpoint_every": 500}}


def stop_when(arguments, directory, condition):
    """Starts a run, and ends it with SIGTERM as soon as the condition holds."""
    process = subprocess.Popen([PROGRAM, *arguments], cwd=directory)
    end = time.monotonic() + PATIENCE
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.terminate()
    assert process.wait(PATIENCE) in (-signal.SIGTERM, 128 + signal.SIGTERM), process.returncode


class Resumption(Hostile):
    @classmethod
    def setUpClass(cls):
        """A run that was stopped, with its checkpoint."""
        kept = tempfile.TemporaryDirectory()
        cls.addClassCleanup(kept.cleanup)
        cls.stopped = os.path.join(kept.name, "run")
        with open(os.path.join(kept.name, "c.json"), "w", encoding="utf-8") as file:
            file.write(config(**ENDLESS))
        checkpoint = os.path.join(cls.stopped, "checkpoint.safetensors")
        stop_when(["run", "c.json", "-q", "-o", "run"], kept.name, lambda: os.path.exists(checkpoint))
        with open(checkpoint, "rb") as file:
            cls.checkpoint = file.read()
        with open(os.path.join(cls.stopped, "manifest.json"), encoding="utf-8") as file:
            cls.manifest = json.load(file)

    def setUp(self):
        super().setUp()
        shutil.copytree(self.stopped, self.path("run"))

    def test_the_checkpoint_that_is_damaged_here_is_good(self):
        steps = self.path("run/steps.csv")
        size = os.path.getsize(steps)
        stop_when(["run", "--resume", "run", "-q"], self.work, lambda: os.path.getsize(steps) > size)

    def refuse_to_resume(self):
        self.refuse(["run", "--resume", "run", "-q"], may_write=("run/.lock",))

    def test_a_checkpoint_that_ends_too_early_is_refused(self):
        for size in range(0, len(self.checkpoint), 97):
            self.write("run/checkpoint.safetensors", self.checkpoint[:size])
            with self.subTest(size=size):
                self.refuse_to_resume()

    def test_a_checkpoint_with_one_wrong_byte_is_refused(self):
        for place in range(0, len(self.checkpoint), 97):
            for mask in (0x01, 0xFF):
                damaged = bytearray(self.checkpoint)
                damaged[place] ^= mask
                self.write("run/checkpoint.safetensors", bytes(damaged))
                with self.subTest(place=place, mask=mask):
                    self.refuse_to_resume()

    def test_what_is_no_checkpoint_is_refused(self):
        for name, content in {**BAD_WEIGHTS, "weights": tensors(), "weights of that name":
                              tensors(__metadata__={"reluscope_checkpoint": "1"})}.items():
            self.write("run/checkpoint.safetensors", content)
            with self.case(name):
                self.refuse_to_resume()
        os.remove(self.path("run/checkpoint.safetensors"))
        os.mkdir(self.path("run/checkpoint.safetensors"))
        with self.subTest("a directory"):
            self.refuse_to_resume()

    def test_a_checkpoint_of_another_run_is_refused(self):
        for name, changes in {"another network": {"network": {"layers": [{"units": 5}, {"units": 2}]}},
                              "another seed": {"seed": 1},
                              "other data": {"data": {**MOONS, "noise": 0.5}}}.items():
            changed = {**self.manifest, "config": {**json.loads(config(**ENDLESS)), **changes}}
            self.write("run/manifest.json", json.dumps(changed))
            with self.case(name):
                self.refuse_to_resume()

    def test_a_manifest_that_makes_no_sense_is_refused(self):
        good = self.manifest
        for name, content in {
                "nothing": "", "a list": "[]", "not JSON": "no JSON", "nesting": "[" * DEEP + "]" * DEEP,
                "nesting in the config": '{"config": {"a": ' + "[" * 4 * DEEP + "]" * 4 * DEEP + "}}",
                "NULs": bytes(100), "an empty object": "{}", "no config": json.dumps({**good, "config": None}),
                "an empty config": json.dumps({**good, "config": {}}),
                "a config with a fault": json.dumps({**good, "config": {**good["config"], "seed": -1}}),
                "a config with a fault, of a file with escapes":
                    json.dumps({**good, "config_file": ESCAPES, "config": {**good["config"], "seed": -1}}),
                "a config with a fault, of a file with a long name":
                    json.dumps({**good, "config_file": "x" * DEEP, "config": {**good["config"], "seed": -1}}),
                "a config with escapes as an unknown key":
                    json.dumps({**good, "config": {**good["config"], ESCAPES: 1}})}.items():
            self.write("run/manifest.json", content)
            with self.case(name):
                self.refuse_to_resume()

    def test_traces_that_are_shorter_than_they_were_are_refused(self):
        for table in ("steps.csv", "layers.csv", "census.csv", "events.jsonl"):
            with open(self.path(f"run/{table}"), "rb") as file:
                content = file.read()
            with self.case(table, shorter=True):
                self.write(f"run/{table}", content[:len(content) // 2])
                self.refuse(["run", "--resume", "run", "-q"], code=1, may_write=("run",))
            with self.case(table, missing=True):
                os.remove(self.path(f"run/{table}"))
                self.refuse(["run", "--resume", "run", "-q"], code=1, may_write=("run",))
            shutil.rmtree(self.path("run"))
            shutil.copytree(self.stopped, self.path("run"))

    def test_where_there_is_no_run_there_is_nothing_to_go_on_with(self):
        os.remove(self.path("run/manifest.json"))
        self.refuse_to_resume()
        self.write("file", "")
        for name, code in (("file", 1), ("missing", 2), ("", (1, 2)), ("x" * 300, 1), (ESCAPES, 2), (b"\xff", 2)):
            with self.case(name):
                self.refuse(["run", "--resume", name, "-q"], code=code)


# ---- records


READERS = {"diagnose": ["diagnose", "run"], "report": ["report", "run", "-o", "page.html", "-q"],
           "export": ["export", "run", "-o", "events", "-q"], "prune": ["prune", "run", "-o", "smaller", "-q"]}
# And what reads no table.
ASKED = {**READERS, "census": ["census", "run", "-o", "seen", "-q"]}
OUTPUTS = ("page.html", "events", "smaller", "seen")
JOIN = ["export", "run", "--to", "csv", "-o", "joined.csv", "-q"]
GARBAGE = {
    "bytes": bytes(range(256)) * 10,
    "NULs": bytes(1000),
    "UTF-16": "step,layer\n1,1\n".encode("utf-16"),
    "another header": b"a,b,c\n1,2,3\n",
    "a header with escapes": ESCAPES.encode() + b",b\n",
    "a long header": b"x" * DEEP + b",b\n",
    "an unclosed quote": b'step,epoch,layer\n"1,2,3\n',
    "a row too long": b"step,epoch,layer\n1,2,3,4\n",
    "a row too short": b"step,epoch,layer\n1\n",
    "text for a number": b"step,epoch,layer\none,2,3\n",
    "escapes for a number": b"step,epoch,layer\n\x1b[2J\xff\x07,2,3\n",
    "much text for a number": b"step,epoch,layer\n" + b"x" * DEEP + b",2,3\n",
    "an integer beyond int64": b"step,epoch,layer\n9223372036854775808,2,3\n",
    "a million columns of no name": b"," * 10**6 + b"\n",
}
EVENTS = {
    "not JSON": b"no JSON\n{}\n", "a list": b"[]\n{}\n", "no event": b"{}\n",
    "nesting": b"[" * DEEP + b"]" * DEEP + b"\n{}\n", "bytes": bytes(range(256)) + b"\n{}\n",
    "a step that is text": b'{"event": "death", "step": "1", "layer": 1, "unit": 0}\n',
    "an event that is a number": b'{"event": 7, "step": 1, "layer": 1, "unit": 0}\n',
    "a step beyond int64": b'{"event": "died", "step": 18446744073709551615, "layer": 1, "unit": 0}\n',
    "a step twice": b'{"event": "died", "step": 1, "step": 2, "layer": 1, "unit": 0}\n',
    "NUL behind an event": b'{"event": "died", "step": 1, "layer": 1, "unit": 0}\0junk\n',
    "a line without end": b'{"event": "died", "step": 1, "x": [' + b"0," * (15 * MIB) + b"0]}\n",
    "gzip": gzip.compress(b'{"event": "died", "step": 1, "layer": 1, "unit": 0}\n', mtime=0),
}
DOCUMENTS = {
    "nothing": b"", "not JSON": b"no JSON", "a list": b"[]", "a number": b"7", "NULs": bytes(100),
    "nesting": b"[" * DEEP + b"]" * DEEP, "nesting that is never closed": b"[" * DEEP,
    "bytes": bytes(range(256)),
    "NUL and junk behind it": b"{}\0junk", "a key twice": b'{"status": "done", "status": "running"}',
    # Each is looked for among those before it.
    "a hundred thousand keys": json.dumps({f"key{key}": 0 for key in range(100_000)}).encode(),
}
ODD_MANIFESTS = {
    "null": b"null",
    "a config that is a list": b'{"config": []}',
    "a config that is text": b'{"config": "x", "config_file": 7}',
    "thresholds that are a list": b'{"config": {"diagnose": [], "seed": "x"}, "name": 7, "status": 7}',
    "a rule that is a list": b'{"config": {"diagnose": {"dying-units": [1]}}, "name": [], "timings": 7}',
    "thresholds that are text": b'{"config": {"diagnose": {"dying-units": {"notice": "x"}}}}',
    "invalid UTF-8": b'{"config": {"diagnose": {}}, "name": "\xff"}',
}
# Numbers that a table can hold, and no run has.
EXTREMES = ["9223372036854775807", "-9223372036854775808", "0", "-1", "1000000000000"]


class Records(Hostile):
    @classmethod
    def setUpClass(cls):
        kept = tempfile.TemporaryDirectory()
        cls.addClassCleanup(kept.cleanup)
        cls.good = os.path.join(kept.name, "run")
        with open(os.path.join(kept.name, "c.json"), "w", encoding="utf-8") as file:
            file.write(config(train={"steps": 10}, record={"every": 1}))
        subprocess.run([PROGRAM, "run", "c.json", "-q", "-o", "run", "--save-weights"], cwd=kept.name, check=True)

    def setUp(self):
        super().setUp()
        self.restore()

    def restore(self):
        shutil.rmtree(self.path("run"), ignore_errors=True)
        shutil.copytree(self.good, self.path("run"))

    def refuse_by(self, readers, name, content, code=2):
        self.write(f"run/{name}", content)
        for reader in readers:
            with self.case(name, reader=reader):
                self.refuse(ASKED[reader], code=code)

    def survive_by(self, readers, name, content):
        self.write(f"run/{name}", content)
        for reader in readers:
            with self.case(name, reader=reader):
                self.survive(READERS[reader], may_write=OUTPUTS)
                for output in OUTPUTS:
                    shutil.rmtree(self.path(output), ignore_errors=True)

    def test_good_records_are_read(self):
        for reader, arguments in ASKED.items():
            with self.case(reader):
                ended = self.start(arguments, may_write=OUTPUTS)
                self.assertEqual(ended.code, 0, ended.err)

    def test_garbage_in_a_table_is_refused(self):
        for table in ("steps.csv", "layers.csv", "census.csv", "units.csv"):
            for name, content in GARBAGE.items():
                if table == "units.csv":
                    content = content.replace(b"step,", b"unit,")
                with self.case(name):
                    self.refuse_by([reader for reader in READERS if reader != "prune" or table == "units.csv"], table,
                                   content)
            self.restore()

    def test_garbage_in_a_lone_table_is_refused(self):
        for name, content in {**GARBAGE, "nothing": b"", "a header alone": b"step,loss\n"}.items():
            self.write("table.csv", content)
            with self.case(name):
                self.refuse(["diagnose", "table.csv"])

    def test_tables_of_nothing_but_a_header_are_nothing_to_read(self):
        for table in ("steps.csv", "layers.csv", "census.csv"):
            with open(self.path(f"run/{table}"), "rb") as file:
                header = file.readline()
            self.survive_by(READERS, table, header)
        for reader in ("diagnose", "report", "export"):
            with self.case(reader):
                self.refuse(READERS[reader])

    def test_rows_in_which_nothing_stands_do_no_harm(self):
        for table in ("steps.csv", "layers.csv", "census.csv", "units.csv"):
            with open(self.path(f"run/{table}"), "rb") as file:
                header = file.readline()
            self.survive_by(READERS, table, header + 3 * (header.count(b",") * b"," + b"\n"))
            self.restore()

    def test_numbers_that_no_run_has_do_no_harm(self):
        for table, column in (("layers.csv", "layer"), ("layers.csv", "step"), ("layers.csv", "units"),
                              ("layers.csv", "batch_dead"), ("census.csv", "layer"), ("census.csv", "units"),
                              ("census.csv", "dead"), ("units.csv", "layer"), ("units.csv", "unit"),
                              ("steps.csv", "step")):
            with open(self.path(f"run/{table}"), encoding="utf-8") as file:
                lines = [line.split(",") for line in file.read().splitlines()]
            place = lines[0].index(column)
            for extreme in EXTREMES:
                changed = [lines[0], *([*line[:place], extreme, *line[place + 1:]] for line in lines[1:])]
                # The page's charts take a second: the extremes of int64 are enough for it.
                readers = [name for name in READERS if name != "report" or extreme == EXTREMES[0]]
                with self.case(table, column=column, extreme=extreme):
                    self.survive_by(readers, table, "\n".join(",".join(line) for line in changed) + "\n")
            self.restore()

    def test_what_is_no_regular_file_is_refused_in_a_run(self):
        """A run may come from a stranger, with a pipe in it that waits or a device that never ends."""
        readers = {**ASKED, "watch": ["watch", "run"], "resume": ["run", "--resume", "run", "-q"], "join": JOIN}
        tables = ("steps.csv", "layers.csv", "census.csv", "units.csv")
        reads = {"diagnose": (*tables, "theory.csv", "features.csv", "sites.csv", "manifest.json", "summary.json"),
                 "export": (*tables, "theory.csv", "features.csv", "sites.csv"), "join": ("steps.csv", "manifest.json"),
                 "report": (*tables, "theory.csv", "features.csv", "sites.csv", "manifest.json", "summary.json", "events.jsonl"),
                 "prune": ("manifest.json", "units.csv", "weights.safetensors"),
                 "census": ("manifest.json", "weights.safetensors"), "watch": (*tables, "manifest.json"),
                 "resume": ("manifest.json", "summary.json", "checkpoint.safetensors")}
        for kind, put in (("a pipe", os.mkfifo), ("a device", lambda path: os.symlink("/dev/zero", path)),
                          ("a directory", os.mkdir), ("a link to nowhere", lambda path: os.symlink("nowhere", path))):
            for reader, names in reads.items():
                for name in names:
                    self.restore()
                    self.remove([f"run/{name}"])
                    put(self.path(f"run/{name}"))
                    with self.case(name, reader=reader, kind=kind):
                        self.refuse(readers[reader], says=name, may_write=("run/.lock",))

    def test_runs_are_joined_or_refused_whatever_one_of_them_holds(self):
        shutil.copytree(self.good, self.path("other"))
        # Settings that no name can hold: 40,000 columns of one name.
        strange = {chr(0x100 + at): 7 for at in range(200)}
        manifest = {"seed": [], "config": {chr(0x100 + at): strange for at in range(200)}}
        for name, contents in (("steps.csv", GARBAGE), ("manifest.json", {**DOCUMENTS, "names": json.dumps(manifest)})):
            for kind, content in contents.items():
                self.write(f"run/{name}", content)
                with self.case(name, kind=kind):
                    self.survive([*JOIN, "other"], may_write=("joined.csv",))
            self.restore()

    def test_a_link_to_a_regular_file_is_read(self):
        os.rename(self.path("run/steps.csv"), self.path("elsewhere"))
        os.symlink("../elsewhere", self.path("run/steps.csv"))
        self.assertEqual(self.start(READERS["diagnose"]).code, 0)

    def test_packed_tables_are_not_unpacked_in_a_run(self):
        for table in ("steps.csv", "layers.csv", "census.csv", "units.csv"):
            with open(self.path(f"run/{table}"), "rb") as file:
                content = file.read()
            with self.case(table):
                self.refuse_by(("diagnose", "report"), table, gzip.compress(content, mtime=0))
            self.restore()

    def test_garbage_in_the_events_is_refused(self):
        for name, content in EVENTS.items():
            with self.case(name):
                self.refuse_by(("report",), "events.jsonl", content)

    def test_garbage_in_the_documents_is_refused(self):
        for name, content in DOCUMENTS.items():
            with self.case(name):
                self.refuse_by(("diagnose", "report", "prune", "census"), "manifest.json", content)
            self.restore()
            with self.case(name):
                self.survive_by(("report",), "summary.json", content)
            self.restore()

    def test_documents_of_another_kind_do_no_harm(self):
        for name, content in ODD_MANIFESTS.items():
            with self.case(name):
                self.survive_by(("diagnose", "report"), "manifest.json", content)
                self.refuse_by(("prune", "census"), "manifest.json", content)

    def test_weights_that_lie_are_not_pruned_or_counted(self):
        for name, content in BAD_WEIGHTS.items():
            with self.case(name):
                self.refuse_by(("prune", "census"), "weights.safetensors", content)

    def test_where_there_is_no_run_there_is_nothing_to_read(self):
        os.mkdir(self.path("empty"))
        self.write("file", "")
        os.symlink("loop", self.path("loop"))
        for reader, (command, _, *rest) in READERS.items():
            for name in ("empty", "file", "missing", "", "loop", "/dev/null", "x" * 300, ESCAPES, b"\xff"):
                with self.case(name, reader=reader):
                    self.refuse([command, name, *rest])

    def test_an_ended_run_that_cannot_be_read_is_not_watched_in_silence(self):
        shutil.rmtree(self.path("run"))
        os.mkdir(self.path("run"))
        self.write("run/manifest.json", '{"status": "done"}')
        for name, content in {"nothing": b"", **GARBAGE}.items():
            self.write("run/steps.csv", content)
            with self.case(name):
                self.refuse(["watch", "run"])

    def test_a_run_whose_manifest_is_garbage_is_not_watched_for_ever(self):
        for name, content in (("not JSON", "no JSON"), ("a list", "[]"), ("a status of no text", '{"status": 7}')):
            self.write("run/manifest.json", content)
            with self.case(name):
                self.refuse(["watch", "run", "-q"])
        for name in ("missing", "", ESCAPES, b"\xff"):
            with self.case(name):
                self.refuse(["watch", name])

    def test_where_nobody_writes_a_run_nothing_is_watched_for_ever(self):
        os.mkdir(self.path("empty"))
        self.refuse(["watch", "empty"], says="none is about to begin")
        self.write("empty/.lock", "")
        self.refuse(["watch", "empty"], says="none is about to begin")
        self.write("run/manifest.json", '{"status": "running"}')
        for change, says in ((lambda path: None, b"stopped: "), (os.remove, b"not running here: "),
                             (os.mkfifo, b"stopped: ")):
            change(self.path("run/.lock"))
            ended = self.start(["watch", "run"])
            self.assertEqual((ended.code, ended.err), (0, b""))
            self.assertTrue(ended.out.startswith(says), ended.out)


# ---- what a terminal is shown


class Terminal(Hostile):
    """Every command, with names that command a terminal: what it says on either stream can be shown and read."""

    def setUp(self):
        super().setUp()
        self.write("c.json", config(train={"steps": 10}, record={"every": 1}, network={
            "layers": [{"units": 3, "activation": "relu", "init": {"bias": {"name": "constant", "value": -9}}},
                       {"units": 2}]}))
        self.check(["run", "c.json", "-o", "run", "--save-weights"])

    def check(self, arguments, codes=(0,)):
        with self.case(arguments):
            ended = start_and_wait(arguments, self.work)
            self.assertIn(ended.code, codes, ended.err)
            self.check_text(ended.out)
            self.check_text(ended.err)
            return ended.out + ended.err

    def change_manifest(self, **members):
        with open(self.path("run/manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.write("run/manifest.json", json.dumps({**manifest, **members}))

    def test_names_of_layers(self):
        for table in ("layers.csv", "census.csv", "units.csv", "theory.csv"):
            with open(self.path(f"run/{table}"), encoding="utf-8", newline="") as file:
                text = file.read()
            self.write(f"run/{table}", re.sub("dense([0-9])", lambda found: f'"{EVIL}{found[1]}äöü"', text))
        for command in (["diagnose", "run"], ["diagnose", "run", "--markdown"], ["watch", "run"],
                        ["report", "run", "-o", "page.html"], ["export", "run", "-o", "events"], ["prune", "run"]):
            said = self.check(command)
            if command[0] == "diagnose":
                self.assertIn("äöü".encode(), said)

    def test_a_manifest(self):
        self.change_manifest(**{key: EVIL for key in ("status", "name", "version", "host", "config_file", "started")})
        for command in (["diagnose", "run"], ["watch", "run"], ["report", "run", "-o", "page.html"],
                        ["export", "run", "-o", "events"], ["prune", "run"], ["run", "--resume", "run"]):
            self.check(command, codes=(0, 1, 2))
        self.change_manifest(config={EVIL: EVIL})
        for command in (["prune", "run"], ["census", "run"], ["run", "--resume", "run"]):
            self.check(command, codes=(2,))

    def test_paths(self):
        self.write("s.json", json.dumps({"config": "c.json", "seeds": 2}))
        for name in (EVIL, os.fsencode(EVIL) + b"\xff\xc3", "x" * 200 + "\u202e"):
            name = os.fsencode(name)
            here = os.path.join(os.fsencode(self.work), name)
            shutil.copytree(os.fsencode(self.path("run")), here)
            shutil.copy(os.fsencode(self.path("c.json")), here + b".json")
            with open(here + b".csv", "wb") as file:
                file.write(b"1,2," + EVIL.replace("\r", "").encode() + b"\n3,4,b\n")
            for command in (["diagnose", name], ["watch", name], ["report", name, "-o", name + b".html"],
                            ["export", name, "-o", name + b".events"], ["prune", name, "-o", name + b".pruned"],
                            ["census", name, "-o", name + b".seen"],
                            ["run", name + b".json", "-o", name + b".run"], ["run", "--resume", name],
                            ["validate", name + b".json"], ["theory", name + b".json"], ["inspect", name + b".csv"],
                            ["inspect", name + b"/weights.safetensors"], ["init", name + b".new"],
                            ["compare", "c.json", "--vary", "seed=1,2", "--seeds", "1", "-o", name + b".out"],
                            ["sweep", "s.json", "-o", name + b".sweep"], ["merge", name],
                            ["prescribe", name + b".json", "--budget", "3", "--seeds", "3", "--write", name + b".w"],
                            ["curves", "relu", "--plot", name + b".svg"]):
                self.check(command, codes=(0, 2))

    def test_labels_and_weights(self):
        self.write("weights", tensors({**GOOD_TENSORS, f"{EVIL}bias": GOOD_TENSORS["layers.2.bias"],
                                       "__metadata__": {EVIL: EVIL}} | {"layers.2.bias": tensor(68, 68, [0])}))
        self.check(["inspect", "weights"])



# ---- arguments


ODD_WORDS = ["", " ", "-", "--", "---", "-x", "--x", "--=", "--out", "--out=", "-o", ESCAPES, f"-{ESCAPES}",
             f"--{ESCAPES}", f"--threads={ESCAPES}", "a\nb", b"\xff", b"-\xff", b"--\xff\xfe", b"--threads=\xff",
             "x" * 100_000, "-" + "x" * 100_000, "--" + "x" * 100_000, "--threads=" + "9" * 100_000, "\u202e", "%s%n%n",
             "{}", "{0:9999}"]
COMMANDS = ["run", "validate", "theory", "diagnose", "compare", "sweep", "merge", "prescribe", "census", "prune", "report",
            "watch", "export", "curves", "init", "completion", "schema"]
NUMBERS = ["", "-1", "0", "99999999999999999999", "nan", "9" * 100_000, ESCAPES, b"\xff"]


class Arguments(Hostile):
    def test_what_is_no_command_is_refused(self):
        for word in ODD_WORDS:
            if word == "--":  # no command at all, which is answered with the help
                continue
            with self.case(word):
                self.refuse([word])

    def test_what_no_command_takes_is_refused(self):
        for command in COMMANDS:
            for word in ODD_WORDS:
                with self.case(word, command=command):
                    self.refuse([command, "--no-such-option", word])

    def test_words_that_are_taken_for_names_are_refused(self):
        self.write("c.json", GOOD)
        for word in (ESCAPES, "a\nb", b"\xff", "x" * 100_000, "%s%n", "{}"):
            for arguments in (["curves", word], ["completion", word], ["compare", "c.json", "--vary", word],
                              ["compare", "c.json", "--vary", b"seed=" + os.fsencode(word)],
                              ["run", "c.json", "--trace", word],
                              ["run", "c.json", "--trace", os.fsencode(word) + b"=-"],
                              ["run", "c.json", "--format", word], ["run", "c.json", "--census", word],
                              ["diagnose", ".", word], ["diagnose", ".", b"dying-units." + os.fsencode(word) + b"=1"],
                              ["diagnose", ".", b"dying-units.notice=" + os.fsencode(word)],
                              ["diagnose", ".", "--rules", word], ["export", ".", "--to", word],
                              ["prune", ".", "--units", word], ["census", ".", "--part", word]):
                with self.case(word, arguments=ascii(arguments)[:100]):
                    self.refuse(arguments)

    def test_numbers_out_of_range_are_refused(self):
        self.write("c.json", GOOD)
        for number in NUMBERS:
            for arguments in (["run", "c.json", "--threads"], ["compare", "c.json", "--vary", "seed=1,2", "--seeds"],
                              ["sweep", "c.json", "-j"], ["theory", "c.json", "--sample"], ["watch", ".", "--every"],
                              ["prescribe", "c.json", "--budget"], ["curves", "--points"]):
                with self.case(number, arguments=arguments):
                    self.refuse([*arguments, number])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *(word for word in sys.argv[3:] if word != "--sanitized")])
