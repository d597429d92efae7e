from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.flexible import Batch, Car, EvGroup, Flexible, ShedLoad, ShiftLoad
from optimizer.network import Carrier, Cogen, Flow
from optimizer.problem import OFF, ON, Boiler, Commitment, DispatchProblem, Limits, Store
from protocols.errors import SolveError
from tests.unit.optimizer.cases import chiller, fixed_speed, flat, problem, variable_speed, with_need
from tests.unit.optimizer.features import bare, converter, engine, own_carrier, planned

BOILER = Boiler(name="boiler", capacity_kw=400.0)


@pytest.mark.parametrize(("price", "by_pump"), [(0.1, True), (0.2, False)])
def test_a_heat_pump_runs_where_its_heat_is_cheaper_than_the_boilers(price: float, by_pump: bool) -> None:  # noqa: FBT001  a row
    asked = with_need(bare(2, price=price), heat_kw=flat(2, 150.0))
    pump = converter("pump", 2, {"heat": (-100.0, -200.0), "electric": (34.0, 66.0)})
    plan = planned(replace(asked, boilers=(BOILER,), converters=(pump,)))
    assert plan.machines["pump"].on.all() == by_pump
    wanted = 0.5 * (500.0 + 50.0) * price if by_pump else 0.5 * (500.0 * price + 150.0 / 0.9 * 0.05)
    assert plan.cost.total == pytest.approx(wanted, abs=0.01)


def test_a_bent_converter_is_on_its_corners_in_every_load() -> None:
    # 60 to 200 kW of heat, worst in the middle: no hull would do
    pump = converter("pump", 3, {"heat": (-60.0, -120.0, -200.0), "electric": (15.0, 50.0, 60.0)})
    asked = with_need(bare(3, price=0.1), heat_kw=np.array([60.0, 120.0, 160.0]))
    plan = planned(replace(asked, converters=(pump,)))
    assert plan.machines["pump"].power_kw == pytest.approx([15.0, 50.0, 55.0], abs=0.01)


def test_free_cooling_is_taken_as_far_as_the_weather_gives_it() -> None:
    size = np.array([1.0, 0.4, 1.0])[:, None]
    lock = np.array([-1, -1, OFF])
    free = converter("free", 3, {"cooling": (0.0, -200.0), "electric": (0.0, 8.0)}, own=Commitment(lock=lock))
    free = replace(
        free,
        level=free.level * size,
        flows=tuple(Flow(carrier=flow.carrier, at=flow.at * size) for flow in free.flows),
    )
    asked = with_need(bare(3), cooling_kw=flat(3, 200.0))
    plan = planned(replace(asked, chillers=(chiller("c1", 3),), converters=(free,)))
    assert plan.machines["free"].level == pytest.approx([200.0, 80.0, 0.0], abs=0.01)


def test_surplus_heat_goes_through_the_dump_cooler_with_its_fan() -> None:
    hot = replace(engine(Commitment(on=True, lock=np.full(2, ON))), heat_min_kw=80.0, heat_max_kw=150.0)
    fan = converter("fan", 2, {"heat": (0.0, 300.0), "electric": (0.0, 9.0)})
    asked = replace(
        with_need(bare(2, price=0.5), heat_kw=flat(2, 30.0)),
        chps=(hot,),
        converters=(fan,),
        limits=Limits(may_waste_heat=False),
    )
    plan = planned(asked)
    assert plan.machines["fan"].power_kw == pytest.approx([120.0 * 0.03] * 2, abs=0.01)
    free = planned(replace(asked, limits=Limits()))
    assert free.machines["fan"].power_kw == pytest.approx([0.0, 0.0], abs=0.01)


