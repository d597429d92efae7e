"""Whom a test read is for: `HOST[:PORT]`, a serial port, or a device of the site file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import ValidationError

from protocols.device import ModbusSerial, ModbusTcp
from protocols.drivers.modbus.driver import ModbusDriver, UnitSettings
from protocols.drivers.modbus.make import At, make_client
from protocols.drivers.modbus.plan import Limits
from protocols.errors import ConfigError
from protocols.units import Seconds

_PORT: Final = 502

Framing = Literal["mbap", "rtu"]
Parity = Literal["none", "even", "odd"]


@dataclass(frozen=True, slots=True)
class Line:
    """How a device outside any site file is reached.

    Attributes:
        unit_id: Unit id.
        framing: Over TCP: Modbus TCP, or RTU frames passed through.
        baud: Symbol rate of a serial port. [Bd]
        parity: Parity of a serial port.
        timeout_s: How long one answer may take. [s]
    """

    unit_id: int = 1
    framing: Framing = "mbap"
    baud: int = 9600
    parity: Parity = "none"
    timeout_s: Seconds = 1.0


def is_address(text: str) -> bool:
    """Whether a text names a host or port rather than a device of the site file.

    Example:
        >>> [is_address(text) for text in ("10.0.0.7", "gw:502", "/dev/ttyUSB0", "comp1")]
        [True, True, True, False]
    """
    return any(sign in text for sign in ".:/")


def connection_of(text: str, line: Line) -> At:
    """Read `HOST`, `HOST:PORT` or `/dev/…`.

    Raises:
        ConfigError: No such form, or a number out of range.
    """
    try:
        if text.startswith("/"):
            return ModbusSerial(
                port=text, unit=line.unit_id, baud=line.baud, parity=line.parity, timeout_s=line.timeout_s
            )
        host, _, port = text.rpartition(":") if ":" in text else (text, "", str(_PORT))
        return ModbusTcp(
            host=host, port=int(port), unit=line.unit_id, framing=line.framing, timeout_s=line.timeout_s
        )
    except (ValidationError, ValueError) as error:
        raise ConfigError(
            f"{text!r} is no target; give HOST, HOST:PORT, a serial port such as /dev/ttyUSB0, or the id of "
            f"a device in the site file, and numbers in their range ({_first(error)})"
        ) from error


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}; found {fault['input']!r}"
    return str(error)


@asynccontextmanager
async def connected(at: At, limits: Limits | None = None) -> AsyncIterator[ModbusDriver]:
    """A driver for one unit, closed at the end."""
    settings = UnitSettings(at.unit, at.timeout_s, limits or Limits())
    driver = ModbusDriver(make_client(at, at.timeout_s), settings)
    try:
        yield driver
    finally:
        await driver.close()
