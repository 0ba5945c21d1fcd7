#!/usr/bin/env bash
# The campaign before a release, or parts of it. Stops at the first failure, which prints the seed or
# the file that shows it. The lines that begin with `|` belong into docs/reliability.md.
#
#   scripts/campaign.sh [PART...]
#
#   model        model-checked runs         RUNS=1000000 from seed FROM=0
#   sim          the daemon in a faulty world  SEEDS=10000 from seed SEEDS_FROM=0
#   fuzz         all fuzz targets together  FUZZ_SECONDS=3600
#   concurrency  many clients at once       ROUNDS=400
#   ids          a million mutations behind one
#   errnos       every error of every system call
#   crashes      simulated crashes          CRASHES=100000
#   kills        kill -9 under load         KILLS=1000
#   agents       the real agent, every scene  VERSIONS="old middle new newest"
#   planted      every planted fault
#   mutants      every mutant of the core   MUTANTS=core/src/state/lane.rs for one file
#
# Without names: all of them. `mutants` installs cargo-mutants where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

parts=("$@")
[[ $# -gt 0 ]] || parts=(model sim fuzz concurrency ids errnos crashes kills agents planted mutants)
log=target/campaign
mkdir -p "$log"
commit=$(git rev-parse --short HEAD)
[[ -z $(git status --porcelain) ]] || commit+=' and changes that are not committed'
printf 'at %s\n' "$commit"

# Runs a command with its words in a file, and shows them if it fails.
quietly() {
    local said=$log/$1.txt
    shift
    if ! "$@" >"$said" 2>&1; then
        tail -n 80 "$said" >&2
        printf 'FAILED: %s\n%s has all of it\n' "$*" "$said" >&2
        exit 1
    fi
}

# What the last matching line of a part's words says.
said() { grep -E "$2" "$log/$1.txt" | tail -n 1; }

model() {
    local from=${FROM:-0} runs=${RUNS:-1000000}
    export MODEL_FROM=$from MODEL_RUNS=$runs
    quietly model cargo test --locked --release -p pi-server-model --test differential -- --nocapture
    printf '| model-checked runs | seeds %d to %d: %s in %d s | clean |\n' \
        "$from" $((from + runs)) "$(grep -oE '[0-9]+ inputs' "$log/model.txt")" $((SECONDS - start))
}

sim() {
    local from=${SEEDS_FROM:-0} seeds=${SEEDS:-10000}
    cargo build --quiet --locked --release -p pi-server-sim
    quietly sim target/release/pi-server-sim --seeds "$from..$((from + seeds))" --failures 1
    # What a daemon says of the faults that it lives through is in the file as well.
    grep -v '^pi-server: ' "$log/sim.txt"
    AGENT_FAULTS_EVERY=1 quietly faults cargo test --locked --release -p pi-server-sim \
        --test agent_faults -- --nocapture
    printf '| simulator | seeds %d to %d in %d s | clean |\n' \
        "$from" $((from + seeds)) $((SECONDS - start))
}

fuzz() {
    local targets
    targets=$(find fuzz/fuzz_targets -name '*.rs' ! -name canary.rs | wc -l)
    scripts/fuzz.sh $(((${FUZZ_SECONDS:-3600} + targets - 1) / targets)) >"$log/fuzz.txt" || exit 1
    grep '^|' "$log/fuzz.txt"
}

concurrency() {
    export PI_SERVER_TEST_ROUNDS=${ROUNDS:-400}
    quietly concurrency \
        cargo test --locked --release -p pi-server-tests --test concurrency -- --nocapture
    grep -E '^[0-9]+ inputs' "$log/concurrency.txt" | while read -r figures; do
        printf '| many clients | %s | clean |\n' "$figures"
    done
}

ids() {
    quietly ids cargo test --locked --release -p pi-server-tests --features campaign --test e2e \
        a_mutation_runs_once_after_a_million_others
    printf '| a million mutations behind one | %d s | clean |\n' $((SECONDS - start))
}

errnos() {
    export ERRNOS=all
    quietly errnos cargo test --locked -p pi-server-tests --features strace --test e2e errnos:: \
        -- --nocapture
    printf '| errors of calls | %d rows in %d s | clean |\n' \
        "$(grep -cE '^\.?\|' "$log/errnos.txt")" $((SECONDS - start))
}

crashes() {
    export CRASHES=${CRASHES:-100000}
    quietly crashes \
        cargo test --locked --release -p pi-server --lib journal::tests::crash -- --nocapture
    printf '| simulated crashes | %d trials in %d s | clean |\n' "$CRASHES" $((SECONDS - start))
}

kills() {
    export PI_SERVER_TEST_KILLS=${KILLS:-1000}
    quietly kills cargo test --locked --release -p pi-server-tests --test e2e \
        every_accepted_command_has_one_outcome -- --nocapture
    said kills '^test result: ok. 1 passed' >/dev/null || { echo 'no test was run' >&2; exit 1; }
    printf '| kills | %d in %d s | clean |\n' "$PI_SERVER_TEST_KILLS" $((SECONDS - start))
}

agents() {
    local programs='' name versions=${VERSIONS:-old middle new newest}
    for name in $versions; do
        programs+=${programs:+:}$(scripts/install-pi.sh "$name" | tail -n 1)
    done
    export PI_SERVER_TEST_PI=$programs
    quietly agents cargo test --locked -p pi-server -p pi-server-tests \
        --features pi-server/real-pi,pi-server-tests/real-pi --lib --test e2e real
    said agents '^test result: ok. [1-9]' >/dev/null || { echo 'no test was run' >&2; exit 1; }
    printf '| the real agent | %s in %d s | clean |\n' "$versions" $((SECONDS - start))
}

planted() {
    quietly planted scripts/planted.sh
    printf '| planted faults | %d | all found |\n' "$(grep -c '^found' "$log/planted.txt")"
}

mutants() {
    local version=27.1.0 tools=$PWD/target/tools
    export PATH=$tools/bin:$PATH
    if [[ $(cargo mutants --version 2>/dev/null || true) != "cargo-mutants $version" ]]; then
        cargo install cargo-mutants --version "$version" --locked --root "$tools"
    fi
    quietly mutants cargo run --quiet --locked -p pi-server-mutants -- --only "${MUTANTS:-}"
    printf '| mutants | %s | none survives without a reason |\n' "$(said mutants 'mutants in')"
}

for part in "${parts[@]}"; do
    case $part in
    model | sim | fuzz | concurrency | ids | errnos | crashes | kills | agents | planted | mutants) ;;
    *) printf 'no such part: %s\n' "$part" >&2; exit 2 ;;
    esac
done
for part in "${parts[@]}"; do
    start=$SECONDS
    # In a process of its own, so that no part sees the variables of another.
    ("$part")
done
