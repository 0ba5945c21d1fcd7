#!/usr/bin/env bash
# Cuts the power of a daemon on a real file system, again and again: `scripts/power-cut.sh [ext4|xfs] [COUNT]`.
# Without a file system both, 20 cuts each. Needs root, loop devices, mkfs.ext4 (e2fsprogs),
# mkfs.xfs (xfsprogs) and perl.
set -euo pipefail
cd "$(dirname "$0")/.."

systems=(ext4 xfs)
if [[ ${1:-} == ext4 || ${1:-} == xfs ]]; then
    systems=("$1")
    shift
fi
count=${1:-20}

missing=()
[ "$(id -u)" = 0 ] || missing+=('root')
[ -e /dev/loop-control ] || missing+=('loop devices')
for program in mkfs.ext4 mkfs.xfs mount perl; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
    printf 'power-cut: not run, this machine lacks:' >&2
    printf ' %s' "${missing[@]}" >&2
    printf '\n' >&2
    exit 1
fi

for system in "${systems[@]}"; do
    POWER_CUTS=$count cargo test --release --locked -p pi-server-tests --features loops \
        --test power_cut -- --exact "$system" --nocapture
done
