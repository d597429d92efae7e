"""Follows one order of a person at the hub until it is verified, refused, failed or over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from ems.hub_client import HubClient

STEPS: Final = ("asked", "sent", "received", "written", "verified")
OVER: Final = frozenset({"verified", "refused", "failed", "ended"})
_VALUED: Final = frozenset({"set", "select"})
_LOOK_S: Final = 0.1
_LATE_S: Final = 5.0
_LATER_S: Final = 1.0

Tell = Callable[[str], None]


def follow(
    hub: HubClient, path: str, tell: Tell, wait_s: float, until: frozenset[str] = OVER
) -> dict[str, Any]:
    """Ask for an order until its state is one of `until`, telling each step; gives it as it was then.

    Looks ten times a second, once a second after 5 s. [s]

    Raises:
        ConfigError: The hub does not answer any more.
        OrderRefusedError: There is no such order.
    """
    begun_s, seen = time.monotonic(), ""
    while True:
        order: dict[str, Any] = hub.get(path)
        if order["state"] != seen:
            for line in news(order, seen):
                tell(line)
            seen = order["state"]
        gone_s = time.monotonic() - begun_s
        if seen in until or seen in OVER or gone_s > wait_s:
            return order
        time.sleep(_LOOK_S if gone_s < _LATE_S else _LATER_S)


def news(order: dict[str, Any], seen: str) -> list[str]:
    """Lines for a state that is new; steps that were passed between two looks are named too.

    Example:
        >>> news({"kind": "set", "state": "written", "text": {"en": "x"}}, "sent")
        ['received', 'written']
    """
    state = str(order["state"])
    if state not in STEPS:
        return [said(order)]
    first = STEPS.index(seen) + 1 if seen in STEPS else STEPS.index(state)
    passed = [*STEPS[first : STEPS.index(state)]] if order["kind"] in _VALUED else []
    return [*passed, said(order) if state == "verified" else state]


def said(order: dict[str, Any]) -> str:
    """Its state in one line, with what was read back or why it ended."""
    state, unit = order["state"], order.get("unit") or ""
    if state in STEPS:
        readback = order.get("readback")
        return state if readback is None else f"{state}  {readback:g} {unit}".rstrip()
    code = f" ({order['code']})" if order.get("code") else ""
    return f"{state}: {order['text']['en']}{code}"


def succeeded(order: dict[str, Any]) -> bool:
    """Whether what was asked for is so: only `verified` counts."""
    return bool(order["state"] == "verified")
