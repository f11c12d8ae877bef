#!/usr/bin/env bash
# Installs with apt what is missing, and nothing (not even `apt-get update`) where nothing is.
#
#   scripts/install_deps.sh [run|test|torch|fuzz|lint|bench|slurm]   what building and running needs (default); that
#                                                   and the tests; PyTorch alone, without which the tests beside it are
#                                                   skipped; `run` and clang; `test` and the linters; `run` and the
#                                                   benchmark's peers, PyTorch and dlib; a Slurm to try sweeps on
#
# Says what it would install, and fails, where it may not install.
set -euo pipefail

# The one list. NAME:COMMAND is satisfied by the command too, wherever it comes from.
run_packages=(cmake:cmake ninja-build:ninja g++:g++ libeigen3-dev libcli11-dev nlohmann-json3-dev libspdlog-dev
              librandom123-dev libxxhash-dev zlib1g-dev libzip-dev libpng-dev libjpeg62-turbo-dev libdnnl-dev gnuplot-nox:gnuplot)
test_packages=(chromium:chromium doctest-dev clang-format:clang-format python3-jsonschema python3-matplotlib python3-numpy
               strace:strace dataset-fashion-mnist locales help2man:help2man dpkg-dev:dpkg-shlibdeps)
torch_packages=(python3-torch)
# Not OpenBLAS with pthreads: its threads and PyTorch's own get in each other's way.
bench_packages=("${torch_packages[@]}" libopenblas0-openmp libdlib-dev)
fuzz_packages=(clang:clang++ libclang-rt-dev)
slurm_packages=(slurm-wlm:slurmctld munge:munged)
lint_packages=(clang-tidy:run-clang-tidy shellcheck:shellcheck)

need=${1:-run}
case $need in
  run) packages=("${run_packages[@]}") ;;
  test) packages=("${run_packages[@]}" "${test_packages[@]}") ;;
  torch) packages=("${torch_packages[@]}") ;;
  fuzz) packages=("${run_packages[@]}" "${fuzz_packages[@]}") ;;
  lint) packages=("${run_packages[@]}" "${test_packages[@]}" "${lint_packages[@]}") ;;
  bench) packages=("${run_packages[@]}" "${bench_packages[@]}") ;;
  slurm) packages=("${slurm_packages[@]}") ;;
  -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "install_deps.sh: '$need' is none of run, test, torch, fuzz, lint, bench, slurm" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_deps.sh: no apt on this system. Needed are, by their Debian names: ${packages[*]%%:*}" >&2
  exit 0  # they may be there: the build says which is not
fi

missing=()
for entry in "${packages[@]}"; do
  package=${entry%%:*}
  if [[ $entry == *:* ]] && command -v "${entry#*:}" >/dev/null; then continue; fi
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
((${#missing[@]} > 0)) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "install_deps.sh: missing, and neither root nor sudo here: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "install_deps.sh: installing ${missing[*]}" >&2
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >&2; }
apt update || echo "install_deps.sh: apt-get update failed, trying with the package lists that are there" >&2
apt install -y --no-install-recommends "${missing[@]}"
