"""Live values over a WebSocket: a client signs in with its first message, then says what its page shows.

A client that reads slowly is told the newest only (`mailbox.py`); one whose link was lost goes on where it
was (`news.py`); one that reads nothing for 10 s is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Annotated, Any, Final, Literal

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import Field, ValidationError

from hub.api.alarm_models import Alarm
from hub.api.alarm_views import is_up
from hub.api.deps import ApiDeps
from hub.api.mailbox import KINDS, MOST_POINTS, Kind, Mailbox, Things, Wish, encoded, said
from hub.api.models import Command, Value, from_ns
from hub.api.news import News
from hub.api.order_models import HeldPoint, Order
from hub.api.policy import may
from protocols.config import Config
from protocols.errors import NotSignedInError

_log = logging.getLogger(__name__)

OPERATION: Final = "live"
"""Its name in the table of who may do what."""
BAD_TOKEN: Final = 4401
BAD_MESSAGE: Final = 4400
TRY_AGAIN_LATER: Final = 1013
_AUTH_WAIT_S: Final = 5.0
_SEND_WAIT_S: Final = 10.0
_RECHECK_S: Final = 3.0
"""So often it is looked whether a token is still good, once for all sockets that came with it. [s]"""
_EVERY_S: Final = 1.0
_GATHER_S: Final = 0.1
"""What comes so shortly after something urgent goes with it. [s]"""
_MOST_OF_ONE: Final = 5
_MOST_WAITING: Final = 200
"""Sockets that have not signed in yet; who comes beyond them is not let in at all."""
_HEAR_EVERY_S: Final = 0.3
_KEEP_S: Final = 120.0
"""So long after the last client left it is noted what happens, for one that comes back. [s]"""


class _Place(Config):
    """What a client heard last, from `place` of a status."""

    run: Annotated[str, Field(max_length=32)]
    """Run of the hub's process."""

    seq: Annotated[int, Field(ge=0)]
    """Number of the newest it was told."""


class _Hello(Config):
    """First message of a client."""

    type: str
    """`auth`."""

    token: str
    """Access token."""

    site: str
    """Site to follow."""

    resume: _Place | None = None
    """Where it was when its link was lost; None: it reads everything anew."""

    points: Annotated[tuple[str, ...], Field(max_length=MOST_POINTS)] | None = None
    """As in `Wish`."""

    kinds: tuple[Kind, ...] | None = None
    """As in `Wish`."""


class _Subscribe(Wish):
    """A later message of a client: it shows another page."""

    type: Literal["subscribe"]
    """`subscribe`."""


