"""What a machine is wished to do now, and the one compressor of the station that regulates. Pure.

Of a station some machines follow the plan in force and others one that a person approved, made at another
time. Two of them regulating would chase each other, none would leave the pressure to the bands of the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hub.dispatch.site import DispatchSite
from hub.dispatch.solving import REASONS, Accepted
from plant.units.compressor import ROLE_BASE, ROLE_TRIM, FixedCompressor

_ROLE: Final = "role_set_code"
_PRESSURE: Final = "pressure_set_bar_g"


@dataclass(frozen=True, slots=True)
class SetPoint:
    """One wish: point "device/point", value in its unit, and why."""

    point: str
    value: float
    unit: str
    reason: str
    machine: str = ""
    """Whose set-point it is."""
    of_plan: bool = True
    """False: by rule, where no plan can be had."""


def with_one_trim(
    site: DispatchSite, wanted: Sequence[SetPoint], approved: Mapping[str, Accepted], regulates: str | None
) -> tuple[SetPoint, ...]:
    """The same with one compressor that regulates: who is approved to, else one of the plan in force.

    Machines run as they were wished to; only who regulates and who carries the base is changed.

    Args:
        site: With its plant.
        wanted: Of all plans.
        approved: Machines that follow what a person approved.
        regulates: Who regulates by the plan in force; None: nobody.
    """
    roles = _roles(site, wanted)
    trims = [machine for machine, one in roles.items() if one.value == ROLE_TRIM]
    if len(trims) > 1:
        first = min(trims, key=lambda name: _rank(approved, name))
        given = {name: ROLE_BASE for name in trims if name != first}
    elif not trims and regulates in approved and regulates in roles:
        given = dict.fromkeys(_able_to_trim(site, roles, approved)[:1], ROLE_TRIM)
    else:
        return tuple(wanted)
    return tuple(_changed(site, one, given) for one in wanted if not _holds_pressure(site, one, given))


def _roles(site: DispatchSite, wanted: Sequence[SetPoint]) -> dict[str, SetPoint]:
    """Wished role of each compressor."""
    sheet = site.plant.flowsheet
    compressors = set(site.plant.compressor_ids)
    return {
        one.machine: one
        for one in wanted
        if one.machine in compressors and one.point == sheet.binding(one.machine, _ROLE)
    }


def _rank(approved: Mapping[str, Accepted], name: str) -> tuple[bool, int, str]:
    """Who is approved first, by the newest plan; then by name."""
    plan = approved.get(name)
    return plan is None, 0 if plan is None else -plan.plan.start_ns, name


def _able_to_trim(
    site: DispatchSite, roles: Mapping[str, SetPoint], approved: Mapping[str, Accepted]
) -> list[str]:
    """Machines of the plan in force that carry the base, one with variable speed first."""
    units = dict(zip(site.plant.compressor_ids, site.plant.compressors, strict=True))
    base = [name for name, one in roles.items() if one.value == ROLE_BASE and name not in approved]
    return sorted(base, key=lambda name: (isinstance(units[name], FixedCompressor), name))


def _changed(site: DispatchSite, one: SetPoint, given: Mapping[str, int]) -> SetPoint:
    role = given.get(one.machine)
    if role is None or one.point != site.plant.flowsheet.binding(one.machine, _ROLE):
        return one
    limits = site.limits[one.point]
    if not limits.low <= role <= limits.high:
        return one
    return replace(one, value=float(role), reason=REASONS["trim" if role == ROLE_TRIM else "base"])


def _holds_pressure(site: DispatchSite, one: SetPoint, given: Mapping[str, int]) -> bool:
    """Whether it is the pressure of a machine that regulates no more."""
    held = site.plant.flowsheet.binding(one.machine, _PRESSURE)
    return given.get(one.machine) == ROLE_BASE and one.point == held
