"""Answers of the API; their names and fields are the contract with the page (`web/openapi.json`)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from hub.registry.site import Mode
from hub.store.port import LastValue
from protocols.config import Config, Text
from protocols.quality import is_bad, is_good

Link = Literal["up", "down", "unknown"]
QualityClass = Literal["good", "uncertain", "bad"]
Number = Annotated[float, Field(allow_inf_nan=False)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Problem(Config):
    """A refusal in words (RFC 9457)."""

    type: str
    """Always `about:blank`: the status says it all."""

    title: str
    """Name of the status."""

    status: int
    """HTTP status."""

    detail: str
    """What is wrong and what to do."""

    text: Text
    """The same for a person, in both languages."""

    code: str | None = None
    """The same for a program, in a word; None where the status says it."""


class LoginRequest(Config):
    """Who wants in."""

    username: str = Field(min_length=1, max_length=64)
    """Name."""

    password: str = Field(min_length=1, max_length=256)
    """Password."""

    code: str = Field(default="", max_length=16)
    """What the code generator shows, of a person with a second factor; empty: none."""


class Session(Config):
    """A running sign-in; the refresh token is in the cookie, never here."""

    access_token: str
    """Send as `Authorization: Bearer …`; keep it in memory only."""

    expires_in_s: Number
    """How long it is good. [s]"""

    username: str
    """Who signed in."""

    role: str
    """What they are at this hub's site; empty: nothing."""

    rights: list[str]
    """What they may do beyond looking: command, configure, manage, administer."""


class HealthPart(Config):
    """One part of the hub."""

    name: str
    """Which."""

    status: str
    """`ok` or `degraded`."""

    detail: str
    """One sentence."""

    text: Text | None = None
    """What is ill, for a person; None where nothing is."""

    effect: Text | None = None
    """What that means for the plant, and what to do; None where nothing is ill."""


class Health(Config):
    """State of the hub."""

    status: Literal["ok", "degraded"]
    """`ok` only when every part is."""

    parts: list[HealthPart] | None = None
    """Only for a signed-in caller."""

    provider: Text | None = None
    """What stands on the button that leads to `/auth/oidc`; none without a provider of identities."""


class Site(Config):
    """A site the caller may see."""

    id: str
    """Id part."""

    label: Text
    """What people call it."""

    mode: Mode
    """What the hub may do there."""

    time_zone: str
    """IANA name."""

    currency: str
    """ISO 4217 code."""


class Device(Config):
    """A device of a site."""

    id: str
    """Id part."""

    label: Text
    """What people call it."""

    kind: str
    """Kind of equipment, by its profile."""

    protocol: str
    """What it speaks."""

    link: Link
    """Whether the edge reaches it; unknown while the edge is silent."""

    mode: str
    """What the hub may do with it."""


class Point(Config):
    """A point of a device."""

    id: str
    """`site/device/point`."""

    device: str
    """Id of the device."""

    name: str
    """Id of the point in the device."""

    unit: str
    """Symbol."""

    kind: str
    """measurement, counter, state, setpoint or virtual."""

    label: Text
    """What people call it."""

    low: Number | None
    """Lowest valid value. [unit]"""

    high: Number | None
    """Highest valid value. [unit]"""

    stale_after_s: Number
    """Age from which on a value is not the present one; longer where it is reported by exception. [s]"""

    expression: str | None = None
    """How a virtual point is calculated; None for a measured one."""

    inputs: list[str] = Field(default_factory=list)
    """Measured points it is calculated from, `site/device/point`."""


class Value(Config):
    """Newest sample of a point."""

    point: str
    """`site/device/point`."""

    value: Number | None
    """None where the quality is bad. [unit of the point]"""

    quality: int
    """Code of the quality."""

    quality_class: QualityClass
    """good, uncertain or bad."""

    time: datetime
    """When it was so: told by the device where that can be right, else when the device was read."""

    age_s: Number
    """How long ago that was when this answer was made. [s]"""

    source_time: datetime | None
    """What the device itself told, right or wrong; None where it tells no times."""


