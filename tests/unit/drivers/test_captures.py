"""What servers of others answered, byte for byte, through the drivers once more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from edge_agent.drivers import surroundings
from protocols.device import Device, ModbusTcp, Mqtt
from protocols.drivers.modbus.make import make_drivers
from protocols.drivers.mqtt.driver import MqttDriver
from protocols.profile import Profile
from runtime.yaml_config import load_config
from tests.captures.scenes import MODBUS, ask_modbus, ask_mqtt
from tests.unit.drivers.listening import listening

pytestmark = pytest.mark.net
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "captures"
CONNECT, SUBSCRIBE, PUBLISH = 1, 8, 3


def turns(file: Path) -> list[tuple[bytes, bytes]]:
    """What was sent, each with what came back before the next; nothing where nothing came."""
    found: list[tuple[bytes, bytes]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        sign, _, data = line.partition(" ")
        if sign == ">":
            found.append((bytes.fromhex(data), b""))
        elif sign == "<":
            found[-1] = (found[-1][0], bytes.fromhex(data))
    return found


@pytest.mark.parametrize("file", sorted((FOLDER / "modbus").glob("*.txt")), ids=lambda file: file.stem)
async def test_a_recorded_modbus_device_is_read_and_written_as_it_was(file: Path) -> None:
    rtu = file.stem.endswith("rtu")
    answers = _by_request(turns(file), 0 if rtu else 2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(300):
            tag = b"" if rtu else request[:2]
            told = answers[request[len(tag) :]]
            writer.write(tag + (told.pop(0) if len(told) > 1 else told[0])[len(tag) :])

    unit = {"libmodbus_3_1_6_tcp": 1, "libmodbus_3_1_6_rtu": 7, "modbus_serial_8_0_25_tcp": 3}[file.stem]
    async with listening(serve) as port:
        at = ModbusTcp(host="127.0.0.1", port=port, unit=unit, framing="rtu" if rtu else "mbap")
        device = Device(id="dev", label=MODBUS.label, profile=MODBUS.id, connection=at)
        driver = make_drivers({"dev": (device, MODBUS)})["dev"]
        await ask_modbus(driver)
        await driver.close()


FIELD = {
    "acrel_adl3000": {
        "voltage_l1_v": 239.2, "voltage_l2_v": 238.8, "voltage_l3_v": 239.5,
        "current_l1_a": 0.89, "current_l2_a": 1.55, "current_l3_a": 1.19,
        "power_l1_kw": 0.154, "power_l2_kw": 0.275, "power_l3_kw": 0.231, "power_kw": 0.661,
        "reactive_kvar": -0.022, "apparent_kva": 0.873, "power_factor_frac": 0.99, "frequency_hz": 50.0,
    },
    "eastron_sdm230": {"power_kw": 4.551526, "import_kwh": 10909.2823},
}  # fmt: skip


@pytest.mark.parametrize("name", FIELD)
async def test_a_makers_meter_in_use_is_understood_by_its_shipped_profile(name: str) -> None:
    answers = dict(turns(FOLDER / "field" / f"{name}_rtu.txt"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(300):
            writer.write(answers[request])

    profile = load_config(ROOT / "configs" / "devices" / f"{name}.yaml", Profile)
    asked = tuple(profile.point(point) for point in FIELD[name])
    async with listening(serve) as port:
        at = ModbusTcp(host="127.0.0.1", port=port, unit=1, framing="rtu")
        device = Device(id="dev", label=profile.label, profile=profile.id, connection=at)
        driver = make_drivers({"dev": (device, profile)})["dev"]
        reading = await driver.read(asked)
        await driver.close()
    assert not reading.qualities.any()
    assert reading.values.tolist() == pytest.approx(list(FIELD[name].values()), rel=1e-6)


def test_the_scales_of_the_adl3000_agree_with_physics() -> None:
    told = FIELD["acrel_adl3000"]
    apparent_kva = sum(told[f"voltage_l{i}_v"] * told[f"current_l{i}_a"] for i in (1, 2, 3)) / 1000
    assert apparent_kva == pytest.approx(told["apparent_kva"], rel=0.02)
    assert sum(told[f"power_l{i}_kw"] for i in (1, 2, 3)) == pytest.approx(told["power_kw"], abs=0.002)


def _by_request(known: Iterable[tuple[bytes, bytes]], tag: int) -> dict[bytes, list[bytes]]:
    """Answers of each request in their order; the first `tag` bytes of a request are its number."""
    found: dict[bytes, list[bytes]] = {}
    for sent, got in known:
        found.setdefault(sent[tag:], []).append(got)
    return found


@pytest.mark.parametrize("file", sorted((FOLDER / "mqtt").glob("*.txt")), ids=lambda file: file.stem)
async def test_a_recorded_broker_is_heard_as_it_was(file: Path, tmp_path: Path) -> None:
    answers = {sent[0] >> 4: got for sent, got in turns(file)}
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (packet := await reader.readexactly(2))[0] >> 4 in {CONNECT, SUBSCRIBE, PUBLISH}:
            kind = packet[0] >> 4
            asked.append(kind)
            await reader.readexactly(packet[1])
            writer.write(answers[kind])

    profile = load_config(ROOT / "configs" / "devices" / "solara_pv500.yaml", Profile)
    async with listening(serve) as port:
        place = Mqtt(host="127.0.0.1", port=port, prefix="plant/dev")
        driver = MqttDriver(place, "edge1_dev", profile.points, surroundings(tmp_path))
        await driver.open()
        await ask_mqtt(driver, profile)
        await driver.close()
    assert asked == [CONNECT, SUBSCRIBE, PUBLISH]


def test_every_capture_stands_in_the_list_and_the_other_way_round() -> None:
    listed = set(re.findall(r"`(\w+/\w+\.(?:txt|json))`", (FOLDER / "README.md").read_text(encoding="utf-8")))
    there = {
        f"{file.parent.name}/{file.name}" for file in FOLDER.glob("*/*") if file.suffix in {".txt", ".json"}
    }
    assert listed == there
