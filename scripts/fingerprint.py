#!/usr/bin/env python3
"""Whether a change left every byte of what reluscope writes as it was.

    python3 scripts/fingerprint.py > before.txt                       the tables' hashes, by the program as it is
    python3 scripts/fingerprint.py --against before.txt               after the change: what differs, and exit code 1

Runs the shipped configs (run, theory, prune, diagnose), the corpus of the rules, random experiments over activations,
optimisers, dropout, penalties and cadences, a sweep and a comparison, each in a directory of its own, and prints a line
for each file: SHA-256, name, columns. Against an earlier list, columns that it does not have are cut off before the
hash is taken, and files that it does not have are counted: to add one is no change of those that were there. Bits
depend on the CPU: both lists have to be made on one machine. Standard library alone.
"""

import argparse
import concurrent.futures
import csv
import hashlib
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
# pylint: disable=wrong-import-position
import rules_corpus  # noqa: E402

ACTIVATIONS = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "relu6",
               "hardswish", "tanh", "sigmoid", "identity")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad")
# What says when or where a run was made, and not what came of it.
LEFT_OUT = ("manifest.json", ".lock")


def random_config(number):
    """A small experiment, tame or absurd, that depends on its number alone."""
    rng = random.Random(number)
    kind, loss, outputs = rng.choice([("moons", "cross_entropy", 2), ("blobs", "cross_entropy", 4),
                                      ("teacher_student", "mse", 1), ("friedman1", "mse", 1), ("xor", "cross_entropy", 2)])
    data = {"kind": kind, "n_samples": rng.randint(20, 200)}
    if kind == "blobs":
        data.update(n_features=rng.randint(1, 9), centers=4)
    if rng.random() < 0.5:
        data["normalize"] = "standard"
    if rng.random() < 0.5:
        data["test_fraction"] = 0.25
    layers = []
    for _ in range(rng.randint(1, 4)):
        layer = {"units": rng.randint(1, 40), "activation": rng.choice(ACTIVATIONS)}
        if rng.random() < 0.3:
            layer["init"] = {"weights": rng.choice(["he_normal", "glorot_uniform", "lecun_normal", "orthogonal"]),
                             "bias": rng.choice([0.0, -1.0, 0.5, "none"])}
        layers.append(layer)
        if rng.random() < 0.2:
            layers.append({"type": "dropout", "p": rng.choice([0.1, 0.5])})
    layers.append({"units": outputs})
    optimizer = {"name": rng.choice(OPTIMIZERS), "lr": 10 ** rng.uniform(-4, 0.5)}
    if rng.random() < 0.4:
        optimizer["weight_decay"] = 10 ** rng.uniform(-4, -1)
    if optimizer["name"] == "sgd" and rng.random() < 0.5:
        optimizer["momentum"] = 0.9
    train = {"steps": rng.randint(5, 120), "batch_size": rng.randint(1, 40), "optimizer": optimizer}
    if rng.random() < 0.2:
        train["clip_norm"] = 1.0
    if rng.random() < 0.2:
        train["penalty"] = {rng.choice(["l1_weights", "l2_weights", "l1_activations"]): 1e-3}
    if rng.random() < 0.3:
        train["schedule"] = "cosine"
    record = {"every": rng.randint(1, 5), "census": rng.choice([1, 3, 10, "epoch", "off"]), "monitors": True}
    if rng.random() < 0.5:
        record["checkpoint_every"] = 7
    return {"name": f"random-{number}", "seed": number, "precision": rng.choice(["float32", "float64"]), "data": data,
            "network": {"layers": layers}, "loss": loss, "train": train, "record": record}


def call(program, arguments, place):
    """What the command printed and how it ended; a refusal is a result like any other."""
    done = subprocess.run([program, *map(str, arguments)], cwd=place, capture_output=True, check=False,
                          env={**os.environ, "NO_COLOR": "1"})
    return done.stdout, done.returncode


def follow_run(program, config, place):
    """The files of a run, and what its successors make of it."""
    output = place / "run"
    _, code = call(program, ["run", config, "-q", "-o", output], place)
    results = {"exit": str(code).encode()}
    if not output.is_dir():
        return results
    for file in sorted(output.rglob("*")):
        if file.is_file() and file.name not in LEFT_OUT:
            results[str(file.relative_to(output))] = file.read_bytes()
    results["theory"] = call(program, ["theory", config, "-q"], place)[0]
    results["diagnose"] = call(program, ["diagnose", "run", "--json"], place)[0]
    results["prune"] = call(program, ["prune", "run", "-q", "--json", "-o", "pruned"], place)[0]
    for file in sorted(place.glob("pruned/*.safetensors")):
        results[f"pruned/{file.name}"] = file.read_bytes()
    return results


