"""One write by hand, inside the signed limits, held for seconds, and taken back to the commissioned fallback.

The same rules as for a command of the hub: only a point with signed limits and a fallback proven on the
device, never outside the limits, never while the machine is in local mode; written once, read back by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edge_agent.gate.book import tolerance
from edge_agent.settings import Accepted
from protocols.clock import Clock
from protocols.driver import Reading
from protocols.errors import (
    BadAnswerError,
    ConfigError,
    DeviceError,
    DeviceRefusedError,
    PointUnreadableError,
)
from protocols.profile import PointSpec
from protocols.quality import is_good
from protocols.units import Seconds
from protocols.write_block import WriteLimits

_LOOK_S: Final = 0.2
_MOST_S: Final = 5.0


class WriteLines(Protocol):
    """The part of the lines that a write by hand needs; each raises DeviceError."""

    async def read(self, device: str, points: Sequence[str]) -> Reading:
        """Read points."""
        ...

    async def write(self, device: str, point: str, value: float | None) -> None:
        """Write once; None gives the point back."""
        ...

    async def read_back(self, device: str, point: str) -> float | None:
        """Read a set-point by a request of its own; None: our priority slot is empty."""
        ...


@dataclass(frozen=True, slots=True)
class Permit:
    """A write that is allowed.

    Attributes:
        device: The device.
        spec: The set-point.
        limits: Its signed limits.
        value: What is written. [unit of the point]
        local_mode_point: Point that tells local mode; None when the machine has none.
    """

    device: str
    spec: PointSpec
    limits: WriteLimits
    value: float
    local_mode_point: str | None


def permit(accepted: Accepted, device: str, point: str, value: float) -> Permit:
    """Check a write against what was signed and proven, before anything is sent.

    Raises:
        ConfigError: No signed limits, no proof, or a value outside; the message says what to do.
    """
    block = accepted.blocks.get(device)
    if block is None:
        writable = ", ".join(accepted.blocks) or "none"
        raise ConfigError(
            f"{device!r} is read-only: it has no signed limits (devices that have: {writable}); write "
            "them below sites/<site>/write and sign and prove them with `ems edge prove --sign`"
        )
    found = {limits.point: limits for limits in block.points}
    limits = found.get(point)
    if limits is None:
        raise ConfigError(f"{device} has no limits for {point!r}; it has: {', '.join(found)}")
    if device not in accepted.cap_hashes:
        raise ConfigError(f"{device} has no valid fallback proof for these limits; run `ems edge prove`")
    if not limits.low <= value <= limits.high:
        raise ConfigError(
            f"{device}/{point}: found {value:g}; allowed is {limits.low:g} to {limits.high:g} {limits.unit}"
        )
    spec = accepted.site.profile_of(device).point(point)
    return Permit(device, spec, limits, value, block.local_mode_point)


async def write_and_return(
    allowed: Permit, lines: WriteLines, clock: Clock, hold_s: Seconds, tell: Callable[[str], None]
) -> None:
    """Write, see it on the device, hold it, give the point back, and see its fallback.

    Raises:
        DeviceError: The device refused, was silent, or did not do what it must; the point was given back as
            far as it could be reached.
    """
    await _must_be_remote(allowed, lines)
    name, fallback = allowed.spec.name, allowed.limits.fallback.value
    tell(f"{name}: was {_shown(await lines.read_back(allowed.device, name))}")
    try:
        await lines.write(allowed.device, name, allowed.value)
        took_s = await _until(allowed, lines, clock, allowed.value)
        tell(
            f"{name}: {allowed.value:g} {allowed.spec.unit} read back after {took_s:.2f} s, hold {hold_s:g} s"
        )
        await clock.sleep(hold_s)
    except (DeviceError, asyncio.CancelledError):
        await _give_back(allowed, lines, tell)
        raise
    await lines.write(allowed.device, name, fallback)
    took_s = await _until(allowed, lines, clock, fallback)
    tell(f"{name}: given back, reads {_shown(fallback)} after {took_s:.2f} s")


async def _give_back(allowed: Permit, lines: WriteLines, tell: Callable[[str], None]) -> None:
    name, fallback = allowed.spec.name, allowed.limits.fallback.value
    try:
        await lines.write(allowed.device, name, fallback)
    except DeviceError as error:
        tell(f"{name}: could NOT be given back: {error}; set it at the machine")
    else:
        tell(f"{name}: {_shown(fallback)} was written to give it back")


async def _must_be_remote(allowed: Permit, lines: WriteLines) -> None:
    name = allowed.local_mode_point
    if name is None:
        return
    reading = await lines.read(allowed.device, [name])
    if not is_good(int(reading.qualities[0])):
        raise PointUnreadableError(f"{name} cannot be read now, so nothing was written")
    if reading.values[0] != 0:
        raise DeviceRefusedError("the machine is in local mode; switch it to remote and try again")


async def _until(allowed: Permit, lines: WriteLines, clock: Clock, value: float | None) -> Seconds:
    """Time until a separate read shows a value."""
    begin_s = clock.mono_s()
    end_s = begin_s + allowed.limits.settle_s + _MOST_S
    near = tolerance(allowed.limits, allowed.spec)
    while True:
        seen = await lines.read_back(allowed.device, allowed.spec.name)
        now_s = clock.mono_s()
        if seen is value or (seen is not None and value is not None and abs(seen - value) <= near):
            return now_s - begin_s
        if now_s > end_s:
            raise BadAnswerError(f"{allowed.spec.name} reads {_shown(seen)}, not {_shown(value)}")
        await clock.sleep(_LOOK_S)


def _shown(value: float | None) -> str:
    return "empty" if value is None else f"{value:g}"
