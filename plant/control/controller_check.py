"""Whether controllers fit the points of an edge, all faults at once, each with its place in the file.

Known points, units of one quantity, values within limits, one writer a point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from plant.control.controllers import (
    Controller,
    ControllerBook,
    Input,
    Loc,
    Output,
    SequencerController,
    StagingController,
)
from protocols.config import ID_PART
from protocols.errors import ConfigError
from protocols.rule_check import Misfit, PointFacts, misfits
from protocols.rules import RuleBook, in_unit_of
from protocols.units import unit as unit_named

RULES_ID: Final = "rules"
"""All rules of an edge are one device and one process of this name."""

_LONGEST_ID: Final = 32


def misfits_of_both(
    controllers: ControllerBook,
    rules: RuleBook,
    facts: Mapping[str, PointFacts],
    writers: Mapping[str, str] | None,
) -> tuple[list[Misfit], list[Misfit]]:
    """Faults of the controllers and of the rules of one edge.

    Args:
        controllers: The controllers.
        rules: The rules.
        facts: `device/point` of the edge to its facts.
        writers: Points whose signed limits name a controller, to its name; None: not known here.
    """
    taken = {out.point: one.id for one in controllers.controllers for out in one.outputs()}
    names = {one.id for one in controllers.controllers}
    shared = [
        Misfit(("rules", at, "id"), f"{rule.id} is the name of a controller; a writer has a name of its own")
        for at, rule in enumerate(rules.rules)
        if rule.id in names
    ]
    return controller_misfits(controllers, facts, writers), shared + misfits(rules, facts, taken)


def controller_misfits(
    book: ControllerBook,
    facts: Mapping[str, PointFacts],
    writers: Mapping[str, str] | None,
) -> list[Misfit]:
    """Everything that keeps a controller file from being used here.

    Args:
        book: The controllers.
        facts: `device/point` of the edge to its facts.
        writers: Points whose signed limits name a controller, to its name; None: not known here.
    """
    found: list[Misfit] = []
    taken: dict[str, str] = {}
    devices = {name.split("/")[0] for name, one in facts.items() if not one.of_controller} | {RULES_ID}
    for at, one in enumerate(book.controllers):
        top: Loc = ("controllers", at)
        if one.id in devices:
            found.append(Misfit((*top, "id"), f"{one.id} is the name of a device; a controller is one too"))
        for each in one.inputs():
            found += [Misfit((*top, *each.loc), text) for text in _input_faults(each, facts)]
        for out in one.outputs():
            found += [Misfit((*top, *out.loc), text) for text in _output_faults(out, facts)]
            other = taken.setdefault(out.point, one.id)
            if other != one.id:
                text = f"{out.point} is set by {other} already; a point has one writer"
                found.append(Misfit((*top, *out.loc), text))
            if one.mode == "active" and writers is not None and writers.get(out.point) != one.id:
                text = (
                    f"{out.point} has no signed limits with `writer: {one.id}`; "
                    "sign a write block that names it, or say mode: advice"
                )
                found.append(Misfit((*top, *out.loc), text))
        found += _loops(one, top)
        found += [Misfit((*top, *loc), text) for loc, text in _reach(one, facts)]
    return found


def _reach(one: Controller, facts: Mapping[str, PointFacts]) -> Iterator[tuple[Loc, str]]:
    """Set-points whose limits do not hold all that a lease of the controller's target may make it want."""
    match one:
        case SequencerController():
            target, above = "pressure_target_bar_g", one.settings.wake_bar
            ends = [("target_set", unit.target_set) for unit in one.machines]
        case StagingController():
            target, above = "supply_target_c", 0.0
            ends = [("supply_set", unit.supply_set) for unit in one.machines]
        case _:
            return
    own = facts.get(f"{one.id}/{target}")
    for at, (field, point) in enumerate(ends):
        its = None if point is None else facts.get(point)
        if own is None or own.low is None or own.high is None or its is None or its.low is None:
            continue
        high = math.inf if its.high is None else its.high
        if own.low < its.low or own.high + above > high:
            text = (
                f"the limits of {one.id}/{target} let {own.low:g} … {own.high + above:g} {own.unit} "
                f"be wanted of {point}, whose own are {its.low:g} … {high:g}; narrow the former"
            )
            yield ("machines", at, field), text


def _loops(one: Controller, top: Loc) -> Iterator[Misfit]:
    reads = {each.point for each in one.inputs()}
    names: dict[str, int] = {}
    for out in one.outputs():
        if out.point in reads:
            yield Misfit((*top, *out.loc), f"{out.point} is read and set by the same controller")
        names[out.point] = names.get(out.point, 0) + 1
        if names[out.point] == 2:  # noqa: PLR2004  said once, however often
            yield Misfit((*top, *out.loc), f"{out.point} is there twice")
        name = out.point.replace("/", "_")
        if len(name) > _LONGEST_ID:
            text = f"{name} would be longer than {_LONGEST_ID} letters ({ID_PART}); shorten the device's id"
            yield Misfit((*top, *out.loc), text)


def _input_faults(each: Input, facts: Mapping[str, PointFacts]) -> Iterator[str]:
    found = facts.get(each.point)
    if found is None:
        yield f"there is no point {each.point!r} on this edge"
    elif each.unit and unit_named(found.unit).quantity != unit_named(each.unit).quantity:
        yield f"{each.point} has the unit {found.unit!r}; here a point in {each.unit!r} is needed"


def _output_faults(out: Output, facts: Mapping[str, PointFacts]) -> Iterator[str]:
    found = facts.get(out.point)
    if found is None:
        yield f"there is no point {out.point!r} on this edge"
        return
    if not found.settable:
        yield f"{out.point} is no set-point"
        return
    try:
        values = [in_unit_of(value, out.unit, found.unit) for value in out.extremes]
    except ConfigError as error:
        yield f"{out.point}: {error}"
        return
    low = -math.inf if found.low is None else found.low
    high = math.inf if found.high is None else found.high
    for value in values:
        if not low <= value <= high:
            yield f"{value:g} {found.unit} may be wanted, and lies outside {low:g} … {high:g} of {out.point}"
