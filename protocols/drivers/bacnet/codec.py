"""Points of a profile ↔ objects on the wire, raw numbers → values with a quality; pure.

Status flags speak before the number does: a fault makes it bad; out of service or overridden makes it
doubtful (it no longer follows its input); an alarm leaves it good (the process is wrong, not the reading).

Source: ANSI/ASHRAE 135-2020, clauses 12 (status flags, reliability), 19.2 (priority array), 20.2 (encoding).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from protocols.driver import Reading
from protocols.drivers.bacnet.multiple import Rows
from protocols.drivers.bacnet.services import TYPES
from protocols.drivers.bacnet.tags import DataType, ObjectId, application
from protocols.drivers.bacnet.values import NULL, Flag, encoded_enumerated, encoded_integer, encoded_unsigned
from protocols.errors import DeviceRefusedError
from protocols.profile import BacnetAddress, PointSpec
from protocols.quality import Quality

RELIABILITY: Final[dict[int, tuple[str, Quality]]] = {
    0: ("no fault detected", Quality.BAD_DEVICE),
    1: ("no sensor", Quality.BAD_DEVICE),
    2: ("over range", Quality.BAD_RANGE),
    3: ("under range", Quality.BAD_RANGE),
    4: ("open loop", Quality.BAD_DEVICE),
    5: ("shorted loop", Quality.BAD_DEVICE),
    6: ("no output", Quality.BAD_DEVICE),
    7: ("unreliable, no other reason", Quality.BAD_DEVICE),
    8: ("process error", Quality.BAD_DEVICE),
    9: ("multi-state fault", Quality.BAD_DEVICE),
    10: ("configuration error", Quality.BAD_DEVICE),
    12: ("communication failure", Quality.BAD_UNREACHABLE),
    13: ("member fault", Quality.BAD_DEVICE),
    24: ("referenced object fault", Quality.BAD_DEVICE),
}
"""Reliability of an object whose fault flag is set: in words, and as a quality."""

_DOUBTFUL: Final = Flag.OVERRIDDEN | Flag.OUT_OF_SERVICE
_F32_MOST: Final = float(np.finfo(np.float32).max)
_I32_MOST: Final = 2**31 - 1
_U32_MOST: Final = 2**32 - 1


def bacnet_address(spec: PointSpec) -> BacnetAddress:
    """Address of a point of a BACnet profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, BacnetAddress):
        raise DeviceRefusedError("this point has no BACnet address", point=spec.name)
    return spec.address


def object_of(spec: PointSpec) -> ObjectId:
    """Object of a point.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    at = bacnet_address(spec)
    return ObjectId(TYPES[at.object], at.instance)


class Scaling:
    """Raw numbers and flags of some points → values in their units and qualities, all at once."""

    def __init__(self, points: Sequence[PointSpec]) -> None:
        self._scale = np.array([spec.scale for spec in points])
        self._offset = np.array([spec.offset for spec in points])
        self._low = np.array([-math.inf if spec.low is None else spec.low for spec in points])
        self._high = np.array([math.inf if spec.high is None else spec.high for spec in points])
        self._absent = [(at, spec.not_available) for at, spec in enumerate(points) if spec.not_available]

    def judge(self, rows: Rows, reliability: Mapping[int, int] | None = None) -> Reading:
        """Judge one answer; `reliability` has the code of rows with a fault flag, where it is known."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = rows.values * self._scale + self._offset
        absent = ~np.isfinite(values)
        for at, codes in self._absent:
            absent[at] |= rows.values[at] in codes
        verdict = np.where(rows.flags & _DOUBTFUL, Quality.UNCERTAIN_DEVICE, Quality.GOOD).astype(np.uint8)
        verdict[(values < self._low) | (values > self._high)] = Quality.BAD_RANGE
        verdict[absent] = Quality.BAD_NOT_AVAILABLE
        for at in np.flatnonzero(rows.flags & Flag.FAULT).tolist():
            code = (reliability or {}).get(at, 0)
            verdict[at] = RELIABILITY.get(code, ("", Quality.BAD_DEVICE))[1]
        failed = rows.qualities != Quality.GOOD
        verdict[failed] = rows.qualities[failed]
        values[verdict >= Quality.BAD_UNREACHABLE] = math.nan
        return Reading(values, verdict)


def encode_number(spec: PointSpec, value: float | None) -> bytes:
    """Property value of a set-point in the unit of the point; None becomes null.

    Raises:
        DeviceRefusedError: Not finite, or it does not fit the type of the object.
    """
    if value is None:
        return NULL
    raw = (value - spec.offset) / spec.scale
    kind = bacnet_address(spec).object
    if not math.isfinite(raw) or (kind.startswith("analog") and abs(raw) > _F32_MOST):
        raise DeviceRefusedError(f"{value} cannot be written", point=spec.name)
    if kind == "large-analog-value":
        return application(DataType.DOUBLE, struct.pack(">d", raw))
    if kind.startswith("analog"):
        return application(DataType.REAL, struct.pack(">f", raw))
    return _encoded_whole(spec, kind, round(raw))


def _encoded_whole(spec: PointSpec, kind: str, whole: int) -> bytes:
    if kind == "integer-value" and -_I32_MOST <= whole <= _I32_MOST:
        return encoded_integer(whole)
    binary = kind.startswith("binary")
    if not 0 <= whole <= (1 if binary else _U32_MOST):
        raise DeviceRefusedError(f"raw value {whole} does not fit a {kind}", point=spec.name)
    return encoded_enumerated(whole) if binary else encoded_unsigned(whole)
