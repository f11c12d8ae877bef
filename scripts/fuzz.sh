#!/usr/bin/env bash
# Fuzzes what reads files: configs, data, weights, checkpoints, traces (tests/fuzz), with libFuzzer under
# AddressSanitizer and UndefinedBehaviorSanitizer. Builds with clang.
#
#   scripts/fuzz.sh                             20 seconds of each target
#   scripts/fuzz.sh --runs 2000000 idx npy      so many executions of these targets
#   scripts/fuzz.sh --seconds 600 --jobs 2      two targets at a time
#
# Inputs that reach something new are kept in build/fuzz-corpus; what crashes is left in build/fuzz-found, and belongs,
# once mended, in tests/fuzz/corpus/TARGET, which a unit test goes through. Ends with how many executions there were.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
limit=(-max_total_time=20)
jobs=1
targets=()
while (($# > 0)); do
  case $1 in
    --seconds) limit=("-max_total_time=$2"); shift 2 ;;
    --runs) limit=("-runs=$2"); shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "fuzz.sh: '$1' is none of --seconds, --runs, --jobs" >&2; exit 2 ;;
    *) targets+=("$1"); shift ;;
  esac
done
((${#targets[@]} > 0)) || targets=(config idx csv table npy npz png jpeg weights checkpoint traces)

scripts/install_deps.sh fuzz
cmake --preset fuzz --log-level=NOTICE >&2
cmake --build build/fuzz --target "${targets[@]/#/fuzz_}" >&2
mkdir -p build/fuzz-found

fuzz_one() {
  local target=$1
  local log=build/fuzz-found/$target.log
  mkdir -p "build/fuzz-corpus/$target"
  local status=0
  # Freed memory is not kept for long: an input may make megabytes of it. intercept_tls_get_addr: see CMakePresets.json.
  ASAN_OPTIONS=quarantine_size_mb=16:detect_stack_use_after_return=1:intercept_tls_get_addr=0 UBSAN_OPTIONS=print_stacktrace=1 \
    "build/fuzz/tests/fuzz/fuzz_$target" "${limit[@]}" -max_len=20000 -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1024 \
    -print_final_stats=1 "-dict=tests/fuzz/dictionaries/$target.dict" "-artifact_prefix=build/fuzz-found/$target-" \
    "build/fuzz-corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
  local runs
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  if ((status != 0)); then
    echo "$target: FAILED after ${runs:-?} executions, see $log" >&2
    grep -E 'ERROR|runtime error|SUMMARY|not as it should be|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
    return 1
  fi
  echo "$target: $runs executions, nothing found"
}
export -f fuzz_one
export limit_text="${limit[*]}"

status=0
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'set -euo pipefail; read -ra limit <<<"$limit_text"; fuzz_one {}' || status=1
exit $status
