"""A request was refused: halve it until the cells that are refused stand alone. Knows no wire and no time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from protocols.drivers.modbus.pdu import Outcome
from protocols.drivers.modbus.plan import Block, Span
from protocols.errors import DeviceRefusedError

MOST_ASKED: Final = 32
"""Requests one poll may spend on finding out; what is left over is found out at the next."""

AskBlocks = Callable[[Sequence[Block]], Awaitable[Sequence[Outcome | None]]]


@dataclass(slots=True)
class Narrowed:
    """What was found out.

    Attributes:
        pieces: Parts that were answered, with their answers.
        bad: Spans that are refused alone.
        parted: Neighbours that are answered alone, but not together.
        left: Parts not known yet.
        asked: Requests it took.
    """

    pieces: list[tuple[Block, bytes]] = field(default_factory=list)
    bad: list[Span] = field(default_factory=list)
    parted: list[tuple[Span, Span]] = field(default_factory=list)
    left: list[list[Span]] = field(default_factory=list)
    asked: int = 0

    def missing(self) -> set[Span]:
        """Spans without an answer."""
        return {*self.bad, *(span for part in self.left for span in part)}


async def narrow(ask: AskBlocks, spans: Sequence[Span], most: int = MOST_ASKED) -> Narrowed:
    """Find the refused ones among `spans`, which were refused together; breadth first.

    Raises:
        DeviceUnreachableError: There is no link.
    """
    found = Narrowed()
    open_parts = [sorted(set(spans))]
    while open_parts and found.asked < most:
        found.bad += [part[0] for part in open_parts if len(part) == 1]
        halves = [_halve(part) for part in open_parts if len(part) > 1]
        asked = [half for pair in halves for half in pair]
        found.asked += len(asked)
        outcomes = await ask([cover(half) for half in asked]) if asked else []
        open_parts = []
        for number, (left, right) in enumerate(halves):
            answers = outcomes[2 * number : 2 * number + 2]
            if all(isinstance(answer, bytes) for answer in answers):
                found.parted.append((_end_of(left), right[0]))
            for half, answer in zip((left, right), answers, strict=True):
                _sort_in(found, open_parts, half, answer)
    found.left += open_parts
    return found


def _sort_in(found: Narrowed, open_parts: list[list[Span]], half: list[Span], answer: Outcome | None) -> None:
    if isinstance(answer, bytes):
        found.pieces.append((cover(half), answer))
    elif isinstance(answer, DeviceRefusedError):
        open_parts.append(half)
    else:
        found.left.append(half)


def _halve(part: list[Span]) -> tuple[list[Span], list[Span]]:
    middle = len(part) // 2
    return part[:middle], part[middle:]


def _end_of(part: Sequence[Span]) -> Span:
    return max(part, key=lambda span: span.end)


def cover(spans: Sequence[Span]) -> Block:
    """One request over all of `spans`, which belong to one table and are in order."""
    first = spans[0]
    end = max(span.end for span in spans)
    return Block(first.table, first.first, end - first.first, ())
