#!/usr/bin/env bash
# dev.sh run|start|stop: the development stack on http://localhost:8080, state in var/.
# `run` stays in the foreground until Ctrl-C; `start` and `stop` are the same in the background.
. "$(dirname "$0")/common.sh"
. "$ROOT/deploy/dev/servers.sh"
dir=$ROOT/var
port=${PORT:-8080} actions=${ACTIONS_PORT:-8081} tenant_port=${TENANT_PORT:-9000} base=${BASE_PATH-}
unset BASE_PATH TENANT_PORT

start() {
    if [ -f "$dir/pids" ] && [ -n "$(family "$dir")" ]; then
        fail "it is already running: http://localhost:$port$base/   (make stop ends it)"
    fi
    mkdir -p "$dir"
    rm -f "$dir/pids"
    : >"$dir/server.log"
    : >"$dir/tenant.log"
    if curl -s -o /dev/null -m 2 "http://127.0.0.1:$port/"; then
        fail "port $port is in use by something else; PORT=... make run takes another"
    fi
    trap 'stop_recorded "$dir"' EXIT
    "$ROOT/deploy/dev/configure.sh" "$dir" "$port" "$actions" "$tenant_port" "$base" "$ROOT/build/plain"
    check_programs "$dir" "$ROOT/build/plain"
    start_tenant "$dir" "$tenant_port" "http://localhost:$port"
    export_site "$dir" "$port" "$actions" "$base" "$ROOT/build/plain"
    umask 077
    start_lighttpd "$dir"
    wait_for 10 "http://127.0.0.1:$actions/readyz" "$dir" ||
        fail "the web server did not become ready; the end of var/server.log: $(tail -n 20 "$dir/server.log")"
    wake_once "$port" "$base"
    trap - EXIT
}

tell() {
    cat <<END

  Countersign runs:   http://localhost:$port$base/

  Sign in as          alice@example.test / alice-pw     (may use the agent)
                      bob@example.test / bob-pw
  and type            Which groups is bob@example.test in?
                      Please reset the password of bob@example.test
                      Am I really here? Please authenticate me.

  The outside world   http://127.0.0.1:$tenant_port/phone   your phone: approve or deny
                      http://127.0.0.1:$tenant_port/fga     who may do what: delete the tuple, ask again
                      http://127.0.0.1:$tenant_port/okta    what was really done
  Logs                var/server.log, var/tenant.log

END
}

case ${1:-} in
start)
    start
    tell
    say "  make stop           ends it"
    ;;
run)
    start
    trap 'trap - EXIT; say ""; say "stopping"; stop_recorded "$dir"' EXIT
    trap 'exit 0' INT TERM HUP
    tell
    say "  Ctrl-C ends it"
    while read -r pid time name; do
        is_ours "$pid" "$time" || fail "$name has ended; see var/"
    done <"$dir/pids"
    while sleep 1; do
        while read -r pid time name; do
            is_ours "$pid" "$time" || fail "$name has ended; see var/server.log and var/tenant.log"
        done <"$dir/pids"
    done
    ;;
stop)
    stop_recorded "$dir"
    say "nothing of it runs any more"
    ;;
*) fail "dev.sh run|start|stop" ;;
esac
