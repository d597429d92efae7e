#!/bin/sh
# Runs in the box of prove.sh, below a systemd that booted there. Each step says what was seen; the first that fails ends it.
set -eu

# shellcheck source=/dev/null
. /box/env
here=/box
step() { printf '%s\n' "ok: $*"; }
fail() { printf '%s\n' "FAILED: $*"; journalctl -u ems-edge -n 25 --no-pager 2>/dev/null || true; exit 1; }
until_true() { # SECONDS WHAT COMMAND...
    limit=$1 what=$2
    shift 2
    waited=0
    while ! "$@" >/dev/null 2>&1; do
        waited=$((waited + 1))
        [ "$waited" -le $((limit * 5)) ] || fail "$what, not within $limit s"
        sleep 0.2
    done
}
property() { systemctl show -P "$1" ems-edge; }
samples() { ems edge top --once --state /var/lib/ems-edge | sed -n 's/^\([0-9,]*\) samples.*/\1/p' | tr -d ,; }
polls_more_than() { [ "$(samples)" -gt "$1" ]; }
is_active() { [ "$(property ActiveState)" = active ]; }
pid_changed() { [ "$(property MainPID)" != "$1" ] && [ "$(property MainPID)" != 0 ]; }

ip link set lo up
until_true 30 "systemd is up" sh -c 'systemctl is-active basic.target'
step "systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') runs as process 1: $(cat /proc/1/comm)"

sh $here/install.sh --from $here >$here/first.log 2>&1 || { cat $here/first.log; fail "the first installation"; }
grep -q "Next: ems edge init" $here/first.log || fail "the next command is not said"
systemctl start ems-edge
[ "$(property ActiveState)" = inactive ] && [ "$(property ConditionResult)" = no ] || fail "it started without a device list"
getent passwd ems-edge >/dev/null || fail "there is no user"
step "installed; not started without a device list; the next command is said"

cd "$SOURCES" # meters of the benchmarks, which end with their input
tail -f /dev/null | .venv/bin/python -m benchmarks.edge_farm 2 250 >$here/port 2>$here/farm.log &
farm=$!
cd $here
until_true 20 "the meters answer" test -s $here/port
port=$(cat $here/port)
mkdir -p $here/keys
/opt/ems-edge/bin/ems bus run --state $here/bus --keys $here/keys --port 4222 --edge edge1 >$here/bus.log 2>&1 &
bus=$!
until_true 20 "the bus has made the key" test -s $here/keys/edge1.nk
ems edge init --config /etc/ems/config --site box --edge edge1 --device "m1=eastron_sdm630@127.0.0.1:$port#1" \
    --device "m2=eastron_sdm630@127.0.0.1:$port#2" >/dev/null
cp /etc/ems/config/sites/box/edge1.yaml $here/site.yaml
sh $here/install.sh --from $here --site $here/site.yaml --keys $here/keys >$here/second.log 2>&1 || { cat $here/second.log; fail "the second installation"; }
until_true 30 "the agent says it is ready" is_active
until_true 30 "samples come" polls_more_than 100
pid=$(property MainPID)
step "runs as $(ps -o user= -p "$pid"), $(samples) samples, $(awk '/VmRSS/ {print int($2 / 1000)}' "/proc/$pid/status") MB, no_new_privs $(awk '/NoNewPrivs/ {print $2}' "/proc/$pid/status"), seccomp $(awk '/^Seccomp:/ {print $2}' "/proc/$pid/status"), capabilities $(awk '/CapEff/ {print $2}' "/proc/$pid/status")"
nsenter -t "$pid" -m sh -c '! touch /etc/x 2>/dev/null && ! touch /opt/ems-edge/x 2>/dev/null' || fail "the agent's tree can be written"
step "its tree is read-only but for its state folder"

kill -STOP "$pid"
until_true 40 "the watchdog ends an agent that stands" pid_changed "$pid"
until_true 30 "it is ready again" is_active
step "an agent that stood was ended by the watchdog and started anew: $(journalctl -u ems-edge --no-pager | grep -o "result 'watchdog'" | tail -n 1)"

size=$(stat -c %s /var/lib/ems-edge/journal.db)
echo "# a note of the technician" >>/etc/ems/edge.env
pid=$(property MainPID)
sh $here/install.sh --from $here --site $here/site.yaml >$here/third.log 2>&1 || { cat $here/third.log; fail "the upgrade"; }
grep -q "a note of the technician" /etc/ems/edge.env || fail "an upgrade took the settings"
[ "$(stat -c %s /var/lib/ems-edge/journal.db)" -ge "$size" ] || fail "an upgrade took the journal"
pid_changed "$pid" || fail "an upgrade did not restart the agent"
until_true 30 "samples come after the upgrade" polls_more_than 10
step "installed again: settings and journal kept, agent restarted"

sh $here/install.sh --uninstall >/dev/null
[ -d /var/lib/ems-edge ] && [ -f /etc/ems/edge.env ] && [ ! -e /opt/ems-edge ] || fail "removing: $(ls -d /opt/ems-edge/* 2>/dev/null)"
[ "$(property ActiveState)" = inactive ] || fail "removed, but the agent runs"
step "removed: the program is gone, settings, journal and keys stay"
dpkg --purge ems-edge >$here/purge.log 2>&1 || { cat $here/purge.log; fail "purging"; }
for left in /etc/ems /var/lib/ems-edge /opt/ems-edge /usr/bin/ems /usr/lib/systemd/system/ems-edge.service; do
    [ ! -e $left ] || fail "$left is left after purging"
done
! getent passwd ems-edge >/dev/null || fail "the user is left"
step "purged: nothing is left"
kill "$farm" "$bus"
