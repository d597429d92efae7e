"""What is refused is tried again after 10 s, a minute, then every five minutes; a mute request is divided."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from protocols.drivers.modbus.narrow import MOST_ASKED, narrow
from protocols.drivers.modbus.pdu import Outcome
from protocols.drivers.modbus.plan import Block, Limits, Span, plan_blocks
from protocols.drivers.modbus.quarantine import Quarantine
from protocols.errors import DeviceRefusedError, DeviceUnreachableError


def row(count: int, first: int = 0) -> list[Span]:
    return [Span("holding", first + at, 1) for at in range(count)]


def test_a_refused_span_is_tried_after_ten_seconds_a_minute_and_every_five() -> None:
    bad, quarantine = Span("holding", 7, 1), Quarantine()
    quarantine.refuse([bad], 0.0)
    now_s, tries = 0.0, []
    while now_s < 1300.0:
        if quarantine.due([bad], now_s) == bad:
            tries.append(now_s)
            quarantine.tried(bad, good=False, now_s=now_s)
        now_s += 1.0
    assert tries == [10.0, 70.0, 370.0, 670.0, 970.0, 1270.0]
    quarantine.tried(bad, good=True, now_s=now_s)
    assert quarantine.refused == ()


def test_what_is_needed_by_nobody_is_not_tried() -> None:
    quarantine = Quarantine()
    quarantine.refuse([Span("holding", 7, 1)], 0.0)
    assert quarantine.due(row(3), 1e6) is None


def test_a_mute_request_is_halved_until_the_mute_span_stands_alone() -> None:
    quarantine, spans, rounds = Quarantine(), row(64), 0
    mute = spans[41]
    while mute not in quarantine.refused:
        rounds += 1
        (block,) = (b for b in plan_blocks(spans, quarantine.limits(Limits())) if b.span.touches(mute))
        inside = [span for span in spans if span.touches(block.span)]
        quarantine.was_mute(block, inside, 0.0)
        quarantine.was_mute(block, inside, 0.0)
    assert rounds == 7
    assert quarantine.refused == (mute,)


def test_an_answer_in_between_clears_the_suspicion() -> None:
    quarantine, block = Quarantine(), Block("holding", 0, 4, (0, 1, 2, 3))
    for _ in range(5):
        assert not quarantine.was_mute(block, row(4), 0.0)
        quarantine.heard(block)


@pytest.mark.parametrize("bad", [{0}, {63}, {5, 6}, {1, 30, 62}])
async def test_narrowing_finds_exactly_the_refused_ones(bad: set[int]) -> None:
    async def ask(blocks: Sequence[Block]) -> list[Outcome | None]:
        return [
            DeviceRefusedError("no", code=2) if any(b.start <= at < b.start + b.size for at in bad) else b"ok"
            for b in blocks
        ]

    found = await narrow(ask, row(64), most=200)
    assert {span.first for span in found.bad} == bad
    read = {cell for block, _ in found.pieces for cell in range(block.start, block.start + block.size)}
    assert read == set(range(64)) - bad


async def test_narrowing_stops_at_its_budget_and_says_what_is_left() -> None:
    async def never(blocks: Sequence[Block]) -> list[Outcome | None]:
        return [DeviceRefusedError("no", code=2) for _ in blocks]

    found = await narrow(never, row(500))
    assert found.asked < 2 * MOST_ASKED
    assert len(found.missing()) == 500


async def test_silence_while_narrowing_is_no_refusal() -> None:
    async def silent(blocks: Sequence[Block]) -> list[Outcome | None]:
        return [DeviceUnreachableError("gone") for _ in blocks]

    found = await narrow(silent, row(8))
    assert found.bad == []
    assert len(found.missing()) == 8
