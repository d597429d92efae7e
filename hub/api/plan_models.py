"""Answers about one plan: why a machine does what it does, what is saved, what is short."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from hub.api.models import Number
from protocols.config import Config, IdPart, Text


class PlanFigure(Config):
    """A number of an explanation."""

    name: str
    """Which."""

    label: Text
    """What it is."""

    value: Number | None
    """The number; None where there is none, such as a price of what no machine that runs can give. [unit]"""

    unit: str
    """Symbol, or the currency."""


class PlanLimit(Config):
    """A limit that binds a machine."""

    limit: Text
    """In plant words."""

    worth: Number | None
    """What one more unit would save in this step, where that is a number. [currency]"""

    unit: str
    """Unit of the limit."""


class PlanAlternative(Config):
    """The same window with this one decision made otherwise."""

    what: Text
    """The other decision."""

    possible: bool
    """Whether the declared limits permit it."""

    extra: Number | None
    """What it costs more. [currency]"""

    at_least: Number | None
    """As much of it as is proven. [currency]"""

    missing: list[Text]
    """What would then be short."""


class PlanWhy(Config):
    """Why a machine does what it does in a step."""

    unit: str
    """Id of the machine."""

    step: int
    """Step of the plan."""

    at: datetime
    """Begin of that step."""

    outlook: bool
    """Whether the step is beyond those decided exactly, and is decided anew before it comes."""

    sentence: Text
    """The reason, in one sentence."""

    figures: list[PlanFigure]
    """Its numbers."""

    limits: list[PlanLimit]
    """What binds."""

    alternative: PlanAlternative | None
    """What else could have been done."""


class PlanPart(Config):
    """A part of what a plan saves."""

    name: str
    """Which."""

    label: Text
    """What it is."""

    value: Number
    """Positive where the plan is cheaper. [currency]"""


class PlanSaving(Config):
    """What a plan saves against the plant's own control on the same forecast."""

    total: Number
    """Without the demand charge. [currency]"""

    peak: Number
    """Of the demand charge, weighed by the share this window answers for. [currency]"""

    parts: list[PlanPart]
    """They add up to the total."""

    sentence: Text
    """The same in words."""


class PlanShort(Config):
    """Something a plan cannot supply or keep, and the limits that make it so."""

    name: str
    """Name of the shortage."""

    label: Text
    """What is short."""

    at: datetime
    """Begin of its worst step."""

    amount: Number
    """How much, in that step. [unit]"""

    unit: str
    """Symbol."""

    need: Text
    """What is asked for."""

    limits: list[Text]
    """Declared limits that conflict with it; nothing of the set can be left out."""

    smallest: bool
    """Whether no smaller set conflicts."""


class PlanForward(Config):
    """A machine in the plan, and in the plan run forward through the model of the plant."""

    device: str
    """Id of the machine."""

    label: Text
    """What people call it."""

    quantity: Literal["electricity", "heat"]
    """Of a boiler its heat, of all others electricity."""

    planned_kwh: Number
    """By the plan; taken positive, given negative, heat given positive. [kWh]"""

    simulated_kwh: Number
    """When it was run forward. [kWh]"""


class PlanApproval(Config):
    """A machine of a plan that follows it only where a person says so."""

    device: str
    """Id of the machine."""

    label: Text
    """What people call it."""

    approved: bool
    """Whether it may follow this plan."""

    person: str | None
    """Who said so; None: nobody did."""

    at: datetime | None
    """When."""

    ended: Text | None
    """What became of the last approval of this machine, where the hub took it back."""

    ended_at: datetime | None
    """When it did."""


class NewPlanApproval(Config):
    """What a person says about machines of a plan."""

    machines: list[IdPart] = Field(min_length=1, max_length=100)
    """Machines in the mode `approve`."""

    approve: bool = True
    """True: they may follow this plan; False: what was approved for them is taken back."""

    reason: str = Field(default="", max_length=500)
    """Why, in the person's words."""


class PlanBand(Config):
    """What a plan costs where needs and sun come otherwise than foreseen."""

    cheap: Number
    """All needs at their course of 10 %, the sun at that of 90 %. [currency]"""

    dear: Number
    """The other way round. [currency]"""

    currency: str
    """ISO 4217 code."""


class PlanSetpointChange(Config):
    """A set-point from a time on."""

    at: datetime
    """From here on."""

    value: Number
    """The set-point. [unit]"""

    outlook: bool
    """Whether it lies beyond the steps decided exactly, and is decided anew before it comes."""


class PlanSetpoint(Config):
    """A set-point the plan chose together with the machines."""

    name: str
    """Which."""

    label: Text
    """What it is."""

    unit: str
    """Its unit."""

    devices: list[Text]
    """Machines that are told it."""

    changes: list[PlanSetpointChange]
    """In the order of time; the first at the begin of the plan."""


class PlanFailure(Config):
    """Plans that could not be had, in a row; gone with the next plan."""

    since: datetime
    """When the first of them could not."""

    at: datetime
    """When the last could not; it is tried again every half minute."""

    wanted: Text
    """Why that one was wanted."""

    why: Text
    """Why it could not be had."""

    limits: list[Text]
    """Declared limits that contradict each other, where that is why; else empty."""


class PlanState(Config):
    """What the site is run by now, and why there is no newer plan."""

    site: str
    """Which site."""

    going_by: Literal["waiting", "plan", "rule", "own_control", "off", "unknown"]
    """The first plan is being made; a plan; the order by rule; each machine's own control; the site plans
    nothing; the role that plans has told nothing lately."""

    since: datetime | None
    """Since when; None where that is unknown."""

    sentence: Text
    """The same in words, with why there is no newer plan."""

    plan: str | None
    """Id of the plan that is followed; None: none is."""

    made: datetime | None
    """When that was made."""

    failure: PlanFailure | None
    """Why there is no newer plan; None: there is no failure."""


class PlanReport(Config):
    """What a plan saves and what it lacks."""

    id: str
    """Id of the plan."""

    reason: Text
    """Why it was made."""

    notes: list[Text]
    """What was left out, assumed or foreseen, in plant words."""

    saving: PlanSaving | None
    """None for a plan of an earlier version."""

    short: list[PlanShort]
    """The worst first; empty where the plan supplies everything."""

    forward: list[PlanForward]
    """Each machine by the plan and run forward; empty for a plan of an earlier version."""

    setpoints: list[PlanSetpoint]
    """Set-points there was a choice of; empty where the site has none to choose."""

    band: PlanBand | None
    """What it costs at both ends of the forecast; None where the forecast has no band."""

    approvals: list[PlanApproval]
    """Machines in the mode `approve`; empty where there is none, or the plan is over."""

    until: datetime
    """End of the steps that are decided exactly; a plan is followed no longer than to here."""
