"""The JSON Schema and the loader give the same verdict on a corpus of good and bad configs.

  schema_agreement.py RELUSCOPE CONFIGS_DIR

Every file in CONFIGS_DIR is valid for both. Every case below is judged by both, too. What only a combination of values
shows (COMBINATIONS) is refused by the loader alone. Exits with 77 (skipped) without python3-jsonschema.
"""
import copy
import json
import pathlib
import re
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: no jsonschema in this Python (Debian: python3-jsonschema)")
    sys.exit(77)

BASE = {
    "name": "corpus", "seed": 1, "precision": "float32",
    "data": {"kind": "moons", "n_samples": 50, "normalize": "unit", "limit": None},
    "network": {"layers": [
        {"type": "dense", "units": 4, "activation": {"name": "leaky_relu", "negative_slope": 0.2},
         "init": {"weights": {"name": "he_normal", "gain": None}, "bias": 0.5}, "repeat": 2},
        {"type": "dropout", "p": 0.1},
        {"units": 2}]},
    "loss": {"name": "huber", "delta": 2},
    "train": {"epochs": 2, "batch_size": 8, "optimizer": {"name": "adam", "betas": [0.5, 0.9]}, "clip_norm": 1.5},
    "record": {"every": "log", "census": 3, "probe": "all"},
}
DELETE = object()
# (path, value): each is BASE with one change.
GOOD = [
    ("seed", 9223372036854775807), ("name", "a-b_c.1"), ("precision", "float64"), ("data.normalize", "per_feature"),
    ("data.shape", [1, 1, 2]), ("data.shape", None), ("data", {"kind": "images", "train": "x", "size": [8, 9]}),
    ("data.normalize", "per_channel"), ("data.limit", 10), ("data.test_fraction", 0), ("data", {"kind": "csv", "file": "x.csv"}),
    ("data", {"kind": "csv", "file": "x.csv", "label_column": -1}),
    ("data", {"kind": "csv", "file": "x.csv", "label_column": "class"}),
    ("network.layers.0.activation", "swish"), ("network.layers.0.activation", "relu"),
    ("network.layers.0.init.bias", "zeros"), ("network.layers.0.init.bias", {"name": "constant", "value": -1}),
    ("network.layers.0.init", DELETE), ("network.layers.0.type", DELETE), ("network.layers.1.p", 0),
    ("network.layers.0.activation", {"name": "prelu", "slopes": "layer"}), ("loss", "mse"), ("loss", DELETE),
    ("train", DELETE), ("train.optimizer", "sgd"), ("train.optimizer", {"lr": 0.1}), ("train.optimizer", {}),
    ("train.schedule", "cosine"), ("train.schedule", {"name": "step", "step_size": 3, "per": "step"}),
    ("train.clip_norm", None), ("train.epochs", None), ("record.census", "off"), ("record", {}), ("$schema", "x"),
]
BAD = [
    ("seed", -1), ("seed", 1.5), ("seed", "1"), ("seed", None), ("name", "../x"), ("name", ""), ("name", 3),
    ("precision", "half"), ("data", DELETE), ("data", "moons"), ("data", {}), ("data.kind", "mooons"),
    ("data.normalize", "unitt"), ("data.limit", 0), ("data.test_fraction", 1), ("data.extra", 1), ("data.noise", "x"),
    ("data.shape", [1, 2]), ("data.shape", [1, 2, 1.5]), ("data.shape", [0, 1, 1]), ("data.shape", [1, 1, 1000001]),
    ("data.shape", 2), ("data", {"kind": "images"}), ("data", {"kind": "images", "train": "x", "size": [8]}),
    ("data", {"kind": "images", "train": "x", "channels": 4}),
    ("data", {"kind": "csv", "file": "x.csv", "label_column": 1.5}), ("data", {"kind": "csv", "file": 3}),
    ("network", DELETE), ("network", []), ("network.layers", []), ("network.layers", {}), ("network.layers.0", 3),
    ("network.layers.0.units", 0), ("network.layers.0.units", DELETE), ("network.layers.0.units", 1000001),
    ("network.layers.0.units", True), ("network.layers.0.activation", "rleu"), ("network.layers.0.activation", None),
    ("network.layers.0.activation", {"negative_slop": 1}), ("network.layers.0.activation.negative_slope", -0.1),
    ("network.layers.0.activation.alpha", 1), ("network.layers.0.init.bias", "zero"),
    ("network.layers.0.init.weights", 0.5), ("network.layers.0.init.weights.mode", "fan"),
    ("network.layers.0.repeat", 0), ("network.layers.0.repeat", 10001), ("network.layers.1.p", 1),
    ("network.layers.1.units", 3), ("network.layers.0.type", "conv"), ("loss", "mes"), ("loss.delta", 0),
    ("loss", 1), ("train", None), ("train.batch_size", 0), ("train.optimizer", "adm"), ("train.optimizer.betas", [0.9]),
    ("train.optimizer.betas", [0.9, 1.0]), ("train.optimizer.betas", [0.9, "x"]), ("train.optimizer.momentum", 0.9),
    ("train.optimizer.lr", -1), ("train.clip_norm", 0), ("train.shuffle", 1), ("train.lr", 0.1), ("train.steps", 0),
    ("train.schedule.gamma", 0.5), ("record.every", "sometimes"), ("record.every", 0), ("record.census", "epochs"),
    ("record.probe", "none"), ("extra", 1),
]
COMBINATIONS = [
    ("train.steps", 10), ("network.layers.2", {"type": "dropout"}),
    ("network.layers.1", {"units": 3, "name": "dense1"}),
    ("train.optimizer", {"name": "sgd", "nesterov": True}),
    ("network.layers.0.activation", {"name": "rrelu", "lower": 0.5, "upper": 0.1}),
    ("network.layers.0.init", {"weights": "rai", "bias": 0.5}),
]


