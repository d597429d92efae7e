"""A device that is nothing but its profile: usual values that move, set-points that stay as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from typing_extensions import override

from protocols.device import Connection, Device
from protocols.point import PointKind
from protocols.profile import Profile
from protocols.units import Seconds
from simulator.device import LOCAL_MODE, FieldDevice
from simulator.usual import moved, start_value


class ProfileDevice(FieldDevice):
    """One device of a profile; a machine would begin with the same values each time it is switched on."""

    def __init__(
        self, profile: Profile, connection: Connection, now_s: Callable[[], Seconds], *, still: bool = False
    ) -> None:
        self._start: Final = {spec.name: start_value(spec) for spec in profile.points}
        self._still = still
        self._clock_s = now_s
        self._begin_s = now_s()
        device = Device(id=profile.id, label=profile.label, profile=profile.id, connection=connection)
        super().__init__(device, profile, now_s, self._start)

    @override
    def value(self, point: str) -> float | None:
        """What a point holds now; measurements and counters stand where the device was told to keep still.

        Raises:
            KeyError: The profile has no such point.
        """
        spec = self.profile.point(point)
        if spec.kind is PointKind.SETPOINT or point == LOCAL_MODE:
            return super().value(point)
        seconds = 0.0 if self._still else self._clock_s() - self._begin_s
        return moved(spec, self._start[point], seconds)
