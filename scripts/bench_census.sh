#!/usr/bin/env bash
# Builds the benchmark program and measures what censuses cost; prints the tables as Markdown.
#
#   scripts/bench_census.sh --data /path/to/mnist [--rounds N] [--markdown FILE]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/install_deps.sh" run
(
  cd "$root"
  cmake --preset release --log-level=NOTICE -DBENCH=ON -DBUILD_TESTING=OFF
  cmake --build --preset release --target reluscope_bench -- --quiet
) >&2
exec python3 "$root/scripts/bench_census.py" "$@"
