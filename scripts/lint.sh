#!/usr/bin/env bash
# Runs clang-tidy (checks in .clang-tidy) over src, or over the files whose path matches one of the patterns given;
# then shellcheck over the scripts.
#
#   scripts/lint.sh [PATTERN …]        for instance: scripts/lint.sh src/probe src/util/random.cpp
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
scripts/install_deps.sh lint
# Each file by itself: clang-tidy finds no file that others are compiled with.
cmake --preset release -B build/lint -DCMAKE_UNITY_BUILD=OFF -DBUILD_TESTING=OFF --log-level=NOTICE >&2
status=0
patterns=("$@")
((${#patterns[@]} > 0)) || patterns=("$root/src/")
run-clang-tidy -quiet -j 2 -p build/lint "${patterns[@]}" || status=1
shellcheck scripts/*.sh .ci/run || status=1
exit $status
