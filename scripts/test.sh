#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/test.sh - sets up, builds and tests everything; ends in one line `N passed, N failed`.
#
#   default  gcc, optimised     all tests, tidy, clang-format, shellcheck
#   asan     gcc, asserts on    all tests again, address and undefined behaviour sanitizers
#   fuzz     clang              everything compiles; each fuzz target tries the same 2000 inputs
#
# Warnings are errors in all three. A case counts once, and passes if it passes in every build.
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh

tally=$(mktemp)
trap 'rm -f "$tally"' EXIT
echo '{}' >"$tally"

# build_and_run PRESET [OPTION_OR_WORD...]: a failed build is one failed case; what it left is run.
build_and_run() {
    preset=$1
    shift
    folder=build
    [ "$preset" = default ] || folder=build-$preset
    tools/run_tests.py --tally "$tally" --command scripts/build.sh "$preset" werror || true
    tools/run_tests.py --tally "$tally" "$folder" "$@" || true
}

build_and_run default --tools
build_and_run asan
build_and_run fuzz _smoke

tools/run_tests.py --report "$tally"
