#!/bin/sh
# Proves the package on a booted systemd: install, run, hang, upgrade, remove, purge. Root and systemd-nspawn are needed.
#
#   sh packaging/prove.sh dist/ems-edge_0.1.0+py3.11_amd64.deb
#
# The box is this machine's own system under an overlay in memory: what happens there is gone afterwards, and nothing of
# it is written here. It has a network, /tmp, /run, /dev and processes of its own.
set -eu

[ "$(id -u)" = 0 ] || { echo "prove: needs root" >&2; exit 2; }
nspawn=${NSPAWN:-$(command -v systemd-nspawn)} || { echo "prove: needs systemd-nspawn (package systemd-container)" >&2; exit 2; }
deb=$(readlink -f "$1")
sources=$(cd "$(dirname "$0")/.." && pwd)

if [ "${EMS_PROVE_ALONE:-}" != yes ]; then
    export EMS_PROVE_ALONE=yes NSPAWN="$nspawn"
    exec unshare --mount --propagation private sh "$0" "$deb" # the mounts below are seen by nobody else
fi

work=$(mktemp -d /var/tmp/ems-box.XXXXXX)
group=/sys/fs/cgroup/systemd/ems-box-$$
trap 'umount -R "$work" 2>/dev/null || true; rmdir "$work" 2>/dev/null || true' EXIT
mount -t tmpfs -o size=3g ems-box "$work"
mkdir "$work/upper" "$work/scratch" "$work/root"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/scratch" overlay "$work/root"
root=$work/root

mkdir -p "$root/box"
cp "$deb" "$root/box/"
cp "$sources/packaging/install.sh" "$sources/packaging/prove_inside.sh" "$root/box/"
(cd "$root/box" && sha256sum ./*.deb | sed 's|\./||' >SHA256SUMS)
printf '%s\n' "SOURCES=$sources" >"$root/box/env"
rm -f "$root/etc/systemd/system/default.target"
cat >"$root/etc/systemd/system/box.service" <<END
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh /box/prove_inside.sh
StandardOutput=file:/box/said
StandardError=file:/box/said
ExecStopPost=/bin/sh -c 'echo "\$EXIT_STATUS" >/box/code; systemctl --force exit'
TimeoutStartSec=1000
END
cat >"$root/etc/systemd/system/box.target" <<END
[Unit]
Requires=basic.target box.service
After=basic.target
AllowIsolate=yes
END
for unit in timers.target apt-daily.timer systemd-udevd.service systemd-timesyncd.service getty.target; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
if [ -d /sys/fs/cgroup/systemd ]; then
    mkdir -p "$group"
    echo $$ >"$group/cgroup.procs"
fi
code=0
timeout -k 5 1100 "$nspawn" --quiet --register=no --keep-unit --private-network --resolv-conf=off --timezone=off \
    --link-journal=no --machine=ems-box --console=pipe -D "$root" --boot -- --unit=box.target --log-target=journal \
    >"$work/console" 2>&1 </dev/null || code=$?
cat "$root/box/said" 2>/dev/null || tail -n 30 "$work/console"
if [ -d "$group" ]; then
    echo $$ >/sys/fs/cgroup/systemd/cgroup.procs
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
fi
# a machine with much else to do may need minutes for a step that takes seconds
[ "$(cat "$root/box/code" 2>/dev/null)" = 0 ] || { echo "prove: failed (console: $code)" >&2; exit 1; }
