"""What is away: edges by their heartbeats, devices and boxes by what those say, the hub by its roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from hub.alarms.phrases import NO_BUS, NOT_REACHED, SILENT, one_line
from hub.alarms.standing import BUS, HUB_CODES
from hub.health.book import RoleBook
from hub.registry.site import Registry
from protocols.clock import Clock
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.trouble import TroubleCode
from runtime.supervise import guarded_decode

SILENT_S: Final = 5.0
"""An edge without a heartbeat for this long is silent. [s]"""

FIRST_S: Final = 30.0
"""One that was not heard yet since the bus is there has so long to come back to it. [s]"""

SETTLED_S: Final = 50.0
"""After a start it takes so long until every role that lives was heard; till then nobody can say. [s]"""

_SECOND_S: Final = 15.0


class Cause(NamedTuple):
    """A cause by name, why it is there (None: it is not), and whether anybody can say."""

    name: str
    why: str | None
    known: bool = True


class _Heard(NamedTuple):
    at_s: float
    beat: Heartbeat


class Links:
    """Everything between a machine and the hub."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self.bus_up = True
        self.roles = RoleBook(clock, ("ingest", "dispatch"))
        self._registry = registry
        self._clock = clock
        self._begun_s = clock.mono_s()
        self._heard: dict[str, _Heard] = {}
        self._second_s: dict[str, tuple[float, str]] = {}
        self._boxes = _boxes(registry)
        self._devices = _devices(registry)

    def take(self, registry: Registry) -> None:
        """Look at the edges and devices of this configuration from now on."""
        self._registry = registry
        self._boxes, self._devices = _boxes(registry), _devices(registry)

    def hear(self, body: bytes) -> None:
        """Take a heartbeat."""
        beat = guarded_decode(decode_heartbeat, body, "heartbeat")
        if beat is None or beat.site != self._registry.site.id or beat.edge not in self._registry.site.edges:
            return
        if beat.read_only:
            words = " ".join(trouble.detail for trouble in beat.troubles)
            self._second_s[beat.edge] = (self._clock.mono_s(), words)
        else:
            self._heard[beat.edge] = _Heard(self._clock.mono_s(), beat)

    def owns(self, edge: str, device: str) -> bool:
        """Whether a device is one of this edge."""
        known = self._registry.devices.get(device)
        return known is not None and known.edge == edge

    def bus_is(self, state: str) -> None:
        """Note whether this process has the bus; what was heard before it came back is still to be heard."""
        if state == "up" and not self.bus_up:
            self._begun_s = self._clock.mono_s()
        self.bus_up = state == "up"

    def causes(self) -> Iterator[Cause]:
        """All causes as they are now."""
        yield Cause(BUS, None if self.bus_up else NO_BUS.say())
        ill = {} if not self.bus_up else {_plain(one.code): one_line(one.detail) for one in self.roles.ill()}
        settled = self.bus_up and self._clock.mono_s() - self._begun_s > SETTLED_S
        for code in HUB_CODES:
            if code != "bus":
                yield Cause(f"hub:{code}", ill.get(code), settled or code in ill)
        for edge in self._registry.site.edges:
            yield from self._of_edge(edge)

    def _of_edge(self, edge: str) -> Iterator[Cause]:
        heard, now_s = self._heard.get(edge), self._clock.mono_s()
        since_s = max(self._begun_s, heard.at_s if heard is not None else 0.0)
        silent_s = now_s - since_s
        known = heard is not None and heard.at_s >= self._begun_s
        up = known and silent_s <= SILENT_S
        late = silent_s > (SILENT_S if known else FIRST_S)
        why = SILENT.say(seconds=f"{silent_s:.0f}") if late else None
        yield Cause(f"edge:{edge}", why, self.bus_up and (up or why is not None))
        yield from self._of_box(edge, None if heard is None else heard.beat, up=up)

    def _of_box(self, edge: str, beat: Heartbeat | None, *, up: bool) -> Iterator[Cause]:
        """Troubles and devices; nobody can say while the edge is silent."""
        now_s = self._clock.mono_s()
        told = {} if beat is None else {one.code: one.detail for one in beat.troubles}
        second = self._second_s.get(edge)
        if second is not None and now_s - second[0] <= _SECOND_S:
            told[TroubleCode.SECOND_AGENT] = second[1]
        for code, name in self._boxes[edge]:
            detail = told.get(code)
            yield Cause(name, None if detail is None else one_line(detail) or code.value, up)
        links = {} if beat is None else beat.links
        for device, name in self._devices[edge]:
            state = links.get(device)
            away = NOT_REACHED.say(edge=edge) if state == "down" else None
            yield Cause(name, away, up and state in {"up", "down"})


def _boxes(registry: Registry) -> dict[str, list[tuple[TroubleCode, str]]]:
    """Alarms of each edge's box by what it may tell, named once and not each second."""
    return {
        edge: [(code, f"box:{edge}:{code.value}") for code in TroubleCode] for edge in registry.site.edges
    }


def _devices(registry: Registry) -> dict[str, list[tuple[str, str]]]:
    """Devices of each edge, and their alarms."""
    found: dict[str, list[tuple[str, str]]] = {edge: [] for edge in registry.site.edges}
    for device, known in registry.devices.items():
        found[known.edge].append((device, f"device:{device}"))
    return found


def _plain(code: str) -> str:
    """The code of an alarm for an illness: numbers at its end left out, what has no words under `other`."""
    name = "configuration" if code.endswith(":configuration") else code.rstrip("0123456789")
    return name if name in HUB_CODES else "other"
