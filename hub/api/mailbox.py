"""What one client of the live socket has still to be told, and what it wants to be told at all.

What waits for a slow reader is bounded by itself: of each point, each command and each kind only the newest
is kept, so old news is dropped for new. A thing is made text once, for all who are told of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from protocols.config import Config

Kind = Literal["values", "command", "order", "holders", "alarms", "plan", "configuration"]
KINDS: Final[tuple[Kind, ...]] = (
    "values", "command", "order", "holders", "alarms", "plan", "configuration",
)  # fmt: skip
"""What is told, in the order it is told; beside it a client always hears the status."""

MOST_POINTS: Final = 1000
Things = Mapping[str, Any]
"""What is new of a kind, by its id; of `plan` and `configuration` there is one."""


class Wish(Config):
    """What a page wants to hear."""

    points: Annotated[tuple[str, ...], Field(max_length=MOST_POINTS)] | None = None
    """Points `site/device/point` whose values it shows; None: all."""

    kinds: tuple[Kind, ...] | None = None
    """Kinds of news; None: all."""


class Said:
    """A thing that is told to many, as text; it is made when the first of them is told, for all."""

    __slots__ = ("_text", "thing")

    def __init__(self, thing: BaseModel | str | int) -> None:
        self.thing = thing
        self._text = ""

    @property
    def text(self) -> str:
        """As JSON."""
        if not self._text:
            plain = self.thing.model_dump(mode="json") if isinstance(self.thing, BaseModel) else self.thing
            self._text = encoded(plain)
        return self._text


def encoded(plain: Any) -> str:  # noqa: ANN401  any JSON
    """The text of a message or a part of one."""
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def said(things: Things) -> dict[str, Said]:
    """Things to be told to many."""
    return {ident: Said(thing) for ident, thing in things.items()}


class Mailbox:
    """Of one client; newest wins.

    Attributes:
        ring: Set when something waits that a person waits for, or the client is gone.
    """

    def __init__(self, wish: Wish) -> None:
        self.ring = asyncio.Event()
        self._waiting: dict[Kind, dict[str, Said]] = {}
        self._first: list[str] = []
        self._points: frozenset[str] | None = None
        self._kinds: frozenset[Kind] = frozenset()
        self.want(wish)

    def want(self, wish: Wish) -> list[Kind]:
        """Hear this from now on; gives the kinds of which it hears more than before."""
        had, points = self._kinds, self._points
        self._kinds = frozenset(KINDS if wish.kinds is None else wish.kinds)
        self._points = None if wish.points is None else frozenset(wish.points)
        for kind in KINDS:
            if kind not in self._kinds:
                self._waiting.pop(kind, None)
        wider = points is not None and (self._points is None or not self._points <= points)
        self.ring.set()
        return [kind for kind in KINDS if kind in self._kinds - had or (kind == "values" and wider)]

    def say_first(self, message: dict[str, Any]) -> None:
        """Send this before all else."""
        self._first.append(encoded(message))

    def put(self, kind: Kind, things: Mapping[str, Said]) -> None:
        """Take news; what this client does not want is dropped."""
        if kind not in self._kinds:
            return
        if kind == "values" and self._points is not None:
            things = {point: things[point] for point in self._points & things.keys()}
        if things:
            self._waiting.setdefault(kind, {}).update(things)
            if kind in _URGENT:
                self.ring.set()

    def take(self) -> list[str]:
        """Messages to send now, as JSON; the box is empty after it."""
        messages, self._first = self._first, []
        self.ring.clear()
        for kind in KINDS:
            if waiting := self._waiting.pop(kind, None):
                messages += _MESSAGES[kind](waiting)
        return messages


_Written = Callable[[Mapping[str, Said]], list[str]]


def _all_at_once(kind: Kind) -> _Written:
    def written(things: Mapping[str, Said]) -> list[str]:
        whole = ", ".join([one.text for one in things.values()])
        return [f'{{"type": "{kind}", "{kind}": [{whole}]}}']

    return written


def _one_by_one(kind: Kind, name: str = "") -> _Written:
    return lambda things: [f'{{"type": "{kind}", "{name or kind}": {one.text}}}' for one in things.values()]


_URGENT: Final[frozenset[Kind]] = frozenset({"order", "alarms"})
_MESSAGES: Final[dict[Kind, _Written]] = {
    "values": _all_at_once("values"),
    "command": _one_by_one("command"),
    "order": _one_by_one("order"),
    "holders": _all_at_once("holders"),
    "alarms": _all_at_once("alarms"),
    "plan": _one_by_one("plan", "id"),
    "configuration": _one_by_one("configuration", "version"),
}
