"""Small problems, one per component, that the tests of contracts, networks and set-points share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.flexible import Batch, Car, EvGroup, Flexible, ShedLoad, ShiftLoad
from optimizer.levels import AirLevels, CoolingLevels
from optimizer.network import Carrier, Cogen, Converter, Flow
from optimizer.plan import Plan
from optimizer.problem import Boiler, Chp, Commitment, DispatchProblem, Limits, Pv, Store
from optimizer.solve import Feasible, Optimal
from optimizer.starting import Ramp, Starting
from optimizer.supply import DemandCharge, EnergyTier, GasContract, Reactive, Supply
from tests.unit.optimizer.cases import battery, chiller, fixed_speed, flat, problem, variable_speed, with_need

STEPS = 6
PRICES = np.array([0.1, 0.4, 0.1, 0.4, 0.1, 0.4])


def planned(asked: DispatchProblem) -> Plan:
    """The plan, which its checker passes."""
    outcome = plan_day(asked, gap_frac=1e-6)
    assert isinstance(outcome, Optimal | Feasible), outcome
    assert check(asked, outcome.plan) == []
    return outcome.plan


def bare(steps: int = STEPS, *, price: float | np.ndarray = 0.2, need_kw: float = 500.0) -> DispatchProblem:
    """An electric need at a price, no carbon, no machines."""
    asked = problem(steps, price=np.full(steps, 1.0) * price)
    asked = replace(asked, prices=replace(asked.prices, co2_eur_t=0.0, gas_eur_kwh=0.05))
    return with_need(asked, electric_kw=flat(steps, need_kw))


def engine(own: Commitment | None = None) -> Chp:
    """50 to 100 kW at 40 %, no heat: it pays above 0.125 per kWh."""
    return Chp(
        name="engine",
        power_min_kw=50.0,
        power_max_kw=100.0,
        gas_min_kw=125.0,
        gas_max_kw=250.0,
        heat_min_kw=0.0,
        heat_max_kw=0.0,
        commitment=own or Commitment(),
    )


def converter(
    name: str,
    steps: int,
    flows: dict[str, tuple[float, ...]],
    level: tuple[float, ...] | None = None,
    own: Commitment | None = None,
) -> Converter:
    """Flows taken positive, given negative; the level is the first flow's size."""
    corners = level or tuple(abs(value) for value in next(iter(flows.values())))
    return Converter(
        name=name,
        level=np.tile(corners, (steps, 1)).astype(np.float64),
        flows=tuple(
            Flow(carrier=carrier, at=np.tile(values, (steps, 1)).astype(np.float64))
            for carrier, values in flows.items()
        ),
        commitment=own or Commitment(),
    )


def own_carrier(name: str, need: np.ndarray) -> Carrier:
    return Carrier(name=name, need=need, short_eur=10.0, surplus_eur=1.0)


def _starting() -> DispatchProblem:
    own = Commitment(
        min_down_s=900.0,
        start_eur=0.2,
        starting=Starting(
            most_per_h=1,
            most_per_day=2,
            ages_s=(1800.0,),
            warm_up_s=600.0,
            warm_up_kw=6.0,
            warm_up_fuel_kw=40.0,
            run_on_s=300.0,
            run_on_kw=9.0,
            stop_eur=0.1,
        ),
    )
    return replace(bare(price=PRICES), chps=(engine(own),))


def _ramp() -> DispatchProblem:
    own = Commitment(on=True, min_down_s=900.0, ramp=Ramp(up_per_min=1.0, down_per_min=2.0, last=60.0))
    return replace(bare(price=PRICES), chps=(engine(own),))


