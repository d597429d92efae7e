"""Sparkplug B payloads ↔ metrics: pure.

The message layout is given to the protobuf runtime as a description made here, so no generated file and no
compiler is needed; fields we do not use (data sets, templates, meta data) are skipped by the runtime.

Source: Sparkplug 3.0, section 6.4 (payload, data types, properties).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from protocols.errors import BadAnswerError

TYPES: Final = {
    "int8": 1, "int16": 2, "int32": 3, "int64": 4, "uint8": 5, "uint16": 6, "uint32": 7, "uint64": 8,
    "float": 9, "double": 10, "boolean": 11,
}  # fmt: skip
"""Name of a data type in a profile to its number."""

_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64, 5: 8, 6: 16, 7: 32, 8: 64}
_SIGNED: Final = frozenset({1, 2, 3, 4})
_LONG: Final = frozenset({4, 8})
_FLOAT, _DOUBLE, _BOOLEAN = TYPES["float"], TYPES["double"], TYPES["boolean"]
_NUMBERS: Final = ("int_value", "long_value", "float_value", "double_value", "boolean_value")
_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_STRING, _U64, _U32, _BOOL = _FIELD.TYPE_STRING, _FIELD.TYPE_UINT64, _FIELD.TYPE_UINT32, _FIELD.TYPE_BOOL
_F32, _F64, _MESSAGE = _FIELD.TYPE_FLOAT, _FIELD.TYPE_DOUBLE, _FIELD.TYPE_MESSAGE
_LAYOUT: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "Value": (("type", 1, _U32), ("is_null", 2, _BOOL), ("int_value", 3, _U32), ("long_value", 4, _U64)),
    "Set": (("*keys", 1, _STRING), ("*values Value", 2, _MESSAGE)),
    "Metric": (
        ("name", 1, _STRING), ("alias", 2, _U64), ("timestamp", 3, _U64), ("datatype", 4, _U32),
        ("is_historical", 5, _BOOL), ("is_null", 7, _BOOL), ("properties Set", 9, _MESSAGE),
        ("int_value", 10, _U32), ("long_value", 11, _U64), ("float_value", 12, _F32),
        ("double_value", 13, _F64), ("boolean_value", 14, _BOOL), ("string_value", 15, _STRING),
    ),
    "Payload": (("timestamp", 1, _U64), ("*metrics Metric", 2, _MESSAGE), ("seq", 3, _U64)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a payload.

    Attributes:
        name: Empty where only the alias was sent.
        alias: Number that stands for the name after a birth, or None.
        datatype: Number of the data type, 0 where it was left out.
        value: As it stands on the wire: integers without sign; None for null and for what is no number.
        is_null: Whether the device says that it has no value.
        time_ms: Unix time of the value, 0 where it has none. [ms]
        historical: Whether it was taken earlier and only sent now.
        quality: Property "Quality": 0 bad, 192 good, 500 stale; None where it is not told.
    """

    name: str
    alias: int | None = None
    datatype: int = 0
    value: float | None = None
    is_null: bool = False
    time_ms: int = 0
    historical: bool = False
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """What one message holds.

    Attributes:
        time_ms: Unix time of the message, 0 where it has none. [ms]
        seq: Number of the message in the node's session, 0 to 255; None where it has none.
        metrics: In the order of the message.
    """

    time_ms: int
    seq: int | None
    metrics: tuple[Metric, ...]


def _described() -> Any:  # noqa: ANN401  the runtime makes the class
    file = descriptor_pb2.FileDescriptorProto(name="ems_sparkplug_b.proto", package="ems.sparkplug_b")
    file.syntax = "proto2"  # presence counts: an alias of 0 is not a missing alias
    for name, fields in _LAYOUT.items():
        made = file.message_type.add(name=name)
        for words, number, kind in fields:
            field_name, _, inner = words.partition(" ")
            label = _FIELD.LABEL_REPEATED if words.startswith("*") else _FIELD.LABEL_OPTIONAL
            field = made.field.add(name=field_name.lstrip("*"), number=number, type=kind, label=label)
            if inner:
                field.type_name = f".ems.sparkplug_b.{inner}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ems.sparkplug_b.Payload"))


