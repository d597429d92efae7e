from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optimizer.begun import begun_since
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.problem import OFF, ON, Commitment, DispatchProblem
from optimizer.solve import Feasible, Optimal
from optimizer.starting import Ramp, Starting
from protocols.errors import SolveError
from tests.unit.optimizer.cases import chiller, fixed_speed, flat, with_need
from tests.unit.optimizer.features import bare, engine, planned

QUARTER_S = 900.0


def _schedules(asked: DispatchProblem) -> Iterator[float]:
    """Cost of every schedule of the engine that keeps its limits, worked out by hand."""
    own = asked.chps[0].commitment
    start, price = own.starting, asked.prices.import_eur_kwh
    for on in product((False, True), repeat=asked.steps):
        cost, ran, lasted_s, fits = 0.0, own.on, own.state_s + asked.gone_s, True
        starts = [-age for age in start.ages_s]
        for step, now in enumerate(on):
            at = step * QUARTER_S if step else asked.gone_s
            left_s = QUARTER_S if step else QUARTER_S - asked.gone_s
            if now != ran:
                fits &= lasted_s >= (max(own.min_up_s, start.warm_up_s) if ran else own.min_down_s)
                cost += own.start_eur if now else start.stop_eur
                lasted_s = 0.0
                starts += [at] if now else []
            ran = now
            for most, length in ((start.most_per_h, 3600.0), (start.most_per_day, 86400.0)):
                fits &= (
                    not now or lasted_s > 0 or most is None or sum(t > at - length for t in starts) <= most
                )
            length_s = start.warm_up_s if now else start.run_on_s
            share = min(max(length_s - lasted_s, 0.0) / left_s, 1.0)
            bought, gas = 500.0, 0.0
            if now:
                giving = 1.0 - share
                power = giving * (100.0 if price[step] > 0.125 else 50.0)
                bought += share * start.warm_up_kw - power
                gas = power / 0.4 + share * start.warm_up_fuel_kw
            else:
                bought += share * start.run_on_kw
            cost += left_s / 3600.0 * (bought * price[step] + gas * 0.05)
            lasted_s += left_s
        if fits:
            yield cost


RULES = {
    "hour": Starting(most_per_h=1),
    "day with earlier starts": Starting(most_per_day=3, ages_s=(600.0, 80_000.0, 82_000.0)),
    "warm-up of two thirds of a step": Starting(warm_up_s=600.0, warm_up_kw=10.0, warm_up_fuel_kw=60.0),
    "warm-up longer than a step": Starting(warm_up_s=1500.0, warm_up_fuel_kw=30.0),
    "run-on and stop cost": Starting(run_on_s=600.0, run_on_kw=30.0, stop_eur=0.7),
    "all": Starting(
        most_per_h=1, most_per_day=2, warm_up_s=900.0, run_on_s=300.0, run_on_kw=5.0, stop_eur=0.2
    ),
}


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("before", [(False, 1e9), (True, 300.0), (False, 300.0)])
def test_the_plan_is_the_best_of_all_schedules(rule: str, before: tuple[bool, float]) -> None:
    price = np.array([0.5, 0.05, 0.5, 0.5, 0.05, 0.5, 0.05, 0.5])
    own = Commitment(on=before[0], state_s=before[1], min_down_s=900.0, start_eur=0.3, starting=RULES[rule])
    asked = replace(bare(8, price=price), chps=(engine(own),))
    plan = planned(asked)
    assert plan.cost.total == pytest.approx(min(_schedules(asked)), abs=0.01)


@pytest.mark.parametrize("rule", sorted(RULES.keys() - {"run-on and stop cost", "all"}))
@pytest.mark.parametrize("gone_frac", [0.4, 0.9])
@pytest.mark.parametrize("before", [(False, 1e9), (True, 300.0), (False, 300.0)])
def test_the_plan_of_a_step_that_has_begun_is_the_best_of_all_schedules(
    rule: str, gone_frac: float, before: tuple[bool, float]
) -> None:
    price = np.array([0.5, 0.05, 0.5, 0.5, 0.5, 0.05, 0.05, 0.5])
    own = Commitment(on=before[0], state_s=before[1], start_eur=0.3, starting=RULES[rule])
    asked = replace(bare(8, price=price), chps=(engine(own),))
    asked = begun_since(asked, gone_frac * QUARTER_S, 500.0)
    assert planned(asked).cost.total == pytest.approx(min(_schedules(asked)), abs=0.01)


