"""What the lines count of their calls to one device; read by `metrics`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from protocols.units import Seconds

KEPT: Final = 256
"""Round trips kept for the percentiles of a device."""


@dataclass(slots=True)
class DeviceMeter:
    """Calls to one device, with connecting where that was needed.

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

    def answered(self, took_s: Seconds) -> None:
        """The device said something, if only that it refuses."""
        self.busy_s += took_s
        self.round_trips_s.append(took_s)

    def unanswered(self, took_s: Seconds) -> None:
        """It said nothing that can be used."""
        self.busy_s += took_s
        self.failures += 1
