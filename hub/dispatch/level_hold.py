"""A water temperature that a plan has chosen holds for an hour. Pure.

Until the loop has followed a new one, what the chillers give is not what the users need: the loop takes up
cold or gives it back. A level that is chosen anew by that swings from step to step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Accepted
from hub.forecast.quarters import QUARTER_NS
from optimizer.choices import CHILLED_WATER, CONDENSER_WATER

HELD_NS: Final = 4 * QUARTER_NS
"""How long a level holds at least."""
FOLLOWED_NS: Final = QUARTER_NS
"""How long the loop follows a new one, the mean that needs are looked at by included."""
_COOLING: Final = "cooling_kw"


class Since(NamedTuple):
    """A level in force."""

    level_c: float
    """Of the water. [°C]"""
    begin_ns: int
    """When it began."""


def in_force(known: Mapping[str, Since], plan: Accepted | None, now_ns: int) -> Mapping[str, Since]:
    """Levels of the plan in force and since when they hold.

    Args:
        known: The same at the last look.
        plan: Plan in force.
        now_ns: Wall clock.
    """
    at = None if plan is None else plan.plan.step_at(now_ns)
    if plan is None or at is None:
        return {}
    found: dict[str, Since] = {}
    for name in (CHILLED_WATER, CONDENSER_WATER):
        chosen = plan.plan.setpoints.get(name)
        if chosen is not None:
            level_c, before = float(chosen[at]), known.get(name)
            found[name] = before if before and before.level_c == level_c else Since(level_c, now_ns)
    return found


def courses(known: Mapping[str, Since], start_ns: int) -> dict[str, tuple[float, ...]]:
    """Name to the level in the first quarter hours of a window, as long as it still has to hold.

    By whole quarter hours: a plan comes some seconds after the step it begins with.
    """
    left = {
        name: (one.begin_ns + HELD_NS - start_ns + QUARTER_NS // 2) // QUARTER_NS
        for name, one in known.items()
    }
    return {name: (one.level_c,) * left[name] for name, one in known.items() if left[name] > 0}


def needs_known(known: Mapping[str, Since], snapshot: Snapshot) -> Snapshot:
    """The same without the need for cooling while the loop follows a new temperature of the chilled water."""
    water = known.get(CHILLED_WATER)
    if water is None or snapshot.now_ns - water.begin_ns >= FOLLOWED_NS:
        return snapshot
    return replace(snapshot, recent={name: one for name, one in snapshot.recent.items() if name != _COOLING})
