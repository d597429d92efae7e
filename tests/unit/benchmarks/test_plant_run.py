from __future__ import annotations

from pathlib import Path

from benchmarks.ems_above import setpoints_of
from hub.dispatch.site import load_site
from hub.dispatch.targets import targets
from hub.dispatch.wanted import SetPoint
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints, no_setpoints

SITE = load_site(Path(__file__).parents[3] / "configs", "demo")


def there_and_back(told: Setpoints) -> Setpoints:
    sheet = SITE.plant.flowsheet
    points = tuple(
        SetPoint(sheet.binding(machine, role) or "", value, "", "")
        for machine, role, value in targets(SITE.plant, told)
    )
    return setpoints_of(SITE, points)


def test_what_is_told_through_points_is_what_the_machines_hear() -> None:
    told = Setpoints(
        compressors=tuple(CompressorSetpoint(role, permit=True) for role in (2, 0, 0, 1)),
        chillers=(
            ChillerSetpoint(permit=True, supply_set_c=9.5),
            ChillerSetpoint(permit=False, supply_set_c=10.0),
        ),
        battery_kw=-120.5,
        chp_permit=True,
        chp_kw=-187.5,
        pv_limit_frac=0.625,
    )
    assert there_and_back(told) == told


def test_nothing_told_leaves_every_machine_to_itself() -> None:
    assert there_and_back(no_setpoints(SITE.plant)) == no_setpoints(SITE.plant)
