"""An outlet: where an edge publishes its samples for others, over MQTT; nothing is ever obeyed there.

It stands beside the way to the hub and never in it: bounded, lossy when its broker is away, and counted.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from protocols.access import Login, Tls
from protocols.config import Config

SPACE: Final = "spBv1.0"
"""Name space of Sparkplug B, the first level of its topics."""

_SparkplugId = Annotated[str, Field(pattern=r"^[^/+#{}]+$")]
_Topic = Annotated[str, Field(pattern=r"^[^+#$/][^+#]*$")]


class PointTopics(Config):
    """One topic a point: `{"value": 7.5, "quality": "good", "unit": "kW", "time": "2026-…"}`."""

    kind: Literal["point"] = "point"

    topic: _Topic = "ems/{site}/{device}/{point}"
    """Topic with {site}, {edge}, {device} and {point} in it."""

    qos: Literal[0, 1] = 0
    """0: at most once. 1: at least once, as long as the queue holds."""

    retain: bool = False
    """Whether the broker keeps the newest message for readers that come later; needs `status_topic`."""

    @field_validator("topic")
    @classmethod
    def _says_which(cls, topic: str) -> str:
        return _checked(topic, ("device", "point"))


class DeviceTopics(Config):
    """One topic a device, one message a poll: `{"time": …, "values": {"power_kw": 7.5}, "quality": {}}`."""

    kind: Literal["device"] = "device"

    topic: _Topic = "ems/{site}/{device}"
    """Topic with {site}, {edge} and {device} in it."""

    qos: Literal[0, 1] = 0
    """0: at most once. 1: at least once, as long as the queue holds."""

    @field_validator("topic")
    @classmethod
    def _says_which(cls, topic: str) -> str:
        return _checked(topic, ("device",))


class SparkplugTopics(Config):
    """An edge node of Sparkplug B 3.0: births, data by exception, deaths; the topics are the standard's."""

    kind: Literal["sparkplug"] = "sparkplug"

    group: _SparkplugId
    """Group id."""

    node: _SparkplugId | None = None
    """Edge node id; None: `<site>_<edge>`. Devices below it have the names of ours."""


Shape = Annotated[PointTopics | DeviceTopics | SparkplugTopics, Field(discriminator="kind")]


class Outlet(Config):
    """A broker that is told what this edge reads. It is never the plant's own bus."""

    host: Annotated[str, Field(min_length=1)]
    """Broker's IP address or name."""

    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    """Broker's TCP port; 8883 is usual with `tls`."""

    login: Login | None = None
    """User and password at the broker."""

    tls: Tls | None = None
    """Encryption; None for a plain connection."""

    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """MQTT client id; None: `ems_<site>_<edge>`. No two clients of a broker may have the same."""

    points: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    """Patterns of `device/point` that are told: `*` for any text, `?` for one character."""

    shape: Shape = PointTopics()
    """What the messages look like."""

    status_topic: _Topic | None = None
    """Topic that holds `online` while this edge is there and `offline` (its last will) when it is not,
    retained; not with Sparkplug B, which has births and deaths. {site} and {edge} may be in it."""

    queue: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Polls that may wait while the broker is slow or away; the oldest is given up for a new one, counted."""

    @field_validator("status_topic")
    @classmethod
    def _says_whose(cls, topic: str | None) -> str | None:
        return None if topic is None else _checked(topic, (), ("site", "edge"))

    @model_validator(mode="after")
    def _covered(self) -> Self:
        if self.login is not None and self.login.password and self.tls is None and not self.login.plain:
            raise ValueError("a password needs `tls`; `plain: true` in `login` sends it unprotected")
        if self.shape.kind == "sparkplug" and self.status_topic is not None:
            raise ValueError("`status_topic` is not for Sparkplug B, whose births and deaths say the same")
        if self.shape.kind == "point" and self.shape.retain and self.status_topic is None:
            raise ValueError(
                "`retain` needs `status_topic`; without it an old number could not be told from a present one"
            )
        return self

    def tells(self, device: str, point: str) -> bool:
        """Whether a point is told.

        Example:
            >>> Outlet(host="b", points=("comp*/power_kw",)).tells("comp1", "power_kw")
            True
        """
        return any(fnmatchcase(f"{device}/{point}", pattern) for pattern in self.points)


def idle_patterns(outlet: Outlet, names: list[str]) -> Iterator[int]:
    """Positions of the patterns that match none of `names`, each `device/point`."""
    for at, pattern in enumerate(outlet.points):
        if not any(fnmatchcase(name, pattern) for name in names):
            yield at


def _checked(topic: str, must: tuple[str, ...], may: tuple[str, ...] = ()) -> str:
    allowed = may or ("site", "edge", *must)
    shown = ", ".join(f"{{{name}}}" for name in allowed)
    try:
        named = {name for _, name, _, _ in string.Formatter().parse(topic) if name is not None}
    except ValueError as error:
        raise ValueError(f"the braces of {topic!r} do not close; allowed are {shown}") from error
    unknown = sorted(named.difference(allowed))
    if unknown:
        raise ValueError(f"{topic!r} names {{{unknown[0]}}}; allowed are {shown}")
    missing = [name for name in must if name not in named]
    if missing:
        raise ValueError(f"{topic!r} needs {{{missing[0]}}}, or two of them would share a topic")
    if topic.startswith(SPACE):
        raise ValueError(f"{topic!r} lies in the name space of Sparkplug B; use the shape sparkplug")
    return topic
