# What the smoke tests have in common: their one option, their environment, steps. They define `usage` and set
# `image`.

case "${1-}" in
    "") ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
esac

python=${PYTHON:-.venv/bin/python}
limit_s=${LIMIT_S:-1800}
read -ra docker <<<"${DOCKER:-docker}"
read -ra build_args <<<"${BUILD_ARGS:-}"
work=$(mktemp -d)
limited_pid=""

say() { printf 'smoke: %s\n' "$*" >&2; }

fail() {
    say "FAILED: $*"
    exit 1
}

# within SECONDS COMMAND...: repeats the command until it succeeds; fails after that time.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.2
    done
}

# limited SECONDS COMMAND...: runs the command and ends it after that time, with status 124. A trap runs
# meanwhile; and macOS has no `timeout`.
limited() {
    local end=$((SECONDS + $1))
    shift
    "$@" &
    limited_pid=$!
    while kill -0 "$limited_pid" 2>/dev/null; do
        if [[ $SECONDS -ge $end ]]; then
            kill "$limited_pid" 2>/dev/null || true
            limited_pid=""
            return 124
        fi
        sleep 0.2
    done
    local pid=$limited_pid
    limited_pid=""
    wait "$pid"
}

# end_limited: what `limited` still runs is ended.
end_limited() {
    if [[ -n $limited_pid ]]; then
        kill "$limited_pid" 2>/dev/null || true
    fi
}

# check_host WHAT MODULES: a daemon answers, and the interpreter has these modules.
check_host() {
    command -v "${docker[0]}" >/dev/null || fail "there is no ${docker[0]} here; DOCKER names the command"
    limited 30 "${docker[@]}" version >/dev/null 2>"$work/version" \
        || fail "the Docker daemon does not answer: $(tail -n 1 "$work/version")"
    "$python" -c "import $2" 2>/dev/null || fail "$python has no $1: run make test once, or set PYTHON"
}

# build_image NAME OPTION...: what the build says is shown as it comes.
build_image() {
    local name=$1
    shift
    local status=0
    limited "$limit_s" "${docker[@]}" build ${build_args[@]+"${build_args[@]}"} --tag "$name" "$@" >&2 || status=$?
    [[ $status -ne 124 ]] || fail "docker build took more than $limit_s seconds (LIMIT_S)"
    [[ $status -eq 0 ]] || fail "docker build ended with status $status"
    local bytes
    bytes=$("${docker[@]}" image inspect --format '{{.Size}}' "$name")
    say "built: $name, $((bytes / 1000000)) MB with its base"
}

# build: the image of the proxy, on PYTHON_IMAGE if that is set.
build() {
    say "building $image${PYTHON_IMAGE:+ on $PYTHON_IMAGE}"
    build_image "$image" ${PYTHON_IMAGE:+--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"} .
}

free_port() {
    "$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
