"""The demand limiter on the whole demo plant, whose machines cycle and start: no avoidable window over."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from plant.control.baseline import decide as own_control
from plant.control.baseline import initial_memory as own_memory
from plant.control.demand import decide, initial_memory
from plant.control.demand_types import DemandNow, DemandSettings, Sheddable
from plant.control.setpoints import no_setpoints
from plant.scenario import make_scenario
from plant.state import Plant, PlantInputs, initial_state
from plant.step import step

LOADS = (
    Sheddable(id="furnace", priority=1, power_kw=120.0, min_off_s=180.0, max_off_s=14_400.0, rebound_kw=30.0),
    Sheddable(id="chargers", priority=2, power_kw=90.0, max_off_s=14_400.0),
    Sheddable(id="heating", priority=3, power_kw=60.0, max_off_s=14_400.0, rebound_kw=20.0),
)
_REBOUND_S = 600.0
_DT_S = 5.0


@dataclass
class Factory:
    """The demo plant under its own control, with three loads of its process in the limiter's hands."""

    plant: Plant
    season: str
    settings: DemandSettings | None
    imports_kw: list[float] = field(default_factory=list)
    rest_kw: list[float] = field(default_factory=list)

    def live(self, from_h: float, to_h: float) -> None:
        scenario, state, own = (
            make_scenario(self.season, 1),
            initial_state(self.plant),
            own_memory(self.plant),
        )
        memory, shed = initial_memory(LOADS), (False,) * len(LOADS)
        back_s = [-1e9] * len(LOADS)
        for number in range(int((to_h - from_h) * 3600.0 / _DT_S)):
            now_s = from_h * 3600.0 + number * _DT_S
            weather, loads = scenario.at(now_s)
            kw = [
                0.0 if gone else load.power_kw + load.rebound_kw * (now_s - since < _REBOUND_S)
                for load, gone, since in zip(LOADS, shed, back_s, strict=True)
            ]
            loads = loads._replace(electric_kw=loads.electric_kw + sum(kw))
            told = no_setpoints(self.plant)
            orders, own = own_control(self.plant, own, state, (loads, told), _DT_S)
            state, out = step(self.plant, state, PlantInputs(weather, loads, orders), _DT_S)
            power_kw = out.grid_import_kw - out.grid_export_kw
            self.imports_kw.append(power_kw)
            self.rest_kw.append(power_kw - sum(kw))
            if self.settings is None:
                continue
            now = DemandNow(now_s, power_kw, mark=float(now_s // self.settings.window_s), load_kw=tuple(kw))
            said = decide(self.settings, LOADS, memory, now)
            back_s = [
                now_s if was and not gone else since
                for was, gone, since in zip(shed, said.shed, back_s, strict=True)
            ]
            memory, shed = said.memory, said.shed

    @staticmethod
    def windows_kw(powers_kw: list[float]) -> list[float]:
        length = round(900.0 / _DT_S)
        return [
            sum(powers_kw[at : at + length]) / length for at in range(0, len(powers_kw) - length + 1, length)
        ]


def check(plant: Plant, season: str, hours: tuple[float, float]) -> list[bool]:
    """Which windows were over in spite of the limiter; none of them could have been kept."""
    free = Factory(plant, season, None)
    free.live(*hours)
    means = free.windows_kw(free.imports_kw)
    limit_kw = sorted(means)[len(means) // 2]
    settings = DemandSettings(window="block", limit_kw=limit_kw, margin_kw=10.0, rise_kw=100.0)
    kept = Factory(plant, season, settings)
    kept.live(*hours)
    over = [mean > limit_kw for mean in kept.windows_kw(kept.imports_kw)]
    could = [mean <= limit_kw - settings.margin_kw for mean in kept.windows_kw(kept.rest_kw)]
    assert sum(was and avoidable for was, avoidable in zip(over, could, strict=True)) == 0
    assert sum(mean > limit_kw for mean in means) >= len(means) // 2 - 1
    assert max(kept.imports_kw) <= max(free.imports_kw) + 1.0, "loads that come back make no new peak"
    return over


@pytest.mark.parametrize("season", ["winter", "summer"])
def test_no_window_of_a_working_morning_is_over_the_limit(plant: Plant, season: str) -> None:
    assert not any(check(plant, season, (8.0, 11.0)))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("season", ["winter", "summer", "transition"])
def test_no_avoidable_window_of_two_working_days_is_over_the_limit(plant: Plant, season: str) -> None:
    check(plant, season, (0.0, 48.0))
