"""Answers and messages of OPC UA, MQTT and the bus with changed bytes: refused or a number, at once."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgpack
import pytest
import zstandard
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError

from protocols.clock_note import decode_clock_note
from protocols.command import decode_command, decode_renewal
from protocols.config import Text
from protocols.configuration import decode_configuration_report
from protocols.coverage import decode_coverage
from protocols.drivers.mqtt.codec import number_at, parse, time_ns
from protocols.drivers.mqtt.node import Node
from protocols.drivers.mqtt.sparkplug import TYPES, Metric, Payload, decode_payload, encode_payload
from protocols.drivers.opcua.bounded import bound_arrays
from protocols.drivers.opcua.codec import judge_answer, source_time_ns
from protocols.drivers.opcua.driver import _NO_DECODE
from protocols.drivers.opcua.plain import decode_plainly
from protocols.errors import BadAnswerError, EmsError
from protocols.frame import decode_bundle, decode_catalogue
from protocols.gap import decode_gap
from protocols.heartbeat import decode_heartbeat
from protocols.profile import MqttAddress, OpcuaAddress, PointSpec
from protocols.quality import is_bad
from protocols.receipt import decode_receipt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
QUICK, NIGHTLY = 50_000, 1_000_000
HANG_S = 1.0
GOLDEN = Path(__file__).parents[1] / "golden"
MESSAGES: dict[str, Callable[[bytes], object]] = {
    "bundle": decode_bundle, "bundle_schema1": decode_bundle, "bundle_source_times": decode_bundle,
    "catalogue": decode_catalogue, "clock_note": decode_clock_note, "command": decode_command,
    "configuration_report": decode_configuration_report, "coverage": decode_coverage, "gap": decode_gap,
    "heartbeat": decode_heartbeat, "receipt_verified": decode_receipt, "receipt_refused": decode_receipt,
    "renewal": decode_renewal,
}  # fmt: skip
SPEC = PointSpec(
    name="x_kw", label=Text(en="x", zh="x"), unit="kW", address=OpcuaAddress(node="ns=2;s=x"), high=1e6
)


@dataclass
class Seen:
    """What came of the frames."""

    frames: int = 0
    taken: int = 0
    slowest_s: float = 0.0
    crashes: list[str] = field(default_factory=list)

    def note(self, record: Callable[[str, object], None]) -> None:
        for name, figure in (
            ("frames", self.frames), ("taken", self.taken), ("crashes", len(self.crashes)),
            ("slowest_ms", round(1000 * self.slowest_s)),
        ):  # fmt: skip
            record(name, figure)

    def judge(self) -> None:
        assert self.crashes[:3] == []
        assert self.slowest_s < HANG_S
        assert 0 < self.taken < self.frames


def mutated(true: bytes, chance: random.Random) -> bytes:
    data = bytearray(true)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                data[at : at + 4] = chance.choice((b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff\xff\xff\xff"))
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 3:
                del data[at : at + chance.randint(1, 8)]
            case _:
                data[at : at + 1] = bytes((data[at] ^ 1 << chance.randrange(8),)) if at < len(data) else b""
    return bytes(data)


def faced(
    seen: Seen, decode: Callable[[bytes], object], data: bytes, allowed: tuple[type[Exception], ...]
) -> None:
    """Let a decoder face some bytes; the time is the processor's, which a busy machine does not lengthen."""
    begin_s = time.thread_time()
    try:
        decode(data)
        seen.taken += 1
    except allowed:
        pass
    except Exception as error:  # noqa: BLE001  whatever else comes out is what is looked for
        seen.crashes.append(f"{type(error).__name__}: {error}: {data.hex()}")
    seen.frames += 1
    seen.slowest_s = max(seen.slowest_s, time.thread_time() - begin_s)


def answers() -> list[bytes]:
    """Read answers of a server: numbers, arrays, texts, a status, nothing."""
    at = ua.DateTime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    kinds = [ua.VariantType.Double, ua.VariantType.Int32, ua.VariantType.UInt64, ua.VariantType.Boolean]
    numbers = [ua.DataValue(ua.Variant(kind is not ua.VariantType.Boolean and 7, kind)) for kind in kinds]
    odd = [
        ua.DataValue(ua.Variant(1.5, ua.VariantType.Double), ua.StatusCode(ua.UInt32(0x40900000)), at, at),
        ua.DataValue(ua.Variant([1.0, 2.0], ua.VariantType.Double)),
        ua.DataValue(ua.Variant("text", ua.VariantType.String)),
        ua.DataValue(ua.Variant([[1, 2], [3, 4]], ua.VariantType.Int32)),
        ua.DataValue(None, ua.StatusCode(ua.UInt32(0x80340000))),
    ]
    made = []
    for results in (numbers, odd, numbers + odd):
        response = ua.ReadResponse()
        response.Results = results
        made.append(struct_to_binary(response))
    return made


