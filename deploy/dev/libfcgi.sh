#!/usr/bin/env bash
# Refuses a libfcgi with CVE-2025-23016 (an overflow in the parameters, which come
# from the network through the web server).
set -eu
version=$(dpkg-query -W -f='${Version}' libfcgi-dev 2>/dev/null) || {
    echo "libfcgi-dev is not installed: make run installs it" >&2
    exit 1
}
if ! dpkg --compare-versions "$version" ge 2.4.2-2+deb12u1; then
    echo "libfcgi-dev $version has the flaw CVE-2025-23016: 2.4.2-2+deb12u1 or later is needed" \
        "(apt-get update && apt-get install libfcgi-dev)" >&2
    exit 1
fi
