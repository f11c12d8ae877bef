#!/usr/bin/env python3
"""Measures reluscope beside bare primitives, PyTorch and dlib; writes all figures as CSV and the tables as Markdown.

    scripts/bench.sh                                         builds the benchmark program, then runs this
    scripts/bench.py --data /path/to/mnist --markdown bench.md

Everything is measured once per round, round after round, so that a machine that speeds up or slows down does so for
all. A figure is the median over the rounds; a ratio is taken within each round, and then the median of the rounds.

Needs only the standard library, and build/release/reluscope_bench. PyTorch is measured where it is installed.
Exit codes: 0 measured, 1 a measurement failed, 2 bad usage.
"""

import argparse
import collections
import csv
import glob
import importlib.util
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, "bench"))
import blas  # noqa: E402

THREADS = (1, 2)
LARGE_NETS = ("784,256,256,10", "784,512,512,512,512,10")
LARGE_BATCHES = (128, 32)
SMALL_NET = "2,16,16,16,1"
SMALL_BATCHES = (32, 128)
NETWORKS = ("small-cnn", "residual-cnn")  # of bench/networks
NETWORK_BATCH = 64
NETWORK_IMAGES = 2560  # of a run of reluscope: after its steps it looks at all of them
STUDY_NET = "1,2,2,2,2,2,2,2,2,2,2,1"
STUDY = ("--net", STUDY_NET, "--nets", "1000", "--points", "1000")
STUDY_BATCH = 32

STEP_PEERS = ("no statistics", "full statistics", "PyTorch plain", "PyTorch plain tuned", "PyTorch careful",
              "PyTorch hooks", "dlib plain")
STEP_VARIANTS = ("products oneDNN", "products Eigen", *STEP_PEERS)  # of a step, as they are called in the tables
NETWORK_VARIANTS = ("primitives oneDNN", *STEP_PEERS)
BACKENDS = {"onednn": "oneDNN", "eigen": "Eigen"}
DLIB_NETS = (*LARGE_NETS, NETWORKS[0])  # what bench/dlib_step.cpp has
AIMED_BATCHES = {LARGE_NETS[0]: 128, LARGE_NETS[1]: 128, SMALL_NET: 32, **dict.fromkeys(NETWORKS, NETWORK_BATCH)}
STEP_RATIOS = (  # of a step's variants: above, below, and the aim for (net, threads) at the batch above
    ("full statistics", "no statistics", {(LARGE_NETS[0], 1): "≤ 1.02", (LARGE_NETS[1], 1): "≤ 1.02",
                                          (NETWORKS[0], 1): "≤ 1.05"}),
    ("full statistics", "products oneDNN", {(LARGE_NETS[0], 1): "≤ 1.18", (LARGE_NETS[1], 1): "≤ 1.12",
                                            (LARGE_NETS[0], 2): "≤ 1.40", (LARGE_NETS[1], 2): "≤ 1.28"}),
    ("full statistics", "primitives oneDNN", {(NETWORKS[0], 1): "≤ 1.25"}),
    ("PyTorch hooks", "full statistics", {(LARGE_NETS[0], 1): "≥ 3", (LARGE_NETS[1], 1): "≥ 2.1",
                                          (SMALL_NET, 1): "≥ 60", (NETWORKS[0], 1): "≥ 5.5"}),
    ("PyTorch careful", "full statistics", {(LARGE_NETS[0], 1): "≥ 2", (LARGE_NETS[1], 1): "≥ 1.6",
                                            (SMALL_NET, 1): "≥ 40", (NETWORKS[0], 1): "≥ 4"}),
    ("PyTorch plain", "full statistics", {(LARGE_NETS[0], 1): "≥ 1.5", (LARGE_NETS[1], 1): "≥ 1.35",
                                          (NETWORKS[0], 1): "≥ 2.5"}),
    ("PyTorch plain tuned", "full statistics", {}),
    ("dlib plain", "full statistics", {}),
)
WAYS = ("pack", "one by one", "PyTorch baddbmm")
WAY_RATIOS = (("pack", "one by one"), ("pack", "PyTorch baddbmm"))
FORWARD_VARIANTS = ("reluscope", "PyTorch")
BARE = "bare"  # a PyTorch program that nothing watches
CAPTURE_AIMS = {"not recording": "≤ 1.02", "every 50th step": "≤ 1.03", "recorded step": "≤ 1.5", "naive hooks": "",
                "census, of an evaluation": "≤ 1.7"}  # times of scripts/bench_capture.py over the bare program's
