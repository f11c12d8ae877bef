"""Convolutional networks on pictures of 28, 56 and 112 pixels, healthy and sick, for scripts/bench_rules.py.

The pictures are the digits that come with the project, as PNG files that the program brings to each size. Which of the
healthy networks are healthy their outcome says, before any rule has seen it (rules_healthy.ending()). Into each of the
sick ones a fault was planted; the exact census and the outcome confirm that it is there (wrong_with()). Then the first
finding has to name it, and where units died, most of them have to have died of the cause that was planted.
"""

import collections
import gzip
import json
import os
import struct
import zlib

import rules_cases
import rules_corpus
import rules_healthy
from rules_program import Failed, read, table

SIZES = (28, 56, 112)
ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "tanh")
SAMPLES = 800
DIRECTORY = "digits-png"


# ---- the pictures

def png(rows):
    """Of rows of bytes, a picture in grey."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def write(directory, digits):
    """The first pictures of the table, a folder for each class."""
    with gzip.open(digits, "rt", encoding="utf-8") as file:
        for number, line in zip(range(SAMPLES), file):
            *pixels, label = map(int, line.split(","))
            folder = os.path.join(directory, DIRECTORY, str(label))
            os.makedirs(folder, exist_ok=True)
            rows = [bytes(min(255, 16 * pixel) for pixel in pixels[8 * row:8 * row + 8]) for row in range(8)]
            with open(os.path.join(folder, f"{number:04}.png"), "wb") as picture:
                picture.write(png(rows))


# ---- the networks

def conv(channels, activation=None, init=None, kernel=3, stride=1, norm=None):
    layer = {"type": "conv2d", "channels": channels, "kernel": kernel, "stride": stride, "padding": kernel // 2}
    for key, value in (("activation", activation), ("init", init), ("norm", norm)):
        if value is not None:
            layer[key] = value
    return layer


def act(activation):
    return {"type": "activation", "activation": activation}


NORM = "batch_norm"
POOL = {"type": "max_pool", "kernel": 2}
MEAN = {"type": "global_avg_pool"}
WIDTHS = (8, 12, 16, 16)  # after each halving, down to 7 × 7 positions


def widths(size):
    """Of the stages that halve the picture until 7 × 7 positions are left."""
    return WIDTHS[:{28: 2, 56: 3, 112: 4}[size]]


def plain(size, activation, init, norm=None):
    layers = []
    for channels in widths(size):
        layers += [conv(channels, activation, init, norm=norm), POOL]
    layers.append(conv(WIDTHS[-1], activation, init, norm=norm))
    return layers + [{"units": 32, "activation": activation}]


def normed(size, activation, init):
    return plain(size, activation, init, NORM)


def residual(size, activation, init):
    """He et al. 2015: a convolution, and blocks with their activation behind the sum."""
    first, *others = widths(size)
    layers = [conv(first, activation, init, stride=2, norm=NORM)]
    for channels, stride in ((first, 1), *((channels, 2) for channels in others)):
        shortcut = [conv(channels, init=init, kernel=1, stride=stride, norm=NORM)] if stride > 1 else None
        layers.append({"type": "residual", "activation": activation, "shortcut": shortcut, "layers": [
            conv(channels, activation, init, stride=stride, norm=NORM), conv(channels, init=init, norm=NORM)]})
    return layers + [MEAN]


def preactivation(size, activation, init):
    """He et al. 2016: norm and activation before each convolution, nothing on the sum."""
    first, *others = widths(size)
    layers = [conv(first, init=init, stride=2)]
    for channels, stride in ((first, 1), *((channels, 2) for channels in others)):
        shortcut = [conv(channels, init=init, kernel=1, stride=stride)] if stride > 1 else None
        layers.append({"type": "residual", "shortcut": shortcut, "layers": [
            {"type": NORM}, act(activation), conv(channels, init=init, stride=stride),
            {"type": NORM}, act(activation), conv(channels, init=init)]})
    return layers + [{"type": NORM}, act(activation), MEAN]


ARCHITECTURES = {"plain": plain, "batch_norm": normed, "residual": residual, "pre-activation": preactivation}


# Epochs until a network has learned, and Adam's rate: a head on single positions learns at once, one on means does not,
# and without a norm steps have to be smaller.
EPOCHS = {"plain": {28: 20, 56: 12, 112: 8}, "batch_norm": {28: 12, 56: 8, 112: 5},
          "residual": {28: 20, 56: 16, 112: 16}, "pre-activation": {28: 20, 56: 14, 112: 12}}
RATES = {"plain": 0.001, "batch_norm": 0.003, "residual": 0.003, "pre-activation": 0.003}


def config(name, layers, size, *, optimizer, epochs, normalize="per_channel", head=None, record=None):
    return {"name": name, "seed": 1,
            "data": {"kind": "images", "train": DIRECTORY, "channels": 1, "size": [size, size], "normalize": normalize,
                     "test_fraction": 0.25},
            "network": {"layers": [*layers, {"units": 10, **(head or {})}]}, "loss": "cross_entropy",
            "train": {"epochs": epochs, "batch_size": 32, "optimizer": optimizer},
            "record": {"monitors": True, **(record or {})}}


def adam(lr):
    return {"name": "adam", "lr": lr}


def sgd(lr, momentum=0.9):
    return {"name": "sgd", "lr": lr, "momentum": momentum}


def drawn(name, bias=0.0, **settings):
    return {"weights": {"name": name, **settings}, "bias": bias}


HE = drawn("he_normal")
GLOROT = drawn("glorot_normal")


# ---- healthy ones

def healthy():
    """Half of all combinations, so chosen that every two choices meet."""
    made = []
    for at, (architecture, build) in enumerate(ARCHITECTURES.items()):
        for size_at, size in enumerate(SIZES):
            for activation_at, activation in enumerate(ACTIVATIONS):
                if (at + size_at + activation_at) % 2:
                    continue
                name = f"{architecture}-{size}-{activation}"
                layers = build(size, activation, GLOROT if activation == "tanh" else HE)
                made.append({"group": f"{architecture}, {size} pixels", "name": name,
                             "level": ("accuracy", rules_healthy.ACCURACY),
                             "config": config(name, layers, size, optimizer=adam(RATES[architecture]),
                                              epochs=EPOCHS[architecture][size])})
    return made


# ---- sick ones

def sick_case(name, fault, cause, names, layers, size, *, dead=None, of=(), prepare=None, **settings):
    """`names` as in rules_cases.Case. `dead`: the layer that dies; `of`: what most of its dead units may
    have died of. `prepare`: writes weights to start from into a file, from those that were drawn."""
    label = rules_cases.Case(name, fault, cause, names)
    return {"name": name, "case": label, "label": "sick", "fault": fault, "dead": dead, "of": of, "prepare": prepare,
            "level": ("accuracy", rules_healthy.ACCURACY),
            "config": config(name, layers, size, record={"every": 5, "census": 5},
                             **{"epochs": 3, "optimizer": rules_healthy.ADAM, **settings})}


def changed(layers, at, **changes):
    return [{**layer, **changes} if index == at else layer for index, layer in enumerate(layers)]


def stack(activation, init, depth=9):
    return [conv(8, activation, init, stride=2)] + [conv(8, activation, init)] * (depth - 1) + [MEAN]


def silence(tensors):
    """γ = 0 and β = -1 in the second norm: the bytes of its tensors."""
    norms = [name[:-len(".running_mean")] for name in tensors if name.endswith(".running_mean")]
    norm = sorted(norms, key=lambda name: int(name.split(".")[1]))[1]  # layers.3, layers.10
    for name, value in ((norm + ".weight", 0.0), (norm + ".bias", -1.0)):
        tensors[name] = struct.pack("<f", value) * (len(tensors[name]) // 4)


def change_file(path, change):
    """Of a safetensors file of float32: `change` gets {name: bytes}, and may put others of the same size there."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        head, data = json.loads(file.read(size)), bytearray(file.read())
    places = {name: slice(*entry["data_offsets"]) for name, entry in head.items() if name != "__metadata__"}
    tensors = {name: bytes(data[place]) for name, place in places.items()}
    change(tensors)
    for name, place in places.items():
        data[place] = tensors[name]
    with open(path, "wb") as file:
        text = json.dumps(head).encode()
        file.write(struct.pack("<Q", len(text)) + text + data)


