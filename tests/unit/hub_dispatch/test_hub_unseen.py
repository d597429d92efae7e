"""H2: while the store is away the plan in force goes on by its steps, no further than it is exact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from typing_extensions import override

from hub.command.wishes import Wish
from hub.database import Sessions
from hub.dispatch.pilot import Pilot
from hub.dispatch.snapshot import Snapshot
from hub.store.engine import StorePlace, open_store
from protocols.errors import StoreError
from protocols.heartbeat import Heartbeat
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, site


class AwayView(DayView):
    """A view whose store can be taken away."""

    away = False

    @override
    def snapshot(
        self, now_ns: int, beats: Mapping[str, tuple[Heartbeat, float]], most_age_s: float
    ) -> Snapshot:
        if self.away:
            raise StoreError("the store is away")
        return super().snapshot(now_ns, beats, most_age_s)


def told(wishes: Mapping[str, list[Wish]]) -> dict[str, float | None]:
    return {wish.point: wish.value for found in wishes.values() for wish in found}


def beat(**links: str) -> dict[str, tuple[Heartbeat, float]]:
    return {"edge1": (Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links=links), 1.0)}


@pytest.mark.timeout(60)
async def test_a_plan_goes_on_while_the_store_is_away_and_ends_with_its_exact_steps(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = AwayView(site(), store)
    pilot = Pilot(site(), view, sessions, clock)
    view.away = True
    assert await pilot.decide({}) == {}  # nothing was ever seen
    view.away = False
    await pilot.decide({})
    await pilot.plan_when_asked()
    before = told(await pilot.decide({}))
    assert any("/comp1/" in point for point in before)
    view.away = True
    assert told(await pilot.decide({})) == before
    lost = told(await pilot.decide(beat(comp1="down", comp2="up")))
    assert not any("/comp1/" in point for point in lost)
    assert {point for point in before if "/comp1/" not in point} == set(lost)
    clock.advance(3600.0)
    assert set(told(await pilot.decide({}))) == set(before)
    clock.advance(24 * 3600.0)
    assert await pilot.decide({}) == {}
    view.away = False
    store.close()
