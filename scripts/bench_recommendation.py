#!/usr/bin/env python3
"""How often what `reluscope compare` recommends changes with the seeds: shipped configs, each asked again and again.

    python3 scripts/bench_recommendation.py [--tool build/release/reluscope] [--shifts 10] [--seeds 5] [--markdown FILE]

Each config is compared with the usual activations from seed 1, from seed 101, from seed 201, …: no two of these share a
run. The table says which activation was recommended how often. Standard library alone; nothing is written but the table.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIGS = ("digits-relu", "dying-relu", "moons", "sparse-relu", "digits-autoencoder", "multilabel")


def recommended(tool, config, first, seeds):
    done = subprocess.run([tool, "compare", ROOT / "configs" / f"{config}.json", f"seed={first}", "--seeds", str(seeds),
                           "--json", "-q", "-o", "/dev/null"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{config}, seed {first}: {done.stderr.strip()}")
    return json.loads(done.stdout)["recommendation"]["choice"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=ROOT / "build" / "release" / "reluscope")
    parser.add_argument("--shifts", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--markdown", help="write the table there as well")
    options = parser.parse_args()
    lines = [f"| config | recommended, of {options.shifts} times {options.seeds} seeds | others than the usual one |",
             "| --- | --- | ---: |"]
    changes = 0
    for config in CONFIGS:
        found = collections.Counter(recommended(options.tool, config, 1 + 100 * shift, options.seeds)
                                    for shift in range(options.shifts))
        ranked = found.most_common()
        other = options.shifts - ranked[0][1]
        changes += other
        lines.append(f"| {config} | " + ", ".join(f"{name} {count}" for name, count in ranked) + f" | {other} |")
        print(lines[-1], flush=True)
    lines.append(f"| all | | {changes} of {options.shifts * len(CONFIGS)} |")
    print(lines[-1])
    if options.markdown:
        pathlib.Path(options.markdown).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
