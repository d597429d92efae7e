"""What a unit's doing is worth at the margin of its step, in words: what it gives against what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from optimizer.decided import Decided
from optimizer.flexible import Batch, EvGroup, ShedLoad, ShiftLoad
from optimizer.flows import flows_of, full_flows
from optimizer.words import PRICED_BY, carrier_text, said
from protocols.config import Text

_RUNS: Final = (
    "at the margin what it gives is worth {gain} and what it takes costs {cost} {per}",
    "按边际价格，其产出价值 {gain}、投入成本 {cost} {per}",
)
_RESTS: Final = (
    "at full output what it gives would at the margin be worth {gain} and what it takes cost {cost} {per}",
    "若满出力，按边际价格其产出价值 {gain}、投入成本 {cost} {per}",
)
_WORTH: Final = ("what it holds is worth {worth} {per}", "所储能量价值 {worth} {per}")
_WITH_LOSSES: Final = (
    "with losses storing costs {cost} and using saves {gain} {per} now, what it holds is worth {worth} {per}",
    "计入损耗，此刻储入成本 {cost}、放出收益 {gain} {per}，所储能量价值 {worth} {per}",
)
_WITHOUT: Final = (
    "{what} costs {price} {per} at the margin, what it holds is worth {worth} {per}",
    "此刻{what}边际价格 {price} {per}，所储能量价值 {worth} {per}",
)
_SHED: Final = (
    "power costs {price} at the margin, leaving it off {worth} {per}",
    "此刻电力边际价格 {price}，停用代价 {worth} {per}",
)
_WAITS: Final = (
    "power costs {price} at the margin now, {least} to {most} {per} in the steps it may take it in",
    "此刻电力边际价格 {price}，其可用电时段内为 {least} 至 {most} {per}",
)
_CENT: Final = 0.005
_MINUTES_PER_H: Final = 60.0


def worth_of(decided: Decided, at: tuple[str, int], prices: Mapping[str, float | None]) -> Iterator[Text]:
    """The clause of a unit about money; none where prices say nothing about it.

    Args:
        decided: The plan in its problem.
        at: Unit and step.
        prices: Marginal price of each carrier in the step, that of gas with it. [money/kWh, money/m³]
    """
    unit, step = at
    kind = decided.plan.machines[unit].kind
    if kind in {"battery", "store"}:
        yield from _stored(decided, at, prices)
    elif kind == "load":
        yield from _load(decided, at, prices.get("electric"))
    elif kind in {"boiler", "chp", "converter"}:
        now = flows_of(decided.problem, decided.plan, unit, step)
        runs = bool(decided.plan.machines[unit].on[step])
        flows = now if runs else full_flows(decided.problem, unit, step)
        yield from _turned(flows, prices, (_RUNS if runs else _RESTS, decided.plan.currency))


def _turned(
    flows: Mapping[str, float], prices: Mapping[str, float | None], of: tuple[tuple[str, str], str]
) -> Iterator[Text]:
    """Worth of what is given and cost of what is taken; to take a surplus away is worth something."""
    if not flows:
        return
    money: list[float] = []
    for carrier, flow in flows.items():
        price = prices.get(carrier)
        if price is None:
            return  # a price of what is short says nothing about this unit
        money.append(-flow * price * (_MINUTES_PER_H if carrier == "air" else 1.0))
    gain = sum(one for one in money if one > 0)
    cost = -sum(one for one in money if one < 0)
    if max(gain, cost) > _CENT:
        sentence, currency = of
        yield said(*sentence, gain=f"{gain:.2f}", cost=f"{cost:.2f}", per=f"{currency}/h")


def _stored(decided: Decided, at: tuple[str, int], prices: Mapping[str, float | None]) -> Iterator[Text]:
    """What is in a store is worth more or less than what it takes now, a battery's losses counted."""
    (unit, step), problem = at, decided.problem
    worth = decided.stored_worth(unit, step)
    if worth is None:
        return
    carrier = next((one.carrier for one in problem.stores if one.name == unit), "electric")
    price, per = prices.get(carrier), f"{decided.plan.currency}/{PRICED_BY.get(carrier, 'kWh')}"
    parts = {"worth": f"{worth:.3f}", "per": per}
    battery = next((one for one in problem.batteries if one.name == unit), None)
    into, out = (1.0, 1.0) if battery is None else (battery.charge_eff_frac, battery.discharge_eff_frac)
    if price is None:
        yield said(*_WORTH, **parts)
    elif into < 1.0 or out < 1.0:
        yield said(*_WITH_LOSSES, cost=f"{price / into:.3f}", gain=f"{price * out:.3f}", **parts)
    else:
        what = carrier_text(carrier, problem.speech)
        yield said(*_WITHOUT, what=what, price=f"{price:.3f}", **parts)


def _load(decided: Decided, at: tuple[str, int], price: float | None) -> Iterator[Text]:
    (unit, step), problem = at, decided.problem
    load = next((one for one in problem.flexible.all if one.name == unit), None)
    if load is None or price is None:
        return
    per = f"{decided.plan.currency}/kWh"
    if isinstance(load, ShedLoad):
        yield said(*_SHED, price=f"{price:.3f}", worth=f"{load.eur_kwh:.3f}", per=per)
        return
    steps = may_take_in(load, problem.steps)
    if step not in steps:
        return
    known = [one for k in steps if (one := decided.price("electric", k)) is not None]
    if known:
        ends = {"least": f"{min(known):.3f}", "most": f"{max(known):.3f}"}
        yield said(*_WAITS, price=f"{price:.3f}", per=per, **ends)


def may_take_in(load: ShiftLoad | Batch | EvGroup, steps: int) -> list[int]:
    """Steps in which a load may take power: inside its window, or while a car stands there."""
    spans = (
        [(car.arrives, car.leaves) for car in load.cars]
        if isinstance(load, EvGroup)
        else [(load.first, load.until)]
    )
    return [k for k in range(steps) if any(first <= k < until for first, until in spans)]
