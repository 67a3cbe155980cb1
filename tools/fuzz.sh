#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# tools/fuzz.sh TARGET - runs one libFuzzer program on its kept corpus and prints TAP.
#
#   FUZZ_SECONDS unset   FUZZ_RUNS (2000) inputs, the same in each run of the same program
#   FUZZ_SECONDS=n       n seconds of new inputs, from all that earlier searches found
#   SEED=n               other inputs; a search takes its seed from the clock
#
# The kept corpus is not changed: a search puts new inputs into corpus/ beside the target. Findings
# go to findings/ there. A finding that is fixed belongs into tests/fuzz/corpus/.
set -eu
target=$1
name=$(basename "$target")
kept=$(cd "$(dirname "$0")/.." && pwd)/tests/fuzz/corpus/$name
findings=$(dirname "$target")/findings
mkdir -p "$findings"
fixed=

if [ -n "${FUZZ_SECONDS:-}" ]; then
    seed=${SEED:-$(date +%s)}
    grown=$(dirname "$target")/corpus/$name
    mkdir -p "$grown"
    set -- -max_total_time="$FUZZ_SECONDS"
else
    seed=${SEED:-1}
    grown=$(mktemp -d)
    trap 'rm -rf "$grown"' EXIT
    set -- -runs="${FUZZ_RUNS:-2000}" -reload=0
    # Coverage and comparisons see addresses: the same in each run, where the system allows that.
    ! setarch -R true 2>/dev/null || fixed="setarch -R"
fi

echo "1..1"
echo "# SEED=$seed"
# shellcheck disable=SC2086 # two words or none
if $fixed "$target" "$@" -seed="$seed" -timeout=60 -rss_limit_mb=2048 \
    -artifact_prefix="$findings/$name-" "$grown" "$kept" 2>&1; then
    echo "ok 1 - ${name}_finds_nothing"
else
    echo "not ok 1 - ${name}_finds_nothing"
    exit 1
fi
