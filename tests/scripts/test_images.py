#!/usr/bin/env python3
"""Pictures come out of their files as Pillow reads them, bit by bit, and in other sizes as exact fractions have them: the
checksum of the data is that of an array with the pixels.

    test_images.py RELUSCOPE      exits with 77 (skipped) where there is no Pillow or NumPy, or the build reads no pictures
"""
import fractions
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
    from PIL import Image
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

PROGRAM = os.path.abspath(sys.argv[1])
NETWORK = {"network": {"layers": [{"units": 2, "activation": "relu"}, {"units": 2}]},
           "train": {"steps": 1}, "record": {"census": "off"}}
HALF = fractions.Fraction(1, 2)


def random_bytes(chance, *shape):
    return chance.integers(0, 256, shape, dtype=numpy.uint8)


def smooth(chance, height, width):
    """What JPEG keeps something of."""
    waves = numpy.add.outer(5 * numpy.arange(height), 7 * numpy.arange(width))[..., None] + [0, 40, 90]
    return Image.fromarray(((waves + chance.integers(0, 100)) % 256).astype(numpy.uint8))


# Name, ending, picture, how it is saved.
KINDS = {
    "grey": (".png", lambda chance, h, w: Image.fromarray(random_bytes(chance, h, w)), {}),
    "two colours": (".png", lambda chance, h, w: Image.fromarray(random_bytes(chance, h, w) > 128), {}),
    "colours": (".png", lambda chance, h, w: Image.fromarray(random_bytes(chance, h, w, 3)), {}),
    "transparent": (".png", lambda chance, h, w: Image.fromarray(random_bytes(chance, h, w, 4)), {}),
    "palette": (".png", lambda chance, h, w: Image.fromarray(random_bytes(chance, h, w, 3)).quantize(16), {"transparency": 3}),
    "jpeg": (".jpg", smooth, {"quality": 80}),
    "progressive": (".JPG", smooth, {"quality": 80, "progressive": True, "format": "JPEG"}),
    "grey jpeg": (".jpeg", lambda chance, h, w: smooth(chance, h, w).convert("L"), {"quality": 60}),
}


def shares(source, target):
    """For each pixel of the result, what it takes of each of the source's."""
    rows = [[fractions.Fraction(0)] * source for _ in range(target)]
    for pixel, row in enumerate(rows):
        if target < source:
            begin, end = fractions.Fraction(pixel * source, target), fractions.Fraction((pixel + 1) * source, target)
            for at in range(source):
                row[at] = max(fractions.Fraction(0), min(end, at + 1) - max(begin, at)) / (end - begin)
        else:
            centre = min(max(fractions.Fraction((2 * pixel + 1) * source, 2 * target) - HALF, fractions.Fraction(0)),
                         fractions.Fraction(source - 1))
            first = int(centre)
            row[first] += 1 - (centre - first)
            if centre > first:
                row[first + 1] += centre - first
    return numpy.array(rows, dtype=object)


def resized(pixels, height, width):
    exact = numpy.tensordot(shares(pixels.shape[0], height), pixels.astype(object), (1, 0))
    exact = numpy.swapaxes(numpy.tensordot(shares(pixels.shape[1], width), exact, (1, 1)), 0, 1)
    return numpy.array([[[int(value + HALF) for value in pixel] for pixel in row] for row in exact], dtype=numpy.uint8)


class Images(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.place = pathlib.Path(scratch.name)

    def checksum(self, data):
        config = self.place / "c.json"
        config.write_text(json.dumps({"name": "c", "data": dict(data, test_fraction=0), **NETWORK}))
        ended = subprocess.run([PROGRAM, "run", config, "-q", "--out", self.place / "out", "--force"], capture_output=True,
                               text=True, check=False)
        if "this build reads no" in ended.stderr:
            self.skipTest("this build reads no pictures")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return json.loads((self.place / "out/manifest.json").read_text())["data"]["crc32"]

    def compare(self, pictures, pixels, settings):
        """pictures: of the classes a and b in turn."""
        self.assertEqual(len(pictures), len(pixels))
        numpy.save(self.place / "x.npy", numpy.ascontiguousarray(numpy.moveaxis(numpy.stack(pixels), 3, 1)))
        numpy.save(self.place / "y.npy", numpy.arange(len(pixels)) % 2)
        array = self.checksum({"kind": "npy", "file": "x.npy", "labels": "y.npy"})
        self.assertEqual(self.checksum({"kind": "images", "train": "pictures", **settings}), array)

    def save(self, kind, height, width, count=3):
        """What Pillow reads again of `count` pictures of each class."""
        ending, make, how = KINDS[kind]
        chance = numpy.random.default_rng(7)
        files = [self.place / "pictures" / name / f"{number}{ending}" for number in range(count) for name in "ab"]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            make(chance, height, width).save(file, **how)
        read = []
        for file in files:
            with Image.open(file) as opened:
                read.append(opened.copy())
        return files, read

    def test_every_kind_of_picture_is_what_pillow_reads(self):
        for kind in KINDS:
            for channels, mode in ((1, "L"), (3, "RGB")):
                with self.subTest(kind=kind, channels=channels), tempfile.TemporaryDirectory() as place:
                    self.place = pathlib.Path(place)
                    files, read = self.save(kind, 33, 21)
                    pixels = [numpy.asarray(one.convert(mode)).reshape(33, 21, channels) for one in read]
                    self.compare(files, pixels, {"channels": channels})

    def test_other_sizes_are_exact(self):
        for size, wanted in (((9, 7), (3, 7)), ((9, 7), (4, 3)), ((5, 4), (11, 9)), ((6, 8), (3, 13)), ((1, 1), (3, 2))):
            with self.subTest(size=size, wanted=wanted), tempfile.TemporaryDirectory() as place:
                self.place = pathlib.Path(place)
                files, read = self.save("colours", *size, count=2)
                self.compare(files, [resized(numpy.asarray(one), *wanted) for one in read], {"size": list(wanted)})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
