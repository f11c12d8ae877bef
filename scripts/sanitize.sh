#!/usr/bin/env bash
# Builds with sanitizers and runs the tests under them.
#
#   scripts/sanitize.sh                    Address and UndefinedBehavior over all tests but the slow ones, those of the
#                                          scripts, and two that take many minutes there (cli.trials_cli, theory_test);
#                                          then Thread over those with threads
#   scripts/sanitize.sh asan [ctest …]     one of the two, with arguments for ctest: `asan -R robustness`; without, all tests
#   scripts/sanitize.sh tsan [ctest …]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# Where more than one thread works: the pool, runs, censuses, fleets of runs.
threaded=(util.thread_pool_test experiment.run_test probe.census_test trials.compare_test trials.sweep_test)
for test in "${threaded[@]}"; do
  [[ -f tests/${test/.//}.cpp ]] || { echo "sanitize.sh: there is no test $test any more" >&2; exit 2; }
done

check() {  # PRESET TARGETS… -- ctest arguments
  local preset=$1
  local targets=()
  shift
  while [[ $1 != -- ]]; do
    targets+=("$1")
    shift
  done
  shift
  cmake --preset "$preset" --log-level=NOTICE -DBUILD_TESTING=ON >&2
  cmake --build "build/$preset" --target "${targets[@]}"
  ctest --preset "$preset" --no-tests=error "$@"
}

scripts/install_deps.sh test
threaded_pattern="^($(IFS='|'; echo "${threaded[*]}"))\$"
threaded_programs=("${threaded[@]/.*/_tests}")
case ${1:-all} in
  all)
    check asan all -- -LE 'slow|scripts' -E 'cli.trials_cli|experiment.theory_test'
    check tsan "${threaded_programs[@]}" -- -R "$threaded_pattern"
    ;;
  asan) check asan all -- "${@:2}" ;;
  tsan) check tsan "${threaded_programs[@]}" -- -R "$threaded_pattern" "${@:2}" ;;
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" ;;
  *) echo "sanitize.sh: '$1' is none of asan, tsan" >&2; exit 2 ;;
esac
