"""JSON bodies ↔ numbers: pure."""

from __future__ import annotations

import json
import math

from protocols.errors import BadAnswerError, DeviceRefusedError
from protocols.profile import MqttAddress, PointSpec


def mqtt_address(spec: PointSpec) -> MqttAddress:
    """Address of a point of an MQTT profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, MqttAddress):
        raise DeviceRefusedError("this point has no MQTT address", point=spec.name)
    return spec.address


def decode_number(body: bytes, path: str) -> float | None:
    """Number at a dotted path; None for a JSON null.

    Raises:
        BadAnswerError: No JSON, no such path, or not a number there.

    Example:
        >>> decode_number(b'{"ac": {"power_w": 12}}', "ac.power_w")
        12.0
    """
    try:
        found = json.loads(body)
        for part in path.split(".") if path else ():
            found = found[part]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswerError(f"no value at {path!r} in the message") from error
    if isinstance(found, bool):
        return float(found)
    if found is not None and not isinstance(found, int | float):
        raise BadAnswerError(f"no number at {path!r} in the message")
    try:
        return None if found is None else float(found)
    except OverflowError as error:
        raise BadAnswerError(f"a number beyond all bounds at {path!r}") from error


def encode_setpoint(spec: PointSpec, value: float) -> bytes:
    """Body of a set-point message: the number at the path of the point, in the raw unit.

    Raises:
        DeviceRefusedError: Not finite.
    """
    raw = (value - spec.offset) / spec.scale
    if not math.isfinite(raw):
        raise DeviceRefusedError(f"{value} cannot be written", point=spec.name)
    body: object = raw
    for part in reversed(mqtt_address(spec).path.split(".")):
        body = {part: body} if part else body
    return json.dumps(body).encode()
