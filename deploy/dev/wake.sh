#!/usr/bin/env bash
# wake.sh PORT BASE: keeps chat awake under mod_fcgid, every 2 seconds.
. "$(dirname "$0")/common.sh"
. "$ROOT/deploy/dev/servers.sh"
while sleep 2; do
    wake_once "$1" "$2"
done
