"""Every shipped profile: sound, sourced, and decoded by the real driver as the device means it."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from edge_agent.commission.checking import check_profile
from protocols.drivers.modbus.plan import Block, limits_of
from protocols.drivers.modbus.readplan import make_plan
from protocols.profile import ModbusAddress, PointSpec, Profile
from runtime.yaml_config import load_config
from simulator.profile_image import BIT_TABLES, ProfileImage

DEVICES = Path(__file__).parents[3] / "configs" / "devices"
FILES = sorted(DEVICES.glob("*.yaml"))
INVENTED = {
    "aeris_fs132", "aeris_vs160", "frigor_wc600", "hexa_pm4", "meteo_ws3", "solara_pv500", "thermax_b1000",
    "thermax_chp250", "ventus_ahu20", "voltis_bess500",
}  # fmt: skip
REAL = [file for file in FILES if file.stem not in INVENTED]
MODBUS = [file for file in REAL if "\nprotocol: modbus\n" in file.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_profile_has_no_error_and_nothing_suspicious(file: Path) -> None:
    found = check_profile(file)
    assert found.errors == []
    assert [text for text in found.warnings if "origin: is missing" not in text] == []


@pytest.mark.parametrize("file", REAL, ids=lambda file: file.stem)
def test_a_profile_of_a_real_device_says_where_its_facts_come_from(file: Path) -> None:
    profile = load_config(file, Profile)
    assert profile.origin is not None
    assert profile.origin.revision
    assert not any(spec.kind == "setpoint" for spec in profile.points)


def test_there_are_profiles_of_a_dozen_real_devices() -> None:
    assert len(REAL) >= 12


@pytest.mark.parametrize("page", ["device-profiles.md", "device-profiles.zh.md"])
def test_the_page_of_the_profiles_lists_each_real_device_and_no_other(page: str) -> None:
    text = (DEVICES.parents[1] / "docs" / page).read_text(encoding="utf-8")
    table = text.partition("|---|---|---|")[2].partition("\n\n")[0]
    listed = re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[1:]))
    assert sorted(listed) == sorted(file.stem for file in REAL)


@pytest.mark.parametrize("file", MODBUS, ids=lambda file: file.stem)
def test_each_point_is_decoded_as_the_device_encodes_it(file: Path) -> None:
    profile = load_config(file, Profile)
    image = ProfileImage(profile)
    plan = make_plan(profile.points, 1, limits_of(profile), ())
    reading = plan.decode([_answer(image, block) for block in plan.blocks])
    assert not reading.qualities.any()
    for spec, value in zip(profile.points, reading.values, strict=True):
        assert value == pytest.approx(image.value(spec.name, 0.0), abs=_step(spec), rel=1e-6), spec.name


def _answer(image: ProfileImage, block: Block) -> bytes:
    cells = image.cells(block.table, 0.0)
    words = [cells[cell] for cell in range(block.start, block.start + block.size)]
    if block.table in BIT_TABLES:
        data = np.packbits(np.array(words, np.uint8), bitorder="little").tobytes()
    else:
        data = struct.pack(f">{len(words)}H", *words)
    return bytes((3, len(data))) + data


def _step(spec: PointSpec) -> float:
    """Half a step of a whole number, with the coarsest scale factor the image takes."""
    address = spec.address
    assert isinstance(address, ModbusAddress)
    factor = 10.0 if address.scale_factor is not None else 1.0
    return 0.0 if address.type.startswith("f") else abs(spec.scale) * factor * 0.501
