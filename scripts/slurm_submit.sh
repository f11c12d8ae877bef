#!/usr/bin/env bash
# Submits a sweep to Slurm as a job array, and the merge of its parts, which waits for all of them.
#
#   scripts/slurm_submit.sh SWEEP.json OUT SHARDS [sbatch options for the array]
#
# RELUSCOPE names the program, if it is not on the PATH. Prints the ids of the two jobs. If parts have failed or run out
# of time, the same line again does what is missing.
set -euo pipefail

if (($# < 3)); then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
sweep=$(realpath "$1") out=$(realpath -m "$2") shards=$3
shift 3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$(command -v "${RELUSCOPE:-reluscope}")
mkdir -p "$out/logs"
array=$(sbatch --parsable --array="1-$shards" --output="$out/logs/%A_%a.log" \
  --export="ALL,RELUSCOPE=$program,SWEEP=$sweep,OUT=$out,SHARDS=$shards" "$@" "$here/slurm_sweep.sbatch")
merge=$(sbatch --parsable --job-name=reluscope-merge --dependency="afterok:$array" --kill-on-invalid-dep=yes \
  --output="$out/logs/merge.log" --wrap "exec '$program' merge '$out'")
echo "array $array, merge $merge"
