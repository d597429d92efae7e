"""Fault row H7: two hubs at once, on real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.duel import ring

pytestmark = pytest.mark.net
LEASE_S = 2.0


async def _duels(folder: Path, count: int, told: Callable[[str, object], None]) -> None:
    async with ring(folder, LEASE_S) as made:
        fights = [await made.fight(LEASE_S) for _ in range(count)]
    slowest_s = max(one.failover_s for one in fights)
    told("figure", f"{count} duels, lease {LEASE_S:g} s, the other wrote after {slowest_s:.1f} s at most")
    assert [one.epochs[1] - one.epochs[0] for one in fights] == [1] * count
    assert [(one.accepted, one.written) for one in fights] == [(0, 0)] * count


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_a_hub_that_was_stopped_and_goes_on_moves_nothing_after_the_other_took_over(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await _duels(tmp_path, 2, record_property)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
async def test_a_hundred_duels_of_two_hubs_move_nothing_by_the_old_epoch(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await _duels(tmp_path, 100, record_property)
