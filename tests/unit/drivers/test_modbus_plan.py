"""The read planner: fewest requests, every span in exactly one, no limit broken."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.config import Text
from protocols.drivers.modbus.plan import Limits, Span, plan_blocks
from protocols.drivers.modbus.readplan import make_plan
from protocols.errors import ConfigError
from protocols.profile import ModbusAddress, PointSpec


def span(first: int, count: int = 1, table: str = "holding") -> Span:
    return Span(table, first, count)


def laid_out(parts: Sequence[tuple[int, int]], table: str = "holding") -> list[Span]:
    """Spans that do not overlap: (gap before it, length) each."""
    spans, at = [], 0
    for gap, count in parts:
        spans.append(Span(table, at + gap, count))
        at += gap + count
    return spans


def test_neighbours_join_and_far_ones_do_not() -> None:
    blocks = plan_blocks([span(at) for at in (0, 1, 5, 100, 101)], Limits())
    assert [(block.start, block.size) for block in blocks] == [(0, 6), (100, 2)]


def test_a_request_never_exceeds_what_the_device_answers() -> None:
    spans = [span(at, 2) for at in range(0, 64, 2)]
    assert [block.size for block in plan_blocks(spans, Limits(max_registers=20))] == [20, 20, 20, 4]
    assert [block.size for block in plan_blocks([span(at) for at in range(3)], Limits(max_registers=1))] == [
        1, 1, 1,
    ]  # fmt: skip


def test_bits_have_a_limit_of_their_own() -> None:
    spans = [span(at, 1, "coil") for at in range(2100)]
    assert [block.size for block in plan_blocks(spans, Limits())] == [2000, 100]


def test_tables_are_never_mixed() -> None:
    spans = [span(0), span(1, 1, "input"), span(1), span(0, 1, "input")]
    assert {(block.table, block.size) for block in plan_blocks(spans, Limits())} == {
        ("holding", 2), ("input", 2),
    }  # fmt: skip


def test_a_value_that_is_longer_than_any_answer_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="max_registers"):
        plan_blocks([span(7, 2)], Limits(max_registers=1))


def test_a_point_in_a_forbidden_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="forbidden range 5 to 6"):
        plan_blocks([span(4, 2)], Limits(forbidden=(span(5, 2),)))


def test_points_of_one_register_are_one_span_and_factors_come_along() -> None:
    def point(name: str, **where: object) -> PointSpec:
        address = ModbusAddress.model_validate(where)
        return PointSpec(name=name, label=Text(en="x", zh="x"), unit="kW", address=address)

    points = [
        point("a_kw", address=10, bit=0), point("b_kw", address=10, bit=1),
        point("c_kw", address=11, scale_factor=14), point("d_kw", address=12, scale_factor=14),
    ]  # fmt: skip
    plan = make_plan(points, 1, Limits(), ())
    assert [(block.start, block.size) for block in plan.blocks] == [(10, 5)]
    assert plan.points_of[0].tolist() == [0, 1, 2, 3]


layouts = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), min_size=1, max_size=40)


@given(layouts, st.integers(4, 125), st.integers(0, 20))
def test_every_span_is_in_exactly_one_request_and_limits_hold(
    parts: list[tuple[int, int]], most: int, gap: int
) -> None:
    spans = laid_out(parts)
    blocks = plan_blocks(spans, Limits(max_registers=most, max_gap=gap))
    assert sorted(at for block in blocks for at in block.members) == list(range(len(spans)))
    for block in blocks:
        assert block.size <= most
        inside = sorted(spans[at] for at in block.members)
        assert all(block.start <= one.first and one.end <= block.start + block.size for one in inside)
        assert all(right.first - left.end <= gap for left, right in itertools.pairwise(inside))


@given(layouts, st.lists(st.tuples(st.integers(0, 300), st.integers(1, 6)), max_size=8))
def test_forbidden_cells_are_never_touched(
    parts: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    spans = laid_out(parts)
    ranges = [Span("holding", first, count) for first, count in wanted]
    forbidden = tuple(one for one in ranges if not any(one.touches(other) for other in spans))
    for block in plan_blocks(spans, Limits(forbidden=forbidden)):
        assert not any(block.span.touches(one) for one in forbidden)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=9),
    st.integers(3, 12),
    st.integers(0, 6),
    st.lists(st.integers(0, 60), max_size=2),
)
def test_no_division_needs_fewer_requests(
    parts: list[tuple[int, int]], most: int, gap: int, cells: list[int]
) -> None:
    spans = laid_out(parts)
    forbidden = tuple(span(cell) for cell in cells if not any(span(cell).touches(one) for one in spans))
    limits = Limits(max_registers=most, max_gap=gap, forbidden=forbidden)
    best = min(
        len(groups)
        for groups in _divisions(len(spans))
        if all(_allowed([spans[at] for at in group], limits) for group in groups)
    )
    assert len(plan_blocks(spans, limits)) == best


def _divisions(count: int) -> list[list[range]]:
    """All ways of cutting a row of `count` into runs."""
    found = []
    for marks in itertools.product((False, True), repeat=count - 1):
        ends = [0, *[at + 1 for at, mark in enumerate(marks) if mark], count]
        found.append([range(left, right) for left, right in itertools.pairwise(ends)])
    return found


def _allowed(run: list[Span], limits: Limits) -> bool:
    whole = Span("holding", run[0].first, run[-1].end - run[0].first)
    gaps = [right.first - left.end for left, right in itertools.pairwise(run)]
    return (
        whole.size <= limits.max_registers
        and max(gaps, default=0) <= limits.max_gap
        and not any(whole.touches(one) for one in limits.forbidden)
    )


@given(layouts, st.lists(st.integers(0, 200), max_size=5))
def test_a_cut_is_the_edge_of_every_request_near_it(parts: list[tuple[int, int]], at: list[int]) -> None:
    spans = laid_out(parts)
    inside = {cell for one in spans for cell in range(one.first + 1, one.end)}
    cuts = frozenset(("holding", cell) for cell in at if cell not in inside)
    for block in plan_blocks(spans, Limits(cuts=cuts)):
        assert not any(block.start < cell < block.start + block.size for _, cell in cuts)
