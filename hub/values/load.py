"""Reads `values.yaml` of a site and checks it against its points: all faults at once, with their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from hub.registry.site import Registry
from hub.values.config import Balance, Cleaning, Counter, ValuesFile, VirtualPoint
from hub.values.site import Balanced, Known, SiteValues, Virtual
from protocols.dimension import Kind, meaning
from protocols.errors import ConfigError
from protocols.expression import Call, Expression, Name, Node, names, parse
from protocols.point import PointId, PointKind, local_point
from protocols.units import UNITS, convert
from runtime.yaml_config import line_numbers, load_config

Loc = tuple[int | str, ...]
MOST_INPUTS: Final = 64
"""Measured points behind one virtual point, those of other virtual points included."""

MOST_PARTS: Final = 5000
"""Parts of one expression after all virtual points in it are put in."""


_PLAIN: Final = frozenset({"ratio", "count"})
"""Quantities whose names need no suffix: a COP, a power factor."""


def values_file(config_dir: Path, site: str) -> Path:
    """Where the file stands; it need not be there."""
    return config_dir / "sites" / site / "values.yaml"


def known_points(registry: Registry) -> dict[PointId, Known]:
    """What has to be known of the measured points of a site."""
    return {point: Known(spec.unit, spec.kind) for point, spec in registry.points.items()}


def load_values(config_dir: Path, site: str, points: Mapping[PointId, Known]) -> SiteValues:
    """Read what a site declares; nothing where there is no file.

    Args:
        config_dir: Folder with sites/.
        site: The site.
        points: Its measured points.

    Raises:
        ConfigError: All faults, each as `file:line: field: what`.
    """
    path = values_file(config_dir, site)
    if not path.exists():
        return SiteValues()
    file = load_config(path, ValuesFile)
    check = _Check(site, file, {point.local: known for point, known in points.items()})
    found = check.values()
    if check.faults:
        line_of = line_numbers(path)
        told = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in check.faults)
        raise ConfigError("\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in told))
    return found


class _Check:
    """One look through a file; faults are gathered, with their places."""

    def __init__(self, site: str, file: ValuesFile, points: Mapping[str, Known]) -> None:
        self.faults: list[tuple[Loc, str]] = []
        self._site = site
        self._file = file
        self._points = points
        self._measured = {name: known.unit for name, known in points.items()}
        self._units = dict(self._measured)
        self._expressions: dict[str, Expression] = {}
        self._sizes: dict[str, int] = {}

    def values(self) -> SiteValues:
        """What the file says, as far as it can be used."""
        self._declare()
        self._fit()
        self._balances()
        self._counters()
        cleaning = dict(self._cleaning())
        if self.faults:
            return SiteValues()
        virtual = {one.id: one for one in map(self._ready, self._file.virtual)}
        balances = {one.id: self._balanced(one) for one in self._file.balances}
        counters = {self._id(one.point): one for one in self._file.counters}
        return SiteValues(self._file.devices, virtual, balances, counters, cleaning)

    def _id(self, local: str) -> PointId:
        return local_point(self._site, local)

    def _declare(self) -> None:
        """Names, units and texts of virtual points."""
        devices = {name.partition("/")[0] for name in self._points}
        for name in self._file.devices:
            if name in devices:
                self._say(("devices", name), f"{name!r} is a device of the site already; leave it out here")
        for at, one in enumerate(self._file.virtual):
            device = one.id.partition("/")[0]
            if device not in devices | self._file.devices.keys():
                text = f"there is no device {device!r}; name it in `devices`, with a label"
                self._say(("virtual", at, "id"), text)
            if one.id in self._units:
                self._say(("virtual", at, "id"), f"there is a point {one.id!r} already; take another id")
            self._read(("virtual", at), one)

    def _read(self, place: Loc, one: VirtualPoint) -> None:
        if one.unit not in UNITS:
            known = ", ".join(sorted(symbol for symbol in UNITS if symbol))
            self._say((*place, "unit"), f"unknown unit {one.unit!r}; known are: {known}")
            return
        suffix = UNITS[one.unit].suffix
        if UNITS[one.unit].quantity not in _PLAIN and not one.id.endswith(suffix):
            self._say((*place, "id"), f"{one.id!r} must end in {suffix!r}, the suffix of {one.unit}")
        self._units.setdefault(one.id, one.unit)
        try:
            self._expressions[one.id] = parse(one.expression)
        except ConfigError as error:
            self._say((*place, "expression"), str(error))

    def _fit(self) -> None:
        """Units of expressions, circles, and how many inputs there are in the end."""
        for at, one in enumerate(self._file.virtual):
            expression = self._expressions.get(one.id)
            if expression is None:
                continue
            place = ("virtual", at, "expression")
            for text in expression.faults(self._units, one.unit):
                self._say(place, text)
            circle = _circle(one.id, self._expressions)
            if circle:
                self._say(place, f"it is calculated from itself: {' -> '.join(circle)}; break the circle")
            elif not expression.points:
                self._say(place, "it names no point; write points as device.point")
            elif sum(1 for _ in _leaves(one.id, self._expressions)) > MOST_INPUTS:
                self._say(place, f"more than {MOST_INPUTS} measured points in the end; split it")
            elif self._size(one.id) > MOST_PARTS:
                self._say(place, f"more than {MOST_PARTS} parts with all virtual points put in; split it")

    def _size(self, point: str) -> int:
        """Parts of a virtual point with all others put in; a point that is in a circle counts once."""
        if point not in self._sizes:
            self._sizes[point] = 1
            expression = self._expressions.get(point)
            if expression is not None:
                self._sizes[point] = _count(expression.root, self._size)
        return self._sizes[point]

    def _ready(self, one: VirtualPoint) -> Virtual:
        expression = self._expressions.get(one.id) or parse(one.expression)
        root = _put_in(expression.root, self._expressions)
        points = tuple(dict.fromkeys(names(root)))
        return Virtual(
            one, self._id(one.id), Expression(one.expression, root, points),
            tuple(self._id(point) for point in points), {point: self._measured[point] for point in points},
        )  # fmt: skip

    def _balanced(self, balance: Balance) -> Balanced:
        below = ", ".join(child.replace("/", ".") for child in balance.children)
        above = balance.parent.replace("/", ".")
        texts = {"parent": above, "children": f"sum({below})", "residual": f"{above} - sum({below})"}
        unit = self._units[balance.parent]
        sides = {
            side: self._ready(
                VirtualPoint(id=f"{balance.id}/{side}", label=balance.label, unit=unit, expression=text)
            )
            for side, text in texts.items()
        }
        whole = sides["residual"]
        same = {
            side: replace(
                one, expression=replace(one.expression, points=whole.expression.points),
                inputs=whole.inputs, units=whole.units,
            )
            for side, one in sides.items()
        }  # fmt: skip
        return Balanced(balance, **same)

    def _balances(self) -> None:
        seen: set[str] = set()
        for at, one in enumerate(self._file.balances):
            place = ("balances", at)
            if one.id in seen:
                self._say((*place, "id"), f"there is a balance {one.id!r} already; take another id")
            seen.add(one.id)
            self._known((*place, "parent"), one.parent)
            for number, child in enumerate(one.children):
                spot = (*place, "children", number)
                if child == one.parent or child in one.children[:number]:
                    self._say(spot, f"{child} is in the balance twice")
                if self._known(spot, child) and one.parent in self._units:
                    self._same(spot, child, one.parent)

    def _counters(self) -> None:
        seen: set[str] = set()
        for at, one in enumerate(self._file.counters):
            place = ("counters", at)
            known = self._points.get(one.point)
            if known is None:
                self._known((*place, "point"), one.point)
            elif known.kind is not PointKind.COUNTER:
                self._say((*place, "point"), f"{one.point} is a {known.kind}, no counter")
            if one.point in seen:
                self._say((*place, "point"), f"{one.point} is declared twice")
            seen.add(one.point)
            if one.power is not None and self._known((*place, "power"), one.power) and known is not None:
                self._integrates((*place, "power"), one)

    def _integrates(self, place: Loc, one: Counter) -> None:
        counted, power = self._units[one.point], self._units[str(one.power)]
        if UNITS[counted].quantity != "energy" or UNITS[power].quantity != "power":
            self._say(
                place, f"{one.point} counts {counted} and {one.power} is in {power}; take energy and power"
            )

    def _cleaning(self) -> Iterator[tuple[PointId, tuple[Cleaning, ...]]]:
        rules: dict[str, list[Cleaning]] = {}
        for at, one in enumerate(self._file.cleaning):
            for number, point in enumerate(one.points):
                if point in self._points:
                    rules.setdefault(point, []).append(one)
                else:
                    self._known(("cleaning", at, "points", number), point, measured=True)
        for point, found in rules.items():
            yield self._id(point), tuple(found)

    def _known(self, place: Loc, point: str, *, measured: bool = False) -> bool:
        if point in (self._points if measured else self._units):
            return True
        if point in self._units:
            self._say(place, f"{point} is a virtual point, which has no samples to mark; mark its inputs")
            return False
        device = point.partition("/")[0]
        same = sorted(name.partition("/")[2] for name in self._units if name.startswith(f"{device}/"))
        rest = f"{device} has {', '.join(same)}" if same else f"there is no device {device!r} on this site"
        self._say(place, f"there is no point {point!r}; {rest}")
        return False

    def _same(self, place: Loc, child: str, parent: str) -> None:
        a, b = self._units[child], self._units[parent]
        if meaning(b).kind is not Kind.AMOUNT:
            self._say(place, f"{parent} is in {b}, which cannot be summed; take power or a flow")
            return
        try:
            convert(1.0, a, b)
        except ConfigError as error:
            self._say(place, f"{child} and {parent}: {error}")

    def _say(self, place: Loc, text: str) -> None:
        self.faults.append((place, text))


def _count(node: Node, size_of: Callable[[str], int]) -> int:
    if isinstance(node, Name):
        return size_of(node.point)
    return 1 + sum(_count(part, size_of) for part in node.parts) if isinstance(node, Call) else 1


def _circle(start: str, expressions: Mapping[str, Expression]) -> list[str]:
    """The way from a virtual point back to itself; empty when there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        expression = expressions.get(way[-1])
        for point in () if expression is None else expression.points:
            if point == start:
                return [*way, start]
            if point not in seen:
                seen.add(point)
                ways.append([*way, point])
    return []


def _leaves(start: str, expressions: Mapping[str, Expression]) -> Iterator[str]:
    """Measured points behind a virtual point, each once; circles are passed once."""
    open_points, seen = [start], {start}
    while open_points:
        expression = expressions.get(open_points.pop())
        for point in () if expression is None else expression.points:
            if point not in seen:
                seen.add(point)
                if point in expressions:
                    open_points.append(point)
                else:
                    yield point


def _put_in(node: Node, expressions: Mapping[str, Expression]) -> Node:
    """The same with virtual points replaced by what they stand for."""
    if isinstance(node, Name) and node.point in expressions:
        return _put_in(expressions[node.point].root, expressions)
    if isinstance(node, Call):
        return Call(node.function, tuple(_put_in(part, expressions) for part in node.parts), node.at)
    return node
