#!/bin/sh
# Makes sure that what a build needs is there: a C and a C++ compiler and git, from the distribution where
# that can be done without asking for a password; else says in one line what to install.
set -eu

need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

missing=
need cc gcc
need cc libc6-dev
need c++ g++
need git git

if ! command -v cargo >/dev/null 2>&1; then
    echo "libbifrost: install a Rust toolchain, 1.85 or later, so that 'cargo' is found" >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    as_root=none
fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "libbifrost: install first (names as in Debian):$missing" >&2
    exit 1
fi
# shellcheck disable=SC2086 # an empty $as_root and a list of packages are meant to be split
{
    $as_root apt-get update -q
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}
