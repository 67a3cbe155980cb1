#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# bench/setup_peers.sh - installs the systems that nanots-bench compares NanoTS with.
#
# SQLite, LMDB, zstd and lz4 come from Debian. DuckDB and pcodec are not packaged there; pinned
# Python wheels bring them. DuckDB's carries the shared library, which is unpacked into build/peers
# (override: the first argument) and needs libpython beside it. pcodec is called from Python
# (bench/codecs/pco_helper.py) and lies, with numpy, in build/peers/python. Nothing is downloaded
# if it is already there. Run cmake again afterwards: it looks for what is new.
set -eu

DUCKDB_VERSION=1.5.6
PCODEC_VERSION=1.1.0
NUMPY_VERSION=2.4.6

root=$(cd "$(dirname "$0")/.." && pwd)
peers=${1:-$root/build/peers}

missing=
for package in libsqlite3-dev liblmdb-dev libzstd-dev liblz4-dev pkg-config libpython3.11 \
    python3-venv; do
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

mkdir -p "$peers"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# fetch FOLDER WHEEL...: unpacks wheels by the Python that will load them
fetch() {
    folder=$1
    shift
    python=$root/.venv/bin/python
    if [ ! -x "$python" ]; then
        python=$scratch/venv/bin/python
        [ -x "$python" ] || /usr/bin/python3 -m venv "$scratch/venv"
    fi
    "$python" -m pip install --quiet --no-deps --only-binary :all: --target "$folder" "$@"
}

if [ -e "$peers/duckdb-$DUCKDB_VERSION" ]; then
    echo "setup_peers: DuckDB $DUCKDB_VERSION is there"
else
    echo "setup_peers: fetching DuckDB $DUCKDB_VERSION into $peers"
    fetch "$scratch/duckdb" "duckdb==$DUCKDB_VERSION"
    rm -f "$peers"/_duckdb.cpython-*.so "$peers"/duckdb-*
    cp "$scratch"/duckdb/_duckdb.cpython-*.so "$peers/"
    touch "$peers/duckdb-$DUCKDB_VERSION"
fi

if [ -e "$peers/pcodec-$PCODEC_VERSION" ]; then
    echo "setup_peers: pcodec $PCODEC_VERSION is there"
else
    echo "setup_peers: fetching pcodec $PCODEC_VERSION into $peers/python"
    fetch "$scratch/python" "pcodec==$PCODEC_VERSION" "numpy==$NUMPY_VERSION"
    rm -rf "$peers/python" "$peers"/pcodec-*
    mv "$scratch/python" "$peers/python"
    touch "$peers/pcodec-$PCODEC_VERSION"
fi
