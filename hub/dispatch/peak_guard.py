"""Holds the demand window that runs now under its ceiling with the battery, between two plans. Pure.

    allowed  = (ceiling · window - energy bought in it so far) / what is left of it
    battery  = min(planned, allowed - import without the battery)

A plan is made on forecast means of quarter hours and asks for one power a quarter; the load comes in minutes.
Where it comes higher, the battery charges less, then gives, as far as its power, its charge and its write
limits allow; it never takes more or gives less than planned. Only a battery that follows the plan by itself
(`auto`) is moved; what a person approved is told as approved. A ceiling that cannot be held is exceeded, and
the next plan knows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from accounts.power_parts import BasicPart, DemandPart
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
_LOOKS: Final = 4
"""Where it may be told less often than so many times a window, it is left to the plan."""
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
    "the demand window is not held between two plans: {name} may be told a power every {minutes} min alone",
    "两次计划之间无法守住需量周期：{name} 的功率设定每 {minutes} 分钟才可更改一次",
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """How the battery is held.

    Attributes:
        most_kw: It is told this at most; infinite: as planned. [kW]
        since_ns: Since when.
        ceiling_kw: What is held with it. [kW]
    """

    most_kw: float = math.inf
    since_ns: int = 0
    ceiling_kw: float = math.inf


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
    rest = None if battery is None else _rest_kw(site, battery, snapshot)
    if battery is None or plan is None or plan.ceiling is None or rest is None or math.isinf(ceiling_kw):
        return Guarded()
    pause_s = _pause_s(site, battery)
    if pause_s > plan.ceiling.window_s / _LOOKS:
        return Guarded()
    read_s = (rest.read_ns - before.since_ns) / _NS
    if read_s < _READ_AFTER_S or snapshot.now_ns - before.since_ns < pause_s * _NS:
        return before
    allowed_kw = _allowed_kw(plan.ceiling, ceiling_kw, snapshot, rest.import_kw)
    most_kw = _most_kw(battery, allowed_kw - rest.rest_kw, seen.soc_frac)
    same = most_kw == before.most_kw
    near = same or abs(most_kw - before.most_kw) < _GRAIN_FRAC * battery.power_max_kw
    return before if near else Guarded(most_kw, snapshot.now_ns, ceiling_kw)


def not_guarded(site: DispatchSite) -> Iterator[Text]:
    """Why a battery in `auto` cannot hold a window that is paid for; a plan tells it, nothing else would."""
    battery = site.plant.battery
    if battery is None or not _pays(site):
        return
    name = _name(site, battery)
    if site.modes.of(name) != "auto":
        return
    called = site.speech.name(name)
    window_s = site.supply[0].metering_s if site.contract is None else site.contract.metering.window_s
    pause_s = _pause_s(site, battery)
    if not _point(site, battery, "power_kw"):
        yield said(*_UNMEASURED, name=called)
    elif pause_s > window_s / _LOOKS:
        yield said(*_TOO_SELDOM, name=called, minutes=f"{pause_s / 60.0:.0f}")


def _pays(site: DispatchSite) -> bool:
    """Whether power is paid for by the highest demand."""
    if site.contract is None:
        return site.supply[0].demand_per_kw > 0.0
    parts = (part for sheet in site.contract.sheets for part in sheet.parts)
    return any(isinstance(part, DemandPart | BasicPart) for part in parts)


def with_guard(site: DispatchSite, wanted: tuple[SetPoint, ...], held: Guarded) -> tuple[SetPoint, ...]:
    """The same with the battery at most at what is held; only one that follows by itself."""
    return tuple(_held(site, one, held) if _follows(site, one) else one for one in wanted)


def _pause_s(site: DispatchSite, battery: Battery) -> float:
    """Least time between two powers; half of a budget of writes is the plan's. [s]."""
    limits = site.limits.get(_point(site, battery, _ROLE))
    duty = None if limits is None else limits.duty
    if duty is None:
        return EVERY_S
    sparing_s = 0.0 if duty.writes_per_day is None else _DAY_S / (duty.writes_per_day / 2)
    return max(EVERY_S, duty.dwell_s, sparing_s)


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
    """Of the window that runs now; infinite where there is none. [kW]."""
    at = None if plan is None else plan.plan.step_at(now_ns)
    if plan is None or at is None or plan.ceiling is None:
        return math.inf
    return float(plan.ceiling.mean_kw[at])


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
    # a point that is sent by exception stands for now, however long it did not change
    read = (
        snapshot.now_ns if point in site.silence_s else one.time_ns
        for point, one in zip(points, (bought, own), strict=True)
    )
    return _Rest(bought.value, bought.value - (own.value - battery.standby_kw), min(read))


def _allowed_kw(ceiling: DemandCeiling, ceiling_kw: float, snapshot: Snapshot, import_kw: float) -> float:
    """Import that may go on for the rest of the window. [kW]."""
    window_ns = round(ceiling.window_s) * _NS
    begin_ns = snapshot.now_ns - snapshot.now_ns % max(window_ns, QUARTER_NS)
    bought_kws = _bought_kws(snapshot, begin_ns, import_kw)
    if bought_kws is None:
        return ceiling_kw
    whole_s = max(ceiling.window_s, QUARTER_NS / _NS)
    left_s = max(whole_s - (snapshot.now_ns - begin_ns) / _NS, _LEAST_LEFT_S)
    allowed_kw = (ceiling_kw * whole_s - bought_kws) / left_s
    return min(allowed_kw, ceiling_kw * (1.0 if ceiling.sliding else 1.0 + _MOST_OVER_FRAC))


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
