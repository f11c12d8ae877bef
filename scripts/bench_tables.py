#!/usr/bin/env python3
"""How the time and memory of reading a table grow with its size: 10 MB beside 100 MB, in turns.

    bench_tables.py [RELUSCOPE]

The table has a row number, words, gaps and ten numbers a row. Prints median seconds, the ratio pair by pair, and the most
memory that was resident, of `validate` (which loads it all) and of `inspect`.
"""
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release/reluscope")
ROUNDS = 5


def write_table(path, megabytes):
    chance = random.Random(1)
    rows = [f",{chance.choice(('red', 'blue', 'NA'))}," + ",".join(f"{chance.random():.6f}" for _ in range(10)) +
            f",{chance.choice('abc')}\n" for _ in range(9000)]
    with open(path, "w", encoding="utf-8") as file:
        file.write("id,colour," + ",".join(f"f{column}" for column in range(10)) + ",y\n")
        row = 0
        while file.tell() < megabytes * 1_000_000:
            file.write("".join(str(row + at) + rows[(row + at) % len(rows)] for at in range(1000)))
            row += 1000


def run(words, directory):
    """Seconds, and MiB at most."""
    start = time.monotonic()
    process = subprocess.Popen([PROGRAM, *words], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return time.monotonic() - start, usage.ru_maxrss / 1024


def main():
    with tempfile.TemporaryDirectory() as directory:
        for megabytes in (10, 100):
            write_table(os.path.join(directory, f"{megabytes}.csv"), megabytes)
            config = {"data": {"kind": "csv", "file": f"{megabytes}.csv", "drop": "id", "categorical": "auto",
                               "missing": "median"}, "network": {"layers": [{"units": 8}, {"units": 3}]}}
            with open(os.path.join(directory, f"{megabytes}.json"), "w", encoding="utf-8") as file:
                json.dump(config, file)
        print("| command | 10 MB, s | 100 MB, s | ratio: least, median, most | memory at 10 and 100 MB, MiB |")
        print("|---|---:|---:|---:|---:|")
        for command, ending in (("validate", "json"), ("inspect", "csv")):
            pairs = [[run([command, f"{megabytes}.{ending}"], directory) for megabytes in (10, 100)]
                     for _ in range(ROUNDS)]
            ratios = sorted(large[0] / small[0] for small, large in pairs)
            seconds = [statistics.median(pair[size][0] for pair in pairs) for size in (0, 1)]
            memory = [max(pair[size][1] for pair in pairs) for size in (0, 1)]
            print(f"| `{command}` | {seconds[0]:.2f} | {seconds[1]:.2f} | {ratios[0]:.1f}, {ratios[len(ratios) // 2]:.1f}, "
                  f"{ratios[-1]:.1f} | {memory[0]:.0f}, {memory[1]:.0f} |")


if __name__ == "__main__":
    main()
