"""A noisy serial line under the whole agent: its spoiled answers are counted, shown and explained (E13)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.edge_rig import rig, until, write_site
from edge_agent.doctor import check_checksums
from edge_agent.top import Figures, one, read_metrics, view
from tests.unit.drivers.modbus_bus import BusEnd, holding, serial_bus

pytestmark = pytest.mark.net


class Noise:
    """Unit 1 answers; every third answer of it has a flipped bit."""

    def __init__(self) -> None:
        self.asked = 0

    def answer(self, unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        self.asked += 1
        frame = bytearray(holding(unit, pdu))
        frame[5] ^= 0x04 if self.asked % 3 == 0 else 0
        return [(0.0, bytes(frame))]


def on_serial(config: Path, bus: BusEnd) -> None:
    write_site(config, 1, devices=1, floats=3, every_s=0.2)
    file = config / "sites" / "demo" / "edge1.yaml"
    site = json.loads(file.read_text())
    connection = {"kind": "modbus_serial", "port": bus.path, "unit": 1, "baud": 115_200, "timeout_s": 0.1}
    site["devices"][0]["connection"] = connection
    file.write_text(json.dumps(site))


async def test_spoiled_answers_are_counted_shown_and_explained(tmp_path: Path) -> None:
    noise, figures = Noise(), Figures()
    async with serial_bus(noise.answer) as bus:
        on_serial(tmp_path / "config", bus)
        async with rig(tmp_path) as bench:
            bench.start_agent()
            await until((tmp_path / "edge" / "metrics.port").exists, 15, "the agent")
            async with asyncio.timeout(15):
                while one(figures, "crc_errors_total", bus=f"modbus {bus.path}") < 2:
                    await asyncio.sleep(0.05)
                    figures = await asyncio.to_thread(read_metrics, tmp_path / "edge")
        spoiled = one(figures, "crc_errors_total", bus=f"modbus {bus.path}")
        assert spoiled <= noise.asked / 3
        (finding,) = check_checksums(figures)
        assert (finding.what, finding.verdict) == (f"line modbus {bus.path}", "look")
        assert "baud rate and parity" in finding.do
    console = Console(width=200, record=True, file=(tmp_path / "top.txt").open("w"))
    console.print(view(figures))
    console.file.close()
    assert "CRC" in console.export_text()
    assert one(figures, "polls_failed_total") > 0  # a spoiled answer is a bad poll, never a number
