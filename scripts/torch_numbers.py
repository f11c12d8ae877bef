#!/usr/bin/env python3
"""PyTorch's numbers for every layer, activation, loss and optimiser, as a file that a test holds the program to where
there is no PyTorch: tests/experiment/torch_numbers.safetensors.

    torch_numbers.py [--check] [FILE]      --check changes nothing, and fails where FILE is not what it should be

The header's __metadata__ has the config of each case under its name. Of a case named CASE, all in float64 unless said:

    CASE/inputs     samples × the shape of one (float32: they are exact)
    CASE/targets    samples × outputs, or a class for each sample (int64)
    CASE/outputs    two, each samples × outputs: in evaluation after all steps, in training before the first
    CASE/losses     of three steps, in training
    CASE/NAME       of each array NAME of the state_dict: before the first step, after each of them, and, of a
                    parameter, the mean loss's gradient in the first step

Of what draws random numbers in training there is only what evaluation needs: an output, no losses, and the arrays
before any step. So no number here is one that PyTorch drew; and every one that is put in is exact in float32.

Needs PyTorch 1.12 or later; the file in the tree is from 1.13.
"""

import json
import pathlib
import random
import struct
import sys

import torch
from torch.nn import functional

import reluscope_network

FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "experiment" / "torch_numbers.safetensors"
STEPS = 3
# How far another machine's float64 may be from the file's, by the largest number of an array.
SLACK = 1e-11
SGD = {"name": "sgd", "lr": 0.01, "momentum": 0.9}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
              "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}
TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}
CASES = {}


# ---- what the cases are

def case(name, layers, shape=(2, 5, 6), samples=4, loss="mse", **more):
    """`outputs`: of a dense layer at the end, 0: there is none to be added; `train`: more of that section; `random`:
    training draws random numbers; `values`: what inputs are drawn from instead of a range of each channel's own;
    `plain`: the first layer passes its input on as it is."""
    outputs = more.get("outputs", 2)
    layers = [*layers, {"units": outputs}] if outputs else layers
    train = {"steps": STEPS, "batch_size": samples, "shuffle": False, "optimizer": SGD, **more.get("train", {})}
    data = {"kind": "csv", "file": "inputs.csv", **({"shape": list(shape)} if len(shape) == 3 else {})}
    config = {"data": data, "network": {"layers": layers}, "loss": loss, "train": train}
    assert name not in CASES
    CASES[name] = {"config": config, "shape": shape, **more}


def conv(channels, kernel, **more):
    return {"type": "conv2d", "channels": channels, "kernel": kernel, **more}


def layer(kind, **more):
    return {"type": kind, **more}


