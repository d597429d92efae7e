"""Controllers and rules of an edge from their files, checked against its points; two of them never share one.

`sites/<site>/<edge>.controllers.yaml` and `….rules.yaml` beside the device list, both optional. They stand at
the box: what writes is decided where the write blocks are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from edge_agent.controllers.laws import Law, law_of, rules_law
from edge_agent.controllers.models import Controller, ControllerBook, Input, Loc, Output
from edge_agent.rules_file import load_rules, load_tried, not_allowed, point_facts, rules_file, told
from edge_agent.settings import Accepted
from plant.control.rules import bind
from plant.control.sequencer import control_gap_m3_min
from protocols.config import ID_PART, Text
from protocols.errors import ConfigError
from protocols.rule_check import Misfit, PointFacts
from protocols.rules import RuleBook, in_unit_of, leaves
from protocols.units import unit as unit_named
from protocols.write_block import WriteBlock
from runtime.yaml_config import load_config

RULES_ID: Final = "rules"
"""All rules of an edge are one device and one process of this name."""

_LONGEST_ID: Final = 32


class Read(NamedTuple):
    """One input: its place in the controller, the point, and the units of both."""

    loc: Loc
    point: str
    from_unit: str
    to_unit: str


class Wish(NamedTuple):
    """One output: who writes, the point, the units of both, and whether it goes to the gate."""

    writer: str
    point: str
    from_unit: str
    to_unit: str
    active: bool

    @property
    def name(self) -> str:
        """Its name as a point of the controller's own device."""
        return self.point.replace("/", "_")


@dataclass(frozen=True, slots=True)
class Hosted:
    """One process of laws.

    Attributes:
        id: Its name, also as a device.
        label: What people call it.
        reads: Its inputs.
        wishes: Its outputs.
        make: Makes its law, in the process it will run in.
    """

    id: str
    label: Text
    reads: tuple[Read, ...]
    wishes: tuple[Wish, ...]
    make: Callable[[], Law]


@dataclass(frozen=True, slots=True)
class Controllers:
    """What runs on an edge beside polling.

    Attributes:
        hosted: The processes.
        notes: Why something that was to act only advises, as sentences.
        facts: What a designer of the plant should know, as sentences; no faults.
    """

    hosted: tuple[Hosted, ...] = ()
    notes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


def controllers_file(config_dir: Path, site: str, edge: str) -> Path:
    """Where the controllers of an edge stand; the file need not be there."""
    return config_dir / "sites" / site / f"{edge}.controllers.yaml"


def load_controllers(accepted: Accepted) -> Controllers:
    """Read and check both files of the box.

    Raises:
        ConfigError: All faults of both, one a line, as `file:line: field: what`.
    """
    place = accepted.place
    facts, writers = point_facts(accepted.site, accepted.blocks), named_writers(accepted.blocks)
    path, rules_path = (
        where(place.config, place.site, place.edge) for where in (controllers_file, rules_file)
    )
    taken: dict[str, str] = {}
    faults: list[str] = []
    hosted: list[Hosted] = []
    if path.exists():
        book = load_config(path, ControllerBook)
        devices = {device.id for device in accepted.site.edge.devices} | {RULES_ID}
        found = _misfits(book, facts, writers, devices)
        faults += [told(path, found)] if found else []
        hosted += [_hosted(one, facts) for one in book.controllers] if not found else []
        taken = {out.point: one.id for one in book.controllers for out in one.outputs()}
    notes: list[str] = []
    if rules_path.exists():
        try:
            rules = load_rules(rules_path, facts, taken)
        except ConfigError as error:
            faults.append(str(error))
        else:
            hosted += _of_rules(rules, facts, place.state, (writers, notes))
    if faults:
        raise ConfigError("\n".join(faults))
    return Controllers(tuple(hosted), tuple(notes), _facts(path) if path.exists() else ())


def _facts(path: Path) -> tuple[str, ...]:
    stations = [one for one in load_config(path, ControllerBook).controllers if one.kind == "sequencer"]
    gaps = [(one.id, control_gap_m3_min([unit.machine for unit in one.machines])) for one in stations]
    return tuple(
        f"controller {name}: the trim machine's range is {gap:.1f} m³/min narrower than the largest step; "
        "between them it has to load and unload"
        for name, gap in gaps
        if gap > 0.0
    )


def named_writers(blocks: Mapping[str, WriteBlock]) -> dict[str, str]:
    """Points `device/point` whose signed limits name a local controller, to its name."""
    return {
        f"{device}/{limits.point}": limits.duty.writer
        for device, block in blocks.items()
        for limits in block.points
        if limits.duty is not None and limits.duty.writer is not None
    }


def _hosted(one: Controller, facts: Mapping[str, PointFacts]) -> Hosted:
    reads = tuple(
        Read(each.loc, each.point, facts[each.point].unit, each.unit or facts[each.point].unit)
        for each in one.inputs()
    )
    wishes = tuple(
        Wish(one.id, each.point, each.unit, facts[each.point].unit, one.mode == "active")
        for each in one.outputs()
    )
    return Hosted(one.id, one.label, reads, wishes, partial(law_of, one))


def _of_rules(
    book: RuleBook,
    facts: Mapping[str, PointFacts],
    state: Path,
    standing: tuple[Mapping[str, str], list[str]],
) -> list[Hosted]:
    writers, notes = standing
    if not book.rules:
        return []
    units = {name: point.unit for name, point in facts.items()}
    bound = tuple(bind(rule, units) for rule in book.rules)
    points = tuple(sorted({leaf.point for rule in book.rules for leaf in leaves(rule.when)}))
    tried, wishes = load_tried(state), []
    for one in bound:
        mine = frozenset(point for point, writer in writers.items() if writer == one.rule.id)
        active = one.rule.mode == "active"
        why = not_allowed(one.rule, mine, tried) if active else ""
        notes += [why] if why else []
        wishes += [
            Wish(one.rule.id, point, units[point], units[point], active and not why)
            for point, _ in one.wanted
        ]
    reads = tuple(Read((point,), point, units[point], units[point]) for point in points)
    label = Text(en="Rules", zh="规则")
    return [Hosted(RULES_ID, label, reads, tuple(wishes), partial(rules_law, bound, points))]


def _misfits(
    book: ControllerBook, facts: Mapping[str, PointFacts], writers: Mapping[str, str], devices: set[str]
) -> list[Misfit]:
    found: list[Misfit] = []
    taken: dict[str, str] = {}
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
            if one.mode == "active" and writers.get(out.point) != one.id:
                text = (
                    f"{out.point} has no signed limits with `writer: {one.id}`; "
                    "sign a write block that names it, or say mode: advice"
                )
                found.append(Misfit((*top, *out.loc), text))
        found += _loops(one, top)
    return found


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