def test_a_start_late_in_a_begun_step_counts_an_hour_from_then_on() -> None:
    price = np.array([0.5] + [0.01] * 3 + [0.5, 0.5])
    own = Commitment(starting=Starting(most_per_h=1))
    whole = replace(bare(6, price=price), chps=(engine(own),))
    assert planned(whole).machines["engine"].on.tolist() == [True, False, False, False, True, True]
    late = planned(begun_since(whole, 600.0, 500.0))
    assert late.machines["engine"].on.tolist() in ([False] * 4 + [True] * 2, [True] + [False] * 4 + [True])


def test_a_machine_held_running_starts_whatever_the_count_says() -> None:
    lock = np.array([ON, ON, -1, -1, -1, -1])
    own = Commitment(lock=lock, starting=Starting(most_per_day=0))
    plan = planned(replace(bare(price=0.5), chps=(engine(own),)))
    assert plan.machines["engine"].on[:2].all()


def test_a_trip_while_warming_up_is_no_contradiction() -> None:
    own = Commitment(on=True, state_s=60.0, lock=np.full(6, OFF), starting=Starting(warm_up_s=3600.0))
    plan = planned(replace(bare(price=0.5), chps=(engine(own),)))
    assert not plan.machines["engine"].on.any()


def test_a_machine_still_warming_up_gives_nothing_before_its_time() -> None:
    own = Commitment(on=True, state_s=300.0, starting=Starting(warm_up_s=1500.0, warm_up_fuel_kw=20.0))
    plan = planned(replace(bare(price=0.5), chps=(engine(own),)))
    assert plan.machines["engine"].level[:3] == pytest.approx([0.0, 100.0 * 2.0 / 3.0, 100.0], abs=0.01)


RAMPED = [
    (Ramp(up_per_min=2.0, last=55.0), True, 0.5, [85.0, 100.0, 100.0, 100.0]),
    (Ramp(up_per_min=2.0), False, 0.5, [50.0, 80.0, 100.0, 100.0]),
    (Ramp(up_per_min=4.0), False, 0.5, [60.0, 100.0, 100.0, 100.0]),
    (Ramp(up_per_min=1.0, at_start=70.0), False, 0.5, [70.0, 85.0, 100.0, 100.0]),
    (Ramp(down_per_min=2.0, last=100.0), True, 0.01, [70.0, 50.0, 0.0, 0.0]),
    (Ramp(down_per_min=2.0, last=100.0, at_stop=80.0), True, 0.01, [70.0, 0.0, 0.0, 0.0]),
]


@pytest.mark.parametrize(("ramp", "on", "price", "wanted"), RAMPED)
def test_the_output_moves_no_faster_than_its_ramp(
    ramp: Ramp,
    on: bool,  # noqa: FBT001  a row of the table
    price: float,
    wanted: list[float],
) -> None:
    own = Commitment(on=on, ramp=ramp)
    plan = planned(replace(bare(4, price=price), chps=(engine(own),)))
    assert plan.machines["engine"].level == pytest.approx(wanted, abs=0.01)


def test_a_trip_outranks_the_ramp() -> None:
    own = Commitment(on=True, lock=np.full(4, OFF), ramp=Ramp(down_per_min=0.1, last=100.0))
    plan = planned(replace(bare(4, price=0.5), chps=(engine(own),)))
    assert not plan.machines["engine"].level.any()


def test_a_ramp_that_begins_outside_the_range_of_the_machine_still_has_a_plan() -> None:
    for last in (0.0, 400.0):
        own = Commitment(
            on=True, min_up_s=3600.0, state_s=0.0, ramp=Ramp(up_per_min=0.5, down_per_min=0.5, last=last)
        )
        planned(replace(bare(4, price=0.5), chps=(engine(own),)))


