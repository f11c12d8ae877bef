#!/usr/bin/env bash
# Tests of the shell scripts in a copy of the tree's outline, with stand-ins for cmake, apt and the program: what
# scripts/run.sh hands to the program, and that scripts/install_deps.sh installs what is missing and nothing else.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
bin=$work/bin
mkdir -p "$tree/scripts" "$tree/build/release" "$tree/configs" "$bin" "$work/elsewhere"
cp "$source_dir"/scripts/*.sh "$tree/scripts/"
printf '#!/bin/sh\nprintf "%%s\\n" "$@"\n' >"$tree/build/release/reluscope"
printf '#!/bin/sh\necho "noise of the build"\n' >"$bin/cmake"
printf '#!/bin/sh\necho "apt-get $*" >>"%s/apt.log"\n' "$work" >"$bin/apt-get"
# Everything is installed but what MISSING names.
# shellcheck disable=SC2016 # the stand-in expands it
printf '#!/bin/sh\nfor package; do :; done\n[ "$package" = "$MISSING" ] || printf installed\n' >"$bin/dpkg-query"
for tool in ninja g++ clang-format sudo; do printf '#!/bin/sh\nexec "$@"\n' >"$bin/$tool"; done
chmod +x "$tree/build/release/reluscope" "$bin"/*
export PATH="$bin:$PATH" MISSING=

failures=0
expect() {  # expect WHAT EXPECTED FOUND
  if [[ $2 != "$3" ]]; then
    printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}
run() { (cd "$work/elsewhere" && "$tree/scripts/run.sh" "$@" 2>/dev/null | tr '\n' ' '); }
demo="$tree/configs/digits-relu.json --out $tree/runs/digits-relu --force"

expect "without arguments the demonstration is run, again and again" "run $demo " "$(run)"
expect "overrides and options follow the demonstration" "run $demo train.epochs=2 --quiet " "$(run train.epochs=2 --quiet)"
expect "options may come first" "run $demo --trace layers=- " "$(run --trace layers=-)"
expect "a config and what follows it are handed on as they are" "run my.json a=1 --force " "$(run my.json a=1 --force)"
expect "an argument with spaces stays one" "run a b.json " "$(run 'a b.json')"

printf '#!/bin/sh\necho "the compiler said no"\nexit 1\n' >"$bin/cmake"
expect "a build that fails says why, on stderr" "the compiler said no" \
  "$("$tree/scripts/run.sh" 2>&1 >/dev/null || true)"

expect "nothing missing, nothing installed" "" "$(cat "$work/apt.log" 2>/dev/null || true)"
"$tree/scripts/install_deps.sh" test
expect "nothing missing for the tests either" "" "$(cat "$work/apt.log" 2>/dev/null || true)"
MISSING=doctest-dev "$tree/scripts/install_deps.sh" run
expect "what only the tests need is not installed for a run" "" "$(cat "$work/apt.log" 2>/dev/null || true)"
MISSING=doctest-dev "$tree/scripts/install_deps.sh" test 2>/dev/null
expect "only what is missing is installed" \
  "apt-get -qq update;apt-get -qq install -y --no-install-recommends doctest-dev;" "$(tr '\n' ';' <"$work/apt.log")"
rm "$work/apt.log"
MISSING=python3-torch "$tree/scripts/install_deps.sh" test
expect "the tests do without PyTorch" "" "$(cat "$work/apt.log" 2>/dev/null || true)"
for need in torch bench; do
  MISSING=python3-torch "$tree/scripts/install_deps.sh" "$need" 2>/dev/null
  expect "PyTorch is installed for $need" \
    "apt-get -qq update;apt-get -qq install -y --no-install-recommends python3-torch;" "$(tr '\n' ';' <"$work/apt.log")"
  rm "$work/apt.log"
done
status=0
"$tree/scripts/install_deps.sh" everything 2>/dev/null || status=$?
expect "an unknown need is bad usage" 2 "$status"

((failures == 0)) && echo "all well"
exit $((failures > 0))
