"""Lines: one queue for each physical bus, one request at a time, writes before reads.

A line is what requests share: a serial port, the TCP address of a Modbus gateway with all units behind it,
otherwise the device itself. A device that is silent several times in a row is asked more and more rarely; on
a shared line the dead ones together take a twentieth of its time (`edge_agent.breaker`): living units do not
wait for dead ones. A long read gives way to a write between two of its requests.
A bounded number of reads and of writes waits at a line; one more is refused, none is ever dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from edge_agent.breaker import Breaker, Tries
from edge_agent.device_meter import DeviceMeter
from edge_agent.turns import Turns
from protocols.clock import Clock
from protocols.device import BacnetIp, Connection, Device, ModbusSerial, ModbusTcp, Mqtt
from protocols.driver import Driver, Prompt, RawCells, Reading, Rest, Sharing
from protocols.errors import BadAnswerError, DeviceError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import PointSpec
from runtime.site import SiteDevices

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_READS_ALLOWED: Final = 8
"""One call may take several requests: this many time-outs of the device are its outer bound."""

_LONGEST_EXCHANGE_BYTES: Final = 270
_MOST_SETS: Final = 64

_MQTT_ANSWER_S: Final = 3.0


@dataclass(slots=True)
class _Station:
    """One device at its line."""

    device: Device
    driver: Driver
    turns: Turns
    tries: Tries
    specs: Mapping[str, PointSpec]
    own_deadlines: bool
    prompt: Prompt | None
    meter: DeviceMeter
    retries: int = 0
    sets: list[tuple[tuple[str, ...], tuple[PointSpec, ...]]] = field(default_factory=list)

    def specs_of(self, points: Sequence[str]) -> tuple[PointSpec, ...]:
        """Specs of these points; the same object for the same names: a driver knows its plan by it."""
        for names, specs in self.sets:
            if names is points or names == points:  # to hash hundreds of names would cost more than to look
                return specs
        found = tuple(self.specs[name] for name in points)
        if len(self.sets) < _MOST_SETS:
            self.sets.append((tuple(points), found))
        return found


@dataclass(frozen=True, slots=True)
class RestOfRead:
    """What is left of a read that was begun without a task; it holds the line until it is read or dropped."""

    rest: Rest
    drop: Callable[[], None]

    async def read(self) -> Reading:
        """The reading.

        Raises:
            DeviceUnreachableError: No answer.
            BadAnswerError: The answer does not fit the question.
        """
        try:
            return await self.rest()
        finally:
            self.drop()


Ended = Callable[[Reading | RestOfRead], None]
"""Takes the end of a read that was begun without a task; must not wait."""


class Lines:
    """Every request to a device goes through here; `async with` closes the connections at the end."""

    def __init__(
        self,
        site: SiteDevices,
        drivers: Mapping[str, Driver],
        clock: Clock,
        meters: Mapping[str, DeviceMeter] | None = None,
    ) -> None:
        self._clock = clock
        meters = meters or {}
        keys = {device.id: line_key(device) for device in site.edge.devices}
        turns = {key: Turns() for key in keys.values()}
        tries: dict[str, list[Tries]] = {key: [] for key in keys.values()}
        self._stations = {
            device.id: _Station(
                device,
                drivers[device.id],
                turns[keys[device.id]],
                Tries(tries[keys[device.id]]),
                specs={spec.name: spec for spec in site.profile_of(device.id).points},
                own_deadlines=isinstance(drivers[device.id], Sharing),
                prompt=_prompt(drivers[device.id]),
                meter=meters.get(device.id) or DeviceMeter(),
            )
            for device in site.edge.devices
        }
        for name, station in self._stations.items():
            tries[keys[name]].append(station.tries)
        for name, driver in drivers.items():
            if isinstance(driver, Sharing):
                driver.share(turns[keys[name]])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for station in self._stations.values():
            await station.driver.close()

    def read(self, device: str, points: Sequence[str]) -> Coroutine[Any, Any, Reading]:
        """Read points of one device.

        Raises:
            DeviceUnreachableError: No answer, or it is asked rarely because it did not answer.
            BadAnswerError: The answer does not fit the question.
        """
        station = self._stations[device]
        return self._ask(station, partial(station.driver.read, station.specs_of(points)), urgent=False)

    def begin_read(self, device: str, points: Sequence[str], ended: Ended) -> bool:
        """Begin `read` without a task, where the device is up, its line is free and its driver can.

        `ended` is called once, later, with the reading or with a rest that has to be read or dropped.

        Returns:
            Whether it was begun; nothing was sent where not.
        """
        station, ticket = self._stations[device], object()
        if station.tries.failures or station.prompt is None or not station.turns.take_now(ticket):
            return False
        let_go, begun = partial(station.turns.let_go, ticket), False
        over = partial(self._over, station, self._clock.mono_s(), let_go, ended)
        try:
            begun = station.prompt.begin_read(station.specs_of(points), over)
        finally:
            if not begun:
                let_go()
        station.meter.calls += begun
        return begun

    def _over(
        self,
        station: _Station,
        begin_s: float,
        let_go: Callable[[], None],
        ended: Ended,
        answer: Reading | Rest,
    ) -> None:
        if isinstance(answer, Reading):
            let_go()
            self._note_answer(station, begin_s)
            ended(answer)
        else:
            ended(RestOfRead(partial(self._settled, station, begin_s, answer), let_go))

    async def write(self, device: str, point: str, value: float | None) -> None:
        """Write a set-point once, before any waiting read; None gives it back.

        Raises:
            DeviceUnreachableError: No answer; it is not known whether the write happened.
            DeviceRefusedError: The device said no.
            BadAnswerError: The answer does not fit; it is not known whether the write happened.
        """
        station = self._stations[device]
        await self._ask(station, partial(station.driver.write, station.specs[point], value), urgent=True)

    async def read_back(self, device: str, point: str) -> float | None:
        """Read a set-point by a request of its own, before any waiting read; None: our slot is empty.

        Raises:
            DeviceUnreachableError: No answer.
            PointUnreadableError: The device does not give this point.
        """
        station = self._stations[device]
        return await self._ask(station, partial(station.driver.read_back, station.specs[point]), urgent=True)

    async def read_raw(self, device: str, table: str, start: int, count: int) -> bytes:
        """Bytes of some cells of a device as they came, after the reads that wait.

        Raises:
            DeviceUnreachableError: No answer.
            DeviceRefusedError: The device does not give them, or its protocol knows no raw cells.
        """
        station = self._stations[device]
        return await self._ask(station, partial(_raw_of, station.driver, table, start, count), urgent=False)

    def links(self) -> dict[str, str]:
        """Device id to `up` or `down`; a device never asked is down."""
        return {name: "up" if station.tries.up else "down" for name, station in self._stations.items()}

    def retries(self) -> dict[str, int]:
        """Device id to the calls that were made although the one before had failed."""
        return {name: station.retries for name, station in self._stations.items()}

    def breakers(self) -> dict[str, Breaker]:
        """Device id to how its circuit breaker stands now."""
        now_s = self._clock.mono_s()
        return {name: station.tries.breaker(now_s) for name, station in self._stations.items()}

    def waiting(self) -> dict[str, int]:
        """Device id to the requests that wait at its line now; the same for all devices of a line."""
        return {name: station.turns.waiting for name, station in self._stations.items()}

    def known(self) -> bool:
        """Whether every device answered or failed once, so that `links` tells how they are."""
        return all(station.tries.up is not None for station in self._stations.values())

    async def _ask(self, station: _Station, ask: Callable[[], Awaitable[_T]], *, urgent: bool) -> _T:
        self._refuse_early(station)
        turns, ticket = station.turns, object()
        if not turns.take_now(ticket):
            await turns.take(ticket, urgent=urgent)
        try:
            self._refuse_early(station)  # it may have gone down while this one waited
            return await self._call(station, ask)
        finally:
            turns.let_go(ticket)

    async def _call(self, station: _Station, ask: Callable[[], Awaitable[_T]]) -> _T:
        station.retries += station.tries.failures > 0
        station.meter.calls += 1
        within = partial(_within, _patience_s(station), station.driver, ask)
        return await self._settled(station, self._clock.mono_s(), within)

    async def _settled(self, station: _Station, begin_s: float, ask: Callable[[], Awaitable[_T]]) -> _T:
        try:
            answer = await ask()
        except TimeoutError as error:
            silent = DeviceUnreachableError("no answer in time", device=station.device.id)
            self._note_failure(station, silent, begin_s)
            raise silent from error
        except (DeviceUnreachableError, BadAnswerError) as error:
            self._note_failure(station, error, begin_s)
            raise
        except DeviceError:
            station.meter.failures += 1
            self._note_answer(station, begin_s)  # it said something, so the link is up
            raise
        self._note_answer(station, begin_s)
        return answer

    def _refuse_early(self, station: _Station) -> None:
        if station.tries.breaker(self._clock.mono_s()) is Breaker.OPEN:
            raise DeviceUnreachableError("is down and asked rarely", device=station.device.id)

    def _note_failure(self, station: _Station, error: DeviceError, begin_s: float) -> None:
        if station.tries.failures <= 0:
            _log.warning("%s is down: %s", station.device.id, error)
        now_s = self._clock.mono_s()
        station.meter.unanswered(now_s - begin_s)
        station.tries.failed(begin_s, now_s)

    def _note_answer(self, station: _Station, begin_s: float) -> None:
        station.meter.answered(self._clock.mono_s() - begin_s)
        if station.tries.failures:
            _log.info("%s is up", station.device.id)
            station.tries.answered()


def _within(patience_s: float | None, driver: Driver, ask: Callable[[], Awaitable[_T]]) -> Awaitable[_T]:
    """Ask within a time, or trust the deadlines of the driver where that is None."""
    if patience_s is None and driver.is_open:
        return ask()
    return _opened(patience_s, driver, ask)


async def _opened(patience_s: float | None, driver: Driver, ask: Callable[[], Awaitable[_T]]) -> _T:
    async with asyncio.timeout(patience_s):
        await driver.open()
        return await ask()


def _prompt(driver: Driver) -> Prompt | None:
    return driver if isinstance(driver, Prompt) else None


async def _raw_of(driver: Driver, table: str, start: int, count: int) -> bytes:
    if not isinstance(driver, RawCells):
        raise DeviceRefusedError("this protocol has no raw cells to read; read points instead")
    return await driver.read_raw(table, start, count)


def line_key(device: Device) -> str:
    """Name of the line a device hangs on: a port, an address, a BACnet network behind a router, or itself."""
    at = device.connection
    if isinstance(at, ModbusTcp):
        return f"modbus {at.host}:{at.port}"
    if isinstance(at, BacnetIp) and at.network:
        return f"bacnet {at.host}:{at.port} network {at.network}"
    return f"modbus {at.port}" if isinstance(at, ModbusSerial) else device.id


def _patience_s(station: _Station) -> float | None:
    at = station.device.connection
    probe_s = station.tries.probe_s()
    if probe_s is not None:
        return probe_s + _longest_exchange_s(at)
    return None if station.own_deadlines else _timeout_s(at) * _READS_ALLOWED


def _longest_exchange_s(at: Connection) -> float:
    return _LONGEST_EXCHANGE_BYTES * at.bits_per_character / at.baud if isinstance(at, ModbusSerial) else 0.0


def _timeout_s(connection: Connection) -> float:
    return _MQTT_ANSWER_S / _READS_ALLOWED if isinstance(connection, Mqtt) else connection.timeout_s
