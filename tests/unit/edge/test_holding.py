"""How long the journal has room: what came in lately against what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent import holding
from edge_agent.holding import OVERHEAD, WINDOW_S, Holding
from edge_agent.journal import Journal, JournalPlace
from protocols.frame import Frame
from runtime.clock import SystemClock


def test_the_last_hour_counts_and_the_smaller_room() -> None:
    one = Holding()
    assert one.lasts_s(0.0, 0, 10**9, 10**9) is None
    assert one.lasts_s(60.0, 6000, 10**6, 10**9) == 10**4
    assert one.lasts_s(60.0, 6000, 10**9, 10**6) == 10**4 / OVERHEAD
    assert one.lasts_s(60.0, 6000, -5, 10**6) == 0.0
    steps = range(2, int(2 * WINDOW_S / 60))
    *_, last = (one.lasts_s(step * 60.0, 6000 + step * 600, 10**6, 10**9) for step in steps)
    assert last == pytest.approx(10**5, rel=0.02)


def test_where_nothing_comes_in_nothing_is_said() -> None:
    one = Holding()
    assert [one.lasts_s(at, 500, 10**6, 10**9) for at in (0.0, 100.0, 5000.0)] == [None, None, None]


async def test_a_journal_knows_it_by_its_own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LEAST_S", 0.01)
    clock = SystemClock()
    place = JournalPlace(tmp_path / "j.db", "edge1", 10**6)
    async with Journal(place, clock, lambda _: None) as journal:
        assert await journal.hold_s() is None
        for _ in range(5):
            journal.put(Frame(b"12345678", clock.now(), np.ones(200), np.zeros(200, np.uint8)), "modbus")
            await journal.flush()
            await clock.sleep(0.01)
        hold_s, stored = await journal.hold_s(), await journal.stored_bytes()
        assert hold_s is not None
        assert 0 < hold_s < (10**6 - stored) / (stored / 60.0), "at no more than what came in since the start"
