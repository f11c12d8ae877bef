#!/usr/bin/env python3
"""Writes the tables of bench/cases that are too large to keep; the others are in bench/cases/data.

    python3 bench/rules_data.py [DIRECTORY]      the default is bench/cases, where the configs look for them

scripts/bench_rules.py does so by itself. The numbers are drawn anew in the likeness of what a report tells, and are the
same wherever they are drawn.
"""

import os
import random
import sys

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")


def multilabel(rng):
    """Word counts; a topic is there where its six words are frequent."""
    for _ in range(3000):
        counts = [rng.randrange(7) for _ in range(20)]
        yield counts + [int(sum(counts[first:first + 6]) > 18) for first in (0, 6, 12)]


def big_inputs(rng):
    for _ in range(4000):
        x = [rng.uniform(0, 1e4) for _ in range(3)]
        yield x + [2 * x[0] + x[1] + 0.5 * x[2] + 2]


def negative(rng):
    for _ in range(5000):
        x = [rng.uniform(-1, 0) for _ in range(4)]
        yield x + [int(sum(x) > -2)]


def autoencoder(rng):
    for _ in range(1500):
        x = [rng.random() for _ in range(12)]
        yield x + x


def stock(rng):
    """Windows of a price that rises from about 0.2 to 1: six days, and the seventh to predict."""
    prices = [0.26]
    while len(prices) < 2457:
        prices.append(max(0.18, prices[-1] + rng.gauss(0.0003, 0.006)))
    highest = max(prices)
    for day in range(len(prices) - 6):
        yield [price / highest for price in prices[day:day + 7]]


def keypoints(rng):
    """Images of 96 pixels, made of six hidden numbers, and 15 points on them, which those numbers place."""
    places = [[rng.gauss(0, 0.12) for _ in range(6)] for _ in range(30)]
    for _ in range(400):
        hidden = [rng.gauss(0, 1) for _ in range(6)]
        pixels = [min(1.0, max(0.0, 0.5 + 0.2 * hidden[pixel % 6] + rng.gauss(0, 0.1))) for pixel in range(96)]
        yield pixels + [sum(map(float.__mul__, place, hidden)) + rng.gauss(0, 0.05) for place in places]


TABLES = {"data/multilabel.csv": multilabel, "data/big_inputs.csv": big_inputs, "data/neg4.csv": negative,
          "data/ae_uniform.csv": autoencoder, "data/stock.csv": stock, "data/keypoints.csv": keypoints}


def write(directory):
    os.makedirs(os.path.join(directory, "data"), exist_ok=True)
    for name, make in TABLES.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            for row in make(random.Random(name)):
                file.write(",".join(f"{value:.9g}" for value in row) + "\n")


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else CASES)
