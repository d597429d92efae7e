"""Lengths of time as people write them: `90s`, `15m`, `1h30m`."""

from __future__ import annotations

import re
from typing import Final

from protocols.errors import ConfigError

_FORM: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS: Final = (86_400, 3600, 60, 1)


def seconds(text: str) -> float:
    """Length in seconds. [s].

    Raises:
        ConfigError: Not a length, or none at all.

    Example:
        >>> seconds("1h30m")
        5400.0
    """
    found = _FORM.fullmatch(text.strip())
    total = (
        sum(int(part or 0) * one for part, one in zip(found.groups(), _SECONDS, strict=True)) if found else 0
    )
    if total <= 0:
        raise ConfigError(f"{text!r} is no length of time; write it like 90s, 15m, 1h30m")
    return float(total)


def shown(length_s: float) -> str:
    """A length for a table.

    Example:
        >>> shown(5400.4), shown(12.2)
        ('1h30m', '12s')
    """
    rest, parts = round(length_s), []
    for one, unit in zip(_SECONDS, "dhms", strict=True):
        count, rest = divmod(rest, one)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
