"""Answers about the hub itself: how far taking in and keeping are, and how much room there is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from hub.api.models import Number
from protocols.config import Config


class StoreSize(Config):
    """Size of a part of what the hub keeps on its own disk."""

    part: str
    """Name of the file, or `series` for the sealed files."""

    size_bytes: Number
    """Its size. [bytes]"""


class EdgeFlow(Config):
    """What comes from an edge."""

    edge: str
    """Id part."""

    link: Literal["up", "down"]
    """Whether it is heard now."""

    newest: datetime | None
    """Time of its newest sample in the store; None where there is none."""

    lag_s: Number | None
    """Its age: the time since the poll, and the way from there into the store. [s]"""

    backlog_rows: int | None
    """Rows of its journal that are not in the store yet; None when it was never heard."""

    hold_s: Number | None
    """How long its journal has room if the hub takes nothing from now on; None: not known. [s]"""

    clock_ahead_s: Number | None
    """How far its wall clock is ahead of the hub's; None when it was never heard. [s]"""


class Process(Config):
    """One process of the hub."""

    role: str
    """What it does."""

    instance: str
    """`host:pid`."""

    memory_bytes: Number
    """Memory it uses. [bytes]"""

    cpu_s: Number
    """Processor time since its start. [s]"""


class Sealing(Config):
    """The work beside taking in."""

    waits_since: datetime | None
    """Oldest sample that is not sealed yet (on a server: not rolled up); None: none waits."""

    waits_s: Number | None
    """Its age. [s]"""

    damaged_files: int
    """Sealed files that were found damaged: what they hold is missing from answers."""


class System(Config):
    """How the hub is doing; a part that cannot be asked now is None or empty."""

    time: datetime
    """When this was so."""

    edges: list[EdgeFlow]
    """What comes from each edge."""

    sealing: Sealing | None
    """None while the store cannot be read."""

    waiting_messages: int | None
    """Messages on the bus that no worker has taken in yet; None while the role that takes in is not heard."""

    bus_bytes: Number | None
    """Size of the stream of samples on the bus; None as above. [bytes]"""

    stores: list[StoreSize]
    """Sizes, largest first; empty as above."""

    disk_free_bytes: Number | None
    """Room on the disk of the hub; None as above. [bytes]"""

    disk_bytes: Number | None
    """Size of that disk. [bytes]"""

    backup: datetime | None
    """When the newest backup was made; None where none is known of."""

    processes: list[Process]
    """Processes of the hub that are heard, by role."""
