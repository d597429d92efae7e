#!/bin/sh
# Sets up the edge on a Debian or Ubuntu box; may be run again at any time, also to upgrade.
#
#   sh install.sh --from FOLDER_OR_ADDRESS [--site site.yaml] [--bus nats://HOST:4222] [--keys FOLDER]
#   curl -fsS ADDRESS/install.sh | sudo sh -s -- --from ADDRESS --site site.yaml
#   sh install.sh --uninstall [--purge]
#
# --from     where the packages and SHA256SUMS lie (made by `make deb`), or one .deb file
# --site     device list of this edge, as `ems edge init` writes it; one that is there already is kept
# --replace-site   take the given device list although there is another one
# --bus      address of the plant bus
# --keys     folder with this edge's keys (<edge>.nk, hub_sign.pub, commissioning.pub, config_sign.pub)
# --uninstall      take the program away; settings, journal and keys stay. --purge takes these too
set -eu

config=/etc/ems/config
settings=/etc/ems/edge.env
state=/var/lib/ems-edge
need_mb=700

say() { printf '%s\n' "ems-edge: $*"; }
fail() { printf '%s\n' "ems-edge: $*" >&2; exit 1; }

options() {
    from='' site='' bus='' keys='' replace='' uninstall='' purge=''
    while [ $# -gt 0 ]; do
        case $1 in
            --from | --site | --bus | --keys)
                [ $# -ge 2 ] || fail "$1 needs a value after it"
                case $1 in
                    --from) from=${2%/} ;;
                    --site) site=$2 ;;
                    --bus) bus=$2 ;;
                    --keys) keys=$2 ;;
                esac
                shift ;;
            --replace-site) replace=yes ;;
            --uninstall) uninstall=yes ;;
            --purge) purge=yes ;;
            *) fail "$1 is no option; there are --from, --site, --replace-site, --bus, --keys, --uninstall, --purge" ;;
        esac
        shift
    done
}

check_box() {
    [ "$(id -u)" = 0 ] || fail "this sets up a service; run it as root (sudo sh install.sh …)"
    command -v dpkg >/dev/null || fail "this is no Debian or Ubuntu; build an environment with pip instead: docs/running-an-edge.md"
    arch=$(dpkg --print-architecture)
    case $arch in
        amd64 | arm64) ;;
        *) fail "there is no package for $arch; there are amd64 and arm64 (a 32-bit system on a 64-bit box: set up the 64-bit one)" ;;
    esac
}

check_room() {
    python=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        fail "Python is missing; \`apt-get install python3\`, then again"
    case $python in
        3.[0-9] | 3.10 | 2.*) fail "Python $python is too old, 3.11 or newer is needed: Debian 12, Ubuntu 24.04 or newer" ;;
    esac
    for folder in /opt /var; do
        free_mb=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
        [ "$free_mb" -ge "$need_mb" ] || fail "$folder has $free_mb MB free, $need_mb MB are needed; free some space, then again"
    done
}

load() { # ADDRESS FILE
    if command -v curl >/dev/null; then
        curl -fsS --retry 3 -o "$2" "$1"
    elif command -v wget >/dev/null; then
        wget -q -O "$2" "$1"
    else
        fail "neither curl nor wget is here; copy the .deb to the box and give it with --from"
    fi || fail "$1 cannot be loaded; check the address and the network, or copy the .deb to the box and give it with --from"
}

find_package() { # sets deb
    case $from in
        *.deb)
            [ -f "$from" ] || fail "$from is not there"
            deb=$from
            return ;;
        *://*) load "$from/SHA256SUMS" "$work/SHA256SUMS" ;;
        *)
            [ -f "$from/SHA256SUMS" ] || fail "$from/SHA256SUMS is missing; \`make deb\` writes it beside the packages"
            cp "$from/SHA256SUMS" "$work/SHA256SUMS" ;;
    esac
    name=$(awk '{print $2}' "$work/SHA256SUMS" | grep "^ems-edge_.*+py${python}_${arch}\.deb\$" | sort -V | tail -n 1)
    [ -n "$name" ] || fail "$from has no package for $arch and Python $python; \`make deb ARCH=$arch PY=$python\` makes one"
    deb=$work/$name
    case $from in
        *://*) load "$from/$name" "$deb" ;;
        *) cp "$from/$name" "$deb" ;;
    esac
    (cd "$work" && grep " $name\$" SHA256SUMS | sha256sum --check --quiet --strict) >/dev/null 2>&1 ||
        fail "$name is not as SHA256SUMS says: it was damaged or changed on the way; nothing was installed"
}

