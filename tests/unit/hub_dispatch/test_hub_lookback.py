"""A planner that begins knows from the store what machines did before: starts, times in a state."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from hub.database import Sessions
from hub.dispatch.lookback import seen_before
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite
from hub.dispatch.tasks import task_of
from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import Received, SeriesStore
from optimizer.compile import compile_problem
from optimizer.problem import Commitment
from optimizer.switch_limits import with_switch_limits
from plant.units.compressor import FAULT, LOADED, OFF, UNLOADED
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.quality import Quality
from protocols.write_block import WriteLimits
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, site

pytestmark = pytest.mark.timeout(120)
_MIN_NS: Final = 60 * 1_000_000_000
_GOOD: Final = int(Quality.GOOD)
_UNKNOWN: Final = int(Quality.BAD_UNREACHABLE)

Told = tuple[float, float, int]
"""Minutes before now, state, quality."""

COMP1: Final[list[Told]] = [
    (26 * 60, OFF, _GOOD), (25 * 60, LOADED, _GOOD), (300, OFF, _GOOD), (240, LOADED, _GOOD),
    (230, UNLOADED, _GOOD), (229, LOADED, _GOOD), (180, OFF, _GOOD), (50, LOADED, _GOOD), (40, OFF, _GOOD),
    (20, UNLOADED, _GOOD), (19, LOADED, _GOOD), (15, np.nan, _UNKNOWN), (10, LOADED, _GOOD),
]  # fmt: skip
"""Starts 240, 50 and 20 min ago; what went on when nobody could read it is no start."""
COMP2: Final[list[Told]] = [
    (300, np.nan, _UNKNOWN),
    (299, LOADED, _GOOD),
    (120, OFF, _GOOD),
    (60, FAULT, _GOOD),
]
"""It may have run for days; it stopped two hours ago, and a fault is no run."""
COMP3: Final[list[Told]] = [(90, OFF, _GOOD), (30, LOADED, _GOOD)]
"""A start in silence: the state before had not been told for long."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeriesStore]:
    found = open_store(StorePlace(tmp_path / "series.db"), VirtualClock(wall_ns=NOW_NS))
    for number, (device, told) in enumerate((("comp1", COMP1), ("comp2", COMP2), ("comp3", COMP3))):
        _tell(found, device, told, 100 * number)
    yield found
    found.close()


def _tell(store: SeriesStore, device: str, told: list[Told], after_seq: int) -> None:
    """Samples of a machine's state, as an edge sends them."""
    catalogue = Catalogue("demo", device, ("state_code",), ("code",), ("state",))
    store.add_catalogue(catalogue)
    for seq, (ago_min, code, quality) in enumerate(told, after_seq + 1):
        at_ns = NOW_NS - round(ago_min * _MIN_NS)
        frame = Frame(
            catalogue.hash(), Instant("b", at_ns, at_ns), np.array([code]), np.array([quality], np.uint8)
        )
        store.append([Received("edge1", "j", seq, (frame,))])


def _ago_min(at_ns: int) -> float:
    return (NOW_NS - at_ns) / _MIN_NS


@pytest.mark.parametrize("rolled", [False, True])
def test_starts_of_the_last_day_are_read_and_what_is_unknown_is_none(
    store: SeriesStore, *, rolled: bool
) -> None:
    while rolled and store.upkeep():
        pass
    seen = seen_before(site(), store, NOW_NS)
    assert set(seen) == {"comp1", "comp2", "comp3"}
    starts = {name: [_ago_min(at_ns) for at_ns in one.starts_ns] for name, one in seen.items()}
    assert starts == {"comp1": [240.0, 50.0, 20.0], "comp2": [], "comp3": [30.0]}
    since = {name: _ago_min(one.since_ns or 0) for name, one in seen.items()}
    assert since == {"comp1": 20.0, "comp2": 120.0, "comp3": 30.0}
    assert {name for name, one in seen.items() if one.on} == {"comp1", "comp3"}


def test_what_never_changed_in_a_day_is_known_to_run_and_since_when_is_not(store: SeriesStore) -> None:
    seen = seen_before(site(), store, NOW_NS - round(230.5 * _MIN_NS))
    assert [_ago_min(at_ns) for at_ns in seen["comp1"].starts_ns] == [25 * 60, 240.0]
    assert (seen["comp2"].on, seen["comp2"].since_ns, seen["comp2"].starts_ns) == (True, None, ())
    assert "comp3" not in seen


def _bound() -> DispatchSite:
    """The demo, whose first compressor may start three times in an hour, and not be switched for 40 min."""
    limits = dict(site().limits)
    point = "comp1/role_set_code"
    duty = {"starts_per_h": 3, "dwell_s": 2400.0}
    limits[point] = WriteLimits.model_validate(limits[point].model_dump() | {"duty": duty})
    return replace(site(), limits=limits)


def _planned_with(pilot: Pilot, of: DispatchSite) -> Commitment:
    """How switching the first compressor stands in the problem that is asked for."""
    decision, snapshot = pilot._asked.get_nowait()
    assert decision.replan == "first plan"
    task = task_of(of, pilot._memory, decision, snapshot)
    compiled = compile_problem(task.plant, task.outlook, task.now, task.supply)
    problem = with_switch_limits(compiled, task.switching, task.now.late_s)
    return next(one.commitment for one in problem.switched if one.name == "comp1")


async def test_a_planner_that_begins_anew_does_not_give_out_the_starts_of_the_hour_again(
    store: SeriesStore, sessions: Sessions
) -> None:
    pilot = Pilot(_bound(), DayView(_bound(), store), sessions, VirtualClock(wall_ns=NOW_NS))
    for term in (1, 2):
        pilot.in_term(term)
        await pilot.decide({})
        own = _planned_with(pilot, _bound())
        assert (own.on, own.starting.most_per_h) == (True, 3)
        young = [age_s for age_s in own.starting.ages_s if age_s < 3600.0]
        assert young == pytest.approx([50 * 60.0 - 7.0, 20 * 60.0 - 7.0]), "the window began 7 s ago"
        assert own.state_s == pytest.approx(20 * 60.0 - 7.0)
        assert own.min_up_s == 2400.0


async def test_starts_that_an_edge_tells_late_count_from_the_next_quarter_hour_on(
    store: SeriesStore, sessions: Sessions
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    pilot = Pilot(site(), DayView(site(), store), sessions, clock)
    await pilot.decide({})
    before = pilot._memory.seen
    assert before["comp2"].starts_ns == ()
    _tell(store, "comp2", [(100, OFF, _GOOD), (95, LOADED, _GOOD), (90, OFF, _GOOD)], 1000)
    await pilot.decide({})
    assert pilot._memory.seen["comp2"].starts_ns == (), "the past is read once a quarter hour"
    clock.advance(900.0)
    await pilot.decide({})
    seen = pilot._memory.seen
    assert [_ago_min(at_ns) for at_ns in seen["comp2"].starts_ns] == [95.0]
    assert seen["comp1"].starts_ns == before["comp1"].starts_ns, "what was known is not counted twice"


async def test_a_past_that_cannot_be_read_leaves_the_plan_without_it_and_says_so(
    store: SeriesStore,  # noqa: ARG001  it made the file
    sessions: Sessions,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = open_reader(StorePlace(tmp_path / "series.db"))
    reader.close()
    pilot = Pilot(_bound(), DayView(_bound(), reader), sessions, VirtualClock(wall_ns=NOW_NS))
    with caplog.at_level(logging.WARNING):
        await pilot.decide({})
    assert "starts of machines before now are not known" in caplog.text
    assert _planned_with(pilot, _bound()).starting.ages_s == ()
