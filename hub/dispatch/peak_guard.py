"""Holds the demand window that runs now under its ceiling with the battery, between two plans. Pure.

    allowed  = (ceiling · window - energy bought in it so far) / what is left of it
    battery  = min(planned, allowed - import without the battery)

A plan is made on forecast means of quarter hours and asks for one power a quarter; the load comes in minutes.
Where it comes higher, the battery charges less, then gives, as far as its power, its charge and its write
limits allow and something is bought; it never takes more or gives less than planned. Of a window that slides
each minute is held at the ceiling. Only a battery that follows the plan by itself (`auto`) is moved; what a
person approved is told as approved. A ceiling that cannot be held is exceeded, and the next plan knows it; a
plan that is old holds nothing any more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Seen, Snapshot, fresh
from hub.dispatch.solving import Accepted
from hub.dispatch.wanted import SetPoint
from hub.forecast.quarters import QUARTER_NS, floor_quarter_ns, main_meter
from optimizer.demand_ceiling import DemandCeiling
from optimizer.words import said
from plant.units.power import Battery
from protocols.config import Text

EVERY_S: Final = 10.0
"""Least time between two powers it is told. [s]"""
_READ_AFTER_S: Final = 5.0
"""Both meters are read this long after it was told another power, before the next is worked out. [s]"""
_LEAST_LEFT_S: Final = 60.0
"""What is left of a window counts as this much at least: no jump for its last seconds. [s]"""
_KNOWN_FROM_S: Final = 60.0
"""Before this the import of the quarter hour is taken as it is now. [s]"""
_MOST_OVER_FRAC: Final = 0.15
"""However little was bought in a window so far, import comes this far above its ceiling at most."""
_GRAIN_FRAC: Final = 0.02
"""Powers nearer to the one told last, as a share of its largest, are not told."""
_EMPTY_FRAC: Final = 0.01
"""This near to its least charge it is asked to give no more than planned."""
_MOST_PAUSE_S: Final = 225.0
"""Where it may be told less often than four times a quarter hour, it is left to the plan. [s]"""
_BLIND_S: Final = 60.0
"""Without its meters for longer than this nothing is held. [s]"""
_OLD_S: Final = 1800.0
"""A plan that began before this does not know what was paid since. [s]"""
_DAY_S: Final = 86_400.0
_TENTHS: Final = 10.0
_HAIR: Final = 1e-6
_NS: Final = 1_000_000_000
_ROLE: Final = "power_set_kw"
_UNMEASURED: Final = (
    "the demand window is not held between two plans: {name} has no power_kw in the flowsheet",
    "两次计划之间无法守住需量周期：{name} 在流程图中没有 power_kw",
)
_TOO_SELDOM: Final = (
    "the demand window is not held between two plans: {name} may change its power too seldom or too little",
    "两次计划之间无法守住需量周期：写入限值使 {name} 的功率变化过少或过小",
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """How the battery is held.

    Attributes:
        most_kw: It is told this at most; infinite: as planned. [kW]
        since_ns: Since when.
        ceiling_kw: What is held with it. [kW]
        seen_ns: When both meters were seen last.
    """

    most_kw: float = math.inf
    since_ns: int = 0
    ceiling_kw: float = math.inf
    seen_ns: int = 0


def guarded(
    site: DispatchSite, plan: Accepted | None, look: tuple[Seen, Snapshot], before: Guarded
) -> Guarded:
    """How the battery is to be held now; not at all where nothing is paid by demand, or nobody measures it.

    Args:
        site: With its plant.
        plan: The plan in force.
        look: The plant now.
        before: How it was held until now.
    """
    seen, snapshot = look
    battery, ceiling_kw = site.plant.battery, _ceiling_kw(plan, snapshot.now_ns)
    ceiling = None if plan is None else plan.ceiling
    if battery is None or ceiling is None or math.isinf(ceiling_kw) or not_guarded(site) is not None:
        return _released(before, snapshot.now_ns)
    rest = _rest_kw(site, battery, snapshot)
    if rest is None:
        return blind(before, snapshot.now_ns)
    before = replace(before, seen_ns=snapshot.now_ns)
    allowed_kw = max(_allowed_kw(ceiling, ceiling_kw, snapshot, rest.import_kw), _grain_kw(battery))
    most_kw = _most_kw(battery, allowed_kw - rest.rest_kw, seen.soc_frac)
    same = most_kw == before.most_kw or abs(most_kw - before.most_kw) < _grain_kw(battery)
    # only what lowers it waits for the budget of writes: nothing is held for longer than it is needed
    pause_s = _pause_s(site, battery) if most_kw < before.most_kw else EVERY_S
    held_s, read_s = ((at_ns - before.since_ns) / _NS for at_ns in (snapshot.now_ns, rest.read_ns))
    if same or held_s < pause_s or read_s < _READ_AFTER_S:
        return before
    return Guarded(most_kw, snapshot.now_ns, ceiling_kw, snapshot.now_ns)


def blind(before: Guarded, now_ns: int) -> Guarded:
    """The same for a minute without the meters, then nothing is held any more."""
    return before if now_ns - before.seen_ns < _BLIND_S * _NS else _released(before, now_ns)


def _released(before: Guarded, now_ns: int) -> Guarded:
    return before if math.isinf(before.most_kw) else Guarded(since_ns=now_ns)


def _grain_kw(battery: Battery) -> float:
    return _GRAIN_FRAC * battery.power_max_kw


def not_guarded(site: DispatchSite) -> Text | None:
    """Why a battery in `auto` cannot hold a window; a plan tells it where power is paid for."""
    battery = site.plant.battery
    if battery is None or site.modes.of(_name(site, battery)) != "auto":
        return None
    name = site.speech.name(_name(site, battery))
    if not _point(site, battery, "power_kw"):
        return said(*_UNMEASURED, name=name)
    limits = site.limits.get(_point(site, battery, _ROLE))
    duty = None if limits is None else limits.duty
    if duty is None:
        return None
    bound = duty.step is not None or duty.starts_per_h is not None or duty.dwell_s > EVERY_S
    return said(*_TOO_SELDOM, name=name) if bound or _pause_s(site, battery) > _MOST_PAUSE_S else None


def with_guard(site: DispatchSite, wanted: tuple[SetPoint, ...], held: Guarded) -> tuple[SetPoint, ...]:
    """The same with the battery at most at what is held; only one that follows by itself."""
    return tuple(_held(site, one, held) if _follows(site, one) else one for one in wanted)


def _pause_s(site: DispatchSite, battery: Battery) -> float:
    """Least time between two powers; half of a budget of writes is the plan's, a hold takes two. [s]."""
    limits = site.limits.get(_point(site, battery, _ROLE))
    writes = None if limits is None or limits.duty is None else limits.duty.writes_per_day
    return EVERY_S if writes is None else max(EVERY_S, _DAY_S / (writes / 4))


