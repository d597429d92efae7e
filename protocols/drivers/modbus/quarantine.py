"""What a device has shown not to answer, and when to try again. Pure: the time is handed in.

A span that is refused is left out of the requests, so that it costs nothing but itself, and is tried alone
after a while. A gap that is refused is not read along again. A request that stays unanswered while its
neighbours are answered is divided at its middle, until the mute span stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from protocols.drivers.modbus.plan import Block, Limits, Span
from protocols.units import Seconds

RECHECK_S: Final = (10.0, 60.0, 300.0)
"""Waits before a refused span is tried again: the first, the second, every later one. [s]"""

MUTE_POLLS: Final = 2
"""Polls in a row in which a request was the silent one, before it is divided."""


@dataclass(slots=True)
class _Entry:
    due_s: float
    tries: int = 0


class Quarantine:
    """Knowledge about one unit; starts empty."""

    def __init__(self) -> None:
        self._refused: dict[Span, _Entry] = {}
        self._gaps: set[Span] = set()
        self._cuts: set[tuple[str, int]] = set()
        self._mute: dict[Span, int] = {}

    @property
    def refused(self) -> tuple[Span, ...]:
        """Spans that are left out."""
        return tuple(self._refused)

    def limits(self, limits: Limits) -> Limits:
        """Limits of the device with what was learnt."""
        return replace(
            limits,
            forbidden=(*limits.forbidden, *self._gaps),
            cuts=limits.cuts | self._cuts,
        )

    def refuse(self, spans: Iterable[Span], now_s: Seconds) -> None:
        """Leave these spans out from now on."""
        for span in spans:
            self._refused.setdefault(span, _Entry(now_s + RECHECK_S[0]))

    def part(self, left: Span, right: Span) -> None:
        """Never again read both in one request: each is answered alone, both together are not."""
        if right.first > left.end:
            self._gaps.add(Span(left.table, left.end, right.first - left.end))
        else:
            self._cuts.add((right.table, right.first))

    def cut(self, span: Span) -> None:
        """Let requests begin and end at the bounds of this span."""
        self._cuts |= {(span.table, span.first), (span.table, span.end)}

    def due(self, needed: Sequence[Span], now_s: Seconds) -> Span | None:
        """A span among those needed that should be tried again now."""
        for span in needed:
            entry = self._refused.get(span)
            if entry is not None and entry.due_s <= now_s:
                return span
        return None

    def tried(self, span: Span, *, good: bool, now_s: Seconds) -> None:
        """Take the outcome of a try."""
        if good:
            self._refused.pop(span, None)
            return
        entry = self._refused.get(span)
        if entry is not None:
            entry.tries += 1
            entry.due_s = now_s + RECHECK_S[min(entry.tries, len(RECHECK_S) - 1)]

    def heard(self, block: Block) -> None:
        """A request was answered."""
        if self._mute:
            self._mute.pop(block.span, None)

    def was_mute(self, block: Block, spans: Sequence[Span], now_s: Seconds) -> bool:
        """A request had no answer although others of the same poll had; True when the plan has to change."""
        count = self._mute.get(block.span, 0) + 1
        self._mute[block.span] = count
        if count < MUTE_POLLS:
            return False
        del self._mute[block.span]
        if len(spans) == 1:
            self.refuse(spans, now_s)
        else:
            middle = sorted(spans)[len(spans) // 2]
            self._cuts.add((middle.table, middle.first))
        return True
