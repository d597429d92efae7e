"""What machines did before this hub looked at them, from the store: starts of the last day, time in a state.

A planner that begins anew would else give out the starts of an hour or a day once more, and stop what has
hardly started. The past is looked at as the present is: each change of a state goes through `look`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import MachineSeen, Reading, Snapshot, look, machines_of
from hub.forecast.quarters import QUARTER_NS, Quarters
from hub.store.port import StoreReader, TimeArray, Windows
from protocols.point import PointId, local_point
from protocols.quality import Quality, good_mask

_DAY_NS: Final = 86_400 * 1_000_000_000
_STATE: Final = "state_code"
_ONE_NS: Final = 60 * 1_000_000_000
"""Starts of a machine so near to each other are one, seen by two clocks. [ns]"""


def seen_before(site: DispatchSite, reader: StoreReader, now_ns: int) -> dict[str, MachineSeen]:
    """Machines as they would have been seen since a day ago; only starts and times in a state count.

    What is not known counts as no change: a machine that ran before a gap and after it has not started. One
    with no state at all in that day is left out.

    Args:
        site: The plant.
        reader: Where the past is.
        now_ns: Now; samples from here on are not looked at.

    Raises:
        StoreError: The past cannot be read.
    """
    sheet = site.plant.flowsheet
    points = {
        name: local_point(site.id, bound)
        for name, _ in machines_of(sheet)
        if (bound := sheet.binding(name, _STATE)) is not None
    }
    changes = [(name, one) for name, found in _changes(reader, points, now_ns).items() for one in found]
    changes.sort(key=lambda change: change[1].time_ns)
    seen: dict[str, MachineSeen] = {}
    for at_ns, together in groupby(changes, key=lambda change: change[1].time_ns):
        told = dict(together)
        readings = {points[name].local: reading for name, reading in told.items()}
        machines = look(site, Snapshot(at_ns, readings, {}, Quarters(0, {})), seen).machines
        seen = {name: machines[name] for name in seen.keys() | told.keys()}
    return seen


def recall(
    site: DispatchSite,
    snapshot: Snapshot,
    seen: Mapping[str, MachineSeen],
    past: Mapping[str, MachineSeen],
) -> dict[str, MachineSeen]:
    """What was seen at the last look, with what the past adds to it.

    Where nothing was seen yet the past is all there is. Later it adds starts that the store has heard of
    since, as from an edge that was away for a while; one that was seen and stands in the store too is one.

    Args:
        site: The plant.
        snapshot: The plant now.
        seen: Machines at the last look; empty before the first.
        past: What the store tells (`seen_before`).
    """
    if not seen:
        return look(site, snapshot, dict(past)).machines if past else {}
    found = dict(seen)
    for name in seen.keys() & past.keys():
        known = seen[name].starts_ns
        more = (at_ns for at_ns in past[name].starts_ns if all(abs(at_ns - one) > _ONE_NS for one in known))
        found[name] = replace(seen[name], starts_ns=tuple(sorted((*known, *more))))
    return found


def _changes(reader: StoreReader, points: Mapping[str, PointId], now_ns: int) -> dict[str, list[Reading]]:
    """Of each machine its first state and each other one after it.

    Kept windows say in which quarters a state moved at all; samples are read of these alone.
    """
    begin_ns = (now_ns - _DAY_NS) // QUARTER_NS * QUARTER_NS
    edges: TimeArray = np.append(np.arange(begin_ns, now_ns, QUARTER_NS, dtype=np.int64), np.int64(now_ns))
    windows = reader.over(sorted(set(points.values())), edges)
    return {name: list(_told(reader, point, windows[point], edges)) for name, point in sorted(points.items())}


def _told(reader: StoreReader, point: PointId, windows: Windows, edges_ns: TimeArray) -> Iterator[Reading]:
    last: float | None = None
    covered = np.flatnonzero(windows.covered_s > 0).tolist()
    moved = dict(zip(covered, _moved(windows, covered), strict=True))
    for moves, quarters in groupby(covered, key=moved.__getitem__):
        stretch = list(quarters)
        from_ns, to_ns = int(edges_ns[stretch[0]]), int(edges_ns[stretch[-1] + 1])
        steady = Reading(float(windows.first[stretch[0]]), int(Quality.GOOD), from_ns)
        for one in _samples(reader, point, from_ns, to_ns) if moves else [steady]:
            if one.value != last:
                yield one
            last = one.value


def _moved(windows: Windows, covered: list[int]) -> list[bool]:
    """Whether the state of each of these quarters is another one than before, moves in it, or is in doubt."""
    first, last = windows.first[covered], windows.last[covered]
    others = windows.low[covered] != windows.high[covered]
    others |= first != np.append(first[:1], last[:-1])
    others |= first != np.rint(first)  # a mean of old records tells no state
    others |= ~good_mask(windows.worst[covered])
    return [bool(one) for one in others]


def _samples(reader: StoreReader, point: PointId, from_ns: int, to_ns: int) -> list[Reading]:
    """Samples that tell a state."""
    raw = reader.raw(point, from_ns, to_ns)
    known = np.isfinite(raw.values) & (good_mask(raw.qualities) | (raw.qualities == Quality.UNCERTAIN_TIME))
    told = (array[known].tolist() for array in (raw.values, raw.qualities, raw.times_ns))
    return [Reading(*one) for one in zip(*told, strict=True)]
