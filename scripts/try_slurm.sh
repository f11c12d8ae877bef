#!/usr/bin/env bash
# Shows the sweep on a real Slurm, started here for the purpose: an array of four and the merge that waits for it, one
# task cancelled and submitted again, and the results compared with those of a single process, byte for byte.
#
#   scripts/try_slurm.sh [SWEEP.json]      after a build, as root
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export RELUSCOPE=${RELUSCOPE:-$root/build/release/reluscope}
sweep=${1:-$root/configs/sweeps/lr-activation.json}
work=$(mktemp -d)
finish() {
  "$root/scripts/slurm_local.sh" stop
  rm -rf "$work"
}
trap finish EXIT

wait_for() {  # until the job has left the queue
  while [[ -n $(squeue --noheader --jobs "$1" 2>/dev/null) ]]; do sleep 0.2; done
}

"$root/scripts/slurm_local.sh" start
SLURM_CONF=$("$root/scripts/slurm_local.sh" conf)
export SLURM_CONF
"$RELUSCOPE" sweep "$sweep" --out "$work/alone" --quiet

start=$SECONDS
ids=$("$root/scripts/slurm_submit.sh" "$sweep" "$work/array" 4)
echo "$ids"
wait_for "${ids##* }"
cmp "$work/alone/results.csv" "$work/array/results.csv"
echo "array and merge took $((SECONDS - start)) s; the results are those of one process, byte for byte"

# One task is cancelled before it starts; the merge must not run then, and the line again does the rest.
ids=$("$root/scripts/slurm_submit.sh" "$sweep" "$work/again" 4 --begin=now+3)
array=${ids#array } array=${array%%,*}
scancel "${array}_3"
wait_for "$array"
wait_for "${ids##* }"
if [[ -e $work/again/results.csv ]]; then
  echo "try_slurm.sh: the merge ran although a part was missing" >&2
  exit 1
fi
ids=$("$root/scripts/slurm_submit.sh" "$sweep" "$work/again" 4)
wait_for "${ids##* }"
cmp "$work/alone/results.csv" "$work/again/results.csv"
echo "a cancelled task, submitted again: the same bytes"
