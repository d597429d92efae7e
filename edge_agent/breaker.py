"""When a silent device is asked again, and for how long: the others of its line need not wait for it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from protocols.units import Seconds
from runtime.supervise import Backoff

_PATIENT_FAILURES: Final = 2
"""Failures in a row that are taken for a hiccup; from the next one on the device is asked more rarely."""

_BACKOFF: Final = Backoff(first_s=1.0, most_s=4.0)
_LINE_SHARE: Final = 20.0
_MOST_WAIT_S: Final = 30.0
_PROBE_S: Final = 0.3
_LONG_PROBE_S: Final = 0.6
_LONG_PROBE_EACH: Final = 4
_FULL_PROBE_EACH: Final = 32
"""A full time-out may cost the others a poll; once in some minutes a device that became slow gets it."""


class Breaker(enum.IntEnum):
    """Whether a device is asked at all; the numbers stand in the metrics."""

    CLOSED = 0
    """Asked as usual."""
    TRYING = 1
    """Its time to be tried has come: the next call goes through, with a short patience on a shared line."""
    OPEN = 2
    """Calls are refused at once until its time comes."""


@dataclass(slots=True)
class Tries:
    """How one device answers, beside those it shares a line with.

    On a shared line with a living device the dead ones together take a twentieth of the time: they are tried
    in turn. Where none lives nobody waits, and each is tried as soon as its back-off allows.

    Attributes:
        line: Those of its line, itself among them; the same list for all of them.
        failures: In a row; 0 after an answer, negative before the first answer or failure.
        next_try_s: When it may be asked again, on the boot clock.
    """

    line: list[Tries] = field(repr=False)
    failures: int = -1
    next_try_s: Seconds = 0.0

    @property
    def shared(self) -> bool:
        """Whether others use its line."""
        return len(self.line) > 1

    @property
    def up(self) -> bool | None:
        """Whether it answered last; None before the first answer or failure."""
        return None if self.failures < 0 else self.failures == 0

    def breaker(self, now_s: Seconds) -> Breaker:
        """How its breaker stands at this instant."""
        if not self._given_up:
            return Breaker.CLOSED
        return Breaker.OPEN if now_s < self.next_try_s else Breaker.TRYING

    def probe_s(self) -> Seconds | None:
        """Patience of the next call; None: as usual."""
        number = self.failures - _PATIENT_FAILURES
        if number <= 0 or not self.shared or number % _FULL_PROBE_EACH == 0:
            return None
        return _PROBE_S if number % _LONG_PROBE_EACH else _LONG_PROBE_S

    def answered(self) -> None:
        """Note an answer."""
        self.failures = 0

    def failed(self, begin_s: Seconds, now_s: Seconds) -> None:
        """Note a call in vain that held the line from `begin_s` to `now_s`."""
        if self.failures < 0 and self.shared:
            self.failures = _PATIENT_FAILURES  # the others of this line need not wait for a stranger
        self.failures = max(self.failures, 0) + 1
        wait_s = _BACKOFF.delay_s(max(1, self.failures - _PATIENT_FAILURES))
        if self._given_up and any(one.up for one in self.line):
            pause_s = min(_LINE_SHARE * (now_s - begin_s), _MOST_WAIT_S)
            dead = [one for one in self.line if one._given_up]  # noqa: SLF001  of this class
            for one in dead:
                one.next_try_s = max(one.next_try_s, now_s + pause_s)
            wait_s = max(wait_s, pause_s * len(dead))
        self.next_try_s = now_s + wait_s

    @property
    def _given_up(self) -> bool:
        return self.failures > _PATIENT_FAILURES
