"""What the agent counts about its own work: each request to a device, each poll of a group.

Meters are written on the hot path and read by `metrics`; a count is an addition, nothing is kept a sample.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from typing_extensions import override

from edge_agent.poll import HandOn, PollGroup
from protocols.clock import Clock
from protocols.driver import Checksummed, Driver, GiveWay, RawCells, Reading, Sharing, Traffic, Travelled
from protocols.errors import DeviceError, DeviceRefusedError
from protocols.frame import Frame
from protocols.profile import PointSpec

KEPT: Final = 256
"""Round trips kept for the percentiles of a device."""

_NS: Final = 1_000_000_000
_LATE_PERIODS: Final = 1.0
_MISSED_PERIODS: Final = 1.5


@dataclass(slots=True)
class DeviceMeter:
    """Calls to one device, as its driver saw them.

    Attributes:
        calls: Reads, writes and read-backs; a read may be several requests on the wire.
        failures: Calls that ended in an error, or were given up by the line.
        busy_s: Time spent in them. [s]
        round_trips_s: The newest ones. [s]
    """

    calls: int = 0
    failures: int = 0
    busy_s: float = 0.0
    round_trips_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass(slots=True)
class GroupMeter:
    """Polls of one group of points.

    Attributes:
        group: The group.
        polls: Frames handed on.
        failed: Those without any number.
        missed: Instants of the grid that were left out.
        late: Frames that came more than a period after their instant.
        cycle_s: Between the last two. [s]
        last_ns: Boot clock of the last one; 0 before it. [ns]
        delays_s: From the instant on the grid to the frame, of the newest ones. [s]
    """

    group: PollGroup
    polls: int = 0
    failed: int = 0
    missed: int = 0
    late: int = 0
    cycle_s: float = 0.0
    last_ns: int = 0
    delays_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))


class MeteredDriver(Driver):
    """A driver whose calls are timed; says and does what the one inside does."""

    def __init__(self, inner: Driver, meter: DeviceMeter, clock: Clock) -> None:
        self._inner = inner
        self._meter = meter
        self._clock = clock

    @override
    def open(self) -> Coroutine[Any, Any, None]:
        return self._inner.open()

    @override
    async def close(self) -> None:
        await self._inner.close()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        with _Timed(self._meter, self._clock):
            return await self._inner.read(points)

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        with _Timed(self._meter, self._clock):
            await self._inner.write(point, value)

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        with _Timed(self._meter, self._clock):
            return await self._inner.read_back(point)


class MeteredSharingDriver(MeteredDriver, Sharing):
    """The same for a driver that can stop between two requests."""

    def __init__(self, inner: Driver, meter: DeviceMeter, clock: Clock) -> None:
        super().__init__(inner, meter, clock)
        self._sharing = inner

    @override
    def share(self, line: GiveWay) -> None:
        if isinstance(self._sharing, Sharing):
            self._sharing.share(line)


class MeteredCellsDriver(MeteredSharingDriver):
    """The same for a protocol with raw cells."""

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        """Bytes of some cells as they came; see `RawCells`."""
        if not isinstance(self._sharing, RawCells):
            raise DeviceRefusedError("this protocol has no raw cells to read; read points instead")
        with _Timed(self._meter, self._clock):
            return await self._sharing.read_raw(table, start, count)


class _Timed:
    def __init__(self, meter: DeviceMeter, clock: Clock) -> None:
        self._meter = meter
        self._clock = clock
        self._begun_s = clock.mono_s()

    def __enter__(self) -> None:
        self._meter.calls += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        took_s = self._clock.mono_s() - self._begun_s
        self._meter.busy_s += took_s
        if kind is None or (isinstance(error, DeviceError) and not error.retry):
            self._meter.round_trips_s.append(took_s)
        if kind is not None:
            self._meter.failures += 1


class Meters:
    """All meters of one agent."""

    def __init__(self, groups: Sequence[PollGroup], clock: Clock) -> None:
        self._clock = clock
        self.devices: dict[str, DeviceMeter] = {group.device: DeviceMeter() for group in groups}
        self.groups: dict[bytes, GroupMeter] = {group.hash: GroupMeter(group) for group in groups}
        self._checksummed: dict[str, Checksummed] = {}
        self._travelled: dict[str, Travelled] = {}

    def on_drivers(self, drivers: Mapping[str, Driver]) -> dict[str, Driver]:
        """The same drivers, timed."""
        self._checksummed = {name: one for name, one in drivers.items() if isinstance(one, Checksummed)}
        self._travelled = {name: one for name, one in drivers.items() if isinstance(one, Travelled)}
        return {name: self._metered(name, driver) for name, driver in drivers.items()}

    def crc_errors(self) -> dict[str, int]:
        """Device to the answers without a right checksum on its line, which all its units share."""
        found = {name: one.crc_errors for name, one in self._checksummed.items()}
        return {name: count for name, count in found.items() if count is not None}

    def traffic(self) -> dict[str, Traffic]:
        """Device to what went over its wire, the same object for all that share it; where it is counted."""
        found = {name: one.traffic() for name, one in self._travelled.items()}
        return {name: counts for name, counts in found.items() if counts is not None}

    def _metered(self, name: str, driver: Driver) -> Driver:
        kind = MeteredSharingDriver if isinstance(driver, Sharing) else MeteredDriver
        if isinstance(driver, RawCells):
            kind = MeteredCellsDriver
        return kind(driver, self.devices.setdefault(name, DeviceMeter()), self._clock)

    def counted(self, hand_on: HandOn) -> HandOn:
        """The same way on for frames, each poll counted."""

        def count(frame: Frame, protocol: str) -> None:
            self.on_frame(frame)
            hand_on(frame, protocol)

        return count

    def on_frame(self, frame: Frame) -> None:
        """Count one poll."""
        meter = self.groups.get(frame.catalogue)
        if meter is None:
            return
        meter.polls += 1
        every_s = meter.group.every_s
        if len(frame.values) and not math.isfinite(frame.values[0]):  # the first tells it nearly always
            meter.failed += not np.isfinite(frame.values).any()
        if meter.last_ns:
            meter.cycle_s = (frame.at.mono_ns - meter.last_ns) / _NS
            if meter.cycle_s > _MISSED_PERIODS * every_s:
                meter.missed += round(meter.cycle_s / every_s) - 1
        delay_s = self._clock.mono_s() - frame.at.mono_ns / _NS
        meter.late += delay_s > _LATE_PERIODS * every_s
        meter.delays_s.append(delay_s)
        meter.last_ns = frame.at.mono_ns
