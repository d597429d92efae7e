"""Reads `alarms.yaml` of a site and makes alarms of it, with those of links, boxes and the hub beside them.

All faults at once, each with its line: a point that is not there, units that do not fit, a rule that could
never be true, one that needs no act.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from hub.alarms.conditions import Coming, Condition, Holds, Moving
from hub.alarms.config import AlarmRule, AlarmsFile, Notify
from hub.alarms.definition import Definition
from hub.alarms.making import Fault, Known, Maker
from hub.alarms.setpoints import Missed
from hub.alarms.standing import COMMANDING, own_alarms, under_of
from hub.registry.site import Registry
from hub.values.site import SiteValues
from protocols.config import Text
from protocols.errors import ConfigError
from protocols.point import PointId, PointKind
from runtime.yaml_config import line_numbers, load_config

_KEPT: Final = 1.2
"""So much more of a course is kept than is looked at. [-]"""

FILE: Final = "alarms.yaml"


@dataclass(frozen=True, slots=True)
class SiteAlarms:
    """All alarms of a site, ready for the watch.

    Attributes:
        definitions: By id; those of the rules first, in the order of the file.
        points: Points that are looked at, those behind virtual points not among them.
        stale_s: Age from which on their values are old. [s]
        keep_s: How long their courses are kept. [s]
        notify: Who is told.
        keep_days: How long the journal is kept. [d]
    """

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    points: tuple[PointId, ...] = ()
    stale_s: Mapping[str, float] = field(default_factory=dict)
    keep_s: Mapping[str, float] = field(default_factory=dict)
    notify: tuple[Notify, ...] = ()
    keep_days: int = 1100

    @property
    def commanded(self) -> tuple[str, ...]:
        """Points whose set-points are looked at."""
        found = (one.condition for one in self.definitions.values())
        return tuple(dict.fromkeys(point for one in found if isinstance(one, Missed) for point in one.points))


class _Made(NamedTuple):
    rule: AlarmRule
    condition: Condition
    unless: Holds | None


def alarms_file(config_dir: Path, site: str) -> Path:
    """Where the file stands; it need not be there."""
    return config_dir / "sites" / site / FILE


def load_alarms(config_dir: Path, registry: Registry, values: SiteValues) -> SiteAlarms:
    """Read the alarms of a site; without a file those of links, boxes and the hub.

    Raises:
        ConfigError: All faults, each as `file:line: field: what`.
    """
    site = registry.site.id
    path = alarms_file(config_dir, site)
    file = load_config(path, AlarmsFile) if path.exists() else AlarmsFile()
    known = known_points(registry, values)
    maker = Maker(known)
    made = [_made(maker, at, rule) for at, rule in enumerate(file.alarms)]
    faults = [*maker.faults, *_twice(file)]
    if faults:
        line_of = line_numbers(path)
        told = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
        raise ConfigError("\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in told))
    definitions = {one.rule.id: _definition(one, known) for one in made if one is not None}
    definitions |= own_alarms(registry)
    return _ready(site, definitions, known, file)


def known_points(registry: Registry, values: SiteValues) -> dict[str, Known]:
    """What has to be known of each point, measured or virtual, by `device/point`."""
    known = {
        point.local: Known(
            spec.unit, spec.kind, spec.every_s, registry.stale_after_s(point),
            under_of(registry, point), (spec.low, spec.high),
        )
        for point, spec in registry.points.items()
    }  # fmt: skip
    for point, one in values.virtual.items():
        inputs = [known[name.local] for name in one.inputs]
        under = tuple(dict.fromkeys(name for part in inputs for name in part.under))
        known[point.local] = Known(
            one.declared.unit, PointKind.MEASUREMENT, max(part.every_s for part in inputs),
            max(part.stale_s for part in inputs), under, (None, None),
        )  # fmt: skip
    return known


def _made(maker: Maker, at: int, rule: AlarmRule) -> _Made | None:
    place = ("alarms", at)
    unless = None if rule.unless is None else maker.holds((*place, "unless"), rule.unless)
    condition = maker.condition((*place, "when"), rule.when)
    for name in ("cause", "consequence", "action"):
        text: Text = getattr(rule, name)
        if not text.en.strip() or not text.zh.strip():
            maker.say((*place, name), "is empty; an alarm says in both languages what a person does")
    return None if condition is None else _Made(rule, condition, unless)


def _definition(one: _Made, known: Mapping[str, Known]) -> Definition:
    rule = one.rule
    under = dict.fromkeys(name for point in one.condition.points for name in known[point].under)
    if isinstance(one.condition, Missed):
        under |= dict.fromkeys(COMMANDING)
    return Definition(
        rule.id, rule.label, one.condition, rule.priority, rule.on_delay_s, rule.off_delay_s,
        (rule.cause, rule.consequence, rule.action), rule.group or "", one.unless, tuple(under),
    )  # fmt: skip


def _twice(file: AlarmsFile) -> Iterator[Fault]:
    seen: set[str] = set()
    for at, rule in enumerate(file.alarms):
        if rule.id in seen:
            yield ("alarms", at, "id"), f"found {rule.id!r}, which is taken; allowed are others"
        seen.add(rule.id)


def _ready(
    site: str, definitions: Mapping[str, Definition], known: Mapping[str, Known], file: AlarmsFile
) -> SiteAlarms:
    used = dict.fromkeys(point for one in definitions.values() for point in one.points)
    keep_s: dict[str, float] = {}
    for one in definitions.values():
        over_s = one.condition.over_s if isinstance(one.condition, Moving | Coming) else 0.0
        for point in one.condition.points if over_s else ():
            keep_s[point] = max(keep_s.get(point, 0.0), over_s * _KEPT)
    points = tuple(PointId(site, *point.split("/")) for point in used)
    stale_s = {point: known[point].stale_s for point in used}
    return SiteAlarms(definitions, points, stale_s, keep_s, file.notify, file.keep_days)
