#!/usr/bin/env bash
# Runs the Autobahn cases for WebSocket servers (all but those of compression, which the daemon does
# not offer) against the transport of the daemon, and fails if one is anything but OK or informational.
# Needs Python 3.10 or newer; the runner is installed below target/.
set -euo pipefail
cd "$(dirname "$0")/.."

runner=kosoku==0.1.0
home=$PWD/target/conformance
python=$home/bin/python
if ! "$home/bin/kosoku" --help >/dev/null 2>&1; then
    python3 -m venv "$home"
    "$python" -m pip install --quiet --disable-pip-version-check "$runner"
fi

cargo build --quiet --locked -p pi-server --example echo
address=127.0.0.1:${PORT:-3911}
"${CARGO_TARGET_DIR:-target}/debug/examples/echo" "$address" suite &
server=$!
trap 'kill "$server"' EXIT
until (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null; do
    kill -0 "$server"
done

rm -rf "$home/reports"
timeout 300 "$home/bin/kosoku" -m fuzzingclient -x '12.*' -x '13.*' -p 2 -o "$home/reports" "$address"
"$python" - "$home/reports/index.json" <<'PYTHON'
import collections, json, sys

(cases,) = json.load(open(sys.argv[1])).values()
verdicts = collections.Counter()
bad = []
for name, case in cases.items():
    found = {case["behavior"], case["behaviorClose"]}
    verdicts[case["behavior"]] += 1
    if not found <= {"OK", "INFORMATIONAL"}:
        bad.append(name)
print("WebSocket conformance:", ", ".join(f"{count} {name}" for name, count in verdicts.items()))
# Fewer cases than there are would be no pass.
if bad or len(cases) < 301:
    sys.exit(f"{len(cases)} cases; not as they should be: {bad}")
PYTHON
