#!/usr/bin/env python3
"""Draws traces of reluscope: steps.csv, evaluation.csv, layers.csv and census.csv, as CSV or JSON Lines, of one run or
of several.

    reluscope run config.json --trace layers=- | python3 scripts/plot_traces.py -o traces.png
    python3 scripts/plot_traces.py runs/digits-relu/*.csv -o digits.svg
    python3 scripts/plot_traces.py runs/relu/layers.csv runs/elu/layers.csv -o both.png
    reluscope export kept/*/ --to csv | python3 scripts/plot_traces.py -o kept.png

Which trace it is, is read off the columns; the format of the picture (png, svg, pdf) off the name's ending.
Needs matplotlib (Debian and Ubuntu: python3-matplotlib) and otherwise only the standard library.
Exit codes: 0 drawn, 1 could not draw or write, 2 bad usage or input, or no matplotlib.
"""

import argparse
import csv
import json
import math
import os
import signal
import sys
from array import array

from plotting import COLORS, import_pyplot, note

FORMATS = ("png", "svg", "pdf")
NEEDED = {  # the columns that tell one trace from another; the first match counts
    "layers": ("step", "layer", "grad_norm_w"),
    "census": ("step", "layer", "dead_fraction"),
    "evaluation": ("step", "train_loss"),
    "steps": ("step", "loss"),
}
NOT_DRAWN = {  # what else is in a run directory, and comes along with runs/NAME/*.csv
    "units.csv": ("unit", "state"),
    "histograms.csv": ("unit", "low", "high", "count"),
    "features.csv": ("feature", "mean", "std"),
    "sites.csv": ("layer", "kind", "fan_in"),
    "theory.csv": ("layer", "weight_variance"),
    "events.jsonl": ("step", "event"),
}
DRAWN = {  # the columns that are kept; only those in NEEDED have to be there
    "layers": ("batch_dead_fraction", "grad_norm_w"),
    "census": ("dead_fraction", "born_dead", "inherited", "died", "revived"),
    "evaluation": ("train_loss", "test_loss", "train_accuracy", "test_accuracy"),
    "steps": ("loss", "accuracy", "grad_norm", "batch_dead_fraction", "update_ratio"),
}
BLUE, ORANGE, GREEN, PURPLE = COLORS[:4]
ORDER = ("steps", "evaluation", "layers", "census")  # of the tables in a picture
DEAD_AT_START = {"born_dead": "has units born dead", "inherited": "has units dead in the file of its weights"}
ENDS = ("identity", "linear", "softmax", "sigmoid", "logistic", "logsoftmax")  # what networks end in
POINT_BUCKETS = 700  # a line has at most twice as many points: about one bucket a pixel
SMOOTH_FROM = 200  # a line with as many points is drawn faint, its running mean above it
MARK_BUCKETS = 60  # marks for zeros and for what is not finite, a layer
LEGEND_LAYERS = 8  # more layers than this get a colour bar instead of a legend
RUNS_APART = 8  # more runs than this have no panels of their own: a line each, over all layers
RUNS_APART_WITH_OTHERS = 3  # the same where other tables are in the picture
RUNS_IN_A_ROW = 4
MANY_LINES = 4  # of runs in a panel; from here on noise is smoothed more, and both parts of the data have their panels
DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))  # tell runs apart that share a colour
TALLEST = 10.6  # inches; at 150 dots about 1600


class InputError(Exception):
    """What was read is not a trace: exit code 2."""


class NotDrawn(InputError):
    """Another table of a run. Beside one that can be drawn it is left out."""

    def __init__(self, table):
        super().__init__(f"this is {table}, which no panel shows (reluscope report does): name steps.csv, "
                         "evaluation.csv, layers.csv or census.csv")
        self.table = table


class NoRows(InputError):
    """A trace that has only begun. Beside one that can be drawn it is left out."""


# ---- reading ---------------------------------------------------------------------------------------------------------


class Series:
    """A column over the steps. What is not finite keeps its place in `not_finite` and is a gap (nan) in `y`."""

    def __init__(self):
        self.x = array("d")
        self.y = array("d")
        self.not_finite = array("d")

    def add(self, step, value):
        if not math.isfinite(value):
            self.not_finite.append(step)
            value = math.nan
        self.x.append(step)
        self.y.append(value)

    def finite(self):
        return [y for y in self.y if y == y]

    def positive(self):
        return [y for y in self.y if y > 0.0]


class Layer:
    """The series of one layer. steps.csv has a single one, number 0."""

    def __init__(self, number, name="", activation="", role=""):
        self.number = number
        self.name = name
        self.activation = activation
        self.role = role  # hidden, output, or nothing where it is not known
        self.units = 1.0
        self.columns = {}

    def label(self):
        text = f"{self.number}: {self.name}" if self.name else f"layer {self.number}"
        return f"{text} ({self.activation})" if self.activation else text

    def alike(self, other):
        """What this layer has in common with that of another run: a key that is right for both."""
        return Layer(self.number, *(mine if mine == theirs else "" for mine, theirs in (
            (self.name, other.name), (self.activation, other.activation), (self.role, other.role))))

    def series(self, column):
        """The column, or None where no cell of it applies to this layer."""
        return self.columns.get(column)


class Trace:
    """A table of a run. A joined table has several, each with its `run`, `seed` and the `settings` that vary."""

    def __init__(self, kind, run=None, seed="", settings=()):
        self.kind = kind
        self.run = run
        self.seed = seed
        self.settings = settings
        self.layers = {}  # by number
        self.rows = 0
        self.last_step = -math.inf
        self.label = ""  # what the run is called where it has panels of its own
        self.group = ""  # what its line is called; runs that differ in the seed alone share it
        self.color = BLUE
        self.dash = "-"

    def in_depth_order(self):
        return [self.layers[number] for number in sorted(self.layers)]

    def find_output(self):
        """Where no layer is said to be the output, the activation of the last one tells, as docs/diagnose.md has it."""
        if any(layer.role == "output" for layer in self.layers.values()):
            return
        last = self.layers[max(self.layers)]
        if not last.role and last.activation.lower().replace("_", "") in ENDS:
            last.role = "output"


