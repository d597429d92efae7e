"""What a unit does in a step of a plan, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from optimizer.decided import Decided
from optimizer.doing_flows import IDLE_KW, STANDS, loading, turning
from optimizer.plan import MachinePlan
from optimizer.words import said
from protocols.config import Text

_ROLES: Final = {
    "base": (
        "runs fully loaded with {flow} m³/min and {kw} kW",
        "满载运行，供气 {flow} m³/min，功率 {kw} kW",
    ),
    "trim": ("follows the need with {flow} m³/min and {kw} kW", "调节运行，供气 {flow} m³/min，功率 {kw} kW"),
    "on": ("runs with {flow} m³/min and {kw} kW", "运行，供气 {flow} m³/min，功率 {kw} kW"),
}


_COOLS: Final = ("gives {level} kW of cooling with {kw} kW", "制冷 {level} kW，用电 {kw} kW")
_NO_SUN: Final = Text(en="has no sun to give power from", zh="无日照，不发电")


def doing(decided: Decided, unit: str, step: int) -> Text:
    """What a unit does, without its name and the time."""
    machine = decided.plan.machines[unit]
    if machine.kind in _BY_KIND:
        return _BY_KIND[machine.kind](decided, unit, step)
    return _plain(machine, step)


def _plain(machine: MachinePlan, step: int) -> Text:
    if machine.kind == "battery":
        return _battery(float(machine.power_kw[step]))
    if machine.kind == "compressor":
        return _compressor(machine, step)
    if not machine.on[step]:
        return STANDS
    return said(*_COOLS, level=f"{machine.level[step]:.1f}", kw=f"{machine.power_kw[step]:.1f}")


def _compressor(machine: MachinePlan, step: int) -> Text:
    if not machine.on[step]:
        return Text(en="stands by", zh="备用")
    sentence = _ROLES[machine.role[step]]
    return said(*sentence, flow=f"{machine.level[step]:.1f}", kw=f"{machine.power_kw[step]:.1f}")


def _battery(power_kw: float) -> Text:
    if power_kw > IDLE_KW:
        return said("charges with {kw} kW", "以 {kw} kW 充电", kw=f"{power_kw:.1f}")
    if power_kw < -IDLE_KW:
        return said("discharges with {kw} kW", "以 {kw} kW 放电", kw=f"{-power_kw:.1f}")
    return Text(en="rests", zh="静置")


def _store(decided: Decided, unit: str, step: int) -> Text:
    flow = store_flow(decided, unit, step)
    carrier = next(one.carrier for one in decided.problem.stores if one.name == unit)
    parts = {"flow": f"{abs(flow):.1f}", "unit": "m³/min" if carrier == "air" else "kW"}
    if flow > IDLE_KW:
        return said("gives {flow} {unit}", "释放 {flow} {unit}", **parts)
    if flow < -IDLE_KW:
        return said("takes up {flow} {unit}", "储入 {flow} {unit}", **parts)
    return Text(en="rests", zh="静置")


def store_flow(decided: Decided, unit: str, step: int) -> float:
    """What a store gives in a step, negative while it takes; from its contents. [m³/min or kW]."""
    store = next(one for one in decided.problem.stores if one.name == unit)
    level, hours = decided.plan.machines[unit].level, float(decided.problem.hours[step])
    before = float(level[step - 1]) if step else min(max(store.content, store.least), store.most)
    kept = 1.0 - store.loss_per_h_frac * hours
    return (before * kept - float(level[step])) / store.held_per_step(3600.0 * hours)


def _pv(decided: Decided, unit: str, step: int) -> Text:
    level_kw = float(decided.plan.machines[unit].level[step])
    sky_kw = float(decided.problem.forecasts.pv_kw[step])
    if sky_kw - level_kw > IDLE_KW:
        parts = {"kw": f"{level_kw:.1f}", "sky": f"{sky_kw:.1f}"}
        return said("is curtailed to {kw} of {sky} kW", "限发至 {kw} kW（可发 {sky} kW）", **parts)
    if sky_kw <= IDLE_KW:
        return _NO_SUN
    return said("gives all the sky allows, {kw} kW", "全额发电 {kw} kW", kw=f"{level_kw:.1f}")


_BY_KIND: Final[Mapping[str, Callable[[Decided, str, int], Text]]] = {
    "store": _store,
    "pv": _pv,
    "load": loading,
    "boiler": turning,
    "chp": turning,
    "converter": turning,
}
"""Kinds of which the plan alone does not say all."""
