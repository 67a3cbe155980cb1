#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/build.sh [PRESET] [werror] - configures a preset (default: default), builds all it can.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-default}
werror=OFF
[ "${2:-}" != werror ] || werror=ON
cmake --preset "$preset" -D NANOTS_WERROR=$werror >/dev/null
cmake --build --preset "$preset" -- -k 0