def kind_of(columns):
    for kind, needed in NEEDED.items():
        if set(needed) <= set(columns):
            return kind
    for table, needed in NOT_DRAWN.items():
        if set(needed) <= set(columns):
            raise NotDrawn(table)
    found = ", ".join(columns[:30]) or "none"
    expected = "; ".join(f"{kind}: {', '.join(needed)}" for kind, needed in NEEDED.items())
    raise InputError(f"this is not a trace that can be drawn. Columns found: {found}. Columns needed: {expected}")


def number(cell, column, line):
    """A cell as float; None where it is empty, which says that the column does not apply."""
    if cell is None or cell == "":
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise InputError(f"line {line}, column {column}: a number is needed, found {cell!r}") from None


def csv_rows(lines):
    """(line number, {column: cell}), the header's columns first as (line, None, columns)."""
    reader = csv.reader(lines, strict=True)
    header = None
    cut_off = None
    try:
        for cells in reader:
            if not cells or (header is not None and cells == header):
                continue  # an empty line, or the header of a second part
            if header is None:
                header = [cell.strip() for cell in cells]
                yield reader.line_num, None, header
                continue
            if cut_off is not None:
                raise InputError(cut_off)
            if len(cells) != len(header):
                cut_off = f"line {reader.line_num}: {len(header)} cells are needed, found {len(cells)}"
                continue
            yield reader.line_num, dict(zip(header, cells)), header
    except csv.Error as error:
        raise InputError(f"line {reader.line_num}: not CSV: {error}") from None
    if cut_off is not None:  # only the last row: the run was killed while it wrote
        note(f"{cut_off}: the row is left out")


def json_rows(lines):
    """As csv_rows. null is an empty cell, unless "not_finite" says that it was nan, inf or -inf."""
    header = None
    cut_off = None
    for line_number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if cut_off is not None:
            raise InputError(cut_off)
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            cut_off = f"line {line_number}: not JSON: {error.msg} (column {error.colno})"
            continue
        if not isinstance(row, dict):
            raise InputError(f"line {line_number}: a JSON object is needed, found {line.strip()[:40]}")
        row.update(row.pop("not_finite", None) or {})
        if header is None:
            header = list(row)
            yield line_number, None, header
        yield line_number, row, header
    if cut_off is not None:
        if header is None:
            raise InputError(cut_off)
        note(f"{cut_off}: the row is left out")


def with_first(first, rest):
    yield first
    yield from rest


def settings_of(columns):
    """Of a table that `reluscope export` joined: the columns of what varies, behind run and seed; else None."""
    if columns[0] != "run" or "step" not in columns:
        return None
    return [column for column in columns[1:columns.index("step")] if column != "seed"]


def read_layer(row, trace, line):
    """The layer of the row; steps.csv and evaluation.csv have a single one."""
    key = 0
    if trace.kind in ("layers", "census"):
        key = number(row.get("layer"), "layer", line)
        if key is None or not key.is_integer():
            raise InputError(f"line {line}, column layer: a whole number is needed, found {row.get('layer')!r}")
        key = int(key)
    layer = trace.layers.get(key)
    if layer is None:
        layer = trace.layers[key] = Layer(key, row.get("name") or "", row.get("activation") or "",
                                          row.get("role") or "")
        layer.units = number(row.get("units"), "units", line) or 1.0
    return layer


def read_row(row, trace, drawn, line):
    step = number(row.get("step"), "step", line)
    if step is None or not math.isfinite(step):
        raise InputError(f"line {line}, column step: a step is needed, found {row.get('step')!r}")
    if step < trace.last_step:
        note(f"line {line}: the steps go back from {trace.last_step:g} to {step:g}: several runs in one file?")
    trace.last_step = step
    layer = read_layer(row, trace, line)
    for column in drawn:
        value = number(row.get(column), column, line)
        if value is not None:
            layer.columns.setdefault(column, Series()).add(step, value)
    trace.rows += 1


def read_traces(stream):
    """The traces in a text stream, CSV or JSON Lines: one, or one for each run of a joined table. Raises InputError."""
    first = ""
    for first in stream:
        first = first.lstrip("\ufeff")
        if first.strip():
            break
    if not first.strip():
        raise InputError("the input is empty: did the program before the pipe fail?")
    rows = (json_rows if first.lstrip().startswith("{") else csv_rows)(with_first(first, stream))
    traces = {}
    for line, row, columns in rows:
        if row is None:
            kind = kind_of(columns)
            drawn = [column for column in DRAWN[kind] if column in columns]
            settings = settings_of(columns)
            continue
        run = None if settings is None else str(row.get("run"))
        trace = traces.get(run)
        if trace is None:
            trace = traces[run] = Trace(kind) if run is None else Trace(
                kind, run, str(row.get("seed", "")), tuple(str(row.get(column) or "") for column in settings))
        read_row(row, trace, drawn, line)
    if not traces:
        raise NoRows("the trace has a header and no rows yet")
    for trace in traces.values():
        trace.find_output()
    return list(traces.values())


# ---- naming ----------------------------------------------------------------------------------------------------------


def names_apart(paths):
    """What tells the paths apart: their parts, without those that all of them begin or end with."""
    split = [path.strip("/").split("/") for path in paths]
    shortest = min(len(parts) for parts in split)
    start = 0
    while start < shortest and len({parts[start] for parts in split}) == 1:
        start += 1
    end = 0
    while end < shortest - start and len({parts[-1 - end] for parts in split}) == 1:
        end += 1
    return ["/".join(parts[start:len(parts) - end]) or parts[-1] for parts in split]


def place_of(name):
    return "standard input" if name == "-" else os.path.dirname(os.path.abspath(name))


