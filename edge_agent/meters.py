"""What the agent counts about its own work: each call to a device, each poll of a group.

Meters are written on the hot path and read by `metrics`; a count is an addition, nothing is kept a sample.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge_agent.device_meter import KEPT, DeviceMeter
from edge_agent.poll import HandOn, PollGroup
from protocols.clock import Clock
from protocols.driver import Checksummed, Driver, Traffic, Travelled
from protocols.frame import Frame

_NS: Final = 1_000_000_000
_LATE_PERIODS: Final = 1.0
_MISSED_PERIODS: Final = 1.5


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


class Meters:
    """All meters of one agent."""

    def __init__(self, groups: Sequence[PollGroup], clock: Clock) -> None:
        self._clock = clock
        self.devices: dict[str, DeviceMeter] = {group.device: DeviceMeter() for group in groups}
        self.groups: dict[bytes, GroupMeter] = {group.hash: GroupMeter(group) for group in groups}
        self._checksummed: dict[str, Checksummed] = {}
        self._travelled: dict[str, Travelled] = {}

    def watched(self, drivers: Mapping[str, Driver]) -> Mapping[str, Driver]:
        """The same drivers; they are asked what they count themselves."""
        self._checksummed = {name: one for name, one in drivers.items() if isinstance(one, Checksummed)}
        self._travelled = {name: one for name, one in drivers.items() if isinstance(one, Travelled)}
        return drivers

    def crc_errors(self) -> dict[str, int]:
        """Device to the answers without a right checksum on its line, which all its units share."""
        found = {name: one.crc_errors for name, one in self._checksummed.items()}
        return {name: count for name, count in found.items() if count is not None}

    def traffic(self) -> dict[str, Traffic]:
        """Device to what went over its wire, the same object for all that share it; where it is counted."""
        found = {name: one.traffic() for name, one in self._travelled.items()}
        return {name: counts for name, counts in found.items() if counts is not None}

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
