"""What a plan may count on: machines that follow, points it may write, powers within their limits."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hub.dispatch import core
from hub.dispatch.able import unable
from hub.dispatch.site import DispatchSite, load_site, modes_of_units
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Task, solve_task
from hub.dispatch.tasks import task_of
from hub.registry.documents import read_documents
from hub.registry.planning_file import load_planning
from hub.registry.site import Modes
from hub.registry.whole import check_documents
from optimizer.planning import PlanningFile
from optimizer.problem import FREE, OFF, ON
from plant.flowsheet import Flowsheet
from plant.state import Plant
from protocols.errors import ConfigError
from protocols.write_block import WriteLimits
from tests.unit.hub_dispatch.dispatch_day import CONFIG, NOW_NS, in_force, site, snapshot, told

pytestmark = pytest.mark.timeout(120)


def _task(of: DispatchSite, memory: core.Memory | None = None, seen: Snapshot | None = None) -> Task:
    look = seen or snapshot()
    memory, decision = core.step(of, memory or core.Memory(), look, NOW_NS)
    return task_of(of, memory, decision, look)


def _limits(point: str, **changed: object) -> dict[str, WriteLimits]:
    own = site().limits[point]
    return {**site().limits, point: WriteLimits.model_validate(own.model_dump() | changed)}


def test_a_machine_that_only_advises_is_not_counted_on_where_others_follow() -> None:
    seen = snapshot(values={"chiller1/state_code": 2.0, "chiller2/state_code": 1.0})
    mixed = replace(site(), modes=Modes("auto", {"chiller2": "advice", "battery1": "advice"}))
    task = _task(mixed, seen=seen)
    assert task.now.of("chiller2").course == (OFF,)
    assert task.now.of("chiller2").lock == FREE
    assert task.now.of("chiller1").course == ()
    assert len(task.now.battery_course_kw) == 1
    made = solve_task(task)
    assert not made.plan.machines["chiller2"].on[0]
    assert made.plan.machines["chiller1"].on[0]
    values = told(core.step(mixed, core.planned(core.Memory(), made), seen, NOW_NS)[1])
    assert values["chiller1/permit_set_code"] == 1.0


def test_a_machine_that_only_advises_is_not_counted_on_beside_one_that_waits_for_a_person() -> None:
    seen = snapshot(values={"chiller1/state_code": 2.0, "chiller2/state_code": 1.0})
    mixed = replace(site(), modes=Modes("approve", {"chiller2": "advice"}))
    assert _task(mixed, seen=seen).now.of("chiller2").course == (OFF,)
    alone = replace(site(), modes=Modes("advice", {"chiller2": "off"}))
    assert _task(alone, seen=seen).now.of("chiller1").course == ()


def test_what_was_approved_once_does_not_count_for_a_machine_that_only_advises() -> None:
    memory = in_force()
    assert memory.plan is not None
    memory = replace(memory, approved={"comp2": memory.plan})
    mixed = replace(site(), modes=Modes("auto", {"comp2": "advice"}))
    assert len(_task(mixed, memory).now.of("comp2").course) == 1


def test_a_site_that_only_takes_advice_is_planned_freely_whatever_it_could_be_told() -> None:
    task = _task(replace(site(), modes=Modes("advice"), limits={}))
    assert all(one.lock == FREE and one.course == () for one in task.now.machines.values())
    assert task.now.battery_course_kw == ()
    assert task.now.battery_held_kw is None
    assert not any("as it stands" in note.en for note in task.notes)


def test_water_of_a_chiller_that_only_advises_is_planned_as_it_is() -> None:
    planning = PlanningFile.model_validate({"chilled_water": {"supply_c": [7, 8, 9, 10]}})
    modes = Modes("auto", {"chiller1": "advice", "chiller2": "advice"})
    seen = snapshot(values={"chiller1/supply_set_c": 7.5, "chiller2/supply_set_c": 7.5})
    task = _task(replace(site(), planning=planning, modes=modes), seen=seen)
    assert task.choices.held == {"chilled_water_c": (7.5,)}


@pytest.mark.parametrize(
    ("machine", "point", "lock"),
    [
        ("chiller1", "chiller1/permit_set_code", ON),
        ("chiller2", "chiller2/permit_set_code", OFF),
        ("comp1", "comp1/role_set_code", ON),
        ("chp1", "chp1/power_set_kw", OFF),
    ],
)
@pytest.mark.parametrize("why", ["no write limits", "kept for other rungs", "may not be told"])
def test_a_machine_that_may_not_be_told_is_planned_as_it_stands(
    machine: str, point: str, lock: int, why: str
) -> None:
    limits = dict(site().limits)
    if why == "no write limits":
        del limits[point]
    elif why == "kept for other rungs":
        limits = _limits(point, levels=["operator"])
    elif point.endswith("_kw"):
        limits, why = _limits(point, low=-60.0), "leave out a range"
    else:
        limits = _limits(point, low=1.0)
    task = _task(replace(site(), limits=limits))
    assert task.now.of(machine).lock == lock
    notes = [note for note in task.notes if "as it stands" in note.en]
    assert len(notes) == 1
    label = site().speech.name(machine).en
    assert notes[0].en.startswith(f"{label} is planned as it stands")
    assert why in notes[0].en


def test_a_battery_that_may_not_be_told_keeps_its_power() -> None:
    task = _task(
        replace(site(), limits=_limits("battery1/power_set_kw", levels=["operator"])),
        seen=snapshot(values={"battery1/power_kw": 42.0}),
    )
    battery = site().plant.battery
    assert battery is not None
    assert task.now.battery_held_kw == pytest.approx(42.0 - battery.standby_kw)
    assert task.now.battery_course_kw == ()


def test_water_is_told_to_a_chiller_that_nobody_switches() -> None:
    limits = dict(site().limits)
    del limits["chiller1/permit_set_code"]
    bound = replace(site(), limits=limits)
    made = solve_task(_task(bound))
    assert made.plan.machines["chiller1"].on.all()
    values = told(core.step(bound, core.planned(core.Memory(), made), snapshot(), NOW_NS)[1])
    assert "chiller1/supply_set_c" in values
    assert "chiller1/permit_set_code" not in values


def test_by_rule_nobody_counts_on_a_machine_that_may_not_be_told() -> None:
    limits = dict(site().limits)
    del limits["comp4/role_set_code"]
    bound = replace(site(), limits=limits)
    memory = replace(in_force(), plan=None, owed="a new quarter hour", asked_ns=NOW_NS)
    look = replace(snapshot(), recent={"air_m3_min": 40.0, "cooling_kw": 700.0})
    memory, _ = core.step(bound, memory, look, NOW_NS)
    assert "comp4" not in memory.ruled_for
    assert "comp1" in memory.ruled_for


def test_powers_are_planned_within_the_write_limits_so_that_each_is_told() -> None:
    limits = {
        **_limits("battery1/power_set_kw", low=-40.25, high=30.0),
        "chp1/power_set_kw": _limits("chp1/power_set_kw", low=-180.0)["chp1/power_set_kw"],
    }
    bound = replace(site(), limits=limits)
    task = _task(bound)
    assert task.power_kw == {"battery1": (-40.2, 30.0), "chp1": (-180.0, 0.0)}
    made = solve_task(task)
    exact = made.plan.binary_steps
    assert made.plan.battery_kw.min() >= -40.2 - 1e-6
    assert made.plan.battery_kw.max() <= 30.0 + 1e-6
    runs = made.plan.chp_kw[:exact] > 1e-6
    assert runs.any()
    assert made.plan.chp_kw[:exact].max() <= 180.0 + 1e-6
    values = told(core.step(bound, core.planned(core.Memory(), made), snapshot(), NOW_NS)[1])
    assert "battery1/power_set_kw" in values


def elsewhere(machine: str, device: str, of: Flowsheet | None = None) -> Flowsheet:
    """The demo's flowsheet, or another, with a machine whose set-points are another device's."""
    sheet = of or site().plant.flowsheet
    unit = sheet.units[machine]
    bindings = {
        role: ref.replace(f"{machine}/", f"{device}/") if "_set_" in role else ref
        for role, ref in unit.bindings.items()
    }
    return sheet.model_copy(
        update={"units": {**sheet.units, machine: unit.model_copy(update={"bindings": bindings})}}
    )


@pytest.mark.parametrize(
    ("modes", "mode"),
    [
        (Modes("auto", {"plc1": "advice"}), "advice"),
        (Modes("auto", {"plc1": "approve", "comp1": "advice"}), "advice"),
        (Modes("auto", {"comp1": "advice"}), "advice"),
        (Modes("advice", {"plc1": "auto"}), "auto"),
        (Modes("off", {"plc1": "auto"}), "off"),
        (Modes("auto"), "auto"),
    ],
)
def test_a_unit_has_the_strictest_mode_of_the_devices_that_take_its_set_points(
    modes: Modes, mode: str
) -> None:
    found = modes_of_units(modes, elsewhere("comp1", "plc1"))
    assert found.of("comp1") == mode
    assert found.of("comp2") == modes.of("comp2")


def test_the_site_is_loaded_with_the_modes_of_its_units(tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    sheet = config / "sites" / "demo" / "flowsheet.yaml"
    text = sheet.read_text(encoding="utf-8").replace(": comp1/role_set_code", ": comp2/other_set_code")
    sheet.write_text(text, encoding="utf-8")
    file = config / "sites" / "demo" / "site.yaml"
    text = file.read_text(encoding="utf-8").replace("machine_modes: {}", "machine_modes: {comp2: advice}")
    file.write_text(text, encoding="utf-8")
    assert load_site(config, "demo").modes.of("comp1") == "advice"


def test_no_water_is_chosen_where_no_level_that_may_be_told_dries_the_air() -> None:
    damp = {"wet_bulb_above_c": 16.0, "supply_most_c": 8.0}
    planning = PlanningFile.model_validate({"chilled_water": {"supply_c": [7, 8, 9, 10], "humid": damp}})
    warm = _limits("chiller1/supply_set_c", low=8.5)
    task = _task(replace(site(), planning=planning, limits=warm))
    assert task.choices.supply_c == ()
    assert any("no level within the write limits is at most 8 °C" in note.en for note in task.notes)
    assert _task(replace(site(), planning=planning)).choices.supply_c == (7.0, 8.0, 9.0, 10.0)


def _refusal(tmp_path: Path, planning: str, plant: Plant) -> str:
    place = tmp_path / "sites" / "demo" / "planning.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(planning + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_planning(tmp_path, "demo", plant)
    return str(error.value)


def test_a_least_pressure_above_that_of_the_roles_is_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, "pressure:\n  bar_g: [6.8, 6.9]\n  least_bar_g: 6.7", site().plant)
    assert "planning.yaml:3: pressure.least_bar_g: found 6.7 bar g; allowed are at most 6." in said


def test_inverters_smaller_than_the_sun_they_carry_are_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, "reactive:\n  point: a/b\n  inverter_kva: 10", site().plant)
    assert "planning.yaml:3: reactive.inverter_kva: found 10 kVA, allowed are 0 or at least the" in said


def test_a_gas_contract_without_a_meter_is_refused(tmp_path: Path) -> None:
    sheet = site().plant.flowsheet
    units = {
        name: unit.model_copy(
            update={"bindings": {role: ref for role, ref in unit.bindings.items() if role != "fuel_kw"}}
        )
        for name, unit in sheet.units.items()
    }
    plant = replace(site().plant, flowsheet=sheet.model_copy(update={"units": units}))
    said = _refusal(tmp_path, "gas: {hourly_kwh: 900}", plant)
    assert "planning.yaml:1: gas: found boiler1, chp1 without fuel_kw in the flowsheet" in said


def test_reactive_power_is_read_at_a_point_of_the_site(tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    place = config / "sites" / "demo" / "planning.yaml"
    place.write_text("reactive:\n  point: meter_main/power_kw\n", encoding="utf-8")
    check_documents(read_documents(config, "demo"), "demo", config)
    place.write_text("reactive:\n  point: meter_main/power_kvar\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        check_documents(read_documents(config, "demo"), "demo", config)
    said = str(error.value)
    assert "planning.yaml:2: reactive.point: found 'meter_main/power_kvar', which is no point" in said
    assert "for example meter_main/power_kw" in said


def test_every_machine_of_the_demo_can_be_told() -> None:
    assert unable(site()) == {}