def name_by_path(read):
    """Tables in one directory are of one run, unless it has the same table twice: then each file is a run."""
    tables = [(place_of(name), trace.kind) for name, trace in read]
    shared = {place for place, kind in tables if tables.count((place, kind)) > 1}
    runs = [os.path.splitext(os.path.abspath(name))[0] if place in shared else place
            for (name, _), (place, _) in zip(read, tables)]
    distinct = list(dict.fromkeys(runs))
    names = dict(zip(distinct, names_apart(distinct)))
    for (_, trace), run in zip(read, runs):
        trace.run = run
        trace.label = trace.group = names[run]


def name_by_settings(read):
    """Runs of joined tables are called what varies, and by their seeds; where that is not enough, their directories."""
    traces = {trace.run: trace for _, trace in read}
    directories = dict(zip(traces, names_apart(list(traces))))
    groups = {run: ", ".join(trace.settings) for run, trace in traces.items()}
    labels = {}
    for run, trace in traces.items():
        alone = list(groups.values()).count(groups[run]) == 1
        seed = "" if groups[run] and alone else f"seed {trace.seed}"
        labels[run] = ", ".join(part for part in (groups[run], seed) if part)
    if len(set(labels.values())) < len(labels):
        labels = directories
    for _, trace in read:
        trace.label = labels[trace.run]
        trace.group = groups[trace.run] or trace.label
    order = list(dict.fromkeys(groups.values()))
    read.sort(key=lambda item: (order.index(groups[item[1].run]), len(item[1].seed), item[1].seed))


def name_runs(read):
    """Gives each of the (file name, trace) its run's name."""
    joined = [trace.run is not None for _, trace in read]
    if any(joined) and not all(joined):
        raise InputError(f"{read[joined.index(True)][0]} is a joined table of several runs: draw it without "
                         f"{read[joined.index(False)][0]}, or join that as well")
    (name_by_settings if any(joined) else name_by_path)(read)
    seen = set()
    for name, trace in read:
        if (trace.run, trace.kind) in seen:
            raise InputError(f"{name}: the run {trace.label} has a table of {trace.kind} in another file as well")
        seen.add((trace.run, trace.kind))


def color_runs(traces):
    """A colour for each group, in the order in which they come; groups that share one differ in their dashes."""
    groups = list(dict.fromkeys(trace.group for trace in traces))
    most = len(COLORS) * len(DASHES)
    if len(groups) > most:
        raise InputError(f"{len(groups)} runs: at most {most} can be told apart in one picture")
    for trace in traces:
        place = groups.index(trace.group)
        trace.color = COLORS[place % len(COLORS)]
        trace.dash = DASHES[place // len(COLORS)]


# ---- thinning out ----------------------------------------------------------------------------------------------------


def downsample(x, y, buckets=POINT_BUCKETS):
    """At most 2·buckets points that show the same picture: first, last, and the least and greatest of each bucket.

    Spikes survive; a bucket without a finite value stays a gap.
    """
    count = len(x)
    if count <= 2 * buckets:
        return list(x), list(y)
    kept = []
    inner = count - 2
    pieces = buckets - 1
    for bucket in range(pieces):
        start = 1 + bucket * inner // pieces
        stop = 1 + (bucket + 1) * inner // pieces
        finite = [place for place in range(start, stop) if y[place] == y[place]]
        if not finite:
            kept.append(start)
            continue
        lowest = min(finite, key=y.__getitem__)
        highest = max(finite, key=y.__getitem__)
        kept.extend(sorted({lowest, highest}))
    places = [0, *kept, count - 1]
    return [x[place] for place in places], [y[place] for place in places]


def thin(x, buckets=MARK_BUCKETS):
    """At most buckets + 1 of the places x, spread over their range: enough for marks."""
    if len(x) <= buckets:
        return list(x)
    low, high = min(x), max(x)
    width = (high - low) / buckets or 1.0
    seen = {}
    for place in x:
        seen.setdefault(int((place - low) / width), place)
    return list(seen.values())


def running_mean(y, window, log=False):
    """Mean (geometric for a log axis) over the `window` values around each place; gaps stay gaps. It begins at the
    first value: what is measured before any update is far from what comes soon after."""
    half = window // 2
    sums, counts = [0.0], [0]
    for value in y:
        there = value > 0.0 if log else value == value
        sums.append(sums[-1] + ((math.log(value) if log else value) if there else 0.0))
        counts.append(counts[-1] + there)
    means = array("d")
    for place in range(len(y)):
        reach = min(half, place)
        low, high = place - reach, min(len(y), place + reach + 1)
        if counts[place + 1] == counts[place]:
            means.append(math.nan)
            continue
        mean = (sums[high] - sums[low]) / (counts[high] - counts[low])
        means.append(math.exp(mean) if log else mean)
    return means


# ---- drawing ---------------------------------------------------------------------------------------------------------


STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#777777",
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.size": 9.5,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.solid_joinstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "reluscope",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
}


def layer_colors(count):
    """viridis from the input (dark) to the output, short of its yellow, which is too pale on white."""
    from matplotlib import cm

    if count == 1:
        return [BLUE]
    return [cm.viridis(0.86 * place / (count - 1)) for place in range(count)]


def plain(text, length=28):
    """A name out of a file as matplotlib shows it letter by letter: no formula between $, and no hiding behind a _."""
    text = " ".join(text.split())
    if len(text) > length:  # names of runs often differ at their ends
        text = f"{text[:length // 2 - 1]}…{text[-(length // 2):]}"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def percent_axis(ax, highest):
    """Shares as per cent, from 0; zoomed in where all is small."""
    from matplotlib.ticker import FuncFormatter

    top = max(0.05, 1.08 * highest if highest < 0.93 else 1.03)
    ax.set_ylim(-0.02 * top, top)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100.0 * y:.4g}"))


