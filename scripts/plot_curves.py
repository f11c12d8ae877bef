#!/usr/bin/env python3
"""Draws the activation functions of `reluscope curves` and their derivatives, each against ReLU.

    reluscope curves relu leaky_relu prelu elu | python3 scripts/plot_curves.py -o curves.png

Reads CSV from a file or standard input; the format of the picture (png, svg, pdf) is read off the name's ending. Needs
matplotlib (Debian and Ubuntu: python3-matplotlib). Exit codes: 0 drawn, 1 could not write, 2 bad usage or input, or no
matplotlib.
"""

import argparse
import csv
import math

from plotting import COLORS, fail, import_pyplot, open_input, save

BLUE, ORANGE = COLORS[:2]
GRAY = "#9aa0a6"  # what the others are held against


def read(file):
    """{name: (z, a, derivative)}, in the order of the file."""
    curves = {}
    reader = csv.DictReader(file)
    missing = {"activation", "z", "a", "derivative"} - set(reader.fieldnames or ())
    if missing:
        fail(f"no column {', '.join(sorted(missing))}: expected what `reluscope curves` writes")
    for number, row in enumerate(reader, 2):
        try:
            values = [float(row[column]) for column in ("z", "a", "derivative")]
        except (TypeError, ValueError):
            fail(f"line {number}: expected numbers in z, a and derivative")
        for column, value in zip(curves.setdefault(row["activation"], ([], [], [])), values):
            column.append(value)
    if not curves:
        fail("no rows")
    return curves


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="-", help="CSV; - is standard input")
    parser.add_argument("-o", "--output", default="curves.png")
    options = parser.parse_args()
    plt = import_pyplot("reluscope curves --plot curves.png")
    curves = read(open_input(options.file))
    columns = min(4, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.2 * columns, 2.5 * rows + 0.4), sharex=True, sharey=True,
                                squeeze=False, layout="constrained")
    for ax in axes.flat[len(curves):]:
        ax.set_visible(False)
    for ax, (name, (z, a, derivative)) in zip(axes.flat, curves.items()):
        ax.axhline(0, color="#dddddd", linewidth=0.8)
        ax.axvline(0, color="#dddddd", linewidth=0.8)
        ax.plot(z, [max(0.0, x) for x in z], color=GRAY, linewidth=1, label="relu")
        ax.plot(z, a, color=BLUE, linewidth=1.8, label="φ(z)")
        ax.plot(z, derivative, color=ORANGE, linewidth=1.4, linestyle="--", label="φ'(z)")
        ax.set_title(name, fontsize=10, parse_math=False)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("pre-activation z")
    axes.flat[0].legend(fontsize=8, frameon=False)
    save(figure, options.output)


if __name__ == "__main__":
    main()
