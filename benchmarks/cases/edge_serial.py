"""Five units on one RTU bus at 9,600 Bd: requests a second against what symbols, gaps and units allow."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.polling import lines_of, made_site
from benchmarks.registry import Case, Result
from benchmarks.serial_bus import BusSettings, PacedBus, paced_bus
from edge_agent.lines import Lines
from protocols.errors import ContractError
from runtime.clock import SystemClock

UNITS: Final = 5
REGISTERS: Final = 20
BAUD: Final = 9600
_ANSWER_S: Final = 0.010
_FOR_S: Final = 20.0


def run() -> Result:
    """Ask without a pause for 20 s.

    Raises:
        ContractError: A value was wrong, or a request came before the bus was free.
    """
    settings = BusSettings(BAUD, _ANSWER_S)
    with paced_bus(settings) as bus:
        requests_per_s = asyncio.run(_ask(bus))
    if bus.violations:
        raise ContractError(
            f"{bus.violations} requests came before the bus had been silent for 3.5 characters"
        )
    possible_per_s = 1.0 / settings.exchange_s(REGISTERS)
    return Result(
        {
            "line_use_frac": requests_per_s / possible_per_s,
            "requests_per_s": requests_per_s,
            "possible_per_s": possible_per_s,
        }
    )


async def _ask(bus: PacedBus) -> float:
    connections = {
        f"unit{unit}": {"kind": "modbus_serial", "port": bus.path, "unit": unit, "baud": BAUD}
        for unit in range(1, UNITS + 1)
    }
    site, clock = made_site(connections, REGISTERS, 1.0), SystemClock()
    async with lines_of(site) as lines:
        await lines.read("unit1", ["p0_kw"])
        before, begin_s = bus.served, clock.mono_s()
        async with asyncio.TaskGroup() as tasks:
            for unit in range(1, UNITS + 1):
                tasks.create_task(_read(lines, unit, begin_s + _FOR_S))
        return (bus.served - before) / (clock.mono_s() - begin_s)


async def _read(lines: Lines, unit: int, until_s: float) -> None:
    names, clock = tuple(f"p{at}_kw" for at in range(REGISTERS)), SystemClock()
    right = [100.0 * unit + at for at in range(REGISTERS)]
    while clock.mono_s() < until_s:
        reading = await lines.read(f"unit{unit}", names)
        if reading.values.tolist() != right:
            raise ContractError(f"unit {unit} gave {reading.values.tolist()}")


CASE: Final = Case(
    "edge_serial",
    "five units on one RTU bus at 9,600 Bd, against what the line allows",
    run,
    {"units": (UNITS,), "baud": (BAUD,)},
)
