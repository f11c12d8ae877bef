#!/usr/bin/env bash
# Builds the benchmark program and runs it beside its peers; writes bench.csv and prints the tables as Markdown.
#
#   scripts/bench.sh [--torch] [options of bench.py]     for instance: scripts/bench.sh --quick --markdown bench.md
#
# With --torch, installs what the rows about PyTorch need: PyTorch, and the BLAS with which Debian's is fast. That is
# OpenBLAS with OpenMP: the variant with pthreads and PyTorch's own threads get in each other's way.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Like install_deps.sh: nothing where nothing is missing, and a word where installing is not possible.
install_torch() {
  local missing=() as_root=() package state
  for package in python3-torch libopenblas0-openmp; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  if ! command -v apt-get >/dev/null; then
    echo "bench.sh: no apt on this system. Needed are, by their Debian names: ${missing[*]}" >&2
    return 0 # they may be there: bench.py says if not
  fi
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "bench.sh: missing, and neither root nor sudo here: apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "bench.sh: installing ${missing[*]}" >&2
  as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  "${as_root[@]}" update >&2 ||
    echo "bench.sh: apt-get update failed, trying with the package lists that are there" >&2
  "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" >&2
}

"$root/scripts/install_deps.sh" run
if [[ ${1:-} == --torch ]]; then
  shift
  install_torch
fi
(
  cd "$root"
  cmake --preset release --log-level=NOTICE -DBENCH=ON -DBUILD_TESTING=OFF
  cmake --build --preset release --target reluscope reluscope_bench -- --quiet
) >&2
exec python3 "$root/scripts/bench.py" "$@"
