#!/usr/bin/env python3
"""Draws what `reluscope compare` or a sweep wrote: the runs of each setting, and the paired differences to a baseline.

    reluscope compare c.json --vary 'network.layers.*.activation=relu,elu' -q -o - | python3 scripts/plot_compare.py -o compare.png
    python3 scripts/plot_compare.py sweeps/lr/results.csv --baseline 'activation=relu, lr=0.1' -o lr.png

Up to eight settings: each run a dot, with the median, and the medians of the differences within pairs of one seed, with
95 % bootstrap intervals (10,000 resamples, a fixed seed). One thing varied that is a number: the same over it. Two
things varied: heat maps, and lines over the second one. More: the best twenty settings. Failed runs are counted.

Reads CSV from a file or standard input; the format of the picture (png, svg, pdf) is read off the name's ending. Needs
matplotlib (Debian and Ubuntu: python3-matplotlib). Exit codes: 0 drawn, 1 could not write, 2 bad usage or input, or no
matplotlib.
"""

import argparse
import collections
import csv
import functools
import math
import random
import re
import statistics
import textwrap

from plotting import COLORS, DPI, fail, import_pyplot, open_input, save

MOST_IN_FULL = 8  # settings of which every figure is drawn
MOST_IN_LIST = 20  # settings that are drawn one below the other
MOST_ROWS, MOST_COLUMNS, NARROW = 14, 20, 6  # of a heat map; more columns than NARROW want the whole width
TALLEST = 1590 / DPI  # inches
GRAY = "#888888"
INTERVAL = "95 % bootstrap interval of the median of the paired differences"
BETTER = {1: "higher is better", -1: "lower is better"}


# ---- reading ---------------------------------------------------------------------------------------------------------


def read(file):
    """The rows, and the columns that say what is varied: those between id and seed."""
    reader = csv.DictReader(file)
    names = reader.fieldnames or []
    if "id" not in names or "seed" not in names or "status" not in names:
        fail("expected the columns id, seed and status, as `reluscope compare` writes them")
    rows = list(reader)
    if not rows:
        fail("no rows")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            fail(f"row {number}: expected {len(names)} cells, as the header has")
    return rows, names[names.index("id") + 1:names.index("seed")]


def number_in(text):
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# ---- what is varied --------------------------------------------------------------------------------------------------


def words_of(key):
    words = [re.sub(r"\W", "", word.replace("-", "_")) for word in key.split(".")]
    words = [word for word in words if word]
    while len(words) > 1 and words[-1] in ("name", "kind", "type"):  # what a choice is called is the choice
        words.pop()
    return words or [key]


def tail(words, count):
    """The last `count` of them, or more: the number of a layer says nothing without the word before it."""
    while count < len(words) and words[-count][0].isdigit():
        count += 1
    return "_".join(words[-count:])


def short_names(keys):
    """The last word of each key, or as many as it takes to tell them apart."""
    words = [words_of(key) for key in keys]
    counts = [1] * len(keys)
    while True:
        names = [tail(some, count) for some, count in zip(words, counts)]
        longer = [at for at, name in enumerate(names) if names.count(name) > 1 and counts[at] < len(words[at])]
        if not longer:
            return names if len(set(names)) == len(names) else list(keys)
        for at in longer:
            counts[at] += 1


class Factor:
    """One of the things that are varied: its values in order, numbers as numbers, words as the file has them."""

    def __init__(self, key, name, cells):
        self.key = key
        self.name = name
        self.values = list(dict.fromkeys(cells))
        self.numeric = all(number_in(value) is not None for value in self.values)
        if all(number_in(value or "0") is not None for value in self.values):  # of a list, a cell may be empty
            self.values.sort(key=lambda value: number_in(value) if value else -math.inf)
        self.place = {value: place for place, value in enumerate(self.values)}
        self.shown = self.shortened()

    def shortened(self):
        """What is drawn for each value: three digits of numbers that were drawn at random, or as many as it takes."""
        if not self.numeric or max(map(len, self.values)) <= 7:
            return {value: shortened(value) for value in self.values}
        for digits in range(3, 18):
            shown = {value: f"{float(value):.{digits}g}" for value in self.values}
            if len(set(shown.values())) == len(shown):
                break
        return shown

    def is_meant(self, text, value):
        same = number_in(text) is not None and number_in(text) == number_in(value)
        return same or text in (value, self.shown[value])

    def on_log_axis(self):
        numbers = [number_in(value) for value in self.values]
        return self.numeric and min(numbers) > 0 and max(numbers) > 10 * min(numbers)

    def positions(self):
        """Where each value stands on an axis."""
        return {value: number_in(value) if self.numeric else place for value, place in self.place.items()}


