# Private PostgreSQL clusters: created, started and stopped below the state folder, as an
# unprivileged user, reachable through a socket only. Sourced after postgres.sh.
# shellcheck shell=bash

# A socket's path is limited to 107 bytes; its name takes some twenty of them.
readonly SOCKET_DIR_MAX=85
readonly CLUSTER_PORT=5432

# Clusters that this script started and stops at its end.
STARTED_CLUSTERS=()

cluster_home() { printf '%s\n' "$LOTTY_STATE/cluster/$1"; }
cluster_socket_dir() { cat "$(cluster_home "$1").socket"; }
cluster_bindir() { cat "$(cluster_home "$1").bindir"; }
cluster_exists() { [ -e "$(cluster_home "$1").socket" ]; }

# A folder that belongs to the server's user. In the state folder if its path is short
# enough for a socket, else a temporary one.
server_folder() { # path
    local folder=$1
    if [ ${#folder} -gt $SOCKET_DIR_MAX ]; then
        folder=$(mktemp -d "${TMPDIR:-/tmp}/lotty.XXXXXX")
        [ ${#folder} -le $SOCKET_DIR_MAX ] || {
            rmdir "$folder"
            folder=$(mktemp -d /tmp/lotty.XXXXXX)
        }
    fi
    mkdir -p "$folder"
    chmod 700 "$folder"
    if is_root; then chown "$(server_user)" "$folder"; fi
    printf '%s\n' "$folder"
}

# Creates a cluster, in place of an older one of that name. The server's programs come
# from a folder given by the caller. Further lines for postgresql.conf come on stdin.
cluster_create() { # name bindir [option of initdb ...]
    local home log=$LOTTY_STATE/log/cluster-$1.log bindir=$2
    home=$(cluster_home "$1")
    cluster_remove "$1"
    mkdir -p "$home"
    if is_root; then chown "$(server_user)" "$home"; fi
    chmod 700 "$home"
    printf '%s\n' "$bindir" >"$home.bindir"
    server_folder "$LOTTY_STATE/s/$1" >"$home.socket"
    as_server "$bindir/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C \
        --no-sync "${@:3}" >"$log" 2>&1 </dev/null || {
        show_log "$log"
        die "initdb failed for the cluster $1"
    }
    {
        printf "listen_addresses = ''\n"
        printf "port = %s\n" "$CLUSTER_PORT"
        printf "unix_socket_directories = '%s'\n" "$(cluster_socket_dir "$1")"
        # The cluster does not outlive a crash of the machine, and need not.
        printf "fsync = off\nfull_page_writes = off\n"
        # Our copies lack what just-in-time compilation reads.
        printf "jit = off\n"
        printf "timezone = 'UTC'\nlog_timezone = 'UTC'\n"
        printf "log_line_prefix = '%%m [%%p] %%q%%a '\n"
        cat
    } | as_server tee -a "$home/data/postgresql.conf" >/dev/null
}

cluster_start() { # name
    local home log=$LOTTY_STATE/log/cluster-$1.log bindir
    home=$(cluster_home "$1")
    bindir=$(cluster_bindir "$1")
    # A server keeps what it inherits: neither our output nor our lock may be among it.
    as_server "$bindir/pg_ctl" -w -t 120 -D "$home/data" -l "$home/server.log" start \
        >>"$log" 2>&1 </dev/null 9>&- || {
        show_log "$log" 20
        show_log "$home/server.log" 40
        die "the server of the cluster $1 does not start"
    }
}

cluster_is_running() { # name
    cluster_exists "$1" &&
        as_server "$(cluster_bindir "$1")/pg_ctl" -D "$(cluster_home "$1")/data" status >/dev/null 2>&1
}

# Stops the server of one of our data folders, and no other.
cluster_stop() { # name [fast|immediate]
    if cluster_is_running "$1"; then
        as_server "$(cluster_bindir "$1")/pg_ctl" -w -t 60 -m "${2:-fast}" \
            -D "$(cluster_home "$1")/data" stop >/dev/null 2>&1 </dev/null 9>&- ||
            warn "the server in $(cluster_home "$1")/data could not be stopped"
    fi
}

cluster_remove() { # name
    local socket
    cluster_exists "$1" || return 0
    cluster_stop "$1"
    # The name of the folder comes from a file: believe it only if it looks like ours.
    socket=$(cluster_socket_dir "$1")
    case $socket in "$LOTTY_STATE"/s/* | */lotty.??????) rm -rf "$socket" ;; esac
    rm -rf "$(cluster_home "$1")"
    rm -f "$(cluster_home "$1").bindir" "$(cluster_home "$1").socket"
}

# A running cluster for a test, stopped and removed when the script ends.
cluster_for_test() { # name bindir, settings on stdin
    STARTED_CLUSTERS+=("$1")
    cluster_create "$1" "$2"
    cluster_start "$1"
}

cluster_stop_all() {
    local name
    for name in "${STARTED_CLUSTERS[@]}"; do
        cluster_remove "$name"
    done
    STARTED_CLUSTERS=()
}

# Exports what libpq's clients need to reach a cluster, with its own psql first on PATH.
cluster_env() { # name
    PGHOST=$(cluster_socket_dir "$1")
    export PGHOST PGPORT=$CLUSTER_PORT PGUSER=postgres PGDATABASE=postgres
    PATH=$(cluster_bindir "$1"):$PATH
    export PATH
}
