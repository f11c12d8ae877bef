"""The labelled corpus of scripts/bench_rules.py: experiments that are healthy, or sick of a known fault.

An experiment is a config, a label, and for the sick ones the fault that it was given. The label is not taken on trust:
verify() holds every run against measured facts that no rule has a part in (the brute-force census, held-out figures,
the size of signals at the first step), and an experiment that fails is an error of the corpus.
"""

import zlib

DIGITS = {"kind": "csv", "file": "digits.csv.gz", "header": False, "normalize": "standard", "test_fraction": 0.2}
# Data, the loss that goes with it, outputs, and the held-out figure that a healthy run reaches.
DATA = {
    "digits": (DIGITS, "cross_entropy", 10, ("accuracy", 0.93)),
    "moons": ({"kind": "moons", "n_samples": 800, "noise": 0.1, "normalize": "standard"}, "cross_entropy", 2,
              ("accuracy", 0.95)),
    "circles": ({"kind": "circles", "n_samples": 800, "noise": 0.05, "factor": 0.5, "normalize": "standard"},
                "cross_entropy", 2, ("accuracy", 0.95)),
    "blobs": ({"kind": "blobs", "n_samples": 800, "n_features": 8, "centers": 5, "normalize": "standard"},
              "cross_entropy", 5, ("accuracy", 0.97)),
    "xor": ({"kind": "xor", "n_samples": 1000}, "cross_entropy", 2, ("accuracy", 0.93)),
    "spirals": ({"kind": "spirals", "n_samples": 1000, "turns": 0.75, "noise": 0.02, "normalize": "standard"},
                "cross_entropy", 2, ("accuracy", 0.9)),
    "classification": ({"kind": "classification", "n_samples": 1200, "n_features": 16, "n_informative": 6,
                        "class_sep": 2.0, "normalize": "standard"}, "cross_entropy", 2, ("accuracy", 0.9)),
    "teacher": ({"kind": "teacher_student", "n_samples": 1000, "n_features": 10}, "mse", 1, ("share", 0.15)),
    "friedman": ({"kind": "friedman1", "n_samples": 1000, "normalize": "standard"}, "mse", 1, ("loss", 6.0)),
    "abs": ({"kind": "abs", "n_samples": 1000}, "mse", 1, ("loss", 0.05)),
    "sin": ({"kind": "sin", "n_samples": 800, "frequency": 1.5, "normalize": "standard"}, "mse", 1, ("loss", 0.1)),
}
RELU_LIKE = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "celu", "gelu", "silu", "mish", "relu6", "hardswish")


def experiment(name, data, activation, units, depth, *, optimizer, steps=400, batch=32, weights=None, bias=0.0, seed=1,
               label="healthy", fault=None, changes=None, train=None):
    source, loss, outputs, level = DATA[data]
    if weights is None:
        weights = {"selu": "lecun_normal"}.get(activation, "he_normal" if activation in RELU_LIKE else "glorot_normal")
    config = {
        "name": name, "seed": seed, "data": {**source, **(changes or {})},
        "network": {"layers": [
            {"units": units, "activation": activation, "init": {"weights": weights, "bias": bias}, "repeat": depth},
            {"units": outputs, "init": {"weights": "glorot_normal", "bias": 0.0}}]},
        "loss": loss, "train": {"steps": steps, "batch_size": batch, "optimizer": optimizer, **(train or {})},
        "record": {"every": 5, "census": 20, "probe_every": 100, "monitors": True}}
    half = "held out" if zlib.crc32(name.encode()) % 2 else "development"
    return {"name": name, "config": config, "label": label, "fault": fault, "level": level, "half": half}


def sgd(lr, momentum=0.9):
    return {"name": "sgd", "lr": lr, "momentum": momentum}


def adam(lr):
    return {"name": "adam", "lr": lr}


