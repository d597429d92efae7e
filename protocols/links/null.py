"""Two ends joined in memory: what one sends, the other hears in the next turn of the event loop."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from protocols.errors import DeviceUnreachableError
from protocols.links.link import Ears, Link


class NullLink(Link):
    """One end of a pair; `cut` makes both ends lose the wire."""

    def __init__(self, name: str = "null") -> None:
        self._name = name
        self._ears: Ears | None = None
        self._other: NullLink | None = None

    @classmethod
    def pair(cls) -> tuple[NullLink, NullLink]:
        """Two joined ends."""
        one, two = cls("null:one"), cls("null:two")
        one._other, two._other = two, one
        return one, two

    @property
    @override
    def name(self) -> str:
        return self._name

    @property
    @override
    def is_open(self) -> bool:
        return self._ears is not None

    @override
    async def open(self, ears: Ears) -> None:
        if self._other is None:
            raise DeviceUnreachableError(f"{self._name} has no other end")
        self._ears = ears

    @override
    def send(self, data: bytes) -> None:
        if self._other is not None:
            asyncio.get_running_loop().call_soon(self._other.deliver, data)

    def deliver(self, data: bytes) -> None:
        """Hear these bytes now; dropped while nobody listens."""
        if self._ears is not None:
            self._ears.heard(data)

    def cut(self, why: str = "cut") -> None:
        """Take the wire away from both ends."""
        for end in (self, self._other):
            if end is not None and end._ears is not None:  # noqa: SLF001  the other end of the pair
                ears, end._ears = end._ears, None  # noqa: SLF001  the other end of the pair
                ears.lost(why)

    @override
    def close(self) -> None:
        self._ears = None
