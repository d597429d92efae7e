"""What the API knows of the edges and the bus, from one moment to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hub.api.edge_models import EdgeTrouble
from hub.api.models import Link
from hub.store.port import HeartbeatRow
from protocols.clock import Clock
from protocols.config import Text
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.phrases import both
from protocols.trouble import TROUBLE_PHRASES, TROUBLE_TEXTS, TroubleCode
from runtime.supervise import guarded_decode

SILENT_S: Final = 5.0
"""An edge without a heartbeat for this long is down: it sends one a second. [s]"""

_SECOND_S: Final = 15.0
"""A second agent is told of for this long after it was last heard. [s]"""


@dataclass(frozen=True, slots=True)
class _Heard:
    received_ns: int
    at_s: float
    """When, on the boot clock: a wall clock that is set makes no silent edge look alive. [s]"""

    beat: Heartbeat


class EdgeWatch:
    """Newest heartbeat of each edge, and whether the bus is connected."""

    def __init__(self, edges: tuple[str, ...], clock: Clock) -> None:
        self.bus: Literal["up", "down"] = "down"
        self._edges = edges
        self._clock = clock
        self._heard: dict[str, _Heard] = {}
        self._second_s: dict[str, float] = {}

    def follow(self, edges: tuple[str, ...]) -> None:
        """Watch these from now on, after a new configuration; of those that stay nothing is forgotten."""
        self._edges = edges
        self._heard = {edge: heard for edge, heard in self._heard.items() if edge in edges}

    def seed(self, rows: list[HeartbeatRow]) -> None:
        """Take what the store has kept, so that a new process does not start blind."""
        now_ns, now_s = self._clock.now().wall_ns, self._clock.mono_s()
        for row in rows:
            self._take(row.received_ns, now_s - max(now_ns - row.received_ns, 0) / 1e9, row.body)

    def hear(self, body: bytes) -> None:
        """Take a heartbeat that came now."""
        self._take(self._clock.now().wall_ns, self._clock.mono_s(), body)

    def age_s(self) -> float | None:
        """Seconds since the heartbeat of the edge that is silent longest; None when one was never heard."""
        if any(edge not in self._heard for edge in self._edges):
            return None
        return self._clock.mono_s() - min(self._heard[edge].at_s for edge in self._edges)

    def link(self) -> Literal["up", "down"]:
        """Whether all edges are heard."""
        age_s = self.age_s()
        return "up" if age_s is not None and age_s <= SILENT_S else "down"

    def edge_link(self, edge: str) -> Literal["up", "down"]:
        """Whether this edge is heard."""
        heard = self._heard.get(edge)
        return "down" if heard is None or self._clock.mono_s() - heard.at_s > SILENT_S else "up"

    def pending(self, edge: str) -> int | None:
        """Rows of its journal that the hub has not covered, by its newest heartbeat; None: none came."""
        heard = self._heard.get(edge)
        return None if heard is None else heard.beat.pending

    def hold_s(self, edge: str) -> float | None:
        """How long from now it has room for its samples if the hub takes none; None: not known. [s]."""
        heard = self._heard.get(edge)
        if heard is None or heard.beat.hold_s is None:
            return None
        return max(heard.beat.hold_s - (self._clock.mono_s() - heard.at_s), 0.0)

    def second_agent(self, edge: str) -> bool:
        """Whether another agent with this id is about, most likely on a copy of its disk; it only reads."""
        at_s = self._second_s.get(edge)
        return at_s is not None and self._clock.mono_s() - at_s <= _SECOND_S

    def troubles(self) -> list[EdgeTrouble]:
        """What the boxes that are heard tell of themselves, and who is there twice."""
        told = [
            EdgeTrouble(
                edge=edge,
                code=code.value,
                text=TROUBLE_TEXTS[code],
                detail=detail,
                words=both(detail, TROUBLE_PHRASES),
            )
            for edge in self._edges
            if self.edge_link(edge) == "up"
            for code, detail in self._heard[edge].beat.troubles
        ]
        return told + [_twice(edge) for edge in self._edges if self.second_agent(edge)]

    def heard_ns(self, edge: str, known_ns: int) -> int:
        """When an edge was heard last, UTC: here, or at `known_ns` by another process of the hub [ns]."""
        heard = self._heard.get(edge)
        return known_ns if heard is None else max(heard.received_ns, known_ns)

    def clock_ahead_s(self, edge: str) -> float | None:
        """How far the wall clock of an edge is ahead of the hub's, by its newest heartbeat; None: none came.

        Too small by the way of that heartbeat, some milliseconds on a sound network. Samples and leases are
        right whatever it is (ADR 0008); a person should see to the box's time source all the same.
        """
        heard = self._heard.get(edge)
        return None if heard is None else round(heard.beat.wall_ms / 1e3 - heard.received_ns / 1e9, 1)

    def device_link(self, edge: str, device: str) -> Link:
        """Whether the edge reaches the device; unknown while the edge is silent."""
        heard = self._heard.get(edge)
        if heard is None or self._clock.mono_s() - heard.at_s > SILENT_S:
            return "unknown"
        state = heard.beat.links.get(device)
        return "up" if state == "up" else "down" if state == "down" else "unknown"

    def cap_hash_hex(self, edge: str, device: str) -> str | None:
        """State of the write block the edge goes by; None: it has none that is proven, or was never heard."""
        heard = self._heard.get(edge)
        return None if heard is None else heard.beat.cap_hashes.get(device)

    def _take(self, received_ns: int, at_s: float, body: bytes) -> None:
        beat = guarded_decode(decode_heartbeat, body, "heartbeat")
        if beat is None or beat.edge not in self._edges:
            return
        if beat.read_only:
            self._second_s[beat.edge] = at_s
        else:
            self._heard[beat.edge] = _Heard(received_ns, at_s, beat)


def _twice(edge: str) -> EdgeTrouble:
    code = TroubleCode.SECOND_AGENT
    return EdgeTrouble(
        edge=edge, code=code.value, text=TROUBLE_TEXTS[code], detail="", words=Text(en="", zh="")
    )
