"""Writes the seed inputs of the fuzz targets: small, valid, and one of each kind.

  make_corpus.py RELUSCOPE [DIRECTORY]

Inputs found by fuzzing are not written anew: they lie beside the seeds, called by what they were.
"""
import base64
import gzip
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

# The experiment of the target `checkpoint` (targets.cpp).
SMALL = {"data": {"kind": "moons", "n_samples": 24},
         "network": {"layers": [{"units": 4, "activation": "relu"}, {"type": "dropout", "p": 0.2},
                                {"units": 3, "activation": "prelu"}, {"units": 2}]},
         "train": {"steps": 8, "batch_size": 8, "optimizer": {"name": "adam", "lr": 0.5}},
         "record": {"every": 1, "census": 2, "checkpoint_every": 5}}


# Pictures of 3 × 4 and 8 × 16 pixels, as Pillow writes them: nothing that comes with Python does.
JPEGS = {
    "grey": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMU"
        "FRUVDA8XGBYUGBIUFRT/wAALCAADAAQBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EACAQAAEDBAIDAAAAAAAAAAAAAAMCBBEB"
        "BQYHAAgUITH/2gAIAQEAAD8ASeknTzTuztRPLpkuENbk/DditkF8lwKB0CFVEwMiafVqrMT75//Z"),
    "colour": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx"
        "NDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy"
        "MjIyMjIyMjL/wAARCAAIABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAZEAABBQAAAAAAAAAAAAAAAAAABAYj"
        "MaH/xAAVAQEBAAAAAAAAAAAAAAAAAAADBf/EABkRAAEFAAAAAAAAAAAAAAAAAAAEBQYhIv/aAAwDAQACEQMRAD8AkJmNUWFhMxqi"
        "wAKVuKjVk+MuyqtH/9k="),
    "progressive": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
        "Z2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
        "Y2NjY2NjY2P/wgARCAAIABADAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABUBAQEAAAAAAAAAAAAAAAAAAAQF/9oA"
        "DAMBAAIQAxAAAAEWGaXS/8QAFhAAAwAAAAAAAAAAAAAAAAAAAAED/9oACAEBAAEFAlAUD//EABURAQEAAAAAAAAAAAAAAAAAAAMA"
        "/9oACAEDAQE/ATeN7//EABURAQEAAAAAAAAAAAAAAAAAAAMA/9oACAECAQE/AVWVb//EABQQAQAAAAAAAAAAAAAAAAAAABD/2gAI"
        "AQEABj8CP//EABUQAQEAAAAAAAAAAAAAAAAAAABh/9oACAEBAAE/IYIP/9oADAMBAAIAAwAAABDr/8QAFREBAQAAAAAAAAAAAAAA"
        "AAAAAGH/2gAIAQMBAT8Qss//xAAUEQEAAAAAAAAAAAAAAAAAAAAQ/9oACAECAQE/ED//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oA"
        "CAEBAAE/ED7/2Q=="),
}


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + data


def archive(members, method=zipfile.ZIP_STORED):
    """A zip archive that is the same each time it is made."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def npy(descr, shape, data, fortran=False, version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def png(colours, depth, height, width, rows, chunks=(), interlaced=0):
    """The rows stored, not deflated: the same bytes whatever zlib there is."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*one) for one in chunks)
            + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))


