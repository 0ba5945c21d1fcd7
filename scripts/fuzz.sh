#!/usr/bin/env bash
# Fuzzes each target for some seconds, on the stable toolchain, and first makes sure that a target
# which must crash does.
#
#   scripts/fuzz.sh SECONDS [TARGET...]
#
# Without names, all targets. Stops at the first failure: the message names the input that shows it,
# which `cargo fuzz run -s none TARGET FILE` repeats; a failure of `step` is a script.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?"usage: $0 SECONDS [TARGET...]"}
shift
version=0.13.2
tools=$PWD/target/tools
export PATH=$tools/bin:$PATH
if [[ $(cargo fuzz --version 2>/dev/null || true) != "cargo-fuzz $version" ]]; then
    cargo install cargo-fuzz --version "$version" --locked --root "$tools"
fi
targets=("$@")
if [[ $# -eq 0 ]]; then
    # A new target takes part by being there.
    mapfile -t targets < <(cargo fuzz list | grep -vx canary)
fi

log=target/fuzz
mkdir -p "$log"
cargo fuzz build -s none

rm -rf fuzz/work/canary
mkdir -p fuzz/work/canary
if cargo fuzz run -s none canary fuzz/work/canary -- -max_total_time=60 >"$log/canary.txt" 2>&1; then
    echo 'the canary did not sing: what the other targets do not find means nothing' >&2
    exit 1
fi
grep -q 'the canary sings' "$log/canary.txt" || { tail -n 30 "$log/canary.txt" >&2; exit 1; }

for target in "${targets[@]}"; do
    said=$log/$target.txt
    mkdir -p "fuzz/work/$target"
    folders=("fuzz/work/$target")
    for folder in "fuzz/seeds/$target" "fuzz/corpus/$target"; do
        [[ ! -d $folder ]] || folders+=("$folder")
    done
    if ! cargo fuzz run -s none "$target" "${folders[@]}" -- -max_total_time="$seconds" \
        -dict=fuzz/dictionary.txt -timeout=20 -print_final_stats=1 >"$said" 2>&1; then
        tail -n 60 "$said" >&2
        printf 'FAILED %s: %s\n' "$target" "$said" >&2
        exit 1
    fi
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$said")
    printf '| `%s` | %s inputs in %s s | clean |\n' "$target" "$executed" "$seconds"
    if [[ $target == step ]]; then
        # What the inputs that were worth keeping come to; the whole table is beside the log.
        cargo run --quiet --release -p pi-server-model --example sometimes -- "${folders[@]}" \
            >"$log/sometimes.txt"
        tail -n 1 "$log/sometimes.txt"
    fi
done
