#!/usr/bin/env bash
# as-owner.sh COMMAND...: under sudo in somebody's checkout, be that somebody again, so
# that nothing there comes to belong to root; otherwise just the command.
. "$(dirname "$0")/common.sh"
as_owner "$@"
