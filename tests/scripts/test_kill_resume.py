"""Kills runs, sweeps and comparisons at random moments, resumes them, and compares every byte with those of one piece.

  test_kill_resume.py RELUSCOPE SOURCE_DIR [--kills N] [--seed S] [--keep]

Each case is run once in one piece. Then it is started, killed with SIGKILL at a random moment of its life, and resumed,
again and again until it ends by itself; that is repeated until all cases together were killed N times. Traces, units,
weights and summary must be the same bytes each time.
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

from run_files import RESULTS, TRACES

LATER = 1.05  # how much more time the next start of a killed run has



def layers(*rows):
    return {"layers": list(rows)}


def cases(source):
    digits = {"kind": "csv", "file": str(source / "data/digits/digits.csv.gz"), "header": False,
              "normalize": "standard"}
    return {
        "sgd": {
            "data": {"kind": "spirals", "n_samples": 400},
            "network": layers({"units": 32, "activation": "relu", "repeat": 2}, {"units": 2}),
            "train": {"steps": 30000, "batch_size": 20, "optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9}},
            "record": {"every": 10, "census": "epoch", "checkpoint_every": "epoch"}},
        "census-every-step": {
            "data": {"kind": "moons", "n_samples": 300},
            "network": layers({"units": 24, "activation": "relu", "init": {"bias": -0.5}}, {"units": 16},
                              {"units": 2}),
            "train": {"steps": 10000, "batch_size": 16, "optimizer": {"name": "sgd", "lr": 0.5, "weight_decay": 0.001}},
            "record": {"every": 1, "census": "step", "probe_every": 50, "checkpoint_every": 97}},
        "adam-dropout-prelu": {
            "data": digits,
            "network": layers({"units": 48, "activation": "prelu"}, {"type": "dropout", "p": 0.3},
                              {"units": 32, "activation": "relu"}, {"units": 24, "activation": "rrelu"}, {"units": 10}),
            "train": {"epochs": 300, "optimizer": {"name": "adam", "lr": 0.02}, "clip_norm": 1.0, "warmup_steps": 100,
                      "schedule": {"name": "cosine"}},
            "record": {"every": "log", "census": 13, "checkpoint_every": 200}},
        "rmsprop-float64": {
            "precision": "float64",
            "data": {"kind": "friedman1", "n_samples": 500}, "loss": "huber",
            "network": layers({"units": 40, "activation": "relu6"}, {"units": 20, "activation": "relu"}, {"units": 1}),
            "train": {"steps": 12000, "optimizer": {"name": "rmsprop", "lr": 0.01, "momentum": 0.9, "centered": True}},
            "record": {"every": 7, "census": 5, "probe": "all", "checkpoint_every": 150, "monitors": True}},
        "dying": {
            "data": digits,
            "network": layers({"units": 64, "activation": "relu", "repeat": 2}, {"units": 10}),
            "train": {"epochs": 150, "optimizer": {"name": "sgd", "lr": 1.5}},
            "record": {"every": 5, "census": 3, "checkpoint_every": 60}},
    }


class Failure(Exception):
    pass


class Killer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kills = 0
        self.from_checkpoint = 0
        self.of_compare = 0

    def start(self, command, seconds, stdout=subprocess.DEVNULL):
        """True if it ended by itself; else it was killed somewhere within half of `seconds`."""
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)
        try:
            _, complaint = process.communicate(timeout=self.random.uniform(0.0, seconds / 2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            _, complaint = process.communicate()
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            return False
        if process.returncode != 0:
            raise Failure(f"{' '.join(map(str, command))}: exit {process.returncode}: {complaint.decode()}")
        return True


def same_files(names, left, right):
    for name in names:
        if (left / name).read_bytes() != (right / name).read_bytes():
            raise Failure(f"{left / name} and {right / name} differ")


def timed(command):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def run_case(killer, tool, place, name, config, reference):
    """One run, killed and resumed until it ends; `reference` are directory and seconds of the run in one piece."""
    whole, seconds = reference
    parts = place / f"{name}-parts"
    shutil.rmtree(parts, ignore_errors=True)
    trace = place / f"{name}-parts.jsonl"
    trace.unlink(missing_ok=True)
    file = place / f"{name}.json"
    options = ["--resume", parts, "-q", "--trace", f"layers={trace}", "--format", "jsonl"]
    while True:
        # Without the config where the run's own manifest has it.
        has_manifest = (parts / "manifest.json").exists()
        config_argument = [] if has_manifest and killer.random.random() < 0.5 else [file]
        # The manifest knows that the weights are wanted.
        options_once = [] if has_manifest else ["--save-weights"]
        threads = ["--threads", str(killer.random.choice([1, 2, 3]))]
        if killer.start([tool, "run", *config_argument, *options, *options_once, *threads], seconds):
            break
        seconds *= LATER  # the machine may be busier than it was: it has to end some time
    same_files(RESULTS, whole, parts)
    if trace.read_bytes() != (place / f"{name}-whole.jsonl").read_bytes():
        raise Failure(f"{trace} differs")
    manifest = json.loads((parts / "manifest.json").read_text())
    if manifest["status"] != "done":
        raise Failure(f"{parts}: its manifest does not say done")
    killer.from_checkpoint += len(manifest["resumed_at_steps"])
    left = sorted(set(p.name for p in parts.iterdir()) ^ set(p.name for p in whole.iterdir()))
    if left:
        raise Failure(f"{parts}: other files than in one piece: {left}")


def run_sweep(killer, tool, place, file, reference):
    whole, seconds = reference
    parts = place / "sweep-parts"
    shutil.rmtree(parts, ignore_errors=True)
    command = [tool, "sweep", file, "--out", parts, "--runs", parts / "runs", "--jobs", "2", "-q"]
    while not killer.start(command, seconds):
        seconds *= LATER
    same_files(["results.csv"], whole, parts)
    for run in sorted((whole / "runs").iterdir()):
        same_files(TRACES, run, parts / "runs" / run.name)


def compare_command(tool, place, out):
    return [tool, "compare", place / "base.json", "--vary", "network.layers.*.activation=relu,elu", "--seeds", "3",
            "--out", out / "compare.csv", "--json", "--jobs", "2", "-q"]


def figures_of(text):
    """All but what a step costs, which is that of the moment."""
    document = json.loads(text)
    del document["costs"]  # are measured
    return document


def run_compare(killer, tool, place, reference):
    whole, seconds = reference
    parts = place / "compare-parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    before = killer.kills
    while True:
        with open(place / "parts-compare.json", "w+b") as said:
            if killer.start(compare_command(tool, place, parts), seconds, said):
                said.seek(0)
                figures = figures_of(said.read())
                break
    killer.of_compare += killer.kills - before
    same_files(["compare.csv"], whole, parts)
    if figures != figures_of((place / "whole-compare.json").read_bytes()):
        raise Failure("compare has other figures than in one piece")
    if [path.name for path in parts.iterdir()] != ["compare.csv"]:
        raise Failure(f"{parts}: more files than in one piece")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the directories behind")
    arguments = parser.parse_args()
    tool, source = arguments.tool.resolve(), arguments.source.resolve()
    place = pathlib.Path(tempfile.mkdtemp(prefix="reluscope-kills-"))
    killer = Killer(arguments.seed)
    experiments = cases(source)
    references = {}
    try:
        for name, config in experiments.items():
            file = place / f"{name}.json"
            file.write_text(json.dumps({"name": name, "seed": 5, **config}))
            whole = place / f"{name}-whole"
            seconds = timed([tool, "run", file, "--out", whole, "--save-weights", "-q", "--trace",
                             f"layers={place / (name + '-whole.jsonl')}", "--format", "jsonl"])
            references[name] = (whole, seconds)
        sweep = place / "sweep.json"
        base = dict(experiments["sgd"], train=dict(experiments["sgd"]["train"], steps=8000))
        (place / "base.json").write_text(json.dumps(base))
        sweep.write_text(json.dumps({"config": "base.json", "seeds": 2, "parameters": {
            "train.optimizer.lr": {"values": [0.05, 0.2]}, "network.layers.*.activation": {"values": ["relu", "elu"]}}}))
        whole = place / "sweep-whole"
        seconds = timed([tool, "sweep", sweep, "--out", whole, "--runs", whole / "runs", "--jobs", "2", "-q"])
        compared = place / "compare-whole"
        compared.mkdir()
        start = time.monotonic()
        (place / "whole-compare.json").write_bytes(
            subprocess.run(compare_command(tool, place, compared), check=True, stdout=subprocess.PIPE).stdout)
        compare_seconds = time.monotonic() - start
        rounds = 0
        while killer.kills < arguments.kills:
            for name, config in experiments.items():
                run_case(killer, tool, place, name, config, references[name])
            run_sweep(killer, tool, place, sweep, (whole, seconds))
            run_compare(killer, tool, place, (compared, compare_seconds))
            rounds += 1
        if killer.from_checkpoint == 0:
            raise Failure("no run went on from a checkpoint: nothing is shown")
        print(f"{killer.kills} kills in {rounds} rounds of {len(experiments)} runs, a sweep and a comparison "
              f"({killer.of_compare} of them), {killer.from_checkpoint} resumed from a checkpoint: the same bytes each "
              "time")
    except Failure as failure:
        print(f"after {killer.kills} kills: {failure}", file=sys.stderr)
        arguments.keep = True
        sys.exit(1)
    finally:
        if arguments.keep:
            print(f"left in {place}", file=sys.stderr)
        else:
            shutil.rmtree(place)


if __name__ == "__main__":
    main()
