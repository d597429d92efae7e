"""A Modbus unit: reads blocks, writes single set-points, reads them back by a request of its own.

Source: MODBUS Application Protocol Specification V1.1b3: functions 1-6, 15, 16, 22, 23 and 43/14.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from protocols.driver import Driver, GiveWay, Reading, Rest, Traffic
from protocols.drivers.modbus.client import ModbusClient, Outcomes, Terms
from protocols.drivers.modbus.codec import modbus_address
from protocols.drivers.modbus.narrow import Narrowed, narrow
from protocols.drivers.modbus.pdu import (
    READ_FUNCTIONS,
    Outcome,
    Request,
    identity_objects,
    read_identity,
    read_request,
)
from protocols.drivers.modbus.plan import Block, Limits, Span
from protocols.drivers.modbus.quarantine import Quarantine
from protocols.drivers.modbus.readplan import ReadPlan, make_plan, with_faults, words_of
from protocols.drivers.modbus.writing import write_request
from protocols.errors import (
    BadAnswerError,
    DeviceError,
    DeviceRefusedError,
    DeviceUnreachableError,
    PointUnreadableError,
)
from protocols.profile import PointSpec
from protocols.quality import Quality, is_bad
from protocols.units import Seconds

_BUSY: Final = (5, 6)
_ONLY_BYTES: Final = frozenset({bytes})
_MOST_PLANS: Final = 64
_PATIENCE_FIRST_S: Final = 0.2
_PATIENCE_TIMES: Final = 5.0
_HICCUPS: Final = 3
"""Silences in a row for which a unit of a shared line has the patience of its habits, which may change."""
_FORGET: Final = 0.95
_IDENTITY_LEVELS: Final = (1, 2)
_IDENTITY_PAGES: Final = 16
_NOT_A_FACTOR: Final = 0x8000


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """How one unit is spoken to.

    Attributes:
        unit: Unit id.
        timeout_s: How long one answer may take. [s]
        limits: What it stands in one request.
        depth: Requests that may be on their way at once.
        pause_s: Shortest time between its answer and the next request. [s]
        shared: Whether other units use the same line; then a unit that usually answers at once is given up
            sooner than `timeout_s` when it falls silent.
    """

    unit: int
    timeout_s: Seconds = 1.0
    limits: Limits = field(default_factory=Limits)
    depth: int = 1
    pause_s: Seconds = 0.0
    shared: bool = False


class ModbusDriver(Driver):
    """One unit behind a link."""

    def __init__(
        self, client: ModbusClient, settings: UnitSettings, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._settings = settings
        self._now_s = now_s
        self._quarantine = Quarantine()
        self._plans: dict[int, tuple[Sequence[PointSpec], ReadPlan]] = {}
        self._line: GiveWay | None = None
        self._terms: Terms | None = None
        self._slowest_s = 0.0
        self._silent = 1  # until it has answered once

    @property
    def crc_errors(self) -> int | None:
        """See `Checksummed`; all units of a line count together."""
        return self._client.crc_errors

    def share(self, line: GiveWay) -> None:
        """Between two requests of one read, let those go first who wait urgently at this line."""
        self._line = line
        self._terms = None

    def traffic(self) -> Traffic | None:
        """What went over the line, which all its units share."""
        return self._client.traffic()

    @property
    @override
    def is_open(self) -> bool:
        return self._client.is_open

    @override
    def open(self) -> Coroutine[Any, Any, None]:
        return self._client.open()

    @override
    async def close(self) -> None:
        self._client.close()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        plan = self._plan(points)
        return await self._decoded(plan, await self._ask(plan.requests, self._silences(plan)))

    def begin_read(self, points: Sequence[PointSpec], ended: Callable[[Reading | Rest], None]) -> bool:
        """See `Prompt`; a connection, a plan or a re-check of what was refused is a matter of a task."""
        known = self._plans.get(id(points))
        if known is None or known[0] is not points or known[1].omitted or not self._client.is_free:
            return False
        plan, terms = known[1], self._terms_now(self._silences(known[1]))
        self._silent += 1
        self._client.ask_soon(plan.requests, terms, partial(self._ended, plan, terms, ended))
        return True

    def _ended(
        self, plan: ReadPlan, terms: Terms, ended: Callable[[Reading | Rest], None], outcomes: Outcomes
    ) -> None:
        answer: Reading | Rest = partial(self._read_on, plan, terms, outcomes)
        try:
            if _all_answered(outcomes):
                self._note_heard()
                answer = plan.decode(outcomes)
        finally:
            ended(answer)

    async def _read_on(self, plan: ReadPlan, terms: Terms, outcomes: Outcomes) -> Reading:
        return await self._decoded(plan, await self._completed(plan.requests, terms, outcomes))

    async def _decoded(self, plan: ReadPlan, outcomes: Outcomes) -> Reading:
        if not _all_answered(outcomes):
            return await self._read_with_faults(plan, outcomes)
        if plan.omitted:
            await self._recheck(plan)
        return plan.decode(outcomes)

    def _silences(self, plan: ReadPlan) -> int:
        """Unanswered requests after which the rest is not asked; one more of a unit that answered last."""
        return 2 if self._silent == 0 and len(plan.requests) > 1 else 1

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        if value is None:
            raise DeviceRefusedError("Modbus has no null; write the fallback value instead", point=point.name)
        exponent = await self._exponent(point)
        await self._one(write_request(self._settings.unit, point, value, exponent))

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        plan = make_plan([point], self._settings.unit, self._settings.limits, ())
        outcomes = await self._ask(plan.requests)
        for outcome in outcomes:
            if isinstance(outcome, DeviceRefusedError):
                raise PointUnreadableError(str(outcome), point=point.name) from outcome
            if isinstance(outcome, DeviceError):
                raise outcome
        reading = plan.decode(outcomes)
        if is_bad(int(reading.qualities[0])):
            raise PointUnreadableError(
                f"read back as {Quality(int(reading.qualities[0])).name.lower()}", point=point.name
            )
        return float(reading.values[0])

    async def identity(self) -> dict[int, str]:
        """Identity objects of function 43/14 by number (0 vendor, 1 product, 2 revision, …).

        Raises:
            DeviceUnreachableError: No answer.
            DeviceRefusedError: The device does not know the function.
        """
        found: dict[int, str] = {}
        for level in _IDENTITY_LEVELS:
            following: int | None = 0 if level == 1 else 3
            for _ in range(_IDENTITY_PAGES):
                if following is None:
                    break
                try:
                    answer = await self._one(read_identity(self._settings.unit, level, following))
                except DeviceRefusedError:
                    if level == 1:
                        raise
                    return found
                objects, following = identity_objects(answer)
                found |= objects
        return found

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        """Bytes of some registers as they came, for browsing and test reads.

        Raises:
            DeviceUnreachableError: No answer.
            DeviceRefusedError: The device does not give them.
        """
        request = read_request(self._settings.unit, READ_FUNCTIONS[table], start, count)
        return words_of(Block(table, start, count, ()), await self._one(request))

    def blocks(self, points: Sequence[PointSpec]) -> tuple[Block, ...]:
        """How these points are read now."""
        return self._plan(points).blocks

    def _plan(self, points: Sequence[PointSpec]) -> ReadPlan:
        known = self._plans.get(id(points))
        if known is not None and known[0] is points:
            return known[1]
        limits = self._quarantine.limits(self._settings.limits)
        plan = make_plan(points, self._settings.unit, limits, self._quarantine.refused)
        if isinstance(points, tuple) and len(self._plans) < _MOST_PLANS:
            self._plans[id(points)] = (points, plan)
        return plan

    async def _one(self, request: Request) -> bytes:
        (outcome,) = await self._ask([request])
        if isinstance(outcome, bytes):
            return outcome
        raise outcome or DeviceUnreachableError("was not asked", unit=request.unit)

    async def _ask(self, requests: Sequence[Request], silences: int = 1) -> Outcomes:
        """Ask all of them, giving way in between; the unit's patience follows its own habits."""
        terms = self._terms_now(silences)
        self._silent += 1  # also when this is cancelled
        return await self._completed(requests, terms, await self._client.ask(requests, terms))

    async def _completed(self, requests: Sequence[Request], terms: Terms, outcomes: Outcomes) -> Outcomes:
        """Let urgent ones go first where the client gave way, and ask what is left."""
        line = self._line
        while line is not None and None in outcomes:
            await line.give_way()
            done = outcomes.index(None)
            outcomes[done:] = await self._client.ask(requests[done:], terms)
        if not outcomes or not all(isinstance(outcome, DeviceUnreachableError) for outcome in outcomes):
            self._note_heard()
        return outcomes

    def _note_heard(self) -> None:
        self._silent = 0
        self._slowest_s = max(self._client.slowest_s, self._slowest_s * _FORGET)

    def _terms_now(self, silences: int) -> Terms:
        terms, patience_s = self._terms, self._patience_s()
        if terms is None or terms.timeout_s != patience_s or terms.silences != silences:
            give_way = None if self._line is None else self._line.wanted
            settings = self._settings
            terms = Terms(patience_s, settings.depth, silences, settings.pause_s, give_way)
            self._terms = terms
        return terms

    def _patience_s(self) -> Seconds:
        settings = self._settings
        if not settings.shared or self._slowest_s == 0.0:
            return settings.timeout_s
        usual_s = _PATIENCE_FIRST_S + _PATIENCE_TIMES * self._slowest_s
        return min(settings.timeout_s, usual_s) if self._silent < _HICCUPS else settings.timeout_s

    async def _read_with_faults(self, plan: ReadPlan, outcomes: list[Outcome | None]) -> Reading:
        memory, faults = plan.memory(), plan.faults()
        heard = any(isinstance(outcome, bytes) for outcome in outcomes)
        _raise_when_hopeless(outcomes, heard=heard)
        learnt: list[Narrowed] = []
        for number, outcome in enumerate(outcomes):
            if isinstance(outcome, bytes):
                _fill(memory, plan, number, [(plan.blocks[number], outcome)])
                self._quarantine.heard(plan.blocks[number])
                continue
            faults[plan.points_of[number]] = _quality_of(outcome)
            if _worth_narrowing(outcome):
                found = await self._narrow(plan, number)
                learnt.append(found)
                _fill(memory, plan, number, found.pieces)
                _excuse(faults, plan, number, found)
        self._learn(plan, outcomes, learnt, heard=heard)
        return with_faults(plan.codec.decode(bytes(memory)), faults)

    async def _narrow(self, plan: ReadPlan, number: int) -> Narrowed:
        async def ask(blocks: Sequence[Block]) -> list[Outcome | None]:
            unit = self._settings.unit
            return await self._ask(
                [read_request(unit, READ_FUNCTIONS[b.table], b.start, b.size) for b in blocks]
            )

        return await narrow(ask, plan.spans_in(number))

    def _learn(
        self, plan: ReadPlan, outcomes: Sequence[Outcome | None], found: Sequence[Narrowed], *, heard: bool
    ) -> None:
        """Remember what is refused, unless everything was: then the device is busy, not badly mapped."""
        now_s = self._now_s()
        changed = False
        if heard or any(one.pieces for one in found):
            for one in found:
                self._quarantine.refuse(one.bad, now_s)
                for left, right in one.parted:
                    self._quarantine.part(left, right)
                for part in one.left:
                    self._quarantine.cut(cover_span(part))
                changed = True
        for number, outcome in enumerate(outcomes):
            if heard and isinstance(outcome, DeviceUnreachableError):
                changed |= self._quarantine.was_mute(plan.blocks[number], plan.spans_in(number), now_s)
        if changed:
            self._plans.clear()

    async def _recheck(self, plan: ReadPlan) -> None:
        """Try one refused span again when it is time; what answers is read from the next poll on."""
        now_s = self._now_s()
        span = self._quarantine.due([s for at in plan.omitted for s in plan.spans_of[at]], now_s)
        if span is None:
            return
        request = read_request(self._settings.unit, READ_FUNCTIONS[span.table], span.first, span.size)
        (outcome,) = await self._ask([request])
        good = isinstance(outcome, bytes)
        self._quarantine.tried(span, good=good, now_s=now_s)
        if good:
            self._plans.clear()

    async def _exponent(self, point: PointSpec) -> int:
        address = modbus_address(point)
        if address.scale_factor is None:
            return 0
        request = read_request(self._settings.unit, READ_FUNCTIONS[address.table], address.scale_factor, 1)
        raw = int.from_bytes((await self._one(request))[2:], "big")
        if raw == _NOT_A_FACTOR:
            raise DeviceRefusedError("the scale factor is not available", point=point.name)
        return raw - 0x10000 if raw > _NOT_A_FACTOR else raw