def test_a_plan_cut_at_any_step_and_made_anew_costs_no_more() -> None:
    price = np.array([0.5, 0.05, 0.5, 0.5, 0.05, 0.05, 0.5, 0.05, 0.5, 0.5, 0.05, 0.5])
    rule = Starting(most_per_h=1, warm_up_s=600.0, warm_up_fuel_kw=50.0, run_on_s=600.0, run_on_kw=8.0)
    own = Commitment(
        min_up_s=1800.0, min_down_s=1800.0, start_eur=0.4, starting=rule, ramp=Ramp(up_per_min=3.0)
    )
    asked = replace(bare(12, price=price), chps=(engine(own),))
    whole = plan_day(asked, gap_frac=1e-7)
    assert isinstance(whole, Optimal)
    plan = whole.plan
    on, level = plan.machines["engine"].on, plan.machines["engine"].level
    for cut in range(1, 12):
        states = [False, *on[:cut].tolist()]
        switched = [step for step in range(cut) if states[step + 1] != states[step]]
        state_s = (cut - switched[-1]) * QUARTER_S if switched else 1e9
        ages = tuple((cut - step) * QUARTER_S for step in switched if on[step])
        now = replace(
            own,
            on=bool(on[cut - 1]),
            state_s=state_s,
            starting=replace(rule, ages_s=ages),
            ramp=Ramp(up_per_min=3.0, last=float(level[cut - 1])),
        )
        rest = replace(bare(12 - cut, price=price[cut:]), chps=(engine(now),))
        again = plan_day(rest, gap_frac=1e-7)
        assert isinstance(again, Optimal | Feasible)
        assert check(rest, again.plan) == []
        bought, fuel = plan.import_kw[:cut], plan.fuel_kw[:cut]
        spent = 0.25 * float(bought @ price[:cut] + fuel.sum() * 0.05) + 0.4 * len(ages)
        assert spent + again.plan.cost.total == pytest.approx(plan.cost.total, abs=0.02), cut


def test_the_check_counts_starts_and_phases_by_itself() -> None:
    asked = replace(bare(8, price=0.5), chps=(engine(Commitment(on=True)),))
    plan = planned(asked)
    machine = plan.machines["engine"]
    on = np.array([True, False, True, True, False, True, True, True])
    level = np.where(on, 100.0, 0.0)
    swung = replace(plan, machines={"engine": replace(machine, on=on, level=level, power_kw=-level)})
    for rule, words in (
        (Commitment(on=True, starting=Starting(most_per_h=1)), "at most 1 starts in any hour"),
        (Commitment(on=True, starting=Starting(warm_up_s=600.0)), "full load of the time it gives"),
        (Commitment(on=True, starting=Starting(run_on_s=600.0, run_on_kw=30.0)), "less its own"),
        (Commitment(on=True, ramp=Ramp(up_per_min=1.0, last=100.0)), "rises no faster"),
        (Commitment(on=True, ramp=Ramp(down_per_min=1.0, last=100.0)), "falls no faster"),
    ):
        found = check(replace(asked, chps=(engine(rule),)), swung)
        assert any(words in fault.limit for fault in found), words


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (Commitment(starting=Starting(warm_up_s=-1.0)), "negative time, power, cost"),
        (Commitment(starting=Starting(ages_s=(float("nan"),))), "negative time, power, cost"),
        (Commitment(starting=Starting(run_on_s=5000.0, run_on_kw=3.0)), "runs on for 5000 s"),
        (Commitment(ramp=Ramp(up_per_min=0.0)), "ramp of engine must be above zero"),
        (Commitment(ramp=Ramp(last=float("nan"))), "ramp of engine must be above zero"),
    ],
)
def test_what_cannot_be_is_refused_in_plant_words(own: Commitment, words: str) -> None:
    with pytest.raises(SolveError, match=words):
        plan_day(replace(bare(), chps=(engine(own),)))


def test_a_compressor_has_no_ramp_and_no_warm_up() -> None:
    for own in (Commitment(ramp=Ramp(up_per_min=1.0)), Commitment(starting=Starting(warm_up_s=60.0))):
        with pytest.raises(SolveError, match="a1 is a compressor"):
            plan_day(replace(bare(), compressors=(fixed_speed("a1", commitment=own),)))


def test_a_compressor_that_runs_on_is_counted_with_its_power() -> None:
    own = Commitment(starting=Starting(run_on_s=450.0, run_on_kw=20.0))
    need = np.array([8.0, 8.0, 0.0, 0.0, 8.0, 8.0])
    asked = with_need(bare(), air_m3_min=need)
    plan = planned(replace(asked, compressors=(fixed_speed("a1", commitment=own),)))
    assert plan.machines["a1"].power_kw[2:4] == pytest.approx([10.0, 0.0], abs=0.01)


def test_a_chiller_that_warms_up_runs_ahead_of_its_need() -> None:
    own = Commitment(starting=Starting(warm_up_s=900.0, warm_up_kw=4.0))
    need = np.array([0.0, 0.0, 300.0, 300.0, 300.0, 0.0])
    plan = planned(replace(with_need(bare(), cooling_kw=need), chillers=(chiller("c1", 6, commitment=own),)))
    machine = plan.machines["c1"]
    assert machine.on.tolist() == [False, True, True, True, True, False]
    assert machine.power_kw[1] == pytest.approx(4.0)
    assert flat(6, 0.0)[0] == machine.level[1]
