#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# bench/setup_peers.sh - installs the systems that nanots-bench compares NanoTS with.
#
# SQLite and LMDB come from Debian. DuckDB is not packaged there; its pinned Python wheel carries
# the shared library, which is unpacked into build/peers (override: the first argument) and
# needs libpython beside it. Nothing is downloaded if it is already there.
set -eu

DUCKDB_VERSION=1.5.6

root=$(cd "$(dirname "$0")/.." && pwd)
peers=${1:-$root/build/peers}

missing=
for package in libsqlite3-dev liblmdb-dev libpython3.11 python3-venv; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "setup_peers: installing$missing (peers of the benchmark)"
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
fi

if [ -e "$peers/duckdb-$DUCKDB_VERSION" ]; then
    echo "setup_peers: DuckDB $DUCKDB_VERSION is there"
    exit 0
fi
echo "setup_peers: fetching DuckDB $DUCKDB_VERSION into $peers"
mkdir -p "$peers"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    /usr/bin/python3 -m venv "$scratch/venv"
    python=$scratch/venv/bin/python
fi
"$python" -m pip install --quiet --no-deps --only-binary :all: --target "$scratch/wheel" \
    "duckdb==$DUCKDB_VERSION"
rm -f "$peers"/_duckdb.cpython-*.so "$peers"/duckdb-*
cp "$scratch"/wheel/_duckdb.cpython-*.so "$peers/"
touch "$peers/duckdb-$DUCKDB_VERSION"
