"""Answers the hub's questions on `ask.<edge>`: what is configured, test reads, raw bytes. It cannot write.

The bus lets only the hub ask, and an edge hear only its own questions. One question is worked on at a time
and waits its turn at the line like a poll, so a curious hub cannot starve the plant.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from edge_agent.lines import Lines
from edge_agent.settings import Accepted
from protocols import subjects
from protocols.ask import MOST_POINTS, MOST_REGISTERS, Answer, Question, decode_question
from protocols.device import Device, protocol_of
from protocols.errors import ContractError, EmsError
from protocols.holder import Holders
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)

_QUEUE: Final = 16
"""Questions that may wait; one more is dropped and its asker sees a time-out."""

_LAST_REGISTER: Final = 65_535


class AskService:
    """Hears questions until cancelled."""

    def __init__(
        self, accepted: Accepted, lines: Lines, holders: Callable[[], Holders] | None = None
    ) -> None:
        self._edge = accepted.place.edge
        self._accepted = accepted
        self._lines = lines
        self._holders = holders
        self._answers: dict[str, Callable[[dict[str, Any]], Awaitable[object]]] = {
            "devices": self._devices,
            "points": self._points,
            "read": self._read,
            "raw": self._raw,
            "holders": self._held,
        }

    async def run(self, client: Client) -> None:
        """Answer one question after the other."""
        subscription = await client.subscribe(subjects.ask(self._edge), pending_msgs_limit=_QUEUE)
        try:
            async for message in subscription.messages:
                await self._answer(message)
        finally:
            await subscription.unsubscribe()

    async def _answer(self, message: Msg) -> None:
        question = guarded_decode(decode_question, message.data, "question")
        if question is None or not message.reply:
            return
        try:
            await message.respond((await self.answer(question)).encode())
        except NatsError as error:
            _log.debug("an answer was not sent: %s", error)

    async def answer(self, question: Question) -> Answer:
        """The answer to one question; a device that fails is a sentence in it."""
        try:
            return Answer(await self._answers[question.kind](question.body))
        except EmsError as error:
            return Answer(error=str(error))

    async def _held(self, _: dict[str, Any]) -> object:
        if self._holders is None:
            raise ContractError("this edge writes no set-points")
        return [holder._asdict() for holder in self._holders().holders]

    async def _devices(self, _: dict[str, Any]) -> object:
        links = self._lines.links()
        return [
            {
                "id": device.id,
                "label": device.label.model_dump(),
                "profile": device.profile,
                "protocol": protocol_of(device.connection),
                "link": links[device.id],
            }
            for device in self._accepted.site.edge.devices
        ]

    async def _points(self, body: dict[str, Any]) -> object:
        device = self._device(body)
        block = self._accepted.blocks.get(device.id)
        limited = set() if block is None else {point.point for point in block.points}
        return [
            {
                "name": spec.name,
                "label": spec.label.model_dump(),
                "unit": spec.unit,
                "kind": str(spec.kind),
                "every_s": spec.every_s,
                "writable": spec.name in limited,
            }
            for spec in self._accepted.site.profile_of(device.id).points
        ]

    async def _read(self, body: dict[str, Any]) -> object:
        device = self._device(body)
        known = {spec.name for spec in self._accepted.site.profile_of(device.id).points}
        points = body.get("points")
        if not isinstance(points, list) or not 0 < len(points) <= MOST_POINTS or not known.issuperset(points):
            raise ContractError(f"name 1 to {MOST_POINTS} points of {device.id}; it has {sorted(known)}")
        reading = await self._lines.read(device.id, points)
        values = [value if math.isfinite(value) else None for value in reading.values.tolist()]
        return {"points": points, "values": values, "qualities": reading.qualities.tolist()}

    async def _raw(self, body: dict[str, Any]) -> object:
        device = self._device(body)
        table, start, count = body.get("table"), body.get("start"), body.get("count")
        if table not in {"holding", "input", "coil", "discrete"}:
            raise ContractError("`table` is holding, input, coil or discrete")
        if not (isinstance(start, int) and isinstance(count, int)):
            raise ContractError("`start` and `count` are whole numbers")
        if not (start >= 0 and 0 < count <= MOST_REGISTERS and start + count - 1 <= _LAST_REGISTER):
            raise ContractError(f"ask for 1 to {MOST_REGISTERS} cells within 0 to {_LAST_REGISTER}")
        return await self._lines.read_raw(device.id, str(table), start, count)

    def _device(self, body: dict[str, Any]) -> Device:
        wanted = body.get("device")
        devices = {device.id: device for device in self._accepted.site.edge.devices}
        if wanted not in devices:
            raise ContractError(f"there is no device {wanted!r} at this edge; known are {', '.join(devices)}")
        return devices[wanted]
