"""Which addresses are asked for together: the fewest requests that the device stands. Pure.

Spans are taken in the order of their addresses; each joins the request before it while that stays within the
limits. As every part of an allowed request is allowed too (spans are equal or do not overlap), no other
division needs fewer requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from protocols.errors import ConfigError
from protocols.profile import Profile

BIT_TABLES: Final = ("coil", "discrete")
"""Tables of single bits, functions 1 and 2."""

_STANDARD_REGISTERS: Final = 125
_STANDARD_BITS: Final = 2000
_DEFAULT_GAP: Final = 8


class Span(NamedTuple):
    """Neighbouring cells of one table that must come in one answer."""

    table: str
    first: int
    size: int

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.first + self.size

    def touches(self, other: Span) -> bool:
        """Whether the two share a cell."""
        return self.table == other.table and self.first < other.end and other.first < self.end


class Block(NamedTuple):
    """One read request: where it reads, and the positions of its spans in the list that was planned."""

    table: str
    start: int
    size: int
    members: tuple[int, ...]

    @property
    def span(self) -> Span:
        """The cells it reads."""
        return Span(self.table, self.start, self.size)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device stands in one request.

    Attributes:
        max_registers: Most registers.
        max_bits: Most coils or discrete inputs.
        max_gap: Most unused cells between two spans of one request.
        forbidden: Cells that no request may touch.
        cuts: (table, address) such that no request holds both that address and the one before it.
    """

    max_registers: int = _STANDARD_REGISTERS
    max_bits: int = _STANDARD_BITS
    max_gap: int = _DEFAULT_GAP
    forbidden: tuple[Span, ...] = ()
    cuts: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def most(self, table: str) -> int:
        """Most cells of a table in one request."""
        return self.max_bits if table in BIT_TABLES else self.max_registers


def limits_of(profile: Profile) -> Limits:
    """Limits as a profile states them."""
    more = profile.modbus
    return Limits(
        max_registers=profile.max_registers,
        max_bits=more.max_bits,
        max_gap=more.max_gap,
        forbidden=tuple(Span(r.table, r.first, r.last - r.first + 1) for r in more.forbidden),
    )


def plan_blocks(spans: Sequence[Span], limits: Limits) -> tuple[Block, ...]:
    """Divide spans into the fewest requests.

    Raises:
        ConfigError: A span is longer than the device answers, or lies in a forbidden range.
    """
    order = sorted(range(len(spans)), key=lambda at: (spans[at].table, spans[at].first, spans[at].size))
    blocks: list[Block] = []
    for at in order:
        span = spans[at]
        _must_be_possible(span, limits)
        joined = _join(blocks[-1], span, at, limits) if blocks else None
        if joined is None:
            blocks.append(Block(span.table, span.first, span.size, (at,)))
        else:
            blocks[-1] = joined
    return tuple(blocks)


def _must_be_possible(span: Span, limits: Limits) -> None:
    if span.size > limits.most(span.table):
        raise ConfigError(
            f"{span.size} cells of table {span.table} from {span.first} on must come in one answer, but "
            f"the device answers {limits.most(span.table)} at most; correct max_registers or the point's type"
        )
    for range_ in limits.forbidden:
        if span.touches(range_):
            raise ConfigError(
                f"{span.table} {span.first} to {span.end - 1} lies in the forbidden range {range_.first} to "
                f"{range_.end - 1}; take the point or the range out of the profile"
            )


def _join(block: Block, span: Span, at: int, limits: Limits) -> Block | None:
    old_end = block.start + block.size
    count = max(old_end, span.end) - block.start
    if span.table != block.table or count > limits.most(span.table) or span.first - old_end > limits.max_gap:
        return None
    joined = Block(block.table, block.start, count, (*block.members, at))
    return joined if _allowed(joined.span, limits) else None


def _allowed(span: Span, limits: Limits) -> bool:
    if any(span.touches(range_) for range_ in limits.forbidden):
        return False
    return not any(table == span.table and span.first < cut < span.end for table, cut in limits.cuts)
