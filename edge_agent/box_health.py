"""What of the box itself could keep the agent from its work: clock, disk, flash, serial and local ports."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from protocols.clock import Clock
from protocols.device import Device, ModbusSerial
from runtime.clock import NS, iso_utc

Verdict = Literal["ok", "look", "bad"]

_PLAUSIBLE_S: Final = 1_577_836_800
_LOW_DISK_BYTES: Final = 500_000_000
_WORN: Final = 8
"""Life-time estimate of an eMMC in tenths (JEDEC 84-B51, EXT_CSD 268): 80 to 90 % used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        what: What was looked at.
        verdict: `ok`, `look` (works, but not for long or not well) or `bad` (does not work).
        found: What was found.
        do: What to do; empty when ok.
    """

    what: str
    verdict: Verdict
    found: str
    do: str = ""


def check_clock(clock: Clock, *, synced: bool) -> Finding:
    """Whether the wall clock can be right and something keeps it so."""
    wall_ns = clock.now().wall_ns
    if wall_ns < _PLAUSIBLE_S * NS:
        do = "set the time (`timedatectl set-time`) or let the box reach a time server; samples are kept"
        return Finding("clock", "bad", f"it says {iso_utc(wall_ns)}", do)
    if not synced:
        do = "`timedatectl set-ntp true`, and let UDP port 123 out; until then the hub puts the times right"
        return Finding("clock", "look", f"{iso_utc(wall_ns)}, but no time source keeps it", do)
    return Finding("clock", "ok", f"{iso_utc(wall_ns)}, kept by a time source")


def check_state(state: Path) -> Iterator[Finding]:
    """Whether the state folder can be written and has room."""
    there = next((folder for folder in (state, *state.parents) if folder.exists()), Path("/"))
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding("state", "bad", f"{there} cannot be written by {_user()}", f"chown {_user()} {there}")
        return
    free = shutil.disk_usage(there).free
    found = f"{free / 1e9:.1f} GB free at {there}"
    if free < _LOW_DISK_BYTES:
        do = "free some space, or start with a smaller --journal-mb; 1,000 points/s are 0.4 GB a day"
        yield Finding("disk", "bad", found, do)
    else:
        yield Finding("disk", "ok", found)


def check_flash(sys_block: Path = Path("/sys/block")) -> Iterator[Finding]:
    """Wear of the box's storage, where it tells; always at least one finding."""
    told = False
    for chip in sorted(file.parent for file in sys_block.glob("mmcblk*/device/type")):
        told = True
        yield _wear(chip)
    if not told:
        yield Finding("flash wear", "ok", "no eMMC or SD card here; disks tell it to `smartctl -a`")


def _wear(chip: Path) -> Finding:
    name, life_time = chip.parent.name, chip / "life_time"
    worst = 0
    if life_time.exists():
        worst = max((int(part, 16) for part in life_time.read_text(encoding="ascii").split()), default=0)
    if not worst:
        kind = (chip / "type").read_text(encoding="ascii").strip()
        do = "use an industrial card or eMMC, and watch disk_written_bytes_total; keep a copy of the box"
        return Finding("flash wear", "look", f"{name}: this {kind} does not tell how worn it is", do)
    found = f"{name}: about {worst * 10} % of its writes are used"
    if worst >= _WORN:
        return Finding(
            "flash wear", "look", found, "plan to replace the box; keep a copy of its state folder"
        )
    return Finding("flash wear", "ok", found)


def check_serial(devices: tuple[Device, ...]) -> Iterator[Finding]:
    """Whether each serial port is there and may be used."""
    ports = {device.connection.port for device in devices if isinstance(device.connection, ModbusSerial)}
    for port in sorted(ports):
        path = Path(port)
        if not path.exists():
            seen = ", ".join(sorted(str(found) for found in Path("/dev/serial/by-id").glob("*"))) or "none"
            do = f"plug the adapter in, or name another port in the site file; adapters here: {seen}"
            yield Finding(f"serial {port}", "bad", "it is not there", do)
        elif not os.access(path, os.R_OK | os.W_OK):
            group = grp.getgrgid(path.stat().st_gid).gr_name
            do = f"`usermod -aG {group} {_user()}`, then start the agent again"
            yield Finding(f"serial {port}", "bad", f"{_user()} may not use it", do)
        else:
            yield Finding(f"serial {port}", "ok", "it is there and may be used")


def check_port(port: int, *, running: bool) -> Iterator[Finding]:
    """Whether the fixed port of metrics and local page is free for an agent that does not run yet."""
    if not port or running:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            do = f"`ss -ltnp sport = :{port}` names who has it; or give --metrics-port another one"
            yield Finding(f"port {port}", "bad", "another program has the port of metrics and local page", do)
            return
    yield Finding(f"port {port}", "ok", "free for metrics and local page")


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
