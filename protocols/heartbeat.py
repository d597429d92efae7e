"""Heartbeats go up once a second: the edge's clock to echo, its fence, its leases and how its links are."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final

import msgpack

from protocols.errors import ContractError
from protocols.trouble import Trouble, read_troubles

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """State of one edge.

    Attributes:
        edge: The edge.
        site: Its site.
        agent_epoch: Counts up with each start of the agent.
        boot: Kernel boot id.
        reading_ms: CLOCK_BOOTTIME. [ms]
        wall_ms: Wall clock, so that the hub can show its offset. [ms]
        fence: Highest leader epoch seen.
        leases: Ids of live leases, hex.
        links: Device id to `up` or `down`.
        polled: Samples journalled since the journal was made.
        pending: Journal rows the hub has not covered.
        cap_hashes: Device id to the hash of its accepted write block, hex; only proven ones.
        journal: Id of the journal in use.
        troubles: What a person should see to at the box; empty when all is well.
        config_version: Version of the hub's configuration that is accepted; 0: files given at the box.
        config_trial: Version being tried; 0: none.
        config_seen: Highest version ever decided, so that a hub that forgot can go on counting.
        config_digest: Name of the files in force, see `protocols/configuration.py`.
        config_edited: Files changed at the box since they were accepted or loaded.
        read_only: Another agent has this edge's record on the bus: this one commands nothing and is not the
            edge. Sent only when it is so, and so no hub that does not know the word takes it for the edge.
        hold_s: How long its journal has room if the hub takes nothing from now on; None: not known, and not
            sent. [s]
    """

    edge: str
    site: str
    agent_epoch: int
    boot: str
    reading_ms: int
    wall_ms: int
    fence: int
    leases: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    polled: int = 0
    pending: int = 0
    cap_hashes: dict[str, str] = field(default_factory=dict)
    journal: str = ""
    troubles: list[Trouble] = field(default_factory=list)
    config_version: int = 0
    config_trial: int = 0
    config_seen: int = 0
    config_digest: str = ""
    config_edited: list[str] = field(default_factory=list)
    read_only: bool = False
    hold_s: float | None = None

    def encode(self) -> bytes:
        """Pack it."""
        row = {"v": VERSION, **{part.name: getattr(self, part.name) for part in fields(self)}}
        if not self.read_only:
            del row["read_only"]
        if self.hold_s is None:
            del row["hold_s"]
        return bytes(msgpack.packb(row))


def decode_heartbeat(data: bytes) -> Heartbeat:
    """Read a heartbeat back.

    Raises:
        ContractError: Unknown version or fields.
    """
    try:
        row = msgpack.unpackb(data)
        if row.pop("v") != VERSION:
            raise ContractError("a heartbeat of an unknown version")
        return Heartbeat(**{**row, "troubles": read_troubles(row.get("troubles", []))})
    except (ValueError, TypeError, KeyError, AttributeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a heartbeat") from error
