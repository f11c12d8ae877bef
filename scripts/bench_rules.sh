#!/usr/bin/env bash
# Builds reluscope and holds its rules, and those of other tools, against healthy and sick runs; prints the tables as
# Markdown. bench_rules.py has the other options.
#
#   scripts/bench_rules.sh [--strict] [--mnist DIR] [--housing FILE] [--markdown FILE]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/install_deps.sh" run
(
  cd "$root"
  cmake --preset release --log-level=NOTICE -DBUILD_TESTING=OFF
  cmake --build --preset release --target reluscope -- --quiet
) >&2
exec python3 "$root/scripts/bench_rules.py" "$@"