def test_heat_at_two_temperatures_cascades_downward_only() -> None:
    turbine = Cogen(
        name="turbine",
        corners=((50.0, 40.0), (100.0, 80.0), (100.0, 60.0), (50.0, 30.0)),
        fuel_planes=((20.0, 2.4, 0.3),),
        low_heat=(10.0, 0.3, 0.0),
        low_carrier="warm",
    )
    down = converter("exchanger", 2, {"warm": (0.0, -100.0), "heat": (0.0, 100.0)})
    low = Carrier(name="warm", need=np.array([30.0, 70.0]), short_eur=10.0, surplus_eur=0.0)
    asked = replace(
        with_need(bare(2, price=0.5), heat_kw=flat(2, 60.0)),
        carriers=(low,),
        cogens=(turbine,),
        boilers=(BOILER,),
        converters=(down,),
    )
    plan = planned(asked)
    turbine_heat = -plan.machines["turbine"].flows["warm"]
    assert turbine_heat == pytest.approx(10.0 + 0.3 * plan.machines["turbine"].level)
    assert -plan.machines["exchanger"].flows["warm"] == pytest.approx([0.0, 30.0], abs=0.01)
    assert {s.name for s in plan.shortages} <= {"surplus.warm"}


def _inside(corners: tuple[tuple[float, float], ...], power: float, heat: float) -> bool:
    """Whether a ray to the right crosses the border an odd number of times."""
    found = False
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y0 > heat) != (y1 > heat) and power < x0 + (heat - y0) * (x1 - x0) / (y1 - y0):
            found = not found
    return found


@pytest.mark.parametrize("heat_kw", [30.0, 70.0, 110.0, 140.0])
@pytest.mark.parametrize("price", [0.08, 0.16, 0.5])
def test_a_polygon_that_is_not_convex_gives_the_best_point_of_a_fine_grid(
    heat_kw: float, price: float
) -> None:
    corners = ((40.0, 20.0), (40.0, 90.0), (70.0, 150.0), (100.0, 120.0), (100.0, 30.0), (80.0, 60.0))
    planes = ((30.0, 2.0, 0.8), (10.0, 2.3, 0.8))
    asked = replace(
        with_need(bare(1, price=price), heat_kw=flat(1, heat_kw)),
        limits=Limits(may_waste_heat=False),
        boilers=(Boiler(name="boiler", capacity_kw=400.0, efficiency_frac=0.5),),
        cogens=(Cogen(name="turbine", corners=corners, fuel_planes=planes),),
    )
    best = 0.25 * (500.0 * price + heat_kw / 0.5 * 0.05)
    for power in np.linspace(40.0, 100.0, 121):
        for heat in np.linspace(20.0, 150.0, 131):
            around = ((power + a, heat + b) for a, b in product((-1e-6, 1e-6), (-1e-5, 1e-5)))
            if heat <= heat_kw + 1e-9 and any(_inside(corners, *at) for at in around):
                fuel = max(a + b * power + c * heat for a, b, c in planes) + (heat_kw - heat) / 0.5
                best = min(best, 0.25 * ((500.0 - power) * price + fuel * 0.05))
    found = planned(asked).cost.total
    assert found <= best + 1e-4
    assert found == pytest.approx(best, abs=0.05)


def test_an_absorption_chiller_uses_the_heat_of_the_engine() -> None:
    hot = replace(engine(), heat_min_kw=80.0, heat_max_kw=150.0)
    absorber = converter(
        "absorber", 2, {"cooling": (0.0, -100.0), "heat": (0.0, 140.0), "electric": (0.0, 3.0)}
    )
    asked = replace(
        with_need(bare(2, price=0.5), cooling_kw=flat(2, 150.0)),
        chps=(hot,),
        converters=(absorber,),
        chillers=(chiller("c1", 2),),
    )
    plan = planned(asked)
    assert plan.machines["absorber"].level == pytest.approx([70.0, 70.0], abs=0.01)
    assert plan.machines["c1"].level == pytest.approx([80.0, 80.0], abs=0.01)


