#!/usr/bin/env bash
# Counts the instructions that the daemon's loop takes for a command, with callgrind, beside those of an
# earlier revision. Instructions do not depend on what else the machine does, so a few percent can be
# seen; they are no time: system calls and cache misses are not among them.
#
#   scripts/instructions.sh REVISION
#
# Needs valgrind. The earlier build is made in target/instructions.
set -euo pipefail
cd "$(dirname "$0")/.."

revision=${1:?"usage: $0 REVISION"}
work=$PWD/target/instructions
mkdir -p "$work"
[[ -d $work/tree ]] || git worktree add --quiet --detach "$work/tree" "$revision"
git -C "$work/tree" checkout --quiet --detach "$revision"
cargo build --quiet --release --locked -p pi-server
cargo build --quiet --release --locked -p pi-server-tests --example commands
(cd "$work/tree" && CARGO_TARGET_DIR=$work/target cargo build --quiet --release --locked -p pi-server)

# Instructions of the loop's thread for a daemon that gets so many commands.
counted() {
    local program=$1 data=$work/data out=$work/out
    shift
    rm -rf "$data" "$out"*
    valgrind --quiet --tool=callgrind --callgrind-out-file="$out" --separate-threads=yes \
        "$program" serve --data-dir "$data" --no-listen --unix --agent demo \
        --set limits.rate=off 2>"$work/said.txt" &
    local daemon=$!
    until [[ -S $data/pi-server.sock ]]; do
        kill -0 "$daemon" || { cat "$work/said.txt" >&2; exit 1; }
        sleep 0.1
    done
    target/release/examples/commands "$data" "$@"
    kill -TERM "$daemon"
    wait "$daemon"
    sed -n 's/^totals: *//p' "$out-01"
}

# Of one command: what thrice as many take, less what so many take.
each() {
    local program=$1 count=$5 few many
    few=$(counted "$program" "$2" "$3" "$4" "$count")
    many=$(counted "$program" "$2" "$3" "$4" $((3 * count)))
    echo $(((many - few) / (2 * count)))
}

printf '| Load | %s | this build | ratio |\n|---|---|---|---|\n' "$revision"
while read -r command connections in_flight count; do
    before=$(each "$work/target/release/pi-server" "$command" "$connections" "$in_flight" "$count")
    now=$(each target/release/pi-server "$command" "$connections" "$in_flight" "$count")
    printf '| `%s`, %d × %d in flight | %d | %d | %s |\n' "$command" "$connections" "$in_flight" \
        "$before" "$now" "$(awk "BEGIN { printf \"%.3f\", $now / $before }")"
done <<'LOADS'
health_check 1 1 4000
health_check 16 8 4000
get_state 4 2 3000
LOADS
