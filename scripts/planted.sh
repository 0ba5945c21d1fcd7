#!/usr/bin/env bash
# Plants one realistic fault after another into a copy of the core and expects the model to find it,
# with a seed and a shrunk script. What the model cannot see names its test in a second line, `Test:`
# and the arguments of `cargo test`. Takes the names (or numbers) of single faults, or none for all.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
copy=$root/target/planted/tree
export CARGO_TARGET_DIR=$root/target/planted CARGO_PROFILE_DEV_DEBUG=0
export CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_INCREMENTAL=1
export MODEL_RUNS=${MODEL_RUNS:-20000} MODEL_FAILURES=1
rm -rf "$copy"
mkdir -p "$copy"
git archive HEAD | tar x -C "$copy"

missed=0
for patch in tests/model/planted/*.patch; do
    name=$(basename "$patch" .patch)
    [[ $# -eq 0 || " $* " == *" $name "* || " $* " == *" ${name%%-*} "* ]] || continue
    (cd "$copy" && patch -s -p1 <"$root/$patch")
    said=$root/target/planted/$name.txt
    start=$SECONDS
    # By default the model.
    read -ra test <<<"$(sed -n '2s/^Test: //p' "$patch")"
    [[ ${#test[@]} -gt 0 ]] || test=(-p pi-server-model --test differential)
    if (cd "$copy" && cargo test -q "${test[@]}") >"$said" 2>&1; then
        printf 'MISSED %s: %s\n' "$name" "$(head -n 1 "$patch")"
        missed=$((missed + 1))
    elif ! grep -q '^test result: FAILED' "$said"; then
        printf 'BROKEN %s does not build any more: %s\n' "$name" "$said"
        missed=$((missed + 1))
    elif grep -q 'MODEL_SEED=' "$said"; then
        inputs=$(sed -n '/ boot/,/MODEL_SEED=/p' "$said" | grep -c '^t[0-9]')
        seed=$(grep -o 'MODEL_SEED=[0-9]*' "$said" | head -n 1)
        printf 'found  %s: %s, %d inputs, %d s\n' \
            "$name" "$seed" "$inputs" $((SECONDS - start))
    else
        by=$(sed -n "s/^thread '\([^']*\)'.* panicked at .*/\1/p" "$said" | head -n 1)
        printf 'found  %s: by %s, %d s\n' "$name" "$by" $((SECONDS - start))
    fi
    (cd "$copy" && patch -s -R -p1 <"$root/$patch")
done
exit $((missed > 0))