RATE = ("update-ratio",)


def sick():
    made = []

    def add(*arguments, **settings):
        made.append(sick_case(*arguments, **settings))

    for size in SIZES:
        hidden = plain(size, "relu", HE)
        add(f"born-bias-{size}", "born-dead", "biases of -6 in the second convolution", ("dead-on-arrival conv2d2",),
            changed(hidden, 2, init=drawn("he_normal", -6.0)), size, dead="conv2d2", of=("born",))
        add(f"inherited-norm-{size}", "inherited", "a file whose second norm has γ = 0, β = -1",
            ("dead-on-arrival conv2d2",), normed(size, "relu", HE), size, dead="conv2d2", of=("inherited",),
            prepare=silence)
        add(f"own-weights-{size}", "death", "a rate of 0.1 with Adam", ("update-ratio conv2d2",),
            [conv(8, "relu", HE, stride=2), conv(16, "relu", HE, stride=2), MEAN], size, optimizer=adam(0.1),
            dead="conv2d2", of=("own_weights", "own_bias"))
        add(f"own-bias-{size}", "death", "weights N(0, 0.02²) in nine convolutions, biases learn",
            ("poor-initialisation",), stack("relu", drawn("normal", std=0.02)), size, optimizer=sgd(0.05),
            dead="conv2d9", of=("own_bias",))
        # The second convolution is drawn a hundred times too small, the third as much too large: a step moves the one
        # by many times its size, and the other hardly.
        add(f"upstream-{size}", "death", "a rate that is too high for the layer below alone", ("update-ratio conv2d2",),
            [conv(8, "relu", HE, stride=2), conv(8, "relu", drawn("he_normal", gain=0.014), stride=2),
             conv(16, "relu", drawn("he_normal", gain=140.0)), MEAN], size, optimizer=adam(0.02), dead="conv2d3",
            of=("upstream",))
        # Behind a norm, weights of this size hardly turn, and an output this large throws the norm's own parameters.
        add(f"norm-{size}", "death", "steps that only scale and shift of the norms feel", ("dying-units",),
            [conv(8, "relu", drawn("he_normal", gain=30.0), stride=2, norm=NORM),
             conv(12, "relu", drawn("he_normal", gain=30.0), stride=2, norm=NORM),
             conv(16, "relu", drawn("he_normal", gain=30.0), stride=2, norm=NORM), MEAN], size, optimizer=sgd(0.3),
            head={"init": drawn("normal", std=6.0)}, dead="conv2d3", of=("norm",))
        # Of the two branches the shortcut adds up 392 values whose weights a step moves, the other one 2.
        add(f"skip-{size}", "death", "steps that the shortcut's many inputs add up",
            ("update-ratio residual1", "collapsed-network residual1", "dying-units residual1"),
            [conv(8, "relu", HE, stride=2),
             {"type": "residual", "activation": "relu", "shortcut": [conv(16, init=HE, kernel=7, stride=2)],
              "layers": [conv(2, "relu", HE, kernel=1, stride=2), conv(16, init=HE, kernel=1)]}, MEAN], size,
            optimizer=adam(0.03), dead="residual1", of=("skip",))
        add(f"rate-residual-{size}", "learning-rate", "a rate of 3 in a residual network", RATE,
            residual(size, "relu", HE), size, optimizer=sgd(3.0))
        add(f"raw-{size}", "unscaled", "pixels from 0 to 255", ("unscaled-inputs",), hidden, size, normalize="none",
            optimizer=sgd(0.01))
    add("born-zero", "born-dead", "kernels of 0, biases of -1", ("dead-on-arrival conv2d2",),
        changed(plain(28, "relu", HE), 2, init=drawn("zeros", -1.0)), 28, dead="conv2d2", of=("born",))
    add("rate-pre-activation", "learning-rate", "a rate of 3 in a pre-activation network", RATE,
        preactivation(28, "relu", HE), 28, optimizer=sgd(3.0))
    add("dead-output", "dead-output", "a ReLU on the output", ("dead-output dense2",), plain(28, "relu", HE), 28,
        head={"activation": "relu"}, optimizer=sgd(0.3))
    add("vanishing-sigmoid", "vanishing", "nine convolutions with sigmoid", ("vanishing-gradient",),
        stack("sigmoid", GLOROT), 28)
    add("vanishing-tanh", "vanishing", "weights N(0, 0.02²) in nine convolutions with tanh",
        ("poor-initialisation", "vanishing-gradient"), stack("tanh", drawn("normal", std=0.02)), 28,
        optimizer=sgd(0.05))
    for activation in ("relu", "elu"):
        add(f"exploding-{activation}", "exploding", "weights N(0, 0.6²) in nine convolutions", ("poor-initialisation",),
            stack(activation, drawn("normal", std=0.6)), 28, optimizer=sgd(0.001))
    add("saturated-tanh", "saturation", "biases of 12 under a tanh", ("saturation conv2d2",),
        changed(plain(28, "tanh", GLOROT), 2, init=drawn("glorot_normal", 12.0)), 28)
    add("tiny-rate", "learning-rate", "a rate of 1e-7", RATE, plain(28, "relu", HE), 28, optimizer=sgd(1e-7, 0.0),
        epochs=6)
    add("no-rate", "learning-rate", "a rate of 0", ("unchanged-weights",), plain(28, "relu", HE), 28,
        optimizer=sgd(0.0, 0.0))
    return made


