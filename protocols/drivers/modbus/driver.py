"""A Modbus TCP unit: reads blocks, writes single set-points, reads them back by a request of its own.

Source: MODBUS Application Protocol Specification V1.1b3: functions 1-6 and 16, exception codes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

import numpy as np
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU
from typing_extensions import override

from protocols.device import Device, ModbusTcp
from protocols.driver import Driver, Reading
from protocols.drivers.modbus.codec import encode_value, modbus_address
from protocols.drivers.modbus.link import ModbusLink
from protocols.drivers.modbus.plan import MAX_GAP, Block, plan_blocks
from protocols.errors import ConfigError, DeviceRefusedError, PointUnreadableError
from protocols.profile import ModbusAddress, PointSpec, Profile
from protocols.quality import Quality, is_bad

_READ: Final = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


def make_drivers(devices: Mapping[str, tuple[Device, Profile]]) -> dict[str, Driver]:
    """A driver a device; units of one address share its connection, with the longest of their time-outs."""
    links: dict[tuple[str, int], ModbusLink] = {}
    drivers: dict[str, Driver] = {}
    places = {name: _connection(device) for name, (device, _) in devices.items()}
    for name, (_, profile) in devices.items():
        at = places[name]
        where = (at.host, at.port)
        if where not in links:
            longest_s = max(p.timeout_s for p in places.values() if (p.host, p.port) == where)
            links[where] = ModbusLink(at.host, at.port, longest_s)
        drivers[name] = ModbusDriver(links[where], at.unit, profile.max_registers)
    return drivers


def _connection(device: Device) -> ModbusTcp:
    if not isinstance(device.connection, ModbusTcp):
        raise ConfigError(f"device {device.id!r} has no Modbus connection")
    return device.connection


class ModbusDriver(Driver):
    """One unit behind a link."""

    def __init__(self, link: ModbusLink, unit: int, max_registers: int = 125) -> None:
        self._link = link
        self._unit = unit
        self._max_registers = max_registers
        self._max_gap = MAX_GAP
        self._alone: set[str] = set()
        self._plans: dict[tuple[str, ...], tuple[Block, ...]] = {}

    @override
    async def open(self) -> None:
        await self._link.open()

    @override
    async def close(self) -> None:
        self._link.close()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        values = np.full(len(points), np.nan)
        qualities = np.full(len(points), Quality.BAD_REFUSED, np.uint8)
        for block in self._plan(points):
            try:
                reading = await self._read_block(block)
            except DeviceRefusedError:
                reading = await self._read_singly(block)
            values[list(block.at)] = reading.values
            qualities[list(block.at)] = reading.qualities
        return Reading(values, qualities)

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        address = modbus_address(point)
        if value is None:
            raise DeviceRefusedError("Modbus has no null; write the fallback value instead", point=point.name)
        words = encode_value(point, value)
        if address.table == "coil":
            await self._write_coil(address, on=bool(words[0]))
        elif address.table == "holding" and len(words) == 1:
            await self._write_register(address, words[0])
        elif address.table == "holding":
            await self._write_registers(address, words)
        else:
            raise DeviceRefusedError(f"the table {address.table!r} is read-only", point=point.name)

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        (block,) = plan_blocks([point], self._max_registers)
        try:
            reading = await self._read_block(block)
        except DeviceRefusedError as error:
            raise PointUnreadableError(str(error), point=point.name) from error
        if is_bad(int(reading.qualities[0])):
            raise PointUnreadableError(
                f"read back as {Quality(int(reading.qualities[0])).name.lower()}", point=point.name
            )
        return float(reading.values[0])

    def _plan(self, points: Sequence[PointSpec]) -> tuple[Block, ...]:
        names = tuple(point.name for point in points)
        if names not in self._plans:
            self._plans[names] = plan_blocks(
                points, self._max_registers, alone=self._alone, max_gap=self._max_gap
            )
        return self._plans[names]

    async def _read_block(self, block: Block) -> Reading:
        def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            readers = {
                "coil": client.read_coils,
                "discrete": client.read_discrete_inputs,
                "holding": client.read_holding_registers,
                "input": client.read_input_registers,
            }
            return readers[block.table](block.start, count=block.count, device_id=self._unit)

        answer = await self._link.ask(self._unit, _READ[block.table], ask)
        return block.codec.decode(self._counted(answer, block))

    def _counted(self, answer: ModbusPDU, block: Block) -> Sequence[int] | Sequence[bool]:
        if block.table in {"holding", "input"}:
            if len(answer.registers) != block.count:
                self._link.bad_answer(f"asked for {block.count} registers, got {len(answer.registers)}")
            return answer.registers
        if len(answer.bits) != -(-block.count // 8) * 8:
            self._link.bad_answer(f"asked for {block.count} bits, got {len(answer.bits)}")
        return answer.bits[: block.count]

    async def _read_singly(self, block: Block) -> Reading:
        """The block was refused: find out which of its points are, and let those stand alone from now on."""
        if len(block.specs) == 1:
            return Reading(np.array([np.nan]), np.array([Quality.BAD_REFUSED], np.uint8))
        values = np.full(len(block.specs), np.nan)
        qualities = np.full(len(block.specs), Quality.BAD_REFUSED, np.uint8)
        refused: set[str] = set()
        for at, single in enumerate(plan_blocks(block.specs, self._max_registers, max_gap=-_BEYOND)):
            try:
                reading = await self._read_block(single)
            except DeviceRefusedError:
                refused.add(single.specs[0].name)
                continue
            values[at], qualities[at] = reading.values[0], reading.qualities[0]
        if len(refused) < len(block.specs):  # a device that refuses all is busy, not badly mapped
            self._learn(refused)
        return Reading(values, qualities)

    def _learn(self, refused: set[str]) -> None:
        self._alone |= refused
        if not refused:
            self._max_gap = 0  # each point is there, so a gap between them was what the device refused
        self._plans.clear()

    async def _write_coil(self, address: ModbusAddress, *, on: bool) -> None:
        answer = await self._link.ask(
            self._unit, 5, lambda client: client.write_coil(address.address, on, device_id=self._unit)
        )
        if answer.address != address.address or bool(answer.bits[0]) is not on:
            self._link.bad_answer("the answer to a write names another coil or value")

    async def _write_register(self, address: ModbusAddress, word: int) -> None:
        answer = await self._link.ask(
            self._unit, 6, lambda client: client.write_register(address.address, word, device_id=self._unit)
        )
        if answer.address != address.address or answer.registers != [word]:
            self._link.bad_answer("the answer to a write names another register or value")

    async def _write_registers(self, address: ModbusAddress, words: list[int]) -> None:
        answer = await self._link.ask(
            self._unit,
            16,
            lambda client: client.write_registers(address.address, words, device_id=self._unit),
        )
        if answer.address != address.address or answer.count != len(words):
            self._link.bad_answer("the answer to a write names other registers")


_BEYOND: Final = 65536
"""A gap no two registers have: nothing is joined."""