def log_axis(ax, values):
    """A log axis with room for the marks of zeros below; linear where nothing is positive."""
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator

    if not values:
        ax.set_ylim(-0.05, 1.0)
        return
    low, high = math.log10(min(values)), math.log10(max(values))
    room = 0.08 * max(high - low, 1.0)
    bottom, top = (min(max(edge, -150.0), 150.0) for edge in (low - 1.4 * room, high + room))  # ticks overflow beyond
    ax.set_ylim(10.0 ** bottom, 10.0 ** top if top > bottom else 10.0 ** (bottom + 1.0))
    ax.set_yscale("log")
    if high - low < 1.3:  # one power of ten alone says little
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(9, 9)))


def log_is_better(values):
    """For losses: they fall by more than 50-fold, and none is below 0."""
    above = [value for value in values if value > 0.0]
    return bool(above) and max(above) > 50.0 * min(above) and min(values) >= 0.0


def step_axis(ax, columns=1):
    from matplotlib.ticker import EngFormatter, MaxNLocator

    ax.set_xlabel("step (updates made)")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=9 if columns <= 2 else 5, integer=True))
    if ax.get_xlim()[1] >= 20000:
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))


class Marks:
    """Marks at the rim of a panel for what its scale cannot show, and whether the legend has to explain them."""

    def __init__(self):
        self.zeros = False
        self.not_finite = False

    def draw(self, ax, series, color, lift=0.0, log=False):
        rim = ax.get_xaxis_transform()  # x in steps, y as a share of the panel's height
        if series.not_finite:
            self.not_finite = True
            x = thin(series.not_finite)
            ax.plot(x, [0.97 - lift] * len(x), "x", color=color, transform=rim, markersize=5, markeredgewidth=1.4)
        if log:
            x = thin([x for x, y in zip(series.x, series.y) if y <= 0.0])
            if x:
                self.zeros = True
                ax.plot(x, [0.025 + lift] * len(x), "v", color=color, transform=rim, markersize=4, fillstyle="none")

    def handles(self):
        from matplotlib.lines import Line2D

        gray = {"color": "#555555", "linestyle": "none"}
        handles = []
        if self.zeros:
            handles.append(Line2D([], [], marker="v", fillstyle="none", markersize=4, label="exactly 0", **gray))
        if self.not_finite:
            handles.append(Line2D([], [], marker="x", markersize=5, label="not finite (nan, inf)", **gray))
        return handles


def mean_window(count, crowded=False):
    """Of how many values the running mean is; 0 where the line itself can be followed."""
    if crowded and count >= SMOOTH_FROM // 5:
        return max(7, count // 20)
    return count // 50 if count >= SMOOTH_FROM else 0


def draw_line(ax, series, color, log=False, smooth=True, faint=0.28, crowded=False, **style):
    """The series as a line; a long one faint, with its running mean above. Returns the mean's window, 0 without."""
    y = [value if value > 0.0 else math.nan for value in series.y] if log else series.y
    window = mean_window(len(y), crowded) if smooth else 0
    alone = sum(1 for value in y if value == value) == 1
    if alone:
        style["marker"] = "o"
    if window:
        ax.plot(*downsample(series.x, y), color=color, alpha=faint, linewidth=0.8)
        y = running_mean(y, window, log)
        style.setdefault("linewidth", 1.7)
    ax.plot(*downsample(series.x, y), color=color, **style)
    return window


def line_handles(window):
    """Explains the faint lines and the strong ones, where there are both."""
    from matplotlib.lines import Line2D

    if not window:
        return []
    return [Line2D([], [], color="#555555", alpha=0.45, linewidth=0.8, label="recorded steps"),
            Line2D([], [], color="#555555", linewidth=1.7, label=f"running mean of {window}")]


def legend_above(ax, handles):
    """In a line of its own, so that it cannot run into the panel's title."""
    from matplotlib.transforms import ScaledTranslation

    above_title = ax.transAxes + ScaledTranslation(0.0, 17.0 / 72.0, ax.figure.dpi_scale_trans)
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), bbox_transform=above_title,
              ncol=len(handles), fontsize=8.5, borderaxespad=0.2, columnspacing=1.2)