def tensors(header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def run_files(tool):
    """What a small run writes, by file name, and the checkpoint of one that stops."""
    with tempfile.TemporaryDirectory() as place:
        config = pathlib.Path(place, "c.json")
        config.write_text(json.dumps(dict(SMALL, name="c")))
        whole, stopped = pathlib.Path(place, "whole"), pathlib.Path(place, "stopped")
        command = [tool, "run", config, "-q", "--save-weights", "--out"]
        subprocess.run([*command, whole], check=True, stdout=subprocess.DEVNULL)
        # The reader of its trace has gone before it begins: it stops, and leaves its checkpoint.
        reader, trace = os.pipe()
        os.close(reader)
        subprocess.run([*command, stopped, "--trace", "steps=-"], check=False, stdout=trace)
        os.close(trace)
        return {p.name: p.read_bytes() for out in (stopped, whole) for p in out.iterdir()}


def main():
    tool = pathlib.Path(sys.argv[1]).resolve()
    place = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "corpus")
    files = run_files(tool)
    f4 = struct.pack("<4f", 1, 2.5, -3, 1e9)
    seeds = {
        "config": {
            "plain": b"\0" + json.dumps(SMALL).encode(),
            "override": b"\1train.optimizer.lr=0.1\n" + json.dumps(SMALL).encode(),
            "wildcard": b"\1network.layers.*.activation={\"name\":\"elu\",\"alpha\":2}\n" + json.dumps(SMALL).encode(),
            "comments": b"\0// one\n{\"data\": {\"kind\": \"csv\", \"file\": \"x\"}, /* two */ \"network\": {\"layers\": "
                        b"[{\"units\": 3, \"repeat\": 2, \"init\": {\"weights\": {\"name\": \"uniform\", \"low\": -1}}}]}}",
            "sweep": b"\3" + json.dumps({"config": SMALL, "seeds": 2, "parameters": {
                "train.optimizer.lr": {"values": [0.1, 1e-3]}}}).encode(),
            "random-sweep": b"\3" + json.dumps({"config": SMALL, "method": "random", "run_cap": 3, "parameters": {
                "train.batch_size": {"distribution": "int_uniform", "min": 1, "max": 9}}}).encode(),
        },
        "idx": {
            "images": b"\0" + idx(8, [4, 2, 2], bytes(range(16))),
            "floats": b"\0" + idx(13, [4, 1], struct.pack(">4f", 1, -2, 3.5, 0)),
            "doubles": b"\0" + idx(14, [4, 1], struct.pack(">4d", 1, -2, 3.5, 0)),
            "gzip": b"\0" + gzip.compress(idx(11, [4, 2], bytes(16)), mtime=0),
            "labels": b"\1" + idx(8, [4], bytes([0, 1, 0, 1])),
            "wide-labels": b"\1" + idx(12, [4], struct.pack(">4i", 0, 7, 0, 7)),
        },
        "csv": {
            "header": b"\0a,b,label\n1,2.5,0\n-3e2,4,1\n5,\"6\",1\n",
            "names": b"\2x,label,y\r\n1,red,3\r\n4,\"bl\"\"ue\",6\r\n",
            "semicolon": b"\x04\xef\xbb\xbf1;2;3\n4;5;6\n",
            "regression": b"\x20" + b"1\t2\t0.5\n3\t4\t0.25\n",
            "gzip": b"\0" + gzip.compress(b"1,2\n3,4\n", mtime=0),
            "two-targets": b"\x23" + b"1,2,3\n4,5,6\n",
        },
        "table": {
            "birds": b"\2id,kind,size,when\n1,a,2.5,2020-01-01\n2,b,NA,2020-01-02\n3,a,1,2020-01-03\n4,b,3,2020-01-04\n",
            "comma": b"\5a;y\n1,5;x\n2,5;y\n3;x\n",
            "thousands": b"\x0da\tb\n1.234,5\tx\n2.345,5\ty\n",
            "dates": b"\x112020-01-01,1,x\n2020-02-01T12:00,2,y\n01.03.2020,3,x\n",
            "ordinal": b"\x20a,b,y\n1,low,0\n2,high,1\n3,low,0\n",
            "blanks": b"\x41 1  2 x\n 3  4 y\n",
            "macintosh": b"\0# a comment\ra,b,y\r1,True,x\r2,False,y\r",
            "wrapped": b"\1\"a b;\"\"c\"\";\"\"y\"\"\"\n7.4;0.7;5\n7.8;0.88;6\n",
            "tail": b"\0 1,2,0,\n3,4,1,\n",
            "indicator": b"\3a,b,y\n1,,x\n,2,y\n3,4,x\n",
        },
        "npz": {
            "stored": b"\0" + archive({"x_train.npy": npy("<f8", "(4, 1)", bytes(32)), "y_train.npy": npy("|u1", "(4,)", b"\0\1\0\1")}),
            "deflated": b"\3" + archive({"a.npy": npy("<f4", "(4, 1)", f4), "b.npy": npy("|u1", "(4,)", b"\0\1\0\1")}, zipfile.ZIP_DEFLATED),
            "test": b"\0" + archive({name: npy("|u1", "(2, 1)" if name[0] == "x" else "(2,)", b"\0\1") for name in
                                     ("x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy")}),
        },
        "npy": {
            "bytes": b"\0" + npy("|u1", "(4, 2)", bytes(8)),
            "floats": b"\0" + npy("<f4", "(4, 1)", f4),
            "fortran": b"\0" + npy(">i2", "(4, 2, 3)", bytes(48), fortran=True),
            "version2": b"\0" + npy("<f8", "(4, 1)", bytes(32), version=2),
            "gzip": b"\0" + gzip.compress(npy("<i4", "(4, 1)", bytes(16)), mtime=0),
            "labels": b"\1" + npy("<i8", "(4,)", struct.pack("<4q", 0, 1, 0, 1)),
            "targets": b"\1" + npy("<f4", "(4, 2)", f4 + f4),
        },
        "png": {
            "grey": b"\x21" + png(0, 8, 2, 3, bytes([0, 1, 2, 3, 1, 50, 200, 255])),
            "colours": b"\x36" + png(2, 8, 2, 1, bytes([0, 1, 2, 3, 2, 4, 5, 6])),
            "wide": b"\0" + png(2, 16, 1, 1, bytes(range(7))),
            "palette": b"\x11" + png(3, 2, 1, 3, bytes([0, 0x18]), [(b"PLTE", bytes(range(9))), (b"tRNS", b"\0\1")]),
            "clear": b"\x10" + png(6, 8, 1, 2, bytes(range(9))),
            "clear-grey": b"\1" + png(4, 16, 2, 1, bytes([0, 1, 2, 3, 4] * 2)),
            "interlaced": b"\x43" + png(0, 8, 2, 2, bytes([0, 1, 0, 2, 0, 3, 4]), interlaced=1),
            "bits": b"\x21" + png(0, 1, 2, 9, bytes([0, 0xAA, 0x80, 3, 0xFF, 0]), [(b"gAMA", b"\0\0\xb1\x8f")]),
        },
        "jpeg": {name: b"\x21" + base64.b64decode("".join(text)) for name, text in JPEGS.items()},
        "weights": {
            "run": files["weights.safetensors"],
            "two": tensors({"__metadata__": {"format": "pt"},
                            "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                            "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [8, 12]}}, f4[:12]),
            "types": tensors({t: {"dtype": t, "shape": [8 // n], "data_offsets": [8 * i, 8 * i + 8]} for i, (t, n) in
                              enumerate([("BOOL", 1), ("I8", 1), ("U16", 2), ("I16", 2), ("F16", 2), ("U32", 4),
                                         ("I32", 4), ("U64", 8), ("I64", 8), ("F64", 8)])}, bytes(range(80))),
            "empty": tensors({}, b""),
        },
        "checkpoint": {"run": files["checkpoint.safetensors"]},
        "traces": {
            "steps": b"\0" + files["steps.csv"], "layers": b"\0" + files["layers.csv"],
            "census": b"\0" + files["census.csv"], "units": b"\2" + files["units.csv"],
            "theory": b"\1" + files["theory.csv"],
            "results": b'\x030,abc,1,done,,100,0.68,nan,0.67,0.625,,,0.25,0.25,0.5,2,1,0,0,0.16,0.2,inf,"dying-units@dense1, and more",0.5',
        },
    }
    for target, inputs in seeds.items():
        (place / target).mkdir(parents=True, exist_ok=True)
        for name, content in inputs.items():
            (place / target / f"seed-{name}").write_bytes(content)


if __name__ == "__main__":
    main()