def _warm_chiller() -> DispatchProblem:
    own = Commitment(starting=Starting(warm_up_s=600.0, warm_up_kw=5.0), ramp=Ramp(up_per_min=20.0))
    asked = with_need(bare(), cooling_kw=np.array([0.0, 200.0, 300.0, 350.0, 0.0, 0.0]))
    first = chiller("c1", STEPS, commitment=own)
    bent = replace(first, power_kw=np.tile([30.0, 45.0, 70.0, 80.0, 100.0], (STEPS, 1)))
    return replace(
        asked, chillers=(bent,), stores=(Store(name="ice", carrier="cooling", content=50.0, most=100.0),)
    )


def _contracts() -> DispatchProblem:
    asked = bare(price=PRICES)
    reactive = Reactive(
        need_kvar=flat(STEPS, 300.0), inverter_kva=220.0, factor_least=0.95, eur_kvarh=0.05, month_kwh=100.0,
        month_kvarh=60.0,
    )  # fmt: skip
    return replace(
        with_need(asked, pv_kw=np.array([0.0, 50.0, 200.0, 200.0, 50.0, 0.0]), heat_kw=flat(STEPS, 80.0)),
        batteries=(battery(),),
        boilers=(Boiler(name="boiler", capacity_kw=300.0),),
        chps=(engine(),),
        pv=Pv(),
        supply=Supply(
            charges=(
                DemandCharge(
                    name="half_hour", eur_kw=4.0, so_far_kw=300.0, window_s=1800.0, before_kw=(450.0,)
                ),
                DemandCharge(name="slides", eur_kw=2.0, window_s=1800.0, sliding=True, before_kw=(450.0,)),
                DemandCharge(name="kva", eur_kw=1.0, apparent=True, over_from_kw=500.0, over_eur_kw=3.0),
                DemandCharge(name="coincident", eur_kw=3.0, counts=np.arange(STEPS) == 3),
            ),
            tiers=(EnergyTier(room_kwh=300.0, eur_kwh=0.02), EnergyTier(room_kwh=np.inf, eur_kwh=0.0)),
            import_least_kw=50.0,
            reactive=reactive,
            gas=GasContract(hourly_kwh=260.0, this_hour_kwh=30.0, take_kwh=300.0),
            co2_cap_kg=400.0,
        ),
    )


def _heat() -> DispatchProblem:
    asked = with_need(bare(price=PRICES), heat_kw=flat(STEPS, 150.0), cooling_kw=flat(STEPS, 100.0))
    low = own_carrier("warm", flat(STEPS, 40.0))
    switching = Commitment(start_eur=0.3, min_up_s=1800.0)
    return replace(
        asked,
        limits=Limits(may_waste_heat=False),
        carriers=(low,),
        boilers=(Boiler(name="boiler", capacity_kw=300.0),),
        cogens=(
            Cogen(
                name="turbine",
                corners=(
                    (40.0, 20.0),
                    (40.0, 90.0),
                    (70.0, 150.0),
                    (100.0, 120.0),
                    (100.0, 30.0),
                    (80.0, 60.0),
                ),
                fuel_planes=((30.0, 2.0, 0.8), (10.0, 2.3, 0.8)),
                low_heat=(5.0, 0.2, 0.0),
                low_carrier="warm",
                commitment=switching,
            ),
        ),
        converters=(
            converter("heat_pump", STEPS, {"heat": (-60.0, -120.0, -200.0), "electric": (25.0, 40.0, 80.0)}),
            converter("exchanger", STEPS, {"warm": (0.0, -100.0), "heat": (0.0, 100.0)}),
            converter(
                "absorber", STEPS, {"cooling": (0.0, -150.0), "heat": (0.0, 210.0), "electric": (0.0, 5.0)}
            ),
            converter("fan", STEPS, {"heat": (0.0, 200.0), "electric": (0.0, 6.0)}),
        ),
        chillers=(chiller("c1", STEPS),),
    )


