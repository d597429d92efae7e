"""Ids: `site/device/point`, each part `[a-z][a-z0-9_]{0,31}`; free text is a label, never an id."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from typing_extensions import override

from protocols.config import ID_PART
from protocols.errors import ContractError

_PART: Final = re.compile(ID_PART)


class PointKind(StrEnum):
    """What a point is for."""

    MEASUREMENT = "measurement"
    COUNTER = "counter"
    STATE = "state"
    SETPOINT = "setpoint"


class PointId(NamedTuple):
    """The full name of a point."""

    site: str
    device: str
    point: str

    @override
    def __str__(self) -> str:
        return f"{self.site}/{self.device}/{self.point}"

    @property
    def local(self) -> str:
        """`device/point`, unique inside a site."""
        return f"{self.device}/{self.point}"


def is_part(text: object) -> bool:
    """Whether something may stand in a point id.

    Example:
        >>> is_part("power_kw"), is_part("a b"), is_part(1)
        (True, False, False)
    """
    return isinstance(text, str) and _PART.fullmatch(text) is not None


def parse_point(text: str) -> PointId:
    """Read `site/device/point`.

    Raises:
        ContractError: Not three id parts.

    Example:
        >>> parse_point("demo/comp1/power_kw").device
        'comp1'
    """
    parts = text.split("/")
    if len(parts) != len(PointId._fields) or not all(_PART.fullmatch(part) for part in parts):
        raise ContractError(f"{text!r} is no point id; expected site/device/point of [a-z0-9_]")
    return PointId(*parts)


def local_point(site: str, text: str) -> PointId:
    """Read `device/point` inside a site.

    Raises:
        ContractError: Not two id parts.
    """
    return parse_point(f"{site}/{text}")