def taken_in(data: bytes) -> None:
    """What the driver does with an answer; a number that is called usable must be one."""
    for answer in struct_from_binary(ua.ReadResponse, Buffer(data)).Results:
        value, quality = judge_answer(SPEC, answer)
        assert is_bad(quality) or math.isfinite(value), answer
        source_time_ns(answer)


def fuzz_opcua(frames: int, seed: int) -> Seen:
    bound_arrays()
    decode_plainly()
    chance, seen, true = random.Random(seed), Seen(), answers()  # noqa: S311  the same frames each time
    while seen.frames < frames:
        faced(seen, taken_in, mutated(chance.choice(true), chance), (UaError, OSError, *_NO_DECODE))
    return seen


def fuzz_messages(frames: int, seed: int) -> Seen:
    chance, seen = random.Random(seed), Seen()  # noqa: S311  the same frames each time
    true = {name: bytes.fromhex((GOLDEN / f"{name}.hex").read_text()) for name in MESSAGES}
    squeeze, names = zstandard.ZstdCompressor(level=1), list(MESSAGES)
    while seen.frames < frames:
        name = chance.choice(names)
        data = true[name]
        if data[:4] == b"\x28\xb5\x2f\xfd" and chance.random() < 0.8:  # inside of what is squeezed, too
            data = squeeze.compress(mutated(zstandard.decompress(data, max_output_size=10**6), chance))
        else:
            data = mutated(data, chance)
        faced(seen, MESSAGES[name], data, (EmsError,))
    return seen


JSON_BODIES = [
    json.dumps({"ac": [{"v": 230.1, "t": "2026-03-01T12:00:00.5+08:00"}], "t": 1772337600500}).encode(),
    json.dumps({"ac": [{"v": "12e3", "t": 1772337600}], "t": None}).encode(),
    json.dumps({"ac": [{"v": None, "t": True}], "t": "x"}, indent=1).encode("utf-16"),
]


def json_taken_in(data: bytes) -> None:
    document = parse(data)
    for path in ("ac.0.t", "t"):
        assert time_ns(document, path) >= 0
    number_at(document, "ac.0.v")


def births() -> list[bytes]:
    """What a node tells of itself: every type with a number that fits it, with alias, quality and time."""
    fits = [
        Metric(name, at, number, 1, time_ms=1_772_337_600_500, quality=192)
        for at, (name, number) in enumerate(TYPES.items())
    ]
    odd = [Metric("bdSeq", None, TYPES["uint64"], 3), Metric("int8", None, TYPES["int8"], is_null=True)]
    return [encode_payload(Payload(1_772_337_600_500, 0, tuple(row))) for row in (fits, odd, odd + fits)]


def node_taken_in(data: bytes) -> None:
    """What the driver does with a birth, and with the same bytes as data; what is usable is a number."""
    payload, node = decode_payload(data), Node(None)
    for kind in ("NBIRTH", "NDATA", "NDEATH", "NBIRTH"):
        node.take(kind, None, payload, 0.0)
        for name, spec in METRICS.items():
            value, quality, _ = node.judge(spec, name)
            assert is_bad(quality) or math.isfinite(value), (name, value, quality)


METRICS = {
    name: PointSpec(
        name="x_kw", label=Text(en="x", zh="x"), unit="kW",
        address=MqttAddress.model_validate({"metric": name, "metric_type": name}),
    )
    for name in TYPES
}  # fmt: skip


def fuzz_mqtt(frames: int, seed: int) -> Seen:
    chance, seen = random.Random(seed), Seen()  # noqa: S311  the same frames each time
    ways = [(json_taken_in, JSON_BODIES), (node_taken_in, births())]
    while seen.frames < frames:
        decode, true = ways[seen.frames % 2]
        faced(seen, decode, mutated(chance.choice(true), chance), (BadAnswerError,))
    return seen


def test_fifty_thousand_changed_messages_of_mqtt_devices_are_refused_or_a_number(
    record_property: Callable[[str, object], None],
) -> None:
    seen = fuzz_mqtt(QUICK, 1)
    seen.note(record_property)
    seen.judge()


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_a_million_changed_messages_of_mqtt_devices_are_refused_or_a_number(
    record_property: Callable[[str, object], None],
) -> None:
    seen = fuzz_mqtt(NIGHTLY, 2)
    seen.note(record_property)
    seen.judge()


