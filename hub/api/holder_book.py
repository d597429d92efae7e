"""Who holds each point, as the edges told it last; what an edge no longer repeats is shown as old."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from hub.api.edges import EdgeWatch
from hub.api.order_models import Held, HeldPoint
from hub.api.why_words import WhyWords
from hub.ledger.order_tables import OrderRow
from hub.registry.writable import Writables
from protocols.clock import Clock
from protocols.command import CommandKind, Level
from protocols.config import Text
from protocols.holder import Holder

OLD_S: Final = 25.0
"""An edge names all of its points every 10 s; after two and a half of these nobody knows. [s]"""

_OVERRIDES: Final = frozenset({CommandKind.SET.value, CommandKind.SELECT.value})
_RENEWED: Final = frozenset({Level.SCHEDULE.value, Level.OPTIMISER.value, Level.CONTROLLER.value})


@dataclass(frozen=True, slots=True)
class _Told:
    holder: Holder
    at_s: float
    why: Text


class HolderBook:
    """The newest word of each edge about each of its points."""

    def __init__(self, writables: Writables, edges: EdgeWatch, clock: Clock) -> None:
        self._writables = writables
        self._edges = edges
        self._clock = clock
        self._told: dict[str, _Told] = {}
        self._ends_ns: dict[str, int] = {}
        self._words: WhyWords | None = None

    def speak(self, words: WhyWords) -> None:
        """Say reasons by these words from now on."""
        self._words = words
        self._told = {point: replace(told, why=self._why(told.holder)) for point, told in self._told.items()}

    def take(self, writables: Writables) -> None:
        """Go by other limits from now on; holders of points that are gone are forgotten."""
        self._writables = writables
        self._told = {point: told for point, told in self._told.items() if point in writables}

    def know_ends(self, open_orders: Iterable[OrderRow]) -> None:
        """Take the ends of people's overrides: their leases are short and renewed until then."""
        self._ends_ns = {
            row.target: row.until_ns
            for row in open_orders
            if row.kind in _OVERRIDES and row.until_ns is not None
        }

    def hear(self, edge: str, holders: Iterable[Holder]) -> list[HeldPoint]:
        """Take what an edge says of its own points now; gives them as answers."""
        now_s = self._clock.mono_s()
        mine = [one for one in holders if self._is_of(edge, one.point)]
        self._told.update((one.point, _Told(one, now_s, self._why(one))) for one in mine)
        return [self._shown(one.point, self._told[one.point]) for one in mine]

    def held(self, point: str) -> HeldPoint | None:
        """The holder of a point; None before its edge told."""
        told = self._told.get(point)
        return None if told is None else self._shown(point, told)

    def all(self) -> list[HeldPoint]:
        """All that were told, in the order of the files."""
        return [self._shown(point, self._told[point]) for point in self._writables if point in self._told]

    def _is_of(self, edge: str, point: str) -> bool:
        known = self._writables.get(point)
        return known is not None and known.edge == edge

    def _why(self, one: Holder) -> Text:
        return Text(en=one.why, zh=one.why) if self._words is None else self._words.of_holder(one)

    def _shown(self, point: str, told: _Told) -> HeldPoint:
        one, age_s = told.holder, self._clock.mono_s() - told.at_s
        silent = self._edges.edge_link(self._writables[point].edge) == "down"
        return HeldPoint(
            point=point,
            rung=one.rung,
            value=one.value,
            until_s=self._left_s(one, age_s),
            actor=one.actor,
            why=one.why,
            why_text=told.why,
            age_s=age_s,
            old=silent or age_s > OLD_S,
        )

    def _left_s(self, one: Holder, age_s: float) -> float | None:
        """Of an override what is left of its order; of a plan nothing: it is renewed while it is wanted."""
        end_ns = self._ends_ns.get(one.point) if one.rung == Level.OPERATOR else None
        if end_ns is not None:
            return max((end_ns - self._clock.now().wall_ns) / 1e9, 0.0)
        if one.until_s is None or one.rung in _RENEWED:
            return None
        return max(one.until_s - age_s, 0.0)


def without_point(held: HeldPoint | None) -> Held | None:
    """The same, where the point is said already."""
    return None if held is None else Held(**held.model_dump(exclude={"point"}))
