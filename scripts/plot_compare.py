#!/usr/bin/env python3
"""Draws what `reluscope compare` or a sweep wrote: each variant's runs, and the paired differences to the first one.

    reluscope compare c.json --vary 'network.layers.*.activation=relu,elu' -q -o - | python3 scripts/plot_compare.py -o compare.png

Left each run is a dot, with the median; right are the medians of the differences within pairs of one seed, with 95 %
bootstrap intervals (10,000 resamples, a fixed seed). Reads CSV from a file or standard input; the format of the picture
(png, svg, pdf) is read off the name's ending. Needs matplotlib (Debian and Ubuntu: python3-matplotlib). Exit codes: 0
drawn, 1 could not write, 2 bad usage or input, or no matplotlib.
"""

import argparse
import csv
import math
import random
import statistics

from plotting import COLORS, fail, import_pyplot, open_input, save

METRICS = (  # title, columns of which the first filled one counts, factor
    ("accuracy, %", ("test_accuracy", "train_accuracy"), 100.0), ("loss", ("test_loss", "train_loss"), 1.0),
    ("dead units, %", ("dead_fraction",), 100.0), ("gradient growth", ("grad_norm_growth",), 1.0))


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
        if None in row.values():
            fail(f"row {number}: expected {len(names)} cells, as the header has")
    return rows, names[names.index("id") + 1:names.index("seed")]


def value_of(row, columns, factor):
    for column in columns:
        if row.get(column):
            try:
                value = float(row[column])
            except ValueError:
                fail(f"column {column}: expected a number, found {row[column]!r}")
            return factor * value if math.isfinite(value) else None
    return None


def interval(values):
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(10000))
    return medians[250], medians[-251]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="-", help="CSV; - is standard input")
    parser.add_argument("-o", "--output", default="compare.png")
    options = parser.parse_args()
    plt = import_pyplot("`reluscope compare` prints the same differences as a table")
    rows, keys = read(open_input(options.file))
    variants = list(dict.fromkeys(", ".join(row[key] for key in keys) for row in rows))
    shown = []
    for title, columns, factor in METRICS:
        values = {variant: {} for variant in variants}
        for row in rows:
            value = value_of(row, columns, factor)
            if value is not None and row["status"] == "done":
                values[", ".join(row[key] for key in keys)][row["seed"]] = value
        if any(values.values()):
            shown.append((title, values))
    if not shown:
        fail("no run was done")
    figure, axes = plt.subplots(len(shown), 2, squeeze=False, layout="constrained",
                                figsize=(9, 0.9 + len(shown) * (0.8 + 0.32 * len(variants))))
    places = range(len(variants))
    for (left, right), (title, values) in zip(axes, shown):
        for place, variant in enumerate(variants):
            color = COLORS[place % len(COLORS)]
            own = values[variant]
            left.plot(list(own.values()), [place] * len(own), "o", color=color, alpha=0.45, markersize=4, markeredgewidth=0)
            if own:
                left.plot([statistics.median(own.values())], [place], "|", color=color, markersize=16, markeredgewidth=2.4)
            first = values[variants[0]]
            differences = [own[seed] - first[seed] for seed in own if place > 0 and seed in first]
            if not differences:
                continue
            middle = statistics.median(differences)
            right.plot([middle], [place], "o", color=color, markersize=6)
            if len(differences) > 2:
                low, high = interval(differences)
                right.plot([low, high], [place, place], color=color, linewidth=2.2)
        right.axvline(0, color="#888888", linewidth=1, linestyle=":")
        for ax in (left, right):
            ax.set_yticks(places, [variant if ax is left else "" for variant in variants], parse_math=False)
            ax.set_ylim(len(variants) - 0.5, -0.5)
            ax.spines[["top", "right"]].set_visible(False)
            ax.grid(axis="x", color="#eeeeee")
        if all(value > 0 for own in values.values() for value in own.values()) and title in ("loss", "gradient growth"):
            left.set_xscale("log")
        left.set_xlabel(title)
        right.set_xlabel(f"difference to {variants[0]}: {title}", parse_math=False)
    save(figure, options.output)


if __name__ == "__main__":
    main()
