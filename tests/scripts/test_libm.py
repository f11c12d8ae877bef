"""What training goes through calls no function of libm whose last digits depend on the CPU.

  test_libm.py DIRECTORY_OF_OBJECTS

Reads the undefined symbols of the object files of an optimised build. Square roots and roundings are exact everywhere.
"""
import pathlib
import re
import subprocess
import sys

ROOMS = ("nn", "optim", "probe", "experiment", "trace")
ALSO = ("util/random", "util/portable_math")
INEXACT = re.compile(
    r"(a?(sin|cos|tan)h?|sincos|atan2|exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|cbrt|hypot|erfc?|[lt]gamma)[fl]?")
ALLOWED = {
    ("nn/gaussian_moments", "cos"),  # where Newton's method starts
    ("experiment/theory", "exp2"),   # of whole numbers
}


def undefined(path):
    lines = subprocess.run(["nm", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in lines.splitlines() if line.strip()}


def main():
    place = pathlib.Path(sys.argv[1])
    objects = [path for room in ROOMS for path in sorted(place.glob(f"{room}/*.o"))]
    objects += [path for name in ALSO for path in place.glob(f"{name}.*")]
    assert len(objects) > 30, f"{place}: only {len(objects)} object files: is it a build's?"
    # The test itself: the generators may call libm, and do.
    assert any(INEXACT.fullmatch(name) for path in place.glob("data/*.o") for name in undefined(path)), "nothing is seen"
    faults = []
    for path in objects:
        unit = f"{path.parent.name}/{path.name.split('.')[0]}"
        faults += [f"{unit} calls {name}" for name in sorted(undefined(path))
                   if INEXACT.fullmatch(name) and (unit, name) not in ALLOWED]
    for fault in faults:
        print(f"{fault} of libm, whose last digits depend on the CPU: use util/portable_math.hpp or nn/block.hpp")
    print(f"{len(objects)} object files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
