#!/usr/bin/env bash
# Makes everything anew that is made from the program or by a script, and says what has changed:
#
#   configs/experiment.schema.json     by `reluscope schema`
#   docs/config.md                     from the schema
#   data/birds/birds.csv               by data/birds/make.py
#   tests/fuzz/corpus/*/seed-*         by tests/fuzz/make_corpus.py, where the form of a file has changed: the last digits
#                                      of a run are its CPU's own
#   tests/fuzz/dictionaries            words of the schema and columns of tables that are missing are added
#
#   scripts/regenerate.sh [--check] [RELUSCOPE]     --check changes nothing, and fails where something would change
#
# RELUSCOPE is the program: without it build/release/reluscope, which is built where it is missing or older than a source.
# Pictures and the pages of benchmarks are not made here: docs/release.md says how.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
check=
program=
for word in "$@"; do
  case $word in
    --check) check=1 ;;
    -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "regenerate.sh: '$word' is none of --check, --help" >&2; exit 2 ;;
    *)
      [[ -z $program ]] || { echo "regenerate.sh: two programs: '$program' and '$word'" >&2; exit 2; }
      program=$(realpath -m -- "$word")
      ;;
  esac
done
cd "$root"
if [[ -z $program ]]; then
  program=$root/build/release/reluscope
  if [[ ! -x $program || -n $(find src CMakeLists.txt -newer "$program" -print -quit) ]]; then
    scripts/install_deps.sh run
    {
      [[ -f build/release/CMakeCache.txt ]] || cmake --preset release --log-level=NOTICE -DBUILD_TESTING=OFF
      cmake --build build/release --target reluscope -- --quiet
    } >&2
  fi
fi
[[ -x $program ]] || { echo "regenerate.sh: '$program' is no program" >&2; exit 2; }

# Everything is made in a directory like this one, and then compared.
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir -p "$made"/{configs,docs,data/birds,tests/fuzz/corpus}
"$program" schema >"$made/configs/experiment.schema.json"
python3 -B scripts/config_reference.py <"$made/configs/experiment.schema.json" >"$made/docs/config.md"
python3 -B data/birds/make.py >"$made/data/birds/birds.csv"
python3 -B tests/fuzz/make_corpus.py "$program" "$made/tests/fuzz/corpus"
cp -r tests/fuzz/dictionaries "$made/tests/fuzz/"

# Takes out of it what is as it was, and completes the dictionaries.
python3 -B - "$made" <<'PYTHON'
import gzip
import io
import json
import pathlib
import struct
import sys
import zipfile

MADE = pathlib.Path(sys.argv[1])


def form(kind, data):
    """What of a seed does not depend on the run that it is from, and on who packed it."""
    if kind in ("weights", "checkpoint"):  # names and types, and what a checkpoint belongs to
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        about = header.pop("__metadata__", {})
        belongs = [about.get(key) for key in ("reluscope_checkpoint", "config", "data")]
        return sorted(about), belongs, [(name, one["dtype"], len(one["shape"])) for name, one in header.items()]
    how, text = data[:1], data[1:]  # the first byte says how it is to be read
    if kind == "traces":
        return how, text.split(b"\n", 1)[0]
    if text[:2] == b"\x1f\x8b":
        return how, gzip.decompress(text)
    if text[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(text))
        return how, [(one.filename, one.compress_type, archive.read(one)) for one in archive.infolist()]
    return how, text


def words_of(schema):
    yield from schema.get("properties", {})
    yield from (word for word in schema.get("enum", []) if isinstance(word, str))
    items = [schema["items"]] if "items" in schema else []
    for part in (*schema.get("properties", {}).values(), *schema.get("anyOf", []), *items):
        yield from words_of(part)


def complete(name, words, quote):
    """Adds to a dictionary what it does not have."""
    path = MADE / "tests/fuzz/dictionaries" / name
    text = path.read_text(encoding="utf-8")
    entries = [f'"{quote}{word}{quote}"' for word in sorted(set(words)) if len(word) > 1]
    path.write_text(text + "".join(one + "\n" for one in entries if one not in text.splitlines()), encoding="utf-8")


columns = []
for seed in MADE.glob("tests/fuzz/corpus/*/seed-*"):
    kind, old = seed.parent.name, seed.relative_to(MADE)
    new_form = form(kind, seed.read_bytes())
    if kind == "traces" and seed.name != "seed-results":  # which has no header
        columns += new_form[1].decode().split(",")
    if old.exists() and form(kind, old.read_bytes()) == new_form:
        seed.unlink()
complete("config.dict", words_of(json.loads((MADE / "configs/experiment.schema.json").read_text(encoding="utf-8"))), '\\"')
complete("traces.dict", columns, "")
PYTHON

status=0
while IFS= read -r file; do
  if cmp -s "$made/$file" "$file"; then continue; fi
  if [[ -n $check ]]; then
    echo "would change $file"
    status=1
  else
    mkdir -p "$(dirname "$file")"
    cp "$made/$file" "$file"
    echo "changed $file"
  fi
done < <(cd "$made" && find . -type f -printf '%P\n' | sort)
((status == 0)) || echo "regenerate.sh: run scripts/regenerate.sh, and commit what it changes" >&2
exit $status
