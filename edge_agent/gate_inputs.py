"""What the gate is told of the image: each new reading once, as events; asked at every tick of the gate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Protocol

from edge_agent.gate.events import Event, InputRead, LocalMode, PointRead, Safety
from edge_agent.gate.rules import NS, Rules
from protocols.quality import is_good


class Reading(Protocol):
    """Last poll of one point."""

    @property
    def value(self) -> float:
        """NaN where bad."""
        ...

    @property
    def quality(self) -> int:
        """Code of `protocols.quality.Quality`."""
        ...

    @property
    def mono_s(self) -> float:
        """Boot clock at the poll; minus infinity when never polled."""
        ...


class ImagePort(Protocol):
    """The process image."""

    def get(self, point: str) -> Reading:
        """Last poll of `device/point`."""
        ...


class GateInputs:
    """Looks at the image; hardwired safety and local switches first, set-points last."""

    def __init__(
        self,
        rules: Rules,
        local_points: Mapping[str, str],
        safety_points: Mapping[str, str],
        image: ImagePort,
    ) -> None:
        self._rules = rules
        self._local_points = local_points
        self._safety_points = safety_points
        self._image = image
        self._seen_s: dict[tuple[str, str], float] = {}

    def fresh(self) -> Iterator[Event]:
        """An event for every reading that was not told before; a switch that was read badly says nothing."""
        yield from self._switches()
        for name in self._rules.inputs:
            for reading, at_ns in self._new("input", name):
                yield InputRead(name, reading.value, is_good(reading.quality), at_ns)
        for point, rules in self._rules.points.items():
            for reading, at_ns in self._new("point", f"{rules.device}/{rules.name}"):
                yield PointRead(point, reading.value, is_good(reading.quality), at_ns)

    def _switches(self) -> Iterator[Event]:
        for device, name in self._safety_points.items():
            for reading, at_ns in self._good("safety", f"{device}/{name}"):
                yield Safety(device, reading.value != 0, at_ns)
        for device, name in self._local_points.items():
            for reading, at_ns in self._good("local", f"{device}/{name}"):
                yield LocalMode(device, reading.value != 0, at_ns)

    def _good(self, use: str, name: str) -> Iterator[tuple[Reading, int]]:
        return (found for found in self._new(use, name) if is_good(found[0].quality))

    def _new(self, use: str, name: str) -> Iterator[tuple[Reading, int]]:
        reading = self._image.get(name)
        if reading.mono_s > self._seen_s.get((use, name), -math.inf):
            self._seen_s[use, name] = reading.mono_s
            yield reading, round(reading.mono_s * NS)
