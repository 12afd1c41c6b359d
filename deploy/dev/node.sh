#!/usr/bin/env bash
# node.sh ARGUMENTS...: the Node that setup.sh found or installed.
. "$(dirname "$0")/common.sh"
node=$(node_path) || fail "Node 20 or newer is needed: make run or make test installs it"
PATH=$(dirname "$node"):$PATH exec "$node" "$@"
