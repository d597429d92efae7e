"""One device on Modbus TCP that is nothing but its profile, to try things before the machine is there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
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

from protocols.errors import ConfigError
from protocols.profile import ModbusAddress, Profile
from runtime.children import check_port_free
from simulator.profile_image import BIT_TABLES, ProfileImage

_READS: Final = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_WRITES: Final = {5: "coil", 6: "holding", 15: "coil", 16: "holding"}
_TABLES: Final = ("coil", "discrete", "holding", "input")
_WORD_BITS: Final = 16


@asynccontextmanager
async def profile_server(
    profile: Profile, host: str, port: int, unit: int = 1, now_s: Callable[[], float] = time.monotonic
) -> AsyncIterator[None]:
    """Serve a profile until the block is left; functions 1 to 6, 15 and 16.

    Raises:
        ConfigError: The profile speaks another protocol, or the port is taken.
    """
    if profile.protocol != "modbus":
        raise ConfigError(
            f"profile {profile.id!r} speaks {profile.protocol}; only a Modbus profile is served alone, "
            "the demo's other devices are served by `ems sim run`"
        )
    check_port_free(host, port, f"simulator of {profile.id}")
    answers = _Answers(profile, now_s)
    blocks = tuple(_block(profile, table) for table in _TABLES)
    device = SimDevice(
        unit,
        cast("tuple[list[SimData], list[SimData], list[SimData], list[SimData]]", blocks),
        action=answers.answer,
    )
    server = _Server(unit, device, (host, port))
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare


class _Server(ModbusTcpServer):
    """Answers for one unit and is silent for the others, as a gateway is."""

    def __init__(self, unit: int, device: SimDevice, address: tuple[str, int]) -> None:
        super().__init__([device], framer=FramerType.SOCKET, address=address)
        self.unit = unit

    @override
    def callback_new_connection(self) -> ServerRequestHandler:
        return _Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]  # as above


class _Handler(ServerRequestHandler):
    server: _Server
    last_pdu: ModbusPDU | None

    @override
    async def handle_request(self) -> None:
        if self.last_pdu is not None and self.last_pdu.dev_id == self.server.unit:
            await super().handle_request()  # type: ignore[no-untyped-call]  # as above


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

    def __init__(self, profile: Profile, now_s: Callable[[], float]) -> None:
        self._image = ProfileImage(profile)
        self._now_s = now_s
        self._begin_s = now_s()

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
            taken = self._image.take(table, address, [int(value) for value in values])
            return None if taken else ExcCodes.ILLEGAL_ADDRESS
        cells = self._image.cells(table, self._now_s() - self._begin_s)
        asked = range(address, address + count)
        if not all(cell in cells for cell in asked):
            return ExcCodes.ILLEGAL_ADDRESS
        for cell in asked:
            if table in BIT_TABLES:
                _set_bit(registers, cell, on=bool(cells[cell]))
            else:
                registers[cell] = cells[cell]
        return None


def _set_bit(registers: list[int], cell: int, *, on: bool) -> None:
    word, place = divmod(cell, _WORD_BITS)
    registers[word] = registers[word] | 1 << place if on else registers[word] & ~(1 << place)