def layers_of_each_kind():
    last = conv(2, 3, stride=2)
    case("conv2d.same", [conv(3, 3, padding="same", activation="tanh"),
                         conv(2, 2, padding="same", init={"bias": False}, activation="leaky_relu"), last])
    case("conv2d.strides", [conv(3, 2, stride=2, activation="tanh"), conv(2, 1), conv(2, 3, padding=1, stride=2)])
    case("conv2d.gaps", [conv(2, 2, stride=3, padding=2, activation="silu"), conv(2, 1, stride=2)])
    case("dense.image", [{"units": 3, "activation": "tanh"}, {"units": 3, "init": {"bias": False}}], shape=(2, 3, 4))
    case("dense.one_position", [conv(3, 3, activation="tanh"), {"units": 3, "activation": "relu"}], shape=(2, 3, 3))
    case("flatten", [conv(3, 2, stride=2, activation="tanh"), layer("flatten"), layer("activation", activation="elu")])

    for kind in ("max_pool", "avg_pool"):
        case(f"{kind}.own_stride", [conv(2, 2, activation="tanh"), layer(kind, kernel=2)])
        case(f"{kind}.overlapping", [conv(3, 1), layer(kind, kernel=3, stride=2, padding=1)])
        case(f"{kind}.on_inputs", [layer(kind, kernel=3, stride=1), conv(2, 2)])
    case("avg_pool.without_padding", [conv(3, 1), layer("avg_pool", kernel=3, stride=2, padding=1,
                                                       count_include_pad=False)])
    # The weights from the second channel see where the gradient of the first one's ties goes.
    case("max_pool.ties", [conv(2, 1), layer("max_pool", kernel=3, stride=1)], values=[0, 1, 2], plain=True)
    case("global_avg_pool", [conv(3, 2, activation="elu"), layer("global_avg_pool")])

    norm = {"name": "batch_norm", "momentum": 0.3, "eps": 0.01}
    case("batch_norm.of_conv2d", [conv(3, 2, init={"bias": False}, norm=norm, activation="relu"), last])
    case("batch_norm.behind_bias", [conv(2, 2, norm="batch_norm", activation="elu"), last])
    case("batch_norm.on_inputs", [layer("batch_norm", momentum=1.0), conv(2, 2, stride=2, activation="tanh")])
    case("batch_norm.not_affine", [conv(2, 2), layer("batch_norm", affine=False), last])
    case("batch_norm.of_dense", [{"units": 4, "norm": norm, "activation": "tanh"}, layer("batch_norm", affine=False),
                                 {"units": 3, "norm": "batch_norm"}], shape=(3,), samples=5)
    for axes in ("channels", "sample"):
        norm = {"name": "layer_norm", "axes": axes}
        case(f"layer_norm.{axes}", [conv(3, 2, norm=norm, activation="tanh"), last], shape=(2, 4, 5))
        case(f"layer_norm.{axes}.on_inputs", [layer("layer_norm", axes=axes, eps=0.1), last], shape=(2, 4, 5))
        case(f"layer_norm.{axes}.not_affine", [conv(3, 2), layer("layer_norm", axes=axes, affine=False), last])
        case(f"layer_norm.{axes}.of_dense", [{"units": 4, "norm": norm, "activation": "elu"},
                                             layer("layer_norm", axes=axes)], shape=(3,))

    body = [conv(3, 3, padding=1, activation="relu"), conv(3, 3, padding=1)]
    case("residual.identity", [conv(3, 2, stride=2), layer("residual", layers=body)], outputs=1)
    case("residual.on_inputs", [layer("residual", layers=[conv(2, 3, padding="same")], activation="elu"), last])
    case("residual.repeated", [layer("residual", repeat=2, activation="relu", layers=[
        conv(2, 1, norm="batch_norm", activation="gelu"), conv(2, 2, padding="same", norm="batch_norm")]), last])
    case("residual.shortcut", [layer("residual", activation="prelu", layers=[
        conv(2, 3, stride=2, padding=1, norm="batch_norm", activation="relu"), conv(3, 1)],
        shortcut=[conv(3, 1, stride=2, norm="layer_norm")])])
    case("residual.pooled", [conv(2, 1, activation="silu"), layer("residual", layers=[conv(2, 2, stride=2)],
                                                                 shortcut=[layer("max_pool", kernel=2)])])
    case("residual.of_dense", [
        layer("residual", layers=[{"units": 4, "activation": "relu"}, {"units": 3}]),
        layer("residual", layers=[{"units": 2}, {"units": 4}], shortcut=[{"units": 4, "norm": "layer_norm"}],
              activation="tanh")], shape=(3,), samples=5)

    # In training without effect, and in evaluation.
    drops = [layer("dropout", p=0.0), layer("dropout", p=0.0, per="channel")]
    case("dropout.none", [conv(2, 2, activation="relu"), *drops, last])
    drops = [layer("dropout"), layer("dropout", p=0.25, per="channel")]
    case("dropout.evaluated", [conv(2, 2), *drops, last], random=True)


