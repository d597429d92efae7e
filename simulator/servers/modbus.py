"""Modbus TCP: one pymodbus server an address, one unit a device (several units make a gateway)."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType as BlockType
from pymodbus.simulator import SimData, SimDevice
from typing_extensions import override

from protocols.device import ModbusTcp
from protocols.profile import DataType, ModbusAddress, PointSpec
from runtime.children import check_port_free
from simulator.device import SLOW_S, Fault, FieldDevice
from simulator.servers.registers import from_registers, to_registers

_READS: Final = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_WRITES: Final = {5: "coil", 6: "holding", 15: "coil", 16: "holding"}


@asynccontextmanager
async def modbus_server(devices: Sequence[FieldDevice]) -> AsyncIterator[None]:
    """Serve devices that share one address until the block is left.

    Raises:
        ConfigError: The port is taken.
    """
    at = _address(devices[0])
    names = ", ".join(device.id for device in devices)
    check_port_free(at.host, at.port, f"Modbus server of {names}")
    server = _Server({_address(device).unit: device for device in devices}, (at.host, at.port))
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare


def _address(device: FieldDevice) -> ModbusTcp:
    return cast("ModbusTcp", device.device.connection)


class _Server(ModbusTcpServer):
    """Answers for units that are there; a gateway stays silent for the others."""

    def __init__(self, units: dict[int, FieldDevice], address: tuple[str, int]) -> None:
        super().__init__(
            [_unit(number, device) for number, device in units.items()],
            framer=FramerType.SOCKET,
            address=address,
        )
        self.units = units

    @override
    def callback_new_connection(self) -> ServerRequestHandler:
        return _Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]  # as above


class _Handler(ServerRequestHandler):
    """Puts the asked-for faults between request and answer."""

    server: _Server
    last_pdu: ModbusPDU | None

    @override
    async def handle_request(self) -> None:
        request, sender = self.last_pdu, self.last_addr
        device = self.server.units.get(request.dev_id) if request else None
        if device is None or device.fault is Fault.SILENT:
            return
        if device.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        # the handler answers its *last* request; a later one must not lend its transaction id to this answer
        self.last_pdu, self.last_addr = request, sender
        await super().handle_request()  # type: ignore[no-untyped-call]  # as above


def _unit(number: int, device: FieldDevice) -> SimDevice:
    blocks = tuple(_block(device, table) for table in ("coil", "discrete", "holding", "input"))
    return SimDevice(
        number,
        cast("tuple[list[SimData], list[SimData], list[SimData], list[SimData]]", blocks),
        action=functools.partial(_serve, device),
    )


def _block(device: FieldDevice, table: str) -> list[SimData]:
    """Registers up to the last one in use; pymodbus wants at least one."""
    ends = [a.address + a.registers for _, a in _points(device, table)]
    kind = BlockType.BITS if table in {"coil", "discrete"} else BlockType.REGISTERS
    return [SimData(0, count=max([*ends, 1]), values=0, datatype=kind)]


def _points(device: FieldDevice, table: str) -> Iterable[tuple[PointSpec, ModbusAddress]]:
    for spec in device.profile.points:
        if isinstance(spec.address, ModbusAddress) and spec.address.table == table:
            yield spec, spec.address


async def _serve(  # noqa: PLR0913, PLR0917  the signature of pymodbus's SimAction
    device: FieldDevice,
    function: int,
    start: int,
    address: int,
    count: int,
    registers: list[int],
    values: list[int] | list[bool] | None,
) -> ExcCodes | None:
    """Take a write apart into set-points, then lay out the registers as the device now holds them."""
    del start  # every block begins at 0
    table = _READS.get(function) or _WRITES.get(function)
    if table is None:
        return ExcCodes.ILLEGAL_FUNCTION
    if values is not None and function in _WRITES:
        refusal = _take(device, table, address, [int(value) for value in values])
        if refusal is not None:
            return refusal
    for spec, at in _points(device, table):
        cells = to_registers(device.raw(spec), at)
        if at.type is DataType.BOOL or table in {"coil", "discrete"}:
            _set_bit(registers, at.address, bool(cells[-1]))
        elif at.bit is not None:
            field = ((1 << at.bits) - 1) << at.bit
            registers[at.address] = registers[at.address] & ~field | cells[0] << at.bit & field
        else:
            registers[at.address : at.address + len(cells)] = cells
    del count
    return None


def _set_bit(registers: list[int], address: int, *bits: bool) -> None:
    for offset, bit in enumerate(bits, start=address):
        word, place = divmod(offset, 16)
        registers[word] = registers[word] | 1 << place if bit else registers[word] & ~(1 << place)


def _take(device: FieldDevice, table: str, address: int, values: list[int]) -> ExcCodes | None:
    """Write every set-point that lies wholly inside; anything else in the range refuses the request."""
    wanted: dict[str, float] = {}
    covered = 0
    for spec, at in _points(device, table):
        first = at.address - address
        if first < 0 or first + at.registers > len(values):
            continue
        covered += at.registers
        value = from_registers(values[first : first + at.registers], at) * spec.scale + spec.offset
        if not math.isfinite(value) or not _inside(spec, value):
            return ExcCodes.ILLEGAL_VALUE
        wanted[spec.name] = value
    if covered != len(values):
        return ExcCodes.ILLEGAL_ADDRESS
    for point, value in wanted.items():
        device.write(point, value)
    return None


def _inside(spec: PointSpec, value: float) -> bool:
    return (spec.low is None or value >= spec.low) and (spec.high is None or value <= spec.high)
