"""A block the server will not take: halved until what is bad stands alone; all else is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hub.store.influx.records import Refusal
from hub.store.port import Received
from protocols.errors import LinesRefusedError

MOST_REQUESTS: Final = 64
"""Tries at one block; what is still unsettled then is kept apart whole."""

_TOO_OLD: Final = "retention policy"
"""In the server's message where lines are older than their bucket keeps any; all others it has stored."""

Piece = tuple[Received, bytes]


def send(write: Callable[[bytes], None], pieces: list[Piece]) -> list[Refusal]:
    """Write pieces of lines in one request if possible.

    Args:
        write: Writes lines; raises `LinesRefusedError`.
        pieces: Lines and the row they came with.

    Returns:
        What was refused for good, with the server's message.

    Raises:
        StoreError: The server is away; the same pieces may be given again.
    """
    refusals: list[Refusal] = []
    waiting = [pieces]
    for _ in range(MOST_REQUESTS):
        if not waiting:
            break
        part = waiting.pop()
        try:
            write(b"".join(lines for _, lines in part))
        except LinesRefusedError as error:
            halves = [] if _TOO_OLD in str(error) else _halved(part)
            waiting += halves
            if not halves:
                refusals += [Refusal(row, lines, str(error)) for row, lines in part[:1]]
    unsettled = "one of these lines, or of others sent with them, was refused"
    return refusals + [Refusal(row, lines, unsettled) for part in waiting for row, lines in part]


def _halved(part: list[Piece]) -> list[list[Piece]]:
    """Two halves, by pieces or by the lines of one; nothing for a single line."""
    if len(part) > 1:
        middle = len(part) // 2
        return [part[:middle], part[middle:]]
    row, text = part[0]
    lines = text.splitlines(keepends=True)
    if len(lines) < 2:  # noqa: PLR2004  one line cannot be halved
        return []
    middle = len(lines) // 2
    return [[(row, b"".join(lines[:middle]))], [(row, b"".join(lines[middle:]))]]
