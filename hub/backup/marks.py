"""The backup mark: what of each edge's journal the newest backup holds.

An edge keeps rows that are in the hub but beyond the mark, as far as its disk allows: a hub that was restored
asks for them again by telling that it does not have them (any more).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgpack
from sqlalchemy import select

from hub.backup.manifest import JournalRanges
from hub.backup.tables import MarkRow
from hub.database import Sessions


class Mark(NamedTuple):
    """What of one journal is in the newest backup, as inclusive ranges."""

    edge: str
    journal: str
    ranges: tuple[tuple[int, int], ...]


async def set_marks(sessions: Sessions, site: str, journals: Sequence[JournalRanges], at_ns: int) -> None:
    """Note how far a backup reaches; call it once the backup is on its disk."""
    async with sessions() as session, session.begin():
        for one in journals:
            row = MarkRow(
                site=site, edge=one.edge, journal=one.journal, ranges=msgpack.packb(one.ranges), at_ns=at_ns
            )
            await session.merge(row)


async def marks(sessions: Sessions, site: str) -> list[Mark]:
    """The marks of all journals; none before the first backup."""
    async with sessions() as session:
        rows = (await session.execute(select(MarkRow).where(MarkRow.site == site))).scalars().all()
    return [
        Mark(row.edge, row.journal, tuple((int(a), int(b)) for a, b in msgpack.unpackb(row.ranges)))
        for row in rows
    ]