def healthy():
    made = []

    def add(name, *arguments, **settings):
        made.append(experiment(name, *arguments, **settings))

    for activation in RELU_LIKE + ("selu", "softplus", "sigmoid", "tanh"):
        slow = activation in ("sigmoid", "softplus", "hardswish")
        add(f"digits-{activation}", "digits", activation, 64, 2, optimizer=sgd(0.05), steps=1200 if slow else 600)
        add(f"digits-adam-{activation}", "digits", activation, 48, 1, optimizer=adam(0.005), seed=2)
        if activation != "sigmoid":
            add(f"blobs-{activation}", "blobs", activation, 32, 3, optimizer=adam(0.003), seed=3)
    for activation in ("relu", "elu", "tanh", "gelu", "leaky_relu"):
        add(f"moons-{activation}", "moons", activation, 24, 2, optimizer=adam(0.01), steps=800, seed=4)
        add(f"circles-{activation}", "circles", activation, 32, 2, optimizer=adam(0.01), steps=600, seed=5)
        add(f"teacher-{activation}", "teacher", activation, 32, 2, optimizer=adam(0.005), steps=1500, seed=6)
        add(f"friedman-{activation}", "friedman", activation, 64, 2, optimizer=adam(0.005), steps=1500, seed=7)
        add(f"classification-{activation}", "classification", activation, 48, 2, optimizer=sgd(0.02), steps=800, seed=8)
    for activation in ("relu", "prelu", "silu"):
        add(f"xor-{activation}", "xor", activation, 32, 2, optimizer=adam(0.01), steps=800, seed=9)
        add(f"abs-{activation}", "abs", activation, 32, 2, optimizer=adam(0.01), steps=800, seed=10)
        add(f"sin-{activation}", "sin", activation, 48, 3, optimizer=adam(0.005), steps=2000, seed=11)
        add(f"spirals-{activation}", "spirals", activation, 48, 3, optimizer=adam(0.005), steps=1500, seed=12)
    # What looks like a fault and is none.
    add("deep-relu", "digits", "relu", 64, 6, optimizer=adam(0.001), steps=600)
    add("deep-elu", "digits", "elu", 48, 8, optimizer=adam(0.001), steps=600)
    add("deep-tanh", "digits", "tanh", 64, 6, optimizer=adam(0.001), steps=600)
    add("sparse-wide", "digits", "relu", 512, 1, optimizer=adam(0.003), bias=-1.0, steps=600)
    add("sparse-wide-two", "digits", "relu", 256, 2, optimizer=adam(0.002), bias=-0.5, steps=600)
    add("sparse-blobs", "blobs", "relu", 256, 1, optimizer=adam(0.005), bias=-0.5, steps=600)
    for units, bias, batch in ((512, -2.2, 8), (512, -2.3, 16), (256, -2.0, 8), (384, -2.4, 12)):
        add(f"sparse-batch{batch}-{units}", "digits", "relu", units, 1, optimizer=adam(0.002), bias=bias, batch=batch,
            steps=1500)
    add("one-feature-abs", "abs", "relu", 48, 3, optimizer=adam(0.003), steps=1500, seed=23)
    for depth in (3, 4):
        add(f"one-feature-sin-{depth}", "sin", "relu", 64, depth, optimizer=adam(0.003), steps=2000, seed=depth)
    add("small-batch", "digits", "relu", 128, 2, optimizer=sgd(0.005), batch=4, steps=3000)
    add("batch-of-eight", "digits", "relu", 256, 1, optimizer=sgd(0.01), batch=8, steps=2000)
    add("full-batch", "moons", "relu", 32, 2, optimizer=adam(0.01), batch=640, steps=800)
    add("converged-regression", "abs", "relu", 64, 2, optimizer=adam(0.001), steps=4000, batch=128)
    add("converged-teacher", "teacher", "leaky_relu", 64, 2, optimizer=adam(0.003), steps=4000, batch=128)
    add("converged-sgd", "digits", "relu", 64, 2, optimizer=sgd(0.1, 0.5), steps=4000)
    add("sigmoid-three", "digits", "sigmoid", 64, 3, optimizer=adam(0.005), steps=1500)
    add("clipped", "digits", "relu", 64, 2, optimizer=sgd(0.1), steps=600, train={"clip_norm": 0.5})
    add("decayed", "digits", "relu", 64, 2, optimizer={"name": "adamw", "lr": 0.003, "weight_decay": 0.05}, steps=800)
    add("warmed-up", "digits", "relu", 64, 3, optimizer=sgd(0.1), steps=800, train={"warmup_steps": 80})
    add("cosine", "digits", "gelu", 64, 2, optimizer=adam(0.01), steps=600, train={"schedule": "cosine"})
    add("rmsprop", "digits", "relu", 64, 2, optimizer={"name": "rmsprop", "lr": 0.001}, steps=600)
    add("adagrad", "digits", "tanh", 64, 2, optimizer={"name": "adagrad", "lr": 0.05}, steps=600)
    add("narrow-elu", "digits", "elu", 16, 2, optimizer=adam(0.005), steps=1500)
    return made


