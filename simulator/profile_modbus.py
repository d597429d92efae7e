"""Modbus TCP, RTU over TCP or RTU over a serial line, from a device that is nothing but its profile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType as BlockType
from pymodbus.simulator import SimData, SimDevice
from typing_extensions import override

from protocols.device import ModbusSerial, ModbusTcp
from protocols.profile import ModbusAddress, PointSpec, Profile
from runtime.children import check_port_free
from simulator.device import SLOW_S, Fault
from simulator.profile_device import ProfileDevice
from simulator.profile_image import BIT_TABLES, ProfileImage

_READS: Final = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_WRITES: Final = {5: "coil", 6: "holding", 15: "coil", 16: "holding", 22: "holding", 23: "holding"}
_MASK_WRITE: Final = 22
_TABLES: Final = ("coil", "discrete", "holding", "input")
_WORD_BITS: Final = 16
_PARITY: Final = {"none": "N", "even": "E", "odd": "O"}


@asynccontextmanager
async def modbus_profile_server(device: ProfileDevice, port: str = "") -> AsyncIterator[None]:
    """Serve a Modbus profile until the block is left; functions 1 to 6, 15, 16, 22 and 23.

    Args:
        device: What is served; its connection says how and where.
        port: Our end of the serial line, where the connection is a serial one.

    Raises:
        ConfigError: The port is taken.
    """
    at = device.device.connection
    server: _Server | _SerialServer
    if isinstance(at, ModbusSerial):
        server = _SerialServer(device, at, port)
    else:
        tcp = cast("ModbusTcp", at)
        check_port_free(tcp.host, tcp.port, f"simulator of {device.id}")
        server = _Server(device, tcp)
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare


class _Server(ModbusTcpServer):
    """Answers for one unit and is silent for the others, as a gateway is."""

    def __init__(self, device: ProfileDevice, at: ModbusTcp) -> None:
        framer = FramerType.SOCKET if at.framing == "mbap" else FramerType.RTU
        super().__init__([_unit(device, at.unit)], framer=framer, address=(at.host, at.port))
        self.unit, self.device = at.unit, device

    @override
    def callback_new_connection(self) -> ServerRequestHandler:
        return _Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]  # as above


class _SerialServer(ModbusSerialServer):
    """The same on a serial line."""

    def __init__(self, device: ProfileDevice, at: ModbusSerial, port: str) -> None:
        super().__init__(
            [_unit(device, at.unit)],
            framer=FramerType.RTU,
            port=port,
            baudrate=at.baud,
            parity=_PARITY[at.parity],
            stopbits=at.stop_bits,
        )
        self.unit, self.device = at.unit, device

    @override
    def callback_new_connection(self) -> ServerRequestHandler:
        return _Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]  # as above


class _Handler(ServerRequestHandler):
    """Puts the asked-for faults between request and answer."""

    server: _Server | _SerialServer
    last_pdu: ModbusPDU | None

    @override
    async def handle_request(self) -> None:
        request, sender = self.last_pdu, self.last_addr
        fault = self.server.device.fault
        if request is None or request.dev_id != self.server.unit or fault is Fault.SILENT:
            return
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        # the handler answers its *last* request; a later one must not lend its transaction id to this answer
        self.last_pdu, self.last_addr = request, sender
        await super().handle_request()  # type: ignore[no-untyped-call]  # as above


def _unit(device: ProfileDevice, unit: int) -> SimDevice:
    blocks = tuple(_block(device.profile, table) for table in _TABLES)
    return SimDevice(
        unit,
        cast("tuple[list[SimData], list[SimData], list[SimData], list[SimData]]", blocks),
        action=_Answers(device).answer,
    )


def _block(profile: Profile, table: str) -> list[SimData]:
    """Cells up to the last one in use; pymodbus wants at least one."""
    ends = [1]
    for spec in profile.points:
        at = spec.address
        if isinstance(at, ModbusAddress) and at.table == table:
            ends += [at.address + at.registers, (at.scale_factor or 0) + 1]
    kind = BlockType.BITS if table in BIT_TABLES else BlockType.REGISTERS
    return [SimData(0, count=max(ends), values=0, datatype=kind)]


class _Answers:
    """Lays out the registers as the device now holds them, just before pymodbus answers from them."""

    def __init__(self, device: ProfileDevice) -> None:
        self._device = device
        self._image = ProfileImage(device.profile)

    async def answer(  # noqa: PLR0913, PLR0917  the signature of pymodbus's SimAction
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Take a write in, refuse what is not there, and fill the cells that are asked for."""
        del start  # every block begins at 0
        table = _READS.get(function) or _WRITES.get(function)
        if table is None:
            return ExcCodes.ILLEGAL_FUNCTION
        if values is not None and function in _WRITES:
            words = [int(value) for value in values]
            return (
                self._take_bits(address, words[0])
                if function == _MASK_WRITE
                else self._take(table, address, words)
            )
        cells = self._image.laid_out(table, lambda name: self._device.value(name) or 0.0)
        asked = range(address, address + count)
        if not all(cell in cells for cell in asked):
            return ExcCodes.ILLEGAL_ADDRESS
        for cell in asked:
            if table in BIT_TABLES:
                _set_bit(registers, cell, on=bool(cells[cell]))
            else:
                registers[cell] = cells[cell]
        return None

    def _take_bits(self, address: int, word: int) -> ExcCodes | None:
        cells = self._image.laid_out("holding", lambda name: self._device.value(name) or 0.0)
        return self._write(self._image.wanted_bits(address, word, cells[address]))

    def _take(self, table: str, address: int, values: list[int]) -> ExcCodes | None:
        return self._write(self._image.wanted(table, address, values))

    def _write(self, wanted: dict[str, float] | None) -> ExcCodes | None:
        if wanted is None:
            return ExcCodes.ILLEGAL_ADDRESS
        if not all(_inside(self._device.profile.point(name), value) for name, value in wanted.items()):
            return ExcCodes.ILLEGAL_VALUE
        for name, value in wanted.items():
            self._device.write(name, value)
        return None


def _set_bit(registers: list[int], cell: int, *, on: bool) -> None:
    word, place = divmod(cell, _WORD_BITS)
    registers[word] = registers[word] | 1 << place if on else registers[word] & ~(1 << place)


def _inside(spec: PointSpec, value: float) -> bool:
    return (spec.low is None or value >= spec.low) and (spec.high is None or value <= spec.high)
