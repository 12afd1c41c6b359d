#!/usr/bin/env bash
# A complete private stack for a test: tenant, web server with the site file as it
# is shipped, programs, database.
#
#   stack.sh start lighttpd|apache PORT ACTIONS_PORT TENANT_PORT BASE DIR [VARIANT]   prints its URL
#   stack.sh stop DIR                 exit 1 if a process had to be killed
#
# DIR/server.log has what the server and the programs wrote.  Environment:
#   STACK_SETTINGS   file of NAME=value lines over the development configuration
#   STACK_CHAT_USER  chat runs as this user (lighttpd, as root only)
#   STACK_BUILD      directory with cgi-bin/ in place of build/VARIANT
#   STACK_TENANT     0: no tenant
#   STACK_WAKE       0: nothing wakes chat under Apache
. "$(dirname "$0")/../../deploy/dev/common.sh"
. "$ROOT/deploy/dev/servers.sh"

start() {
    local server=$1 port=$2 actions=$3 tenant_port=$4 base=$5 dir=$6 variant=${7:-plain} build
    build=${STACK_BUILD:-$ROOT/build/$variant}
    mkdir -p "$dir"
    rm -f "$dir/pids"
    trap 'stop_recorded "$dir"' EXIT
    "$ROOT/deploy/dev/configure.sh" "$dir" "$port" "$actions" "$tenant_port" "$base" "$ROOT/build/$variant" "${STACK_SETTINGS:-}"
    [ "${STACK_TENANT:-1}" = 0 ] || start_tenant "$dir" "$tenant_port" "http://localhost:$port"
    export_site "$dir" "$port" "$actions" "$base" "$build"
    umask 077
    case $server in
    lighttpd)
        [ -z "${STACK_CHAT_USER:-}" ] || give_chat_a_user "$dir" "$STACK_CHAT_USER"
        start_lighttpd "$dir"
        ;;
    apache) start_apache "$dir" ;;
    *) fail "unknown server $server" ;;
    esac
    if ! wait_for 20 "http://127.0.0.1:$actions/readyz" "$dir"; then
        tail -n 40 "$dir/server.log" >&2
        fail "the stack did not become ready"
    fi
    wake_once "$port" "$base"
    if [ "$server" = apache ] && [ "${STACK_WAKE:-1}" != 0 ]; then
        start_waking "$dir" "$port" "$base"
    fi
    trap - EXIT
    say "http://localhost:$port$base"
}

case ${1:-} in
start)
    [ $# -ge 7 ] || fail "stack.sh start SERVER PORT ACTIONS_PORT TENANT_PORT BASE DIR [VARIANT]"
    shift
    start "$@"
    ;;
stop)
    [ $# -eq 2 ] || fail "stack.sh stop DIR"
    stop_recorded "$2"
    ;;
*) fail "stack.sh start|stop" ;;
esac