def sick():
    made = []

    def add(fault, name, *arguments, **settings):
        made.append(experiment(f"{fault}-{name}", *arguments, label="sick", fault=fault, **settings))

    # Units die: rates far too high, on every activation that can die.
    for data, rate, depths in (("digits", 0.3, (1, 2, 3)), ("blobs", 1.0, (3, 4)), ("classification", 0.3, (2, 3, 4)),
                               ("moons", 0.5, (2, 3, 4)), ("circles", 0.5, (3, 4))):
        for depth in depths:
            add("death", f"{data}-adam-{depth}", data, "relu", 48, depth, optimizer=adam(rate), steps=600, seed=depth)
    for seed in (1, 2, 3):
        add("death", f"digits-adam-lower-{seed}", "digits", "relu", 64, 2, optimizer=adam(0.1), steps=800, seed=seed)
        add("death", f"digits-sgd-{seed}", "digits", "relu", 64, 2, optimizer=sgd(1.0, 0.0), steps=600, seed=seed)
        add("death", f"digits-momentum-{seed}", "digits", "relu", 64, 3, optimizer=sgd(0.4), steps=600, seed=seed)
    add("death", "digits-hardswish", "digits", "hardswish", 48, 2, optimizer=adam(0.5), steps=800, seed=4)
    add("death", "digits-relu6", "digits", "relu6", 48, 2, optimizer=adam(0.3), steps=800, seed=5)
    add("death", "digits-dropout-like", "digits", "relu", 64, 2, optimizer={"name": "rmsprop", "lr": 0.2}, steps=600)
    add("death", "friedman", "friedman", "relu", 32, 2, optimizer=adam(0.5), steps=800, seed=6)
    # Born dead: biases that are too negative, and narrow deep networks.
    for bias in (-4.0, -6.0):
        for data in ("digits", "blobs", "classification"):
            add("born-dead", f"{data}-bias{bias:g}", data, "relu", 64, 2, optimizer=sgd(0.05), bias=bias)
    add("born-dead", "relu6-bias", "digits", "relu6", 64, 2, optimizer=sgd(0.05), bias=-5.0)
    add("born-dead", "hardswish-bias", "digits", "hardswish", 64, 2, optimizer=sgd(0.05), bias=-8.0)
    for seed in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12):
        add("born-dead", f"narrow-{seed}", "abs", "relu", 2, 10, optimizer=adam(0.001), seed=seed)
    # Gradients vanish with depth.
    for depth in (8, 10, 12):
        add("vanishing", f"sigmoid-{depth}", "digits", "sigmoid", 48, depth, optimizer=sgd(0.05))
        add("vanishing", f"tanh-tiny-{depth}", "digits", "tanh", 48, depth, optimizer=sgd(0.05),
            weights={"name": "normal", "std": 0.04})
        add("vanishing", f"relu-tiny-{depth}", "blobs", "relu", 48, depth, optimizer=sgd(0.05),
            weights={"name": "normal", "std": 0.05})
    add("vanishing", "elu-tiny", "digits", "elu", 48, 8, optimizer=sgd(0.05), weights={"name": "normal", "std": 0.03})
    add("vanishing", "gelu-tiny", "digits", "gelu", 48, 6, optimizer=sgd(0.05), weights={"name": "normal", "std": 0.05})
    # Signals and gradients explode with depth.
    for activation in ("relu", "leaky_relu", "elu", "gelu", "silu", "prelu"):
        add("exploding", f"{activation}-wide", "digits", activation, 64, 8, optimizer=sgd(1e-4, 0.0),
            weights={"name": "normal", "std": 0.5})
    for activation in ("relu", "elu", "leaky_relu"):
        add("exploding", f"{activation}-diverges", "digits", activation, 64, 4, optimizer=sgd(5.0), seed=2)
    add("exploding", "teacher-diverges", "teacher", "leaky_relu", 64, 2, optimizer=sgd(2.0), seed=3)
    add("exploding", "friedman-diverges", "friedman", "elu", 64, 2, optimizer=sgd(0.5), seed=3)
    # Units are saturated.
    for activation in ("sigmoid", "tanh"):
        add("saturation", f"{activation}-weights", "digits", activation, 64, 2, optimizer=sgd(0.01),
            weights={"name": "normal", "std": 400.0})
        add("saturation", f"{activation}-bias", "digits", activation, 64, 2, optimizer=sgd(0.01),
            bias=20.0 if activation == "sigmoid" else 12.0)
        add("saturation", f"{activation}-inputs", "blobs", activation, 48, 2, optimizer=sgd(0.01),
            changes={"normalize": "none", "center_box": [900.0, 1000.0]})
    # Rates that teach nothing.
    for lr in (0.0, 1e-7, 1e-6):
        add("learning-rate", f"tiny-{lr:g}", "digits", "relu", 64, 2, optimizer=sgd(lr, 0.0))
        add("learning-rate", f"tiny-elu-{lr:g}", "blobs", "elu", 32, 2, optimizer=sgd(lr, 0.0))
    # A loss that says nothing: a softmax over one unit.
    for activation in ("relu", "elu", "tanh"):
        one = experiment(f"loss-{activation}", "abs", activation, 32, 2, optimizer=sgd(0.05), label="sick", fault="loss")
        one["config"]["network"]["layers"][-1]["activation"] = "softmax"
        made.append(one)
    return made


