#!/usr/bin/env bash
# Installs what is missing, builds reluscope and runs one experiment with it.
#
#   scripts/run.sh [CONFIG] [KEY=VALUE …] [options of `reluscope run`]
#
# Without CONFIG: configs/digits-relu.json, into runs/digits-relu of this checkout, which every such run replaces.
# Only the run itself writes to standard output.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/install_deps.sh" run
{
  # Without the tests, which need more packages; scripts/test.sh switches them on again.
  cmake -S "$root" --preset release --log-level=NOTICE -DBUILD_TESTING=OFF
  cmake --build "$root/build/release" --target reluscope -- --quiet
} >&2

if (($# == 0)) || [[ $1 == -* || $1 == *=* ]]; then
  set -- "$root/configs/digits-relu.json" --out "$root/runs/digits-relu" --force "$@"
fi
exec "$root/build/release/reluscope" run "$@"