def dead_of(units, layer):
    """By cause, the units of a layer that are dead at the end."""
    return collections.Counter(row["cause"] for row in units if row["name"] == layer and row["state"] == "dead")


def share_of(census, layer, column):
    """The largest share of a layer that a census counted."""
    return max(int(row[column]) / int(row["units"]) for row in census if row["name"] == layer)


def wrong_with(one, summary, steps, layers, census):
    """Nothing, or why the planted fault is not there."""
    fault, dead = one["fault"], one["dead"]
    if fault in ("death", "born-dead", "inherited"):
        least = {"death": "dead", "born-dead": "born_dead", "inherited": "inherited"}[fault]
        share = share_of(census, dead, least) - (share_of(census, dead, "born_dead") if fault == "death" else 0.0)
        return None if share >= 0.5 else f"{100 * share:.0f} % of '{dead}' {fault}"
    if fault == "unscaled":
        return None if not rules_corpus.reaches(one["level"], summary) else "it learns"
    if fault == "dead-output":
        lost = [row for row in census if row["role"] == "output"][-1]
        return None if lost["dead"] == lost["units"] else f"{lost['dead']} of {lost['units']} outputs dead"
    return rules_corpus.verify(one, summary, steps, layers, census)


def cause_of(one, units):
    """What most of the dead units of the layer that was to die died of; nothing where no layer was to die."""
    if one["dead"] is None:
        return ""
    dead = dead_of(units, one["dead"])
    named = [(cause, count) for cause, count in dead.items() if 2 * count > sum(dead.values())]
    return named[0][0] if named else "several"


