"""The three everyday faults: one bad register of 500; one dead, one hanging, one talking device of twenty."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

import numpy as np

from benchmarks.faulty_tcp import FaultyUnits, Manner, faulty_units
from benchmarks.polling import Polls, lines_of, made_site, poller_of
from benchmarks.registry import Case, Figures, Result
from benchmarks.serial_bus import BusSettings, PacedBus, paced_bus
from protocols.errors import ContractError
from runtime.clock import SystemClock

DEVICES: Final = 20
REGISTERS: Final = 10
EVERY_S: Final = 1.0
_FAULTY: Final = {3: Manner.SILENT, 8: Manner.HANGING, 13: Manner.TALKING}
_BAD: Final = 137
_POINTS: Final = 500
_POLLS: Final = 3
_BAUD: Final = 38_400
_ANSWER_S: Final = 0.008
_WARM_S: Final = 8.0
_FOR_S: Final = 60.0

_Farm = tuple[list[FaultyUnits], FaultyUnits, PacedBus]
"""Units with addresses of their own, units behind one gateway, units on one serial bus."""


def run() -> Result:
    """Measure both; the window of the second begins at the onset of the faults.

    Raises:
        ContractError: A good quality stands beside a wrong value.
    """
    return Result(asyncio.run(bad_register()) | isolation(_FOR_S))


async def bad_register() -> Figures:
    """Of 500 points with one unreadable: how many are good and how many wrong in the third poll."""
    with faulty_units({}, bad=_BAD) as units:
        site = made_site({"unit1": _tcp(units.port, 1)}, _POINTS, EVERY_S)
        names = tuple(f"p{at}_kw" for at in range(_POINTS))
        async with lines_of(site) as lines:
            for _ in range(_POLLS - 1):
                await lines.read("unit1", names)
            reading = await lines.read("unit1", names)
    sound = reading.qualities == 0
    right = reading.values == np.arange(_POINTS) + 100.0
    return {
        "bad_register_good": float((sound & right).sum()),
        "bad_register_wrong": float((sound & ~right).sum()),
        "bad_register_flagged": float((~sound).sum()),
    }


def isolation(for_s: float, warm_s: float = _WARM_S) -> Figures:
    """Good polls in time ÷ polls due, worst of the 17 sound devices, on three kinds of line at once."""
    serial = BusSettings(_BAUD, _ANSWER_S)
    with ExitStack() as stack:
        alone = [
            stack.enter_context(faulty_units({unit: _FAULTY.get(unit, Manner.SOUND)}))
            for unit in range(1, DEVICES + 1)
        ]
        gateway = stack.enter_context(faulty_units({3: Manner.SILENT}))
        bus = stack.enter_context(paced_bus(serial))
        return asyncio.run(_isolation((alone, gateway, bus), for_s, warm_s))


async def _isolation(farm: _Farm, for_s: float, warm_s: float) -> Figures:
    alone, gateway, bus = farm
    connections: dict[str, Mapping[str, Any]] = {}
    for unit, server in enumerate(alone, start=1):
        connections[f"tcp{unit}"] = _tcp(server.port, unit)
        connections[f"gate{unit}"] = _tcp(gateway.port, unit)
        connections[f"serial{unit}"] = {
            "kind": "modbus_serial", "port": bus.path, "unit": unit, "baud": _BAUD,
        }  # fmt: skip
    site, polls, clock = made_site(connections, REGISTERS, EVERY_S), Polls(), SystemClock()
    async with lines_of(site) as lines, asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(poller_of(site, lines, polls).run())
        await clock.sleep(warm_s)
        _break(alone, gateway, bus)
        onset_s = clock.mono_s()
        await clock.sleep(for_s + EVERY_S)
        polling.cancel()
    _check(polls)
    return {
        f"healthy_periods_frac_{label}": min(
            polls.good_frac(f"{kind}{unit}", onset_s, onset_s + for_s, EVERY_S)
            for unit in range(1, DEVICES + 1)
            if unit not in _FAULTY
        )
        for kind, label in (("tcp", "tcp"), ("gate", "gateway"), ("serial", "serial"))
    }


def _break(alone: list[FaultyUnits], gateway: FaultyUnits, bus: PacedBus) -> None:
    for server in (*alone, gateway):
        server.faults.set()
    for unit, manner in _FAULTY.items():
        unlike = {
            Manner.SILENT: bus.settings.silent, Manner.HANGING: bus.settings.hanging,
            Manner.TALKING: bus.settings.talking,
        }  # fmt: skip
        unlike[manner].add(unit)


def _check(polls: Polls) -> None:
    for device, frames in polls.frames.items():
        unit = int("".join(digit for digit in device if digit.isdigit()))
        right = np.arange(REGISTERS) + 100.0 * unit
        for _, frame in frames:
            if not np.array_equal(frame.values[frame.qualities == 0], right[frame.qualities == 0]):
                raise ContractError(f"{device} gave {frame.values.tolist()} as good")


def _tcp(port: int, unit: int) -> dict[str, object]:
    return {"kind": "modbus", "host": "127.0.0.1", "port": port, "unit": unit, "timeout_s": 1.0}


CASE: Final = Case(
    "edge_faults",
    "one bad register of 500; one dead, one hanging, one talking device of twenty",
    run,
    {"line": ("tcp", "gateway", "serial"), "devices": (DEVICES,)},
)
