#!/bin/sh
# Makes the secrets of compose.yaml, each random and for one reader alone; what is there already stays.
#
#   sudo sh deploy/compose/secrets.sh [FOLDER]
#
# Root is needed: each file belongs to the user of the one container that reads it, and to nobody else.
set -eu

folder=${1:-$(dirname "$0")/secrets}
ems=10001 influxdb=1000 grafana=472 prometheus=65534 root=0

[ "$(id -u)" = 0 ] || { echo "secrets.sh: run it as root: sudo sh $0" >&2; exit 1; }
umask 077
mkdir -p "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

keep() { # NAME OWNER VALUE: written whole, and never again
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$3" >"$folder/$1.new"
        chown "$2:$2" "$folder/$1.new"
        chmod 400 "$folder/$1.new"
        mv "$folder/$1.new" "$folder/$1"
        echo "made $folder/$1"
    fi
}

keep postgres_password $root "$(random)"
keep pgpass $ems "postgres:5432:ems:ems:$(cat "$folder/postgres_password")"
keep influx_admin_password $influxdb "$(random)"
keep influx_admin_token $influxdb "$(random)"
keep influx_token $ems "$(cat "$folder/influx_admin_token")"
keep api_token_key $ems "$(random)"
keep metrics_token $ems "$(random)"
keep alarm_senders $ems "senders: {}" # yours to fill: docs/alarms.md
keep prometheus_token $prometheus "$(cat "$folder/metrics_token")"
keep grafana_password $grafana "$(random)"
