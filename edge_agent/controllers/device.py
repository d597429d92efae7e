"""A controller as a device with points: what it would do is read, kept and shown like any reading.

Points: one for each set-point it wants, named `device_point` (null: it leaves the point alone), and
`state_code` (0 waits, 1 advises, 2 acts, 3 isolated), `reason_code` (`words.CODES`), `figure` (what it
reckons with). A frame is handed on when something changed, and each `SILENCE_S`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from edge_agent.controllers.file import Hosted
from edge_agent.controllers.laws import Said
from edge_agent.controllers.words import CODES
from protocols.clock import Instant
from protocols.driver import Reading
from protocols.frame import Catalogue, Frame
from protocols.point import PointKind
from protocols.quality import Quality

SILENCE_S: Final = 60.0

WAITS: Final = 0
ADVISES: Final = 1
ACTS: Final = 2
ISOLATED: Final = 3

_OWN: Final = ("state_code", "reason_code", "figure")
_NS: Final = 1_000_000_000


def catalogue_of(site: str, hosted: Hosted) -> Catalogue:
    """Points of a controller's own device."""
    return Catalogue(
        site,
        hosted.id,
        (*(wish.name for wish in hosted.wishes), *_OWN),
        (*(wish.to_unit for wish in hosted.wishes), "code", "code", ""),
        (
            *(PointKind.STATE.value for _ in hosted.wishes),
            PointKind.STATE.value,
            PointKind.STATE.value,
            PointKind.MEASUREMENT.value,
        ),
    )


class OwnDevice:
    """Turns what a controller says into readings."""

    def __init__(self, site: str, hosted: Hosted, hand_on: Callable[[Frame], None]) -> None:
        self.catalogue = catalogue_of(site, hosted)
        self._hash = self.catalogue.hash()
        self._hand_on = hand_on
        self._last: tuple[float | None, ...] | None = None
        self._sent_ns = 0

    def tell(self, wishes: tuple[float | None, ...], said: Said | None, state: int, at: Instant) -> Reading:
        """The reading of this second, handed on when it is news; wishes in the units of the points."""
        reason = CODES["none" if said is None else said.reason]
        figure = math.nan if said is None else said.figure
        row = (*wishes, float(state), reason, figure if math.isfinite(figure) else None)
        values = np.array([math.nan if value is None else value for value in row], np.float64)
        qualities = np.where(np.isnan(values), Quality.BAD_NOT_AVAILABLE, Quality.GOOD).astype(np.uint8)
        news = self._last is None or row[:-1] != self._last[:-1]
        if news or at.mono_ns - self._sent_ns >= SILENCE_S * _NS:
            self._last, self._sent_ns = row, at.mono_ns
            self._hand_on(Frame(self._hash, at, values, qualities))
        return Reading(values, qualities)
