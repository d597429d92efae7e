"""Which registers are asked for together: the request costs, not the register.

Neighbours of one table join one block while it stays within what the device answers; small gaps are read too.
A point that is known to be refused stands alone, so that it cannot spoil its neighbours.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from protocols.drivers.modbus.codec import BlockCodec, modbus_address
from protocols.profile import PointSpec

MAX_GAP: Final = 8
"""Registers read along between two points; a request costs as much as some hundred registers."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One read request.

    Attributes:
        table: Which of the four tables.
        start: First address.
        count: Registers (or bits) asked for.
        at: Positions of its points in the list that was planned.
        specs: The points, in the order of `at`.
        codec: Decodes the answer.
    """

    table: str
    start: int
    count: int
    at: tuple[int, ...]
    specs: tuple[PointSpec, ...]
    codec: BlockCodec


def plan_blocks(
    points: Sequence[PointSpec],
    max_registers: int,
    *,
    alone: Collection[str] = (),
    max_gap: int = MAX_GAP,
) -> tuple[Block, ...]:
    """Join points into as few requests as the device allows.

    Args:
        points: What to read.
        max_registers: Most registers the device answers in one request.
        alone: Names of points that get a request of their own.
        max_gap: Most unused registers between two points of one block.
    """
    order = sorted(
        range(len(points)),
        key=lambda at: (modbus_address(points[at]).table, modbus_address(points[at]).address),
    )
    runs: list[list[int]] = []
    for at in order:
        kept_apart = runs and (points[at].name in alone or points[runs[-1][-1]].name in alone)
        if runs and not kept_apart and _joins(points, [*runs[-1], at], max_registers, max_gap):
            runs[-1].append(at)
        else:
            runs.append([at])
    return tuple(_block(points, run) for run in runs)


def _joins(points: Sequence[PointSpec], run: list[int], max_registers: int, max_gap: int) -> bool:
    first, last, this = (modbus_address(points[at]) for at in (run[0], run[-2], run[-1]))
    gap = this.address - (last.address + last.registers)
    span = this.address + this.registers - first.address
    return this.table == first.table and gap <= max_gap and span <= max_registers


def _block(points: Sequence[PointSpec], run: list[int]) -> Block:
    specs = tuple(points[at] for at in run)
    first, last = modbus_address(specs[0]), modbus_address(specs[-1])
    count = last.address + last.registers - first.address
    return Block(first.table, first.address, count, tuple(run), specs, BlockCodec(specs, first.address))
