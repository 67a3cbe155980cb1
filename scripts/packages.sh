#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/packages.sh PACKAGE:WHY... - installs those Debian packages that are missing.
#
# As root, else through sudo; nothing is asked of the network if all are there.
set -eu

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

missing=
for entry in "$@"; do
    package=${entry%%:*}
    if ! is_installed "$package"; then
        missing="$missing $package"
        echo "packages: needs $package: $(printf '%s' "${entry#*:}" | tr '_' ' ')"
    fi
done
if [ -z "$missing" ]; then
    exit 0
fi
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "packages: installing with apt:$missing"
apt="env DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends"
# shellcheck disable=SC2086 # lists of words
$sudo $apt update && $sudo $apt install $missing >/dev/null
