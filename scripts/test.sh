#!/usr/bin/env bash
# Builds everything, checks the format of the sources and runs the tests. Arguments go to ctest:
#
#   scripts/test.sh                 all tests
#   scripts/test.sh -L unit         one label: unit, cli, slow, scripts
#   scripts/test.sh -R census       by name
#
# With CI=true compiler warnings are errors.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
scripts/install_deps.sh test
werror=OFF
[[ ${CI:-} != true ]] || werror=ON
cmake --preset release -DWERROR="$werror" -DBUILD_TESTING=ON
scripts/format.sh --check
cmake --build build/release
ctest --test-dir build/release --output-on-failure --no-tests=error -j "$(nproc)" "$@"