def shortened(text, most=40):
    return text if len(text) <= most else f"{text[:most // 2]}…{text[-most // 2 + 1:]}"


class Setting:
    """Values of what is varied, and its runs by seed."""

    def __init__(self, values):
        self.values = values
        self.name = ""
        self.rows = {}

    def failed(self):
        return sum(row["status"] != "done" for row in self.rows.values())

    def failures(self):
        return f"{self.failed()} of {len(self.rows)} failed" if self.failed() else ""


def setting_name(factors, setting):
    """As `reluscope compare` has it: "elu" where one thing is varied, "activation=elu, lr=0.1" where several are."""
    parts = [(factor.name, factor.shown[value]) for factor, value in zip(factors, setting.values)
             if factor.varies and value]
    if len(parts) == 1 and sum(factor.varies for factor in factors) == 1:
        return parts[0][1]
    return ", ".join(f"{name}={value}" for name, value in parts) or "as it is"


def find_settings(rows, keys):
    """The factors, and the settings in order."""
    factors = [Factor(key, name, [row[key] for row in rows]) for key, name in zip(keys, short_names(keys))]
    several = any(len(factor.values) > 1 for factor in factors)
    for factor in factors:
        factor.varies = len(factor.values) > 1 or not several
    settings = {}
    for row in rows:
        values = tuple(row[key] for key in keys)
        settings.setdefault(values, Setting(values)).rows[row["seed"]] = row
    for setting in settings.values():
        setting.name = setting_name(factors, setting)
    return factors, sorted(settings.values(), key=lambda setting: [
        factor.place[value] for factor, value in zip(factors, setting.values)])


# ---- figures ---------------------------------------------------------------------------------------------------------


class Figure:
    """A column of the file, as it is drawn. `better`: 1 where more is better, -1 where less is."""

    def __init__(self, name, title, column, factor, better):
        self.name = name
        self.title = title
        self.column = column
        self.factor = factor
        self.better = better

    def of(self, row):
        """The value, inf where it was never reached, or None."""
        text = row[self.column]
        if row["status"] != "done":
            return None
        if not text:
            return math.inf if self.name == "steps_to_loss" else None
        try:
            value = float(text)
        except ValueError:
            fail(f"column {self.column}: expected a number, found {text!r}")
        return self.factor * value if math.isfinite(value) else None

    def values(self, setting):
        values = {seed: self.of(row) for seed, row in setting.rows.items()}
        return {seed: value for seed, value in values.items() if value is not None}

    def median(self, setting):
        values = self.values(setting)
        return statistics.median(values.values()) if values else None

    def text(self, value, signed=""):
        if not math.isfinite(value):
            return "never"
        if self.factor == 100.0:
            text = f"{value:{signed}.1f}"
        else:
            text = f"{value:{signed}.7g}" if self.name == "steps_to_loss" else f"{value:{signed}.3g}"
        return "0" if not float(text) else text.replace("-", "−")

    def axis(self, upright=False):
        """The title, and in which direction better is."""
        arrow = ("better ↑" if self.better > 0 else "better ↓") if upright else (
            "better →" if self.better > 0 else "← better")
        return f"{self.title}  ({arrow})"


def find_figures(rows):
    """Those that the file has, by name. Where some runs have no test set, all are judged by their training set."""
    done = [row for row in rows if row["status"] == "done"]

    def first(*columns):
        there = [column for column in columns if any(row.get(column) for row in done)]
        return next((column for column in there if all(row[column] for row in done)), there[0] if there else None)

    found = {}
    for name, title, columns, factor, better in (
            ("accuracy", "accuracy, %", ("test_accuracy", "train_accuracy"), 100.0, 1),
            ("loss", "loss", ("test_loss", "train_loss"), 1.0, -1),
            ("dead", "dead units, %", ("dead_fraction",), 100.0, -1),
            ("growth", "gradient growth", ("grad_norm_growth",), 1.0, -1),
            ("steps_to_loss", "steps to loss", ("steps_to_loss",), 1.0, -1)):
        column = first(*columns)
        if column:
            of_set = {"test": "test ", "train": "training "}.get(column.split("_")[0], "")
            found[name] = Figure(name, of_set + title, column, factor, better)
    return found


def deciding_figure(figures, wanted, rows):
    if not figures:
        fail(f"no run was done; of the first one is said: {rows[0].get('failure') or rows[0]['status'] or 'nothing'}")
    if wanted and wanted not in figures:
        fail(f"--by {wanted}: the file has no such figure; it has {', '.join(figures)}")
    return figures[wanted or next(iter(figures))]


def rank(figure, setting):
    """For sorting, the best first. A run that failed is worse than any other."""
    values = [-figure.better * value for value in figure.values(setting).values()]
    values += [math.inf] * (len(setting.rows) - len(values))
    return statistics.median(values), setting.failed()


