#!/usr/bin/env python3
"""What people see on a terminal of 80 or 120 columns: no line is longer, colour is there, and not where it is unwelcome.

    test_terminal.py RELUSCOPE SOURCE_DIR
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
CODE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
COMMANDS = ("run", "try", "validate", "schema", "init", "explain", "theory", "diagnose", "compare", "sweep", "merge", "prescribe",
            "census", "prune", "report", "watch", "capture", "export", "inspect", "curves", "completion")


def on_terminal(arguments, columns, place, **environment):
    """What appears on a terminal of so many columns, and the exit code."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen([PROGRAM, *arguments], cwd=place, stdin=follower, stdout=follower, stderr=follower,
                               env={**kept, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
    os.close(follower)
    text = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the last process has closed it
            break
        if not piece:
            break
        text += piece
    os.close(leader)
    return text.decode("utf-8").replace("\r\n", "\n"), process.wait()


class Terminal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.place = cls.holder.name
        cls.dying = os.path.join(SOURCE, "configs", "dying-relu.json")
        with open(os.path.join(cls.place, "sweep.json"), "w", encoding="utf-8") as file:
            file.write('{"config": "%s/configs/moons.json", "parameters": {"train.steps": {"values": [20, 40]}, '
                       '"network.layers.*.activation": {"values": ["relu", "leaky_relu"]}}, "seeds": 2}' % SOURCE)

    def assert_fits(self, arguments, columns, codes=(0,)):
        text, code = on_terminal(arguments, columns, self.place)
        self.assertIn(code, codes, text)
        # A line that is drawn again starts with a carriage return.
        for line in CODE.sub("", text).replace("\r", "\n").split("\n"):
            if line.startswith("reluscope: next: "):
                continue  # a command, to be copied as it is
            self.assertLessEqual(len(line), columns, f"{arguments}: {line!r}")
        return text

    def test_help_fits_and_names_the_groups_and_exit_code_3(self):
        for columns in (80, 120):
            for command in COMMANDS:
                with self.subTest(command, columns=columns):
                    self.assert_fits([command, "--help"], columns)
            top = self.assert_fits(["--help"], columns)
            for part in ("\nRun:\n", "\nUnderstand:\n", "\nDecide:\n", "\nShare:\n", "  3  findings at or above --fail-on\n"):
                self.assertIn(part, top)

    def test_a_run_fits_with_its_table_strips_and_findings(self):
        narrow = self.assert_fits(["run", self.dying, "train.epochs=6", "--out", "narrow"], 80)
        self.assertNotIn("activation", narrow)
        self.assertRegex(narrow, r"\n  step           0 +270\n")
        self.assertRegex(narrow, r"ETA \d\d:\d\d")
        wide = self.assert_fits(["run", self.dying, "train.epochs=6", "--out", "wide"], 120)
        self.assertRegex(wide, r"name +activation +layer +units")
        for columns in (80, 120):
            self.assert_fits(["diagnose", "narrow"], columns)
            self.assertRegex(self.assert_fits(["watch", "narrow"], columns), r"done, step 269 of 270, loss ")
            self.assert_fits(["explain", "dying-units"], columns)
            self.assert_fits(["census", self.dying], columns)
            birds = os.path.join(SOURCE, "data", "birds", "birds.csv")
            self.assert_fits(["inspect", birds], columns)
            self.assert_fits(["try", birds, "--label", "species", "train.epochs=3", "-o", f"birds{columns}"], columns)
            self.assert_fits(["prescribe", self.dying, "train.epochs=3", "--seeds", "3"], columns)

    def test_a_comparison_and_a_sweep_fit(self):
        for columns in (80, 120):
            text = self.assert_fits(["compare", self.dying, "train.epochs=3", "--seeds", "3", "--lr", "0.1,0.01"], columns)
            self.assertIn("Each at the best of its learning rates", text)
            self.assert_fits(["sweep", "sweep.json", "-o", f"swept{columns}"], columns)

    def test_theory_is_a_table_on_a_terminal_and_csv_in_a_pipe(self):
        config = os.path.join(SOURCE, "configs", "exploding.json")
        for columns in (80, 120):
            text = self.assert_fits(["theory", config, "--sample", "20"], columns)
            self.assertRegex(text, r"^name +(activation +)?(units +)?mean z² +RMS ∂L/∂z")
        piped = subprocess.run([PROGRAM, "theory", config, "-q"], capture_output=True, text=True, check=True)
        self.assertTrue(piped.stdout.startswith("layer,name,activation,units,fan_in,"))
        given = on_terminal(["theory", config, "-q", "--format", "csv"], 80, self.place)[0]
        self.assertEqual(given, piped.stdout)

    def test_colour_is_for_terminals_that_want_it(self):
        arguments = ["run", self.dying, "train.epochs=4", "--force", "--out", "colours"]
        self.assertRegex(on_terminal(arguments, 80, self.place)[0], r"\x1b\[3[13];1m(critical|warning)")
        plain = on_terminal(arguments, 80, self.place, NO_COLOR="1")[0]
        self.assertNotRegex(plain, r"\x1b\[[0-9;]*m")
        piped = subprocess.run([PROGRAM, *arguments], cwd=self.place, capture_output=True, text=True, check=True)
        self.assertNotIn("\x1b", piped.stdout + piped.stderr)
        self.assertIn("activation  layer", piped.stdout)  # there is room for all columns

    def test_the_version_says_on_request_what_the_bits_depend_on(self):
        short = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(short, r"^\d+\.\d+\.\d+\n$")
        for arguments in (["--version", "--verbose"], ["--verbose", "--version"]):
            text = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=True).stdout
            self.assertRegex(text, r"(?s)reluscope \d.*compiler.*flags.*products +\w+ [\d.]+.*\(float32\).*checkpoints")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
