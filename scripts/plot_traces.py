#!/usr/bin/env python3
"""Draws a trace of reluscope: steps.csv, layers.csv or census.csv, as CSV or JSON Lines.

    reluscope run config.json --trace layers=- | python3 scripts/plot_traces.py -o traces.png
    python3 scripts/plot_traces.py runs/digits-relu/census.csv -o census.svg

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
    "layers": ("step", "layer", "batch_dead_fraction", "grad_norm_w"),
    "census": ("step", "layer", "dead_fraction"),
    "steps": ("step", "loss"),
}
DRAWN = {  # the columns that are kept; only those in NEEDED have to be there
    "layers": ("batch_dead_fraction", "grad_norm_w"),
    "census": ("dead_fraction", "born_dead", "inherited", "died", "revived"),
    "steps": ("loss", "accuracy", "grad_norm", "batch_dead_fraction", "update_ratio"),
}
DEAD_AT_START = {"born_dead": "has units born dead", "inherited": "has units dead in the file of its weights"}
ENDS = ("identity", "linear", "softmax", "sigmoid", "logistic", "logsoftmax")  # what networks end in
POINT_BUCKETS = 700  # a line has at most twice as many points: about one bucket a pixel
SMOOTH_FROM = 200  # a line with as many points is drawn faint, its running mean above it
MARK_BUCKETS = 60  # marks for zeros and for what is not finite, a layer
LEGEND_LAYERS = 8  # more layers than this get a colour bar instead of a legend


class InputError(Exception):
    """What was read is not a trace: exit code 2."""


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

    def positive(self):
        return [y for y in self.y if y > 0.0]


class Layer:
    """The series of one layer. steps.csv has a single one, number 0."""

    def __init__(self, number, name="", activation="", role=""):
        self.number = number
        self.name = name
        self.activation = activation
        self.role = role  # hidden, output, or nothing where it is not known
        self.columns = {}

    def label(self):
        text = f"{self.number}: {self.name}" if self.name else f"layer {self.number}"
        return f"{text} ({self.activation})" if self.activation else text

    def series(self, column):
        """The column, or None where no cell of it applies to this layer."""
        return self.columns.get(column)


class Trace:
    def __init__(self, kind):
        self.kind = kind
        self.layers = {}  # by number
        self.rows = 0

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


def read_trace(stream):
    """The trace in a text stream, CSV or JSON Lines. Raises InputError."""
    first = ""
    for first in stream:
        first = first.lstrip("\ufeff")
        if first.strip():
            break
    if not first.strip():
        raise InputError("the input is empty: did the program before the pipe fail?")
    rows = (json_rows if first.lstrip().startswith("{") else csv_rows)(with_first(first, stream))
    trace = None
    last_step = -math.inf
    for line, row, columns in rows:
        if row is None:
            trace = Trace(kind_of(columns))
            drawn = [column for column in DRAWN[trace.kind] if column in columns]
            continue
        step = number(row.get("step"), "step", line)
        if step is None or not math.isfinite(step):
            raise InputError(f"line {line}, column step: a step is needed, found {row.get('step')!r}")
        if step < last_step:
            note(f"line {line}: the steps go back from {last_step:g} to {step:g}: several runs in one file?")
        last_step = step
        key = 0
        if trace.kind != "steps":
            key = number(row.get("layer"), "layer", line)
            if key is None or not key.is_integer():
                raise InputError(f"line {line}, column layer: a whole number is needed, found {row.get('layer')!r}")
            key = int(key)
        layer = trace.layers.get(key)
        if layer is None:
            layer = trace.layers[key] = Layer(key, row.get("name") or "", row.get("activation") or "",
                                              row.get("role") or "")
        for column in drawn:
            value = number(row.get(column), column, line)
            if value is not None:
                layer.columns.setdefault(column, Series()).add(step, value)
        trace.rows += 1
    if trace is None or trace.rows == 0:
        raise InputError("the trace has a header and no rows yet")
    trace.find_output()
    return trace


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
    """Mean (geometric for a log axis) over the `window` values around each place; gaps stay gaps."""
    half = window // 2
    sums, counts = [0.0], [0]
    for value in y:
        there = value > 0.0 if log else value == value
        sums.append(sums[-1] + ((math.log(value) if log else value) if there else 0.0))
        counts.append(counts[-1] + there)
    means = array("d")
    for place in range(len(y)):
        low, high = max(0, place - half), min(len(y), place + half + 1)
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
BLUE, ORANGE, GREEN, PURPLE = COLORS[:4]


def layer_colors(count):
    """viridis from the input (dark) to the output, short of its yellow, which is too pale on white."""
    from matplotlib import cm

    if count == 1:
        return [BLUE]
    return [cm.viridis(0.86 * place / (count - 1)) for place in range(count)]


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


def plain_steps(ax):
    from matplotlib.ticker import EngFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
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


def draw_line(ax, series, color, log=False, smooth=True, faint=0.28, **style):
    """The series as a line; a long one faint, with its running mean above. Returns the mean's window, 0 without."""
    y = [value if value > 0.0 else math.nan for value in series.y] if log else series.y
    window = len(y) // 50 if smooth and len(y) >= SMOOTH_FROM else 0
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