class LiveHub:
    """All open sockets of the API."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._boxes: dict[Mailbox, str] = {}
        """Of each socket, with the token that it came with."""

        self._callers: Counter[str] = Counter()
        self._waiting = 0
        self._looked: dict[str, tuple[float, bool]] = {}
        self._watched_ns = 0
        self._news = News()
        self._left_s = float("-inf")

    @property
    def followed(self) -> bool:
        """Whether somebody listens, or may come back in a moment; where nobody does nothing is noted."""
        if self._boxes or self._deps.clock.mono_s() - self._left_s <= _KEEP_S:
            return True
        if self._news.seq:
            self._news.restart()
        return False

    def tell_values(self, values: list[Value]) -> None:
        """Newest samples."""
        self._tell("values", {value.point: value for value in values})

    def tell_command(self, command: Command) -> None:
        """A set-point that is new or moved on."""
        self._tell("command", {command.id: command})

    def tell_order(self, order: Order) -> None:
        """An order of a person that is new or moved on."""
        self._tell("order", {order.id: order})

    def tell_holders(self, holders: list[HeldPoint]) -> None:
        """Who holds points now."""
        self._tell("holders", {held.point: held for held in holders})

    def tell_alarms(self, alarms: list[Alarm], watched_ns: int) -> None:
        """Alarms that are otherwise now, and when the watch looked last. [ns]."""
        self._watched_ns = watched_ns
        self._tell("alarms", {alarm.id: alarm for alarm in alarms})

    def tell_plan(self, plan_id: str) -> None:
        """A new plan."""
        self._tell("plan", {"": plan_id})

    def tell_configuration(self, version: int) -> None:
        """Another configuration took effect here: devices, points and limits may be others now."""
        self._tell("configuration", {"": version})

    def _tell(self, kind: Kind, things: Things) -> None:
        self._news.note(kind, things)
        told = said(things)
        for box in self._boxes:
            box.put(kind, told)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it leaves, its token ends, or it no longer reads."""
        if self._waiting >= _MOST_WAITING:
            await socket.close(TRY_AGAIN_LATER)
            return
        self._waiting += 1
        try:
            await socket.accept()
            came = await self._hello(socket)
        finally:
            self._waiting -= 1
        if came is None:
            await socket.close(BAD_TOKEN)
            return
        name, hello = came
        if self._callers[name] >= _MOST_OF_ONE:
            await socket.close(TRY_AGAIN_LATER)
            return
        box = self._box_of(hello)
        self._boxes[box] = hello.token
        self._callers[name] += 1
        try:
            await self._talk(socket, hello.token, box)
        finally:
            del self._boxes[box]
            self._callers[name] -= 1
            if hello.token not in self._boxes.values():  # others go on by the look of a moment ago
                self._looked.pop(hello.token, None)
            self._left_s = self._deps.clock.mono_s()

    def _box_of(self, hello: _Hello) -> Mailbox:
        """A box that begins where the client was, as far as that is known."""
        box, resume = Mailbox(Wish(points=hello.points, kinds=hello.kinds)), hello.resume
        if resume is not None:
            whole = self._news.known(resume.run, resume.seq)
            box.say_first({"type": "resumed", "whole": whole})
            for kind in KINDS if whole else ():
                # values whole: the page may have wanted none of them when it was here
                box.put(kind, said(self._newest(kind, 0 if kind == "values" else resume.seq)))
        return box

    def _newest(self, kind: Kind, seq: int = 0) -> Things:
        """What is other since a number, as it is now: ages go on."""
        found = self._news.since(kind, seq)
        if kind == "holders":
            held = {point: self._deps.control.holders.held(point) for point in found}
            return {point: one for point, one in held.items() if one is not None}
        if kind == "values":
            now = from_ns(self._deps.clock.now().wall_ns)
            return {
                point: one.model_copy(update={"age_s": max((now - one.time).total_seconds(), 0.0)})
                for point, one in found.items()
            }
        return found

    def _hear(self, text: str, box: Mailbox) -> bool:
        """Take what a client wants to hear from now on; False where that is no such message."""
        try:
            asked = _Subscribe.model_validate_json(text)
        except ValidationError:
            return False
        for kind in box.want(asked):
            box.put(kind, said(self._newest(kind)))
        return True

    async def _hello(self, socket: WebSocket) -> tuple[str, _Hello] | None:
        """Who comes, by one look at their token, and what they said; None: nobody who may listen."""
        try:
            async with asyncio.timeout(_AUTH_WAIT_S):
                hello = _Hello.model_validate_json(await socket.receive_text())
            if hello.type != "auth" or hello.site != self._deps.registry.site.id:
                return None
        except (TimeoutError, ValidationError, WebSocketDisconnect, KeyError):
            return None
        name = await self._listener(hello.token)
        return None if name is None else (name, hello)

    async def _talk(self, socket: WebSocket, token: str, box: Mailbox) -> None:
        """Speak and listen side by side; the first to end ends both."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(socket, box))
            listening.add_done_callback(lambda _: box.ring.set())
            try:
                code = await self._speak(socket, token, box, listening)
            finally:
                listening.cancel()
        if code is not None:
            await socket.close(code)

    async def _speak(
        self, socket: WebSocket, token: str, box: Mailbox, listening: asyncio.Task[int | None]
    ) -> int | None:
        """Send what there is each second; returns the close code, None when the client left."""
        while not listening.done():
            if not await self._goes_on(token):
                return BAD_TOKEN
            try:
                async with asyncio.timeout(_SEND_WAIT_S):
                    for message in [*box.take(), encoded(self._status())]:
                        await socket.send_text(message)
            except TimeoutError:
                return TRY_AGAIN_LATER
            except (WebSocketDisconnect, RuntimeError):
                return None
            await _pause(listening, box)
        return listening.result()

    async def _listen(self, socket: WebSocket, box: Mailbox) -> int | None:
        """Take what a client wants to hear; gives the close code where it says anything else.

        None: it left. It is read no faster than a page has things to say, so who says more waits by itself.
        """
        while True:
            try:
                if not self._hear(await socket.receive_text(), box):
                    return BAD_MESSAGE
            except (WebSocketDisconnect, RuntimeError, KeyError):
                return None
            await asyncio.sleep(_HEAR_EVERY_S)

    async def _goes_on(self, token: str) -> bool:
        """Whether a token that was good still is, by a look a moment ago."""
        now_s = self._deps.clock.mono_s()
        looked_s, good = self._looked.setdefault(token, (now_s, True))
        if now_s - looked_s >= _RECHECK_S:
            self._looked[token] = now_s, good  # others that came with it need not look as well
            good = await self._listener(token) is not None
            self._looked[token] = now_s, good
        return good

    async def _listener(self, token: str) -> str | None:
        """Name of who holds a token; None: it is not good, or they may not listen."""
        try:
            caller = await self._deps.auth.caller(token)
        except NotSignedInError:
            return None
        return caller.name if may(caller, OPERATION) else None

    def _status(self) -> dict[str, Any]:
        edges = self._deps.edges
        edge = {"link": edges.link(), "age_s": edges.age_s()}
        mode = self._deps.registry.site.mode
        watched_ns = self._watched_ns
        watch = {
            "up": is_up(self._deps, watched_ns),
            "watched": from_ns(watched_ns).isoformat() if watched_ns else None,
        }
        place = {"run": self._news.run, "seq": self._news.seq}
        return {
            "type": "status",
            "edge": edge,
            "bus": edges.bus,
            "mode": mode,
            "watch": watch,
            "place": place,
        }


async def _pause(listening: asyncio.Task[int | None], box: Mailbox) -> None:
    """Wait a second; less when an order or an alarm moved on, for which somebody waits, or it left."""
    try:
        async with asyncio.timeout(_EVERY_S):
            await box.ring.wait()
    except TimeoutError:
        return
    if not listening.done():
        await asyncio.sleep(_GATHER_S)