def layer_key(figure, pairs, layers, palette, extra):
    """A legend for few layers, a colour bar for many, at the right of the panels; `extra` handles explain marks."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.lines import Line2D

    colors = [palette[layer.number] for layer in layers]
    corner = pairs[min(len(pairs), columns_of(len(pairs))) - 1]
    beside = {"loc": "upper left", "bbox_to_anchor": (1.005, 1.0), "borderaxespad": 0.0}
    if len(layers) <= LEGEND_LAYERS:
        handles = [Line2D([], [], color=color, linewidth=2.2, label=plain(layer.label()))
                   for layer, color in zip(layers, colors)]
        corner[0].legend(handles=handles, title="layer, from the input", alignment="left", **beside)
        if extra:
            corner[1].legend(handles=extra, **beside)
        return
    edges = [place - 0.5 for place in range(len(layers) + 1)]
    shown = range(0, len(layers), max(1, math.ceil(len(layers) / 12)))
    bar = figure.colorbar(ScalarMappable(BoundaryNorm(edges, len(layers)), ListedColormap(colors)), 
                          ax=[ax for pair in pairs for ax in pair], ticks=list(shown), aspect=45, pad=0.015,
                          spacing="proportional")
    bar.ax.set_yticklabels([str(layers[place].number) for place in shown])
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0)
    bar.ax.invert_yaxis()
    bar.outline.set_visible(False)
    bar.set_label("layer (1 is nearest the input)")
    if extra:
        legend_above(corner[0], extra)


def empty_panel(ax, text):
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="#777777")


def can_die(layer, column):
    """Not where nothing was measured, at the output, or with the identity, whose derivative is never 0."""
    return (layer.series(column) is not None and layer.role != "output"
            and layer.activation not in ("identity", "linear"))


def shown_layers(trace):
    """Those that lines are drawn of: in a census only what can die, unless nothing can."""
    layers = trace.in_depth_order()
    if trace.kind != "census":
        return layers
    return [layer for layer in layers if can_die(layer, "dead_fraction")] or layers


def alike_layers(traces):
    """By number, what the layers of several runs have in common."""
    layers = {}
    for trace in traces:
        for layer in shown_layers(trace):
            known = layers.get(layer.number)
            layers[layer.number] = layer.alike(known) if known else layer
    return layers


def layer_palette(traces):
    """A colour for each layer, the same in every panel of the picture."""
    numbers = sorted(alike_layers([trace for trace in traces if trace.kind in ("layers", "census")]))
    return dict(zip(numbers, layer_colors(len(numbers))))


def columns_of(count):
    return count if count <= RUNS_IN_A_ROW else math.ceil(count / 2)


def panel_pairs(figure, count, heights):
    """Two panels a run, one above the other; the runs beside each other, and below each other where they are many."""
    columns = columns_of(count)
    blocks = math.ceil(count / columns)
    axes = figure.subplots(2 * blocks, columns, sharex=True, sharey="row", squeeze=False,
                           gridspec_kw={"height_ratios": heights * blocks})
    places = [divmod(place, columns) for place in range(blocks * columns)]
    pairs = [(axes[2 * block][column], axes[2 * block + 1][column]) for block, column in places]
    for upper, lower in pairs[count:]:
        upper.remove()
        lower.remove()
    for block, column in places[:count]:
        if block * columns + column + columns >= count:  # none below
            lower = axes[2 * block + 1][column]
            lower.tick_params(labelbottom=True)
            step_axis(lower, columns)
    return pairs[:count]


def caption(pairs, traces, named, row, title, label, both):
    """One run: a title above each panel. Several: their names above, and at the left what the panels show (`both`)."""
    for place, (pair, trace) in enumerate(zip(pairs, traces)):
        if not named:
            pair[row].set_title(title)
            pair[row].set_ylabel(label)
            continue
        if row == 0:
            pair[row].set_title(plain(trace.label))
        if place % columns_of(len(pairs)) == 0:
            pair[row].set_ylabel(both)


def draw_layers(figure, traces, palette, named):
    pairs = panel_pairs(figure, len(traces), (1, 1))
    key = alike_layers(traces)
    marks = Marks()
    dead, norms = [], []
    faint = 0.28 if len(key) <= LEGEND_LAYERS else 0.12
    window = 0
    for trace, (dead_panel, norm_panel) in zip(traces, pairs):
        layers = shown_layers(trace)
        lift = 0.05 / len(layers)  # so that the marks of layers do not hide each other
        none_dead = True
        for depth, layer in enumerate(layers):
            color = palette[layer.number]
            if can_die(layer, "batch_dead_fraction"):
                series = layer.series("batch_dead_fraction")
                window = max(window, draw_line(dead_panel, series, color, faint=faint))
                marks.draw(dead_panel, series, color, lift * depth)
                dead += series.finite()
                none_dead = none_dead and not series.finite()
            series = layer.series("grad_norm_w")
            if series is not None:
                window = max(window, draw_line(norm_panel, series, color, log=True, faint=faint))
                marks.draw(norm_panel, series, color, lift * depth, log=True)
                norms += series.positive()
        if none_dead:
            empty_panel(dead_panel, "no layer here has units that can die")
    for dead_panel, norm_panel in pairs:
        percent_axis(dead_panel, max(dead, default=0.0))
        log_axis(norm_panel, norms)
    caption(pairs, traces, named, 0, "Units dead on the batch", "share of the layer's units (%)",
            "units dead on the batch (%)")
    caption(pairs, traces, named, 1, "Gradient norm of the weights", "‖∂L/∂W‖₂ (loss per unit of weight)",
            "gradient norm of the weights")
    layer_key(figure, pairs, [key[number] for number in sorted(key)], palette, line_handles(window) + marks.handles())


def bar_steps(layers, column, buckets=160):
    """Per layer {place: sum of the counts}, and the bars' width; many censuses are added up in buckets."""
    steps = sorted({x for layer in layers for x in (layer.series(column) or Series()).x})
    if not steps:
        return None
    span = steps[-1] - steps[0]
    if len(steps) > buckets:
        width = span / buckets

        def place(step):
            return steps[0] + (min(int((step - steps[0]) / width), buckets - 1) + 0.5) * width
    else:
        width = min((b - a for a, b in zip(steps, steps[1:])), default=1.0)

        def place(step):
            return step
    sums = []
    for layer in layers:
        of_layer = {}
        series = layer.series(column) or Series()
        for x, y in zip(series.x, series.y):
            if y > 0.0:
                of_layer[place(x)] = of_layer.get(place(x), 0.0) + y
        sums.append(of_layer)
    return sums, 0.7 * max(width, span / 220)


def draw_bars(ax, layers, palette, column, sign):
    """Counts as stacked bars, one colour a layer; returns the greatest height."""
    found = bar_steps(layers, column)
    if found is None:
        return 0.0
    sums, width = found
    height = {}
    for layer, of_layer in zip(layers, sums):
        places = list(of_layer)
        tops = [of_layer[place] for place in places]
        ax.bar(places, [sign * top for top in tops], width, [sign * height.get(place, 0.0) for place in places],
               color=palette[layer.number], edgecolor="white", linewidth=0.4 if len(layers) <= LEGEND_LAYERS else 0.0)
        for place, top in zip(places, tops):
            height[place] = height.get(place, 0.0) + top
    return max(height.values(), default=0.0)


def draw_dead(ax, layers, palette, marks, marked):
    """The layers' dead units at each census, a square where some were dead at the start (`marked`). Returns shares."""
    drawn = []
    for depth, layer in enumerate(layers):
        series = layer.series("dead_fraction")
        if series is None:
            continue
        color = palette[layer.number]
        draw_line(ax, series, color, smooth=False, marker="o" if len(series.x) <= 60 else "", markersize=3.8)
        marks.draw(ax, series, color, 0.05 / len(layers) * depth)
        drawn += series.finite()
        for column, text in DEAD_AT_START.items():
            at_start = layer.series(column)
            if at_start is None or not at_start.y[0] > 0.0:
                continue
            marked[column] = text
            ax.plot(series.x[0], series.y[0], "s", color=color, markersize=9, fillstyle="none", markeredgewidth=1.6)
    if not drawn:
        empty_panel(ax, "no layer here has units that can die")
    return drawn


