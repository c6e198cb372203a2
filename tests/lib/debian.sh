# Programs out of Debian's packages, unpacked below the state folder with the libraries they
# need, so that nothing is installed and no service is started. Works without root.
# Sourced after common.sh.
# shellcheck shell=bash

# Unpacks packages of a Debian release and prints the folder. Which libraries a program needs
# is for the caller to list: apt would bring everything that the packages depend on.
debian_provide() { # name release package ...
    local root=$LOTTY_STATE/tools/debian/$1-$2 release=$2 wanted log=$LOTTY_STATE/log/debian.log
    shift 2
    wanted="$*"
    if [ "$(cat "$root/.packages" 2>/dev/null)" != "$wanted" ]; then
        have apt-get && have dpkg-deb || die "apt-get is missing; it fetches Debian's packages: $wanted"
        warn "fetching from Debian $release: $wanted"
        rm -rf "$root"
        (debian_unpack "$root" "$release" "$@") >>"$log" 2>&1 </dev/null || {
            rm -rf "$root"
            show_log "$log" 20
            die "could not fetch from Debian $release: $wanted"
        }
        chmod 755 "$root"
        printf '%s\n' "$wanted" >"$root/.packages"
    fi
    printf '%s\n' "$root"
}

# Its caller asks for its status, so `set -e` has no effect in it.
debian_unpack() { # folder release package ...
    local root=$1 release=$2 download file
    shift 2
    mkdir -p "$root"
    download=$(mktemp -d "$LOTTY_STATE/download.XXXXXX")
    # shellcheck disable=SC2064 # the folder is known now
    trap "rm -rf '$download'" EXIT
    debian_configure "$release"
    cd "$download"
    # What was listed once may be gone from the mirror: the list is renewed then.
    debian_apt download "$@" ||
        { retry debian_apt update && debian_apt download "$@"; } || return 1
    for file in *.deb; do dpkg-deb -x "$file" "$root" || return 1; done
}

# Lists of packages of our own, made from the mirror that this machine uses.
debian_configure() { # release
    local mirror
    APT_HOME=$LOTTY_STATE/tools/apt/$1
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "this machine has no mirror of Debian in its sources"
    mkdir -p "$APT_HOME/lists/partial" "$APT_HOME/cache/archives/partial"
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$mirror" "$1"
        if [ -e "$DEBIAN_KEYS" ]; then printf 'Signed-By: %s\n' "$DEBIAN_KEYS"; fi
    } >"$APT_HOME/debian.sources"
    : >"$APT_HOME/status"
}

readonly DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

debian_mirror() {
    local codename
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk -v release="$codename" '$1 == release && $2 == "main" { print $3; exit }'
}

debian_apt() {
    apt-get -q -o Acquire::Retries=3 -o Dir::Etc::sourcelist="$APT_HOME/debian.sources" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$APT_HOME/lists" -o Dir::State::status="$APT_HOME/status" \
        -o Dir::Cache="$APT_HOME/cache" -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        "$@"
}
