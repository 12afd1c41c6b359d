# shellcheck shell=bash
# Starting the tenant and a web server of one stack; sourced after common.sh.
# State lies in DIR: pids, server.log, tenant.log, run/.

start_tenant() { # start_tenant DIR TENANT_PORT PUBLIC_ORIGIN
    local node
    node=$(node_path) || fail "Node 20 or newer is needed: make run installs it"
    if curl -s -o /dev/null -m 2 "http://127.0.0.1:$2/"; then
        fail "port $2 is in use: stop what listens there (make stop?)"
    fi
    TENANT_RP_ORIGINS=${TENANT_RP_ORIGINS:-$3} setsid "$node" "$ROOT/tenant/main.mjs" --port "$2" \
        </dev/null >>"$1/tenant.log" 2>&1 &
    record "$1" $! tenant
    wait_for 10 "http://127.0.0.1:$2/tenant/health" "$1" || fail "the tenant did not start: $(tail -n 5 "$1/tenant.log")"
}

# What the site files read (lighttpd/countersign.conf lists it).
export_site() { # export_site DIR PORT ACTIONS_PORT BASE BUILD
    export COUNTERSIGN_ROOT=$ROOT COUNTERSIGN_BUILD=$5 COUNTERSIGN_RUN=$1/run
    export COUNTERSIGN_BIND=${COUNTERSIGN_BIND:-127.0.0.1} COUNTERSIGN_PORT=$2 COUNTERSIGN_ACTIONS_PORT=$3
    export COUNTERSIGN_BASE=$4 COUNTERSIGN_CONFIG=$1/countersign.conf COUNTERSIGN_LOG=$1/server.log
    export COUNTERSIGN_HSTS=${COUNTERSIGN_HSTS:-} COUNTERSIGN_WRAP=${COUNTERSIGN_WRAP:-}
    export COUNTERSIGN_WRAP_CHAT=${COUNTERSIGN_WRAP_CHAT:-}
}

# One program that cannot start keeps lighttpd from starting: so each is asked first, and
# says what is wrong with the configuration itself.
check_programs() { # check_programs DIR BUILD
    local program problems failed=
    for program in "$2"/cgi-bin/*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        problems=$(COUNTERSIGN_CONFIG=$1/countersign.conf "$program" --check 2>&1 </dev/null) && continue
        failed=1
        printf '%s cannot start:\n%s\n' "${program##*/}" "$problems" >&2
    done
    [ -z "$failed" ] || fail "the configuration is $1/countersign.conf, its secrets $1/secrets/, and the environment over both"
}

start_lighttpd() { # start_lighttpd DIR, after export_site
    setsid "$(PATH=$PATH:/usr/sbin command -v lighttpd)" -D -f "$ROOT/lighttpd/countersign.conf" \
        </dev/null >>"$1/server.log" 2>&1 &
    record "$1" $! lighttpd
}

# Apache's children are never root.  As root we start it so, and give that user
# what the programs read and write; where it cannot reach the checkout (a home of
# mode 0700), it gets a copy of the pages and programs.
hand_to_user() { # hand_to_user DIR USER
    local dir=$1 user=$2 own=$1/app
    chmod 711 "$dir"
    chown -R "$user" "$dir/keys" "$dir/db" "$dir/secrets" "$dir/run"
    chgrp "$(id -gn "$user")" "$dir/countersign.conf"
    if ! setpriv --reuid "$user" --regid "$(id -gn "$user")" --clear-groups \
        test -r "$COUNTERSIGN_ROOT/html/index.html" -a -x "$COUNTERSIGN_BUILD/cgi-bin/health"; then
        rm -rf "$own"
        mkdir -p "$own"
        cp -rL "$COUNTERSIGN_ROOT/html" "$own/html"
        mkdir "$own/cgi-bin"
        find -L "$COUNTERSIGN_BUILD/cgi-bin" -maxdepth 1 -type f -perm -u+x -exec cp {} "$own/cgi-bin/" \;
        chmod -R a+rX,go-w "$own"
        export COUNTERSIGN_ROOT=$own COUNTERSIGN_BUILD=$own
    fi
}

start_apache() { # start_apache DIR, after export_site
    export APACHE_MODULES=${APACHE_MODULES:-/usr/lib/apache2/modules}
    export COUNTERSIGN_USER COUNTERSIGN_GROUP
    COUNTERSIGN_USER=$(id -un)
    COUNTERSIGN_GROUP=$(id -gn)
    if [ "$(id -u)" = 0 ]; then
        COUNTERSIGN_USER=www-data COUNTERSIGN_GROUP=www-data
        hand_to_user "$1" www-data
    fi
    setsid "$(PATH=$PATH:/usr/sbin command -v apache2)" -DFOREGROUND -f "$ROOT/apache/countersign.conf" \
        </dev/null >>"$1/server.log" 2>&1 &
    record "$1" $! apache
}

# A chat with a user of its own can read the rings and secrets of chat and nothing else.
# It inherits its socket; so it needs the configuration, those files and the database.
give_chat_a_user() { # give_chat_a_user DIR USER
    local dir=$1 user=$2 group ring
    group=$(id -gn "$user")
    chmod 711 "$dir" "$dir/keys" "$dir/secrets"
    chgrp "$group" "$dir/countersign.conf" "$dir/secrets/chat.conf"
    chmod 640 "$dir/secrets/chat.conf"
    for ring in ${STACK_CHAT_RINGS:-session owner turn turn_event conversation once ticket}; do
        chgrp "$group" "$dir/keys/$ring.ring"
        chmod 440 "$dir/keys/$ring.ring"
    done
    chgrp "$group" "$dir/db"
    chmod 2770 "$dir/db"
    [ -e "$dir/db/countersign.db" ] || : >"$dir/db/countersign.db"
    chgrp "$group" "$dir"/db/countersign.db*
    chmod 660 "$dir"/db/countersign.db*
    COUNTERSIGN_WRAP_CHAT="$(command -v setpriv) --reuid $user --regid $group --clear-groups -- "
    export COUNTERSIGN_WRAP_CHAT
}

# Any request makes mod_fcgid start chat, which then claims the turns that are due;
# this one is refused (401) and changes nothing.
wake_once() { # wake_once PORT BASE
    curl -s -o /dev/null -m 10 -A countersign-wake "http://127.0.0.1:$1$2/api/conversations" || true
}

start_waking() { # start_waking DIR PORT BASE
    setsid "$ROOT/deploy/dev/wake.sh" "$2" "$3" </dev/null >/dev/null 2>&1 &
    record "$1" $! wake
}
