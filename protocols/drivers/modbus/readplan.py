"""The plan of one poll: points → spans → requests → memory → reading. Built once, used at every poll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from protocols.driver import Reading
from protocols.drivers.modbus.codec import PollCodec, modbus_address
from protocols.drivers.modbus.pdu import READ_FUNCTIONS, Outcome, Request, read_request
from protocols.drivers.modbus.plan import BIT_TABLES, Block, Limits, Span, plan_blocks
from protocols.profile import PointSpec
from protocols.quality import Quality

_PADDING: Final = bytes(8)
"""Four words at the end of the memory, where points stand that are not read."""

_DATA_AT: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """How some points of a unit are read.

    Attributes:
        blocks: The requests in terms of tables.
        requests: The same as they go over the wire.
        starts: Cell in memory at which the answer of each block begins.
        points_of: For each block the positions of the points that need it.
        spans_of: For each point its spans: value, and scale factor where it has one.
        omitted: Positions of points that are not read, as the device refuses them.
        codec: Decodes the memory.
        plain: Whether each answer is registers and every point is read.
    """

    blocks: tuple[Block, ...]
    requests: tuple[Request, ...]
    starts: tuple[int, ...]
    points_of: tuple[NDArray[np.intp], ...]
    spans_of: tuple[tuple[Span, ...], ...]
    omitted: tuple[int, ...]
    codec: PollCodec
    plain: bool

    def decode(self, outcomes: Sequence[Outcome | None]) -> Reading:
        """Reading of a poll in which every request was answered."""
        answers = cast("Sequence[bytes]", outcomes)
        if self.plain:
            return self.codec.decode(b"".join([answer[_DATA_AT:] for answer in answers]) + _PADDING)
        pairs = zip(self.blocks, answers, strict=True)
        memory = b"".join([words_of(block, answer) for block, answer in pairs]) + _PADDING
        return with_faults(self.codec.decode(memory), self.faults())

    def spans_in(self, number: int) -> list[Span]:
        """Spans one block covers, in the order of their addresses."""
        span = self.blocks[number].span
        inside = {
            s for at in self.points_of[number] for s in self.spans_of[at]
            if s.table == span.table and span.first <= s.first and s.end <= span.end
        }  # fmt: skip
        return sorted(inside)

    def memory(self) -> bytearray:
        """Empty memory, to be filled block by block."""
        return bytearray(2 * sum(block.size for block in self.blocks) + len(_PADDING))

    def faults(self) -> NDArray[np.uint8]:
        """Quality codes with which a poll begins: bad where a point is not read."""
        codes = np.zeros(len(self.spans_of), np.uint8)
        codes[list(self.omitted)] = Quality.BAD_REFUSED
        return codes


def with_faults(reading: Reading, faults: NDArray[np.uint8]) -> Reading:
    """The reading with NaN and the given quality where that is not 0."""
    bad = faults != Quality.GOOD
    reading.values[bad] = np.nan
    reading.qualities[bad] = faults[bad]
    return reading


def words_of(block: Block, answer: bytes) -> bytes:
    """Words of an answer; a bit becomes a word of its own."""
    data = answer[_DATA_AT:]
    if block.table not in BIT_TABLES:
        return data
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: block.size]
    return bits.astype(">u2").tobytes()


def spans_of(spec: PointSpec) -> tuple[Span, ...]:
    """Cells a point needs: its value, and its scale factor where it has one."""
    address = modbus_address(spec)
    value = Span(address.table, address.address, address.registers)
    if address.scale_factor is None:
        return (value,)
    return value, Span(address.table, address.scale_factor, 1)


def make_plan(points: Sequence[PointSpec], unit: int, limits: Limits, refused: Sequence[Span]) -> ReadPlan:
    """Plan the poll of `points`, leaving out those that touch a refused span.

    Raises:
        ConfigError: A point contradicts the limits.
    """
    needed = tuple(spans_of(spec) for spec in points)
    omitted = tuple(
        at for at, spans in enumerate(needed) if any(span.touches(bad) for span in spans for bad in refused)
    )
    left_out = set(omitted)
    spans = list(dict.fromkeys(s for at, needs in enumerate(needed) if at not in left_out for s in needs))
    avoiding = Limits(
        limits.max_registers, limits.max_bits, limits.max_gap, (*limits.forbidden, *refused), limits.cuts
    )
    blocks = plan_blocks(spans, avoiding)
    starts = np.cumsum([0, *[block.size for block in blocks]]).tolist()
    cell_of = {
        spans[at]: starts[number] + spans[at].first - block.start
        for number, block in enumerate(blocks)
        for at in block.members
    }
    padding = starts[-1]
    cells = [
        (cell_of.get(needs[0], padding), cell_of.get(needs[1], padding) if len(needs) > 1 else -1)
        for needs in needed
    ]
    return ReadPlan(
        blocks=blocks,
        requests=tuple(read_request(unit, READ_FUNCTIONS[b.table], b.start, b.size) for b in blocks),
        starts=tuple(starts[:-1]),
        points_of=_points_of(blocks, spans, needed),
        spans_of=needed,
        omitted=omitted,
        codec=PollCodec(points, cells),
        plain=not omitted and not any(block.table in BIT_TABLES for block in blocks),
    )


def _points_of(
    blocks: Sequence[Block], spans: Sequence[Span], needed: Sequence[tuple[Span, ...]]
) -> tuple[NDArray[np.intp], ...]:
    users: dict[Span, list[int]] = {}
    for at, needs in enumerate(needed):
        for span in needs:
            users.setdefault(span, []).append(at)
    return tuple(
        np.array(sorted({at for member in block.members for at in users[spans[member]]}), np.intp)
        for block in blocks
    )