# ---- the baseline ----------------------------------------------------------------------------------------------------


def parts_of(text):
    """Cuts at commas outside of brackets, braces and quotes."""
    parts, depth, quoted = [""], 0, False
    for letter in text:
        quoted ^= letter == '"'
        depth += 0 if quoted else (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def is_meant(part, factors, setting):
    """Whether "lr=0.1", or "0.1" alone, is true of the setting."""
    name, equals, value = (piece.strip() for piece in part.partition("="))
    named = [at for at, factor in enumerate(factors) if equals and name in (factor.name, factor.key)]
    text = value if named else part
    return any(factors[at].is_meant(text, setting.values[at]) for at in named or range(len(factors)))


def some_names(settings, most=30):
    names = "; ".join(setting.name for setting in settings[:most])
    return names + (f"; and {len(settings) - most} more" if len(settings) > most else "")


def named_baseline(text, factors, settings):
    parts = parts_of(text)
    meant = [setting for setting in settings if setting.name == text] or [
        setting for setting in settings if parts and all(is_meant(part, factors, setting) for part in parts)]
    if not meant:
        fail(f"--baseline '{text}': there is no such setting; there are: {some_names(settings)}")
    if len(meant) > 1:
        fail(f"--baseline '{text}': expected one setting, found {len(meant)}: {some_names(meant)}")
    return meant[0]


def is_sweep(rows, keys, settings):
    """A sweep has the seeds of a setting beside each other, a comparison the settings of a seed. Of a single seed only
    their number tells."""
    if len(rows) == len(settings):
        return len(settings) > MOST_IN_FULL
    return all(rows[0][key] == rows[1][key] for key in keys)


def usual_baseline(rows, keys, settings, figure):
    """Of a comparison the first setting; of a sweep, whose first one is any, the best; with a run that ended."""
    ended = [setting for setting in settings if figure.values(setting)]
    if is_sweep(rows, keys, settings):
        return min(ended, key=functools.partial(rank, figure))
    first = {tuple(row[key] for key in keys): number for number, row in reversed(list(enumerate(rows)))}
    return min(ended, key=lambda setting: first[setting.values])


def differences(figure, setting, baseline):
    """Within pairs of one seed."""
    first = figure.values(baseline)
    pairs = [(value, first[seed]) for seed, value in figure.values(setting).items() if seed in first]
    return [value - other for value, other in pairs if math.isfinite(value) and math.isfinite(other)]


@functools.lru_cache
def resampled_medians(count):
    """How often a resample's median lies between which two of `count` sorted values, whatever those are."""
    draw = random.Random(0)
    low, high = (count - 1) // 2, count // 2
    drawn = (sorted(draw.choices(range(count), k=count)) for _ in range(10000))
    return collections.Counter((places[low], places[high]) for places in drawn)


def interval(values):
    """Of the median, 95 %; None of less than three values."""
    if len(values) < 3:
        return None
    ordered = sorted(values)
    medians = sorted(((ordered[low] + ordered[high]) / 2, count)
                     for (low, high), count in resampled_medians(len(ordered)).items())
    every = [median for median, count in medians for _ in range(count)]
    return every[250], every[-251]


# ---- drawing ---------------------------------------------------------------------------------------------------------


class Study:
    def __init__(self, rows, keys, options):
        self.all_factors, self.settings = find_settings(rows, keys)
        self.factors = [factor for factor in self.all_factors if factor.varies]
        self.figures = find_figures(rows)
        self.by = deciding_figure(self.figures, options.by, rows)
        self.baseline = (named_baseline(options.baseline, self.all_factors, self.settings) if options.baseline else
                         usual_baseline(rows, keys, self.settings, self.by))
        self.paired = len(self.settings) > 1 and bool(self.by.values(self.baseline))

    def value(self, setting, factor):
        return setting.values[self.all_factors.index(factor)]

    def baseline_name(self):
        return ("" if len(self.factors) != 1 or not self.value(self.baseline, self.factors[0]) else
                f"{self.factors[0].name}=") + self.baseline.name

    def baseline_in_short(self):
        return self.baseline.name if len(self.baseline.name) <= 24 else "the baseline"

    def seeds(self):
        counts = sorted({len(setting.rows) for setting in self.settings})
        text = f"n = {counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")
        return text + (" seed" if counts == [1] else " seeds")

    def few_seeds(self):
        return max(len(setting.rows) for setting in self.settings) < 3

    def about_differences(self):
        return (f"median of the paired differences, {self.seeds()}: too few for an interval" if self.few_seeds() else
                f"median and {INTERVAL}, {self.seeds()}")

    def two_figures(self):
        """The one that decides, and the dead; where those are the same, another one."""
        others = [self.figures.get("dead"), *self.figures.values()]
        return [self.by, *[figure for figure in others if figure not in (None, self.by)][:1]]

    def figures_in_full(self):
        rest = [figure for name, figure in self.figures.items() if name != "steps_to_loss" and figure is not self.by]
        return [self.by, *rest]

    def caption(self, *sentences, shown=None):
        """`shown`: the settings that are drawn; all of them where nothing is said."""
        first = f"Baseline: {self.baseline_name()}."
        if len(self.settings) > 1 and not self.paired:
            first += " It has no run that ended: there are no differences."
        if len(self.settings) == 1:
            first = f"{self.baseline_name()}: {self.seeds()}."
        if self.by.name == "steps_to_loss":
            sentences += ("Steps to loss: until the training loss was that at the first setting's end, if ever.",)
        about_failed = "✕: runs that failed, which are in no median" + (
            "; less than three pairs have no interval." if any(INTERVAL in text for text in sentences) else ".")
        failed = any(setting.failed() for setting in shown or self.settings)
        return " ".join((first, *sentences, *[about_failed] * failed))


