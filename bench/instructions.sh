#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# bench/instructions.sh - counts the instructions that NanoTS spends on appending one row.
#
# usage: bench/instructions.sh [BUILD [ROWS]]
#
# `nanots-bench profile` counts with the processor's own counter; many virtual machines have none.
# This counts with callgrind instead, inside nanots_table_append only: about 50 times slower, exact,
# the same on every run, and it works everywhere. System calls are not counted. Flushes that an
# append makes are; the second figure leaves them out. Below each, the costliest functions with all
# that they call. An unstripped build is needed.
set -eu

build=${1:-$(dirname "$0")/../build}
rows=${2:-500000}

if ! command -v valgrind >/dev/null; then
    echo "instructions: needs valgrind (Debian package valgrind)" >&2
    exit 2
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for columns in 1 10; do
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" \
        --toggle-collect=nanots_table_append \
        "$build/bin/nanots-bench" profile --rows "$rows" --columns "$columns" --peers nanots \
        --dir "$scratch" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
    callgrind_annotate --inclusive=yes "$scratch/out" 2>/dev/null | tr -d , >"$scratch/annotated"
    total=$(sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p' "$scratch/log")
    flush=$(sed -n 's/^ *\([0-9]*\) (.*:nts_flush \[.*$/\1/p' "$scratch/annotated" | head -n 1)
    echo "$columns columns: $((total / rows)) instructions a row," \
        "$(((total - ${flush:-0}) / rows)) without flushes"
    sed -n 's/^ *\([0-9]*\) (.*src\/\(.*\) \[.*$/\1 \2/p' "$scratch/annotated" | head -n 16 |
        awk -v rows="$rows" '{ printf "  %7.1f  %s\n", $1 / rows, $2 }'
done
