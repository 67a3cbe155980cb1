#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/python.sh - builds the Python package from this tree and installs it into .venv.
#
# Needs what scripts/setup.sh installs, and no network. A stamp of the sources in .venv makes it a
# matter of milliseconds where nothing changed.
set -eu
cd "$(dirname "$0")/.."

sum=$(cat scripts/python.sh VERSION tools/amalgamate.py include/*.h src/LAYERS src/*/*.[ch] \
    python/CMakeLists.txt python/pyproject.toml python/README.md python/src/* python/nanots/*.* |
    sha256sum | cut -c1-16)
stamp=.venv/nanots-$sum.stamp
if [ -e "$stamp" ]; then
    exit 0
fi

echo "python: building the package nanots and installing it into .venv"
.venv/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps \
    --no-build-isolation --force-reinstall \
    --config-settings=build-dir="$PWD/build/python" \
    --config-settings=cmake.define.NANOTS_WERROR=ON ./python
rm -f .venv/nanots-*.stamp
: >"$stamp"
