"""Brakes on guessing: failures are counted per account and per address, in memory, over one hour.

An address that signed in before, and this machine itself, have a count of their own: guesses from elsewhere
never lock the last admin out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from protocols.clock import Clock

ACCOUNT_FAILURES: Final = 20
ADDRESS_FAILURES: Final = 60
STRANGERS: Final = 20
"""So many an hour of an address are written down who come back from a provider they were not sent to."""
_WINDOW_S: Final = 3600.0
_MOST_KEYS: Final = 10_000
_LOCAL: Final = frozenset({"127.0.0.1", "::1"})
_STRANGER: Final = " stranger"
"""No name of a person begins with a blank."""
_CODE: Final = " code"
"""No address begins with a blank."""
_Key = tuple[str, str]


def network_of(address: str) -> str:
    """What an address is counted as: of IPv6 its /64, which one subscriber has whole; of IPv4 itself.

    Example:
        >>> network_of("2001:db8::1:2"), network_of("::ffff:192.0.2.1"), network_of("::1")
        ('2001:db8::/64', '192.0.2.1', '::1')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address) or found.is_loopback:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found) >> 64 << 64, 64)))


class Throttle:
    """At most 20 failed guesses an hour on an account, 60 from an address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, deque[float]] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def knows(self, account: str, address: str) -> bool:
        """Whether somebody signed in to this account from here before, or is at this machine itself."""
        address = network_of(address)
        return address in _LOCAL or (account, address) in self._known

    def wait_s(self, account: str, address: str) -> float:
        """How long this caller must wait before the next guess; 0 when none."""
        address = network_of(address)
        account_s = self._wait_s(self._account_key(account, address), ACCOUNT_FAILURES)
        return max(account_s, self._wait_s(("", address), ADDRESS_FAILURES))

    def failed(self, account: str, address: str) -> None:
        """Count a wrong guess."""
        address = network_of(address)
        for key in (self._account_key(account, address), ("", address)):
            self._count(key)

    def succeeded(self, account: str, address: str) -> None:
        """This address is known for this account from now on; its wrong guesses are forgotten."""
        address = network_of(address)
        self._known[account, address] = None
        while len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)
        self._failures.pop((account, address), None)

    def code_wait_s(self, account: str) -> float:
        """How long this account must wait before its next code, wherever it comes from; 0 when none."""
        return self._wait_s((account, _CODE), ACCOUNT_FAILURES)

    def code_failed(self, account: str) -> None:
        """Count a right password without the right code: only a right code makes that forgotten."""
        self._count((account, _CODE))

    def code_right(self, account: str) -> None:
        """Forget the wrong codes of an account."""
        self._failures.pop((account, _CODE), None)

    def stranger(self, address: str) -> bool:
        """Count somebody who begins nothing and guesses nothing; whether it is still worth a line.

        It brakes nobody: any page can make the browsers of others do it.
        """
        key = (_STRANGER, network_of(address))
        worth = self._wait_s(key, STRANGERS) == 0
        if worth:
            self._count(key)
        return worth

    def _account_key(self, account: str, address: str) -> _Key:
        return (account, address if self.knows(account, address) else "")

    def _count(self, key: _Key) -> None:
        self._failures.setdefault(key, deque()).append(self._clock.mono_s())
        self._failures.move_to_end(key)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def _wait_s(self, key: _Key, most: int) -> float:
        times = self._failures.get(key)
        now_s = self._clock.mono_s()
        while times and now_s - times[0] >= _WINDOW_S:
            times.popleft()
        if times is None or len(times) < most:
            return 0.0
        return times[-most] + _WINDOW_S - now_s