def follow_words(program, words, place):
    """The files that a command over many runs leaves, whatever they are called."""
    output, code = call(program, words, place)
    results = {"exit": str(code).encode(), "stdout": output}
    for file in sorted((place / "out").rglob("*")):
        if file.is_file() and file.name.endswith(".csv"):
            results[str(file.relative_to(place / "out"))] = file.read_bytes()
    return results


def experiments(count):
    """Name, and the config's file or text, or the words of a command."""
    for file in sorted([*ROOT.glob("configs/*.json"), *ROOT.glob("configs/sick/*.json")]):
        if file.name != "experiment.schema.json" and not file.name.startswith("mnist"):
            yield f"config/{file.stem}", file, None
    for one in rules_corpus.corpus():
        config = json.loads(json.dumps(one["config"]))
        if config["data"].get("file") == "digits.csv.gz":
            config["data"]["file"] = str(ROOT / "data/digits/digits.csv.gz")
        yield f"corpus/{one['name']}", config, None
    for number in range(count):
        yield f"random/{number}", random_config(number), None
    yield "sweep/lr-activation", None, ["sweep", ROOT / "configs/sweeps/lr-activation.json", "-q", "-o", "out"]
    yield "compare/moons", None, ["compare", ROOT / "configs/moons.json", "-q", "--seeds", "3", "--runs", "out", "-o", "-"]


def follow(program, name, config, words):
    """File name → bytes, of one experiment."""
    with tempfile.TemporaryDirectory(prefix="fingerprint-") as directory:
        place = pathlib.Path(directory)
        if words:
            return name, follow_words(program, words, place)
        if isinstance(config, dict):
            (place / "config.json").write_text(json.dumps(config), encoding="utf-8")
            config = place / "config.json"
        results = follow_run(program, config, place)
        # Where it was made is no result.
        return name, {file: data.replace(directory.encode(), b"PLACE") for file, data in results.items()}


def columns_of(data):
    """The header, if the bytes are a table of ours."""
    head = data[:4096].split(b"\n", 1)[0]
    return head.decode().split(",") if head.startswith((b"step,", b"layer,", b"job,", b"feature,", b"id,")) else []


def hashed(data, kept):
    """SHA-256 of the bytes, or of these columns of the table."""
    columns = columns_of(data)
    wanted = kept or columns
    if wanted != columns:
        text = io.StringIO()
        table = csv.DictWriter(text, wanted, restval="", extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(csv.DictReader(io.StringIO(data.decode(), newline="")))
        data = text.getvalue().encode()
    return hashlib.sha256(data).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=ROOT / "build/release/reluscope", type=pathlib.Path)
    parser.add_argument("--random", default=500, type=int, metavar="N", help="random experiments [500]")
    parser.add_argument("--against", type=pathlib.Path, metavar="FILE", help="an earlier list")
    options = parser.parse_args()
    before = {}
    if options.against:
        for line in options.against.read_text(encoding="utf-8").splitlines():
            digest, name, columns = (line.split(" ") + [""])[:3]
            before[name] = digest, columns.split(",") if columns else []
    same, changed, new = 0, [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(follow, options.tool.resolve(), *one) for one in experiments(options.random)]
        for job in jobs:
            experiment, files = job.result()
            for file, data in files.items():
                name = f"{experiment}/{file}"
                if not options.against:
                    print(hashed(data, None), name, ",".join(columns_of(data)))
                elif name not in before:
                    new.append(name)
                else:
                    digest, columns = before.pop(name)
                    if hashed(data, columns) == digest:
                        same += 1
                    else:
                        changed.append(name)
    if not options.against:
        return 0
    for name in changed:
        print("changed", name)
    for name in before:
        print("gone", name)
    print(f"{same} files as they were, {len(changed)} changed, {len(before)} gone, {len(new)} new", file=sys.stderr)
    return 1 if changed or before else 0


if __name__ == "__main__":
    sys.exit(main())
