"""Text in registers, as serial meters keep the name of their maker and model: `ems edge read --text`."""

from __future__ import annotations

from typing import Final

import typer

from edge_agent.commission.advice import explanation
from edge_agent.commission.target import connected
from protocols.device import ModbusSerial
from protocols.drivers.modbus.codec import modbus_address, text_of
from protocols.drivers.modbus.make import At
from protocols.drivers.modbus.plan import BIT_TABLES
from protocols.errors import ConfigError, DeviceError
from protocols.profile import ModbusAddress, PointSpec

_CELLS: Final = 65536


async def read_text(at: At, spec: PointSpec | None, count: int) -> str | None:
    """Print `count` registers as text, with their bytes and in both orders; a sentence where there are none.

    Raises:
        ConfigError: No address, not one of registers, or the text would reach beyond the last one.
    """
    first = _first(spec, count)
    name = at.port if isinstance(at, ModbusSerial) else f"{at.host}:{at.port}"
    async with connected(at) as driver:
        try:
            data = await driver.read_raw(first.table, first.address, count)
        except DeviceError as error:
            return f"{name}\n{explanation(error, first, at.unit, count)}"
    typer.echo(f"{name} unit {at.unit}, {first.table} {first.address}, {count} registers: {data.hex(' ')}")
    swapped = bytes(data[place ^ 1] for place in range(len(data)))
    for order, octets in (("abcd", data), ("badc", swapped)):
        typer.echo(f"  {order}: {''.join(sign for sign in text_of(octets) if sign.isprintable())}")
    return None


def _first(spec: PointSpec | None, count: int) -> ModbusAddress:
    if spec is None:
        raise ConfigError("--text needs --address: the first register of the text")
    first = modbus_address(spec)
    if first.table in BIT_TABLES:
        raise ConfigError(f"--table {first.table}: text lies in registers, take holding or input")
    if first.address + count > _CELLS:
        raise ConfigError(
            f"--text {count}: from {first.address} on there are {_CELLS - first.address} registers"
        )
    return first
