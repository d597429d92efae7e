"""Areas of a site: halls, lines, rooms as a tree, and which devices and points stand in each.

A point is in the area of its device unless an area names the point itself, such as a meter in one hall that
counts another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config

_Loc = tuple[int | str, ...]


class Area(Config):
    """One area."""

    id: IdPart
    """Id of the area."""

    label: Text
    """What people call it."""

    within: IdPart | None = None
    """Area it is a part of; none: it stands at the top of the tree."""

    floor_m2: float | None = Field(default=None, gt=0)
    """Its floor. [m²]"""

    devices: tuple[IdPart, ...] = ()
    """Devices in it."""

    points: tuple[str, ...] = ()
    """Points that belong here though their device stands elsewhere, as `device/point`."""


class AreasFile(Config):
    """`configs/sites/<site>/areas.yaml`."""

    areas: tuple[Area, ...] = Field(min_length=1)
    """All areas of the site, in the order they are shown in."""


@dataclass(frozen=True, slots=True)
class Areas:
    """The tree, ready for use.

    Attributes:
        by_id: Areas in the order of the file.
        of_device: Device to its area.
        of_point: Point "device/point" to its area, only those that an area names itself.
    """

    by_id: Mapping[str, Area] = field(default_factory=dict)
    of_device: Mapping[str, str] = field(default_factory=dict)
    of_point: Mapping[str, str] = field(default_factory=dict)

    def area_of(self, local: str) -> str | None:
        """Area of a point "device/point"; None where neither it nor its device is in one."""
        return self.of_point.get(local, self.of_device.get(local.partition("/")[0]))

    def way_to(self, area: str) -> list[str]:
        """The area and all above it, the top one first.

        Raises:
            KeyError: No such area.
        """
        above = self.by_id[area].within
        return [*(self.way_to(above) if above is not None else ()), area]

    def below(self, area: str) -> list[str]:
        """The area and all that is in it, at any depth."""
        inside = [one.id for one in self.by_id.values() if one.within == area]
        return [area, *(name for one in inside for name in self.below(one))]


def areas_file(config_dir: Path, site: str) -> Path:
    """Where the file stands; it need not be there."""
    return config_dir / "sites" / site / "areas.yaml"


def load_areas(config_dir: Path, site: str, points: Sequence[str], devices: Sequence[str]) -> Areas:
    """Read the areas of a site; none where it has no file.

    Args:
        config_dir: Folder with sites/.
        site: The site.
        points: Its points, as "device/point".
        devices: Its devices, those that only have virtual points included.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`.
    """
    path = areas_file(config_dir, site)
    if not path.exists():
        return Areas()
    file = load_config(path, AreasFile)
    check = _Check(file.areas, frozenset(points), frozenset(devices))
    faults = [*check.names(), *check.circles(), *check.devices(), *check.points()]
    if faults:
        line_of = line_numbers(path)
        told = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
        raise ConfigError("\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in told))
    return Areas({one.id: one for one in file.areas}, check.of_device, check.of_point)


class _Check:
    """One look through the file; each device and point is in one area at most."""

    def __init__(self, areas: tuple[Area, ...], points: frozenset[str], devices: frozenset[str]) -> None:
        self.of_device: dict[str, str] = {}
        self.of_point: dict[str, str] = {}
        self._areas = areas
        self._points = points
        self._devices = devices

    def names(self) -> Iterator[tuple[_Loc, str]]:
        """Ids that are there twice, and areas within one that is not there."""
        known = {one.id for one in self._areas}
        seen: set[str] = set()
        for at, one in enumerate(self._areas):
            if one.id in seen:
                yield ("areas", at, "id"), f"found {one.id!r}, which is taken; allowed are others"
            seen.add(one.id)
            if one.within is not None and one.within not in known:
                text = f"found {one.within!r}, which is no area; allowed are {', '.join(sorted(known))}"
                yield ("areas", at, "within"), text

    def circles(self) -> Iterator[tuple[_Loc, str]]:
        """Areas that stand within themselves, however long the way round."""
        above = {one.id: one.within for one in self._areas}
        for at, one in enumerate(self._areas):
            way = [one.id]
            while (step := above.get(way[-1])) is not None and step not in way:
                way.append(step)
            if step == one.id:
                text = f"it stands within itself: {' -> '.join([*way, one.id])}; break the circle"
                yield ("areas", at, "within"), text

    def devices(self) -> Iterator[tuple[_Loc, str]]:
        """Devices that are not there, or in two areas."""
        for at, one in enumerate(self._areas):
            for number, device in enumerate(one.devices):
                place = ("areas", at, "devices", number)
                if device not in self._devices:
                    yield place, f"found {device!r}, which is no device of this site; allowed are its devices"
                elif device in self.of_device:
                    first = self.of_device[device]
                    yield place, f"found {device!r}, which is in {first!r} already; allowed is one area"
                self.of_device.setdefault(device, one.id)

    def points(self) -> Iterator[tuple[_Loc, str]]:
        """Points that are not there, or in two areas."""
        for at, one in enumerate(self._areas):
            for number, point in enumerate(one.points):
                place = ("areas", at, "points", number)
                if point not in self._points:
                    yield place, f"found {point!r}, which is no point of this site; write it as device/point"
                elif point in self.of_point:
                    first = self.of_point[point]
                    yield place, f"found {point!r}, which is in {first!r} already; allowed is one area"
                self.of_point.setdefault(point, one.id)
