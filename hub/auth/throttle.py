"""Brakes on guessing: failures are counted per account and per address, in memory, over one hour.

An address that signed in before, and this machine itself, have a count of their own: guesses from elsewhere
never lock the last admin out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from protocols.clock import Clock

ACCOUNT_FAILURES: Final = 20
ADDRESS_FAILURES: Final = 60
_WINDOW_S: Final = 3600.0
_MOST_KEYS: Final = 10_000
_LOCAL: Final = frozenset({"127.0.0.1", "::1"})
_Key = tuple[str, str]


class Throttle:
    """At most 20 failed guesses an hour on an account, 60 from an address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, deque[float]] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def wait_s(self, account: str, address: str) -> float:
        """How long this caller must wait before the next guess; 0 when none."""
        account_s = self._wait_s(self._account_key(account, address), ACCOUNT_FAILURES)
        return max(account_s, self._wait_s(("", address), ADDRESS_FAILURES))

    def failed(self, account: str, address: str) -> None:
        """Count a wrong guess."""
        for key in (self._account_key(account, address), ("", address)):
            self._failures.setdefault(key, deque()).append(self._clock.mono_s())
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """This address is known for this account from now on; its wrong guesses are forgotten."""
        self._known[account, address] = None
        while len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)
        self._failures.pop((account, address), None)

    def _account_key(self, account: str, address: str) -> _Key:
        known = address in _LOCAL or (account, address) in self._known
        return (account, address if known else "")

    def _wait_s(self, key: _Key, most: int) -> float:
        times = self._failures.get(key)
        now_s = self._clock.mono_s()
        while times and now_s - times[0] >= _WINDOW_S:
            times.popleft()
        if times is None or len(times) < most:
            return 0.0
        return times[-most] + _WINDOW_S - now_s
