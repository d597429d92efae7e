"""Answers of the API as a script needs them; fields that a newer hub adds are left out."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from protocols.config import Config, Text


class Answer(Config):
    """What the hub says; unknown fields are left out, so that a newer hub breaks no script."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


class Site(Answer):
    """A site the caller may see."""

    id: str
    """Its id, the first argument of everything else."""

    label: Text
    """What people call it."""

    mode: str
    """off, advice, approve or auto."""

    time_zone: str
    """Its zone; days and months of the API are those of it."""

    currency: str
    """ISO 4217 code of its money."""


class Device(Answer):
    """A machine or meter."""

    id: str
    """Its id, the middle of a point's name."""

    label: Text
    """What people call it."""

    kind: str
    """What it is, such as `compressor`; `virtual` for what is calculated."""

    link: str
    """up, down or unknown."""


class Point(Answer):
    """Something that is measured, counted, calculated or set."""

    id: str
    """`site/device/point`."""

    unit: str
    """Symbol of its unit."""

    kind: str
    """measurement, counter, state, setpoint or virtual."""

    label: Text
    """What people call it."""


class Value(Answer):
    """Newest sample of a point."""

    point: str
    """`site/device/point`."""

    value: float | None
    """None where the quality is bad. [unit of the point]"""

    quality: int
    """Code of the quality."""

    quality_class: str
    """good, uncertain or bad."""

    time: datetime
    """When it was so."""


class PlanSeries(Answer):
    """One line of a plan."""

    name: str
    """Which."""

    unit: str
    """Symbol of its unit."""

    values: list[float | None]
    """One a step. [unit]"""


class Plan(Answer):
    """The plan accepted last."""

    id: str
    """Its id."""

    created: datetime
    """When it was accepted."""

    status: str
    """How the solver ended."""

    gap: float | None
    """Fraction between cost and proven bound."""

    cost: float
    """What it costs, run forward. [currency]"""

    baseline_cost: float | None
    """What the plant's own control would cost. [currency]"""

    co2_kg: float
    """Emissions. [kg]"""

    currency: str
    """ISO 4217 code."""

    step_s: int
    """Length of a step. [s]"""

    times: list[datetime]
    """Begins of the steps."""

    series: list[PlanSeries]
    """Its lines."""


class Command(Answer):
    """A set-point and what became of it."""

    id: str
    """Its id, hex."""

    time: datetime
    """When it was issued."""

    point: str
    """`site/device/point`."""

    value: float
    """Set-point. [unit]"""

    unit: str
    """Symbol of its unit."""

    state: str
    """Where it is: issued, received, written, verified, refused, failed, expired or released."""

    code: str | None
    """Why it was refused or failed."""

    text: Text
    """The same as a sentence."""

    reason: Text
    """Why it was wanted."""

    level: str
    """Rung that commands: operator, schedule, optimiser."""

    readback: float | None
    """What a separate read saw. [unit]"""


class Order(Answer):
    """What a person asked for and what became of it."""

    id: str
    """Its id."""

    kind: str
    """set, release, stop and so on."""

    target: str
    """Point or scope."""

    value: float | None
    """Value wanted. [unit]"""

    unit: str | None
    """Symbol of its unit."""

    actor: str
    """Who."""

    asked: datetime
    """When."""

    until: datetime | None
    """When it ends by itself; None: no end."""

    state: str
    """asked, sent, received, written, verified, refused, failed or ended."""

    text: Text
    """The state as a sentence."""

    readback: float | None
    """What a separate read saw. [unit]"""


class About(Answer):
    """What an alarm is."""

    label: Text
    """What people call it."""

    priority: int
    """1: at once; 2: soon; 3: this shift; 4: this day."""

    cause: Text
    """What it most likely comes from."""

    consequence: Text
    """What happens if nobody does anything."""

    action: Text
    """What a person does."""

    points: list[str]
    """Points it looks at."""


class Alarm(Answer):
    """One alarm and its state."""

    id: str
    """Its id."""

    about: About
    """What it is."""

    state: str
    """unack, ack, rtn_unack, shelved, suppressed, out_of_service or normal."""

    occurrence: int
    """How often it was raised; an acknowledgement names it."""

    raised: datetime | None
    """When last; None: never."""

    acked_by: str
    """Who acknowledged it last; empty: nobody."""


class AlarmLine(Answer):
    """One line of the journal of alarms."""

    number: int
    """Grows."""

    time: datetime
    """When."""

    alarm: str
    """Id of the alarm."""

    kind: str
    """What happened: raised, cleared, acknowledged and so on."""

    priority: int
    """Of the alarm then."""

    actor: str
    """Who; empty: nobody."""

    words: str
    """Reason of a person, or what was found."""

    quiet: bool
    """Whether it was only noted and told to nobody."""
