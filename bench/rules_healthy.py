"""Healthy networks as people set them up, with the default initialisers of Keras and PyTorch, for scripts/bench_rules.py.

Whether a network is healthy its outcome says, before any rule has seen it (ending()). What is not is left out, and
counted.
"""

import os

import rules_corpus
from rules_program import Failed, read, table

# The held-out accuracy of a healthy network. One without hidden layers gets 0.93 to 0.95 on these digits, and chance is
# 0.1: below 0.85 something has kept a network from what its inputs offer; above, a few more epochs would do the rest.
ACCURACY = 0.85
# A layer with this share of its units dead is not healthy, though the network may have learned.
DEAD = 0.5
SEEDS = (1, 2, 3)
DIGITS = rules_corpus.DIGITS
MNIST = {"kind": "idx", "images": "train-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte.gz",
         "test_images": "t10k-images-idx3-ubyte.gz", "test_labels": "t10k-labels-idx1-ubyte.gz", "limit": 10000}
# What a Dense layer of Keras, and a Linear one of PyTorch, starts from if nothing is said.
KERAS = {"weights": "glorot_uniform", "bias": 0.0}
PYTORCH = {"weights": "pytorch"}
DEFAULTS = (("keras", KERAS), ("pytorch", PYTORCH))
HE = {"weights": "he_normal", "bias": 0.0}
ACTIVATIONS = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus",
               "sigmoid", "tanh", "relu6", "hardswish")
ADAM = {"name": "adam", "lr": 0.001}


def network(group, name, init, seed, *, data="digits", depth=2, units=64, activation="relu", normalize="per_feature",
            epochs=20, batch=32, optimizer=None, mnist=None):
    """One experiment of a group, which is a row of the table."""
    if data == "digits":
        source, loss, outputs, level = DIGITS, "cross_entropy", 10, ("accuracy", ACCURACY)
    elif data == "mnist":
        source, loss, outputs, level = {**MNIST, "directory": mnist}, "cross_entropy", 10, ("accuracy", ACCURACY)
    else:
        source, loss, outputs, level = rules_corpus.DATA[data]
    return {"group": group, "name": f"{name}-{seed}", "level": level, "config": {
        "name": f"{name}-{seed}", "seed": seed, "data": {**source, "normalize": normalize},
        "network": {"layers": [{"units": units, "activation": activation, "init": init, "repeat": depth},
                               {"units": outputs, "init": init}]},
        "loss": loss, "train": {"epochs": epochs, "batch_size": batch, "optimizer": optimizer or ADAM},
        "record": {"monitors": True}}}


def networks(normalisations, mnist=None):
    """All of them; those on MNIST if its directory is given."""
    made = []

    def add(group, name, init, **settings):
        made.extend(network(group, name, init, seed, **settings) for seed in SEEDS)

    for maker, init in DEFAULTS:
        for depth in (2, 4, 6, 10):
            for normalize in normalisations:
                add(f"{depth} layers, {maker}", f"{maker}-{depth}-{normalize}", init, depth=depth, normalize=normalize)
    for depth in (10, 20):
        for normalize in normalisations:
            add(f"{depth} layers, he_normal", f"he-{depth}-{normalize}", HE, depth=depth, normalize=normalize)
    for maker, init in DEFAULTS:
        for units, epochs in ((16, 40), (512, 4), (1024, 4)):
            for normalize in ("none", "standard"):
                add(f"{units} units, {maker}", f"{maker}-units{units}-{normalize}", init, units=units, epochs=epochs,
                    normalize=normalize)
        for activation in ACTIVATIONS:
            add(f"other activations, {maker}", f"{maker}-{activation}", init, activation=activation)
        # Stopped early, trained for long, and with other batches and steps.
        add(f"other training, {maker}", f"{maker}-short", init, epochs=3)
        add(f"other training, {maker}", f"{maker}-long", init, epochs=100)
        add(f"other training, {maker}", f"{maker}-batch8", init, epochs=10, batch=8)
        add(f"other training, {maker}", f"{maker}-batch256", init, epochs=60, batch=256)
        add(f"other training, {maker}", f"{maker}-adam0.01", init, optimizer={"name": "adam", "lr": 0.01})
        add(f"other training, {maker}", f"{maker}-sgd", init, optimizer={"name": "sgd", "lr": 0.01})
        add(f"other training, {maker}", f"{maker}-momentum", init, optimizer={"name": "sgd", "lr": 0.01, "momentum": 0.9})
        for data in rules_corpus.DATA:
            if data != "digits":
                for normalize in ("none", "per_feature"):
                    add(f"other data, {maker}", f"{maker}-{data}-{normalize}", init, data=data, normalize=normalize,
                        depth=3, epochs=60)
        for normalize in normalisations if mnist else ():
            add(f"MNIST, {maker}", f"{maker}-mnist-{normalize}", init, data="mnist", normalize=normalize, epochs=3,
                mnist=mnist)
    return made


def ending(one, summary, census):
    """Nothing, or why the network is not healthy."""
    if summary["status"] != "done":
        return f"it ends as '{summary['status']}'"
    if not rules_corpus.reaches(one["level"], summary):
        accuracy = summary["test"]["accuracy"]
        return f"held-out loss {summary['test']['loss']:.3g}" if accuracy is None else f"held-out accuracy {accuracy:.2f}"
    last = max(int(row["step"]) for row in census)
    dead = max(int(row["dead"]) / int(row["units"]) for row in census
               if int(row["step"]) == last and row["role"] == "hidden")
    return f"{100 * dead:.0f} % of a layer dead" if dead >= DEAD else None


def judge(one, program, place, digits):
    run = os.path.join(place, one["name"])
    try:
        changes = ["data.directory=" + digits] if one["config"]["data"]["kind"] == "csv" else []
        unfit = ending(one, program.run(one["config"], run, *changes), read(run, "census"))
        return {"unfit": unfit} if unfit else {"alarms": program.alarms(run)}
    except Failed as failed:
        return {"error": str(failed)}


def healthy_of(made, results):
    return [one for one in made if "alarms" in results[one["name"]]]


def with_alarm(made, results, rules="reluscope"):
    return [one for one in healthy_of(made, results) if results[one["name"]]["alarms"][rules]]


def healthy_table(made, results):
    rows = []
    for group in dict.fromkeys(one["group"] for one in made):
        part = [one for one in made if one["group"] == group]
        rows.append([group, str(len(part)), str(len(healthy_of(part, results))), str(len(with_alarm(part, results)))])
    rows.append(["all", str(len(made)), str(len(healthy_of(made, results))), str(len(with_alarm(made, results)))])
    return table(["networks", "runs", "healthy", "with a warning"], rows)


def left_out(made, results):
    """In words, or nothing."""
    return "".join(f"- `{one['name']}`: {results[one['name']]['unfit']}\n" for one in made
                   if "unfit" in results[one["name"]])


def failures(made, results):
    """What --strict does not let pass, in words."""
    found = ((one["name"], results[one["name"]]["alarms"]["reluscope"][0]) for one in with_alarm(made, results))
    return [f"false alarm: {name}: {finding['rule']}: {finding['sentence']}" for name, finding in found]
