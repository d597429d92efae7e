"""What a plan costs where needs and sun come otherwise than foreseen: the forecast's own band, run forward.

Cheap is every need at the course that is undercut one time in ten with the sun at the one exceeded as seldom,
dear the other way round. All of them at once is rarer than one in ten, so the band is wider than 80 %.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import numpy as np

from hub.dispatch.events import NEEDS
from hub.forecast.issue import Issue
from hub.forecast.issued import spread_of
from hub.forecast.quarters import FloatArray
from hub.forecast.similar import Window
from optimizer.outlook import Outlook
from optimizer.planning import Reserve
from optimizer.reserve import InHand
from optimizer.words import CARRIERS, said
from protocols.config import Text

_SUN: Final = "irradiance_w_m2"
_SERIES: Final = {"air": "air_m3_min", "cooling": "cooling_kw"}


def in_hand(
    outlook: Outlook, issue: Issue | None, of: tuple[Window, Collection[str]], reserve: Reserve
) -> tuple[InHand, tuple[Text, ...]]:
    """What is kept ready, and what cannot be told of it.

    Args:
        outlook: What is planned on.
        issue: The forecast it was made from; None: there is none.
        of: Its steps, and series it was not made from.
        reserve: What the site asks for.
    """
    window, refused = of
    notes: list[Text] = []
    high: dict[str, FloatArray] = {}
    for carrier in reserve.by_quantile:
        name = _SERIES[carrier]
        spread = None if issue is None or name in refused else spread_of(issue, name, window)
        if spread is None:
            notes.append(
                said(
                    "capacity for {what} is kept ready by the usual share: its forecast has no band",
                    "{what}按常规比例预留容量：其预测没有区间",
                    what=CARRIERS[carrier],
                )
            )
            continue
        course: FloatArray = getattr(outlook, name)
        high[name] = np.maximum(course + spread[1], 0.0)
    kept = InHand(
        air_m3_min=high.get("air_m3_min"),
        cooling_kw=high.get("cooling_kw"),
        without_largest=reserve.without_largest,
    )
    return kept, tuple(notes)


def around(
    outlook: Outlook, issue: Issue, window: Window, refused: Collection[str]
) -> tuple[Outlook, Outlook] | None:
    """The cheap and the dear outlook; None where the forecast has no band, or part of it is not used.

    Args:
        outlook: What is planned on.
        issue: The forecast it was made from.
        window: Its steps.
        refused: Series it was not made from.
    """
    cheap: dict[str, FloatArray] = {}
    dear: dict[str, FloatArray] = {}
    for name in (*NEEDS, _SUN):
        spread = None if name in refused else spread_of(issue, name, window)
        if spread is None:
            return None
        course: FloatArray = getattr(outlook, name)
        low, high = (np.maximum(course + part, 0.0) for part in spread)
        cheap[name], dear[name] = (high, low) if name == _SUN else (low, high)
    return replace(outlook, **cheap), replace(outlook, **dear)  # type: ignore[arg-type]  # courses by their names
