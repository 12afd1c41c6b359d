#!/usr/bin/env bash
# Makes the directory of one development or test stack: configuration, secrets of
# each program, key rings, a place for the database.  What is there already stays,
# except the configuration and secrets, which are made of the arguments.
#
#   configure.sh DIR PORT ACTIONS_PORT TENANT_PORT BASE BUILD [SETTINGS]
#
# The values are the tenant's (tenant/README.md).  SETTINGS is a file of NAME=value
# lines that replace lines of the configuration or of the secrets, or add to it.
. "$(dirname "$0")/common.sh"
[ $# -ge 6 ] || fail "configure.sh DIR PORT ACTIONS_PORT TENANT_PORT BASE BUILD [SETTINGS]"
dir=$1 port=$2 actions=$3 tenant_port=$4 base=$5 build=$6 settings=${7:-}
[ ${#dir} -le 80 ] || fail "the path is too long for sockets (80 characters at most): $dir"
tenant=http://127.0.0.1:$tenant_port
umask 077
mkdir -p "$dir/secrets" "$dir/keys" "$dir/db" "$dir/run/empty"
# run/ holds the sockets: whoever can connect to one can hold a program's threads.
chmod 700 "$dir/secrets" "$dir/keys" "$dir/db" "$dir/run"

cat >"$dir/countersign.conf.new" <<END
PUBLIC_URL=http://localhost:$port
BASE_PATH=$base
ACTIONS_URL=http://127.0.0.1:$actions
ALLOW_HTTP_LOOPBACK=1
DATABASE=$dir/db/countersign.db
KEYS_DIR=$dir/keys
SECRETS_DIR=$dir/secrets
OIDC_ISSUER=$tenant/
AUTH0_CLIENT_ID=countersign-web
AUTH0_CONNECTION_NAME=Okta-OIDC
CIBA_CLIENT_ID=countersign-ciba
FGA_API_URL=$tenant
FGA_TOKEN_URL=$tenant/fga/oauth/token
FGA_STORE_ID=01JCSTENANTW0RKSH0P0000001
FGA_MODEL_ID=01JCSTENANTW0RKM0DE0000001
FGA_CLIENT_ID=fga-client
FGA_EMAIL_ISSUER=$tenant/
OKTA_DOMAIN=$tenant
BEDROCK_AGENT_ID=WORKSHOP01
BEDROCK_AGENT_ALIAS_ID=TSTALIASID
AWS_REGION=us-east-1
AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME=$tenant
END

web=AUTH0_CLIENT_SECRET=countersign-web-secret
fga=FGA_CLIENT_SECRET=fga-secret
secrets() { # secrets PROGRAM LINE...
    local program=$1
    shift
    printf '%s\n' "$@" >"$dir/secrets/$program.conf.new"
}
secrets callback "$web"
secrets logout "$web"
secrets action-okta "$web" "$fga"
secrets action-ciba "$web" "$fga" CIBA_CLIENT_SECRET=countersign-ciba-secret
secrets action-fga "$fga"
secrets chat AWS_ACCESS_KEY_ID=AKIDTENANT AWS_SECRET_ACCESS_KEY=tenant-secret

# A name is set once per file: a setting takes the place of the line it overrides,
# wherever that stands; a secret that stands nowhere yet goes to those who act.
apply() { # apply NAME VALUE
    local name=$1 value=$2 file found=
    for file in "$dir/countersign.conf.new" "$dir"/secrets/*.conf.new; do
        if grep -q "^$name=" "$file"; then
            grep -v "^$name=" "$file" >"$file.tmp" || true
            printf '%s=%s\n' "$name" "$value" >>"$file.tmp"
            mv "$file.tmp" "$file"
            found=1
        fi
    done
    [ -z "$found" ] || return 0
    case $name in
    OKTA_PRIVATE_KEY | OKTA_API_TOKEN)
        for file in action-okta action-ciba action-fga; do
            printf '%s=%s\n' "$name" "$value" >>"$dir/secrets/$file.conf.new"
        done
        ;;
    AWS_SESSION_TOKEN) printf '%s=%s\n' "$name" "$value" >>"$dir/secrets/chat.conf.new" ;;
    *) printf '%s=%s\n' "$name" "$value" >>"$dir/countersign.conf.new" ;;
    esac
}
if [ -n "$settings" ] && [ -f "$settings" ]; then
    while IFS='=' read -r name value; do
        case $name in '' | '#'*) continue ;; esac
        apply "$name" "$value"
    done <"$settings"
fi
for file in "$dir"/secrets/*.conf.new; do
    chmod 600 "$file"
    mv "$file" "${file%.new}"
done
chmod 640 "$dir/countersign.conf.new"
mv "$dir/countersign.conf.new" "$dir/countersign.conf"

COUNTERSIGN_CONFIG=$dir/countersign.conf "$build/bin/countersign" keygen >"$dir/keygen.log" 2>&1 ||
    fail "countersign keygen failed: $(cat "$dir/keygen.log")"
