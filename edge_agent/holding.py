"""How long the journal has room if the hub takes nothing from now on, by what came in lately."""

from __future__ import annotations

from collections import deque
from typing import Final

LEAST_S: Final = 60.0
"""A shorter look back says nothing. [s]"""

WINDOW_S: Final = 3600.0
"""What came in within this time is what will go on coming in. [s]"""

OVERHEAD: Final = 1.25
"""A row takes so much more of the disk than its body: pages, keys, the log. [-]"""

_STEP_S: Final = 30.0


class Holding:
    """Remembers how much had been taken at times of the last hour.

    Example:
        >>> holding = Holding()
        >>> [holding.lasts_s(at_s, int(at_s) * 100, 1_000_000, 9_000_000) for at_s in (0.0, 30.0, 90.0)]
        [None, None, 10000.0]
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def lasts_s(self, now_s: float, taken_bytes: int, bound_bytes: int, disk_bytes: int) -> float | None:
        """Seconds until the oldest rows would have to be given up; None: not known yet, or nothing comes in.

        Args:
            now_s: Boot clock. [s]
            taken_bytes: Bodies of all rows taken since the start.
            bound_bytes: Bodies that still fit below the journal's own bound.
            disk_bytes: Room on the disk.
        """
        if not self._marks or now_s - self._marks[-1][0] >= _STEP_S:
            self._marks.append((now_s, taken_bytes))
        while len(self._marks) > 1 and now_s - self._marks[1][0] > WINDOW_S:
            self._marks.popleft()
        begun_s, begun_bytes = self._marks[0]
        if now_s - begun_s < LEAST_S or taken_bytes <= begun_bytes:
            return None
        per_s = (taken_bytes - begun_bytes) / (now_s - begun_s)
        return max(min(bound_bytes, disk_bytes / OVERHEAD), 0.0) / per_s
