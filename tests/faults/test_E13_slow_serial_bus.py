"""E13: a slow RS-485 bus: writes go before reads, noise is no value, nobody starves."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.polling import lines_of, made_site
from benchmarks.serial_bus import BusSettings, paced_bus
from edge_agent.lines import Lines

pytestmark = pytest.mark.net


@pytest.mark.slow
async def test_a_write_waits_for_one_frame_of_a_long_read_on_a_slow_bus_and_no_longer() -> None:
    settings = BusSettings(baud=19_200, answer_s=0.01)
    with paced_bus(settings) as bus:
        connection = {"kind": "modbus_serial", "port": bus.path, "unit": 1, "baud": settings.baud}
        site = made_site({"unit1": connection, "unit2": {**connection, "unit": 2}}, 600, 60.0)
        points = site.profiles["made"].points
        settable = tuple(point.model_copy(update={"kind": "setpoint"}) for point in points)
        site.profiles["made"] = site.profiles["made"].model_copy(update={"points": settable})
        overtaken = []
        async with lines_of(site) as lines, asyncio.TaskGroup() as tasks:
            reads = [tasks.create_task(_read(lines, unit)) for unit in ("unit1", "unit2")]
            for turn in range(4):
                await asyncio.sleep(0.2)
                served = bus.served
                await lines.write("unit1", "p7_kw", turn)
                overtaken.append(bus.served_before_write[-1] - served)
            assert not all(read.done() for read in reads)
    assert max(overtaken) <= 1, f"reads that went before the write: {overtaken}"
    assert bus.violations == 0


async def _read(lines: Lines, unit: str) -> None:
    for _ in range(2):
        reading = await lines.read(unit, [f"p{at}_kw" for at in range(600)])
        assert not reading.qualities.any()
