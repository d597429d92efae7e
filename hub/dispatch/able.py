"""What a plan can bring about: machines it can switch, and the powers it can tell them. Pure.

A machine that nobody lets a plan switch goes on as it stands, and the plan says why; set-points it does take,
such as its water's temperature, are planned and told. Where a site only takes advice nothing is told anyway,
and plans are as free as the people who read them.
"""

from __future__ import annotations

import math
from typing import Final

from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, Seen, machines_of
from optimizer.power_limits import PowerLimits
from optimizer.words import said
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM
from plant.units.heat import Chp
from protocols.config import Text

_PERMIT: Final = "permit_set_code"
_ROLE: Final = "role_set_code"
POWER: Final = "power_set_kw"
_VALUES: Final = {
    _PERMIT: (0.0, 1.0),
    _ROLE: tuple(float(code) for code in (ROLE_STANDBY, ROLE_TRIM, ROLE_BASE)),
}
_NEEDED: Final = {
    "compressor_fixed": (_ROLE,),
    "compressor_vsd": (_ROLE,),
    "chiller": (_PERMIT,),
    "chp": (_PERMIT, POWER),
    "battery": (POWER,),
}
_TENTHS: Final = 10.0
"""Powers are told in tenths of a kilowatt, so limits are taken to the tenth inside them."""


def unable(site: DispatchSite) -> dict[str, Text]:
    """Machines that the site lets follow but that cannot be switched, each with why."""
    found = (
        (name, _why(site, name, kind))
        for name, kind in machines_of(site.plant.flowsheet)
        if site.modes.of(name) in ("auto", "approve")
    )
    return {name: why for name, why in found if why is not None}


def power_limits(site: DispatchSite, seen: Seen) -> PowerLimits:
    """Limits on the powers of machines that follow; what somebody else holds goes by no limit of a plan."""
    kept = unable(site)
    found: dict[str, tuple[float, float]] = {}
    for name, kind in machines_of(site.plant.flowsheet):
        follows = site.modes.of(name) in ("auto", "approve") and name not in kept
        free = seen.machines[name].availability is Availability.FREE
        if POWER in _NEEDED.get(kind, ()) and follows and free:
            found[name] = _told_kw(site, name)
    return found


def _why(site: DispatchSite, machine: str, kind: str) -> Text | None:
    """Why it cannot be switched, in plant words; None where it can."""
    sheet = site.plant.flowsheet
    bound = [role for role in _VALUES if sheet.binding(machine, role) is not None]
    for role in dict.fromkeys((*_NEEDED.get(kind, ()), *(bound if kind in _NEEDED else ()))):
        point = sheet.binding(machine, role)
        if point is None:
            return no_role(site, machine, role)
        why = _refused(site, point, _VALUES.get(role, ()))
        if why is not None:
            return why
    return _out_of_range(site, machine) if POWER in _NEEDED.get(kind, ()) else None


def no_role(site: DispatchSite, machine: str, role: str) -> Text:
    """A set-point that the flowsheet names no point for."""
    name = site.speech.name(machine)
    return said("{name} has no {role} in the flowsheet", "{name} 在流程图中没有 {role}", name=name, role=role)


def shut(site: DispatchSite, point: str) -> Text | None:
    """Why a plan may not write a point; None where it may."""
    if point not in site.limits:
        return said("{point} has no write limits", "{point} 没有写入限值", point=point)
    if not site.may_tell(point):
        return said(
            "{point} is kept for other rungs than the plan by its write limits",
            "{point} 的写入限值不允许计划写入",
            point=point,
        )
    return None


def _refused(site: DispatchSite, point: str, values: tuple[float, ...]) -> Text | None:
    why = shut(site, point)
    if why is not None:
        return why
    limits = site.limits[point]
    left_out = [value for value in values if not limits.low <= value <= limits.high]
    if left_out:
        return said(
            "{point} may not be told {value} by its write limits",
            "{point} 的写入限值不允许下达 {value}",
            point=point,
            value=f"{left_out[0]:g}",
        )
    return None


def _told_kw(site: DispatchSite, machine: str) -> tuple[float, float]:
    """Lowest and highest power it may be told, charging positive. [kW, kW]."""
    limits = site.limits[site.plant.flowsheet.binding(machine, POWER) or ""]
    return math.ceil(limits.low * _TENTHS) / _TENTHS, math.floor(limits.high * _TENTHS) / _TENTHS


def _out_of_range(site: DispatchSite, machine: str) -> Text | None:
    """Why its write limits leave no power to plan; None where they do."""
    unit, (low_kw, high_kw) = site.plant.flowsheet.units[machine], _told_kw(site, machine)
    if isinstance(unit, Chp):
        fits = max(unit.generation_min_kw, -high_kw) < min(unit.generation_max_kw, -low_kw)
        most = f"{-unit.generation_max_kw:g} … {-unit.generation_min_kw:g} kW"
        needed = said("a range within {most}", "{most} 内的区间", most=most)
    else:
        fits, needed = low_kw <= 0.0 <= high_kw, Text(en="0 kW", zh="0 kW")
    point = site.plant.flowsheet.binding(machine, POWER) or ""
    if fits:
        return None
    return said(
        "the write limits of {point} leave out {needed}",
        "{point} 的写入限值不含 {needed}",
        point=point,
        needed=needed,
    )
