"""The demand limiter: no window over the limit that could have been kept, loads come back in turn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.control.demand import decide, initial_memory
from plant.control.demand_types import DemandNow, DemandSettings, Limited, Sheddable
from plant.scenario import make_scenario

LOADS = (
    Sheddable(id="heater", priority=1, power_kw=80.0, min_off_s=60.0, rebound_kw=20.0),
    Sheddable(id="fans", priority=2, power_kw=60.0),
    Sheddable(id="charger", priority=3, power_kw=120.0, min_off_s=300.0, max_off_s=7200.0),
)
BLOCK = DemandSettings(window="block", limit_kw=500.0, margin_kw=5.0)
SLIDING = BLOCK.model_copy(update={"window": "sliding"})


@dataclass
class Site:
    """A metered place: the rest of the plant by a function of time, and loads the limiter may take away."""

    rest_kw: Callable[[float], float]
    settings: DemandSettings
    loads: tuple[Sheddable, ...] = LOADS
    offset_s: float = 0.0
    marks: bool = True
    dt_s: int = 1
    powers_kw: list[float] = field(default_factory=list)
    sheds: list[tuple[bool, ...]] = field(default_factory=list)
    forecasts_kw: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = initial_memory(self.loads)
        self.shed = (False,) * len(self.loads)
        self.back_s = [-math.inf] * len(self.loads)

    def go(self, seconds: int) -> Limited:
        """Steps of `dt_s`; blocks of the meter begin at `offset_s` and each window after."""
        begin = len(self.powers_kw)
        for second in range(begin, begin + seconds, self.dt_s):
            kw = [self._load_kw(at, float(second)) for at in range(len(self.loads))]
            power_kw = self.rest_kw(float(second)) + sum(kw)
            block = math.floor((second - self.offset_s) / self.settings.window_s)
            mark = float(block) if self.marks else math.nan
            self.powers_kw += [power_kw] * self.dt_s
            now = DemandNow(float(second), power_kw, mark=mark, load_kw=tuple(kw))
            said = decide(self.settings, self.loads, self.memory, now)
            self.memory = said.memory
            for at, (was, now_shed) in enumerate(zip(self.shed, said.shed, strict=True)):
                if was and not now_shed:
                    self.back_s[at] = float(second)
            self.shed = said.shed
            self.sheds.append(said.shed)
            self.forecasts_kw.append(said.forecast_kw)
            self.said = said
        return self.said

    def _load_kw(self, at: int, now_s: float) -> float:
        if self.shed[at]:
            return 0.0
        rebound = self.loads[at].rebound_kw if now_s - self.back_s[at] < 300.0 else 0.0
        return self.loads[at].power_kw + rebound

    def windows_kw(self) -> list[float]:
        """Mean of every whole window, as the meter forms them."""
        return means_kw(self.powers_kw, self.settings, self.offset_s)


def means_kw(powers_kw: Sequence[float], how: DemandSettings, offset_s: float) -> list[float]:
    """Mean power of every block, or of a window that ends at each second."""
    length = round(how.window_s)
    sums = np.concatenate([[0.0], np.cumsum(powers_kw)])
    if how.window == "sliding":
        return [float(mean) for mean in (sums[length:] - sums[:-length]) / length]
    starts = range(round(offset_s), len(powers_kw) - length + 1, length)
    return [float(sums[start + length] - sums[start]) / length for start in starts]


@pytest.mark.parametrize("how", [BLOCK, SLIDING])
def test_a_plant_above_its_limit_is_kept_below_it_in_every_window(how: DemandSettings) -> None:
    site = Site(lambda _: 380.0, how)
    site.go(2 * 3600)
    assert max(site.windows_kw()[1:]) <= 500.0
    assert max(site.forecasts_kw) > 500.0, "without the limiter it would have been 640 kW"


def test_only_as_much_goes_as_is_needed_in_the_order_of_priority() -> None:
    site = Site(lambda _: 300.0, BLOCK)
    site.go(3600)
    assert site.sheds[900] == (True, False, False), "80 of 560 kW are enough"


def test_nothing_is_touched_while_the_forecast_is_below_the_limit() -> None:
    site = Site(lambda _: 200.0, BLOCK)
    site.go(3600)
    assert not any(any(shed) for shed in site.sheds)


def test_loads_come_back_one_by_one_and_make_no_new_peak() -> None:
    site = Site(lambda now_s: 420.0 if now_s < 3600.0 else 150.0, BLOCK)
    site.go(3600)
    assert all(site.shed)
    site.go(3600)
    assert not any(site.shed)
    backs = sorted(site.back_s)
    assert all(later - earlier >= BLOCK.stagger_s for earlier, later in itertools.pairwise(backs))
    assert max(site.windows_kw()) <= 500.0


def test_a_block_meter_without_a_sign_of_its_windows_is_kept_for_every_beginning() -> None:
    site = Site(lambda now_s: 380.0 + 60.0 * math.sin(now_s / 500.0), BLOCK, marks=False)
    site.go(3 * 3600)
    for offset_s in range(0, 900, 60):
        assert max(means_kw(site.powers_kw[900:], BLOCK, offset_s)) <= 500.0


def test_the_sign_of_the_meter_puts_the_window_in_its_place() -> None:
    site = Site(lambda _: 200.0, BLOCK, offset_s=137.0)
    said = site.go(900 + 137 + 100)
    assert said.left_s == pytest.approx(800.0, abs=2.0)
    unsure = Site(lambda _: 200.0, BLOCK, marks=False).go(1200)
    assert math.isnan(unsure.left_s), "guarded as sliding"


def test_a_lower_leased_limit_counts_and_a_higher_one_does_not() -> None:
    memory = initial_memory(LOADS)
    quick = BLOCK.model_copy(update={"confirm_s": 0.0})
    low = decide(quick, LOADS, memory, DemandNow(0.0, 480.0, limit_kw=300.0))
    assert any(low.shed)
    high = decide(quick, LOADS, memory, DemandNow(0.0, 800.0, limit_kw=900.0))
    assert any(high.shed)


def test_without_a_meter_everything_goes_after_a_while() -> None:
    memory = decide(BLOCK, LOADS, initial_memory(LOADS), DemandNow(0.0, 200.0)).memory
    soon = decide(BLOCK, LOADS, memory, DemandNow(60.0, math.nan))
    assert not any(soon.shed)
    late = decide(BLOCK, LOADS, soon.memory, DemandNow(121.0, math.nan))
    assert all(late.shed)


def test_a_load_comes_back_after_its_longest_time_off_one_at_a_time() -> None:
    hard = tuple(load.model_copy(update={"max_off_s": 1200.0}) for load in LOADS)
    site = Site(lambda _: 700.0, BLOCK, loads=hard)
    site.go(1300)
    backs = sorted(second for second in site.back_s if second > 0.0)
    assert len(backs) >= 2
    assert backs[1] - backs[0] >= BLOCK.stagger_s


def test_the_longest_counter_gap_is_counted_by_the_counter() -> None:
    memory = decide(
        BLOCK, LOADS, initial_memory(LOADS), DemandNow(0.0, 300.0, energy_kwh=10.0, mark=1.0)
    ).memory
    memory = decide(BLOCK, LOADS, memory, DemandNow(1.0, 300.0, energy_kwh=10.1, mark=2.0)).memory
    after = decide(BLOCK, LOADS, memory, DemandNow(301.0, 300.0, energy_kwh=60.1, mark=2.0))
    assert after.memory.block_kwh == pytest.approx(50.0, abs=0.2), "not 300 kW for 300 s"


@given(
    st.lists(st.floats(0.0, 480.0), min_size=8, max_size=24),
    st.sampled_from([BLOCK, SLIDING]),
    st.integers(0, 179).map(lambda part: 5 * part),
    st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_no_window_that_could_be_kept_goes_over_the_limit(
    steps_kw: list[float],
    how: DemandSettings,
    offset_s: int,
    marks: bool,  # noqa: FBT001  a drawn value
) -> None:
    """The rest of the plant jumps each 5 minutes by anything, but stays within the limit less the reserve.

    No load has been off for its longest time meanwhile: one that comes back for that comes into any window.
    """
    careful = how.model_copy(update={"rise_kw": 480.0})
    patient = tuple(load.model_copy(update={"max_off_s": 86_400.0}) for load in LOADS)
    site = Site(
        lambda now_s: steps_kw[int(now_s / 300.0) % len(steps_kw)],
        careful,
        loads=patient,
        offset_s=float(offset_s),
        marks=marks,
        dt_s=5,
    )
    site.go(len(steps_kw) * 300 + 900)
    assert max(site.windows_kw()) <= 500.0


def avoidable_over(site: Site, least_on: Sequence[float]) -> int:
    """Windows over the limit which shedding everything from their beginning on would have kept."""
    rest = [site.rest_kw(float(second)) for second in range(len(site.powers_kw))]
    without = means_kw([kw + on for kw, on in zip(rest, least_on, strict=True)], site.settings, site.offset_s)
    limit_kw = site.settings.limit_kw
    return sum(
        was > limit_kw and could <= limit_kw - site.settings.margin_kw
        for was, could in zip(site.windows_kw(), without, strict=True)
    )


@pytest.mark.parametrize(("season", "window"), [("winter", "block"), ("summer", "sliding")])
def test_a_day_of_the_demo_plant_has_no_avoidable_window_over_the_limit(season: str, window: str) -> None:
    series = make_scenario(season, 3, days=2).electric_kw
    limit_kw = float(np.quantile(series, 0.75)) + 60.0
    how = DemandSettings.model_validate(
        {"window": window, "limit_kw": limit_kw, "margin_kw": 5.0, "rise_kw": 40.0}
    )

    minutes = series.tolist()

    def rest_kw(now_s: float) -> float:
        at, part = divmod(now_s / 60.0, 1.0)
        return float(minutes[int(at)] * (1.0 - part) + minutes[int(at) + 1] * part)

    loads = tuple(load.model_copy(update={"max_off_s": 86_400.0}) for load in LOADS)
    site = Site(rest_kw, how, loads=loads, dt_s=5)
    site.go(86_400)
    assert any(any(shed) for shed in site.sheds), "the limit bites"
    assert not all(any(shed) for shed in site.sheds), "and leaves the loads alone at night"
    assert avoidable_over(site, [0.0] * len(site.powers_kw)) == 0