def activations():
    # At kinks, on both sides of them, and far out. (Not at -3 and 3, where hardswish has the slopes 0 and 1 here: in
    # PyTorch 1.13 it has -1/2, and at 3 either 1 or 3/2, by where in the tensor an element stands.)
    values = [-20, -6.5, -3.5, -2, -1, -0.25, -0.015625, 0, 0.015625, 0.25, 1, 2, 3.5, 5.75, 6, 6.25, 20]
    # Of the first layer and of the second, where that is another one.
    settings = {
        "leaky_relu": [{}, {"negative_slope": 0.25}], "elu": [{}, {"alpha": 0.5}], "celu": [{}, {"alpha": 2.0}],
        "prelu": [{}, {"init": 0.5, "slopes": "layer"}], "gelu": [{}, {"approximate": "tanh"}],
        "rrelu": [{"lower": 0.25, "upper": 0.25}], "softplus": [{}, {"beta": 2.0, "threshold": 4.0}]}
    decays = {"optimizer": {**SGD, "weight_decay": 0.25}}

    def add(title, name, first, second, **more):
        case(f"activation.{title}", [conv(2, 1, activation={"name": name, **first}),
                                     {"units": 3, "activation": {"name": name, **second}}],
             shape=(2, 2, 3), samples=3, plain=True, values=values, **more)

    for name in reluscope_network.ACTIVATIONS:
        first, second = settings.get(name, [{}])[0], settings.get(name, [{}])[-1]
        if name != "softmax":  # which the output layer alone can have
            add(name, name, first, second, train=decays if name == "prelu" else {})
    add("prelu.decaying", "prelu", {"weight_decay": True}, {"weight_decay": True}, train=decays)
    add("rrelu.evaluated", "rrelu", {}, {"lower": 0.0}, random=True)
    case("activation.softmax", [{"units": 3, "activation": "softmax"}], shape=(3,), outputs=0)


def losses():
    def add(title, loss, outputs, activation="identity"):
        case(f"loss.{title}", [{"units": outputs, "activation": activation}], outputs=0, shape=(3,), samples=5,
             loss=loss)

    bits, shares = ({"name": name, "from_logits": False} for name in ("bce", "cross_entropy"))
    for outputs in (1, 3):
        for loss in ("mse", "mae", "huber", "bce"):
            add(f"{loss}.{outputs}", loss, outputs)
        add(f"huber.near.{outputs}", {"name": "huber", "delta": 0.25}, outputs)
        add(f"bce.probabilities.{outputs}", bits, outputs, "sigmoid")
    add("cross_entropy", "cross_entropy", 3)
    add("cross_entropy.probabilities", shares, 3, "softmax")
    add("cross_entropy.shares", shares, 3, "sigmoid")  # what does not add up to 1 is scaled


def optimizers():
    for name, optimizer in {
            "sgd": {"weight_decay": 0.5}, "sgd.momentum": {"momentum": 0.75, "dampening": 0.5, "weight_decay": 0.5},
            "sgd.nesterov": {"momentum": 0.5, "nesterov": True, "weight_decay": 0.5}, "adam": {},
            "adam.settings": {"betas": [0.75, 0.9], "eps": 0.01, "weight_decay": 0.5}, "adamw": {},
            "adamw.settings": {"betas": [0.5, 0.75], "eps": 0.01, "weight_decay": 0.5}, "rmsprop": {},
            "rmsprop.momentum": {"momentum": 0.5, "weight_decay": 0.5, "alpha": 0.75},
            "rmsprop.centered": {"centered": True, "eps": 0.01},
            "rmsprop.centered_momentum": {"centered": True, "momentum": 0.5}, "adagrad": {},
            "adagrad.settings": {"lr_decay": 0.5, "initial_accumulator_value": 0.25, "eps": 0.01, "weight_decay": 0.5},
            "clip_norm": {}, "clip_value": {}}.items():
        kind = name.split(".", maxsplit=1)[0]
        clip = {kind: 0.125} if kind.startswith("clip") else {}
        optimizer = {"name": "sgd" if clip else kind, "lr": 0.05 if optimizer else 0.02, **optimizer}
        norm = {"norm": "layer_norm"} if name in ("sgd", "clip_norm") else {}
        case(f"optimizer.{name}", [{"units": 3, **norm, "activation": "prelu"}], shape=(3,), samples=5,
             train={"optimizer": optimizer, **clip})