@pytest.mark.parametrize("told", [math.inf, -math.inf, math.nan, 0.5])
@pytest.mark.parametrize("kind", ["int8", "int64", "uint32"])
def test_a_number_that_is_not_whole_is_no_value_of_a_whole_type(told: float, kind: str) -> None:
    body = encode_payload(Payload(1, 0, (Metric(kind, None, TYPES["double"], told),)))
    wrong = body.replace(bytes((0x20, TYPES["double"])), bytes((0x20, TYPES[kind])))
    assert wrong != body
    node_taken_in(wrong)


def test_fifty_thousand_changed_answers_of_opcua_servers_are_refused_or_a_number(
    record_property: Callable[[str, object], None],
) -> None:
    seen = fuzz_opcua(QUICK, 1)
    seen.note(record_property)
    seen.judge()


def test_fifty_thousand_changed_messages_of_the_bus_are_refused_or_a_message(
    record_property: Callable[[str, object], None],
) -> None:
    seen = fuzz_messages(QUICK, 1)
    seen.note(record_property)
    seen.judge()


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_a_million_changed_answers_of_opcua_servers_are_refused_or_a_number(
    record_property: Callable[[str, object], None],
) -> None:
    seen = fuzz_opcua(NIGHTLY, 2)
    seen.note(record_property)
    seen.judge()


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_a_million_changed_messages_of_the_bus_are_refused_or_a_message(
    record_property: Callable[[str, object], None],
) -> None:
    seen = fuzz_messages(NIGHTLY, 2)
    seen.note(record_property)
    seen.judge()


def test_an_array_of_nulls_that_takes_no_bytes_is_refused_at_once() -> None:
    bound_arrays()
    decode_plainly()
    nulls = b"\x01\x80" + (2**31 - 1).to_bytes(4, "little")  # a value of type null, an array, that many
    data = struct_to_binary(ua.ReadResponse()).removesuffix(bytes(8)) + b"\x01\0\0\0" + nulls + bytes(4)
    begin_s = time.perf_counter()
    with pytest.raises(UaError, match="an array claims"):
        taken_in(data)
    assert time.perf_counter() - begin_s < HANG_S


def test_a_list_of_structures_without_fields_is_refused_at_once() -> None:
    bound_arrays()
    decode_plainly()
    read = ua_binary._create_list_deserializer(ua.MonitoringFilter)
    assert read(Buffer(bytes(4))) == []
    with pytest.raises(UaError, match="an array claims"):
        read(Buffer((2**31 - 1).to_bytes(4, "little")))


TEXT_OF_LESS_THAN_NOTHING = bytes.fromhex(
    "010027b5327a02d86c42974b7add010000000000000000000000000000000009000000030b0000000000001c4000000000030607000000"
    "000000000309070000000000000000000000030100000000000f0b000000000000f83f0000904080004074947bdc0180004074947bdc01"
    "038b02000000000000000000f03f000000000000004000000000030c84ffffff7f6578740000000003c604000000010000000200400003"
    "000000040000000200000002000000020000000000000003000000348000000000"
)
"""An answer of a million changed ones: it took all memory there was."""


def test_a_text_of_negative_length_is_refused_at_once() -> None:
    bound_arrays()
    decode_plainly()
    begin_s = time.perf_counter()
    with pytest.raises(UaError, match="a length of -124 bytes"):
        taken_in(TEXT_OF_LESS_THAN_NOTHING)
    assert time.perf_counter() - begin_s < HANG_S


def test_a_buffer_goes_forward_only() -> None:
    bound_arrays()
    decode_plainly()
    buffer = Buffer(b"abcdef")
    assert buffer.read(2) == b"ab"
    buffer.skip(1)
    for step in (buffer.read, buffer.skip):
        with pytest.raises(UaError, match="a length of -1 bytes"):
            step(-1)
        with pytest.raises(UaError, match="4 bytes are told, 3 are left"):
            step(4)
    assert buffer.read(3) == b"def"


def test_a_gap_record_whose_version_is_a_list_is_refused() -> None:
    versions: tuple[object, ...] = ([], {})
    for version in versions:
        row: list[object] = [version, "gap", "edge1", "j0", 3, 9, 7, 4200, 0, 0, "room"]
        with pytest.raises(EmsError):
            decode_gap(bytes(msgpack.packb(row)))
