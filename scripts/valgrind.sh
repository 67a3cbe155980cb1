#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/valgrind.sh [WORD...] - unit and api tests under memcheck; an error or leak is a failure.
#
# It sees what sanitizers do not: bytes that nobody set on their way into the file, in code as users
# build it. With words, only programs with one of these in their name. Left out are those that wait
# for clocks and other processes, or run for minutes.
set -eu
cd "$(dirname "$0")/.."
left_out='auto_maintenance|chunk|codec|json|max_bytes|processes|thread|threads'

scripts/packages.sh valgrind:memcheck libc6-dbg:names_in_its_reports
scripts/build.sh default >/dev/null
words=$*
if [ -z "$words" ]; then
    words=$(find tests/unit tests/api -name 'test_*.c' | sed -E 's/.*\/(test_.*)\.c/\1/' |
        grep -vE "^test_($left_out)(_posix)?$" | sort)
fi
# shellcheck disable=SC2086 # a list of words
exec tools/run_tests.py build --timeout 1800 --under \
    "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite" $words
