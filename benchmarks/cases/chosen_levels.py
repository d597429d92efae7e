"""Set-points to choose, lived through at 1 s: days with levels for the planner beside the same days without.

A plan that promises savings by warmer water or a lower pressure is worth what the plant makes of it: loops
that have to follow, machines that come back late or not at all (ADR 0065, ADR 0066). The machines are true
ones (other shapes than the planner's curves), the EMS is the hub's own core with its own forecasts. The demo
is given what its sheet leaves out: a tower that takes a set-point with an air handler that minds its water,
or a standby band that leaves room for lower pressures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

from benchmarks.cell_account import CellLedger, account
from benchmarks.courses import Place, live_all
from benchmarks.ems_above import Ems
from benchmarks.matrix_cells import SEASONS, begin_of, tariffs
from benchmarks.plant_run import CONFIG, DAY_S, Run, world_of
from benchmarks.registry import Case, Figures, Result
from hub.dispatch.site import DispatchSite, load_site
from optimizer.planning import PlanningFile, planning_faults
from plant.flowsheet import Flowsheet
from plant.scenario import make_scenario
from plant.state import compile_plant
from protocols.errors import ConfigError
from protocols.write_block import WriteLimits

_TOWER: Final = {
    "kind": "cooling_tower", "electricity_node": "main_bus", "fan_kw": 30.0,
    "bindings": {"condenser_set_c": "tower1/condenser_set_c"},
}  # fmt: skip
_AUXILIARY: Final = {"kind": "polynomial", "coefficients": [10.0, 4.0, 6.0], "low": 0.0, "high": 1.0}
"""Pumps of a chiller without its tower, power over PLR. [kW]"""
_FAN: Final = {"kind": "piecewise", "x": [0.0, 900.0], "y": [2.0, 60.0]}
_STANDBY: Final = {"load_bar_g": 6.05, "unload_bar_g": 6.35}
_WATER: Final = {
    "chilled_water": {"supply_c": [7, 8, 9, 10]},
    "condenser_water": {"supply_c": [18, 20, 22, 26]},
}
_PRESSURE: Final = {"pressure": {"bar_g": [6.35, 6.5, 6.65], "least_bar_g": 6.05}}
_PRESSURE_POINT: Final = "comp4/pressure_set_bar_g"


class Job(NamedTuple):
    """One day under the EMS."""

    season: str
    tariff: str
    what: str
    """"water" or "pressure"."""
    chosen: bool

    @property
    def title(self) -> str:
        """Of its bar and its files."""
        return f"{self.season} {self.tariff} {self.what} {'chosen' if self.chosen else 'fixed'}"


DAYS: Final = (("summer", "hourly", "water"), ("spring", "flat", "water"), ("autumn", "hourly", "pressure"))


def run() -> Result:
    """Live through what is not yet there, and compare."""
    jobs = [Job(*day, chosen) for day in DAYS for chosen in (True, False)]
    lived = live_all("chosen_levels", {job.title: job for job in jobs}, lived_through)
    found = {job: CellLedger(**lived[job.title]) for job in jobs}
    pairs = {
        f"{season} {tariff} {what}": (
            found[Job(season, tariff, what, chosen=False)],
            found[Job(season, tariff, what, chosen=True)],
        )
        for season, tariff, what in DAYS
    }
    fixed = {"cost": sum(one.cost for one, _ in pairs.values()) / len(pairs)}
    results = {name: {"fixed": asdict(one), "chosen": asdict(two)} for name, (one, two) in pairs.items()}
    return Result(figures_of(list(pairs.values())), {"fixed": fixed}, results)


def figures_of(pairs: list[tuple[CellLedger, CellLedger]]) -> Figures:
    """Figures of days as (nothing to choose, levels to choose)."""
    savings = [100.0 * (fixed.cost - chosen.cost) / fixed.cost for fixed, chosen in pairs]
    return {
        "saving_pct": sum(savings) / len(savings),
        "worst_saving_pct": min(savings),
        "starts_ratio": sum(one.starts for _, one in pairs) / max(sum(one.starts for one, _ in pairs), 1),
        "plans_ratio": sum(one.plans for _, one in pairs) / max(sum(one.plans for one, _ in pairs), 1),
        "outside_limits_s": float(sum(one.outside_s for _, one in pairs)),
        "plans_refused": float(sum(one.refused for _, one in pairs)),
        "cost": sum(one.cost for _, one in pairs) / len(pairs),
    }


def lived_through(job: Job, place: Place) -> Mapping[str, Any]:
    """Live through one day and account for it."""
    lived = place.kept(lambda: begun(job))
    return asdict(account(lived.world, lived.go(place.tell, place.keep), period=False))


def begun(job: Job) -> Run:
    """A day at its begin."""
    begin = begin_of(job.season, period=False)
    seed = 1 + list(SEASONS).index(job.season)
    scenario = make_scenario(job.season, seed, days=begin.start_s // DAY_S + 3)
    world = world_of(site_of(job), scenario, (begin.monday_ns, begin.start_s), seed)
    return Run(world, DAY_S, Ems(world))


def site_of(job: Job) -> DispatchSite:
    """The demo with what a choice needs, at the job's tariff without demand charge."""
    site = _with_tower() if job.what == "water" else _with_low_standby()
    told = tariffs(site.supply[0])[job.tariff].model_copy(update={"demand_per_kw": 0.0})
    levels = _WATER if job.what == "water" else _PRESSURE
    planning = PlanningFile.model_validate(levels if job.chosen else {})
    faults = list(planning_faults(planning, site.plant))
    if faults:
        raise ConfigError(f"{job.title}: {'; '.join(why for _, why in faults)}")
    return replace(site, planning=planning, supply=(told, site.supply[1]))


def _with_tower() -> DispatchSite:
    site, sheet = _sheet()
    sheet["units"]["tower1"] = _TOWER
    sheet["units"]["ahu1"] |= {"fan_supply_c": 7.0, "fan": _FAN}
    for name in site.plant.chiller_ids:
        sheet["units"][name]["auxiliary"] = _AUXILIARY
    own = site.limits["chiller1/supply_set_c"].model_dump()
    tower = WriteLimits.model_validate(own | {"point": "condenser_set_c", "low": 18.0, "high": 30.0})
    return replace(
        site,
        plant=compile_plant(Flowsheet.model_validate(sheet)),
        limits={**site.limits, "tower1/condenser_set_c": tower},
        edges={**site.edges, "tower1": "edge1"},
    )


def _with_low_standby() -> DispatchSite:
    site, sheet = _sheet()
    sheet["units"]["receiver1"]["roles"]["standby"] = _STANDBY
    told = site.limits[_PRESSURE_POINT].model_copy(update={"levels": ("operator", "optimiser")})
    plant = compile_plant(Flowsheet.model_validate(sheet))
    return replace(site, plant=plant, limits={**site.limits, _PRESSURE_POINT: told})


def _sheet() -> tuple[DispatchSite, dict[str, Any]]:
    site = load_site(CONFIG, "demo")
    return site, site.plant.flowsheet.model_dump(mode="json", exclude_unset=True)


CASE: Final = Case(
    "chosen_levels",
    "water temperatures and network pressure to choose beside none, 1 s steps, virtual time; minutes",
    run,
    {"days": DAYS},
)
