#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# tools/fuzz.sh TARGET - runs one libFuzzer program for FUZZ_SECONDS (5) and prints TAP.
#
# It starts from the kept corpus and changes nothing there: new inputs go to corpus/ beside the
# target, findings to findings/. A finding that is fixed belongs into tests/fuzz/corpus/.
set -eu
target=$1
name=$(basename "$target")
kept=$(cd "$(dirname "$0")/.." && pwd)/tests/fuzz/corpus/$name
grown=$(dirname "$target")/corpus/$name
findings=$(dirname "$target")/findings
mkdir -p "$grown" "$findings"

echo "1..1"
if "$target" -max_total_time="${FUZZ_SECONDS:-5}" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$findings/$name-" "$grown" "$kept" 2>&1; then
    echo "ok 1 - ${name}_finds_nothing"
else
    echo "not ok 1 - ${name}_finds_nothing"
    exit 1
fi
