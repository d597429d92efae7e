"""For how long the edges can hold their samples while the hub takes none, and who is short of room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hub.health.book import Ill
from hub.health.figures import Edges

SHORT_S: Final = 86_400.0
"""Less than a day: somebody has to see to it today. [s]"""

BACKLOG_ROWS: Final = 1000
"""An edge that holds back more than this, some eight minutes, is not only waiting for the next commit. [-]"""

STOPS_INTAKE: Final = ("series", "bus", "ingest", "ingest:commit", "ingest:shift", "ingest:part")
"""Parts without which nothing is taken in."""


def short_of_room(edges: Iterable[str], known: Edges, *, bus_down: bool) -> list[Ill]:
    """Edges that hold samples back and will have no room for them within a day."""
    found = []
    for edge in edges:
        hold_s, pending = known.hold_s(edge), known.pending(edge) or 0
        if hold_s is not None and hold_s < SHORT_S and (bus_down or pending > BACKLOG_ROWS):
            found.append(Ill("edge:hold", f"{edge} has room for {hold_s / 3600:.1f} h more"))
    return found


def with_hold(ill: Ill, edges: Iterable[str], known: Edges) -> Ill:
    """The same; where nothing is taken in because of it, with how long the edges can hold their samples."""
    holds = {edge: hold_s for edge in edges if (hold_s := known.hold_s(edge)) is not None}
    if ill.code.rstrip("0123456789") not in STOPS_INTAKE or not holds:
        return ill
    first = min(holds, key=lambda edge: holds[edge])
    return Ill(
        ill.code, f"{ill.detail}; the edges have room for {holds[first] / 3600:.1f} h at least ({first})"
    )
