#!/usr/bin/env python3
"""Lets one allocation after the other fail, and limits the address space: each time there is a message and an exit
code, never a signal, and a run that was hit can be begun again or resumed to the same bytes.

    test_allocation.py RELUSCOPE SOURCE_DIR FAILING_MALLOC [--every]

FAILING_MALLOC is the library built from tests/support/failing_malloc.cpp. Without --every a sample of the allocations
fails: all at the start, where the libraries set themselves up, and some of those that follow.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

from run_files import TRACES

EVERY = "--every" in sys.argv
PROGRAM, LIBRARY = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[3])
SAMPLE = 42  # failures tried per command and kind

CONFIG = {
    "name": "small",
    "data": {"kind": "csv", "file": "data.csv"},
    "network": {"layers": [{"units": 6, "activation": "relu", "init": {"bias": -1.0}}, {"type": "dropout", "p": 0.1},
                           {"units": 4, "activation": "prelu"}, {"units": 2}]},
    "train": {"epochs": 2, "batch_size": 10, "optimizer": {"name": "adam", "lr": 0.1}},
    "record": {"every": 1, "census": 2, "checkpoint_every": 2},
}
SWEEP = {"config": "c.json", "seeds": 2, "parameters": {"train.optimizer.lr": {"values": [0.1, 0.2]}}}


class Allocation(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        numbers = random.Random(3)
        with open(self.path("data.csv"), "w", encoding="utf-8") as file:
            for sample in range(40):
                file.write(f"{numbers.gauss(0, 1):.3f},{numbers.gauss(0, 1):.3f},{sample % 2}\n")
        for name, document in (("c.json", CONFIG), ("s.json", SWEEP)):
            with open(self.path(name), "w", encoding="utf-8") as file:
                json.dump(document, file)

    def path(self, *names):
        return os.path.join(self.place.name, *names)

    def bytes_of(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def call(self, *arguments, limit=None, **environment):
        def set_limit():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        return subprocess.run([PROGRAM, *arguments], cwd=self.place.name, capture_output=True, timeout=1800,
                              preexec_fn=set_limit, env={**os.environ, **environment})

    def check_ended_well(self, done, context):
        # oneDNN has objects per thread, and the C library itself ends a process that cannot note their destructors.
        if done.returncode == -signal.SIGABRT and b"Fatal glibc error: failed to register TLS destructor" in done.stderr:
            return
        self.assertIn(done.returncode, (0, 1, 2), (context, done))
        if done.returncode != 0:
            self.assertTrue(done.stderr.strip(), (context, "no message"))

    def failures(self, *arguments):
        """Runs the command with failing allocations, one run after the other, and gives (context, result)."""
        done = self.call(*arguments, LD_PRELOAD=LIBRARY, COUNT_TO=self.path("count"))
        self.assertEqual(done.returncode, 0, done)
        yield "none fails", done
        count = int(self.bytes_of("count"))
        self.assertGreater(count, 100)
        chosen = list(range(count))
        if not EVERY and count > SAMPLE:
            chosen = chosen[:SAMPLE // 3] + sorted(random.Random(11).sample(chosen[SAMPLE // 3:], 2 * SAMPLE // 3))
        for number in chosen:
            for fail_count in ("1", "0"):
                yield (f"{' '.join(arguments)}: FAIL_AFTER={number} FAIL_COUNT={fail_count}",
                       self.call(*arguments, LD_PRELOAD=LIBRARY, FAIL_AFTER=str(number), FAIL_COUNT=fail_count))

    def test_commands_that_only_read_end_with_a_message(self):
        self.assertEqual(self.call("run", "c.json", "-q").returncode, 0)
        for arguments in (["validate", "c.json"], ["schema"], ["curves", "relu"], ["diagnose", "runs/small"], ["inspect", "data.csv"],
                          ["theory", "c.json"]):
            wanted = self.call(*arguments).stdout
            for context, done in self.failures(*arguments):
                self.check_ended_well(done, context)
                if done.returncode == 0:
                    self.assertEqual(done.stdout, wanted, context)

    def test_a_run_can_be_resumed_wherever_an_allocation_failed(self):
        self.assertEqual(self.call("run", "c.json", "-q", "--out", "whole").returncode, 0)
        for context, done in self.failures("run", "c.json", "-q", "--resume", "parts", "--threads", "2"):
            self.check_ended_well(done, context)
            again = self.call("run", "c.json", "-q", "--resume", "parts")
            self.assertEqual(again.returncode, 0, (context, done, again))
            for name in TRACES:
                self.assertEqual(self.bytes_of("parts", name), self.bytes_of("whole", name), (context, name))
            subprocess.run(["rm", "-r", self.path("parts")], check=True)

    def test_a_sweep_on_two_threads_ends_with_a_message(self):
        for context, done in self.failures("sweep", "s.json", "-q", "--jobs", "2", "--out", "sweep"):
            self.check_ended_well(done, context)
            subprocess.run(["rm", "-rf", self.path("sweep")], check=True)

    def test_any_limit_of_the_address_space_is_met_with_a_message(self):
        refused = 0
        # From less than the libraries need to more than enough; below that the loader itself gives up.
        for limit in range(24 << 20, 200 << 20, 4 << 20):
            done = self.call("run", "c.json", "-q", "--threads", "2", "--resume", "limited", limit=limit)
            if b"error while loading shared libraries" in done.stderr:
                continue
            self.check_ended_well(done, limit)
            refused += done.returncode != 0
            subprocess.run(["rm", "-rf", self.path("limited")], check=True)
        self.assertGreater(refused, 0)

    def test_more_threads_than_the_system_gives_are_refused(self):
        done = self.call("run", "c.json", "-q", "--threads", "1024", limit=600 << 20)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"ask for fewer", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