def change_axis(ax, died, revived):
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    room = 0.12 * max(died + revived, 1.0)
    ax.set_ylim(-revived - room, max(died, 1.0) + room)
    ax.axhline(0.0, color="#777777", linewidth=0.8)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))


def draw_census(figure, traces, palette, named):
    from matplotlib.lines import Line2D

    pairs = panel_pairs(figure, len(traces), (3, 2))
    key = alike_layers(traces)
    marks = Marks()
    dead, died, revived = [], 0.0, 0.0
    marked = {}
    for trace, (dead_panel, change_panel) in zip(traces, pairs):
        layers = shown_layers(trace)
        dead += draw_dead(dead_panel, layers, palette, marks, marked)
        up = draw_bars(change_panel, layers, palette, "died", 1)
        down = draw_bars(change_panel, layers, palette, "revived", -1)
        if up == 0.0 and down == 0.0:
            empty_panel(change_panel, "no unit died or revived" + ("" if named else " between two censuses"))
        died, revived = max(died, up), max(revived, down)
    for dead_panel, change_panel in pairs:
        percent_axis(dead_panel, max(dead, default=0.0))
        change_axis(change_panel, died, revived)
    caption(pairs, traces, named, 0, "Units dead on the whole training set", "share of the layer's units (%)",
            "units dead on the\nwhole training set (%)")
    caption(pairs, traces, named, 1, "Units that died (up) and revived (down) since the census before", "units (count)",
            "units that died (up),\nrevived (down)")
    extra = marks.handles()
    for text in marked.values():
        extra.append(Line2D([], [], color="#555555", marker="s", markersize=8, fillstyle="none", linestyle="none",
                            label=text))
    layer_key(figure, pairs, [key[number] for number in sorted(key)], palette, extra)


# ---- drawing runs as lines -------------------------------------------------------------------------------------------


class Panel:
    """What to draw in it: lines of (series, colour, dashes), and the scale: linear, log or percent."""

    def __init__(self, title, label, scale, lines, noisy=False):
        self.title = title
        self.noisy = noisy  # figures of batches, which many runs cannot be told apart by
        self.label = label
        self.scale = scale
        self.lines = [line for line in lines if line[0] is not None]

    def values(self):
        return [y for series, _, _ in self.lines for y in series.finite()]


def draw_panel(ax, panel, values, marks):
    """Returns the window of the running mean. `values`: what the axis has to hold, of other panels as well."""
    log = panel.scale == "log"
    many = len(panel.lines) > MANY_LINES
    style = {"crowded": many and panel.noisy, "faint": 0.28 if len(panel.lines) <= 2 else 0.12}
    if len(panel.lines) > 2 * MANY_LINES:
        style["linewidth"] = 1.0
    window = 0
    for place, (series, color, dash) in enumerate(panel.lines):
        window = max(window, draw_line(ax, series, color, log=log, linestyle=dash, **style))
        marks.draw(ax, series, color, 0.05 / len(panel.lines) * place, log=log)
    if log:
        log_axis(ax, [y for y in values if y > 0.0])
    elif panel.scale == "percent":
        percent_axis(ax, max(values, default=0.0))
    ax.set_title(panel.title)
    ax.set_ylabel(panel.label)
    return window


def draw_panels(figure, panels, columns, same_rows=False, handles=()):
    """Panels in rows; with `same_rows` all of a row have the same y axis. Above the last of the first row: the key."""
    axes = figure.subplots(math.ceil(len(panels) / columns), columns, sharex=True, squeeze=False,
                           sharey="row" if same_rows else False)
    marks = Marks()
    window = 0
    for place, (ax, panel) in enumerate(zip(axes.flat, panels)):
        row = place - place % columns
        beside = panels[row:row + columns] if same_rows else [panel]
        window = max(window, draw_panel(ax, panel, [y for other in beside for y in other.values()], marks))
    for ax in axes[-1]:
        step_axis(ax, columns)
    handles = list(handles) + line_handles(window) + marks.handles()
    if handles:
        legend_above(axes[0][-1], handles)


def lines_of(traces, column, named, color):
    """The column of each run, in the run's colour where there are several."""
    return [(trace.layers[0].series(column), *((trace.color, trace.dash) if named else (color, "-")))
            for trace in traces]


def draw_steps(figure, traces, palette, named):
    loss = lines_of(traces, "loss", named, BLUE)
    losses = Panel("Loss of the batch", "mean loss a sample", "linear", loss, True)
    losses.scale = "log" if log_is_better(losses.values()) else "linear"
    panels = [losses] + [Panel(title, label, scale, lines_of(traces, column, named, color), True) for
                         column, title, label, scale, color in (
        ("accuracy", "Accuracy on the batch", "classified correctly (%)", "percent", GREEN),
        ("update_ratio", "Update ratio", "‖Δθ‖₂ / ‖θ‖₂", "log", GREEN),
        ("grad_norm", "Gradient norm, all parameters", "‖∂L/∂θ‖₂ (loss per unit of θ)", "log", PURPLE),
        ("batch_dead_fraction", "Units dead on the batch", "share of hidden units (%)", "percent", ORANGE))]
    panels = [panel for panel in panels if panel.lines]
    if len(panels) > 4:  # update_ratio stands in where accuracy does not apply
        panels = [panel for panel in panels if panel.title != "Update ratio"]
    draw_panels(figure, panels, 2 if len(panels) == 4 else 1)


