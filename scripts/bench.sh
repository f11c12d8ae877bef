#!/usr/bin/env bash
# Builds the benchmark program and runs it beside its peers; writes bench.csv and prints the tables as Markdown.
#
#   scripts/bench.sh [--torch] [options of bench.py]     for instance: scripts/bench.sh --quick --markdown bench.md
#
# With --torch, installs what the rows about peers need: PyTorch, the BLAS with which Debian's is fast, and dlib.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
need=run
if [[ ${1:-} == --torch ]]; then
  shift
  need=bench
fi
"$root/scripts/install_deps.sh" "$need"
(
  cd "$root"
  cmake --preset release --log-level=NOTICE -DBENCH=ON -DBUILD_TESTING=OFF
  cmake --build --preset release --target reluscope bench_programs -- --quiet
) >&2
exec python3 "$root/scripts/bench.py" "$@"
