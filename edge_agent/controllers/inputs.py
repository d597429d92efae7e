"""The inputs of a local controller as a device: what the gate writes is what the law reads.

It speaks like the driver of any device, so that limits, receipts, read-back, fallback and proof are those of
every set-point; nothing goes over a wire. At the start of the agent an input holds what its file says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from typing_extensions import override

from protocols.device import Device
from protocols.driver import Driver, Reading
from protocols.errors import DeviceRefusedError
from protocols.profile import ControllerAddress, PointSpec, Profile
from protocols.quality import Quality


class InputDriver(Driver):
    """The inputs of one controller."""

    def __init__(self, profile: Profile) -> None:
        self._held = {
            spec.name: spec.address.value
            for spec in profile.points
            if isinstance(spec.address, ControllerAddress)
        }

    @override
    async def open(self) -> None:
        return

    @override
    async def close(self) -> None:
        return

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        values = np.array([self._held[spec.name] for spec in points], np.float64)
        return Reading(values, np.full(len(points), Quality.GOOD, np.uint8))

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        if value is None:
            raise DeviceRefusedError(f"{point.name}: an input of a controller has no slot to empty")
        self._held[point.name] = value

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        return self._held[point.name]


def make_drivers(devices: Mapping[str, tuple[Device, Profile]]) -> dict[str, Driver]:
    """One for each controller."""
    return {name: InputDriver(profile) for name, (_, profile) in devices.items()}
