"""What every shape of an outlet can do, and the two shapes of JSON. Pure.

A bad sample is `null` with its reason, an uncertain one a number that says so; a reader that looks at the
number alone sees no number where there is none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from typing_extensions import override

from edge_agent.outlet.newest import DeviceState, Told
from protocols.outlet import DeviceTopics, PointTopics
from protocols.quality import Quality
from runtime.clock import iso_utc

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

_NAMES: Final = {int(quality): quality.name.lower() for quality in Quality}


class Message(NamedTuple):
    """One message to the broker."""

    topic: str
    body: bytes
    qos: int = 0
    retain: bool = False


class Teller(Protocol):
    """A shape of messages; one session after the other."""

    commands: tuple[str, ...]
    """Topics that are listened to."""

    ordered: bool
    """Whether messages of different topics must arrive in their order."""

    def will(self, session: int) -> Message | None:
        """What the broker says when this session ends without a word; `session` counts up with each."""
        ...

    def hello(self) -> list[Message]:
        """What a new session begins with."""
        ...

    def told(self, told: Told) -> Iterable[Message]:
        """Some samples; many messages are made one by one, so that others get their turn in between."""
        ...

    def goodbye(self) -> list[Message]:
        """What a session says before it ends in order."""
        ...

    def rebirth_wanted(self, topic: str, body: bytes) -> bool:
        """Whether a message that was heard asks for `hello` again; anything else in it is not obeyed."""
        ...


class JsonTeller(Teller):
    """What both shapes of JSON share: a topic that says whether we are there; nothing is listened to.

    Args:
        place: What stands for {site} and {edge} in a topic.
        status_topic: Topic of `online` and `offline`; None: there is none.
    """

    commands = ()
    ordered = False

    def __init__(self, place: dict[str, str], status_topic: str | None) -> None:
        self._place = place
        self._status = None if status_topic is None else status_topic.format_map(place)

    @override
    def will(self, session: int) -> Message | None:
        return None if self._status is None else Message(self._status, OFFLINE, 1, retain=True)

    @override
    def hello(self) -> list[Message]:
        return [] if self._status is None else [Message(self._status, ONLINE, 1, retain=True)]

    @override
    def goodbye(self) -> list[Message]:
        will = self.will(0)
        return [] if will is None else [will]

    @override
    def rebirth_wanted(self, topic: str, body: bytes) -> bool:
        return False


class PointTeller(JsonTeller):
    """A message a sample."""

    def __init__(self, shape: PointTopics, place: dict[str, str], status_topic: str | None) -> None:
        super().__init__(place, status_topic)
        self._shape = shape
        self._topics: dict[str, list[str]] = {}

    @override
    def told(self, told: Told) -> Iterator[Message]:
        topics, shape = self.topics(told.state), self._shape
        for at, body in _bodies(told):
            yield Message(topics[at], _packed(body), shape.qos, shape.retain)

    def topics(self, state: DeviceState) -> list[str]:
        """Topics of the points of one device."""
        known = self._topics.get(state.device)
        if known is None:
            place = {**self._place, "device": state.device}
            known = [self._shape.topic.format_map({**place, "point": name}) for name in state.points]
            self._topics[state.device] = known
        return known


class DeviceTeller(JsonTeller):
    """A message a poll of a device."""

    def __init__(self, shape: DeviceTopics, place: dict[str, str], status_topic: str | None) -> None:
        super().__init__(place, status_topic)
        self._shape = shape

    @override
    def told(self, told: Told) -> list[Message]:
        topic = self.topic(told.state)
        return [
            Message(topic, _packed(_body_at(told, int(time_ns))), self._shape.qos)
            for time_ns in np.unique(told.times_ns)
        ]

    def topic(self, state: DeviceState) -> str:
        """Topic of one device."""
        return self._shape.topic.format_map({**self._place, "device": state.device})


def _bodies(told: Told) -> Iterator[tuple[int, dict[str, Any]]]:
    columns = (told.at, told.values, told.qualities, told.times_ns)
    units, known_ns, time = told.state.units, 0, ""
    for at, value, quality, time_ns in zip(*(column.tolist() for column in columns), strict=True):
        if time_ns != known_ns:
            known_ns, time = time_ns, iso_utc(time_ns)
        yield at, {"value": _number(value), "quality": _NAMES[quality], "unit": units[at], "time": time}


def _body_at(told: Told, time_ns: int) -> dict[str, Any]:
    chosen = told.times_ns == time_ns
    names = [told.state.points[at] for at in told.at[chosen].tolist()]
    qualities = dict(zip(names, told.qualities[chosen].tolist(), strict=True))
    return {
        "device": told.state.device,
        "time": iso_utc(time_ns),
        "values": dict(zip(names, map(_number, told.values[chosen].tolist()), strict=True)),
        "quality": {name: _NAMES[code] for name, code in qualities.items() if code != Quality.GOOD},
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _packed(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
