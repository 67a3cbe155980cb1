#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/demo.sh - sets up, builds, and shows NanoTS on real data, in one file build/demo/demo.ntt.
#
#   weather   hourly normals of Seattle, 8,759 rows of pressure, temperature and wind
#   sp500     the S&P 500 of every trading day since 2000, 5,104 rows of six figures
#   load ...  this machine's own figures, for DEMO_SECONDS (3)
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh
data=.venv/share/vega-datasets
if [ ! -e "$data/sp500-2000.csv" ]; then
    echo "demo: no sample data: scripts/setup.sh could not fetch it" >&2
    exit 1
fi

echo "demo: building (the log is build/demo/build.log)"
mkdir -p build/demo
if ! scripts/build.sh default >build/demo/build.log 2>&1; then
    tail -n 30 build/demo/build.log >&2
    exit 1
fi

cp "$data/seattle-weather-hourly-normals.csv" build/demo/weather.csv
cp "$data/sp500-2000.csv" build/demo/sp500.csv
cd build/demo
rm -f demo.ntt
PATH=$(cd ../bin && pwd):$PATH

# show COMMAND...: prints it as one would type it, then runs it.
show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

show nanots import demo.ntt weather weather.csv
show nanots import demo.ntt sp500 sp500.csv
show nanots collect demo.ntt --seconds "${DEMO_SECONDS:-3}"
show nanots pack demo.ntt
show nanots verify demo.ntt
show nanots query demo.ntt weather --from 2010-07-04T10:00 --to 2010-07-04T16:00 --format table
show nanots query demo.ntt sp500 --from 2008-10-06 --to 2008-10-10 --columns close,volume \
    --format table
show nanots query demo.ntt load --limit 3 --reverse --format table
show nanots tables demo.ntt
show nanots plot demo.ntt sp500 --columns close
show nanots plot demo.ntt weather --columns temperature
show nanots stats demo.ntt

csv_bytes=$(cat weather.csv sp500.csv | wc -c)
file_bytes=$(wc -c <demo.ntt)
percent=$((100 * file_bytes / csv_bytes))
echo
echo "The two CSV files have $csv_bytes bytes."
echo "build/demo/demo.ntt has $file_bytes, $percent % of that, this machine's own figures included."
