"""Reading many points of one device: as many a request as fit, and what to do when the device refuses.

    the service itself is refused    every point alone from then on
    the answer does not fit          half as many a request from then on
    the request as a whole           halves, down to the point that is refused; that one stands apart and is
                                     asked now and then, the others go on together

Source: ANSI/ASHRAE 135-2020, clauses 15.5, 15.7, 18.9 (reject reasons), 18.10 (abort reasons).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from protocols.drivers.bacnet.multiple import Places, Rows, Template, decode, encode
from protocols.drivers.bacnet.packet import Service
from protocols.drivers.bacnet.services import Property, property_value, read_property
from protocols.drivers.bacnet.tags import ObjectId
from protocols.drivers.bacnet.values import one_number, status_flags
from protocols.errors import BadAnswerError, DeviceRefusedError
from protocols.quality import Quality

Ask = Callable[[Service, bytes], Awaitable[bytes]]
"""Sends a request that may be sent again; raises DeviceRefusedError and DeviceUnreachableError."""

ASKED_AGAIN_EACH: Final = 30
"""A point that spoilt its request is asked alone at every so many-th poll."""

GROWS_EACH: Final = 600
"""After so many polls twice as many a request are tried again, up to what fits."""

_Why = tuple[object, object]
_UNRECOGNISED: Final[frozenset[_Why]] = frozenset({("reject", 9), ("error", 5)})
_TOO_MUCH: Final[frozenset[_Why]] = frozenset(
    {("abort", 1), ("abort", 4), ("abort", 8), ("abort", 9), ("abort", 11), ("reject", 1), ("reject", 7)}
)
_MOST_PLANS: Final = 256


@dataclass(slots=True)
class _Chunk:
    """Objects of one request; `at` says where their rows belong."""

    at: Places
    objects: tuple[ObjectId, ...]
    body: bytes
    template: Template | None = None


@dataclass(slots=True)
class _Apart:
    """Objects that spoilt a request, with the polls until they are asked again."""

    polls: dict[ObjectId, int] = field(default_factory=dict)

    def due(self, objects: Sequence[ObjectId]) -> list[ObjectId]:
        """Those of `objects` whose turn has come; the others come one poll nearer."""
        found = []
        for one in objects:
            self.polls[one] -= 1
            if self.polls[one] <= 0:
                self.polls[one] = ASKED_AGAIN_EACH
                found.append(one)
        return found


class PointReader:
    """Reads present values and status flags of one device and learns what it can."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._fits = self._most = 1
        self._polls = 0
        self._multiple = True
        self._apart = _Apart()
        self._flagless: set[ObjectId] = set()
        self._plans: dict[tuple[ObjectId, ...], tuple[_Chunk, ...]] = {}

    @property
    def most(self) -> int:
        """How many objects go into one request now."""
        return self._most if self._multiple else 1

    def fit(self, most: int, *, multiple: bool) -> None:
        """Begin anew with what the device says of itself; what was learnt is forgotten."""
        self._fits = self._most = most
        self._multiple = multiple
        self._apart = _Apart()
        self._flagless.clear()
        self._plans.clear()

    async def read(self, objects: tuple[ObjectId, ...]) -> Rows:
        """Read objects, a row each; one that is refused is bad alone.

        Raises:
            DeviceUnreachableError: No answer.
            BadAnswerError: An answer that does not fit the question; nothing is used.
        """
        self._grow()
        rows = _empty(len(objects))
        for chunk in self._plan(objects):
            _put(rows, chunk.at, await self._read_chunk(chunk))
        apart = [one for one in objects if one in self._apart.polls] if self._apart.polls else []
        for one in self._apart.due(apart):
            single = await self._single(one)
            _put(rows, np.array([objects.index(one)], np.intp), single)
            if single.qualities[0] != Quality.BAD_REFUSED:
                self._apart.polls.pop(one, None)
                self._plans.clear()
        return rows

    def _grow(self) -> None:
        self._polls += 1
        if self._polls % GROWS_EACH == 0 and self._most < self._fits:
            self._most = min(self._fits, self._most * 2)
            self._plans.clear()

    def _plan(self, objects: tuple[ObjectId, ...]) -> tuple[_Chunk, ...]:
        if objects not in self._plans:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            together = [at for at, one in enumerate(objects) if one not in self._apart.polls]
            parts = [together[at : at + self.most] for at in range(0, len(together), self.most)]
            self._plans[objects] = tuple(
                _Chunk(np.array(part, np.intp), wanted, encode(wanted))
                for part in parts
                for wanted in [tuple(objects[at] for at in part)]
            )
        return self._plans[objects]

    async def _read_chunk(self, chunk: _Chunk) -> Rows:
        if not self._multiple or len(chunk.objects) == 1:
            return await self._singly(chunk.objects)
        try:
            body = await self._ask(Service.READ_PROPERTY_MULTIPLE, chunk.body)
        except DeviceRefusedError as error:
            return await self._refused(chunk.objects, _pdu(error))
        rows = chunk.template.take(body) if chunk.template is not None else None
        if rows is None:
            rows, chunk.template = decode(body, chunk.objects)
        return rows

    async def _refused(self, objects: tuple[ObjectId, ...], why: _Why) -> Rows:
        """The request was refused as a whole: find out why, and ask in a better way from now on."""
        self._plans.clear()
        if why in _UNRECOGNISED:
            self._multiple = False
            return await self._singly(objects)
        half = (len(objects) + 1) // 2
        rows = _joined([await self._block(objects[:half]), await self._block(objects[half:])])
        refused = [one for one, q in zip(objects, rows.qualities, strict=True) if q == Quality.BAD_REFUSED]
        if why in _TOO_MUCH or not refused:
            self._most = min(self._most, half)
        elif len(refused) < len(objects):  # one that refuses all is busy, not badly mapped
            self._apart.polls |= dict.fromkeys(refused, ASKED_AGAIN_EACH)
        return rows

    async def _block(self, objects: tuple[ObjectId, ...]) -> Rows:
        if len(objects) == 1 or not self._multiple:
            return await self._singly(objects)
        try:
            body = await self._ask(Service.READ_PROPERTY_MULTIPLE, encode(objects))
        except DeviceRefusedError as error:
            return await self._refused(objects, _pdu(error))
        return decode(body, objects)[0]

    async def _singly(self, objects: Sequence[ObjectId]) -> Rows:
        return _joined([await self._single(one) for one in objects])

    async def _single(self, of: ObjectId) -> Rows:
        row = _empty(1)
        try:
            value = await self._property(of, Property.PRESENT_VALUE)
        except DeviceRefusedError:
            return row
        row.qualities[0] = _decoded(lambda: row.values.__setitem__(0, one_number(value)))
        if of not in self._flagless:
            try:
                flags = await self._property(of, Property.STATUS_FLAGS)
            except DeviceRefusedError:
                self._flagless.add(of)
                return row
            row.qualities[0] |= _decoded(lambda: row.flags.__setitem__(0, status_flags(flags)))
        return row

    async def _property(self, of: ObjectId, prop: Property) -> bytes:
        body = await self._ask(Service.READ_PROPERTY, read_property(of, prop))
        return property_value(body, of, prop)


def _decoded(take: Callable[[], None]) -> Quality:
    try:
        take()
    except BadAnswerError:
        return Quality.BAD_ANSWER
    return Quality.GOOD


def _empty(count: int) -> Rows:
    refused = np.full(count, Quality.BAD_REFUSED, np.uint8)
    return Rows(np.full(count, math.nan), np.zeros(count, np.uint8), refused)


def _put(rows: Rows, at: Places, part: Rows) -> None:
    rows.values[at], rows.flags[at], rows.qualities[at] = part.values, part.flags, part.qualities


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.flags for part in parts]),
        np.concatenate([part.qualities for part in parts]),
    )


def _pdu(error: DeviceRefusedError) -> _Why:
    return error.context.get("pdu"), error.context.get("reason")
