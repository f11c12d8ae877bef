#!/usr/bin/env python3
"""Reads the event file of `reluscope export` back, by the format's own rules, and holds it against the CSVs.

    test_export.py RELUSCOPE SOURCE_DIR
"""

import csv
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest

# What a row is about: no values of it.
PLACES = ("step", "epoch", "layer", "name", "units", "activation", "role", "from_file")
PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == masked(data[at:at + 8])
        body = data[at + 12:at + 12 + length]
        assert len(body) == length
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body)
        yield body
        at += 16 + length


def fields(data):
    """(field, value) of a message: numbers as they are, the rest as bytes."""

    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        kind = key & 7
        if kind == 0:
            value, at = varint(at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            assert kind == 2
            length, at = varint(at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


class Export(unittest.TestCase):
    def test_every_number_is_there(self):
        with tempfile.TemporaryDirectory() as place:
            run = os.path.join(place, "run")
            for command in (["run", os.path.join(SOURCE, "configs", "dying-relu.json"), "train.epochs=3", "-o", run, "-q"],
                            ["export", run, "--to", "tensorboard", "-q"]):
                done = subprocess.run([PROGRAM, *command], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
            (name,) = os.listdir(os.path.join(run, "tensorboard"))
            self.assertTrue(name.startswith("events.out.tfevents."))
            with open(os.path.join(run, "tensorboard", name), "rb") as file:
                first, *events = [list(fields(record)) for record in records(file.read())]
            self.assertEqual(dict(first)[3], b"brain.Event:2")
            scalars, histograms = {}, {}
            for event in events:
                step = dict(event)[2]
                for field, value in fields(dict(event)[5]):
                    self.assertEqual(field, 1)
                    parts = dict(fields(value))
                    if 2 in parts:
                        scalars[parts[1].decode(), step] = parts[2]
                    else:
                        histograms[parts[1].decode()] = dict(fields(parts[5]))
            for table, named in (("steps", False), ("layers", True), ("census", True)):
                with open(os.path.join(run, table + ".csv"), encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        prefix = f"{table}/{row['name']}/" if named else f"{table}/"
                        for column, cell in row.items():
                            if column in PLACES or cell == "":
                                continue
                            written = scalars.pop((prefix + column, int(row["step"])))
                            wanted = struct.unpack("<f", struct.pack("<f", float(cell)))[0]
                            self.assertTrue(written == wanted or math.isnan(wanted))
            self.assertEqual(scalars, {})
            margins = histograms["units/dense1/margin"]
            self.assertEqual(margins[3], 64)
            self.assertEqual(sum(struct.unpack("<30d", margins[7])), 64)
            self.assertEqual(struct.unpack("<30d", margins[6])[-1], margins[2])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