def wrapped(text, inches):
    return "\n".join(textwrap.wrap(text, round(15 * inches)))


def new_figure(plt, width, height, text):
    """A figure with its caption below. `height`: of the panels, at most what is left."""
    caption = wrapped(text, width)
    figure = plt.figure(figsize=(width, min(TALLEST, height + 0.3 + 0.16 * len(caption.splitlines()))),
                        layout="constrained")
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=8.5, color="#333333", parse_math=False)
    return figure


def tidy(ax, grid="x"):
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color="#eeeeee")
    ax.set_axisbelow(True)


def wants_log(figure, values):
    values = [value for value in values if math.isfinite(value)]
    return bool(values) and figure.name in ("loss", "growth") and min(values) > 0 and max(values) > 10 * min(values)


def log_where_wide(ax, along, figure, settings):
    """A logarithmic axis for losses that differ by more than ten times; with more than one or two numbers on it."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    values = [value for setting in settings for value in figure.values(setting).values()]
    if not wants_log(figure, values):
        return
    getattr(ax, f"set_{along}scale")("log")
    if max(values) < 150 * min(values):
        axis = getattr(ax, f"{along}axis")
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def span_axis(ax, along, figure, medians, ends):
    """The axis of differences: `along` is "x" or "y"; `ends` are those of all intervals. A loss that is a hundred times
    as high as another would leave that one on the line of zero: then the axis is logarithmic on both sides of it."""
    sizes = [abs(median) for median in medians if median]
    if figure.factor == 100.0 or not sizes or max(sizes) <= 30 * min(sizes):
        return
    unit = 10.0 ** math.floor(math.log10(max(min(sizes), max(sizes) / 1e4)))
    getattr(ax, f"set_{along}scale")("symlog", linthresh=unit)
    low, high = min(0.0, *ends), max(0.0, *ends)
    getattr(ax, f"set_{along}lim")(*(2.0 * end - unit * (end == 0.0) * sign for end, sign in ((low, 1), (high, -1))))
    powers = range(round(math.log10(unit)), math.floor(math.log10(max(-low, high))) + 1)
    sizes = [10.0 ** power for power in powers[::-(-len(powers) // 3)]]
    ticks = [-size for size in sizes if size <= -low] + [0.0] + [size for size in sizes if size <= high]
    getattr(ax, f"set_{along}ticks")(ticks)


def widen(ax, along, figure):
    """Shares that are all the same want no axis of thousandths."""
    low, high = getattr(ax, f"get_{along}lim")()
    if figure.factor == 100.0 and high - low < 2.0:
        getattr(ax, f"set_{along}lim")((low + high) / 2 - 1.0, (low + high) / 2 + 1.0)


def missing(figure, setting):
    """What is written at the edge for runs that are not in the panel."""
    never = sum(not math.isfinite(value) for value in figure.values(setting).values())
    never = f"{never} of {len(setting.rows)} never" if never else ""
    return ", ".join(text for text in (setting.failures(), never) if text)


def draw_runs(ax, figure, settings, colors):
    """Each run a dot, the median a bar; runs that failed a cross at the right edge."""
    for place, (setting, color) in enumerate(zip(settings, colors)):
        values = figure.values(setting).values()
        finite = [value for value in values if math.isfinite(value)]
        ax.plot(finite, [place] * len(finite), "o", color=color, alpha=0.45, markersize=4, markeredgewidth=0)
        if finite and math.isfinite(statistics.median(values)):
            ax.plot([statistics.median(values)], [place], "|", color=color, markersize=14, markeredgewidth=2.4)
        text = missing(figure, setting)
        if text:
            edge = ax.get_yaxis_transform()
            ax.plot([1], [place], "x", color=color, transform=edge, clip_on=False, markersize=6, markeredgewidth=1.8)
            ax.annotate(text, (1, place), xycoords=edge, xytext=(6, 0), textcoords="offset points", va="center",
                        fontsize=7.5, color="#333333")
    log_where_wide(ax, "x", figure, settings)
    widen(ax, "x", figure)
    ax.set_xlabel(figure.axis())


def draw_differences(ax, study, figure, settings, colors):
    medians, ends = [], []
    for place, (setting, color) in enumerate(zip(settings, colors)):
        pairs = differences(figure, setting, study.baseline) if setting is not study.baseline else []
        if not pairs:
            continue
        medians.append(statistics.median(pairs))
        ax.plot(medians[-1:], [place], "o", color=color, markersize=6)
        ends += interval(pairs) or medians[-1:]
        if interval(pairs):
            ax.plot(interval(pairs), [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
    ax.axvline(0, color=GRAY, linewidth=1, linestyle=":", zorder=1)
    span_axis(ax, "x", figure, medians, ends)
    widen(ax, "x", figure)  # which works out where 0 is
    right = ax.transAxes.inverted().transform(ax.transData.transform((0, 0)))[0] > 0.5
    ax.text(0, settings.index(study.baseline), "baseline  " if right else "  baseline", fontsize=7.5, color="#555555",
            va="center", ha="right" if right else "left")
    ax.set_xlabel(f"difference to {study.baseline_in_short()}\n{figure.axis()}", parse_math=False)


def colors_of(study, settings):
    """A colour for each setting while there are enough, then one for each value of the first thing that is a word."""
    if len(settings) <= len(COLORS):
        return COLORS[:len(settings)]
    for factor in study.factors:
        if not factor.numeric and len(factor.values) <= len(COLORS):
            return [COLORS[factor.place[study.value(setting, factor)]] for setting in settings]
    return COLORS[:1] * len(settings)


def name_rows(ax, study, settings, named):
    ax.set_yticks(range(len(settings)), [shortened(setting.name, 60) if named else "" for setting in settings],
                  parse_math=False)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.tick_params(axis="y", length=3.5 if named else 0)
    if len(settings) > MOST_IN_FULL:  # with more panels beside each other
        ax.tick_params(axis="y", labelsize=8.5)
        ax.xaxis.label.set_fontsize(9)
    if named and len(study.factors) == 1:
        ax.set_ylabel(study.factors[0].name, parse_math=False)
    tidy(ax)


def best_settings(study):
    """As many as fit, and what is said of the others."""
    if len(study.settings) <= MOST_IN_LIST:
        return study.settings, ""
    settings = sorted(study.settings, key=functools.partial(rank, study.by))[:MOST_IN_LIST]
    text = (f"The best {MOST_IN_LIST} of {len(study.settings)} settings by {study.by.title} "
            f"({BETTER[study.by.better]}, a run that failed is the worst)")
    if study.baseline not in settings:
        settings.append(study.baseline)
        text += ", and the baseline"
    return settings, f"{text}; {len(study.settings) - len(settings)} are left out."


def draw_list(plt, study):
    """Settings one below the other: few with all figures, more with two, and of too many the best."""
    settings, left_out = best_settings(study)
    colors = colors_of(study, settings)
    full = len(settings) <= MOST_IN_FULL
    figures = study.figures_in_full() if full else study.two_figures()
    sides = 2 if study.paired else 1
    text = [left_out] if left_out else []
    text.append("Runs: a dot each, the bar is the median.")
    if study.paired:
        text.append(f"Differences: {study.about_differences()}.")
    figure = new_figure(plt, 9 if full else 13,
                        len(figures) * (0.95 + 0.32 * len(settings)) if full else 1.2 + 0.28 * len(settings),
                        study.caption(*text, shown=settings))
    shape = (len(figures), sides) if full else (1, sides * len(figures))
    axes = figure.subplots(*shape, squeeze=False).reshape(len(figures), sides)
    for row, (panels, drawn) in enumerate(zip(axes, figures)):
        draw_runs(panels[0], drawn, settings, colors)
        if study.paired:
            draw_differences(panels[1], study, drawn, settings, colors)
        for side, ax in enumerate(panels):
            name_rows(ax, study, settings, side == 0 and (full or row == 0))
    return figure


def name_places(ax, factor, width):
    """The ticks of an axis of what is varied: its values, while they do not run into each other. `width`: in inches."""
    places = factor.positions()
    if factor.on_log_axis():
        ax.set_xscale("log")
    where = [math.log10(place) if factor.on_log_axis() else place for place in places.values()]
    span = max(where) - min(where) or 1.0
    room = 0.085 * max(len(text) for text in factor.shown.values())
    if all(width * (right - left) / span > room for left, right in zip(where, where[1:])):
        ax.set_xticks(list(places.values()), [factor.shown[value] for value in places], parse_math=False)
        ax.set_xticks([], minor=True)
    elif not factor.numeric:
        ax.set_xticks(list(places.values()), [factor.shown[value] for value in places], parse_math=False, rotation=30,
                      ha="right")
    ax.set_xlabel(factor.name, parse_math=False)


def draw_line(ax, figure, factor, row, color, label=""):
    """`row`: (value of the factor, setting). A gap where no run ended."""
    places = factor.positions()
    medians = [figure.median(setting) for _, setting in row]
    ax.plot([places[value] for value, _ in row],
            [math.nan if median is None or not math.isfinite(median) else median for median in medians],
            "-", color=color, linewidth=1.8, label=label)
    for value, setting in row:
        values = [one for one in figure.values(setting).values() if math.isfinite(one)]
        ax.plot([places[value]] * len(values), values, "o", color=color, alpha=0.45, markersize=4, markeredgewidth=0)


def draw_crosses(ax, figure, factor, row, color, lift):
    """Settings with runs that failed, or that never came there: at the edge where the worst values are."""
    places = factor.positions()
    where = [places[value] for value, setting in row if missing(figure, setting)]
    ax.plot(where, [0.03 + lift if figure.better > 0 else 0.97 - lift] * len(where), "x", color=color,
            transform=ax.get_xaxis_transform(), markersize=6, markeredgewidth=1.8)


def count_crosses(ax, figure, factor, row, width):
    """Beside the crosses, how many of how many; in three heights where they are close. `width`: of the axes, inches."""
    places = factor.positions()
    spots = [(places[value], setting) for value, setting in row if missing(figure, setting)]
    wheres = {place: math.log10(place) if factor.on_log_axis() else place for place in places.values()}
    scale = width / (max(wheres.values()) - min(wheres.values()) or 1.0)
    gaps = [scale * (wheres[right[0]] - wheres[left[0]]) for left, right in zip(spots, spots[1:])]
    close = any(gap < 0.5 for gap in gaps)
    low = figure.better > 0
    height = 0
    for (place, setting), gap in zip(spots, [math.inf, *gaps]):
        height = (height + 1) % 3 if gap < 0.3 else 0
        text = missing(figure, setting)
        text = text.replace(" of ", "/").split()[0] if close else re.sub(" (failed|never)", r"\n\1", text)
        ax.text(place, 0.07 + 0.07 * height if low else 0.93 - 0.07 * height, text, fontsize=7, color="#333333",
                transform=ax.get_xaxis_transform(), ha="center", va="bottom" if low else "top")


def leave_room(ax, figure, share):
    """For the crosses, at the edge where the worst values are; without numbers where no value can be."""
    low, high = ax.get_ylim()
    if figure.factor == 100.0:
        ax.set_yticks([tick for tick in ax.get_yticks() if max(0, low) <= tick <= min(100, high)])
    if ax.get_yscale() == "log":
        below, above = low / (high / low) ** share, high * (high / low) ** share
    else:
        below, above = low - share * (high - low), high + share * (high - low)
    ax.set_ylim(*((below, high) if figure.better > 0 else (low, above)))


def draw_difference_line(ax, study, figure, factor, row, color):
    places, medians, ends = factor.positions(), [], []
    for value, setting in row:
        pairs = differences(figure, setting, study.baseline) if setting is not study.baseline else []
        if not pairs:
            continue
        medians.append(statistics.median(pairs))
        ax.plot([places[value]], medians[-1:], "o", color=color, markersize=6)
        ends += interval(pairs) or medians[-1:]
        if interval(pairs):
            ax.plot([places[value]] * 2, interval(pairs), color=color, linewidth=2.2, solid_capstyle="butt")
    ax.axhline(0, color=GRAY, linewidth=1, linestyle=":", zorder=1)
    ax.plot([places[study.value(study.baseline, factor)]], [0], "D", color="white", markeredgecolor="#555555",
            markersize=6)
    span_axis(ax, "y", figure, medians, ends)
    widen(ax, "y", figure)
    ax.set_ylabel(f"difference to {study.baseline_in_short()}\n{figure.axis(upright=True)}", parse_math=False)


def draw_lines(plt, study):
    """One thing varied, which is a number: every figure over it."""
    factor, figures = study.factors[0], study.figures_in_full()
    row = [(study.value(setting, factor), setting) for setting in study.settings]
    text = "Runs: a dot each, the line is the median."
    if study.paired:
        text += f" The baseline is a diamond. Differences: {study.about_differences()}."
    figure = new_figure(plt, 10, 2.5 * len(figures), study.caption(text))
    axes = figure.subplots(len(figures), 2 if study.paired else 1, squeeze=False, sharex=True)
    for panels, drawn in zip(axes, figures):
        draw_line(panels[0], drawn, factor, row, COLORS[0])
        log_where_wide(panels[0], "y", drawn, study.settings)
        widen(panels[0], "y", drawn)
        if any(missing(drawn, setting) for setting in study.settings):
            leave_room(panels[0], drawn, 0.3)
            draw_crosses(panels[0], drawn, factor, row, COLORS[0], 0.0)
            count_crosses(panels[0], drawn, factor, row, 7.5 / len(panels))
        panels[0].set_ylabel(drawn.axis(upright=True))
        if study.paired:
            draw_difference_line(panels[1], study, drawn, factor, row, COLORS[0])
        for ax in panels:
            tidy(ax, "both")
    for ax in axes[-1]:
        name_places(ax, factor, 7.5 / len(axes[-1]))
    return figure


def cell_texts(study, figure, setting, paired, narrow):
    """The lines of a cell: the median; how far it is from the baseline, if `paired`; how many runs failed."""
    median = figure.median(setting)
    texts = [] if median is None else [figure.text(median)]
    pairs = differences(figure, setting, study.baseline) if paired and setting is not study.baseline else []
    if pairs:
        text = figure.text(statistics.median(pairs), signed="+")
        around = interval(pairs)
        texts.append(f"({text})" if around and around[0] <= 0 <= around[1] else text)
    if setting.failed():
        texts.append(f"✕ {setting.failed()}/{len(setting.rows)}" if narrow else setting.failures())
    return texts


class Shades:
    """The colours of a heat map: dark is much. Not up to the darkest, on which nothing could be read."""

    def __init__(self, plt, figure, medians):
        self.colors = plt.get_cmap("Oranges" if figure.name == "dead" else "Blues")
        there = [median for median in medians if median is not None and math.isfinite(median)]
        self.log = wants_log(figure, there)
        places = [self.place(median) for median in there] or [0.0]
        self.low, self.high = min(places), max(places)

    def place(self, median):
        return math.log10(median) if self.log else median

    def share(self, median):
        """From 0 to 1; None where there is nothing to show."""
        if median is None or not math.isfinite(median):
            return None
        return (self.place(median) - self.low) / (self.high - self.low or 1.0)

    def fill(self, median):
        share = self.share(median)
        return "#eeeeee" if share is None else self.colors(0.05 + 0.75 * share)

    def ink(self, median):
        return "white" if (self.share(median) or 0.0) > 0.72 else "#222222"


def square(plt, x, y, inside=0.0, **style):
    return plt.Rectangle((x - 0.5 + inside, y - 0.5 + inside), 1 - 2 * inside, 1 - 2 * inside, **style)


def draw_cell(ax, plt, x, y, setting, fill, ink, texts, narrow, framed):
    """A square with its lines of text. Where runs failed it is hatched, and the text has a ground of its own."""
    ax.add_patch(square(plt, x, y, edgecolor="white", linewidth=1.5, facecolor=fill))
    style = {"color": ink}
    if setting.failed():
        ax.add_patch(square(plt, x, y, fill=False, hatch="///", linewidth=0, edgecolor="#bbbbbb"))
        style = {"color": "#222222", "bbox": {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}}
    for line, text in enumerate(texts):
        lower = (line - (len(texts) - 1) / 2) * (0.27 if len(texts) > 2 else 0.32)
        ax.text(x, y + lower, text, ha="center", va="center", fontsize=8.5 if line == 0 and not narrow else 7, **style)
    if framed:
        ax.add_patch(square(plt, x, y, 0.03, fill=False, edgecolor="black", linewidth=1.8, zorder=3))


def draw_map(ax, plt, study, figure, cells, first, second, paired, narrow):
    """`cells`: {(value of the first, value of the second): setting}."""
    shades = Shades(plt, figure, [figure.median(setting) for setting in cells.values()])
    for (row, column), setting in cells.items():
        median = figure.median(setting)
        draw_cell(ax, plt, second.place[column], first.place[row], setting, shades.fill(median), shades.ink(median),
                  cell_texts(study, figure, setting, paired, narrow), narrow, setting is study.baseline)
    ax.set_xlim(-0.5, len(second.values) - 0.5)
    ax.set_ylim(len(first.values) - 0.5, -0.5)
    long = narrow and max(map(len, second.shown.values())) > 5
    ax.set_xticks(range(len(second.values)), second.shown.values(), parse_math=False,
                  **({"rotation": 30, "ha": "right", "rotation_mode": "anchor", "fontsize": 8} if long else {}))
    ax.set_yticks(range(len(first.values)), first.shown.values(), parse_math=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(second.name, parse_math=False)
    ax.set_ylabel(first.name, parse_math=False)
    ax.set_title(f"{figure.title} ({BETTER[figure.better]})", fontsize=10)


def map_factors(study):
    """What goes down and what goes right, or None where the settings are no grid that fits."""
    if len(study.factors) != 2 or len(study.settings) <= MOST_IN_FULL:
        return None
    first, second = study.factors
    if first.numeric and not second.numeric or len(first.values) > MOST_ROWS >= len(second.values):
        first, second = second, first
    cells = len(first.values) * len(second.values)
    fits = len(first.values) <= MOST_ROWS and len(second.values) <= MOST_COLUMNS
    return (first, second) if fits and 2 * len(study.settings) > cells else None


def line_colors(plt, factor):
    if len(factor.values) <= len(COLORS):
        return COLORS
    return [plt.get_cmap("viridis")(0.86 * place / (len(factor.values) - 1)) for place in range(len(factor.values))]


def about_maps(study, paired):
    text = "Heat maps: medians, the baseline framed"
    if not paired:
        return f"{text}; {study.seeds()}."
    text += f". The second number in that of {study.by.title}: "
    if study.few_seeds():
        return f"{text}{study.about_differences()}."
    return f"{text}median of the paired differences, in brackets where the {INTERVAL}, {study.seeds()}, has 0 in it."


def draw_maps(plt, study):
    """Two things varied: heat maps of two figures, and lines of them over the second thing."""
    first, second = map_factors(study)
    cells = {(study.value(setting, first), study.value(setting, second)): setting for setting in study.settings}
    narrow = len(second.values) > NARROW
    figures = study.two_figures()
    paired = study.paired and (not narrow or len(first.values) <= 8)  # as many lines as a cell has room for
    text = study.caption(about_maps(study, paired), "Lines: medians over the runs, which are the dots.")
    row_height = 0.52 if len(first.values) <= 8 else 0.36
    map_height = 0.9 + row_height * len(first.values)
    figure = new_figure(plt, 11, (len(figures) if narrow else 1) * map_height + 3.4, text)
    shape = (len(figures), 1) if narrow else (1, len(figures))
    above, below = figure.subfigures(2, 1, height_ratios=[shape[0] * map_height, 3.4])
    for ax, drawn in zip(above.subplots(*shape, squeeze=False).flat, figures):
        draw_map(ax, plt, study, drawn, cells, first, second, paired and drawn is study.by, narrow)
    axes = below.subplots(1, len(figures), squeeze=False)[0]
    for ax, drawn in zip(axes, figures):
        for place, (value, color) in enumerate(zip(first.values, line_colors(plt, first))):
            row = [(other, cells[value, other]) for other in second.values if (value, other) in cells]
            draw_line(ax, drawn, second, row, color, first.shown[value])
            draw_crosses(ax, drawn, second, row, color, 0.045 * (place % 6))
        log_where_wide(ax, "y", drawn, study.settings)
        widen(ax, "y", drawn)
        if any(missing(drawn, setting) for setting in study.settings):
            leave_room(ax, drawn, 0.05 * min(6, len(first.values)))
        ax.set_ylabel(drawn.axis(upright=True))
        tidy(ax, "both")
        name_places(ax, second, 3.6)
    many = len(first.values) > len(COLORS)
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=6.5 if many else 8.5, frameon=False,
                    labelspacing=0.25 if many else 0.5, title=first.name, title_fontsize=8.5)
    return figure


def draw(plt, study):
    if map_factors(study):
        return draw_maps(plt, study)
    if len(study.factors) == 1 and study.factors[0].numeric and len(study.settings) > 2:
        return draw_lines(plt, study)
    return draw_list(plt, study)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="-", help="CSV; - is standard input")
    parser.add_argument("-o", "--output", default="compare.png", help="picture (default: %(default)s)")
    parser.add_argument("--baseline", metavar="SETTING", help="what the others are held against, as 'relu' or "
                        "'activation=relu, lr=0.1' (default: of a comparison the first setting, of a sweep the best)")
    parser.add_argument("--by", choices=("accuracy", "loss", "dead", "steps_to_loss"),
                        help="the figure that decides (default: accuracy where there is one, else loss)")
    options = parser.parse_args()
    plt = import_pyplot("`reluscope compare` prints the same differences as a table")
    save(draw(plt, Study(*read(open_input(options.file)), options)), options.output)


if __name__ == "__main__":
    main()
