"""What else a unit could do in a step: off for on, at rest for moving, and the reverse; as bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from optimizer.decided import Decided
from optimizer.doing import store_flow
from optimizer.doing_flows import IDLE_KW
from optimizer.flexible import Batch, EvGroup, ShedLoad, ShiftLoad
from optimizer.words import UNITS, said
from optimizer.worth_words import may_take_in
from protocols.config import Text


class Move(NamedTuple):
    """Another decision.

    Attributes:
        what: In words.
        bounds: Column to the bounds that make it so.
    """

    what: Text
    bounds: dict[int, tuple[float, float]]


_OFF: Final = Text(en="off in this step", zh="若本时段停机")
_ON: Final = Text(en="on in this step", zh="若本时段运行")
_UNUSED: Final = Text(en="off in this step", zh="若本时段停用")
_REST: Final = Text(en="at rest in this step", zh="若本时段静置")
_WHOLE_SUN: Final = Text(en="not curtailed in this step", zh="若本时段不限发")
_CHARGING: Final = ("charging with {flow} {unit} in this step", "若本时段以 {flow} {unit} 储入")
_GIVING: Final = ("giving {flow} {unit} in this step", "若本时段释放 {flow} {unit}")
_PART: Final = ("with a tenth of its output in this step", "若本时段以十分之一出力运行")
_TAKING: Final = ("taking {flow} kW in this step", "若本时段用电 {flow} kW")
_BEGUN: Final = Text(en="begun in this step", zh="若本时段启动")
_WAITING: Final = Text(en="taking nothing in this step", zh="若本时段不用电")
_CAR: Final = ("{car} charging with {flow} kW in this step", "若本时段以 {flow} kW 为{car}充电")
_LEFT_OFF: Final = ("{flow} kW left off in this step", "若本时段停用 {flow} kW")
_KEPT: Final = Text(en="not left off in this step", zh="若本时段不停用")
_TENTH: Final = 0.1
_HALF: Final = 0.5


def other_move(decided: Decided, unit: str, step: int) -> Move | None:
    """The decision a person would ask about first; None where nothing else was to be decided."""
    kind = decided.plan.machines[unit].kind
    if kind in _BY_KIND:
        return _BY_KIND[kind](decided, unit, step)
    if decided.on_of(unit) is not None:
        return _switched(decided, unit, step)
    return _turned(decided, unit, step)


def _switched(decided: Decided, unit: str, step: int) -> Move | None:
    on = decided.on_of(unit)
    if on is None:
        return None
    column, runs = int(on[step]), bool(decided.plan.machines[unit].on[step])
    counted = round(float(decided.x[column])) if decided.shared(unit) else int(runs)
    return Move(
        _OFF if runs else _ON, {column: (-np.inf, counted - 1.0) if runs else (counted + 1.0, np.inf)}
    )


def _sun(decided: Decided, unit: str, step: int) -> Move | None:
    """All of the sun instead of a part."""
    power = decided.column(unit, "power")
    sky_kw = float(decided.problem.forecasts.pv_kw[step])
    if power is None or sky_kw - float(decided.plan.machines[unit].level[step]) <= IDLE_KW:
        return None
    return Move(_WHOLE_SUN, {int(power[step]): (sky_kw, sky_kw)})


def _stored(decided: Decided, unit: str, step: int) -> Move | None:
    columns = [decided.column(unit, what) for what in ("charge", "discharge", "flow")]
    there = [int(one[step]) for one in columns if one is not None]
    machine = decided.plan.machines[unit]
    battery = machine.kind == "battery"
    moving = float(machine.power_kw[step]) if battery else store_flow(decided, unit, step)
    if abs(moving) > IDLE_KW:
        return Move(_REST, dict.fromkeys(there, (0.0, 0.0)))
    return _half_charged(decided, unit, step) if battery else _half_given(decided, unit, step)


def _half_charged(decided: Decided, unit: str, step: int) -> Move | None:
    """A resting battery charges with half of what it can, or discharges where that is the nearer choice."""
    battery = next(one for one in decided.problem.batteries if one.name == unit)
    held_kwh, hours = float(decided.plan.machines[unit].level[step]), float(decided.problem.hours[step])
    room_kw = (battery.soc_max_kwh - held_kwh) / battery.charge_eff_frac / hours
    stock_kw = (held_kwh - battery.soc_min_kwh) * battery.discharge_eff_frac / hours
    into = ("charge", _CHARGING, _HALF * min(battery.charge_max_kw, room_kw))
    out = ("discharge", _GIVING, _HALF * min(battery.discharge_max_kw, stock_kw))
    worth, price = decided.stored_worth(unit, step), decided.price("electric", step)
    if worth is not None and price is not None:
        dear = price / battery.charge_eff_frac - worth > worth - price * battery.discharge_eff_frac
        into, out = (out, into) if dear else (into, out)
    for name, words, kw in (into, out):
        column = decided.column(unit, name)
        if kw > IDLE_KW and column is not None:
            return Move(said(*words, flow=f"{kw:.1f}", unit="kW"), {int(column[step]): (kw, np.inf)})
    return None


def _half_given(decided: Decided, unit: str, step: int) -> Move | None:
    """A resting store gives half of what it can, or takes up where it holds nothing."""
    store = next(one for one in decided.problem.stores if one.name == unit)
    column = decided.column(unit, "flow")
    held = store.held_per_step(3600.0 * float(decided.problem.hours[step]))
    content = float(decided.plan.machines[unit].level[step])
    name = UNITS.get(store.carrier, "kW")
    give = _HALF * min(store.discharge_max, (content - store.least) / held)
    take = _HALF * min(store.charge_max, (store.most - content) / held)
    if column is None or max(give, take) <= IDLE_KW:
        return None
    if give > IDLE_KW:
        return Move(said(*_GIVING, flow=f"{give:.1f}", unit=name), {int(column[step]): (give, np.inf)})
    return Move(said(*_CHARGING, flow=f"{take:.1f}", unit=name), {int(column[step]): (-np.inf, -take)})


def _turned(decided: Decided, unit: str, step: int) -> Move | None:
    """A boiler or converter that goes down to zero without switching."""
    column = next(
        (one for what in ("heat", "level") if (one := decided.column(unit, what)) is not None), None
    )
    if column is None:
        return None
    place = int(column[step])
    if float(decided.plan.machines[unit].level[step]) > IDLE_KW:
        return Move(_UNUSED, {place: (0.0, 0.0)})
    least = _TENTH * float(decided.matrix.upper[place])
    return Move(said(*_PART), {place: (least, np.inf)}) if least > 0 else None


def _load(decided: Decided, unit: str, step: int) -> Move | None:
    load = next((one for one in decided.problem.flexible.all if one.name == unit), None)
    if load is None:
        return None
    if isinstance(load, ShedLoad):
        return _shed(decided, load, step)
    return _taking(decided, load, step) if step in may_take_in(load, decided.problem.steps) else None


def _taking(decided: Decided, load: ShiftLoad | Batch | EvGroup, step: int) -> Move | None:
    takes = float(decided.plan.machines[load.name].power_kw[step]) > IDLE_KW
    if isinstance(load, EvGroup):
        return _cars(decided, load, step, takes=takes)
    power = decided.column(load.name, "power")
    if takes and power is not None:
        return Move(_WAITING, {int(power[step]): (0.0, 0.0)})
    return _begun(decided, load, step)


def _begun(decided: Decided, load: ShiftLoad | Batch, step: int) -> Move | None:
    if isinstance(load, Batch):
        begins = decided.column(load.name, "begin")
        if begins is None or decided.matrix.upper[begins[step]] < _HALF:
            return None
        return Move(_BEGUN, {int(begins[step]): (1.0, 1.0)})
    power, hours = decided.column(load.name, "power"), float(decided.problem.hours[step])
    kw = max(load.least_kw, min(load.most_kw, load.energy_kwh / hours))
    if power is None or kw <= IDLE_KW:
        return None
    return Move(said(*_TAKING, flow=f"{kw:.1f}"), {int(power[step]): (kw, np.inf)})


def _cars(decided: Decided, group: EvGroup, step: int, *, takes: bool) -> Move | None:
    columns = {car.name: decided.column(f"{group.name}.{car.name}", "power") for car in group.cars}
    known = {name: int(column[step]) for name, column in columns.items() if column is not None}
    if takes:
        return Move(_WAITING, dict.fromkeys(known.values(), (0.0, 0.0)))
    for car in group.cars:
        kw = min(car.most_kw, group.most_kw, car.energy_kwh / float(decided.problem.hours[step]))
        if car.arrives <= step < car.leaves and kw > IDLE_KW and car.name in known:
            return Move(said(*_CAR, car=car.name, flow=f"{kw:.1f}"), {known[car.name]: (kw, np.inf)})
    return None


def _shed(decided: Decided, shed: ShedLoad, step: int) -> Move | None:
    column = decided.column(shed.name, "left_off")
    if column is None:
        return None
    place = int(column[step])
    if float(decided.plan.machines[shed.name].power_kw[step]) < -IDLE_KW:
        return Move(_KEPT, {place: (0.0, 0.0)})
    most_kw = min(float(decided.matrix.upper[place]), shed.most_kwh / float(decided.problem.hours[step]))
    if most_kw <= IDLE_KW:
        return None
    return Move(said(*_LEFT_OFF, flow=f"{most_kw:.1f}"), {place: (most_kw, np.inf)})


_BY_KIND: Final[Mapping[str, Callable[[Decided, str, int], Move | None]]] = {
    "pv": _sun,
    "load": _load,
    "battery": _stored,
    "store": _stored,
}
"""Kinds without a switch of their own."""