def changed(path, value):
    config = copy.deepcopy(BASE)
    *parents, last = path.split(".")
    at = config
    for token in parents:
        key = int(token) if isinstance(at, list) else token
        at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
    last = int(last) if isinstance(at, list) else last
    if value is DELETE:
        del at[last]
    else:
        at[last] = value
    return config


def main():
    binary, configs = sys.argv[1], pathlib.Path(sys.argv[2])
    schema = json.loads(subprocess.run([binary, "schema"], check=True, capture_output=True, text=True).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    shipped = json.loads((configs / "experiment.schema.json").read_text())
    failures = []
    if shipped != schema:
        failures.append("configs/experiment.schema.json is not what `reluscope schema` prints: write it anew")
    reference = subprocess.run([sys.executable, configs.parent / "scripts/config_reference.py"], check=True,
                               input=json.dumps(schema), capture_output=True, text=True).stdout
    if reference != (configs.parent / "docs/config.md").read_text():
        failures.append("docs/config.md is not what scripts/config_reference.py makes of the schema: write it anew")
    draft7, draft2020 = jsonschema.Draft7Validator(schema), jsonschema.Draft202012Validator(schema)

    def judge(name, config, schema_ok, loader_ok):
        text = json.dumps(config)
        loader = subprocess.run([binary, "validate", "-", "--config-only"], input=text, capture_output=True, text=True)
        if loader.returncode not in (0, 2):
            failures.append(f"{name}: validate exited with {loader.returncode}")
        for validator in (draft7, draft2020):
            if validator.is_valid(config) != schema_ok:
                failures.append(f"{name}: the schema says {not schema_ok}, expected {schema_ok}")
        if (loader.returncode == 0) != loader_ok:
            failures.append(f"{name}: the loader says {not loader_ok}, expected {loader_ok}\n{loader.stderr}")

    for expected, cases in (((True, True), GOOD), ((False, False), BAD), ((True, False), COMBINATIONS)):
        for path, value in cases:
            judge(f"{path} = {value}", changed(path, value), *expected)
    files = sorted(configs.glob("*.json*"))
    for file in files:
        if file.name == "experiment.schema.json":
            continue
        config = json.loads(re.sub(r"^\s*//.*$", "", file.read_text(), flags=re.M))
        judge(file.name, config, True, True)
    for failure in failures:
        print(failure)
    judged = len(GOOD) + len(BAD) + len(COMBINATIONS) + len(files) - 1
    print(f"{judged - len(failures)} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


main()
