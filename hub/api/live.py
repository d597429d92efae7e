"""Live values over a WebSocket: signs in with its first message, then the hub only speaks.

What waits for a slow reader is bounded by itself: of each point, each command and each kind only the newest
is kept, so old news is dropped for new.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from hub.api.deps import ApiDeps
from hub.api.models import Command, Value
from hub.api.order_models import HeldPoint, Order
from protocols.config import Config
from protocols.errors import NotSignedInError

_log = logging.getLogger(__name__)

BAD_TOKEN: Final = 4401
TRY_AGAIN_LATER: Final = 1013
_AUTH_WAIT_S: Final = 5.0
_SEND_WAIT_S: Final = 10.0
_RECHECK_S: Final = 5.0
_EVERY_S: Final = 1.0
_LOOKS: Final = 5
_MOST_OF_ONE: Final = 5
_MOST_MESSAGES_IN: Final = 100


class _Hello(Config):
    """First message of a client."""

    type: str
    """`auth`."""

    token: str
    """Access token."""

    site: str
    """Site to follow."""


class Mailbox:
    """What one client has still to be told; newest wins."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.commands: dict[str, Command] = {}
        self.orders: dict[str, Order] = {}
        self.holders: dict[str, HeldPoint] = {}
        self.plan: str | None = None

    def take(self) -> list[dict[str, Any]]:
        """Messages to send now; the box is empty after it."""
        messages: list[dict[str, Any]] = []
        if self.values:
            messages.append({"type": "values", "values": _dumped(self.values)})
        messages += [{"type": "command", "command": command} for command in _dumped(self.commands)]
        messages += [{"type": "order", "order": order} for order in _dumped(self.orders)]
        if self.holders:
            messages.append({"type": "holders", "holders": _dumped(self.holders)})
        if self.plan is not None:
            messages.append({"type": "plan", "id": self.plan})
        self.values, self.commands, self.orders, self.holders, self.plan = {}, {}, {}, {}, None
        return messages


class LiveHub:
    """All open sockets of the API."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._boxes: set[Mailbox] = set()
        self._callers: Counter[str] = Counter()

    @property
    def listeners(self) -> int:
        """How many clients are signed in."""
        return len(self._boxes)

    def tell_values(self, values: list[Value]) -> None:
        """Newest samples for everybody."""
        for box in self._boxes:
            box.values.update({value.point: value for value in values})

    def tell_command(self, command: Command) -> None:
        """A set-point that is new or moved on."""
        for box in self._boxes:
            box.commands[command.id] = command

    def tell_order(self, order: Order) -> None:
        """An order of a person that is new or moved on."""
        for box in self._boxes:
            box.orders[order.id] = order

    def tell_holders(self, holders: list[HeldPoint]) -> None:
        """Who holds points now."""
        for box in self._boxes:
            box.holders.update({held.point: held for held in holders})

    def tell_plan(self, plan_id: str) -> None:
        """A new plan."""
        for box in self._boxes:
            box.plan = plan_id

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it leaves, its token ends, or it no longer reads."""
        await socket.accept()
        hello = await self._hello(socket)
        if hello is None:
            await socket.close(BAD_TOKEN)
            return
        name = (await self._deps.auth.caller(hello.token)).name
        if self._callers[name] >= _MOST_OF_ONE:
            await socket.close(TRY_AGAIN_LATER)
            return
        box = Mailbox()
        self._boxes.add(box)
        self._callers[name] += 1
        try:
            await self._talk(socket, hello.token, box)
        finally:
            self._boxes.discard(box)
            self._callers[name] -= 1

    async def _hello(self, socket: WebSocket) -> _Hello | None:
        try:
            async with asyncio.timeout(_AUTH_WAIT_S):
                hello = _Hello.model_validate_json(await socket.receive_text())
            if hello.type != "auth" or hello.site != self._deps.registry.site.id:
                return None
            await self._deps.auth.caller(hello.token)
        except (TimeoutError, ValidationError, NotSignedInError, WebSocketDisconnect, KeyError):
            return None
        return hello

    async def _talk(self, socket: WebSocket, token: str, box: Mailbox) -> None:
        """Speak and listen side by side; the first to end ends both."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_listen(socket))
            try:
                code = await self._speak(socket, token, box, listening)
            finally:
                listening.cancel()
        if code is not None:
            await socket.close(code)

    async def _speak(
        self, socket: WebSocket, token: str, box: Mailbox, listening: asyncio.Task[None]
    ) -> int | None:
        """Send what there is each second; returns the close code, None when the client left."""
        checked_s = self._deps.clock.mono_s()
        while not listening.done():
            if self._deps.clock.mono_s() - checked_s >= _RECHECK_S:
                checked_s = self._deps.clock.mono_s()
                if not await self._still_good(token):
                    return BAD_TOKEN
            try:
                async with asyncio.timeout(_SEND_WAIT_S):
                    for message in [*box.take(), self._status()]:
                        await socket.send_text(json.dumps(message, ensure_ascii=False, allow_nan=False))
            except TimeoutError:
                return TRY_AGAIN_LATER
            except (WebSocketDisconnect, RuntimeError):
                return None
            await _pause(listening, box)
        return None

    async def _still_good(self, token: str) -> bool:
        try:
            await self._deps.auth.caller(token)
        except NotSignedInError:
            return False
        return True

    def _status(self) -> dict[str, Any]:
        edges = self._deps.edges
        edge = {"link": edges.link(), "age_s": edges.age_s()}
        troubles = [trouble.model_dump(mode="json") for trouble in edges.troubles()]
        mode = self._deps.registry.site.mode
        return {"type": "status", "edge": edge, "bus": edges.bus, "mode": mode, "troubles": troubles}


async def _pause(listening: asyncio.Task[None], box: Mailbox) -> None:
    """Wait a second; less when an order moved on, for which somebody waits."""
    for _ in range(_LOOKS):
        await asyncio.wait({listening}, timeout=_EVERY_S / _LOOKS)
        if listening.done() or box.orders:
            return


async def _listen(socket: WebSocket) -> None:
    """Read and drop what a client sends, up to a bound; returns when it leaves."""
    for _ in range(_MOST_MESSAGES_IN):
        try:
            await socket.receive_text()
        except (WebSocketDisconnect, RuntimeError, KeyError):
            return


def _dumped(models: Mapping[str, Config]) -> list[dict[str, Any]]:
    return [model.model_dump(mode="json") for model in models.values()]