def layer_key(figure, axes, layers, colors, extra):
    """A legend for few layers, a colour bar for many; `extra` handles explain marks."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.lines import Line2D

    beside = {"loc": "upper left", "bbox_to_anchor": (1.005, 1.0), "borderaxespad": 0.0}
    if len(layers) <= LEGEND_LAYERS:
        handles = [Line2D([], [], color=color, linewidth=2.2, label=layer.label()[:28])
                   for layer, color in zip(layers, colors)]
        axes[0].legend(handles=handles, title="layer, from the input", alignment="left", **beside)
        if extra:
            axes[-1].legend(handles=extra, **beside)
        return
    edges = [place - 0.5 for place in range(len(layers) + 1)]
    shown = range(0, len(layers), max(1, math.ceil(len(layers) / 12)))
    bar = figure.colorbar(ScalarMappable(BoundaryNorm(edges, len(layers)), ListedColormap(colors)), ax=list(axes),
                          ticks=list(shown), aspect=45, pad=0.015, spacing="proportional")
    bar.ax.set_yticklabels([str(layers[place].number) for place in shown])
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0)
    bar.ax.invert_yaxis()
    bar.outline.set_visible(False)
    bar.set_label("layer (1 is nearest the input)")
    if extra:
        axes[-1].legend(handles=extra, loc="upper right", bbox_to_anchor=(1.0, 1.14), ncol=len(extra), fontsize=8.5)


def empty_panel(ax, text):
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="#777777")


def can_die(layer, column):
    """Not where nothing was measured, at the output, or with the identity, whose derivative is never 0."""
    return (layer.series(column) is not None and layer.role != "output"
            and layer.activation not in ("identity", "linear"))


def draw_layers(figure, trace):
    layers = trace.in_depth_order()
    colors = layer_colors(len(layers))
    dead_panel, norm_panel = axes = figure.subplots(2, 1, sharex=True)
    marks = Marks()
    drawn = []
    lift = 0.05 / len(layers)  # so that the marks of layers do not hide each other
    faint = 0.28 if len(layers) <= LEGEND_LAYERS else 0.12
    window = 0
    for depth, (layer, color) in enumerate(zip(layers, colors)):
        if can_die(layer, "batch_dead_fraction"):
            series = layer.series("batch_dead_fraction")
            window = max(window, draw_line(dead_panel, series, color, faint=faint))
            marks.draw(dead_panel, series, color, lift * depth)
            drawn += [y for y in series.y if y == y]
        norms = layer.series("grad_norm_w")
        if norms is not None:
            window = max(window, draw_line(norm_panel, norms, color, log=True, faint=faint))
            marks.draw(norm_panel, norms, color, lift * depth, log=True)
    if not drawn:
        empty_panel(dead_panel, "no layer here has units that can die")
    percent_axis(dead_panel, max(drawn, default=0.0))
    log_axis(norm_panel, [y for layer in layers for y in (layer.series("grad_norm_w") or Series()).positive()])
    dead_panel.set_title("Units dead on the batch")
    dead_panel.set_ylabel("share of the layer's units (%)")
    norm_panel.set_title("Gradient norm of the weights")
    norm_panel.set_ylabel("‖∂L/∂W‖₂ (loss per unit of weight)")
    norm_panel.set_xlabel("step (updates made)")
    plain_steps(norm_panel)
    layer_key(figure, axes, layers, colors, line_handles(window) + marks.handles())


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


def draw_bars(ax, layers, colors, column, sign):
    """Counts as stacked bars, one colour a layer; returns the greatest height."""
    found = bar_steps(layers, column)
    if found is None:
        return 0.0
    sums, width = found
    height = {}
    for of_layer, color in zip(sums, colors):
        places = list(of_layer)
        tops = [of_layer[place] for place in places]
        ax.bar(places, [sign * top for top in tops], width, [sign * height.get(place, 0.0) for place in places],
               color=color, edgecolor="white", linewidth=0.4 if len(layers) <= LEGEND_LAYERS else 0.0)
        for place, top in zip(places, tops):
            height[place] = height.get(place, 0.0) + top
    return max(height.values(), default=0.0)


def draw_census(figure, trace):
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    everything = trace.in_depth_order()
    layers = [layer for layer in everything if can_die(layer, "dead_fraction")] or everything
    colors = layer_colors(len(layers))
    dead_panel, change_panel = axes = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
    marks = Marks()
    drawn = []
    marked = {}  # where a layer has units that were dead at the start: what they are called
    for depth, (layer, color) in enumerate(zip(layers, colors)):
        series = layer.series("dead_fraction")
        if series is None:
            continue
        few = len(series.x) <= 60
        draw_line(dead_panel, series, color, smooth=False, marker="o" if few else "", markersize=3.8)
        marks.draw(dead_panel, series, color, 0.05 / len(layers) * depth)
        drawn += [y for y in series.y if y == y]
        for column, text in DEAD_AT_START.items():
            at_start = layer.series(column)
            if at_start is None or not at_start.y[0] > 0.0:
                continue
            marked[column] = text
            dead_panel.plot(series.x[0], series.y[0], "s", color=color, markersize=9, fillstyle="none",
                            markeredgewidth=1.6)
    if not drawn:
        empty_panel(dead_panel, "no layer here has units that can die")
    percent_axis(dead_panel, max(drawn, default=0.0))
    died = draw_bars(change_panel, layers, colors, "died", 1)
    revived = draw_bars(change_panel, layers, colors, "revived", -1)
    room = 0.12 * max(died + revived, 1.0)
    change_panel.set_ylim(-revived - room, max(died, 1.0) + room)
    change_panel.axhline(0.0, color="#777777", linewidth=0.8)
    change_panel.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    change_panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))
    if died == 0.0 and revived == 0.0:
        empty_panel(change_panel, "no unit died or revived between two censuses")
    dead_panel.set_title("Units dead on the whole training set")
    dead_panel.set_ylabel("share of the layer's units (%)")
    change_panel.set_title("Units that died (up) and revived (down) since the census before")
    change_panel.set_ylabel("units (count)")
    change_panel.set_xlabel("step (updates made)")
    plain_steps(change_panel)
    extra = marks.handles()
    for text in marked.values():
        extra.append(Line2D([], [], color="#555555", marker="s", markersize=8, fillstyle="none", linestyle="none",
                            label=text))
    layer_key(figure, axes, layers, colors, extra)


def draw_steps(figure, trace):
    layer = trace.in_depth_order()[0]
    loss = layer.series("loss")
    drop = loss.positive() if loss is not None else []
    wide = bool(drop) and max(drop) > 50.0 * min(drop) and min(loss.y, default=0.0) >= 0.0
    wanted = [  # column, title, axis, scale, colour
        ("loss", "Loss of the batch", "mean loss a sample", "log" if wide else "linear", BLUE),
        ("accuracy", "Accuracy on the batch", "classified correctly (%)", "percent", GREEN),
        ("update_ratio", "Update ratio", "‖Δθ‖₂ / ‖θ‖₂", "log", GREEN),
        ("grad_norm", "Gradient norm, all parameters", "‖∂L/∂θ‖₂ (loss per unit of θ)", "log", PURPLE),
        ("batch_dead_fraction", "Units dead on the batch", "share of hidden units (%)", "percent", ORANGE),
    ]
    panels = [panel for panel in wanted if layer.series(panel[0]) is not None]
    if len(panels) > 4:  # update_ratio stands in where accuracy does not apply
        panels = [panel for panel in panels if panel[0] != "update_ratio"]
    columns = 2 if len(panels) == 4 else 1
    axes = figure.subplots(len(panels) // columns, columns, sharex=True, squeeze=False)
    marks = Marks()
    window = 0
    for ax, (column, title, label, scale, color) in zip(axes.flat, panels):
        series = layer.series(column)
        window = max(window, draw_line(ax, series, color, log=scale == "log"))
        marks.draw(ax, series, color, log=scale == "log")
        if scale == "log":
            log_axis(ax, series.positive())
        elif scale == "percent":
            percent_axis(ax, max((y for y in series.y if y == y), default=0.0))
        ax.set_title(title)
        ax.set_ylabel(label)
    for ax in axes[-1]:
        ax.set_xlabel("step (updates made)")
        plain_steps(ax)
    handles = line_handles(window) + marks.handles()
    if handles:  # a line of its own above the first panels
        axes[0][-1].legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.07), ncol=len(handles),
                           fontsize=8.5, borderaxespad=0.2, columnspacing=1.2)


DRAWERS = {"layers": draw_layers, "census": draw_census, "steps": draw_steps}


def save(trace, path, title, size, dpi):
    """Draws the trace and puts the picture at `path` in one move, so that nobody sees half of it."""
    import matplotlib.pyplot as plt

    ending = os.path.splitext(path)[1][1:].lower()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)  # same data, same bytes
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=size, layout="constrained")
        DRAWERS[trace.kind](figure, trace)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=13)
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
        description="Draws steps.csv, layers.csv or census.csv of a reluscope run (CSV or JSON Lines).",
        epilog="example: reluscope run config.json --trace layers=- | python3 scripts/plot_traces.py -o traces.png")
    parser.add_argument("trace", nargs="?", default="-", metavar="FILE",
                        help="the trace; - (the default) is standard input")
    parser.add_argument("-o", "--output", default="traces.png", type=output_path, metavar="PICTURE",
                        help="where to draw to: .png, .svg or .pdf (default: %(default)s)")
    parser.add_argument("--title", default="", help="a heading above the panels")
    parser.add_argument("--size", default=(10.0, 6.5), type=picture_size, metavar="WxH",
                        help="inches (default: 10x6.5)")
    parser.add_argument("--dpi", default=150, type=resolution, help="resolution of a .png (default: %(default)s)")
    return parser.parse_args(arguments)


def read_input(name):
    if name == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("no input: name a trace (say runs/digits-relu/layers.csv) or pipe one in; see --help")
        # Ctrl-C reaches the run before the pipe too, which then saves and closes it: draw what came until there.
        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))
        sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="")
        return read_trace(sys.stdin)
    if os.path.isdir(name):
        raise InputError(f"'{name}' is a directory: name one of its files, say {os.path.join(name, 'layers.csv')}")
    try:
        with open(name, encoding="utf-8", errors="replace", newline="") as stream:
            return read_trace(stream)
    except OSError as error:
        raise InputError(f"cannot read '{name}': {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def main():
    options = parse_arguments(sys.argv[1:])
    import_pyplot(f"gnuplot -c {os.path.join(os.path.dirname(sys.argv[0]), 'plot_traces.gp')} layers.csv traces.png")
    try:
        trace = read_input(options.trace)
    except InputError as error:
        note(error)
        return 2
    try:
        save(trace, options.output, options.title, options.size, options.dpi)
    except OSError as error:
        note(f"cannot write '{options.output}': {error.strerror or error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
