"""The demo's site on a Monday in January: three weeks that repeat themselves, and a look at ten o'clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from typing_extensions import override

from hub.dispatch import core
from hub.dispatch.site import DispatchSite, load_site
from hub.dispatch.snapshot import Reading, Snapshot
from hub.dispatch.solving import Accepted, solve_task
from hub.dispatch.tasks import task_of
from hub.dispatch.view import PlantView
from hub.forecast.quarters import QUARTER_NS, Quarters, collect, sources
from hub.store.port import StoreReader
from protocols.heartbeat import Heartbeat
from protocols.quality import Quality

CONFIG = Path(__file__).parents[1] / "configs"
START_NS = 1_736_121_600_000_000_000  # Monday, 6 January 2025, 00:00 UTC
NOW_NS = START_NS + 21 * 96 * QUARTER_NS + 40 * QUARTER_NS + 7_000_000_000
QUARTERS = 21 * 96 + 40
_SHIFT_H = (6, 20)


@cache
def site() -> DispatchSite:
    """The demo's site."""
    return load_site(CONFIG, "demo")


@cache
def past() -> Quarters:
    """Three weeks, each day the same."""
    hour = np.arange(QUARTERS) % 96 / 4.0
    day = np.where((hour >= _SHIFT_H[0]) & (hour < _SHIFT_H[1]), 1.0, 0.4)
    means = {
        "meter_process/power_kw": 500.0 * day,
        "comp1/flow_m3_min": 20.0 * day,
        "comp4/flow_m3_min": 12.0 * day,
        "chiller1/cooling_kw": 350.0 * day,
        "boiler1/heat_kw": 150.0 * day,
        "chp1/heat_kw": 200.0 * day,
        "weather1/outdoor_c": 5.0 + day,
        "weather1/wet_bulb_c": 3.0 + day,
    }
    zero = np.zeros(QUARTERS)
    return collect(sources(site().plant.flowsheet), lambda point: means.get(point, zero), START_NS, QUARTERS)


def snapshot(now_ns: int = NOW_NS, values: dict[str, float] | None = None) -> Snapshot:
    """A look at the plant; `values` by point stand in for what is usual."""
    seen = {f"{name}/state_code": 0.0 for name in ("comp1", "comp2", "comp3", "comp4")}
    seen |= {f"{name}/state_code": 1.0 for name in ("chiller1", "chiller2", "battery1")}
    seen |= {
        "comp1/state_code": 2.0,
        "comp4/state_code": 2.0,
        "chiller1/state_code": 2.0,
        "chp1/state_code": 0.0,
    }
    seen |= {f"{name.split('/')[0]}/local_mode_code": 0.0 for name in seen}
    seen |= {
        "battery1/soc_frac": 0.5,
        "battery1/power_kw": 2.0,
        "chiller1/supply_c": 8.0,
        "chiller2/supply_c": 8.2,
    }
    seen |= values or {}
    readings = {name: Reading(value, int(Quality.GOOD), now_ns) for name, value in seen.items()}
    return Snapshot(now_ns, readings, dict.fromkeys(site().edges, "up"), past(), 900.0)


@cache
def accepted() -> Accepted:
    """The first plan of the day."""
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    return solve_task(task_of(site(), memory, decision, snapshot()))


def in_force(plan: Accepted | None = None) -> core.Memory:
    """What the core remembers while a plan is in force."""
    memory, _ = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    return core.planned(memory, plan or accepted())


def told(decision: core.Decision) -> dict[str, float]:
    """Set-points by point."""
    return {wanted.point: wanted.value for wanted in decision.set_points}


class DayView(PlantView):
    """Sees the plant of this day, as `shown` makes it, whatever a store says."""

    def __init__(self, site: DispatchSite, reader: StoreReader) -> None:
        super().__init__(site, reader)
        self.shown: Callable[[int], Snapshot] = snapshot

    @override
    def snapshot(
        self, now_ns: int, beats: Mapping[str, tuple[Heartbeat, float]], most_age_s: float
    ) -> Snapshot:
        return self.shown(now_ns)
