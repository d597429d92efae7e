"""E13: a slow RS-485 bus: writes go before reads, noise is no value, nobody starves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from benchmarks.polling import Polls, lines_of, made_site, poller_of
from benchmarks.serial_bus import BusSettings, PacedBus, paced_bus
from edge_agent.drivers import make_drivers
from edge_agent.lines import Lines
from edge_agent.plan import refuse_overload
from protocols.driver import Checksummed
from protocols.errors import ConfigError, DeviceError
from runtime.clock import NS, SystemClock
from runtime.site import SiteDevices

pytestmark = pytest.mark.net
UNITS = 5
REGISTERS = 20
EVERY_S = 1.0
WRITE_EACH_S = 0.5
STARVED_PERIODS = 10.0
"""Three spoilt polls in a row open the breaker of a unit; it is asked again within 4 s."""
IN_TIME_FRAC = 0.9
"""The rest is for a machine that has other things to do than to play a serial bus in real time."""
_NOWHERE = {"kind": "modbus_serial", "port": "/dev/ttyS9", "baud": 9_600}


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


async def starvation(for_s: float, note: Callable[[str, object], None]) -> None:
    """Five units at 9,600 Bd, three answers of a hundred spoilt, a write twice a second."""
    settings = BusSettings(baud=9_600, answer_s=0.005, noise_frac=0.03)
    with paced_bus(settings) as bus:
        connections = {f"unit{unit}": _serial(bus, unit) for unit in range(1, UNITS + 1)}
        site = _settable(made_site(connections, REGISTERS, EVERY_S))
        drivers, polls, clock, waits_s = make_drivers(site), Polls(), SystemClock(), []
        async with Lines(site, drivers, clock) as lines, asyncio.TaskGroup() as tasks:
            polling = tasks.create_task(poller_of(site, lines, polls).run())
            end_s = clock.mono_s() + for_s
            while clock.mono_s() < end_s:
                await clock.sleep(WRITE_EACH_S)
                begun, asked_s = len(bus.writes_begun_s), time.monotonic()
                with suppress(DeviceError):  # the echo of a write may be spoilt too
                    await lines.write("unit1", "p7_kw", 107.0)
                waits_s += [at_s - asked_s for at_s in bus.writes_begun_s[begun:]]
            polling.cancel()
        counted = {driver.crc_errors for driver in drivers.values() if isinstance(driver, Checksummed)}
    gaps_s = {name: _longest_gap_s(polls, name, int(name.removeprefix("unit"))) for name in connections}
    most_s = settings.exchange_s(REGISTERS) + 0.05
    in_time = sum(wait_s <= most_s for wait_s in waits_s) / len(waits_s)
    for name, value in (
        ("for_s", for_s), ("writes", len(waits_s)),
        ("writes_within_a_frame_and_50_ms_frac", round(in_time, 3)),
        ("longest_gap_s", round(max(gaps_s.values()), 1)), ("spoilt_answers", bus.spoilt),
        ("checksum_errors", sum(filter(None, counted))),
    ):  # fmt: skip
        note(name, value)
    assert bus.spoilt > 0
    assert sum(filter(None, counted)) > 0
    assert max(gaps_s.values()) <= STARVED_PERIODS * EVERY_S, gaps_s
    assert in_time >= IN_TIME_FRAC, sorted(waits_s)[-5:]


def _longest_gap_s(polls: Polls, name: str, unit: int) -> float:
    """Longest time between two good polls; every number must be the unit's own."""
    right, good_ns = np.arange(REGISTERS) + 100.0 * unit, []
    for _, frame in polls.frames[name]:
        sound = frame.qualities == 0
        assert np.array_equal(frame.values[sound], right[sound]), name
        good_ns += [frame.at.mono_ns] if sound.all() else []
    return float(np.diff(good_ns).max() / NS)


def _serial(bus: PacedBus, unit: int) -> dict[str, object]:
    return {
        "kind": "modbus_serial",
        "port": bus.path,
        "unit": unit,
        "baud": bus.settings.baud,
        "timeout_s": 0.1,
    }


def _settable(site: SiteDevices) -> SiteDevices:
    points = site.profiles["made"].points
    settable = tuple(point.model_copy(update={"kind": "setpoint"}) for point in points)
    site.profiles["made"] = site.profiles["made"].model_copy(update={"points": settable})
    return site


@pytest.mark.nightly
@pytest.mark.timeout(900)
async def test_with_noise_and_writes_no_unit_of_a_slow_bus_starves_in_ten_minutes(
    record_property: Callable[[str, object], None],
) -> None:
    """Ten minutes stand for the hour: nothing on the bus has a longer memory than half a minute."""
    await starvation(600.0, record_property)


async def test_a_serial_bus_with_more_to_do_than_four_fifths_of_its_time_is_refused() -> None:
    with pytest.raises(ConfigError, match="80"):
        refuse_overload(made_site({f"unit{n}": _NOWHERE | {"unit": n} for n in range(1, 30)}, 100, 1.0))


async def _read(lines: Lines, unit: str) -> None:
    for _ in range(2):
        reading = await lines.read(unit, [f"p{at}_kw" for at in range(600)])
        assert not reading.qualities.any()
