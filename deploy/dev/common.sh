# shellcheck shell=bash
# Shared by the scripts of deploy/dev and tests/servers; sourced, not run.
set -eu
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Under sudo in the caller's own checkout: as the caller; otherwise as who we are.
as_owner() {
    local home
    if [ "$(id -u)" = 0 ] && [ "${SUDO_UID:-0}" != 0 ] && [ "$(stat -c %u "$ROOT")" = "$SUDO_UID" ]; then
        home=$(getent passwd "$SUDO_UID" | cut -d : -f 6)
        HOME=${home:-/} setpriv --reuid "$SUDO_UID" --regid "$SUDO_GID" --init-groups -- "$@"
    else
        "$@"
    fi
}

# The Node that runs the tenant and the tests: the host's from 20 on, else one of our own.
node_path() {
    local own
    own=$(find "$ROOT/build/node/node_modules" -maxdepth 3 -path '*/bin/node' 2>/dev/null | head -n 1)
    if command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; then
        command -v node
    elif [ -n "$own" ]; then
        printf '%s\n' "$own"
    else
        return 1
    fi
}

# ---- processes: recorded as "pid starttime name", so that a reused pid is nobody of ours ----
start_time() {
    # The command's name may hold blanks and brackets: count from the last bracket.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

record() { # record DIR PID NAME
    printf '%s %s %s\n' "$2" "$(start_time "$2")" "$3" >>"$1/pids"
}

is_ours() { # is_ours PID STARTTIME
    [ -n "$2" ] && [ "$(start_time "$1")" = "$2" ]
}

# The recorded processes and all that they started, as "pid starttime".
family() {
    local pid time name level next
    while read -r pid time name; do
        is_ours "$pid" "$time" || continue
        level=$pid
        while [ -n "$level" ]; do
            next=
            for pid in $level; do
                time=$(start_time "$pid")
                [ -n "$time" ] && printf '%s %s\n' "$pid" "$time"
                next="$next $(cat "/proc/$pid/task/"*/children 2>/dev/null || true)"
            done
            level=$(printf '%s' "$next" | tr -s ' ' | sed 's/^ //; s/ $//')
        done
    done <"$1/pids"
}

# TERM to what was recorded, and proof that nothing of it is left.
stop_recorded() { # stop_recorded DIR
    local dir=$1 all pid time left name
    [ -f "$dir/pids" ] || return 0
    all=$(family "$dir")
    while read -r pid time name; do
        is_ours "$pid" "$time" && kill -TERM "$pid" 2>/dev/null || true
    done <"$dir/pids"
    for _ in $(seq 1 140); do
        left=
        while read -r pid time; do
            if [ -n "$pid" ] && is_ours "$pid" "$time" && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; then
                left="$left $pid"
            fi
        done <<<"$all"
        [ -n "$left" ] || break
        sleep 0.05
    done
    rm -f "$dir/pids"
    if [ -n "$left" ]; then
        for pid in $left; do
            printf 'did not stop within 7 s, killed: %s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" >&2
            kill -KILL "$pid" 2>/dev/null || true
        done
        return 1
    fi
}

wait_for() { # wait_for SECONDS URL [DIR]: any answer below 500; gives up when a process of DIR has ended
    local code pid time name
    for _ in $(seq 1 $(($1 * 10))); do
        code=$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$2" || true)
        if [ "$code" -ge 200 ] && [ "$code" -lt 500 ]; then
            return 0
        fi
        if [ -n "${3:-}" ]; then
            while read -r pid time name; do
                is_ours "$pid" "$time" || { say "$name has ended" >&2 && return 1; }
            done <"$3/pids"
        fi
        sleep 0.1
    done
    return 1
}
