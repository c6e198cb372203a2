# What every script of the harness needs: where things are, who we are, how we speak.
# Sourced, never run. The sourcing script sets `set -euo pipefail`.
# shellcheck shell=bash

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
readonly REPO

# Files we install are read by a server that runs as somebody else.
umask 022

# Settings of the caller must not lead us to a server or to a pgrx of his.
for name in ${!PG@}; do
    case $name in PG_CONFIG) ;; *) unset "$name" ;; esac
done
unset name

# Backtraces would drown the messages of cargo-pgrx, and a server that inherits the setting
# puts them into the details of its errors, where tests look.
unset RUST_BACKTRACE RUST_LOG

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    warn "error: $*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# The last lines of a log, for a message about a failure.
show_log() { # file [lines]
    [ -s "$1" ] || return 0
    warn "--- the end of $1"
    tail -n "${2:-60}" "$1" >&2
    warn "---"
}

# The user that runs servers: PostgreSQL refuses root, so root needs another one.
server_user() {
    if ! is_root; then
        id -un
    elif [ -n "${LOTTY_SERVER_USER:-}" ]; then
        printf '%s\n' "$LOTTY_SERVER_USER"
    elif getent passwd postgres >/dev/null; then
        printf 'postgres\n'
    else
        printf 'nobody\n'
    fi
}

# Runs a command as the server's user, from a folder that user can enter.
as_server() {
    local user
    user=$(server_user)
    (
        cd /
        if is_root; then
            exec runuser -u "$user" -- "$@"
        fi
        exec "$@"
    )
}

# The state folder holds everything that the harness downloads, installs and starts.
# Servers run below it, so their user must be able to get there: a clone in a private
# home of root cannot hold it.
choose_state() {
    local fallback
    if [ -n "${LOTTY_STATE:-}" ]; then
        mkdir -p "$LOTTY_STATE"
        LOTTY_STATE=$(cd "$LOTTY_STATE" && pwd -P)
        state_reachable "$LOTTY_STATE" ||
            die "LOTTY_STATE=$LOTTY_STATE cannot be reached by the user $(server_user), who runs the servers"
    else
        LOTTY_STATE=$REPO/.lotty
        if ! state_reachable "$REPO"; then
            fallback=/var/tmp/lotty-$(printf '%s' "$REPO" | cksum | cut -d' ' -f1)
            say "state: $fallback (the user $(server_user) cannot reach $REPO)"
            LOTTY_STATE=$fallback
        fi
        mkdir -p "$LOTTY_STATE"
    fi
    # A folder with a foreseeable name in a shared place could be somebody else's trap.
    if [ -L "$LOTTY_STATE" ] || [ ! -O "$LOTTY_STATE" ]; then
        die "the state folder $LOTTY_STATE belongs to somebody else; set LOTTY_STATE to another one"
    fi
    # `make clean` removes it as a whole, so it must hold nothing but ours.
    if [ ! -e "$LOTTY_STATE/.lotty-state" ]; then
        [ -z "$(ls -A "$LOTTY_STATE")" ] || die "the state folder $LOTTY_STATE is not empty and not ours"
        touch "$LOTTY_STATE/.lotty-state"
    fi
    chmod 755 "$LOTTY_STATE"
    mkdir -p "$LOTTY_STATE/log"
    export LOTTY_STATE
}

state_reachable() { # folder
    as_server test -x "$1"
}

# One run at a time: two would install over each other. The lock is held by file
# descriptor 9, which no server may inherit.
lock_state() {
    exec 9>"$LOTTY_STATE/lock"
    have flock || return 0
    if ! flock -n 9; then
        say "another run uses $LOTTY_STATE: waiting for it"
        flock 9
    fi
}
unlock_state() { exec 9>&-; }

# Tries a command that needs the network up to three times.
retry() {
    local try
    for try in 1 2 3; do
        "$@" && return 0
        [ "$try" -eq 3 ] || sleep $((try * 5))
    done
    return 1
}