@pytest.mark.parametrize(("dear", "used"), [(0.5, True), (0.1, False)])
def test_hydrogen_is_made_kept_and_burnt_only_where_the_round_trip_pays(dear: float, used: bool) -> None:  # noqa: FBT001  a row
    price = np.array([0.05, 0.05, dear, dear])
    asked = replace(
        bare(4, price=price),
        carriers=(own_carrier("hydrogen", flat(4, 0.0)),),
        stores=(Store(name="tank", carrier="hydrogen", content=0.0, most=200.0),),
        converters=(
            converter("electrolyser", 4, {"electric": (0.0, 100.0), "hydrogen": (0.0, -70.0)}),
            converter("cell", 4, {"hydrogen": (0.0, 100.0), "electric": (0.0, -50.0)}),
        ),
    )
    plan = planned(asked)
    made_kwh = float(plan.machines["electrolyser"].power_kw.sum()) * 0.25
    given_kwh = -float(plan.machines["cell"].power_kw.sum()) * 0.25
    assert (made_kwh > 1.0) == used
    assert given_kwh == pytest.approx(0.35 * made_kwh, abs=0.01)
    saved = given_kwh * dear - made_kwh * 0.05
    whole = 0.25 * 500.0 * float(price.sum())
    assert plan.cost.total == pytest.approx(whole - saved, abs=0.01)


def test_chillers_towers_and_pumps_hang_on_the_heat_they_reject() -> None:
    machine = converter(
        "machine", 2, {"cooling": (-100.0, -400.0), "electric": (22.0, 80.0), "reject": (-122.0, -480.0)}
    )
    tower = converter("tower", 2, {"reject": (0.0, 300.0, 600.0), "electric": (2.0, 7.0, 30.0)})
    asked = replace(
        with_need(bare(2), cooling_kw=np.array([250.0, 400.0])),
        carriers=(own_carrier("reject", flat(2, 0.0)),),
        converters=(machine, tower),
    )
    plan = planned(asked)
    rejected = 250.0 + 51.0
    assert plan.machines["tower"].flows["reject"][0] == pytest.approx(rejected)
    assert plan.machines["tower"].power_kw[0] == pytest.approx(7.0 + 23.0 * (rejected - 300.0) / 300.0)


def test_a_dryer_takes_its_purge_from_the_air_the_compressors_make() -> None:
    dryer = converter("dryer", 2, {"dry_air": (0.0, -20.0), "air": (0.0, 23.0), "electric": (0.0, 2.0)})
    asked = replace(
        bare(2),
        carriers=(own_carrier("dry_air", np.array([10.0, 16.0])),),
        converters=(dryer,),
        compressors=(fixed_speed("a1"), variable_speed("a2")),
    )
    plan = planned(asked)
    made = plan.machines["a1"].level + plan.machines["a2"].level
    assert made == pytest.approx([11.5, 18.4], abs=0.01)


def test_heat_of_the_compressors_spares_the_boiler_and_is_never_made_for_its_own_sake() -> None:
    machine = replace(variable_speed("a1"), heat_recovery_frac=0.7)
    asked = with_need(bare(2), air_m3_min=flat(2, 10.0), heat_kw=np.array([30.0, 80.0]))
    plan = planned(replace(asked, compressors=(machine,), boilers=(BOILER,)))
    assert plan.machines["a1"].power_kw == pytest.approx([60.0, 60.0], abs=0.01)
    assert -plan.machines["a1"].flows["heat"] == pytest.approx([30.0, 42.0], abs=0.01)
    assert plan.machines["boiler"].level == pytest.approx([0.0, 38.0], abs=0.01)
    cold = planned(replace(asked, compressors=(machine,)))
    assert cold.machines["a1"].power_kw == pytest.approx([60.0, 60.0], abs=0.01)


def test_n_1_keeps_a_second_machine_running_and_names_what_is_missing() -> None:
    asked = with_need(bare(3), cooling_kw=np.array([200.0, 500.0, 0.0]))
    machines = tuple(chiller(f"c{k}", 3, capacity_kw=size) for k, size in enumerate((400.0, 300.0, 200.0)))
    plan = planned(replace(asked, chillers=machines, limits=Limits(without_largest=("cooling",))))
    running = np.array([plan.machines[one.name].on for one in machines]).T
    capacity = np.array([400.0, 300.0, 200.0])
    for step, need in enumerate((200.0, 500.0, 0.0)):
        left = capacity[running[step]].sum() - capacity[running[step]].max(initial=0.0)
        assert left >= need - 1e-6
    few = planned(replace(asked, chillers=machines[:2], limits=Limits(without_largest=("cooling",))))
    assert ("spare_cooling", 1, 200) in [(s.name, s.step, round(s.amount)) for s in few.shortages]