CAPTURE_TURNS = 5
CORE_TYPES = ("SKYLAKEX", "HASWELL", "ZEN")  # kernels of OpenBLAS to try besides those it chooses
TRIAL = ("--mode", "plain", "--net", "2,512,512,512,1", "--batch", "128", "--seconds", "0.3")
NO_TORCH = ("PyTorch is not installed: its rows are left out. On Debian and Ubuntu: scripts/bench.sh --torch, or "
            "apt-get install python3-torch libopenblas0-openmp")

NO_DLIB = "dlib is not measured: {}. On Debian and Ubuntu: scripts/bench.sh --torch, or apt-get install libdlib-dev"

NOT_OPTIMISED = "is no fair peer, for its matrix products come from no optimised BLAS"
FASTER_BLAS = "scripts/bench.sh --torch, or apt-get install libopenblas0-openmp, gives it one"

Key = collections.namedtuple("Key", "what net batch threads variant unit")


class BenchError(Exception):
    """A program is missing or a measurement failed: exit code 1."""


# ---- programs --------------------------------------------------------------------------------------------------------


def note(text):
    print(f"bench.py: {text}", file=sys.stderr, flush=True)


def run(command, environment=None):
    """The JSON objects that a program prints, one a line."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BenchError(f"cannot run {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def thread_counts():
    return [count for count in THREADS if count <= len(os.sched_getaffinity(0))]


def openblas_directories():
    """Where Debian keeps the variants of OpenBLAS. The one with pthreads and PyTorch's OpenMP may slow each other down
    a hundred times where they wait for each other, and is yet the one that is taken if both are installed."""
    return glob.glob("/usr/lib/*/openblas-*/")


class Torch:
    """PyTorch's peers: the interpreter that has it, and the environment in which a training step is fastest."""

    def __init__(self, python):
        self.python = python
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
        self.settings = {}
        libraries = [{}, *({"LD_LIBRARY_PATH": directory} for directory in openblas_directories())]
        waits = [{}, {"OMP_WAIT_POLICY": "PASSIVE"}]
        self.choose([{**library, **wait} for library in libraries for wait in waits], max(thread_counts()))
        tried = self.choose([{}, *({"OPENBLAS_CORETYPE": core_type} for core_type in CORE_TYPES)], threads=1)
        self.blas = tried["blas"]
        self.optimised = tried["blas_optimised"]
        self.version = tried["version"]

    def choose(self, candidates, threads):
        """Keeps the one of these settings with which the trial is fastest; returns what was measured."""
        trials = []
        for settings in candidates:
            try:
                command = self.command("torch_mlp.py", *TRIAL, "--threads", str(threads))
                trials.append((run(command, {**self.environment, **settings})[0], settings))
            except BenchError as error:  # kernels that need another CPU end by a signal
                failure = error
        if not trials:
            raise failure
        measured, best = min(trials, key=lambda trial: trial[0]["us_per_step"])
        self.environment.update(best)
        self.settings.update(best)
        return measured

    def command(self, script, *arguments):
        return [self.python, "-B", os.path.join(ROOT, "bench", script), *arguments]  # -B: no __pycache__

    def name(self):
        return f"PyTorch {self.version} with {self.blas}"

    def describe(self):
        settings = " ".join(f"{name}={value}" for name, value in self.settings.items()) or "none needed"
        return f"{self.name()}; fastest of the settings tried: {settings}"


