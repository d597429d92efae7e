"""E11: eight ways to misread twenty templates; no wrong reading passes the comparison with the display."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from edge_agent.commission.likeness import is_usual
from edge_agent.commission.rawread import RawPoint
from edge_agent.commission.record import compare
from edge_agent.commission.sunspec_chain import Chain, Place
from edge_agent.commission.sunspec_models import ModelTable
from edge_agent.commission.sunspec_points import map_model
from edge_agent.commission.sunspec_profile import Survey, Wish, make_profile
from protocols.device import Device, ModbusTcp
from protocols.driver import Driver
from protocols.drivers.modbus.make import make_drivers
from protocols.profile import ModbusAddress, PointSpec, Profile, WordOrder
from protocols.quality import Quality
from runtime.children import free_port
from runtime.yaml_config import load_config
from simulator.profile_device import ProfileDevice
from simulator.profile_modbus import modbus_profile_server

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]
CONFIGS = Path(__file__).parents[2] / "configs"
MODELS = {101: 50, 103: 50, 120: 26, 201: 105, 203: 105, 701: 153, 713: 7, 802: 62}
"""SunSpec models that become templates, with their lengths."""
TOLERANCE_FRAC = 0.02
"""What `ems edge commission` takes for the same unless told otherwise."""
LEAST = 20


def _ordered(spec: PointSpec, turns: int) -> PointSpec:
    address, orders = spec.address, tuple(WordOrder)
    assert isinstance(address, ModbusAddress)
    order = orders[(orders.index(address.order) + turns) % len(orders)]
    return spec.model_copy(update={"address": address.model_copy(update={"order": order})})


def _scaled(spec: PointSpec, factor: float) -> PointSpec:
    return spec.model_copy(update={"scale": spec.scale * factor})


def _shifted(spec: PointSpec, by: int) -> PointSpec:
    address = spec.address
    assert isinstance(address, ModbusAddress)
    place = max(address.address + by, 0)
    return spec.model_copy(update={"address": address.model_copy(update={"address": place})})


SWAPS: dict[str, Callable[[PointSpec], PointSpec]] = {
    **{f"order {turns} on": partial(_ordered, turns=turns) for turns in (1, 2, 3)},
    **{f"scale x {factor:g}": partial(_scaled, factor=factor) for factor in (0.1, 10, 1000)},
    **{f"address {by:+d}": partial(_shifted, by=by) for by in (-1, 1)},
}


def templates() -> list[Profile]:
    """Shipped Modbus profiles, and SunSpec models as `from-sunspec` makes them."""
    shipped = [load_config(file, Profile) for file in sorted((CONFIGS / "devices").glob("*.yaml"))]
    table, found = ModelTable(CONFIGS / "sunspec"), []
    for number, length in MODELS.items():
        model, place = table[number], Place(number, 40002, length)
        words = [1] * (length + 2)
        for at in model.factors.values():
            words[at] = 0
        seen = Survey(Chain(40000), points=list(map_model(model, place, words).points), known=[number])
        found.append(make_profile(seen, table, Wish(f"model_{number}")))
    return [profile for profile in (*shipped, *found) if profile.protocol == "modbus"]


@asynccontextmanager
async def connected(profile: Profile, at: ModbusTcp) -> AsyncIterator[Driver]:
    device = Device(id="dev", label=profile.label, profile=profile.id, connection=at)
    driver = make_drivers({"dev": (device, profile)})["dev"]
    try:
        yield driver
    finally:
        await driver.close()


async def readings(profile: Profile, at: ModbusTcp, specs: tuple[PointSpec, ...]) -> list[RawPoint]:
    """What commissioning sees with these points instead of the right ones."""
    async with connected(profile, at) as driver:
        reading = await driver.read(specs)
    return [
        RawPoint(spec, b"", float(value), Quality(int(quality)))
        for spec, value, quality in zip(specs, reading.values, reading.qualities, strict=True)
    ]


def _wrong(point: RawPoint, shown: float) -> bool:
    return not abs(point.value - shown) <= max(TOLERANCE_FRAC * abs(shown), abs(point.spec.scale) / 2)


async def test_no_wrong_reading_of_eight_swaps_of_twenty_templates_passes(
    record_property: Callable[[str, object], None],
) -> None:
    tried = misread = odd = 0
    passed: list[str] = []
    silent: list[str] = []
    profiles = templates()
    for profile in profiles:
        at = ModbusTcp(host="127.0.0.1", port=free_port(), timeout_s=1.0)
        device = ProfileDevice(profile, at, lambda: 0.0, still=True)
        async with modbus_profile_server(device):
            right = await readings(profile, at, profile.points)
            shown = {point.spec.name: point.value for point in right if point.quality is Quality.GOOD}
            assert compare([p for p in right if p.spec.name in shown], shown, TOLERANCE_FRAC) == []
            for name, swap in SWAPS.items():
                tried += 1
                found = await readings(profile, at, tuple(swap(spec) for spec in profile.points))
                wrong = [p for p in found if p.spec.name in shown and _wrong(p, shown[p.spec.name])]
                misread += len(wrong)
                odd += sum(p.quality is not Quality.GOOD or not is_usual(p.spec.unit, p.value) for p in wrong)
                passed += [f"{profile.id}, {name}: {p.spec.name}" for p in wrong
                           if not compare([p], shown, TOLERANCE_FRAC)]  # fmt: skip
                silent += [] if wrong else [f"{profile.id}, {name}"]
    record_property("templates", len(profiles))
    record_property("swaps", tried)
    record_property("misread_values", misread)
    record_property("passed", len(passed))
    record_property("out_of_band_or_unusual_pct", round(100 * odd / misread))
    assert len(profiles) >= LEAST
    assert passed == []
    assert [text for text in silent if "scale" in text] == []  # an order of one register may change nothing
    assert len(silent) <= tried // 10, silent
