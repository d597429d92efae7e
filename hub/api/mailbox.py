"""What one client of the live socket has still to be told, and what it wants to be told at all.

What waits for a slow reader is bounded by itself: of each point, each command and each kind only the newest
is kept, so old news is dropped for new.
"""

from __future__ import annotations

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


class Mailbox:
    """Of one client; newest wins."""

    def __init__(self, wish: Wish) -> None:
        self._waiting: dict[Kind, dict[str, Any]] = {}
        self._first: list[dict[str, Any]] = []
        self._points: frozenset[str] | None = None
        self._kinds: frozenset[Kind] = frozenset()
        self._hurry = False
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
        self._hurry = True
        return [kind for kind in KINDS if kind in self._kinds - had or (kind == "values" and wider)]

    @property
    def urgent(self) -> bool:
        """Whether something waits that a person waits for."""
        return self._hurry or bool(self._waiting.get("order") or self._waiting.get("alarms"))

    def say_first(self, message: dict[str, Any]) -> None:
        """Send this before all else."""
        self._first.append(message)

    def put(self, kind: Kind, things: Things) -> None:
        """Take news; what this client does not want is dropped."""
        if kind not in self._kinds:
            return
        if kind == "values" and self._points is not None:
            things = {point: things[point] for point in self._points & things.keys()}
        if things:
            self._waiting.setdefault(kind, {}).update(things)

    def take(self) -> list[dict[str, Any]]:
        """Messages to send now; the box is empty after it."""
        messages, self._first, self._hurry = self._first, [], False
        for kind in KINDS:
            if waiting := self._waiting.pop(kind, None):
                messages += _MESSAGES[kind](waiting)
        return messages


def _all_at_once(kind: Kind) -> Callable[[Things], list[dict[str, Any]]]:
    return lambda things: [{"type": kind, kind: [_plain(one) for one in things.values()]}]


def _one_by_one(kind: Kind) -> Callable[[Things], list[dict[str, Any]]]:
    return lambda things: [{"type": kind, kind: _plain(one)} for one in things.values()]


def _named(kind: Kind, name: str) -> Callable[[Things], list[dict[str, Any]]]:
    return lambda things: [{"type": kind, name: one} for one in things.values()]


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")


_MESSAGES: Final[dict[Kind, Callable[[Things], list[dict[str, Any]]]]] = {
    "values": _all_at_once("values"),
    "command": _one_by_one("command"),
    "order": _one_by_one("order"),
    "holders": _all_at_once("holders"),
    "alarms": _all_at_once("alarms"),
    "plan": _named("plan", "id"),
    "configuration": _named("configuration", "version"),
}