def find_torch():
    """PyTorch in the Python that runs this, else in the system's; None where neither has it."""
    if importlib.util.find_spec("torch") is not None:
        return Torch(sys.executable)
    system = "/usr/bin/python3"
    probe = [system, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"]
    if os.access(system, os.X_OK) and subprocess.run(probe, check=False).returncode == 0:
        return Torch(system)
    return None


def find_peer():
    """PyTorch to measure beside, or None; and what is to be said of it. A ratio to one without an optimised BLAS would be
    a figure of that BLAS: it is not measured."""
    torch = find_torch()
    if torch is None:
        note(NO_TORCH)
        return None, "PyTorch: not installed"
    if not torch.optimised:
        note(f"{torch.name()} {NOT_OPTIMISED}: its rows are left out. {FASTER_BLAS}")
        return None, f"{torch.name()} {NOT_OPTIMISED}: not measured"
    return torch, torch.describe()


def find_dlib(build):
    """dlib's program, or None: where it was not built, or its products would be the reference BLAS's."""
    program = os.path.join(build, "dlib_step")
    name, optimised = blas.identify(blas.load(), "")
    if not os.access(program, os.X_OK):
        note(NO_DLIB.format("it was not there when the benchmark was built"))
    elif not optimised:
        note(NO_DLIB.format(f"with {name} it {NOT_OPTIMISED}"))
    else:
        return program
    return None


# ---- measurements ----------------------------------------------------------------------------------------------------


class Measurement:
    """One run of a program. `read` turns a line of it into (key, value) pairs."""

    def __init__(self, command, read, environment=None):
        self.command = command
        self.read = read
        self.environment = environment

    def results(self):
        return [pair for line in run(self.command, self.environment) for pair in self.read(line)]


class Plan:
    """The list of all measurements. Those that are compared with each other stand side by side."""

    def __init__(self, bench, torch, dlib, options):
        self.bench = bench
        self.torch = torch
        self.dlib = dlib
        self.seconds = ("--seconds", str(options.seconds))
        self.data = ("--data", options.data) if options.data else ()
        self.measurements = []
        threads = thread_counts()
        for net in LARGE_NETS:
            for batch in LARGE_BATCHES:
                for count in threads:
                    self.add_steps(net, batch, count)
            for count in threads:
                self.add_forward(net, count)
        for batch in SMALL_BATCHES:
            self.add_steps(SMALL_NET, batch, 1)
        for net in NETWORKS:
            for count in threads:
                self.add_steps(net, NETWORK_BATCH, count)
        self.add_activations()
        self.add_captures(options.seconds)
        for count in threads:
            self.add_study("born-dead", "", count, "nets_per_s", "nets/s")
            self.add_study("train", STUDY_BATCH, count, "net_steps_per_s", "net-steps/s")

    def add(self, arguments, read):
        self.measurements.append(Measurement([self.bench, *arguments], read))

    def add_torch(self, script, arguments, read):
        if self.torch is not None:
            self.measurements.append(Measurement(self.torch.command(script, *arguments), read, self.torch.environment))

    def add_steps(self, net, batch, threads):
        is_config = net in NETWORKS
        named = ("--config", os.path.join(ROOT, "bench", "networks", f"{net}.json")) if is_config else ("--net", net)
        case = (*named, "--batch", str(batch), "--threads", str(threads), *self.seconds)

        def time_of(line, variant):
            return Key("step", net, batch, threads, variant, "us"), line["us_per_step"]

        def read_steps(line):
            yield time_of(line, {"none": "no statistics", "full": "full statistics"}[line["measure"]])
            if "ratio_to_none" in line:  # of measurements that alternate within the program
                yield ratio_key(time_of(line, "full statistics")[0], "no statistics"), line["ratio_to_none"]

        def read_bound(line):
            yield time_of(line, f"{line['what']} {BACKENDS[line['backend']]}")

        def read_torch(line):
            yield time_of(line, f"PyTorch {line['mode']}")

        self.add(("primitives" if is_config else "products", *case), read_bound)
        limit = (f"data.limit={NETWORK_IMAGES}",) if is_config else ()
        self.add(("step", *case, *self.data, *limit), read_steps)
        for mode in (("plain",), ("plain", "--tuned"), ("careful",), ("hooks",)):
            self.add_torch("torch_cnn.py" if is_config else "torch_mlp.py", ("--mode", *mode, *case, *self.data),
                           read_torch)
        if self.dlib is not None and net in DLIB_NETS:
            command = [self.dlib, "--net", net, "--batch", str(batch), *self.seconds]
            self.measurements.append(Measurement(command, lambda line: [time_of(line, "dlib plain")],
                                                 {**os.environ, "OMP_NUM_THREADS": str(threads)}))

    def add_forward(self, net, threads):
        def reader(variant):
            return lambda line: [(Key("forward", net, "", threads, variant, "s"), line["seconds"])]

        case = ("--net", net, "--threads", str(threads), *self.data)
        reluscope, torch = FORWARD_VARIANTS
        self.add(("forward", *case), reader(reluscope))
        self.add_torch("torch_mlp.py", ("--mode", "forward", *case, *self.seconds), reader(torch))

    def add_activations(self):
        def read(line):
            for direction in ("forward", "backward"):
                yield activation_key(line["activation"], direction), line[f"{direction}_ns"]

        self.add(("activations", *self.seconds), read)

    def add_captures(self, seconds):
        """What scripts/reluscope_capture.py costs a program, measured in turns with the program by itself."""
        def read(line):
            bare = Key("capture", line["program"], "", 1, BARE, "us")
            yield bare, line["us_per_step"]
            for what, ratio in line["costs"].items():
                yield ratio_key(bare._replace(variant=what), BARE), ratio

        turns = ("--turns", str(CAPTURE_TURNS), "--seconds", str(seconds / 10))
        self.add_torch(os.path.join(ROOT, "scripts", "bench_capture.py"), ("--json", *turns), read)

    def add_study(self, task, batch, threads, rate, unit):
        def reader(variant):
            def read(line):
                yield Key(task, STUDY_NET, batch, threads, variant, unit), line[rate]
                if task == "born-dead":
                    yield Key(task, STUDY_NET, batch, threads, variant, "share born dead"), line["born_dead"]
            return read

        case = ("--task", task, *STUDY, "--threads", str(threads), *self.seconds)
        if batch:
            case += ("--batch", str(batch))
        pack, single, torch = WAYS
        self.add(("pack", "--way", "pack", *case), reader(pack))
        self.add(("pack", "--way", "single", *case), reader(single))
        self.add_torch("torch_tiny.py", case, reader(torch))


def activation_key(activation, direction):
    return Key("activation", "", "", 1, f"{activation} {direction}", "ns")


def ratio_key(key, below):
    """The key of the ratio of `key` to the variant `below` of the same case."""
    return key._replace(variant=f"{key.variant} / {below}", unit="ratio")


def measure(plan, rounds):
    """{key: a value per round}"""
    values = collections.defaultdict(list)
    count = len(plan.measurements)
    for at in range(rounds):
        for number, measurement in enumerate(plan.measurements, start=1):
            program, *arguments = (os.path.basename(word) for word in measurement.command)
            note(f"round {at + 1} of {rounds}, {number} of {count}: {program} {' '.join(arguments)}")
            for key, value in measurement.results():
                values[key].append(value)
    return values


def add_ratios(values):
    """Adds the ratios of each round, but for those that the benchmark program has measured itself."""
    pairs = [("step", above, below) for above, below, _ in STEP_RATIOS]
    pairs += [(task, above, below) for task in ("born-dead", "train") for above, below in WAY_RATIOS]
    pairs.append(("forward", *reversed(FORWARD_VARIANTS)))
    for key in list(values):
        if key.unit in ("ratio", "share born dead"):
            continue
        if key.what == "activation":
            direction = key.variant.split()[1]
            add_ratio(values, key, f"relu {direction}")
        for what, above, below in pairs:
            if key.what == what and key.variant == above:
                add_ratio(values, key, below)


def add_ratio(values, key, below):
    divisor = key._replace(variant=below)
    if divisor in values and ratio_key(key, below) not in values:
        values[ratio_key(key, below)] = [one / other for one, other in zip(values[key], values[divisor])]


def write_csv(values, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*Key._fields, "median", "min", "max", "rounds"])
        for key, found in values.items():
            rows.writerow([*key, *(f"{number:.6g}" for number in (statistics.median(found), min(found), max(found))),
                           len(found)])


