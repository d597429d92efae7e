"""The newest of each thing that was told to live sockets, numbered, so that a client can go on where it was.

A client that comes back names the run and the number it heard last, and is told what is other since then. A
run ends with the process, and when nobody listened for a while: then everything has to be read anew, which is
said.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any, Final

from hub.api.mailbox import Kind, Things

MOST: Final[dict[Kind, int]] = {"command": 300, "order": 300}
"""So many of a kind are kept; of the others there is one a point, an alarm, or one at all."""


class News:
    """Of one process.

    Attributes:
        run: Of this process, and of the time in which everything was noted.
        seq: Number of the newest.
    """

    run: str
    seq: int
    _gone: int

    def __init__(self) -> None:
        self._kept: dict[Kind, OrderedDict[str, tuple[int, Any]]] = {}
        self.restart()

    def note(self, kind: Kind, things: Things) -> None:
        """Keep the newest."""
        kept = self._kept.setdefault(kind, OrderedDict())
        for ident, one in things.items():
            self.seq += 1
            kept[ident] = self.seq, one
            kept.move_to_end(ident)
        while len(kept) > MOST.get(kind, len(kept)):
            _, (number, _) = kept.popitem(last=False)
            self._gone = max(self._gone, number)

    def restart(self) -> None:
        """Begin anew: something may have happened that was not noted."""
        self.run = secrets.token_hex(8)
        self.seq = 0
        self._kept.clear()
        self._gone = 0

    def known(self, run: str, seq: int) -> bool:
        """Whether all that is other since this place is kept."""
        return run == self.run and self._gone <= seq <= self.seq

    def since(self, kind: Kind, seq: int = 0) -> dict[str, Any]:
        """The newest of a kind that came after a number, in the order it came."""
        return {ident: one for ident, (number, one) in self._kept.get(kind, {}).items() if number > seq}