def _point(site: DispatchSite, battery: Battery, role: str) -> str:
    return site.plant.flowsheet.binding(_name(site, battery), role) or ""


def _name(site: DispatchSite, battery: Battery) -> str:
    return next(name for name, unit in site.plant.flowsheet.units.items() if unit is battery)


def _follows(site: DispatchSite, one: SetPoint) -> bool:
    unit = site.plant.flowsheet.units.get(one.machine)
    bound = isinstance(unit, Battery) and one.point == site.plant.flowsheet.binding(one.machine, _ROLE)
    return bound and one.of_plan and site.modes.of(one.machine) == "auto"


def _held(site: DispatchSite, one: SetPoint, held: Guarded) -> SetPoint:
    """Lowered into its write limits; a plan that gives more already stays."""
    most_kw = max(held.most_kw, site.limits[one.point].low)
    if one.value <= most_kw:
        return one
    why = (
        f"holds the import of the demand window at {held.ceiling_kw:.0f} kW, planned were {one.value:.0f} kW"
    )
    return replace(one, value=most_kw, reason=why)


def _ceiling_kw(plan: Accepted | None, now_ns: int) -> float:
    """Of the window that runs now; infinite where there is none, or the plan is old. [kW]."""
    ceiling = None if plan is None else plan.ceiling
    if plan is None or ceiling is None or ceiling.odd() is not None:
        return math.inf
    if not 0 <= now_ns - plan.plan.start_ns < _OLD_S * _NS:
        return math.inf
    ends_ns = now_ns if ceiling.sliding else _begin_ns(ceiling, now_ns) + round(ceiling.window_s) * _NS - 1
    at = plan.plan.step_at(ends_ns)
    return float(ceiling.mean_kw[-1 if at is None else at])


def _begin_ns(ceiling: DemandCeiling, now_ns: int) -> int:
    return now_ns - now_ns % (round(ceiling.window_s) * _NS)


def _most_kw(battery: Battery, room_kw: float, soc_frac: float) -> float:
    """What the battery may take, negative: has to give, within what it can; infinite: as it likes. [kW]."""
    if room_kw >= battery.power_max_kw:
        return math.inf
    empty = soc_frac <= battery.soc_min_frac + _EMPTY_FRAC
    return max(math.floor(room_kw * _TENTHS + _HAIR) / _TENTHS, 0.0 if empty else -battery.power_max_kw)


class _Rest(NamedTuple):
    """What is bought, what of it is not the battery's, and when the older of both meters was read."""

    import_kw: float
    rest_kw: float
    read_ns: int


def _rest_kw(site: DispatchSite, battery: Battery, snapshot: Snapshot) -> _Rest | None:
    """The meters' newest; None where one of them tells nothing."""
    points = main_meter(site.plant.flowsheet), _point(site, battery, "power_kw")
    bought, own = (fresh(site, snapshot, point) for point in points)
    if bought is None or own is None:
        return None
    # one sent by exception without a newer sample has not moved by more than its dead band
    read = min(bought.time_ns, own.time_ns)
    return _Rest(bought.value, bought.value - (own.value - battery.standby_kw), read)


def _allowed_kw(ceiling: DemandCeiling, ceiling_kw: float, snapshot: Snapshot, import_kw: float) -> float:
    """Import that may go on for the rest of the window. [kW]."""
    begin_ns = _begin_ns(ceiling, snapshot.now_ns)
    bought_kws = None if ceiling.sliding else _bought_kws(snapshot, begin_ns, import_kw)
    if bought_kws is None:
        return ceiling_kw
    left_s = max(ceiling.window_s - (snapshot.now_ns - begin_ns) / _NS, _LEAST_LEFT_S)
    allowed_kw = (ceiling_kw * ceiling.window_s - bought_kws) / left_s
    return min(allowed_kw, ceiling_kw * (1.0 + _MOST_OVER_FRAC))


def _bought_kws(snapshot: Snapshot, begin_ns: int, import_kw: float) -> float | None:
    """Energy of the window so far; None where it is not known. [kW·s]."""
    quarter_ns = floor_quarter_ns(snapshot.now_ns)
    gone_s, whole = (snapshot.now_ns - quarter_ns) / _NS, (quarter_ns - begin_ns) // QUARTER_NS
    mean_kw = max(import_kw, 0.0) if gone_s < _KNOWN_FROM_S else snapshot.quarter_kw
    ended = () if snapshot.metered is None else snapshot.metered.before_kw
    if mean_kw is None or len(ended) < whole:
        return None
    quarter_s = QUARTER_NS / _NS
    return mean_kw * gone_s + sum(ended[len(ended) - whole :]) * quarter_s
