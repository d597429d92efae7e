#!/bin/sh
# Brings bus, stores and keys to where the hub can start; may be run again at any time: what is there stays.
#
#   ems-setup bus     the configuration of the bus, with an account for each of EMS_EDGES and EMS_SPARE more
#   ems-setup hub     tables, buckets, the person `admin`, whose password is printed once
#   ems-setup         both
#
# EMS_SITE, EMS_BUS_ADDRESS, EMS_EDGES (with spaces), EMS_SPARE, EMS_STORE, EMS_STORE_TOKEN_FILE and EMS_DB say what,
# with the options of `ems bus config` in EMS_BUS_OPTIONS: --tls-cert … --tls-key … --tls-ca …, or --plain inside one machine.
set -eu

config=/etc/ems/config
bus=/var/lib/ems/bus hub=/var/lib/ems/hub keys=${EMS_KEYS:-/var/lib/ems/keys} signing=/var/lib/ems/signing

bus() {
    set -- --state "$bus" --keys "$keys" --listen "0.0.0.0:4222" --address "${EMS_BUS_ADDRESS:-bus:4222}"
    for edge in ${EMS_EDGES:-}; do set -- "$@" --edge "$edge"; done
    # options, split at spaces
    # shellcheck disable=SC2086
    ems bus config "$@" --spare "${EMS_SPARE:-4}" ${EMS_BUS_OPTIONS:---plain}
    # the process that signs commands has a folder of keys for itself; its login on the bus is the same
    if [ -d "$signing" ]; then
        for key in hub.nk bus_ca.pem; do
            if [ -e "$keys/$key" ]; then install -m 0600 "$keys/$key" "$signing/$key"; fi
        done
    fi
}

hub() {
    ems hub init --config "$config" --site "${EMS_SITE:-demo}" --state "$hub" --keys "$keys" \
        --store "$EMS_STORE" --store-token-file "$EMS_STORE_TOKEN_FILE" --db "$EMS_DB"
}

case ${1:-all} in
    bus) bus ;;
    hub) hub ;;
    all) bus && hub ;;
    *) echo "ems-setup: $1 is none of bus, hub" >&2; exit 2 ;;
esac