def draw_evaluation(figure, traces, palette, named):
    """Both parts in one panel, the test part's lines whole; of many runs a panel for each part."""
    from matplotlib.lines import Line2D

    apart = len(traces) > MANY_LINES
    parts = (("train", "training set", BLUE, "-" if apart or not named else DASHES[1]),
             ("test", "test set", ORANGE, "-"))
    rows = []
    for quantity, title, label in (("loss", "Loss", "mean loss a sample"),
                                   ("accuracy", "Accuracy", "classified correctly (%)")):
        row = []
        for part, text, color, dash in parts:
            lines = lines_of(traces, f"{part}_{quantity}", named, color)
            if not apart:
                lines = [(series, its, dash) for series, its, _ in lines]
            row.append(Panel(f"{title}, {text}", label, "percent" if quantity == "accuracy" else "linear", lines))
        if not apart:
            row = [Panel(f"{title}, in evaluation mode", label, row[0].scale, row[0].lines + row[1].lines)]
        row = [panel for panel in row if panel.lines]
        if quantity == "loss" and log_is_better([y for panel in row for y in panel.values()]):
            for panel in row:
                panel.scale = "log"
        rows.append(row)
    panels = [panel for row in rows for panel in row]
    columns = max(len(row) for row in rows)
    key = [] if apart else [Line2D([], [], color="#555555" if named else color, linestyle=dash, label=text)
                            for part, text, color, dash in parts
                            if any(trace.layers[0].series(f"{part}_loss") is not None for trace in traces)]
    draw_panels(figure, panels, columns, True, key)


def over_layers(layers, column, of):
    """A column of all layers as one series: the share `of` their units, their norm, or their sum."""
    sums, weights = {}, {}
    for layer in layers:
        series = layer.series(column) or Series()
        weight = layer.units if of == "units" else 1.0
        for x, y in zip(series.x, series.y):
            sums[x] = sums.get(x, 0.0) + (y * y if of == "norm" else y * weight)
            weights[x] = weights.get(x, 0.0) + weight
    whole = Series()
    for x in sorted(sums):
        whole.add(x, {"units": sums[x] / weights[x], "norm": math.sqrt(sums[x]), "sum": sums[x]}[of])
    return whole if sums else None


def added_up(series):
    total = Series()
    for x, y in zip(series.x if series else (), series.y if series else ()):
        total.add(x, y + (total.y[-1] if total.y else 0.0))
    return total if series else None


def run_lines(traces, line):
    return [(line(trace), trace.color, trace.dash) for trace in traces]


def draw_layers_as_lines(figure, traces, palette, named):
    def dead(trace):
        return over_layers([layer for layer in trace.in_depth_order() if can_die(layer, "batch_dead_fraction")],
                           "batch_dead_fraction", "units")

    def norm(trace):
        return over_layers(trace.in_depth_order(), "grad_norm_w", "norm")

    draw_panels(figure, [
        Panel("Units dead on the batch, all layers", "share of hidden units (%)", "percent", run_lines(traces, dead),
              True),
        Panel("Gradient norm of the weights, all layers", "‖∂L/∂W‖₂ of all W", "log", run_lines(traces, norm),
              True)], 1)


def draw_census_as_lines(figure, traces, palette, named):
    def dead(trace):
        return over_layers(shown_layers(trace), "dead_fraction", "units")

    def deaths(trace):
        return added_up(over_layers(shown_layers(trace), "died", "sum"))

    draw_panels(figure, [
        Panel("Units dead on the whole training set, all layers", "share of hidden units (%)", "percent",
              run_lines(traces, dead)),
        Panel("Deaths since the start, those of units that revived as well", "deaths (count)", "linear",
              run_lines(traces, deaths))], 1)


# ---- the picture -----------------------------------------------------------------------------------------------------


APART = {"layers": draw_layers, "census": draw_census}
AS_LINES = {"steps": draw_steps, "evaluation": draw_evaluation, "layers": draw_layers_as_lines,
            "census": draw_census_as_lines}


class Picture:
    """Which tables are in it, and how their runs are drawn: with panels of their own, or as lines."""

    def __init__(self, traces):
        self.tables = {kind: [trace for trace in traces if trace.kind == kind] for kind in ORDER}
        self.tables = {kind: found for kind, found in self.tables.items() if found}
        self.traces = traces
        self.runs = len({trace.run for trace in traces})
        self.named = self.runs > 1
        self.apart = self.runs <= (RUNS_APART if len(self.tables) == 1 else RUNS_APART_WITH_OTHERS)
        self.drawers = {**AS_LINES, **(APART if self.apart else {})}
        self.has_key = self.named and any(self.drawers[kind] is AS_LINES[kind] for kind in self.tables)

    def key_handles(self):
        from matplotlib.lines import Line2D

        groups = {}
        for trace in self.traces:
            groups.setdefault(trace.group, (trace, set()))[1].add(trace.run)
        length = 40 if len(groups) <= len(COLORS) else 28
        return [Line2D([], [], color=trace.color, linestyle=trace.dash, linewidth=2.2,
                       label=plain(group, length) + (f" ({len(runs)} seeds)" if len(runs) > 1 else ""))
                for group, (trace, runs) in groups.items()]

    def size(self):
        """Inches, without the key."""
        if len(self.tables) > 1:
            return 18.0 if self.apart and self.runs == 3 else 16.0, 6.5 if len(self.tables) == 2 else 10.0
        if self.named and self.apart and not self.has_key:
            return {2: 13.0, 3: 15.0}.get(self.runs, 17.0), 6.5 if self.runs <= RUNS_IN_A_ROW else TALLEST
        return 10.0, 6.5

    def draw(self, figure):
        """The tables beside each other; of three the first has the whole width, as it has the most panels."""
        palette = layer_palette(self.traces)
        kinds = list(self.tables)
        columns = min(len(kinds), 2)
        grid = figure.add_gridspec(math.ceil(len(kinds) / 2), columns)
        for place, kind in enumerate(kinds):
            row, column = divmod(place + len(kinds) % 2, 2) if columns == 2 else (0, 0)
            first = columns == 2 and len(kinds) % 2 == 1 and place == 0
            part = figure.add_subfigure(grid[0, :] if first else grid[row, column]) if columns == 2 else figure
            self.drawers[kind](part, self.tables[kind], palette, self.named)


