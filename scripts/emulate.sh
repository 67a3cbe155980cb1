#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# scripts/emulate.sh [MACHINE...] - builds and tests for other machines: arm64 armhf s390x.
#
#   cross compiler --> build-MACHINE/tests/* --> qemu-user --> same cases as here
#                  --> build-MACHINE/tests/write_images -----> same bytes as here, by SHA-256
#
# Compilers, their C library and the emulator are installed by apt. Other libraries of the machine
# are Debian's packages for it, unpacked below .cache/machines/: this system takes no packages of a
# second architecture. tests/emulation_exceptions.txt lists what the emulator cannot run, and why.
set -eu
cd "$(dirname "$0")/.."

# Of each machine: what programs link with, and headers.
libraries='libcmocka-dev libcmocka0 libzstd-dev libzstd1 libxxhash-dev uthash-dev libcsv-dev libcsv3
    libsmartcols-dev libsmartcols1'

say() {
    printf 'emulate: %s\n' "$*"
}

# triplet_of MACHINE, emulator_of MACHINE
triplet_of() {
    case $1 in
    arm64) echo aarch64-linux-gnu ;;
    armhf) echo arm-linux-gnueabihf ;;
    s390x) echo s390x-linux-gnu ;;
    *) say "unknown machine $1: arm64, armhf, s390x" >&2 && exit 2 ;;
    esac
}

emulator_of() {
    case $1 in
    arm64) echo qemu-aarch64-static ;;
    armhf) echo qemu-arm-static ;;
    s390x) echo qemu-s390x-static ;;
    esac
}

# fetch_libraries MACHINE: apt with lists and a cache of its own, which knows this machine only.
fetch_libraries() {
    folder=.cache/machines/$1
    stamp=$folder/$(printf '%s' "$libraries" | sha256sum | cut -c1-16).stamp
    if [ -e "$stamp" ]; then
        return
    fi
    say "fetching the libraries of $1"
    rm -rf "$folder"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/packages"
    options="-qq -o APT::Architecture=$1 -o APT::Architectures=$1 -o APT::Sandbox::User=root
        -o Dir::State=$PWD/$folder/apt -o Dir::Cache=$PWD/$folder/apt
        -o Dir::State::status=/dev/null"
    # A mirror may lack one list for a while; what matters is that the packages are found.
    # shellcheck disable=SC2086 # lists of words
    (cd "$folder/packages" && { apt-get $options update || true; } &&
        apt-get $options download $libraries) || return 1
    for package in "$folder"/packages/*.deb; do
        dpkg-deb --extract "$package" "$folder" || return 1
    done
    rm -rf "$folder/apt" "$folder/packages"
    : >"$stamp"
}

# write_images BUILD [EMULATOR...]: files of fixed content in BUILD/images, and their sums.
write_images() {
    build=$1
    shift
    rm -rf "$build/images"
    mkdir "$build/images"
    "$@" "$build/tests/write_images" "$build/images"
    (cd "$build/images" && sha256sum ./*.ntt)
}

# emulate MACHINE: builds, runs the tests, compares the sums.
emulate() {
    machine=$1
    emulator="$(emulator_of "$machine") -L /usr/$(triplet_of "$machine")"
    build=build-$machine
    fetch_libraries "$machine" || return 1
    mkdir -p "$build"
    say "$machine: building (the log is $build/build.log)"
    scripts/build.sh "$machine" werror >"$build/build.log" 2>&1 || return 1
    say "$machine: testing under $emulator"
    # shellcheck disable=SC2086 # a list of words
    write_images "$build" $emulator >"$build/images.sums" || return 1
    diff build/images.sums "$build/images.sums" || return 1
    say "$machine: $(grep -c . "$build/images.sums") file images have the bytes of this machine"
    sed -nE "s/^[a-z0-9,]*${machine}[a-z0-9,]* //p" tests/emulation_exceptions.txt \
        >"$build/exceptions.txt"
    tools/run_tests.py "$build" --timeout 1800 --under "$emulator" \
        --excuse "$build/exceptions.txt"
}

machines=${*:-arm64 armhf s390x}
set -- qemu-user-static:runs_programs_of_other_machines
for machine in $machines; do
    cross=$(triplet_of "$machine")
    set -- "$@" "gcc-$cross:the_compiler_for_$machine" "g++-$cross:the_compiler_for_$machine"
done
scripts/packages.sh "$@"
scripts/build.sh default >/dev/null
write_images build >build/images.sums

failed=
for machine in $machines; do
    emulate "$machine" || failed="$failed $machine"
done
if [ -n "$failed" ]; then
    say "failed:$failed"
    exit 1
fi
say "passed: $machines"