class PlanSeries(Config):
    """One line of a plan."""

    name: str
    """Which."""

    unit: str
    """Symbol."""

    label: Text
    """What people call it."""

    values: list[Number | None]
    """One a step. [unit]"""


class PlanMachine(Config):
    """What a machine does in a plan."""

    device: str
    """Id of the device."""

    label: Text
    """What people call it."""

    on: list[int]
    """1 where it may run, one a step."""

    role: list[str]
    """Role, one a step."""


class Plan(Config):
    """The plan accepted last; fourteen fields because it is one answer, not a thing one fills in."""

    id: str
    """Id."""

    created: datetime
    """When it was accepted."""

    status: str
    """How the solver ended."""

    gap: Number | None
    """Fraction between cost and bound."""

    bound: Number | None
    """Proven bound of the problem solved. [currency]"""

    cost: Number
    """Re-simulated cost. [currency]"""

    baseline_cost: Number | None
    """The plant's own control on the same forecast. [currency]"""

    co2_kg: Number
    """Emissions. [kg]"""

    solve_s: Number
    """Time to solve. [s]"""

    currency: str
    """ISO 4217 code."""

    step_s: int
    """Length of a step. [s]"""

    times: list[datetime]
    """Starts of the steps."""

    series: list[PlanSeries]
    """Lines."""

    machines: list[PlanMachine]
    """Machines."""


CommandState = Literal[
    "issued", "received", "written", "verified", "refused", "failed", "released", "expired"
]


class Command(Config):
    """A set-point and what became of it."""

    id: str
    """Id, hex."""

    time: datetime
    """When it was issued."""

    point: str
    """`site/device/point`."""

    value: Number
    """Set-point. [unit]"""

    unit: str
    """Symbol."""

    state: CommandState
    """Where it is."""

    code: str | None
    """Why it was refused or failed."""

    text: Text
    """The same as a sentence."""

    reason: Text
    """Why it was wanted, in both languages; a person's words as they wrote them."""

    level: str
    """Rung."""

    lease_until: datetime | None
    """End of the lease."""

    readback: Number | None
    """What a separate read saw. [unit]"""

    readback_time: datetime | None
    """When that was."""


def from_ns(time_ns: int) -> datetime:
    """Nanoseconds since the epoch as aware UTC, cut to microseconds.

    Example:
        >>> from_ns(1_500_000_000).isoformat()
        '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def to_ns(time: datetime) -> int:
    """Aware time as nanoseconds since the epoch.

    Example:
        >>> to_ns(from_ns(1_500_000_000))
        1500000000
    """
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def number(value: float) -> float | None:
    """NaN and infinities become None: JSON has no word for them.

    Example:
        >>> number(float("nan")) is None, number(2.0)
        (True, 2.0)
    """
    return value if math.isfinite(value) else None


def quality_class(quality: int) -> QualityClass:
    """Class of a quality code."""
    if is_bad(quality):
        return "bad"
    return "good" if is_good(quality) else "uncertain"


def value_of(point: str, last: LastValue, now_ns: int) -> Value:
    """Newest sample as an answer."""
    return Value(
        point=point,
        value=None if is_bad(last.quality) else number(last.value),
        quality=last.quality,
        quality_class=quality_class(last.quality),
        time=from_ns(last.time_ns),
        age_s=max(now_ns - last.time_ns, 0) / 1e9,
        source_time=told_time(last.source_ns),
    )


def told_time(source_ns: int) -> datetime | None:
    """What a device told; None for 0, which says that it told nothing."""
    return from_ns(source_ns) if source_ns else None


def fit(model: type[Config], row: dict[str, Any]) -> dict[str, Any]:
    """Only the fields a model has, NaN as None: the ledger may tell more than the page is promised."""
    return {
        name: number(row[name]) if isinstance(row[name], float) else row[name]
        for name in model.model_fields
        if name in row
    }
