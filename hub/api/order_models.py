"""Answers and questions of the API about people's orders: set-points, holders, orders, audit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from hub.api.models import Number, QualityClass
from protocols.config import Config, Text

OrderKind = Literal[
    "set",
    "test",
    "release",
    "select",
    "operate",
    "cancel",
    "stop",
    "resume",
    "lock_out",
    "lift",
    "opt_out",
    "opt_in",
]
"""What a person may ask for; a subset of `protocols.command.CommandKind`."""

OrderState = Literal["asked", "sent", "received", "written", "verified", "refused", "failed", "ended"]

MOST_S = 28_800.0
"""Longest override. [s]"""


class Held(Config):
    """Who holds a point and why, as its edge told it."""

    rung: str
    """safety, local, locked_out, stopped, interlock, operator,
    schedule, optimiser, controller, fallback, nobody."""

    value: Number | None
    """Value wanted; None: nothing, or an empty priority slot. [unit of the point]"""

    until_s: Number | None
    """What is left of it now: of an override to the end its person gave it; None: no end is known. [s]"""

    actor: str
    """Person or job; empty where there is none."""

    why: str
    """Reason in words, as the edge told it."""

    why_text: Text
    """The same in both languages; without what the rung says already."""

    age_s: Number
    """How long ago the edge said or repeated it. [s]"""

    old: bool
    """The edge is silent or repeats it no more: this was so, and nobody knows whether it is."""


class HeldPoint(Held):
    """The holder of one point of a site."""

    point: str
    """`site/device/point`."""


class GoesTo(Config):
    """Where a point goes when no lease lives."""

    kind: str
    """release, value, hold, restore or release_group."""

    value: Number | None
    """The commissioned value, where the kind has one. [unit of the point]"""


class Setpoint(Config):
    """A point that may be written: limits, value, holder; one answer, hence more than twelve fields."""

    id: str
    """`site/device/point`."""

    device: str
    """Id of the device."""

    label: Text
    """What people call it."""

    unit: str
    """Symbol; an order uses it."""

    low: Number
    """Lowest value ever written. [unit]"""

    high: Number
    """Highest value ever written. [unit]"""

    step: Number | None
    """Largest change by one write; None: any. [unit]"""

    dwell_s: Number
    """Shortest time between two changes. [s]"""

    two_step: bool
    """A discrete act: first `select`, then `operate`."""

    two_persons: bool
    """The operate is confirmed by a second person."""

    fallback: GoesTo
    """Where it goes when no lease lives."""

    zone: str | None
    """Part of the site that is stopped together; the scope is `zone:…`."""

    levels: list[str]
    """Rungs that may lease it."""

    settable: bool
    """Whether a person can set it now."""

    why_not: Text | None
    """Why it cannot be set now; None where it can."""

    holder: Held | None
    """Who holds it and why; None before its edge told."""

    value: Number | None
    """Value read last; None where it was never read or the quality is bad. [unit]"""

    quality: QualityClass | None
    """good, uncertain or bad; None where it was never read."""

    time: datetime | None
    """When it was so."""


class NewOrder(Config):
    """What a person asks for."""

    kind: OrderKind
    """What."""

    target: Annotated[str, Field(min_length=1, max_length=100)]
    """A point `site/device/point`, or the scope of an act: `all`, `site:…`, `zone:…`, a device or a point."""

    value: Number | None = None
    """Value wanted; for set, test, select and operate. [unit]"""

    unit: Annotated[str, Field(max_length=16)] | None = None
    """Unit of the value; it must be the unit of the point."""

    expect: Number | None = None
    """Value the person saw; the edge refuses when the point has another one by now. [unit]"""

    for_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How long: needed for set and select, allowed for test and opt_out; at most 8 h. [s]"""

    reason: Annotated[str, Field(max_length=200)] = ""
    """Why; needed but for release, cancel, test and operate (which takes that of its selection)."""

    confirm: Annotated[str, Field(max_length=64)] | None = None
    """Name of who confirms the second step: of a resume anybody who may command, also oneself; of an operate
    where two persons are needed somebody else than who selected."""

    of: Annotated[str, Field(max_length=32)] | None = None
    """For operate: id of the order of the selection."""

    password: Annotated[str, Field(max_length=256)] | None = None
    """Needed for resume, lift and operate: the password of whom `confirm` names, else that of the caller."""


class Order(Config):
    """What a person asked for and what became of it; one answer, hence more than twelve fields."""

    id: str
    """Id."""

    kind: OrderKind
    """What."""

    target: str
    """Point or scope."""

    value: Number | None
    """Value wanted. [unit]"""

    unit: str | None
    """Symbol."""

    expect: Number | None
    """Value the person saw before. [unit]"""

    reason: str
    """Why."""

    actor: str
    """Who."""

    asked: datetime
    """When."""

    until: datetime | None
    """When it ends by itself; None: no end."""

    state: OrderState
    """asked: written down; sent: on its way; received, written, verified: by the edge; refused, failed and
    ended: over, `code` says why. A stop and its like are `verified` once every edge has done it."""

    code: str | None
    """Why it was refused, failed or ended."""

    text: Text
    """The state as a sentence."""

    readback: Number | None
    """What a separate read saw. [unit]"""

    readback_time: datetime | None
    """When that was."""

    commands: list[str]
    """Ids of the commands that carry it out, hex."""

    of: str | None
    """The selection an operate completes."""


class AuditEntry(Config):
    """One act: who did what; one answer, hence more than twelve fields."""

    number: int
    """Place in the chain, from 1."""

    time: datetime
    """When."""

    actor: str
    """Person or job."""

    role: str
    """Role of the person then; empty for a job."""

    source: str
    """Address, or part of the hub."""

    category: str
    """command, sign_in or person."""

    type: str
    """What."""

    target: str
    """Point, scope or person."""

    old: str
    """Value before; empty where there is none."""

    new: str
    """Value asked for; empty where there is none."""

    reason: str
    """Why, in the person's words."""

    reason_text: Text
    """The same in both languages, where it is no person's."""

    result: str
    """How it went."""

    order: str
    """Id of the order; empty without one."""

    command: str
    """Id of the command, hex; empty without one. The edge's own audit names it too."""

    token: str
    """Scope and id of the API token it came by; empty for a person."""


class AuditCheck(Config):
    """Whether the audit chain verifies."""

    whole: bool
    """Nothing was changed, taken out or cut off."""

    broken_at: int | None
    """Number of the first entry that does not follow; None when whole."""

    entries: int
    """How many entries there are."""
