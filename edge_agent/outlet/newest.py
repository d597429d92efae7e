"""Which points are told, and the newest of each, for readers that come later or lost something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.poll import PollGroup
from protocols.frame import Frame, Qualities, Values
from protocols.outlet import Outlet
from protocols.quality import Quality

Positions = NDArray[np.intp]
Times = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class DeviceState:
    """The newest of each told point of a device, in columns of shape (n,).

    Attributes:
        device: Device id.
        first: Number of its first point among all that are told.
        points: Names.
        units: Symbols.
        values: NaN where bad.
        qualities: Codes of `Quality`.
        times_ns: When the device took each, or the poll was made, Unix nanoseconds; 0 before the first poll.
    """

    device: str
    first: int
    points: tuple[str, ...]
    units: tuple[str, ...]
    values: Values
    qualities: Qualities
    times_ns: Times

    @property
    def reachable(self) -> bool:
        """Whether the device answered last time with anything at all."""
        return bool((self.qualities != Quality.BAD_UNREACHABLE).any())


class Told(NamedTuple):
    """Samples of one device that go out together.

    `number` counts up with each poll; `at` are positions in the state of the device; all of shape (n,).
    """

    number: int
    state: DeviceState
    at: Positions
    values: Values
    qualities: Qualities
    times_ns: Times


class _Group(NamedTuple):
    state: DeviceState
    at: Positions
    """Position of each point of the catalogue in the state, -1 where it is not told."""
    whole: bool


class Newest:
    """State of every told point; `take` is called by the poller and does a handful of numpy operations."""

    def __init__(self, outlet: Outlet, groups: Sequence[PollGroup]) -> None:
        self.devices: dict[str, DeviceState] = {}
        self.number = 0
        """Number of the poll that was taken last."""

        names: dict[str, dict[str, str]] = {}
        for group in groups:
            units = zip(group.points, group.catalogue.units, strict=True)
            told = {name: unit for name, unit in units if outlet.tells(group.device, name)}
            names.setdefault(group.device, {}).update(told)
        first = 0
        for device, told in names.items():
            if told:
                self.devices[device] = _unheard(device, first, told)
                first += len(told)
        self._groups = {
            group.hash: _group(self.devices[group.device], group.points)
            for group in groups
            if group.device in self.devices
        }

    def take(self, frame: Frame) -> Told | None:
        """Keep what is new; gives it, or None when nothing of it is told."""
        group = self._groups.get(frame.catalogue)
        if group is None:
            return None
        at = group.at if frame.indices is None else group.at[frame.indices]
        values, qualities, times_ns = frame.values, frame.qualities, frame.times_ns()
        if not group.whole:
            chosen = at >= 0
            at, values, qualities, times_ns = at[chosen], values[chosen], qualities[chosen], times_ns[chosen]
        if not len(at):
            return None
        state, self.number = group.state, self.number + 1
        state.values[at], state.qualities[at], state.times_ns[at] = values, qualities, times_ns
        return Told(self.number, state, at, values, qualities, times_ns)

    def all_of(self, state: DeviceState) -> Told:
        """Everything that is known of a device by now."""
        at = np.flatnonzero(state.times_ns)
        return Told(self.number, state, at, state.values[at], state.qualities[at], state.times_ns[at])


def _unheard(device: str, first: int, told: dict[str, str]) -> DeviceState:
    count = len(told)
    return DeviceState(
        device,
        first,
        tuple(told),
        tuple(told.values()),
        np.full(count, np.nan),
        np.full(count, Quality.BAD_UNREACHABLE, np.uint8),
        np.zeros(count, np.int64),
    )


def _group(state: DeviceState, points: Sequence[str]) -> _Group:
    places = {name: at for at, name in enumerate(state.points)}
    at = np.array([places.get(name, -1) for name in points], np.intp)
    return _Group(state, at, bool((at >= 0).all()))
