"""A SunSpec device of raw registers behind pymodbus's server, laid out by hand and not from our table."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice
from typing_extensions import override

U = 0xFFFF
"""Not implemented: uint16, enum16, bitfield16."""

S = 0x8000
"""Not implemented: int16, scale factor."""

LIMIT_AT = 40069 + 52 + 28 + 32 + 46 + 5
"""Where the device below keeps WMaxLimPct of model 123."""


def neg(value: int) -> int:
    """A register that holds a negative number."""
    return value % 0x10000


def text(value: str, registers: int) -> list[int]:
    """Registers of a string."""
    data = value.encode().ljust(2 * registers, b"\0")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def common(maker: str = "Acme", kind: str = "INV-10") -> list[int]:
    """Model 1 of 65 registers: without the padding."""
    return [*text(maker, 16), *text(kind, 16), *text("", 8), *text("4.2", 8), *text("S1", 16), 1]


INVERTER = [
    *(123, 41, 41, 41, neg(-1)),
    *(4001, 4002, 4003, 2310, 2311, U, neg(-1)),
    *(850, 1, 4998, neg(-2), S, S, neg(-120), 0, neg(-985), neg(-1)),
    *(123456789 >> 16, 123456789 & U, 0),
    *(U, S, 6005, neg(-1), 870, 1),
    *(415, 388, S, S, neg(-1), 4, U),
    *(0, 1, 0, 0),
    *(U, U, U, U, U, U, U, U),
]
NAMEPLATE = [
    *(4, 10000, 0, 11, 3, 6000, S, S, neg(-6000), 0, 160, neg(-1), neg(-85), S, S, 85, neg(-2)),
    *(U, S, U, S, U, S, U, S, S),
]
SETTINGS = [
    *(10000, 230, 0, U, U, U, S, S, S, S, U, S, S, S, S, U, U, U, U, U),
    *(0, 0, 0, S, S, S, S, S, S, S),
]
STATUS = [
    *(7, U, 1, 0, 1, 0, 0),
    *([0] * 20),
    *(S, S, 9000, 0, 0, 0, 0, 0, *text("GPS", 4), 0, 1, 0, U, S),
]
CONTROLS = [
    *(U, U, 1, 1000, 0, 60, U, 0, 100, U, U, U, 0, S, S, S, U, U, U, U, 0),
    *(neg(-1), neg(-2), S),
]
MPPT = [
    *(neg(-2), neg(-1), 0, 0, 0, 0, 2, U),
    *(1, *text("one", 8), 712, 6005, 4270, 0, 5000, 0, 0, 45, 4, 0, 0),
    *(2, *text("two", 8), 733, 6010, 4400, 0, 6000, 0, 0, S, 4, U, U),
    0,  # one register more than two inputs take
]
VENDOR = [1, 2, 3, 4, 5]
USUAL = (
    (1, common()), (103, INVERTER), (120, NAMEPLATE), (121, SETTINGS), (122, STATUS), (123, CONTROLS),
    (160, MPPT), (64001, VENDOR),
)  # fmt: skip
"""The models of the usual device."""


def chain(
    models: Sequence[tuple[int, Sequence[int]]] = USUAL, base: int = 40000, *, end: bool = True
) -> dict[int, int]:
    """Registers of a device by address."""
    words = [0x5375, 0x6E53]
    for model, data in models:
        words += [model, len(data), *data]
    return dict(enumerate([*words, U, 0] if end else words, start=base))


class _Server(ModbusTcpServer):
    def __init__(self, device: SimDevice, port: int, silent: Collection[int]) -> None:
        super().__init__([device], framer=FramerType.SOCKET, address=("127.0.0.1", port))
        self.silent = silent

    @override
    def callback_new_connection(self) -> ServerRequestHandler:
        return _Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]  # pymodbus leaves it bare


class _Handler(ServerRequestHandler):
    server: _Server
    last_pdu: ModbusPDU | None

    @override
    async def handle_request(self) -> None:
        asked = self.last_pdu
        if asked is not None and asked.dev_id == 1 and asked.address not in self.server.silent:
            await super().handle_request()  # type: ignore[no-untyped-call]  # as above


def _device(words: dict[int, int]) -> SimDevice:
    async def answer(  # noqa: PLR0917  the signature of pymodbus's SimAction
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        del start  # the block begins at 0
        asked = range(address, address + count)
        if function not in {3, 16} or not all(cell in words for cell in asked):
            return ExcCodes.ILLEGAL_ADDRESS
        if values is not None and function == 16:
            words.update(zip(asked, map(int, values), strict=True))
        for cell in asked:
            registers[cell] = words[cell]
        return None

    nothing = [SimData(0, count=1, values=0, datatype=DataType.BITS)]
    block = [SimData(0, count=65536, values=0, datatype=DataType.REGISTERS)]
    return SimDevice(1, (nothing, nothing, block, block), action=answer)


@contextmanager
def served(words: dict[int, int], silent: Collection[int] = ()) -> Iterator[int]:
    """Serve registers on a free port in a thread of its own; requests from `silent` on get no answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        server = _Server(_device(words), port, silent)
        await server.serve_forever(background=True)
        ready.set()
        await done.wait()
        await server.shutdown()  # type: ignore[no-untyped-call]  # as above

    done = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(5)
        yield port
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(5)
        loop.close()