def corpus():
    return healthy() + sick()


# Findings that say what is wrong: any of these, at warning or worse.
RIGHT_RULES = {
    "death": {"dying-units", "collapsed-network"},
    "born-dead": {"dead-on-arrival", "collapsed-network"},
    "vanishing": {"vanishing-gradient", "poor-initialisation"},
    "exploding": {"exploding-gradient", "exploding-activation", "poor-initialisation", "vanishing-gradient",
                  "update-ratio"},
    "saturation": {"saturation"},
    "learning-rate": {"unchanged-weights", "update-ratio", "loss-not-decreasing"},
    "loss": {"zero-gradient"},
}


def number(text):
    return float(text) if text else None


def reaches(level, summary):
    """Whether a run gets to this held-out figure; None where it has none."""
    figure, bound = level
    held_out = summary["test"]
    if held_out is None:
        return None
    if figure == "accuracy":
        return held_out["accuracy"] is not None and held_out["accuracy"] >= bound
    return held_out["loss"] <= (bound if figure == "loss" else bound * summary["first_loss"])


def verify(one, summary, steps, layers, census):
    """Nothing, or why the run does not bear its label. The tables are lists of dicts of text, as the CSVs have them."""
    hidden = max(int(row["layer"]) for row in layers if row["role"] == "hidden")
    dead = [row for row in census if row["role"] == "hidden"]
    most_grown = max((int(row["dead"]) - int(row["born_dead"])) / int(row["units"]) for row in dead)
    most_dead = max(int(row["dead"]) / int(row["units"]) for row in dead)
    born = max(int(row["born_dead"]) / int(row["units"]) for row in dead)
    reached = reaches(one["level"], summary)
    start = {int(row["layer"]): row for row in layers if int(row["step"]) == 0}
    first, last = start[1], start[max(start)]
    ratio = number(first["delta_rms"]) / max(number(last["delta_rms"]), 1e-300)
    if one["label"] == "healthy":
        if summary["status"] != "done" or not reached:
            return f"does not learn: {summary['test']}"
        # With half of a layer dead it may still learn: neither healthy nor sick.
        return f"{100 * most_dead:.0f} % of a layer dead" if most_dead >= 0.5 else None
    fault = one["fault"]
    if fault == "death":
        return None if most_grown >= 0.5 and born < 0.25 else f"only {100 * most_grown:.0f} % died, {100 * born:.0f} % born"
    if fault == "born-dead":
        return None if born >= 0.5 else f"only {100 * born:.0f} % born dead"
    if fault == "vanishing":
        return None if ratio < 1e-3 and not reached else f"delta ratio {ratio:.1e}, learns: {reached}"
    if fault == "exploding":
        z = {layer: number(row["z_std"])**2 + number(row["z_mean"])**2 for layer, row in start.items() if layer <= hidden}
        grows = z[hidden] / z[1] > 100 or ratio > 1e3
        broken = summary["status"] == "failed" or (steps and number(steps[-1]["loss"]) > 10 * summary["first_loss"])
        largest = max(number(row["grad_norm"]) for row in steps) / number(steps[0]["grad_norm"])
        fine = not reached and (grows or broken or largest > 100)
        return None if fine else f"z² grows {z[hidden] / z[1]:.1e}, gradient {largest:.1e}, learns: {reached}"
    if fault == "saturation":
        share = max(((int(row["saturated"]) - int(row["dead"])) / int(row["units"]) for row in dead if row["saturated"]),
                    default=0.0)
        return None if share >= 0.5 else f"only {100 * share:.0f} % saturated"
    if fault == "learning-rate":
        return None if not reached and number(steps[-1]["loss"]) > 0.8 * summary["first_loss"] else "it learns"
    assert fault == "loss"
    return None if all(number(row["delta_rms"]) == 0.0 for row in layers) else "the loss has a gradient"
