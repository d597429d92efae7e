"""How long a message is tried again before it is given up."""

from __future__ import annotations

from typing import Final, NamedTuple

from protocols.errors import NotToldError

FIRST_S: Final = 5.0
MOST_S: Final = 600.0
"""Wait before it is tried again: doubles from the first to the most. [s]"""

OVER_NS: Final = 86_400 * 1_000_000_000
"""After a day it is news to nobody. [ns]"""

MOST_TRIES: Final = 150
"""A day of them. [-]"""

_NS: Final = 1_000_000_000


class Tried(NamedTuple):
    """What came of one try to tell people something.

    Attributes:
        why: Why it was not taken; empty: it was.
        again: Whether it may be later.
        left: Who has not got it where others have; None: nobody has.
    """

    why: str = ""
    again: bool = False
    left: tuple[str, ...] | None = None


def failed(error: NotToldError, why: str) -> Tried:
    """A try that failed, told in these words."""
    left = error.context.get("left")
    return Tried(why, bool(error.context["again"]), left if isinstance(left, tuple) else None)


def wait_ns(tries: int) -> int:
    """Wait after so many tries before. [ns].

    Example:
        >>> [wait_ns(tries) // 10**9 for tries in (0, 1, 7, 100)]
        [5, 10, 600, 600]
    """
    return int(min(FIRST_S * 2.0 ** min(tries, 20), MOST_S) * _NS)