def _all_answered(outcomes: Sequence[Outcome | None]) -> bool:
    return _ONLY_BYTES.issuperset(map(type, outcomes))


def cover_span(spans: Sequence[Span]) -> Span:
    """The cells from the first to the last of `spans`."""
    first = min(span.first for span in spans)
    return Span(spans[0].table, first, max(span.end for span in spans) - first)


def _raise_when_hopeless(outcomes: Sequence[Outcome | None], *, heard: bool) -> None:
    for outcome in outcomes:
        if isinstance(outcome, BadAnswerError):
            raise outcome
    if not heard and not any(isinstance(outcome, DeviceRefusedError) for outcome in outcomes):
        first = next(outcome for outcome in outcomes if isinstance(outcome, DeviceError))
        raise first


def _worth_narrowing(outcome: Outcome | None) -> bool:
    return isinstance(outcome, DeviceRefusedError) and outcome.context.get("code") not in _BUSY


def _quality_of(outcome: Outcome | None) -> Quality:
    return Quality.BAD_REFUSED if isinstance(outcome, DeviceRefusedError) else Quality.BAD_UNREACHABLE


def _fill(memory: bytearray, plan: ReadPlan, number: int, pieces: Sequence[tuple[Block, bytes]]) -> None:
    for block, answer in pieces:
        words = words_of(block, answer)
        at = 2 * (plan.starts[number] + block.start - plan.blocks[number].start)
        memory[at : at + len(words)] = words


def _excuse(faults: NDArray[np.uint8], plan: ReadPlan, number: int, found: Narrowed) -> None:
    """Points of a refused request whose own cells were answered are good after all."""
    missing = found.missing()
    for at in plan.points_of[number]:
        if not missing.intersection(plan.spans_of[at]):
            faults[at] = Quality.GOOD