place_site() {
    [ -f "$site" ] || fail "$site is not there; \`ems edge init\` writes a device list"
    site_id=$(sed -n 's/^site:[[:space:]]*\([A-Za-z0-9_-]*\)[[:space:]]*$/\1/p' "$site")
    edge_id=$(sed -n 's/^edge:[[:space:]]*\([A-Za-z0-9_-]*\)[[:space:]]*$/\1/p' "$site")
    [ -n "$site_id" ] && [ -n "$edge_id" ] || fail "$site names no site: and no edge: at the start of a line; see docs/connect-first-device.md"
    place=$config/sites/$site_id/$edge_id.yaml
    if [ -e "$place" ] && ! cmp -s "$site" "$place" && [ -z "$replace" ]; then
        say "$place is kept as it is; --replace-site takes $site instead"
    else
        mkdir -p "$config/sites/$site_id"
        cp "$site" "$place"
        chmod 644 "$place"
    fi
    set_to EMS_SITE "$site_id"
    set_to EMS_EDGE "$edge_id"
}

set_to() { # NAME VALUE
    [ -f "$settings" ] || (umask 077 && touch "$settings")
    if grep -q "^$1=" "$settings"; then
        escaped=$(printf '%s' "$2" | sed 's/[&|\\]/\\&/g')
        sed -i "s|^$1=.*|$1=$escaped|" "$settings"
    else
        printf '%s=%s\n' "$1" "$2" >>"$settings"
    fi
}

install_package() {
    was=$(dpkg-query -W -f '${Version}' ems-edge 2>/dev/null || true)
    export DEBIAN_FRONTEND=noninteractive
    # what was changed at the box stays as it is
    dpkg --force-confold --force-confdef --install "$deb" >"$work/dpkg.log" 2>&1 || {
        command -v apt-get >/dev/null && apt-get install -y -q -f >>"$work/dpkg.log" 2>&1 &&
            [ "$(dpkg-query -W -f '${db:Status-Status}' ems-edge 2>/dev/null)" = installed ]
    } || { tail -n 5 "$work/dpkg.log" >&2; fail "the package was not installed; what dpkg said stands above"; }
    now=$(dpkg-query -W -f '${Version}' ems-edge)
    if [ -z "$was" ]; then say "version $now is installed"
    elif [ "$was" = "$now" ]; then say "version $now is installed anew"
    else say "version $now is installed, $was before; settings, journal and keys are as they were"; fi
}

place_keys() {
    [ -d "$keys" ] || fail "$keys is no folder"
    for key in "$keys"/*.nk "$keys"/*.pub; do
        if [ -f "$key" ]; then
            install -o ems-edge -g ems-edge -m 600 "$key" "$state/keys/${key##*/}"
        fi
    done
}

finish() {
    site_id=$(sed -n 's/^EMS_SITE=//p' "$settings")
    edge_id=$(sed -n 's/^EMS_EDGE=//p' "$settings")
    if [ ! -e "$config/sites/$site_id/$edge_id.yaml" ]; then
        say "no device list yet. Next: ems edge init --config $config --site $site_id --edge $edge_id"
        return
    fi
    ems edge check --config "$config" --site "$site_id" --edge "$edge_id" --state "$state" --keys "$state/keys" ||
        fail "the device list has faults, they stand above; the agent was not started"
    if [ ! -e "$state/keys/$edge_id.nk" ]; then
        say "$state/keys/$edge_id.nk is missing. Next: \`ems bus token $edge_id\` at the hub, \`sudo ems edge join TOKEN\` here"
    elif [ -d /run/systemd/system ]; then
        systemctl restart ems-edge || fail "the agent does not start; \`journalctl -u ems-edge -n 20\` says why"
        say "the agent runs. Look: ems doctor; ems edge top --state $state"
    else
        say "systemd does not run here, so the agent was not started; it starts with the box"
    fi
}

remove() {
    if ! dpkg-query -W ems-edge >/dev/null 2>&1; then
        say "is not installed"
    elif [ -n "$purge" ]; then
        dpkg --purge ems-edge >/dev/null
        say "the program, settings, journal and keys are gone"
    else
        dpkg --remove ems-edge >/dev/null
        say "the program is gone; /etc/ems and $state stay (--uninstall --purge takes them)"
    fi
}

main() {
    options "$@"
    check_box
    if [ -n "$uninstall" ]; then
        remove
        return
    fi
    [ -n "$from" ] || fail "give --from: a folder or address with the packages and SHA256SUMS, or a .deb file"
    check_room
    [ -z "$site" ] || [ -f "$site" ] || fail "$site is not there; nothing was changed"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    find_package
    install_package
    [ -z "$site" ] || place_site
    [ -z "$bus" ] || set_to EMS_BUS "$bus"
    [ -z "$keys" ] || place_keys
    finish
}

main "$@" # the last line: a script that was cut on its way does nothing
