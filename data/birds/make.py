#!/usr/bin/env python3
"""Writes birds.csv: simulated measurements of three kinds of penguin, as somebody's own table would be.

    make.py > birds.csv

Means and spreads are near those that Gorman, Williams and Fraser (2014) published for Adelie, Chinstrap and Gentoo
penguins; each row is drawn at random. Like most tables it has a row number, words, cells that are missing, and the label
in the middle.
"""

import random

# Per species: share, islands, and mean and standard deviation of bill length, bill depth (mm), flipper (mm), mass (g).
SPECIES = {
    "Adelie": (0.44, ("Biscoe", "Dream", "Torgersen"), (38.8, 2.7), (18.3, 1.2), (190, 6.5), (3700, 460)),
    "Chinstrap": (0.20, ("Dream",), (48.8, 3.3), (18.4, 1.1), (196, 7.1), (3730, 380)),
    "Gentoo": (0.36, ("Biscoe",), (47.5, 3.1), (15.0, 1.0), (217, 6.5), (5080, 500)),
}


def main():
    random.seed(2014)
    print("id,island,species,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,observed")
    for number in range(1, 301):
        name = random.choices(list(SPECIES), [share for share, *_ in SPECIES.values()])[0]
        _, islands, *sizes = SPECIES[name]
        sex = random.choice(("female", "male"))
        size = 0.7 if sex == "male" else -0.7  # in standard deviations: males are larger
        cells = [random.gauss(mean + 0.6 * size * spread, 0.8 * spread) for mean, spread in sizes]
        texts = [f"{cells[0]:.1f}", f"{cells[1]:.1f}", f"{cells[2]:.0f}", f"{cells[3]:.0f}"]
        texts = ["NA" if random.random() < 0.01 else text for text in texts]
        sex = "" if random.random() < 0.03 else sex
        day = f"{random.choice((2007, 2008, 2009))}-11-{random.randint(1, 30):02d}"
        print(",".join([str(number), random.choice(islands), name, *texts, sex, day]))


if __name__ == "__main__":
    main()
