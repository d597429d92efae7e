"""One field device as its own controller sees it: readings, set-points, watchdog, local switch, fault.

A server writes what arrives on the wire into the device and shows what the device holds; the plant loop takes
the followed set-points out and puts readings in. Neither knows the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from protocols.device import Device
from protocols.point import PointKind
from protocols.profile import PointSpec, Profile
from protocols.units import Seconds

_log = logging.getLogger(__name__)

OWN_CONTROL: Final[Mapping[str, float]] = {
    "role_set_code": 3.0,
    "permit_set_code": 2.0,
    "supply_set_c": 7.0,
    "condenser_set_c": 0.0,
    "power_set_kw": 0.0,
    "limit_set_frac": 1.0,
    "pressure_set_bar_g": 7.0,
}
"""What a set-point register holds while nobody commands the machine: it decides for itself."""

LOCAL_MODE: Final = "local_mode_code"


class Fault(StrEnum):
    """A fault put on a device on request."""

    NONE = "none"
    """Works."""
    SILENT = "silent"
    """Takes requests and never answers."""
    SLOW = "slow"
    """Answers after `SLOW_S`, later than any time-out of the demo."""
    LOCAL = "local"
    """Somebody turned the switch at the machine to local: set-points are stored but not followed."""


SLOW_S: Final[Seconds] = 3.0


class FieldDevice:
    """Registers and switches of one device; all values in the units of its profile's points."""

    def __init__(
        self,
        device: Device,
        profile: Profile,
        now_s: Callable[[], float],
        own_control: Mapping[str, float] = OWN_CONTROL,
    ) -> None:
        self.device = device
        self.profile = profile
        self.readings: dict[str, float] = {}
        self.fault = Fault.NONE
        self._now_s = now_s
        self._own_control = {
            spec.name: own_control[spec.name] for spec in profile.points if spec.kind is PointKind.SETPOINT
        }
        self._setpoints = dict(self._own_control)
        self._fed_s: float | None = None

    @property
    def id(self) -> str:
        """Id part of the device."""
        return self.device.id

    @property
    def local(self) -> bool:
        """Whether the switch at the machine says local."""
        return self.fault is Fault.LOCAL

    def write(self, point: str, value: float) -> None:
        """Take a set-point from the wire; any write feeds the watchdog, one of an equal value too.

        Raises:
            KeyError: The profile has no such set-point.
        """
        self.expire()
        if point not in self._setpoints:
            raise KeyError(point)
        self._setpoints[point] = value
        self._fed_s = self._now_s()

    def expire(self) -> bool:
        """Drop all set-points when the watchdog was not fed for its time; say whether that happened now."""
        watchdog_s = self.profile.watchdog_s
        if watchdog_s is None or self._fed_s is None or self._now_s() - self._fed_s < watchdog_s:
            return False
        _log.info("%s: no set-point for %g s, back to its own control", self.id, watchdog_s)
        self._setpoints = dict(self._own_control)
        self._fed_s = None
        return True

    def value(self, point: str) -> float | None:
        """What the register of a point holds now; None while the device has no reading of it yet."""
        if point == LOCAL_MODE:
            return float(self.local)
        if point in self._setpoints:
            self.expire()
            return self._setpoints[point]
        return self.readings.get(point)

    def raw(self, spec: PointSpec) -> float:
        """The same before the profile's scale and offset; 0 while there is no reading yet."""
        value = self.value(spec.name)
        return 0.0 if value is None else (value - spec.offset) / spec.scale

    def followed(self) -> dict[str, float]:
        """Set-points the machine follows: its own control while the switch says local."""
        self.expire()
        return dict(self._own_control if self.local else self._setpoints)
