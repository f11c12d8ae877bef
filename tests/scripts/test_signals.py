"""Interrupts runs and sweeps at random moments while they are deep in a library's matrix products.

  test_signals.py RELUSCOPE SOURCE_DIR [--signals N] [--seed S] [--width UNITS]

float32 layers of 512 units at batches of 1000: nearly all of the time is spent in code that oneDNN generates, whose stack
pointer may point anywhere. SIGINT or SIGTERM comes at a random moment, with one thread and with two. The run must end
by that signal, interrupted, with a checkpoint, and --resume must end with the bytes of a run in one piece; the same
line of an interrupted sweep or comparison goes on to the same results. Half of the signals are for runs.
"""
import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from run_files import RESULTS



def config(width, steps):
    return {"name": "wide", "seed": 4, "data": {"kind": "classification", "n_samples": 4000, "n_features": 64},
            "network": {"layers": [{"units": width, "activation": "relu", "repeat": 2}, {"units": 2}]},
            "train": {"steps": steps, "batch_size": 1000, "optimizer": {"name": "sgd", "lr": 0.05}},
            "record": {"every": 5, "census": "off"}}


class Failure(Exception):
    pass


class Interrupter:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.signals = 0

    def interrupt(self, command, seconds, has_begun):
        """The signal that the process ended by, sent within `seconds` after it had begun; 0 if it was over before."""
        number = self.random.choice([signal.SIGINT, signal.SIGTERM])
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   # Started in the background, this script may have had them ignored.
                                   preexec_fn=lambda: [signal.signal(one, signal.SIG_DFL)
                                                       for one in (signal.SIGINT, signal.SIGTERM)])
        while process.poll() is None and not has_begun():
            time.sleep(0.002)
        try:
            process.wait(timeout=self.random.uniform(0.0, seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        said = process.communicate()[1].decode()
        if process.returncode == 0:
            return 0
        self.signals += 1
        if process.returncode != -number:
            raise Failure(f"{' '.join(map(str, command))}: after {number.name} exit {process.returncode}: {said}")
        return number


def check(condition, message):
    if not condition:
        raise Failure(message)


def timed(command):
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def interrupt_run(interrupter, tool, place, file, whole, seconds, threads):
    parts = place / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    number = interrupter.interrupt([tool, "run", file, "-o", parts, "--save-weights", "-q", "--threads", threads], seconds,
                                   lambda: (parts / "steps.csv").exists())
    if number == 0:
        return
    status = json.loads((parts / "manifest.json").read_text())["status"]
    if status == "running":  # between the first of its files and the first step, where there is nothing to keep
        check(not (parts / "checkpoint.safetensors").exists(), f"{parts}: running, and a checkpoint")
    else:
        check(status == "interrupted", f"{parts}: its manifest says {status}")
        check((parts / "checkpoint.safetensors").exists(), f"{parts}: no checkpoint")
    subprocess.run([tool, "run", "--resume", parts, "-q", "--threads", str(3 - threads)], check=True)
    for name in RESULTS:
        check((parts / name).read_bytes() == (whole / name).read_bytes(), f"{parts / name} differs")


def interrupt_many(interrupter, line, journal, outcome, whole, seconds):
    """The same line again and again, until it ends by itself."""
    for left in (journal, outcome):
        left.unlink(missing_ok=True)
    while interrupter.interrupt(line, seconds, lambda: True) != 0:
        check(not outcome.exists(), f"{outcome}: there, and not all has been done")
        seconds *= 1.5  # the machine may be busier than it was
    check(outcome.read_bytes() == whole, f"{outcome} differs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--signals", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=512, help="units of the two hidden layers")
    arguments = parser.parse_args()
    tool = arguments.tool.resolve()
    place = pathlib.Path(tempfile.mkdtemp(prefix="reluscope-signals-"))
    interrupter = Interrupter(arguments.seed)
    try:
        file, short = place / "wide.json", place / "short.json"
        file.write_text(json.dumps(config(arguments.width, 60)))
        short.write_text(json.dumps(config(arguments.width, 15)))
        whole = place / "whole"
        seconds = timed([tool, "run", file, "-o", whole, "--save-weights", "-q"])
        (place / "sweep.json").write_text(json.dumps(
            {"config": "short.json", "seeds": 3, "parameters": {"train.optimizer.lr": {"values": [0.05, 0.01]}}}))
        many = []
        for name, line, journal, outcome in (
                ("sweep", [tool, "sweep", place / "sweep.json", "-j", "2", "-q", "-o", place / "sweep"],
                 place / "sweep" / "results.part.csv", place / "sweep" / "results.csv"),
                ("compare", [tool, "compare", short, "--vary", "train.optimizer.lr=0.05,0.01", "--seeds", "3", "-j", "2",
                             "-q", "-o", place / "compare.csv"],
                 place / "compare.csv.part", place / "compare.csv")):
            took = timed(line)
            many.append((name, line, journal, outcome, outcome.read_bytes(), took))
        runs = 0
        while interrupter.signals < arguments.signals:
            before = interrupter.signals
            while interrupter.signals - before < min(arguments.signals, 20) / 2:
                interrupt_run(interrupter, tool, place, file, whole, seconds, 1 + runs % 2)
                runs += 1
            for _, *case in many:
                interrupt_many(interrupter, *case)
        print(f"{interrupter.signals} signals at random moments, 0 aborts; the same bytes after each")
    except Failure as failure:
        print(f"after {interrupter.signals} signals: {failure}\nleft in {place}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
