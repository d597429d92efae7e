#!/bin/sh
# Makes the secrets of the manifests as files and says how to bring them into the cluster. What is there already stays.
#
#   sh deploy/kubernetes/secrets.sh FOLDER NAME
#
# NAME is what boxes call the bus, as bus.ems.example; the names of three servers with commas. `ems` and openssl have to be on this machine, which should not be
# the hub's: FOLDER/ca.key makes certificates that every box believes; keep it off line, and keep FOLDER for a restore.
set -eu

[ $# = 2 ] || { echo "secrets.sh: give a folder and the name boxes call the bus, as bus.ems.example" >&2; exit 2; }
folder=$1 name=$2
umask 077
mkdir -p "$folder"
cd "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { if [ ! -e "$1" ]; then printf '%s' "$2" >"$1.new"; mv "$1.new" "$1"; fi; }

keep postgres_password "$(random)"
keep pgpass "*:5432:ems:ems:$(cat postgres_password)"
keep influx_admin_password "$(random)"
keep influx_admin_token "$(random)"
keep influx_token "$(cat influx_admin_token)"
keep api_token.key "$(random)"
keep metrics_token "$(random)"
keep senders.yaml "senders: {}" # yours to fill: docs/alarms.md
keep bus_cluster.secret "$(random)"
if [ ! -e hub.nk ]; then ems bus config --state bus.new --keys . >/dev/null && rm -r bus.new; fi
if [ ! -e hub_sign.key ]; then
    python3 -c 'from pathlib import Path; from runtime.keys import create_signing_key; create_signing_key(Path("hub_sign.key"))'
fi

if [ ! -e tls.crt ]; then
    openssl req -x509 -newkey ed25519 -noenc -keyout ca.key -out ca.crt -days 3650 -subj "/CN=EMS CA" 2>/dev/null
    openssl req -newkey ed25519 -noenc -keyout tls.key -out tls.csr -subj "/CN=${name%%,*}" 2>/dev/null
    printf 'subjectAltName=DNS:%s,DNS:ems-bus,DNS:ems-bus-1,DNS:ems-bus-2,DNS:ems-bus-3,DNS:localhost\n' \
        "$(printf '%s' "$name" | sed 's/,/,DNS:/g')" >tls.ext
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -days 825 -extfile tls.ext -out tls.crt 2>/dev/null
    rm tls.csr tls.ext
fi
cp ca.crt bus_ca.pem

cat <<END
The secrets are in $folder. With your own databases put their password and token into pgpass and influx_token first. Then:
kubectl create namespace ems
kubectl -n ems create secret generic ems-bus-login --from-file=hub.nk --from-file=bus_ca.pem
kubectl -n ems create secret generic ems-bus-cluster --from-file=bus_cluster.secret
kubectl -n ems create secret generic ems-signing --from-file=hub_sign.key --from-file=hub_sign.pub
kubectl -n ems create secret generic ems-api --from-file=api_token.key --from-file=metrics_token
kubectl -n ems create secret generic ems-senders --from-file=senders.yaml
kubectl -n ems create secret generic ems-database --from-file=pgpass
kubectl -n ems create secret generic ems-store --from-file=influx_token
kubectl -n ems create secret generic ems-tls --from-file=tls.crt --from-file=tls.key --from-file=ca.crt
kubectl -n ems create secret generic ems-postgres --from-file=postgres_password
kubectl -n ems create secret generic ems-influxdb --from-file=influx_admin_password --from-file=influx_admin_token
END
