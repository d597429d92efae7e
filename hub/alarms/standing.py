"""Alarms that are there without a rule: the bus, silent edges, devices that do not answer, boxes, the hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hub.alarms import words
from hub.alarms.conditions import Marked
from hub.alarms.definition import Definition
from hub.health.holding import STOPS_INTAKE
from hub.health.words import ILLNESSES
from hub.registry.site import Registry
from protocols.point import PointId
from protocols.trouble import TroubleCode

BUS: Final = "hub:bus"
"""Nothing is heard while it is away: nobody can say how the edges are."""

INTAKE: Final = tuple(f"hub:{code}" for code in STOPS_INTAKE if code != "bus")
"""Nothing new comes while one of these is ill."""

COMMANDING: Final = ("hub:dispatch", "hub:dispatch:act", "hub:dispatch:lead")
"""Nothing is commanded while one of these is ill: leases end everywhere."""

_DELAYS: Final = {"edge": (10.0, 5.0), "device": (10.0, 20.0), "box": (2.0, 10.0), "hub": (15.0, 30.0)}
_OWN_WAY: Final = frozenset({"edge", "alarms", "alarms:watch", "database", "series", "jobs"})
"""Illnesses that are an alarm of another kind here, or that nobody could keep or tell by roles; and reports,
which wait until somebody looks: an operator has nothing to do about them this shift."""

HUB_CODES: Final = tuple(code for code in ILLNESSES if code not in _OWN_WAY)
"""Illnesses of the hub that are alarms."""


def under_of(registry: Registry, point: PointId) -> tuple[str, ...]:
    """Causes that explain whatever is wrong with a measured point."""
    return (BUS, *INTAKE, f"edge:{registry.devices[point.device].edge}", f"device:{point.device}")


def own_alarms(registry: Registry) -> dict[str, Definition]:
    """All of them, by id."""
    found = [*_hub(), *_edges(registry), *_devices(registry)]
    return {one.id: one for one in found}


def _one(name: str, said: words.Words, under: tuple[str, ...] = (), behind: int = 0) -> Definition:
    source = name.partition(":")[0]
    on_s, off_s = _DELAYS[source]
    return Definition(
        name, said.label, Marked(name), said.priority, on_s, off_s, said.guide, under=under, source=source,
        behind=behind,
    )  # fmt: skip


def _hub() -> Iterator[Definition]:
    for code in HUB_CODES:
        yield _one(f"hub:{code}", words.of_hub(code), () if code == "bus" else (BUS,))


def _edges(registry: Registry) -> Iterator[Definition]:
    for edge in registry.site.edges:
        behind = sum(registry.devices[point.device].edge == edge for point in registry.points)
        yield _one(f"edge:{edge}", words.of_edge(edge), (BUS,), behind)
        for code in TroubleCode:
            yield _one(f"box:{edge}:{code.value}", words.of_box(edge, code), (BUS,))


def _devices(registry: Registry) -> Iterator[Definition]:
    for device, known in registry.devices.items():
        behind = sum(point.device == device for point in registry.points)
        said = words.of_device(device, known.device.label)
        yield _one(f"device:{device}", said, (BUS, f"edge:{known.edge}"), behind)
