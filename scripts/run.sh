#!/usr/bin/env bash
# Builds reluscope and runs one experiment with it.
#
#   scripts/run.sh [CONFIG] [KEY=VALUE …] [options of `reluscope run`]
#
# Without CONFIG: configs/digits-relu.json into runs/digits-relu, which every such run replaces. With CONFIG: into
# runs/NAME after the config's file, or NAME-2, NAME-3, … where that is taken; --out DIR chooses another place.
# Only the run itself writes to standard output.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/install_deps.sh" run
{
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  cmake -S "$root" --preset release --log-level=NOTICE >"$log" || { cat "$log"; exit 1; }
  cmake --build "$root/build/release" --target reluscope >"$log" || { cat "$log"; exit 1; }
  rm -f "$log"
} >&2

config=
arguments=("$@")
if (($# > 0)) && [[ $1 != -* && $1 != *=* ]]; then
  config=$1
else
  for argument in "$@"; do
    if [[ $argument == *.json || $argument == *.jsonc ]] && [[ $argument != *=* && $argument != -* ]]; then
      config=$argument
    fi
  done
fi
has_option() {
  local argument
  for argument in "${arguments[@]}"; do
    if [[ $argument == "$1" || $argument == "$1="* ]]; then return 0; fi
  done
  return 1
}

if [[ -z $config ]]; then
  config=$root/configs/digits-relu.json
  extra=("$config")
  if ! has_option --out; then
    extra+=(--out "$root/runs/digits-relu")
    has_option --force || extra+=(--force)
  fi
  exec "$root/build/release/reluscope" run "${extra[@]}" "$@"
fi
if has_option --out; then
  exec "$root/build/release/reluscope" run "$@"
fi
name=$(basename "$config")
base=$root/runs/${name%.json*}
out=$base
if ! has_option --force; then
  for ((number = 2; ; ++number)); do
    [[ -e $out ]] || break
    out=$base-$number
  done
fi
exec "$root/build/release/reluscope" run "$@" --out "$out"
