# What the scripts of the demo share. Sourced.
# shellcheck shell=bash

lib=$(dirname "${BASH_SOURCE[0]}")/../lib
# shellcheck source=tests/lib/common.sh
source "$lib/common.sh"
# shellcheck source=tests/lib/tools.sh
source "$lib/tools.sh"
# shellcheck source=tests/lib/postgres.sh
source "$lib/postgres.sh"
# shellcheck source=tests/lib/cluster.sh
source "$lib/cluster.sh"

# The demo installs nothing on the machine.
LOTTY_APT=no

readonly DEMO_CLUSTER=demo
demo_postgres() { printf '%s\n' "$LOTTY_STATE/demo-postgres"; }

# A psql with line editing if there is one that is not older than the server; the one of a
# wheel has none.
demo_psql() {
    local own found
    own=$(cluster_bindir "$DEMO_CLUSTER")/psql
    for found in /usr/lib/postgresql/*/bin/psql "$(command -v psql || true)"; do
        if [ -x "$found" ] && [ "$(psql_major "$found")" -ge "$(psql_major "$own")" ]; then
            printf '%s\n' "$found"
            return 0
        fi
    done
    printf '%s\n' "$own"
}

psql_major() { "$1" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'; }

demo_psql_command() {
    printf '%s -h %s -p %s -U postgres shop' \
        "$(demo_psql)" "$(cluster_socket_dir "$DEMO_CLUSTER")" "$CLUSTER_PORT"
}
