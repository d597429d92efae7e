#!/bin/sh
# Brings bus, stores and keys to where the hub can start; may be run again at any time: what is there stays.
#
#   ems-setup bus     the configuration of the bus, with an account for each of EMS_EDGES and EMS_SPARE more
#   ems-setup hub     tables, buckets, the person `admin`, whose password is printed once
#   ems-setup         both
#   ems-setup server  a further server of the bus, until it is ended: it follows the register of the one where boxes join
#
# EMS_SITE, EMS_BUS_ADDRESS, EMS_EDGES (with spaces), EMS_SPARE, EMS_STORE, EMS_STORE_TOKEN_FILE and EMS_DB say what,
# with the options of `ems bus config` in EMS_BUS_OPTIONS: --tls-cert … --tls-key … --tls-ca …, or --plain inside one machine.
# A server of several has a name of its own in EMS_BUS_SERVER and the routes in EMS_BUS_OPTIONS; a further one finds the
# register in EMS_FOLLOW, a file or what `ems-register serve` offers, and looks there each EMS_FOLLOW_S seconds.
set -eu

config=/etc/ems/config
bus=/var/lib/ems/bus hub=/var/lib/ems/hub keys=${EMS_KEYS:-/var/lib/ems/keys} signing=/var/lib/ems/signing

bus() {
    set -- --state "$bus" --keys "$keys" --listen "${EMS_BUS_LISTEN:-0.0.0.0:4222}" \
        --address "${EMS_BUS_ADDRESS:-bus:4222}"
    if [ -n "${EMS_BUS_SERVER:-}" ]; then set -- "$@" --cluster-server "$EMS_BUS_SERVER"; fi
    for edge in ${EMS_EDGES:-}; do set -- "$@" --edge "$edge"; done
    # options, split at spaces
    # shellcheck disable=SC2086
    ems bus config "$@" --spare "${EMS_SPARE:-4}" ${EMS_BUS_OPTIONS:---plain}
    # the process that signs commands has a folder of keys for itself; its login on the bus is the same
    if [ -w "$signing" ]; then
        for key in hub.nk bus_ca.pem; do
            if [ -e "$keys/$key" ]; then install -m 0600 "$keys/$key" "$signing/$key"; fi
        done
    fi
}

follow() {
    register=$EMS_FOLLOW
    case $register in
        https://*)
            ems-register fetch "$EMS_FOLLOW" "$keys/bus_ca.pem" /tmp/bus.json || return
            register=/tmp/bus.json ;;
    esac
    ems bus follow "$register" --state "$bus"
}

# who may log in is known before the first start; later the server runs also while the first one is away
server() {
    EMS_EDGES='' EMS_SPARE=0 bus
    if [ ! -e "$bus/followed" ]; then
        until follow; do sleep 2; done
        touch "$bus/followed"
    fi
    while sleep "${EMS_FOLLOW_S:-30}"; do follow || true; done &
    exec ems bus run --state "$bus" --keys "$keys"
}

hub() {
    ems hub init --config "$config" --site "${EMS_SITE:-demo}" --state "$hub" --keys "$keys" \
        --store "$EMS_STORE" --store-token-file "$EMS_STORE_TOKEN_FILE" --db "$EMS_DB"
}

case ${1:-all} in
    bus) bus ;;
    hub) hub ;;
    all) bus && hub ;;
    server) server ;;
    *) echo "ems-setup: $1 is none of bus, hub, server" >&2; exit 2 ;;
esac
