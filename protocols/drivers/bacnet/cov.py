"""Changes told by the device: subscribed, renewed at half their lifetime, and never believed blindly.

A poll takes a subscribed point from the last notification and reads all others. One request's worth of the
subscribed points is read at each poll too, in turn: it shows that the device lives and that its notifications
come. A value that moved by more than the object's increment without a notification makes the next poll read
all; three times in a row end the subscription: the point is polled, and subscribed again after a while, as is
one that the device refuses.

The samples have the instant of the poll, as all of a frame have; a notification carries no time of its own.

Source: ANSI/ASHRAE 135-2020, clauses 13.1 (COV reporting), 13.14 (SubscribeCOV).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from protocols.device import BacnetIp
from protocols.drivers.bacnet.client import BacnetClient, name_of
from protocols.drivers.bacnet.multiple import Rows
from protocols.drivers.bacnet.packet import Peer, Service
from protocols.drivers.bacnet.polls import PointReader
from protocols.drivers.bacnet.services import Notice, Property, property_value, read_property, subscribe_cov
from protocols.drivers.bacnet.tags import ObjectId
from protocols.drivers.bacnet.values import one_number
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError
from protocols.quality import Quality

_log = logging.getLogger(__name__)

STEPS_A_POLL: Final = 8
"""Most subscriptions made or renewed in one poll."""

AGAIN_S: Final = 600.0
"""After this time a point that was refused or silent is subscribed again. [s]"""

FIRST_NOTICE_S: Final = 5.0
"""A subscription whose first notification has not come by then is silent. [s]"""

_MISSES: Final = 3
_PROCESSES: Final = itertools.count(1)
_Cell = tuple[float, int, int]
_Part = tuple[tuple[ObjectId, ...], Rows]


@dataclass(slots=True)
class _Subscription:
    """One object.

    `value`, `flags` are the newest known, `told` the last notified; NaN before the first notification.
    """

    made_s: float
    renew_s: float
    ends_s: float
    increment: float
    value: float = math.nan
    flags: int = 0
    told: float = math.nan
    told_flags: int = 0
    heard: bool = False
    misses: int = 0


class Subscriptions:
    """Those of one device."""

    def __init__(self, client: BacnetClient, peer: Peer, place: BacnetIp) -> None:
        self._client = client
        self._peer = peer
        self._device = place.device_instance
        self._lifetime_s = place.cov_lifetime_s or 0
        self._timeout_s = place.timeout_s
        self._sends = 1 + place.resends
        self._process = next(_PROCESSES)
        self._live: dict[ObjectId, _Subscription] = {}
        self._not_before_s: dict[ObjectId, float] = {}
        self._confirmed = True
        self._turn = 0
        self._doubted: set[ObjectId] = set()

    @property
    def subscribed(self) -> frozenset[ObjectId]:
        """Objects whose notifications are believed now."""
        now_s = asyncio.get_running_loop().time()
        return frozenset(one for one, at in self._live.items() if at.heard and at.ends_s > now_s)

    def forget(self) -> None:
        """The device was away: begin anew."""
        self._live.clear()
        self._not_before_s.clear()
        self._confirmed = True
        if self._notified not in self._client.on_notice:
            self._client.on_notice.append(self._notified)

    def cancel(self) -> None:
        """Tell the device that nobody listens any more, without waiting for its answers."""
        if self._notified in self._client.on_notice:
            self._client.on_notice.remove(self._notified)
        for one in self._live:
            body = subscribe_cov(self._process, one, None, confirmed=False)
            self._client.tell(self._peer, Service.SUBSCRIBE_COV, body)
        self._live.clear()

    async def read(
        self, reader: PointReader, objects: tuple[ObjectId, ...], marked: tuple[ObjectId, ...]
    ) -> Rows:
        """Rows of `objects`; those of `marked` that are subscribed come from their notifications.

        Raises:
            DeviceUnreachableError: No answer to what was read.
            BadAnswerError: An answer that does not fit the question.
        """
        await self._keep(marked)
        live = self.subscribed
        told = tuple(one for one in marked if one in live)
        looked = self._next(told, reader.most) if self._doubted.isdisjoint(told) else told
        polled = tuple(one for one in objects if one not in live)
        known = self._known()  # a write that goes between may find the device away and forget all
        parts = [(part, await reader.read(part)) for part in (polled, looked) if part]
        if looked:
            self._doubted.difference_update(looked)
            self._compare(*parts[-1])
        return _merged(objects, known | self._known(), parts)

    def _next(self, told: tuple[ObjectId, ...], most: int) -> tuple[ObjectId, ...]:
        parts = [told[at : at + most] for at in range(0, len(told), most)]
        self._turn += 1
        return parts[self._turn % len(parts)] if parts else ()

    def _known(self) -> dict[ObjectId, _Cell]:
        good = int(Quality.GOOD)
        return {one: (at.value, at.flags, good) for one, at in self._live.items() if at.heard}

    def _compare(self, looked: tuple[ObjectId, ...], rows: Rows) -> None:
        """What was read against what was told: the newer number counts, and silence is noticed."""
        for at, one in enumerate(looked):
            sub = self._live.get(one)
            if sub is None:
                continue
            if rows.qualities[at] != Quality.GOOD:
                self._drop(one, "can no longer be read")
                continue
            value, flags = float(rows.values[at]), int(rows.flags[at])
            sub.value, sub.flags = value, flags
            if flags == sub.told_flags and _within(value, sub.told, sub.increment):
                sub.misses = 0
                continue
            sub.misses += 1
            self._doubted.add(one)
            if sub.misses >= _MISSES:
                self._drop(one, "changes without telling")

    async def _keep(self, marked: tuple[ObjectId, ...]) -> None:
        now_s = asyncio.get_running_loop().time()
        for one, sub in list(self._live.items()):
            if now_s > sub.ends_s or (not sub.heard and now_s > sub.made_s + FIRST_NOTICE_S):
                self._drop(one, "does not tell its changes")
        due = [
            one
            for one in marked
            if (self._live[one].renew_s if one in self._live else self._not_before_s.get(one, 0.0)) <= now_s
        ]
        for one in due[:STEPS_A_POLL]:
            try:
                await self._subscribe(one)
            except DeviceRefusedError as error:
                self._drop(one, f"cannot be subscribed: {error}")
            except (DeviceUnreachableError, BadAnswerError) as error:
                for other in marked:
                    self._drop(other, f"cannot be subscribed: {error}")
                return

    async def _subscribe(self, one: ObjectId) -> None:
        sub = self._live.get(one)
        if sub is None:
            now_s = asyncio.get_running_loop().time()
            sub = _Subscription(now_s, now_s, now_s, await self._increment(one))
            self._live[one] = sub
        try:
            await self._request(one, confirmed=self._confirmed)
        except DeviceRefusedError:
            if not self._confirmed:
                raise
            await self._request(one, confirmed=False)
            self._confirmed = False
        now_s = asyncio.get_running_loop().time()
        sub.renew_s = now_s + self._lifetime_s / 2
        sub.ends_s = now_s + self._lifetime_s

    async def _request(self, one: ObjectId, *, confirmed: bool) -> None:
        body = subscribe_cov(self._process, one, self._lifetime_s, confirmed=confirmed)
        await self._ask(Service.SUBSCRIBE_COV, body)

    async def _increment(self, one: ObjectId) -> float:
        try:
            body = await self._ask(Service.READ_PROPERTY, read_property(one, Property.COV_INCREMENT))
            return abs(one_number(property_value(body, one, Property.COV_INCREMENT)))
        except (DeviceRefusedError, BadAnswerError):
            return 0.0  # binary and multi-state objects have none

    async def _ask(self, service: Service, body: bytes) -> bytes:
        return await self._client.ask(self._peer, service, body, self._timeout_s, sends=self._sends)

    def _notified(self, peer: Peer, said: Notice) -> bool:
        sub = self._live.get(said.object)
        if sub is None or (peer, said.device, said.process) != (self._peer, self._device, self._process):
            return False
        sub.value = sub.told = said.value
        sub.flags = sub.told_flags = said.flags
        sub.heard, sub.misses = True, 0
        return True

    def _drop(self, one: ObjectId, why: str) -> None:
        self._doubted.discard(one)
        if self._live.pop(one, None) is not None:
            _log.info("%s object %d:%d %s; it is polled", name_of(self._peer), one.kind, one.instance, why)
        self._not_before_s[one] = asyncio.get_running_loop().time() + AGAIN_S


def _merged(
    objects: tuple[ObjectId, ...],
    known: dict[ObjectId, _Cell],
    parts: list[tuple[tuple[ObjectId, ...], Rows]],
) -> Rows:
    """Rows in the order of `objects`: what was read, and for the others what was told."""
    for part, rows in parts:
        columns = rows.values.tolist(), rows.flags.tolist(), rows.qualities.tolist()
        known |= dict(zip(part, zip(*columns, strict=True), strict=True))
    cells = [known[one] for one in objects]
    return Rows(
        np.array([value for value, _, _ in cells]),
        np.array([flags for _, flags, _ in cells], np.uint8),
        np.array([quality for _, _, quality in cells], np.uint8),
    )


def _within(one: float, other: float, increment: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or abs(one - other) <= increment
