"""What training goes through calls no function of libm whose last digits depend on the CPU.

  test_libm.py DIRECTORY_OF_OBJECTS

Reads the undefined symbols of the object files of an optimised build. Square roots and roundings are exact everywhere.
"""
import pathlib
import re
import subprocess
import sys

ROOMS = ("util", "nn", "optim", "probe", "experiment", "trace")
INEXACT = re.compile(
    r"(a?(sin|cos|tan)h?|sincos|atan2|exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|cbrt|hypot|erfc?|[lt]gamma)[fl]?")
ALLOWED = {
    ("nn", "cos"),           # where Newton's method for the nodes of a quadrature starts
    ("experiment", "exp2"),  # theory: of whole numbers
}


def undefined(path):
    lines = subprocess.run(["nm", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in lines.splitlines() if line.strip()}


def room_of(path):
    """Of an object of one file (src/ROOM/file.cpp.o) or of several (Unity/unity_src_ROOM_0_cxx.cxx.o)."""
    several = re.match(r"unity_src_(\w+)_\d+_cxx", path.name)
    return several.group(1) if several else path.parent.name


def main():
    place = pathlib.Path(sys.argv[1])
    calls = {}  # of each room
    for path in sorted(place.rglob("*.o")):
        calls.setdefault(room_of(path), set()).update(undefined(path))
    missing = [room for room in ROOMS if not calls.get(room)]
    assert not missing, f"{place}: no objects of {', '.join(missing)}: is it a build's?"
    # The test itself: the generators may call libm, and do.
    assert any(INEXACT.fullmatch(name) for name in calls["data"]), "nothing is seen"
    faults = [f"{room} calls {name}" for room in ROOMS for name in sorted(calls[room])
              if INEXACT.fullmatch(name) and (room, name) not in ALLOWED]
    for fault in faults:
        print(f"{fault} of libm, whose last digits depend on the CPU: use util/portable_math.hpp or nn/block.hpp")
    print(f"{len(ROOMS)} rooms, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
