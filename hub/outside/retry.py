"""How long a message is tried again before it is given up."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 5.0
MOST_S: Final = 600.0
"""Wait before it is tried again: doubles from the first to the most. [s]"""

OVER_NS: Final = 86_400 * 1_000_000_000
"""After a day it is news to nobody. [ns]"""

MOST_TRIES: Final = 150
"""A day of them. [-]"""

_NS: Final = 1_000_000_000


def wait_ns(tries: int) -> int:
    """Wait after so many tries before. [ns].

    Example:
        >>> [wait_ns(tries) // 10**9 for tries in (0, 1, 7, 100)]
        [5, 10, 600, 600]
    """
    return int(min(FIRST_S * 2.0 ** min(tries, 20), MOST_S) * _NS)
