"""PV and its inverters in a plan: as somebody holds them, and left alone where no plan may tell them. Pure.

A limit or a reactive power that a person holds stands above the plan, as for any other machine. PV that
cannot be told gives what the sky gives; inverters that cannot give the reactive power they give now.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hub.dispatch.able import shut
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, MachineSeen, Seen
from hub.dispatch.supplied import REACTIVE_SET
from optimizer.outlook import PvNow
from optimizer.site_supply import SiteSupply
from optimizer.words import said
from protocols.config import Text

_LIMIT: Final = "limit_set_frac"
_HELD: Final = (
    "{name} is held at {held} of its inverters and planned so",
    "{name} 被外部限定为逆变器容量的 {held}，按此计划",
)
_NOT_CURTAILED: Final = ("{name} is not curtailed by plans: {why}", "计划不限制 {name} 的出力：{why}")
_AS_NOW: Final = (
    "the inverters of {name} give the {kvar} kvar they give now: they take no orders",
    "{name} 的逆变器保持当前 {kvar} kvar：不接受指令",
)
_HELD_KVAR: Final = (
    "the inverters of {name} are held at {kvar} kvar and planned so",
    "{name} 的逆变器被外部限定为 {kvar} kvar，按此计划",
)


def pv_now(site: DispatchSite, seen: Seen) -> tuple[PvNow, tuple[Text, ...]]:
    """Whether a plan may curtail the PV, or at what somebody holds it; and what has to be told of it."""
    found = _pv(site, seen)
    if found is None:
        return PvNow(), ()
    name, machine = found
    if machine.availability is not Availability.FREE:
        held = machine.wanted_frac
        shown = () if held is None else (said(*_HELD, name=site.speech.name(name), held=f"{held:.0%}"),)
        return PvNow(follows=False, limit_frac=held), shown
    if site.modes.of(name) == "advice":
        return PvNow(follows=not site.modes.stays(name)), ()
    return _told(site, name)


def _told(site: DispatchSite, name: str) -> tuple[PvNow, tuple[Text, ...]]:
    """PV that follows, as far as its write limits let it; one that nobody can limit is no news."""
    point = site.plant.flowsheet.binding(name, _LIMIT)
    why = None if point is None else shut(site, point)
    if why is not None:
        return PvNow(follows=False), (said(*_NOT_CURTAILED, name=site.speech.name(name), why=why),)
    if point is None or site.limits[point].low >= 1.0:
        return PvNow(follows=False), ()
    return PvNow(least_frac=max(site.limits[point].low, 0.0)), ()


def with_inverters(site: DispatchSite, seen: Seen, supply: SiteSupply) -> tuple[SiteSupply, tuple[Text, ...]]:
    """The reactive power of the site with its inverters as they can be told now."""
    found = _pv(site, seen)
    known = supply.need_kvar is not None and supply.terms is not None
    if found is None or not known or site.plant.flowsheet.binding(found[0], REACTIVE_SET) is None:
        return supply, ()
    name, machine = found
    stays = site.modes.of(name) == "advice" and site.modes.stays(name)
    if machine.availability is Availability.FREE and not stays and not machine.kvar_held:
        return supply, ()
    gone = machine.availability is Availability.DOWN
    now = 0.0 if gone or machine.given_kvar is None else machine.given_kvar
    given, sentence = (now, _AS_NOW) if machine.wanted_kvar is None else (machine.wanted_kvar, _HELD_KVAR)
    return _fixed(supply, given), (said(*sentence, name=site.speech.name(name), kvar=f"{given:.0f}"),)


def _fixed(supply: SiteSupply, given_kvar: float) -> SiteSupply:
    """What the inverters give is part of the need, and nothing is left to choose."""
    need = supply.need_kvar
    return replace(supply, inverter_kva=0.0, need_kvar=None if need is None else need - given_kvar)


def _pv(site: DispatchSite, seen: Seen) -> tuple[str, MachineSeen] | None:
    units = site.plant.flowsheet.units.items()
    name = next((name for name, unit in units if unit is site.plant.pv), None)
    return None if name is None or name not in seen.machines else (name, seen.machines[name])
