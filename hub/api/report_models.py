"""Reports as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from hub.api.models import Number
from protocols.config import Config, IdPart, Text

ReportKind = Literal["energy", "carbon", "alarms", "plan"]
ReportForm = Literal["xlsx", "pdf"]
ReportLanguage = Literal["en", "zh"]
Address = Annotated[str, Field(pattern=r"^[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,190}$", max_length=255)]
Forms = Annotated[list[ReportForm], Field(min_length=1, max_length=2)]


def _both() -> list[ReportForm]:
    return ["xlsx", "pdf"]


class ReportFile(Config):
    """A file of a report that is done."""

    form: ReportForm
    """`xlsx` or `pdf`."""

    name: str
    """What it is called."""

    size_bytes: int
    """Its size. [bytes]"""


class ReportMail(Config):
    """How far the mail of a report is."""

    state: Literal["held", "waiting", "sent", "failed"]
    """`held` until the report is done; `waiting` until a server takes it."""

    recipients: int
    """How many addresses it goes to."""

    tries: int
    """How often it was sent so far."""

    error: str
    """Why the last try failed; empty: it did not."""


class SiteReport(Config):
    """A report that was asked for."""

    id: str
    """Its id."""

    kind: ReportKind
    """What it is about."""

    title: Text
    """What it is called."""

    period: str
    """Its time: 2026-10-22, 2026-W43, 2026-10, 2026 or 2026-10-01..2026-10-15."""

    language: ReportLanguage
    """Language it is written in."""

    asked_by: str
    """Who asked, or made the schedule."""

    asked: datetime
    """When."""

    schedule: str | None
    """Schedule it belongs to; none: a person asked."""

    progress: ReportProgress
    """How far it is, and what came of it."""

    files: list[ReportFile]
    """Its files, once it is done."""

    mail: ReportMail | None
    """How far its mail is; none: nobody is to get one."""


class ReportProgress(Config):
    """How far a report is."""

    state: Literal["waiting", "running", "done", "failed"]
    """Where it is."""

    step: Literal["", "read", "xlsx", "pdf"]
    """What is done now."""

    progress_frac: Number
    """How much is done, from 0 to 1. [-]"""

    stalled: bool
    """Whether nobody has worked at it for too long: the role `jobs` of the hub may be away."""

    done: datetime | None
    """When it was over."""

    completeness_pct: Number | None
    """How much of its data was there. [%]"""

    incomplete: bool
    """Whether it carries the mark of less than 95 %."""

    digest: str
    """SHA-256 of what it says, as it stands in it."""

    error: Text | None
    """Why there is none."""


class NewReport(Config):
    """A report that is wanted."""

    kind: ReportKind
    """What it is about."""

    period: Annotated[str, Field(min_length=4, max_length=32)]
    """Its time: 2026-10-22, 2026-W43, 2026-10, 2026 or 2026-10-01..2026-10-15."""

    language: ReportLanguage = "en"
    """Language it is written in."""

    formats: Forms = Field(default_factory=_both)
    """Files that are wanted."""

    sender: IdPart | None = None
    """Entry of the hub's file of senders that it goes out by; none: no mail."""

    to: Annotated[list[Address], Field(max_length=20)] = Field(default_factory=list)
    """Addresses."""


class ReportSchedule(Config):
    """Reports that are made by themselves."""

    id: str
    """Its id."""

    kind: ReportKind
    """What they are about."""

    title: Text
    """What they are called."""

    every: Literal["day", "week", "month", "year"]
    """Of which time each is."""

    at: str
    """Time of day, on the site's clock, of the first day after that time."""

    language: ReportLanguage
    """Language they are written in."""

    formats: list[ReportForm]
    """Files that are made."""

    sender: str
    """Entry of the hub's file of senders they go out by; empty: no mail."""

    to: list[str]
    """Addresses."""

    made_by: str
    """Who made it."""

    next: datetime
    """When the next one is due."""


class NewReportSchedule(Config):
    """A schedule that is wanted."""

    kind: ReportKind
    """What its reports are about."""

    every: Literal["day", "week", "month", "year"]
    """Of which time each is."""

    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "06:00"
    """Time of day, on the site's clock, of the first day after that time."""

    language: ReportLanguage = "en"
    """Language they are written in."""

    formats: Forms = Field(default_factory=_both)
    """Files that are made."""

    sender: IdPart | None = None
    """Entry of the hub's file of senders they go out by; none: no mail."""

    to: Annotated[list[Address], Field(max_length=20)] = Field(default_factory=list)
    """Addresses."""