def judge(one, program, place):
    run = os.path.join(place, one["name"])
    options = []
    try:
        if one["prepare"] is not None:
            drawn_config = {**one["config"], "train": {"steps": 1, "optimizer": sgd(0.0)}}
            program.run(drawn_config, run + "-drawn", "--save-weights")
            weights = os.path.join(run + "-drawn", "weights.safetensors")
            change_file(weights, one["prepare"])
            options.append("network.init_from=" + weights)
        summary = program.run(one["config"], run, *options)
        wrong = wrong_with(one, summary, *(read(run, name) for name in ("steps", "layers", "census")))
        if wrong:
            return {"error": wrong}
        return {"alarms": program.alarms(run), "cause": cause_of(one, read(run, "units"))}
    except Failed as failed:
        return {"error": str(failed)}


def verdict(one, result):
    """right, wrong or silent, of the first finding; "cause" where that is right, but the units' cause is another."""
    said = rules_cases.verdict(one["case"], result["alarms"]["reluscope"])
    return "cause" if said == "right" and one["of"] and result["cause"] not in one["of"] else said


def sick_table(made, results):
    rows = []
    for one in made:
        result = results[one["name"]]
        row = [f"`{one['name']}`", one["case"].cause]
        if "alarms" not in result:
            rows.append(row + ["", "", "left out: " + result["error"]])
            continue
        findings = result["alarms"]["reluscope"]
        first = f"{findings[0]['rule']} {findings[0]['name'] or ''}".strip() if findings else "-"
        said = verdict(one, result)
        rows.append(row + [first, result["cause"] and f"{result['cause']} ({one['dead']})",
                           said if said == "right" else f"**{said}**"])
    return table(["network", "what was planted", "first finding", "its dead units died of", ""], rows, numbers_from=5)


def failures(made, results):
    """What --strict does not let pass, in words."""
    said = []
    for one in made:
        result = results[one["name"]]
        if "alarms" in result and verdict(one, result) != "right":
            rules = [finding["rule"] for finding in result["alarms"]["reluscope"]]
            said.append(f"{one['name']}: {verdict(one, result)}: {rules}, {result['cause'] or 'no deaths'}")
    return said


def beside(sets, healthy_ones, found, sick_ones, results):
    """Rows: on how many of the sick and of the healthy ones each rule set raises an alarm."""
    run = [one for one in sick_ones if "alarms" in results[one["name"]]]
    rows = []
    for name in sets:
        hits = sum(bool(results[one["name"]]["alarms"][name]) for one in run)
        wolves = len(rules_healthy.with_alarm(healthy_ones, found, name))
        fit = len(rules_healthy.healthy_of(healthy_ones, found))
        rows.append([name, f"{hits} of {len(run)}", f"{wolves} of {fit}"])
    return table(["rules", "sick networks with an alarm", "healthy ones with an alarm"], rows)


def sections(sets, healthy_ones, found, sick_ones, results):
    """What the page's template asks for."""
    said = [verdict(one, results[one["name"]]) for one in sick_ones if "alarms" in results[one["name"]]]
    return {"pictures": rules_healthy.healthy_table(healthy_ones, found), "planted": sick_table(sick_ones, results),
            "planted_count": len(said), "planted_right": said.count("right"),
            "pictures_beside": beside(sets, healthy_ones, found, sick_ones, results)}
