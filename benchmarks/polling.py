"""Lines and poller on a made-up site, and what came of each poll: for fault and serial benchmarks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.drivers import make_drivers
from edge_agent.image import Image
from edge_agent.lines import Lines
from edge_agent.poll import Poller, poll_groups
from protocols.device import EdgeDevices
from protocols.frame import Frame
from protocols.profile import Profile
from runtime.clock import NS, SystemClock
from runtime.site import SiteDevices

_TEXT: Final = {"en": "x", "zh": "x"}


def made_site(
    connections: Mapping[str, Mapping[str, Any]], registers: int, every_s: float, **profile: object
) -> SiteDevices:
    """Modbus devices by id, each with registers 0 … `registers` - 1 as points of their own."""
    points = [
        {"name": f"p{at}_kw", "label": _TEXT, "unit": "kW", "every_s": every_s,
         "address": {"kind": "modbus", "address": at}}
        for at in range(registers)
    ]  # fmt: skip
    made = Profile.model_validate(
        {
            "id": "made",
            "label": _TEXT,
            "protocol": "modbus",
            "equipment": "meter",
            "points": points,
            **profile,
        }
    )
    devices = [
        {"id": name, "label": _TEXT, "profile": "made", "connection": connection}
        for name, connection in connections.items()
    ]
    edge = EdgeDevices.model_validate({"site": "demo", "edge": "edge1", "devices": devices})
    return SiteDevices(edge, {"made": made})


@dataclass(slots=True)
class Polls:
    """Frames by device, each with the second of the boot clock at which it was handed on."""

    frames: dict[str, list[tuple[float, Frame]]] = field(default_factory=lambda: defaultdict(list))

    def good_frac(self, device: str, from_s: float, to_s: float, every_s: float) -> float:
        """Polls of a window that were good and in time (done within their period), as part of those due."""
        good = sum(
            from_s <= frame.at.mono_ns / NS < to_s
            and not frame.qualities.any()
            and done_s - frame.at.mono_ns / NS <= every_s
            for done_s, frame in self.frames[device]
        )
        return min(1.0, good / int((to_s - from_s) / every_s))


@asynccontextmanager
async def lines_of(site: SiteDevices) -> AsyncIterator[Lines]:
    """Lines of a site on the real clock."""
    async with Lines(site, make_drivers(site), SystemClock()) as lines:
        yield lines


def poller_of(site: SiteDevices, lines: Lines, polls: Polls) -> Poller:
    """A poller that hands its frames to `polls`."""
    clock = SystemClock()
    groups = poll_groups(site)
    names = {group.hash: group.device for group in groups}

    def keep(frame: Frame, _protocol: str) -> None:
        polls.frames[names[frame.catalogue]].append((clock.mono_s(), frame))

    return Poller(groups, lines, Image(), keep, clock)
