"""JSON bodies ↔ numbers and times: pure."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Final

from protocols.errors import BadAnswerError, DeviceRefusedError
from protocols.profile import MqttAddress, PointSpec

_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_S_BELOW: Final = 1e11
"""A Unix time in seconds is below this until the year 5138, one in milliseconds above it since 1973."""

_MS_BELOW: Final = 1e14
_US_BELOW: Final = 1e17
_NS_BELOW: Final = 9.2e18
"""Largest time of the samples, in the year 2261."""


def mqtt_address(spec: PointSpec) -> MqttAddress:
    """Address of a point of an MQTT profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, MqttAddress):
        raise DeviceRefusedError("this point has no MQTT address", point=spec.name)
    return spec.address


def parse(body: bytes) -> object:
    """JSON of a message.

    Raises:
        BadAnswerError: No JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("the message is no JSON") from error


def find(document: object, path: str) -> object:
    """What stands at a dotted path; positions in lists are numbers, from 0.

    Raises:
        BadAnswerError: No such path.

    Example:
        >>> find({"phases": [{"u": 230}, {"u": 231}]}, "phases.1.u")
        231
    """
    found = document
    for part in path.split(".") if path else ():
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise BadAnswerError(f"no value at {path!r} in the message")
    return found


def number_at(document: object, path: str) -> float | None:
    """Number at a path, also one in quotes; None for a JSON null.

    Raises:
        BadAnswerError: No such path, or no number there.
    """
    found = find(document, path)
    if found is None:
        return None
    if isinstance(found, str) and _NUMBER.fullmatch(found.strip()):
        return float(found)
    if not isinstance(found, int | float):
        raise BadAnswerError(f"no number at {path!r} in the message")
    try:
        return float(found)
    except OverflowError as error:
        raise BadAnswerError(f"a number beyond all bounds at {path!r}") from error


def decode_number(body: bytes, path: str) -> float | None:
    """Number at a dotted path of a body; None for a JSON null.

    Raises:
        BadAnswerError: No JSON, no such path, or not a number there.

    Example:
        >>> decode_number(b'{"ac": {"power_w": 12}}', "ac.power_w")
        12.0
    """
    return number_at(parse(body), path)


def time_ns(document: object, path: str) -> int:
    """Unix time in ns at a path: from ISO 8601 with zone, or Unix time in s, ms, µs, ns; 0 for anything else.

    Example:
        >>> time_ns({"t": "2026-03-01T12:00:00.5+08:00"}, "t"), time_ns({"t": 1772337600500}, "t")
        (1772337600500000000, 1772337600500000000)
    """
    try:
        found = find(document, path)
    except BadAnswerError:
        return 0
    if isinstance(found, str) and not _NUMBER.fullmatch(found):
        return _iso_ns(found)
    if isinstance(found, str):
        found = int(found) if found.isdecimal() else float(found)
    usable = isinstance(found, int | float) and 0 < found < _NS_BELOW
    return _unix_ns(found) if usable and isinstance(found, int | float) else 0


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


def _iso_ns(text: str) -> int:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return 0
    return 0 if at.tzinfo is None else (at - _EPOCH) // _MICROSECOND * 1000


def _unix_ns(told: float) -> int:
    factor = 1_000_000_000 if told < _S_BELOW else 1_000_000 if told < _MS_BELOW else 1000
    if told >= _US_BELOW:
        factor = 1
    if isinstance(told, int):
        return told * factor
    return round(told * (factor / 1000)) * 1000  # a float of seconds is exact to a microsecond at most