_Payload: Final = _described()


def decode_payload(data: bytes) -> Payload:
    """Read a payload.

    Raises:
        BadAnswerError: No Sparkplug B payload.
    """
    try:
        found = _Payload.FromString(data)
    except message.DecodeError as error:
        raise BadAnswerError("the message is no Sparkplug B payload") from error
    metrics = tuple(_metric(one) for one in found.metrics)
    return Payload(found.timestamp, found.seq if found.HasField("seq") else None, metrics)


def encode_payload(payload: Payload) -> bytes:
    """Pack a payload; each metric carries its data type, without which a peer reads null.

    Raises:
        ValueError: A value does not fit its data type.
    """
    made = _Payload(timestamp=payload.time_ms)
    if payload.seq is not None:
        made.seq = payload.seq
    for metric in payload.metrics:
        _add(made.metrics.add(datatype=metric.datatype), metric)
    return bytes(made.SerializeToString())


def number(metric: Metric, datatype: int) -> float | None:
    """Value of a metric by the data type its birth told; None where it is no number or does not fit.

    Integers stand on the wire without sign: an Int8 of -3 as 253 or as 4294967293.

    Example:
        >>> [number(Metric("a", value=raw), TYPES["int8"]) for raw in (253, 4294967293, 3, 1000)]
        [-3.0, -3.0, 3.0, None]
        >>> number(Metric("a", value=float("inf")), TYPES["int8"])
    """
    raw = metric.value
    if raw is None or datatype not in TYPES.values():
        return None
    bits = _BITS.get(datatype)
    if bits is None:
        return float(raw)
    if not float(raw).is_integer():
        return None
    whole, wire = int(raw), 64 if datatype in _LONG else 32
    if datatype in _SIGNED:
        for width in (bits, wire):
            if 2 ** (width - 1) <= whole < 2**width:
                whole -= 2**width
                break
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if datatype in _SIGNED else (0, 2**bits)
    return float(whole) if low <= whole < high else None


def _add(one: Any, metric: Metric) -> None:  # noqa: ANN401  the runtime makes the class
    if metric.name:
        one.name = metric.name
    if metric.alias is not None:
        one.alias = metric.alias
    if metric.time_ms:
        one.timestamp = metric.time_ms
    if metric.historical:
        one.is_historical = True
    if metric.value is None:
        one.is_null = True
    else:
        _put(one, metric.datatype, metric.value)
    if metric.quality is not None:
        one.properties.keys.append("Quality")
        one.properties.values.add(type=TYPES["int32"], int_value=metric.quality)


def _put(one: Any, datatype: int, value: float) -> None:  # noqa: ANN401  the runtime makes the class
    if datatype in {_FLOAT, _DOUBLE}:
        setattr(one, "float_value" if datatype == _FLOAT else "double_value", value)
        return
    if datatype == _BOOLEAN:
        one.boolean_value = bool(value)
        return
    bits, whole = _BITS[datatype], round(value)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if datatype in _SIGNED else (0, 2**bits)
    if not low <= whole < high:
        raise ValueError(f"{whole} does not fit {bits} bits")
    if datatype in _LONG:
        one.long_value = whole % 2**64
    else:
        one.int_value = whole % 2**32


def _metric(one: Any) -> Metric:  # noqa: ANN401  the runtime makes the class
    told = next((getattr(one, name) for name in _NUMBERS if one.HasField(name)), None)
    return Metric(
        one.name,
        one.alias if one.HasField("alias") else None,
        one.datatype,
        None if one.is_null else told,
        one.is_null,
        one.timestamp,
        one.is_historical,
        _quality(one.properties.keys, one.properties.values),
    )


def _quality(keys: Sequence[str], values: Sequence[Any]) -> int | None:
    for key, value in zip(keys, values, strict=False):
        if key == "Quality" and not value.is_null:
            return int(value.int_value or value.long_value)
    return None