def make_figure(picture, title, size):
    """The title and the key of the runs in a strip of their own, the panels below."""
    import matplotlib.pyplot as plt

    handles = picture.key_handles() if picture.has_key else []
    width, height = size or picture.size()
    longest = max((len(handle.get_label()) for handle in handles), default=0)
    columns = max(1, min(len(handles), int(width / (0.075 * longest + 0.6))))
    rows = math.ceil(len(handles) / columns)
    strip = 0.22 * rows + 0.1 if handles else 0.0
    if size is None:
        height = min(height + strip, TALLEST)
    figure = plt.figure(figsize=(width, height), layout="constrained")
    panels = figure
    if handles:
        strip = min(strip, 0.6 * height)
        key, panels = figure.subfigures(2, 1, height_ratios=(strip, height - strip))
        key.legend(handles=handles, loc="center left", ncol=math.ceil(len(handles) / rows), borderaxespad=0.2,
                   columnspacing=1.4)
    picture.draw(panels)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=13)
    return figure


def save(picture, path, title, size, dpi):
    """Puts the picture at `path` in one move, so that nobody sees half of it."""
    import matplotlib.pyplot as plt

    ending = os.path.splitext(path)[1][1:].lower()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)  # same data, same bytes
    with plt.rc_context(STYLE):
        figure = make_figure(picture, title, size)
        part = f"{path}.part"
        try:
            figure.savefig(part, format=ending, dpi=dpi, metadata=undated)
            os.replace(part, path)
        except BaseException:
            if os.path.exists(part):
                os.remove(part)
            raise
        finally:
            plt.close(figure)


# ---- command line ----------------------------------------------------------------------------------------------------


def output_path(text):
    if os.path.splitext(text)[1][1:].lower() not in FORMATS:
        raise argparse.ArgumentTypeError(f"'{text}' has to end in {', '.join('.' + ending for ending in FORMATS)}")
    return text


def picture_size(text):
    try:
        width, height = (float(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' has to be WIDTHxHEIGHT in inches, like 10x6.5") from None
    if not (1.0 <= width <= 100.0 and 1.0 <= height <= 100.0):
        raise argparse.ArgumentTypeError(f"'{text}': width and height go from 1 to 100 inches")
    return width, height


def resolution(text):
    if not text.isdecimal() or not 20 <= int(text) <= 1200:
        raise argparse.ArgumentTypeError(f"'{text}' has to be a whole number from 20 to 1200")
    return int(text)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description="Draws steps.csv, evaluation.csv, layers.csv and census.csv of reluscope's runs, as CSV or JSON "
                    "Lines.",
        epilog="examples: reluscope run config.json --trace layers=- | python3 scripts/plot_traces.py -o traces.png; "
               "python3 scripts/plot_traces.py runs/relu/*.csv; "
               "python3 scripts/plot_traces.py runs/relu/layers.csv runs/elu/layers.csv")
    parser.add_argument("traces", nargs="*", default=["-"], metavar="FILE",
                        help="a trace, several of one run, or those of several runs; - (the default) is standard input")
    parser.add_argument("-o", "--output", default="traces.png", type=output_path, metavar="PICTURE",
                        help="where to draw to: .png, .svg or .pdf (default: %(default)s)")
    parser.add_argument("--title", default="", help="a heading above the panels")
    parser.add_argument("--size", type=picture_size, metavar="WxH",
                        help="inches (default: 10x6.5, more for several files)")
    parser.add_argument("--dpi", default=150, type=resolution, help="resolution of a .png (default: %(default)s)")
    return parser.parse_args(arguments)


def read_input(name):
    if name == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("no input: name a trace (say runs/digits-relu/layers.csv) or pipe one in; see --help")
        # Ctrl-C reaches the run before the pipe too, which then saves and closes it: draw what came until there.
        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))
        sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="")
        return read_traces(sys.stdin)
    if os.path.isdir(name):
        raise InputError(f"'{name}' is a directory: name one of its files, say {os.path.join(name, 'layers.csv')}")
    try:
        with open(name, encoding="utf-8", errors="replace", newline="") as stream:
            return read_traces(stream)
    except OSError as error:
        raise InputError(f"cannot read '{name}': {error.strerror}") from None
    except InputError as error:
        error.args = (f"{name}: {error}",)
        raise


def read_all(names):
    """(file name, trace) of all files. Of several, those that no panel shows and those without rows are left out."""
    read = []
    not_drawn = {}
    for place, name in enumerate(names):
        if os.path.normpath(name) in [os.path.normpath(before) for before in names[:place]]:
            raise InputError(f"'{name}' is named twice")
        try:
            read += [(name, trace) for trace in read_input(name)]
        except (NotDrawn, NoRows) as error:
            if len(names) == 1:
                raise
            if isinstance(error, NotDrawn):
                not_drawn[error.table] = None
            else:
                note(f"{error}: left out")
    if not_drawn:
        note(f"left out, as no panel shows them: {', '.join(not_drawn)}")
    if not read:
        raise InputError("none of these files can be drawn: name steps.csv, evaluation.csv, layers.csv or census.csv")
    return read


def main():
    options = parse_arguments(sys.argv[1:])
    import_pyplot(f"gnuplot -c {os.path.join(os.path.dirname(sys.argv[0]), 'plot_traces.gp')} layers.csv traces.png")
    try:
        read = read_all(options.traces)
        name_runs(read)
        traces = [trace for _, trace in read]
        color_runs(traces)
    except InputError as error:
        note(error)
        return 2
    try:
        save(Picture(traces), options.output, options.title, options.size, options.dpi)
    except OSError as error:
        note(f"cannot write '{options.output}': {error.strerror or error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
