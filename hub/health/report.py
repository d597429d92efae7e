"""What a role tells of itself every few seconds: figures, and work that fails again and again."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack
from nats.aio.client import Client

from hub.health.meter import Family, Meter, unpacked
from protocols.clock import Clock
from protocols.errors import ContractError
from protocols.subjects import event
from runtime.keys import read_private, write_private
from runtime.supervise import failing

_log = logging.getLogger(__name__)

KIND: Final = "role"
"""Last part of the subject that reports travel on."""

EVERY_S: Final = 5.0
"""How often a role reports. [s]"""

TOKEN_FILE: Final = "metrics_token"  # noqa: S105  name of a file
"""In the hub's folder."""

VERSION: Final = 1
_RECENT_S: Final = 15.0
_MOST_BYTES: Final = 1_000_000

Collect = Callable[[Meter], Awaitable[None]]
"""Puts figures of this moment into a meter."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one process of the hub says.

    Attributes:
        role: Its role.
        instance: Which process, as `host:pid`.
        failures: Name of a piece of work that fails, and why.
        families: Its figures.
    """

    role: str
    instance: str
    failures: dict[str, str]
    families: tuple[Family, ...]

    def encode(self) -> bytes:
        """Pack it."""
        families = [family.packed() for family in self.families]
        return bytes(msgpack.packb([VERSION, self.role, self.instance, self.failures, families]))


def decode_report(data: bytes) -> Report:
    """Read a report back.

    Raises:
        ContractError: It is none of a known version.
    """
    try:
        version, role, instance, failures, families = msgpack.unpackb(data)
        if version != VERSION or len(data) > _MOST_BYTES:
            raise ContractError("a report of a role of an unknown version, or far too long")
        found = {str(name): str(why) for name, why in failures.items()}
        return Report(str(role), str(instance), found, tuple(unpacked(one) for one in families))
    except (ValueError, TypeError, AttributeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a report of a role") from error


def failures_now() -> dict[str, str]:
    """Work of this process that failed twice or more, the last time a moment ago."""
    now_s = time.monotonic()
    return {
        name: one.why for name, one in failing.items() if one.in_a_row > 1 and now_s - one.at_s < _RECENT_S
    }


def own_instance() -> str:
    """This process among all of the hub."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Reporter:
    """Tells of one process over the bus until cancelled."""

    def __init__(
        self, role: str, place: tuple[Client, str], clock: Clock, meter: Meter, collect: Collect
    ) -> None:
        self._role = role
        self._bus, self._site = place
        self._clock = clock
        self._meter = meter
        self._collect = collect

    async def run(self) -> None:
        """Report every `EVERY_S`; a figure that cannot be had now is left as it was."""
        async for _ in self._clock.ticks(EVERY_S):
            put_process(self._meter)
            await self._collect(self._meter)
            report = Report(self._role, own_instance(), failures_now(), tuple(self._meter.families()))
            if self._bus.is_connected:
                await self._bus.publish(event(self._site, KIND), report.encode())


def open_token(state: Path) -> str:
    """The token that lets Prometheus read the figures from another machine; made at the first start.

    Raises:
        KeyFileError: Others can read its file, or it cannot be written.
    """
    file = state / TOKEN_FILE
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).encode())
    return read_private(file).decode("ascii", errors="replace").strip()


def put_process(meter: Meter) -> None:
    """Memory and processor time of this process."""
    times = os.times()
    meter.put("cpu_seconds", "Processor time since the start.", times.user + times.system)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    meter.put("resident_bytes", "Memory of the process.", float(pages * os.sysconf("SC_PAGE_SIZE")))


def put_folder(meter: Meter, state: Path) -> None:
    """Sizes of what lies in the hub's folder, and how much room there is."""
    sizes: dict[str, Any] = {path.name: path.stat().st_size for path in state.glob("*.db*") if path.is_file()}
    sizes["series"] = sum(path.stat().st_size for path in (state / "series").rglob("*") if path.is_file())
    for name, size in sizes.items():
        meter.put("store_bytes", "Size of a part of the store.", size, part=name)
    disk = os.statvfs(state)
    meter.put("disk_free_bytes", "Room on the disk of the hub's folder.", disk.f_bavail * disk.f_frsize)
    meter.put("disk_bytes", "Size of that disk.", disk.f_blocks * disk.f_frsize)
