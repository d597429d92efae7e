"""Controllers and rules of an edge from their files, checked against its points; two of them never share one.

`sites/<site>/<edge>.controllers.yaml` and `….rules.yaml` beside the device list, both optional. Either is
that of the hub's configuration in force where it holds one, else the box's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from edge_agent.controllers.laws import Law, law_of, rules_law
from edge_agent.rules_file import load_tried, not_allowed
from edge_agent.settings import Accepted
from plant.control.controller_check import RULES_ID, misfits_of_both
from plant.control.controller_inputs import own_inputs
from plant.control.controllers import Controller, ControllerBook, Loc
from plant.control.rules import bind
from plant.control.sequencer import control_gap_m3_min
from protocols.config import Text
from protocols.errors import ConfigError
from protocols.rule_check import PointFacts
from protocols.rules import RuleBook, leaves
from protocols.write_block import WriteBlock
from runtime.fitting import load_if_there, point_facts, told
from runtime.site import controllers_file, rules_file


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


def file_in_force(accepted: Accepted, where: Callable[[Path, str, str], Path]) -> Path:
    """A file beside the device list: that of the configuration in force where it has one, else the box's own.

    Args:
        accepted: What the edge goes by.
        where: `controllers_file` or `rules_file`.
    """
    place = accepted.place
    delivered = where(accepted.folder, place.site, place.edge)
    return delivered if delivered.exists() else where(place.config, place.site, place.edge)


def load_controllers(accepted: Accepted) -> Controllers:
    """Read and check both files in force.

    Raises:
        ConfigError: All faults of both, one a line, as `file:line: field: what`.
    """
    facts, writers = point_facts(accepted.site, accepted.blocks), named_writers(accepted.blocks)
    path, rules_path = (file_in_force(accepted, where) for where in (controllers_file, rules_file))
    faults: list[str] = []
    book = load_if_there(path, ControllerBook, faults)
    rules = load_if_there(rules_path, RuleBook, faults)
    of_controllers, of_rules = misfits_of_both(book, rules, facts, writers)
    faults += told(path, of_controllers) + told(rules_path, of_rules)
    if faults:
        raise ConfigError("\n".join(faults))
    notes: list[str] = []
    hosted = [_hosted(one, facts) for one in book.controllers]
    hosted += _of_rules(rules, facts, accepted.place.state, (writers, notes))
    return Controllers(tuple(hosted), tuple(notes), _facts(book))


def _facts(book: ControllerBook) -> tuple[str, ...]:
    stations = [one for one in book.controllers if one.kind == "sequencer"]
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
    reads += tuple(Read(each.loc, f"{one.id}/{each.name}", each.unit, each.unit) for each in own_inputs(one))
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
