"""E10: registers that hold no number, or one out of range, are bad and null all the way to the hub's JSON."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.edge_rig import rig, until
from hub.api.value_answers import values_json
from hub.store.port import Raw, StoreReader
from protocols.point import PointId
from protocols.quality import Quality, is_bad
from runtime.clock import SystemClock
from tests.faults.wall_clock import hub_of

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
NAN, SIGNALLING, INF = 0x7FC0_0000, 0x7F80_0001, 0x7F80_0000
WRONG: dict[str, tuple[dict[str, Any], bytes, Quality]] = {
    "nan_kw": ({"type": "f32"}, struct.pack(">I", NAN), Quality.BAD_NOT_AVAILABLE),
    "signalling_kw": ({"type": "f32"}, struct.pack(">I", SIGNALLING), Quality.BAD_NOT_AVAILABLE),
    "inf_kw": ({"type": "f32"}, struct.pack(">I", INF), Quality.BAD_NOT_AVAILABLE),
    "minus_inf_kw": ({"type": "f32"}, struct.pack(">I", INF | 1 << 31), Quality.BAD_NOT_AVAILABLE),
    "nan64_kw": ({"type": "f64"}, struct.pack(">d", math.nan), Quality.BAD_NOT_AVAILABLE),
    "overflow_kw": ({"type": "f64", "scale": 1e10}, struct.pack(">d", 1e308), Quality.BAD_NOT_AVAILABLE),
    "absent_i16_kw": ({"type": "i16", "not_available": [0x8000]}, b"\x80\x00", Quality.BAD_NOT_AVAILABLE),
    "absent_u16_kw": ({"type": "u16", "not_available": [0xFFFF]}, b"\xff\xff", Quality.BAD_NOT_AVAILABLE),
    "absent_u32_kw": (
        {"type": "u32", "not_available": [0xFFFFFFFF]}, b"\xff" * 4, Quality.BAD_NOT_AVAILABLE,
    ),
    "digits_kw": ({"type": "bcd16"}, b"\x12\x3a", Quality.BAD_NOT_AVAILABLE),
    "high_kw": ({"type": "u16", "high": 100.0}, b"\x00\x65", Quality.BAD_RANGE),
    "low_kw": ({"type": "i16", "low": 0.0}, b"\xff\xff", Quality.BAD_RANGE),
}  # fmt: skip
RIGHT = {
    "good_kw": ({"type": "f32"}, struct.pack(">f", 12.5), 12.5),
    "wide_kw": ({"type": "i16"}, b"\xff\xff", -1.0),
}
COUNTER = "counter_kwh"
ROLLS = 4
TEXT = {"en": "x", "zh": "x"}


def _registers() -> tuple[list[dict[str, Any]], bytearray]:
    points, cells = [], bytearray()
    for name, (extra, data, _) in {**WRONG, **RIGHT}.items():
        made = {key: value for key, value in extra.items() if key != "type"}
        address = {"kind": "modbus", "address": len(cells) // 2, "type": extra["type"]}
        points.append({"name": name, "label": TEXT, "unit": "kW", "every_s": 0.2, **made, "address": address})
        cells += data
    address = {"kind": "modbus", "address": len(cells) // 2, "type": "u16"}
    points.append(
        {"name": COUNTER, "label": TEXT, "unit": "kWh", "kind": "counter", "every_s": 0.2, "address": address}
    )
    return points, cells


@asynccontextmanager
async def device(cells: bytearray) -> AsyncIterator[int]:
    """A unit with these registers and a counter of 16 bits behind them that rolls over and over."""
    polls = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal polls
        try:
            while True:
                head = await reader.readexactly(6)
                body = await reader.readexactly(head[5])
                polls += 1
                image = bytes(cells) + struct.pack(">H", (65_533 + polls) % 65_536)
                start, count = struct.unpack(">HH", body[2:6])
                data = image[2 * start : 2 * (start + count)]
                writer.write(
                    head[:4] + struct.pack(">H", 3 + len(data)) + body[:2] + bytes((len(data),)) + data
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _site(config: Path, points: list[dict[str, Any]], port: int) -> None:
    profile = {"id": "odd", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    connection = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    listed = [{"id": "odd1", "label": TEXT, "profile": "odd", "connection": connection}]
    edge = {"site": "demo", "edge": "edge1", "devices": listed}
    for path, body in (("devices/odd.yaml", profile), ("sites/demo/edge1.yaml", edge)):
        (config / path).parent.mkdir(parents=True)
        (config / path).write_text(json.dumps(body))


def _json(reader: StoreReader) -> dict[str, Any]:
    """What the API says of every point, parsed by a strict reader."""

    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    now_ns = SystemClock().now().wall_ns
    said = json.loads(values_json(reader.last(), now_ns), parse_constant=refuse)
    return {one["point"].rpartition("/")[2]: one for one in said}


async def test_what_is_no_number_is_null_and_bad_in_the_hub_and_its_neighbours_are_good(
    tmp_path: Path,
) -> None:
    points, cells = _registers()
    start_ns = SystemClock().now().wall_ns
    async with device(cells) as port:
        _site(tmp_path / "config", points, port)
        async with rig(tmp_path, counting=False) as bench, hub_of(bench) as reader:
            bench.start_agent()

            def stored(name: str) -> Raw:
                return reader.raw(PointId("demo", "odd1", name), start_ns, start_ns + 3600 * 10**9)

            await until(lambda: len(stored(COUNTER).values) >= 3 * ROLLS, 20, "samples in the hub")
            told = _json(reader)
            for name, (_, _, quality) in WRONG.items():
                raw = stored(name)
                assert set(raw.qualities.tolist()) == {quality}, name
                assert is_bad(quality)
                assert not np.isfinite(raw.values).any(), name
                assert told[name]["value"] is None, name
            for name, (_, _, value) in RIGHT.items():
                assert set(stored(name).qualities.tolist()) == {Quality.GOOD}, name
                assert set(stored(name).values.tolist()) == {value}, name
                assert told[name]["value"] == value
            counted = stored(COUNTER)
    assert np.isfinite(counted.values).all()
    assert not counted.qualities.any()
    assert {65_534.0, 65_535.0, 0.0, 1.0} <= set(counted.values.tolist()), (
        "nobody declared where it rolls over"
    )
