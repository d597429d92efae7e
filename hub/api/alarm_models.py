"""What the API says of alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from hub.alarms.states import Kind, Phase
from hub.api.models import Number
from protocols.config import Config, Text

ActKind = Literal["ack", "shelve", "unshelve", "out", "in", "comment"]


class About(Config):
    """What an alarm is, whatever its state."""

    label: Text
    """What people call it."""

    priority: int
    """1: at once; 2: soon; 3: this shift; 4: this day."""

    source: Literal["rule", "edge", "device", "box", "hub"]
    """`rule`: of the site's configuration; the others are there without one."""

    group: str
    """Group of the first-out; empty: none."""

    cause: Text
    """What it most likely comes from."""

    consequence: Text
    """What happens if nobody does anything."""

    action: Text
    """What a person does."""

    points: list[str]
    """Points it looks at, with their full names."""

    behind: int
    """Points that are bad because of it."""

    away: list[str]
    """Devices that are away with it: all of an edge, or the one that is not reached."""


class Finding(Config):
    """What was found when it was raised."""

    value: Number | None
    """Value of its point; None where it looks at no single one. [unit of the point]"""

    words: str
    """In words, in English."""

    text: Text
    """The same in both languages, where it was said with a known phrase."""

    first_out: bool
    """Whether it was the first of its group."""

    due: datetime | None
    """Of an early warning: when the limit is reached by the course it was raised for; None: it is none."""


class Hold(Config):
    """Why nobody is told of it."""

    by: str
    """Who shelved it or took it out of service."""

    reason: str
    """Why."""

    until: datetime | None
    """End of the shelf; None: out of service."""


class Alarm(Config):
    """One alarm and its state."""

    id: str
    """Its id."""

    about: About
    """What it is."""

    state: Phase
    """By the words of ISA-18.2."""

    occurrence: int
    """How often it was raised; an acknowledgement names it."""

    raised: datetime | None
    """When last; None: never."""

    cleared: datetime | None
    """When it was over last; None: never, or it stands."""

    acked_by: str
    """Who acknowledged it last; empty: nobody."""

    finding: Finding
    """What was found then."""

    hold: Hold | None
    """None where people are told of it."""

    suppressed_by: str
    """`design`, or the alarm that explains it; empty: it is not suppressed."""

    comment: str
    """What a person noted last."""


class Alarms(Config):
    """Alarms of a site."""

    watched: datetime | None
    """When the watch looked last; None: never."""

    up: bool
    """Whether the watch goes on; if not, nobody knows what happened since `watched`."""

    alarms: list[Alarm]
    """The most urgent first; those that are normal only where all are asked for."""


class AlarmLine(Config):
    """One line of the journal."""

    number: int
    """Grows."""

    time: datetime
    """When."""

    alarm: str
    """Id of the alarm."""

    label: Text
    """What it was called then."""

    kind: Kind
    """What happened."""

    priority: int
    """Of the alarm then."""

    occurrence: int
    """Which time it was raised."""

    actor: str
    """Who; empty: nobody."""

    words: str
    """Reason of a person, or what was found."""

    text: Text
    """The same in both languages where it was found by the hub; what a person wrote stands as written."""

    value: Number | None
    """Value of its point, where it was raised. [unit of the point]"""

    quiet: bool
    """Whether it was only noted, and nobody told."""


class Which(Config):
    """An alarm as somebody saw it."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    """Its id."""

    occurrence: Annotated[int, Field(ge=0, le=2**53)] = 0
    """What was seen; one that was raised again since is not acknowledged unseen. 0: any."""


class NewAlarmAct(Config):
    """What a person wants with alarms."""

    kind: ActKind
    """`ack`, `shelve`, `unshelve`, `out` and `in` of service, or `comment`."""

    alarms: Annotated[list[Which], Field(min_length=1, max_length=200)]
    """Which."""

    reason: Annotated[str, Field(max_length=200)] = ""
    """Why; needed to shelve, to take out of service and to comment."""

    for_s: Annotated[float, Field(gt=0, le=28_800, allow_inf_nan=False)] | None = None
    """How long a shelf lasts, a shift at most. [s]"""


class AlarmAct(Config):
    """What became of what a person wanted."""

    id: str
    """Its id."""

    kind: ActKind
    """What was wanted."""

    alarm: str
    """Of which alarm."""

    actor: str
    """Who."""

    state: Literal["asked", "done", "refused"]
    """`asked`: the watch has not seen it yet; it will, also after a restart."""

    why: str
    """Why it was refused; empty otherwise."""

    text: Text
    """The same in both languages."""


class WorstAlarm(Config):
    """One of the alarms that were raised most."""

    alarm: str
    """Id."""

    label: Text
    """What people call it."""

    count: int
    """How often."""

    part_frac: Number
    """Its part of all. [1]"""


class AlarmFigures(Config):
    """How good the alarms are (EEMUA 191, ISA-18.2)."""

    start: datetime
    """Begin of the time."""

    end: datetime
    """End of it."""

    raised: int
    """How many were raised and told."""

    per_10min_mean: Number
    """Mean of ten minutes; about 1 is good for one person."""

    per_10min_max: int
    """Most in any ten minutes; more than 10 is a flood."""

    flood_frac: Number
    """Part of the time in flood; below 0.01 is good. [1]"""

    chattering: int
    """Alarms raised three times within a minute."""

    standing: int
    """Alarms that are there now."""

    old: int
    """Of these, those that stand for more than a day; below 5 is good."""

    priorities: dict[int, int]
    """How many of each priority."""

    top: list[WorstAlarm]
    """The worst ten."""
