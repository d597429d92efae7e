"""OPC UA values ↔ numbers with a quality and a source time: pure.

Source: OPC UA Part 4, section 7.39 (StatusCode: severity in bits 31–30, sub-code in 29–16, the rest is extra
information) and section 7.11 (DataValue); Part 8, annex A (what the codes say of a process value).
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from protocols.drivers.judge import judge
from protocols.errors import DeviceRefusedError
from protocols.profile import OpcuaAddress, PointSpec
from protocols.quality import Quality, is_bad
from protocols.source_time import LATEST_NS

_TYPES: Final = {
    "double": ua.VariantType.Double,
    "float": ua.VariantType.Float,
    "int64": ua.VariantType.Int64,
    "uint64": ua.VariantType.UInt64,
    "int32": ua.VariantType.Int32,
    "uint32": ua.VariantType.UInt32,
    "int16": ua.VariantType.Int16,
    "uint16": ua.VariantType.UInt16,
    "sbyte": ua.VariantType.SByte,
    "byte": ua.VariantType.Byte,
    "boolean": ua.VariantType.Boolean,
}
TYPE_NAMES: Final = {variant.value: name for name, variant in _TYPES.items()}
"""Number of the built-in data type to the name of it in a profile."""

_BOUNDS: Final = {
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "sbyte": (-(2**7), 2**7 - 1),
    "byte": (0, 2**8 - 1),
    "boolean": (0, 1),
}
_CODE: Final = 0xFFFF0000
"""Severity and sub-code; the low half holds limit bits, overflow and the like."""

_BY_CODE: Final = {
    code: quality
    for quality, codes in {
        Quality.BAD_REFUSED: (
            StatusCodes.BadNodeIdUnknown,
            StatusCodes.BadNodeIdInvalid,
            StatusCodes.BadAttributeIdInvalid,
            StatusCodes.BadNotReadable,
            StatusCodes.BadUserAccessDenied,
            StatusCodes.BadSecurityModeInsufficient,
        ),
        Quality.BAD_NOT_AVAILABLE: (
            StatusCodes.BadWaitingForInitialData,
            StatusCodes.BadNoData,
            StatusCodes.BadNoDataAvailable,
            StatusCodes.BadNotSupported,
        ),
        Quality.BAD_UNREACHABLE: (
            StatusCodes.BadNoCommunication,
            StatusCodes.BadNotConnected,
            StatusCodes.BadCommunicationError,
            StatusCodes.BadTimeout,
        ),
        Quality.BAD_RANGE: (StatusCodes.BadOutOfRange,),
        Quality.UNCERTAIN_STALE: (
            StatusCodes.UncertainLastUsableValue,
            StatusCodes.UncertainNoCommunicationLastUsableValue,
        ),
        Quality.UNCERTAIN_DEVICE: (StatusCodes.GoodLocalOverride,),
    }.items()
    for code in codes
}
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def opcua_address(spec: PointSpec) -> OpcuaAddress:
    """Address of a point of an OPC UA profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, OpcuaAddress):
        raise DeviceRefusedError("this point has no OPC UA address", point=spec.name)
    return spec.address


def encode_variant(spec: PointSpec, value: float) -> ua.Variant:
    """A set-point in the unit of the point as the server's own type.

    Raises:
        DeviceRefusedError: Not finite, or it does not fit the type.
    """
    kind = opcua_address(spec).type
    raw = (value - spec.offset) / spec.scale
    if not math.isfinite(raw):
        raise DeviceRefusedError(f"{value} cannot be written", point=spec.name)
    if kind not in _BOUNDS:
        return ua.Variant(raw, _TYPES[kind])
    low, high = _BOUNDS[kind]
    whole = round(raw)
    if not low <= whole <= high:
        raise DeviceRefusedError(f"raw value {whole} does not fit {kind}", point=spec.name)
    return ua.Variant(bool(whole) if kind == "boolean" else whole, _TYPES[kind])


def quality_of_status(code: int) -> Quality:
    """What a status code says of the value beside it; the information bits of the low half do not count.

    Example:
        >>> quality_of_status(0x80340000), quality_of_status(0x40900000 | 0x0480)
        (<Quality.BAD_REFUSED: 130>, <Quality.UNCERTAIN_STALE: 67>)
    """
    known = _BY_CODE.get(code & _CODE)
    if known is not None:
        return known
    severity = code >> 30
    if severity == 0:
        return Quality.GOOD
    return Quality.UNCERTAIN_DEVICE if severity == 1 else Quality.BAD_DEVICE


def judge_answer(spec: PointSpec, answer: ua.DataValue) -> tuple[float, Quality]:
    """Value in the unit of the point and its quality: the worse of the server's status and our own checks."""
    status = answer.StatusCode
    told = Quality.GOOD if status is None else quality_of_status(status.value)
    if is_bad(told):
        return math.nan, told
    raw = None if answer.Value is None else answer.Value.Value
    if raw is not None and not isinstance(raw, int | float):
        return math.nan, Quality.BAD_ANSWER
    value, own = judge(spec, None if raw is None else float(raw))
    return value, max(told, own)


def source_time_ns(answer: ua.DataValue) -> int:
    """Unix time in ns that the server gives the value, right or wrong; 0 where it gives none."""
    told = answer.SourceTimestamp
    if told is None:
        return 0
    if told.tzinfo is None:
        told = told.replace(tzinfo=dt.UTC)
    at: dt.datetime = told
    at_ns = (at - _EPOCH) // _MICROSECOND * 1000
    return min(max(at_ns, 0), LATEST_NS)  # the null of the protocol lies in 1601