# ---- Markdown --------------------------------------------------------------------------------------------------------


def figure(value):
    """Three to five digits, as much as the noise of such measurements allows to read."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 100 else 2 if value >= 1 else 3}f}"


def table(head, rows, text_columns=1):
    """A Markdown table whose columns after the first ones are numbers, set to the right."""
    marks = ["---" if at < text_columns else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, marks, *rows])


class Report:
    """The Markdown document."""

    def __init__(self, values):
        self.values = values

    def cell(self, key):
        return figure(statistics.median(self.values[key])) if key in self.values else "–"

    def cell_with_range(self, key):
        found = self.values.get(key, ())
        spread = f" ({figure(min(found))}–{figure(max(found))})" if len(found) > 1 else ""
        return self.cell(key) + spread

    def cases(self, what):
        """A key of each net, batch and number of threads that was measured."""
        return list(dict.fromkeys(key._replace(variant="", unit="") for key in self.values if key.what == what))

    def steps(self, variants, nets):
        rows = [[case.net, str(case.batch), str(case.threads),
                 *(self.cell(case._replace(variant=variant, unit="us")) for variant in variants)]
                for case in self.cases("step") if case.net in nets]
        return table(["net", "batch", "threads", *variants], rows)

    def step_ratios(self):
        rows = []
        for above, below, aims in STEP_RATIOS:
            for case in self.cases("step"):
                aim = aims.get((case.net, case.threads), "") if case.batch == AIMED_BATCHES[case.net] else ""
                key = ratio_key(case._replace(variant=above), below)
                if key in self.values:
                    rows.append([f"{above} / {below}", case.net, str(case.batch), str(case.threads),
                                 self.cell_with_range(key), aim])
        return table(["ratio", "net", "batch", "threads", "median (range)", "aim"], rows, text_columns=2)

    def activations(self):
        names = dict.fromkeys(key.variant.split()[0] for key in self.values if key.what == "activation")
        rows = []
        for name in names:
            row = [name]
            for direction in ("forward", "backward"):
                key = activation_key(name, direction)
                row += [self.cell(key), self.cell(ratio_key(key, f"relu {direction}"))]
            rows.append(row)
        return table(["activation", "forward, ns", "/ relu", "backward, ns", "/ relu"], rows)

    def forward(self):
        reluscope, torch = FORWARD_VARIANTS
        rows = []
        for case in self.cases("forward"):
            of_torch = case._replace(variant=torch)
            rows.append([case.net, str(case.threads), self.cell(case._replace(variant=reluscope, unit="s")),
                         self.cell(of_torch._replace(unit="s")), self.cell_with_range(ratio_key(of_torch, reluscope))])
        return table(["net", "threads", "reluscope, s", "PyTorch, s", f"{torch} / {reluscope}"], rows)

    def captures(self):
        rows = []
        for case in self.cases("capture"):
            bare = case._replace(variant=BARE, unit="us")
            rows.append([case.net, self.cell(bare),
                         *(self.cell_with_range(ratio_key(case._replace(variant=what), BARE)) for what in CAPTURE_AIMS)])
        if rows:
            rows.append(["aim", "", *CAPTURE_AIMS.values()])
        return table(["program", "bare, µs a step", *CAPTURE_AIMS], rows)

    def studies(self):
        rows = []
        for task, unit in (("born-dead", "nets/s"), ("train", "net-steps/s")):
            for case in self.cases(task):
                rows.append([task, str(case.threads), unit,
                             *(self.cell(case._replace(variant=way, unit=unit)) for way in WAYS),
                             *(self.cell_with_range(ratio_key(case._replace(variant=above), below))
                               for above, below in WAY_RATIOS)])
        return table(["study", "threads", "unit", *WAYS, *(" / ".join(pair) for pair in WAY_RATIOS)], rows)

    def shares_born_dead(self):
        shares = {key.variant: f"{100 * statistics.median(found):.1f} %" for key, found in self.values.items()
                  if key.unit == "share born dead"}
        return ", ".join(f"{way} {share}" for way, share in shares.items())

    def document(self, machine, method):
        parts = [
            "# Benchmark", "\n".join(f"- {line}" for line in machine), method,
            "## A training step", "Microseconds per step. Products: the step's matrix products and nothing else. Statistics: every column of "
            "steps.csv and layers.csv, at every step, written as CSV. PyTorch plain and hooks: as users write them; "
            "careful: the fastest operators for the same columns; tuned: memory kept, `foreach` updates (as careful). "
            "dlib plain: no statistics; `threads` are its BLAS's.",
            self.steps(STEP_VARIANTS, (*LARGE_NETS, SMALL_NET)),
            "## A training step of a convolutional network",
            "Microseconds per step of the networks in `bench/networks`, on images of 28 × 28. Primitives: the step's "
            "convolutions, pools and batch norms, forward and backward, on the whole batch in the layouts that oneDNN "
            "prefers, and nothing else. PyTorch has the columns of the table above but for the gradient noise; tuned "
            "and careful keep images channels last. dlib's convolutions and pools have one thread.",
            self.steps(NETWORK_VARIANTS, NETWORKS),
            "## Ratios of a step",
            "Medians of the rounds' ratios, with the least and the greatest.", self.step_ratios(),
            "## Activations", "Nanoseconds per element on one thread, without statistics.", self.activations(),
            "## Forward pass over the training set", "All samples, with each unit's active samples counted.",
            self.forward(),
            "## What watching a PyTorch program costs",
            "Times of PyTorch programs with `scripts/reluscope_capture.py` over those without it, in turns, one thread "
            "(`scripts/bench_capture.py`). Naive hooks: a forward hook for each ReLU and a loop over the parameters, with "
            "`.item()` for each figure. A census, of a pass in evaluation mode over the same data.",
            self.captures(),
            "## Many tiny nets",
            f"Nets {STUDY_NET}, 1000 points; born-dead: each net is drawn and looked at on all points; train: SGD with "
            f"momentum, batches of {STUDY_BATCH}, each net its own.",
            self.studies(), f"Born dead: {self.shares_born_dead()}.",
        ]
        return "\n\n".join(parts) + "\n"


def first_field(path, name):
    """The value of the first line `name: value` of a file of /proc."""
    try:
        with open(path, encoding="utf-8") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith(name)), "unknown")
    except OSError:
        return "unknown"


def reluscope_version(build):
    program = os.path.join(build, "reluscope")
    if not os.access(program, os.X_OK):
        return "of unknown version"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()


def describe_machine(said_of_torch, options):
    memory = first_field("/proc/meminfo", "MemTotal").split()[0]
    gigabytes = f"{int(memory) / 2**20:.0f} GiB" if memory.isdigit() else memory
    return [
        f"CPU: {first_field('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores; RAM: {gigabytes}",
        f"reluscope {reluscope_version(options.build)}",
        said_of_torch,
        "Data of the nets with 784 inputs and of the convolutional ones: " +
        ("MNIST" if options.data else "a stand-in of MNIST's size and sparsity"),
    ]


# ---- command line ----------------------------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Measures reluscope beside bare matrix products and primitives, PyTorch and dlib.",
        epilog="example: scripts/bench.py --data /path/to/mnist --markdown bench.md")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"), metavar="DIR",
                        help="where reluscope_bench is (default: build/release)")
    parser.add_argument("--data", default=os.environ.get("RELUSCOPE_MNIST", ""), metavar="DIR",
                        help="directory of MNIST's IDX files (default: $RELUSCOPE_MNIST, else a stand-in is made)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S",
                        help="time for a measurement (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a first look: one round of 0.3 s a measurement")
    parser.add_argument("--csv", default="bench.csv", metavar="FILE", help="all figures (default: %(default)s)")
    parser.add_argument("--markdown", default="-", metavar="FILE",
                        help="the tables; - (the default) is standard output")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.3
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds have to be above 0")
    return options


def bench_program(build):
    program = os.path.join(build, "reluscope_bench")
    if not os.access(program, os.X_OK):
        raise BenchError(f"there is no {program}: scripts/bench.sh builds it")
    return program


def describe_method(options):
    rounds = "1 round" if options.rounds == 1 else f"{options.rounds} rounds"
    return (f"Made by `scripts/bench.sh`: medians of {rounds}, in each of which everything is measured once for "
            f"{options.seconds:g} s.")


def measure_and_write(options):
    bench = bench_program(options.build)
    torch, said_of_torch = find_peer()
    values = measure(Plan(bench, torch, find_dlib(options.build), options), options.rounds)
    add_ratios(values)
    write_csv(values, options.csv)
    document = Report(values).document(describe_machine(said_of_torch, options), describe_method(options))
    if options.markdown == "-":
        sys.stdout.write(document)
    else:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(document)


def main():
    options = parse_arguments()
    try:
        measure_and_write(options)
    except BenchError as error:
        note(error)
        return 1
    except OSError as error:
        note(f"cannot write '{error.filename}': {error.strerror}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
