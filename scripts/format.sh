#!/usr/bin/env bash
# Formats the C++ sources by .clang-format, all of them or the files given.
#
#   scripts/format.sh [--check] [FILE …]    --check changes nothing, and fails where a file would change
set -euo pipefail

# clang-format's answer changes between versions: this is the one the tree is formatted with.
version=14

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
check=
if [[ ${1:-} == --check ]]; then
  check=1
  shift
fi
if (($# > 0)); then
  files=("$@")
else
  mapfile -t files < <(find "$root/src" "$root/tests" -name '*.cpp' -o -name '*.hpp' | sort)
fi

formatter=
for candidate in "clang-format-$version" clang-format; do
  if command -v "$candidate" >/dev/null; then
    formatter=$candidate
    break
  fi
done
if [[ -z $formatter ]]; then
  echo "format.sh: clang-format is missing: apt-get install clang-format" >&2
  exit 1
fi
found=$("$formatter" --version | sed -E 's/.*version ([0-9]+).*/\1/')
if [[ $found != "$version" ]]; then
  echo "format.sh: clang-format $found formats otherwise than version $version, which this tree goes by: nothing done" >&2
  [[ -n $check ]] && exit 0 || exit 1
fi

if [[ -z $check ]]; then
  "$formatter" -i "${files[@]}"
elif ! complaints=$("$formatter" --dry-run -Werror "${files[@]}" 2>&1); then
  grep -F 'error: code should be' <<<"$complaints" | cut -d: -f1 | sort | uniq -c >&2
  echo "format.sh: so many places in the files above are not formatted: run scripts/format.sh" >&2
  exit 1
fi
