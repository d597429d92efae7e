"""Answers of the API about edges: what is wanted of each, beside what each goes by."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from protocols.config import Config, Text

WantedState = Literal["wanted", "superseded", "trying", "accepted", "refused", "rolled_back"]


class Wanted(Config):
    """A version that was wanted of an edge, and what the edge said of it."""

    version: int
    """Counts up per edge."""

    made: datetime
    """When somebody wanted it."""

    actor: str
    """Who."""

    note: str
    """What for."""

    state: WantedState
    """wanted: on its way; superseded: a newer one came before it; the others are what the edge said."""

    changed: datetime
    """When it came into this state."""

    why: str
    """Code of the reason; `none` where there is none."""

    text: Text | None
    """The reason as a sentence; None where there is none."""

    detail: str
    """Where and what, as the edge told it, in English."""

    words: Text
    """The same in both languages."""


class Reported(Config):
    """What an edge goes by, by its newest heartbeat: the truth."""

    version: int
    """The version in force; 0: the files that were put on the box."""

    trial: int | None
    """The version that is on trial now, which may still be rolled back."""

    digest: str
    """Hash of the files it goes by; equal for equal files."""

    edited: list[str]
    """Files that were changed at the box since they were accepted."""

    heard: datetime
    """When it said so."""


class EdgeTrouble(Config):
    """Something a person should see to at a box."""

    edge: str
    """The edge."""

    code: str
    """Kind of trouble; `second_agent`, `bus_refuses`, `disk_full` …"""

    text: Text
    """What it means and what to do."""

    detail: str
    """What the box says of it, in English."""

    words: Text
    """The same in both languages, where the box said it with a known phrase."""


class Edge(Config):
    """An edge of a site with its configurations."""

    id: str
    """Id part."""

    link: Literal["up", "down"]
    """Whether it is heard now."""

    clock_ahead_s: float | None
    """How far its wall clock is ahead of the hub's; negative: behind; None when it was never heard. [s]"""

    second_agent: bool
    """Whether another agent with its id is about, which only reads: a copy of its disk, most likely."""

    troubles: list[EdgeTrouble]
    """What a person should see to at the box, as long as it is heard."""

    reported: Reported | None
    """What it goes by; None when it was never heard."""

    wanted: list[Wanted]
    """What was wanted of it, newest first."""