def test_n_1_of_a_floating_station_counts_machines_not_classes() -> None:
    asked = with_need(bare(3), air_m3_min=np.array([9.0, 18.0, 0.0]))
    machines = tuple(replace(fixed_speed(f"a{k}"), floats=True) for k in range(3))
    plan = planned(replace(asked, compressors=machines, limits=Limits(without_largest=("air",))))
    running = np.sum([machine.on for machine in plan.machines.values()], axis=0)
    assert running.tolist()[:2] == [2, 3]


def test_a_load_waits_for_the_cheap_steps_it_may_run_in() -> None:
    price = np.array([0.5, 0.1, 0.3, 0.1, 0.05])
    load = ShiftLoad(name="pumping", energy_kwh=30.0, first=1, until=4, most_kw=80.0, least_kw=40.0)
    plan = planned(replace(bare(5, price=price), flexible=Flexible(shift=(load,))))
    assert plan.machines["pumping"].power_kw[[0, 2, 4]] == pytest.approx([0.0, 0.0, 0.0], abs=0.01)
    assert plan.machines["pumping"].power_kw.sum() == pytest.approx(120.0, abs=0.01)
    odd = replace(load, energy_kwh=25.0)
    powers = (
        planned(replace(bare(5, price=price), flexible=Flexible(shift=(odd,)))).machines["pumping"].power_kw
    )
    assert all(power < 0.01 or power > 39.9 for power in powers)


def test_a_batch_runs_once_without_a_break_at_its_cheapest_begin() -> None:
    random = np.random.default_rng(2)
    for _ in range(5):
        price = random.uniform(0.05, 0.5, 8)
        course = (100.0, 20.0, 60.0)
        batch = Batch(name="furnace", course_kw=course, first=1, until=7)
        plan = planned(replace(bare(8, price=price, need_kw=0.0), flexible=Flexible(batches=(batch,))))
        wanted = min(0.25 * float(price[k : k + 3] @ np.array(course)) for k in range(1, 5))
        assert plan.cost.total == pytest.approx(wanted, abs=0.001)


def test_vehicles_share_their_connection_and_leave_full_or_named() -> None:
    price = np.array([0.4, 0.1, 0.1, 0.4])
    cars = (
        Car(name="van", arrives=0, leaves=3, energy_kwh=10.0, most_kw=40.0),
        Car(name="bus", arrives=1, leaves=4, energy_kwh=20.0, most_kw=80.0),
        Car(name="late", arrives=3, leaves=4, energy_kwh=30.0, most_kw=40.0),
    )
    group = EvGroup(name="yard", most_kw=70.0, cars=cars)
    plan = planned(replace(bare(4, price=price), flexible=Flexible(ev=(group,))))
    assert plan.machines["yard"].power_kw.max() <= 70.0 + 1e-6
    assert [(s.name, round(s.amount)) for s in plan.shortages] == [("missed.yard.late", 20)]
    assert plan.machines["yard"].flows["bus"].sum() * 0.25 == pytest.approx(20.0, abs=0.01)


def test_lights_go_off_while_power_is_dearer_than_they_are_worth() -> None:
    price = np.array([0.2, 0.9, 0.8, 0.2])
    shed = ShedLoad(name="lights", most_kw=flat(4, 40.0), eur_kwh=0.5, most_kwh=12.0)
    plan = planned(replace(bare(4, price=price), flexible=Flexible(shed=(shed,))))
    assert plan.machines["lights"].power_kw == pytest.approx([0.0, -40.0, -8.0, 0.0], abs=0.01)
    assert plan.charges["lights"] == pytest.approx(6.0, abs=0.01)


def _of(**parts: object) -> DispatchProblem:
    return replace(bare(2), **parts)  # type: ignore[arg-type]  # hostile on purpose


def _polygon(
    *corners: tuple[float, float], fuel: tuple[float, float, float] = (9.0, 3.0, 3.0)
) -> DispatchProblem:
    return _of(cogens=(Cogen(name="t", corners=corners, fuel_planes=(fuel,)),))


def _converter(
    flows: dict[str, tuple[float, ...]], level: tuple[float, ...] | None = None
) -> DispatchProblem:
    return _of(converters=(converter("x", 2, flows, level),))