layers_of_each_kind()
activations()
losses()
optimizers()


# ---- what PyTorch makes of them

def numbers(drawer, shape, low, high, fraction=64):
    """Fractions of a power of two, so that they are exact in float32."""
    count = int(torch.tensor(shape).prod()) if shape else 1
    values = [drawer.randint(round(low * fraction), round(high * fraction)) / fraction for _ in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def draw_inputs(drawer, one, samples):
    """Each channel has a mean far from 0 and a deviation far from 1."""
    if "values" in one:
        count = samples * int(torch.tensor(one["shape"]).prod())
        values = (one["values"] * (count // len(one["values"]) + 1))[:count]
        drawer.shuffle(values)
        return torch.tensor(values, dtype=torch.float64).reshape(samples, *one["shape"])
    channels = [numbers(drawer, (samples, 1, *one["shape"][1:]), low, high)
                for low, high in ((-4, 10), (-3, -2), (1, 3))[:one["shape"][0]]]
    return torch.cat(channels, dim=1)


def draw_state(drawer, network, plain):
    with torch.no_grad():
        for name, array in network.state_dict().items():
            module, _, kind = name.rpartition(".")
            if kind == "num_batches_tracked":
                array.fill_(7)
            elif kind == "running_mean":
                array.copy_(numbers(drawer, array.shape, -2, 2))
            elif kind == "running_var":
                array.copy_(numbers(drawer, array.shape, 0.25, 4))
            elif isinstance(network.get_submodule(module), torch.nn.PReLU):
                array.copy_(numbers(drawer, array.shape, -0.25, 0.75))
            elif array.dim() > 1 and kind == "weight":
                reach = array[0].numel() ** -0.5
                array.copy_(numbers(drawer, array.shape, -reach, reach, 1024))
            else:
                array.copy_(numbers(drawer, array.shape, -1, 1) + (1.25 if kind == "weight" else 0))
        if plain:
            first = network.layers[0]
            first.weight.copy_(torch.eye(len(first.weight)).reshape(first.weight.shape))
            first.bias.zero_()


def draw_targets(drawer, loss, outputs, samples):
    if loss == "cross_entropy":
        return torch.tensor([drawer.randrange(outputs) for _ in range(samples)])
    return numbers(drawer, (samples, outputs), 0 if loss == "bce" else -3, 1 if loss == "bce" else 3)


def loss_of(choice, output, targets):
    name, settings = reluscope_network.choice(choice, "mse")
    if not settings.get("from_logits", True):
        if name == "bce":
            return functional.binary_cross_entropy(output, targets)
        return functional.nll_loss((output / output.sum(dim=1, keepdim=True)).log(), targets)
    if name == "huber":
        return functional.huber_loss(output, targets, delta=settings.get("delta", 1.0))
    return {"mse": functional.mse_loss, "mae": functional.l1_loss, "cross_entropy": functional.cross_entropy,
            "bce": functional.binary_cross_entropy_with_logits}[name](output, targets)


def optimizer_of(choice, network, slopes_decay):
    """Slopes of a PReLU are not pulled towards 0 unless a config says so."""
    settings = {key: value for key, value in choice.items() if key != "name"}
    slopes = [parameter for module in network.modules() if isinstance(module, torch.nn.PReLU)
              for parameter in module.parameters()]
    others = [parameter for parameter in network.parameters() if not any(parameter is slope for slope in slopes)]
    groups = [{"params": others}, {"params": slopes, **({} if slopes_decay else {"weight_decay": 0.0})}]
    return OPTIMIZERS[choice["name"]]([group for group in groups if group["params"]], **settings)


def clip(network, train):
    if "clip_norm" in train:
        torch.nn.utils.clip_grad_norm_(network.parameters(), train["clip_norm"])
    if "clip_value" in train:
        torch.nn.utils.clip_grad_value_(network.parameters(), train["clip_value"])


def arrays_of(name, one):
    drawer = random.Random(name)
    config, train = one["config"], one["config"]["train"]
    network = reluscope_network.build(config["network"]["layers"], one["shape"]).double()
    draw_state(drawer, network, one.get("plain", False))
    inputs = draw_inputs(drawer, one, train["batch_size"])
    fed = inputs.flatten(1) if isinstance(network.layers[0], torch.nn.Linear) else inputs
    units = reluscope_network.run(network, fed[:1]).shape[1]
    targets = draw_targets(drawer, reluscope_network.choice(config["loss"], "mse")[0], units, len(inputs))
    rows = {key: [array.clone()] for key, array in network.state_dict().items()}
    gradients, outputs, losses = {}, [], []
    if not one.get("random"):
        optimizer = optimizer_of(train["optimizer"], network, '"weight_decay": true' in json.dumps(config["network"]))
        network.train()
        for step in range(STEPS):
            optimizer.zero_grad()
            output = network(fed)
            loss = loss_of(config["loss"], output, targets)
            loss.backward()
            losses.append(loss.detach())
            if step == 0:
                outputs.append(output.detach())
                gradients = {key: [parameter.grad.clone()] for key, parameter in network.named_parameters()}
            clip(network, train)
            optimizer.step()
            for key, array in network.state_dict().items():
                rows[key].append(array.clone())
    outputs.insert(0, reluscope_network.run(network, fed))
    arrays = {"inputs": inputs.float(), "targets": targets, "outputs": torch.stack(outputs)}
    if losses:
        arrays["losses"] = torch.stack(losses)
    return {**arrays, **{key: torch.stack(some + gradients.get(key, [])) for key, some in rows.items()}}


# ---- the file

def write(path, arrays):
    configs = {name: json.dumps(one["config"], separators=(",", ":")) for name, one in CASES.items()}
    header, data = {"__metadata__": configs}, b""
    for name, array in arrays.items():
        packed = array.contiguous().numpy().tobytes()
        header[name] = {"dtype": TYPES[array.dtype], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """The arrays, and the config of each case."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    configs = {name: json.loads(text) for name, text in header.pop("__metadata__").items()}
    kinds = {name: kind for kind, name in TYPES.items()}
    arrays = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        arrays[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=kinds[entry["dtype"]]).reshape(entry["shape"])
    return arrays, configs


def differences(path, arrays):
    """What is wrong with the file."""
    found, configs = read(path)
    for name in sorted(configs.keys() | CASES.keys()):
        if configs.get(name) != CASES.get(name, {}).get("config"):
            yield f"{name}: another config"
    for name in sorted(found.keys() | arrays.keys()):
        if name not in found or name not in arrays:
            yield f"{name}: " + ("is missing" if name in arrays else "is too much")
        elif found[name].shape != arrays[name].shape or found[name].dtype != arrays[name].dtype:
            yield f"{name}: found {list(found[name].shape)}, expected {list(arrays[name].shape)}"
        else:
            apart = (found[name].double() - arrays[name].double()).abs().max().item()
            if not apart <= SLACK * max(1.0, arrays[name].double().abs().max().item()):
                yield f"{name}: {apart} apart"


def make():
    """All arrays, by their names in the file."""
    torch.set_num_threads(1)
    return {f"{name}/{key}": array for name, one in CASES.items() for key, array in arrays_of(name, one).items()}


def main(words):
    path = pathlib.Path(next((word for word in words if not word.startswith("--")), FILE))
    if "--check" not in words:
        write(path, make())
        return 0
    wrong = list(differences(path, make()))
    for line in wrong:
        print(line)
    if wrong:
        print(f"{path} is not what scripts/torch_numbers.py makes: run it, and commit what it changes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