def _hydrogen() -> DispatchProblem:
    asked = bare(price=PRICES)
    return replace(
        asked,
        carriers=(own_carrier("hydrogen", flat(STEPS, 10.0)),),
        stores=(Store(name="tank", carrier="hydrogen", content=20.0, most=200.0),),
        converters=(
            converter(
                "electrolyser", STEPS, {"electric": (40.0, 120.0, 200.0), "hydrogen": (-28.0, -80.0, -125.0)}
            ),
            converter(
                "cell", STEPS, {"hydrogen": (0.0, 100.0), "electric": (0.0, -50.0), "heat": (0.0, -30.0)}
            ),
        ),
    )


def _loads() -> DispatchProblem:
    return replace(
        bare(price=PRICES),
        flexible=Flexible(
            shift=(
                ShiftLoad(name="pumping", energy_kwh=40.0, first=1, until=5, most_kw=80.0, least_kw=30.0),
            ),
            batches=(Batch(name="furnace", course_kw=(100.0, 60.0), first=0, until=6),),
            shed=(ShedLoad(name="lights", most_kw=flat(STEPS, 20.0), eur_kwh=0.3, most_kwh=8.0),),
            ev=(
                EvGroup(
                    name="yard",
                    most_kw=60.0,
                    cars=(
                        Car(name="van", arrives=0, leaves=4, energy_kwh=15.0, most_kw=40.0),
                        Car(name="bus", arrives=2, leaves=6, energy_kwh=20.0, most_kw=50.0),
                    ),
                ),
            ),
        ),
    )


def _water() -> DispatchProblem:
    asked = with_need(bare(price=PRICES), cooling_kw=np.array([150.0, 300.0, 420.0, 500.0, 350.0, 90.0]))
    machines = (chiller("c1", STEPS), chiller("c2", STEPS, capacity_kw=250.0))
    cold, warm = np.array([1.0, 0.94, 0.9]), np.array([1.0, 1.03, 1.06])
    return replace(
        asked,
        chillers=machines,
        cooling_levels=CoolingLevels(
            supply_c=(7.0, 9.0, 11.0),
            condenser_c=(27.0, 27.0, 24.0),
            load_kw={m.name: warm[:, None, None] * m.load_kw for m in machines},
            power_kw={m.name: cold[:, None, None] * m.power_kw for m in machines},
            extra_kw=np.array([[4.0], [4.5], [7.0]]) * np.ones(STEPS),
            extra_frac=np.array([[0.02], [0.03], [0.05]]) * np.ones(STEPS),
            allowed=np.array([[True] * 6, [True] * 6, [True, False, True, True, True, True]]),
        ),
    )


def _pressure() -> DispatchProblem:
    asked = with_need(bare(price=PRICES), air_m3_min=np.array([8.0, 15.0, 22.0, 28.0, 12.0, 3.0]))
    return replace(
        asked,
        compressors=(fixed_speed("a1"), fixed_speed("a2"), variable_speed("a3")),
        air_levels=AirLevels(
            pressure_bar_g=(6.0, 6.5, 7.0),
            power_frac=(0.93, 0.965, 1.0),
            need_m3_min=np.array([[-0.6], [-0.3], [0.0]]) * np.ones(STEPS),
            least_bar_g=np.array([6.0, 6.0, 7.0, 6.0, 6.2, 6.0]),
        ),
    )


def _recovery() -> DispatchProblem:
    asked = with_need(bare(price=PRICES), air_m3_min=flat(STEPS, 14.0), heat_kw=flat(STEPS, 60.0))
    machines = (replace(fixed_speed("a1"), heat_recovery_frac=0.7), variable_speed("a2"))
    return replace(
        asked,
        compressors=machines,
        boilers=(Boiler(name="boiler", capacity_kw=300.0),),
        limits=Limits(without_largest=("air",)),
    )


FEATURES = {
    "starting": _starting,
    "ramp": _ramp,
    "warm_chiller": _warm_chiller,
    "contracts": _contracts,
    "heat": _heat,
    "hydrogen": _hydrogen,
    "loads": _loads,
    "water": _water,
    "pressure": _pressure,
    "recovery": _recovery,
}
"""By name: a problem of six steps with the component in it."""