def _loads(**parts: object) -> DispatchProblem:
    return _of(flexible=Flexible(**parts))  # type: ignore[arg-type]  # hostile on purpose


SHIFT = ShiftLoad(name="p", energy_kwh=1.0, first=1, until=5, most_kw=1.0)
HOSTILE: list[tuple[DispatchProblem, str]] = [
    (_converter({"steam": (0.0, 1.0)}), "x names the carrier steam"),
    (_of(converters=(converter("x", 3, {"heat": (0.0, 1.0)}),)), "corners of its level in each step"),
    (_converter({"heat": (0.0, -1.0)}, (2.0, 1.0)), "must rise from corner"),
    (_converter({"heat": (0.0, float("nan"))}, (0.0, 1.0)), "needs a number"),
    (_converter({"gas": (0.0, -1.0)}), "gives gas"),
    (_of(converters=(replace(converter("x", 2, {"heat": (0.0, 1.0)}), flows=()),)), "needs flows"),
    (_of(converters=(converter("gas", 2, {"heat": (0.0, -1.0)}),)), "no machine may be called gas"),
    (_of(carriers=(own_carrier("heat", flat(2, 0.0)),)), "the carrier heat exists already"),
    (_of(carriers=(own_carrier("h2", flat(2, -1.0)),)), "the need for h2"),
    (_of(carriers=(own_carrier("h2", flat(3, 1.0)),)), "the need for h2 has 3 values, the window has"),
    (_of(stores=(Store(name="s", carrier="h2", content=0.0, most=1.0),)), "s names the carrier h2"),
    (_polygon((0, 0), (1, 1)), "polygon of t"),
    (_polygon((0, 0), (9, 0), (9, 9), fuel=(0.0, 1.0, 0.1)), "gives more than its fuel"),
    (_polygon((0, 0), (9, 9), (9, 0), (0, 9)), "crosses itself"),
    (_polygon((0, 0), (9, -1), (9, 9)), "negative power or heat"),
    (_of(compressors=(replace(fixed_speed("a"), heat_recovery_frac=1.2),)), "recovers 1.2"),
    (_loads(shift=(SHIFT,)), "p is to run from step 1"),
    (_loads(shift=(replace(SHIFT, until=2, least_kw=2.0),)), "a least power not above its most"),
    (_loads(batches=(Batch(name="b", course_kw=(1.0,) * 3, first=0, until=2),)), "takes 3 steps"),
    (_loads(batches=(Batch(name="b", course_kw=(), first=0, until=2),)), "needs a course"),
    (_loads(shed=(ShedLoad(name="l", most_kw=flat(1, 1.0), eur_kwh=1.0),)), "in every step"),
    (_loads(ev=(EvGroup(name="e", most_kw=1.0, cars=()),)), "needs cars"),
    (
        _of(boilers=(replace(BOILER, name="x"),), chps=(replace(engine(), name="x"),)),
        "two machines are called x",
    ),
]


@pytest.mark.parametrize(("asked", "words"), HOSTILE, ids=[words for _, words in HOSTILE])
def test_what_cannot_be_is_refused_in_plant_words(asked: DispatchProblem, words: str) -> None:
    with pytest.raises(SolveError, match=words):
        plan_day(asked)


def test_a_need_no_machine_supplies_is_a_named_shortage() -> None:
    plan = planned(replace(bare(2), carriers=(own_carrier("hydrogen", flat(2, 5.0)),)))
    assert [(s.name, s.amount) for s in plan.shortages] == [("short.hydrogen", 5.0)] * 2


def test_a_negative_price_burns_no_more_than_machines_can() -> None:
    asked = with_need(problem(2, price=np.array([-0.2, -0.2])), heat_kw=flat(2, 100.0))
    rod = converter("rod", 2, {"heat": (0.0, -300.0), "electric": (0.0, 300.0)})
    asked = replace(asked, converters=(rod,), prices=replace(asked.prices, co2_eur_t=0.0))
    plan = planned(asked)
    assert plan.machines["rod"].power_kw == pytest.approx([300.0, 300.0], abs=0.1)
    assert check(asked, plan) == []
