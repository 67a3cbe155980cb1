#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/dist.sh [FOLDER] - writes the last commit to FOLDER (build) as nanots-VERSION.tar.gz.
#
# The same commit gives the same bytes: times are the commit's, modes and owners are fixed, and gzip
# stores neither name nor time. What is not committed is not in it.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build}
name=nanots-$(git show HEAD:VERSION)
mkdir -p "$folder"
git -c tar.umask=0022 archive --format=tar --prefix="$name/" -o "$folder/$name.tar" HEAD
gzip -9nf "$folder/$name.tar"
echo "$folder/$name.tar.gz"
