"""What a site declares about its alarms: `configs/sites/<site>/alarms.yaml`. The file need not be there.

alarms:
  - id: air_pressure_low
    label: {en: Air pressure low, zh: 气压过低}
    when: {kind: limit, point: comp4/pressure_bar_g, below: 6.2, deadband: 0.1}
    priority: 1
    on_delay_s: 10
    cause: {en: Demand above the running machines, zh: 用气量超过在运行机组}
    consequence: {en: Production stops below 5.5 bar, zh: 低于 5.5 bar 将停产}
    action: {en: Start the standby compressor, zh: 启动备用空压机}
notify:
  - {sender: mail, to: [shift@plant.example], priorities: [1, 2], language: zh}
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocols.config import Config, IdPart, Text
from protocols.expression import MOST_CHARACTERS
from protocols.rules import DevicePoint
from protocols.units import Seconds

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Band = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Priority = Literal[1, 2, 3, 4]
Delay = Annotated[Seconds, Field(le=86_400)]
Address = Annotated[str, Field(pattern=r"^[^\s,;<>]{1,254}$")]
"""A mail address, or what else a sender takes; one a place in the list."""

Truth = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]

Ended = Literal["refused", "failed", "expired", "overridden", "stopped"]
ENDINGS: Final[tuple[Ended, ...]] = ("refused", "failed", "expired", "overridden", "stopped")
"""How a set-point may end otherwise than it was meant to."""

MOST_RULES: Final = 2000
MOST_NOTIFY: Final = 50


class _OneSide(Config):
    """Something that has a limit on one side."""

    above: Number | None = None
    """The limit that must not be exceeded; give this or `below`. [unit]"""

    below: Number | None = None
    """The limit that must not be undercut. [unit]"""

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("give one of above and below; two limits are two alarms with two responses")
        return self


class Limit(_OneSide):
    """A value beyond a limit."""

    kind: Literal["limit"]
    """`limit`."""

    point: DevicePoint
    """The point, measured or virtual."""

    deadband: Band = 0.0
    """It must come back by so much more than the limit before the alarm is over. [unit]"""

    unit: str | None = None
    """Unit of the numbers here; none: that of the point."""


class Deviation(Config):
    """A value away from another one, such as its set-point."""

    kind: Literal["deviation"]
    """`deviation`."""

    point: DevicePoint
    """The point."""

    target: DevicePoint
    """What it should be like; of the same unit."""

    more_than: Positive
    """How far away is too far, to either side. [unit]"""

    deadband: Band = 0.0
    """How much nearer it must be again. [unit]"""


class Rate(Config):
    """A value that moves too fast."""

    kind: Literal["rate"]
    """`rate`."""

    point: DevicePoint
    """The point."""

    rises_per_min: Positive | None = None
    """Faster up than this. [unit/min]"""

    falls_per_min: Positive | None = None
    """Faster down than this. [unit/min]"""

    over_s: Annotated[Seconds, Field(ge=10, le=3600)] = 60.0
    """Time over which the slope is taken."""

    @model_validator(mode="after")
    def _a_side(self) -> Self:
        if self.rises_per_min is None and self.falls_per_min is None:
            raise ValueError("give rises_per_min, falls_per_min or both")
        return self


class Stale(Config):
    """An input that is old or bad where somebody must see to it; one alarm however many points."""

    kind: Literal["stale"]
    """`stale`."""

    points: Annotated[tuple[DevicePoint, ...], Field(min_length=1, max_length=64)]
    """The points."""

    after_s: Annotated[Seconds, Field(ge=10, le=86_400)] | None = None
    """Older than this; none: as long as the page shows it as present."""


class Mismatch(Config):
    """A machine that is not in the state it was asked to be in."""

    kind: Literal["mismatch"]
    """`mismatch`."""

    point: DevicePoint
    """Its state, a code."""

    wanted: DevicePoint
    """What it was asked for, a code."""

    allowed: dict[int, tuple[int, ...]] = Field(default_factory=dict)
    """States that are right for what was asked; what is not named here: the same number."""


class Expressed(Config):
    """Any comparison over points."""

    kind: Literal["expression"]
    """`expression`."""

    holds: Truth
    """A comparison, such as `comp1.power_kw > 5 kW and comp1.flow_m3_min < 1 m3/min`; docs/values.md."""


class Forecast(_OneSide):
    """A limit that will be reached soon if it goes on like this."""

    kind: Literal["forecast"]
    """`forecast`."""

    point: DevicePoint
    """The point."""

    within_min: Annotated[float, Field(gt=0, le=720)]
    """Warn so long before. [min]"""

    over_s: Annotated[Seconds, Field(ge=60, le=7200)] = 600.0
    """Time over which the course is taken."""

    unit: str | None = None
    """Unit of the limit; none: that of the point."""


class Setpoints(Config):
    """Set-points that did not get through, or that were taken over; one alarm however many points."""

    kind: Literal["setpoint"]
    """`setpoint`."""

    points: Annotated[tuple[DevicePoint, ...], Field(min_length=1, max_length=64)]
    """The points that are commanded."""

    ended: Annotated[tuple[Ended, ...], Field(min_length=1)] = (*ENDINGS,)
    """`refused` by box or device; `failed`: no answer, or another value read back; `expired`: nobody renewed
    the lease; `overridden` by safety, local hand, lock-out or interlock; `stopped` by a person."""

    for_s: Annotated[Seconds, Field(ge=60, le=86_400)] = 900.0
    """So long one that was refused, failed or expired counts where no newer one got through."""


When = Annotated[
    Limit | Deviation | Rate | Stale | Mismatch | Expressed | Forecast | Setpoints,
    Field(discriminator="kind"),
]


class AlarmRule(Config):
    """One alarm: what it looks at, how urgent it is, and what a person does."""

    id: IdPart
    """Its id."""

    label: Text
    """What people call it."""

    when: When
    """What it looks at."""

    priority: Priority
    """1: at once; 2: soon; 3: this shift; 4: this day."""

    on_delay_s: Delay = 5.0
    """It must be so for this long before anybody is told."""

    off_delay_s: Delay = 15.0
    """It must be over for this long before the alarm is."""

    cause: Text
    """What it most likely comes from."""

    consequence: Text
    """What happens if nobody does anything."""

    action: Text
    """What a person does now; what needs no act is no alarm."""

    group: IdPart | None = None
    """Alarms of one group are held against each other: which came first is marked."""

    unless: Truth | None = None
    """Suppressed by design while this comparison is true, such as a machine that is meant to stand."""


class Notify(Config):
    """Who is told of an alarm outside of the page."""

    sender: IdPart
    """Name of an entry in the hub's file of senders, which has addresses and secrets; docs/alarms.md."""

    to: Annotated[tuple[Address, ...], Field(max_length=20)] = ()
    """Addresses, for a sender that needs some."""

    priorities: Annotated[tuple[Priority, ...], Field(min_length=1)] = (1, 2)
    """Which alarms."""

    after_s: Delay = 0.0
    """Only if nobody has acknowledged it for so long: that is the escalation."""

    cleared: bool = False
    """Whether the end is told too."""

    language: Literal["en", "zh"] = "en"
    """Language of the message."""


class AlarmsFile(Config):
    """`configs/sites/<site>/alarms.yaml`."""

    version: Literal[1] = 1
    """Layout of the file."""

    alarms: Annotated[tuple[AlarmRule, ...], Field(max_length=MOST_RULES)] = ()
    """Alarms of the plant; those of links, boxes and the hub itself are there without a rule."""

    notify: Annotated[tuple[Notify, ...], Field(max_length=MOST_NOTIFY)] = ()
    """Who is told."""

    keep_days: Annotated[int, Field(ge=400, le=36_500)] = 1100
    """So long the journal is kept: a whole year and its review at least; three years unless said. [d]"""
