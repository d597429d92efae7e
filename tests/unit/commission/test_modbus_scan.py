"""Units are found on a line, told by name and SunSpec models, and matched with profiles."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from edge_agent.commission.modbus_scan import fitting, parse_units, scan, sunspec_models
from edge_agent.commission.presence import names_of
from edge_agent.commission.target import connected
from protocols.device import ModbusSerial
from protocols.errors import ConfigError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import Profile
from runtime.yaml_config import load_config
from simulator.profile_image import ProfileImage
from tests.unit.drivers.modbus_bus import holding, serial_bus

CONFIGS = Path(__file__).parents[3] / "configs"
app = typer.Typer()
app.command()(scan)


@dataclass
class Imaged:
    """A reader on the registers of a simulated profile."""

    image: ProfileImage

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        cells = self.image.cells(table, 0.0)
        if not all(cell in cells for cell in range(start, start + count)):
            raise DeviceRefusedError("exception 2: illegal data address", code=2)
        return struct.pack(f">{count}H", *(cells[cell] for cell in range(start, start + count)))


@dataclass
class Words:
    """A reader on some holding registers."""

    words: dict[int, int]

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        if table != "holding" or not all(cell in self.words for cell in range(start, start + count)):
            raise DeviceRefusedError("exception 2: illegal data address", code=2)
        return struct.pack(f">{count}H", *(self.words[cell] for cell in range(start, start + count)))


@pytest.fixture(scope="module")
def profiles() -> list[Profile]:
    found = [load_config(file, Profile) for file in sorted((CONFIGS / "devices").glob("*.yaml"))]
    return [profile for profile in found if profile.protocol == "modbus"]


@pytest.mark.parametrize("name", ["abb_b23", "schneider_iem3155", "inepro_pro380", "sunspec_inverter_103"])
async def test_a_device_is_recognised_by_what_it_reads(profiles: list[Profile], name: str) -> None:
    device = Imaged(ProfileImage(next(profile for profile in profiles if profile.id == name)))
    assert name in [found for found, _ in await fitting(device, profiles)]


async def test_registers_that_are_all_zero_fit_nothing(profiles: list[Profile]) -> None:
    assert await fitting(Words(dict.fromkeys(range(65536), 0)), profiles) == []


async def test_the_models_of_a_sunspec_device_are_listed_with_their_place() -> None:
    common, inverter = {40002: 1, 40003: 66}, {40070: 103, 40071: 50}
    device = Words({40000: 0x5375, 40001: 0x6E53} | common | inverter | {40122: 0xFFFF, 40123: 0})
    assert await sunspec_models(device) == [(1, 40004), (103, 40072)]
    assert await sunspec_models(Words({})) == []


def test_unit_ids_are_numbers_and_ranges() -> None:
    assert parse_units("1-3,247,2") == [1, 2, 3, 247]
    with pytest.raises(ConfigError, match="found '300'"):
        parse_units("1,300")
    with pytest.raises(ConfigError, match="found '10-1'"):
        parse_units("10-1")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    profile = str(CONFIGS / "devices" / "gavazzi_em24_e1.yaml")
    command = [sys.executable, "-m", "ems.main", "sim", "profile", profile, "--port", str(number)]
    process = subprocess.Popen([*command, "--unit-id", "3"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "gavazzi_em24_e1" in process.stdout.readline()
        yield number
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.net
def test_the_unit_that_is_there_is_found_among_those_that_are_not(port: int) -> None:
    words = [f"127.0.0.1:{port}", "--units", "2-4", "--timeout-s", "0.2", "--fit", "--config", str(CONFIGS)]
    done = CliRunner().invoke(app, words)
    assert done.exception is None, done.exception
    (row,) = done.output.splitlines()[1:]
    assert row.split() == [
        f"127.0.0.1:{port}",
        "3",
        "tells",
        "no",
        "name",
        "gavazzi_em24_e1,",
        "gavazzi_em340",
    ]


@pytest.mark.net
def test_silence_of_all_units_ends_with_what_to_try(port: int) -> None:
    done = CliRunner().invoke(app, [f"127.0.0.1:{port}", "--units", "9", "--timeout-s", "0.1"])
    assert isinstance(done.exception, DeviceUnreachableError)
    assert "try the unit id" in str(done.exception)


async def test_a_unit_that_is_silent_when_asked_for_its_name_is_found_all_the_same() -> None:
    def answer(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        known = unit == 7 and pdu[0] == 3
        return [(0.0, holding(unit, pdu))] if known else []

    async with serial_bus(answer) as bus:
        at = ModbusSerial(port=bus.path, unit=7, baud=19200, timeout_s=0.1)
        async with connected(at) as driver:
            assert await names_of(driver) == {}
        assert [frame[1] for frame in bus.asked][:3] == [3, 43, 3]
        async with connected(at.model_copy(update={"unit": 8})) as driver:
            with pytest.raises(DeviceUnreachableError):
                await names_of(driver)
