"""Test reads: raw bytes, all orders side by side, neighbours, and what to try next."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from edge_agent.commission.advice import advice, explanation, summary
from edge_agent.commission.likeness import is_usual, looks_like
from edge_agent.commission.rawread import read_candidates, read_point
from edge_agent.commission.target import Line, connection_of
from edge_agent.commission.textread import read_text
from protocols.device import ModbusSerial, ModbusTcp
from protocols.errors import ConfigError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import DataType, ModbusAddress, PointSpec
from protocols.quality import Quality
from tests.unit.drivers.listening import listening

TEXT = {"en": "x", "zh": "x"}


@dataclass
class Registers:
    """A device that gives single registers and refuses what it does not have."""

    words: dict[int, int]
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        self.asked.append((table, start, count))
        if not all(cell in self.words for cell in range(start, start + count)):
            raise DeviceRefusedError("exception 2: illegal data address", code=2)
        return struct.pack(f">{count}H", *(self.words[cell] for cell in range(start, start + count)))


def _spec(unit: str = "V", suffix: str = "_v", scale: float = 1.0, **address: object) -> PointSpec:
    return PointSpec.model_validate(
        {
            "name": f"value{suffix}",
            "label": TEXT,
            "unit": unit,
            "scale": scale,
            "address": {"kind": "modbus", **address},
        }
    )


def _floats(first: int, *values: float, pack: Callable[[float], bytes] | None = None) -> dict[int, int]:
    data = b"".join((pack or (lambda value: struct.pack(">f", value)))(value) for value in values)
    return {first + at: word for at, word in enumerate(struct.unpack(f">{len(data) // 2}H", data))}


async def test_a_point_keeps_the_bytes_it_was_decoded_from() -> None:
    point = await read_point(Registers(_floats(10, 231.5)), _spec(address=10, type="f32"))
    assert point.data == struct.pack(">f", 231.5)
    assert (point.value, point.quality) == (231.5, Quality.GOOD)


async def test_a_scale_factor_is_read_with_its_value() -> None:
    device = Registers({40: 2315, 43: 0xFFFF})
    point = await read_point(device, _spec(address=40, type="u16", scale_factor=43))
    assert point.value == pytest.approx(231.5)
    assert device.asked == [("holding", 40, 1), ("holding", 43, 1)]


async def test_swapped_words_are_found() -> None:
    device = Registers(
        _floats(9, 0.0)
        | _floats(10, 231.5, pack=lambda v: struct.pack(">f", v)[2:] + struct.pack(">f", v)[:2])
    )
    spec = _spec(address=10, type="f32")
    text = advice(spec, await read_candidates(device, spec))
    assert text.startswith("not usual as it stands; this looks right: 231.5 V (10 cdab)")


async def test_an_address_that_is_one_off_is_found() -> None:
    device = Registers(_floats(3027, 231.5, 0.0))
    spec = _spec(address=3028, type="f32")
    text = advice(spec, await read_candidates(device, spec))
    assert "this looks right: 231.5 V (3027 abcd)" in text


async def test_a_usual_reading_is_to_be_compared_with_the_display() -> None:
    spec = _spec("Hz", "_hz", scale=0.1, address=51, type="u16")
    candidates = await read_candidates(Registers({50: 0, 51: 500, 52: 9}), spec)
    assert advice(spec, candidates) == "50 Hz is a usual reading, compare it with the display"
    assert {one.order for one in candidates} == {"abcd", "badc"}


async def test_nothing_usual_says_what_the_number_looks_like() -> None:
    spec = _spec("Hz", "_hz", address=0, type="u16")
    assert "looks like a voltage" in advice(spec, await read_candidates(Registers({0: 230, 1: 0}), spec))


async def test_the_edge_of_the_address_range_has_no_neighbour_beyond() -> None:
    spec = _spec(address=65534, type="f32")
    device = Registers(_floats(65534, 230.0))
    assert {one.address for one in await read_candidates(device, spec)} == {65533, 65534}


async def test_the_summary_names_the_readings_that_do_not_fit() -> None:
    device = Registers(_floats(0, 231.5, 8400.0))
    good = await read_point(device, _spec(address=0, type="f32"))
    odd = await read_point(device, _spec("Hz", "_hz", address=2, type="f32"))
    gone = await read_point(device, _spec("A", "_a", address=90, type="f32"))
    text = summary([good, odd, gone])
    assert text.startswith("1 of 3 readings are usual")
    assert "value_hz: 8400 Hz" in text
    assert "value_a: exception 2" in text


def test_a_refusal_is_answered_with_what_was_sent_what_came_back_and_what_to_try() -> None:
    error = DeviceRefusedError("exception 2: illegal data address", code=2)
    text = explanation(error, ModbusAddress(address=3028, type=DataType.F32), 5)
    assert "sent: unit 5, function 3, address 3028, count 2 (03 0b d4 00 02)" in text
    assert "came back: exception 2" in text
    assert "try next: address 3027 (manuals count from 1), table input" in text


def test_silence_is_answered_with_the_unit_id_first() -> None:
    text = explanation(DeviceUnreachableError("no answer"), ModbusAddress(address=1), 1)
    assert "try next: the unit id" in text


@pytest.mark.parametrize(
    ("unit", "value", "usual"),
    [("V", 231.0, True), ("V", 4.6e-41, False), ("Hz", 50.1, True), ("Hz", 5.01, False), ("kW", -3.2, True),
     ("kVA", -3.2, False), ("A", 0.0, True), ("V", 0.0, False), ("code", 7.0, True), ("code", 1e-30, False)],
)  # fmt: skip
def test_what_is_usual_depends_on_the_unit(unit: str, value: float, *, usual: bool) -> None:
    assert is_usual(unit, value) is usual


def test_a_number_without_unit_is_guessed_at() -> None:
    assert looks_like(230.0).startswith("a voltage")
    assert looks_like(0.93).startswith("a power factor")


def test_targets_are_hosts_and_serial_ports() -> None:
    assert connection_of("10.0.0.7", Line()) == ModbusTcp(host="10.0.0.7")
    assert connection_of("gw:1502", Line(unit_id=3)) == ModbusTcp(host="gw", port=1502, unit=3)
    serial = connection_of("/dev/ttyUSB0", Line(baud=19200, parity="even"))
    assert isinstance(serial, ModbusSerial)
    assert (serial.baud, serial.parity) == (19200, "even")
    with pytest.raises(ConfigError, match="is no target"):
        connection_of("gw:http", Line())


async def test_text_in_registers_is_shown_in_both_orders(capsys: pytest.CaptureFixture[str]) -> None:
    told = b"PM5310\x1b\0\0\0"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(300):
            assert asked[6:] == bytes((1, 3, 0, 49, 0, 5))
            writer.write(asked[:4] + bytes((0, 13, 1, 3, 10)) + told)

    async with listening(serve) as port:
        at = ModbusTcp(host="127.0.0.1", port=port)
        assert await read_text(at, _spec(address=49), 5) is None
    said = capsys.readouterr().out
    assert "holding 49, 5 registers: 50 4d 35 33 31 30 1b 00 00 00" in said
    assert "  abcd: PM5310\n  badc: MP3501\n" in said


async def test_text_that_is_refused_says_how_much_was_asked_for() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(300):
            writer.write(asked[:4] + bytes((0, 3, 1, 0x83, 2)))

    async with listening(serve) as port:
        told = await read_text(ModbusTcp(host="127.0.0.1", port=port), _spec(address=49), 20)
    assert told is not None
    assert "address 49, count 20 (03 00 31 00 14)" in told
    assert "try next: address 48" in told


@pytest.mark.parametrize(
    ("spec", "words"),
    [(None, "--text needs --address"), (_spec(address=5, table="coil"), "text lies in registers"),
     (_spec(address=65530), "from 65530 on there are 6 registers")],
)  # fmt: skip
async def test_text_that_cannot_be_is_refused_before_anything_is_sent(
    spec: PointSpec | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        await read_text(ModbusTcp(host="127.0.0.1", port=1), spec, 20)
