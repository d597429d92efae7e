"""Property values ↔ numbers: pure, and never more trusting than the tag on the wire.

Source: ANSI/ASHRAE 135, clause 20.2 (encoding of application data), clause 19.2 (priority array).
"""

from __future__ import annotations

import math
from typing import Final

from bacpypes3.constructeddata import Any
from bacpypes3.primitivedata import (
    Boolean,
    Double,
    Enumerated,
    Integer,
    Null,
    Real,
    TagClass,
    TagList,
    TagNumber,
    Unsigned,
)

from protocols.errors import BadAnswerError, DeviceRefusedError
from protocols.profile import BacnetAddress, PointSpec

_READERS: Final = {
    TagNumber.boolean: Boolean,
    TagNumber.unsigned: Unsigned,
    TagNumber.integer: Integer,
    TagNumber.real: Real,
    TagNumber.double: Double,
    TagNumber.enumerated: Enumerated,
}


def bacnet_address(spec: PointSpec) -> BacnetAddress:
    """Address of a point of a BACnet profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, BacnetAddress):
        raise DeviceRefusedError("this point has no BACnet address", point=spec.name)
    return spec.address


def decode_number(value: Any) -> float | None:
    """Number behind a property value; None for null (an empty priority slot).

    Raises:
        BadAnswerError: Not one application-tagged number.
    """
    tags = [tag for tag in value.tagList or () if tag.tag_class == TagClass.application]
    if len(tags) != 1:
        raise BadAnswerError("a property value that is not one number")
    number = TagNumber(tags[0].tag_number)
    if number == TagNumber.null:
        return None
    reader = _READERS.get(number)
    if reader is None:
        raise BadAnswerError(f"a property value of type {number.name}, not a number")
    try:
        return float(reader.decode(TagList([tags[0]])))
    except (AttributeError, ValueError, TypeError, IndexError) as error:  # what bacpypes3 leaks on bad octets
        raise BadAnswerError("a property value that cannot be decoded") from error


def encode_number(spec: PointSpec, value: float | None) -> Any:
    """Property value of a set-point in the unit of the point; None becomes null.

    Raises:
        DeviceRefusedError: Not finite, or it does not fit the type of the object.
    """
    if value is None:
        return Any(Any.cast(Null(())))
    raw = (value - spec.offset) / spec.scale
    kind = bacnet_address(spec).object
    if not math.isfinite(raw):
        raise DeviceRefusedError(f"{value} cannot be written", point=spec.name)
    if kind.startswith("analog"):
        return Any(Any.cast(Real(raw)))
    whole = round(raw)
    if whole < 0 or (kind.startswith("binary") and whole > 1):
        raise DeviceRefusedError(f"raw value {whole} does not fit a {kind}", point=spec.name)
    return Any(Any.cast(Enumerated(whole) if kind.startswith("binary") else Unsigned(whole)))
