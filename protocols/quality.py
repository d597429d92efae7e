"""Quality of one sample: one byte, two bits of class and six of reason.

A failed read is never a number: its value is NaN and its quality says why.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Quality(IntEnum):
    """Class and reason; the values are on the wire and in the store and never change."""

    GOOD = 0
    UNCERTAIN_TIME = 65
    """The value is right, its instant may be wrong (clock not synchronised)."""
    UNCERTAIN_DEVICE = 66
    """The device itself marks the value as doubtful."""
    UNCERTAIN_STALE = 67
    """The device repeats an old value."""
    UNCERTAIN_FLAT = 68
    """It has not moved for longer than it may; a mark of a cleaning rule, never on the wire."""
    UNCERTAIN_SPIKE = 69
    """Far from the values before it, and those after it are still to come; a mark, never on the wire."""
    BAD_UNREACHABLE = 129
    """No answer, or no link."""
    BAD_REFUSED = 130
    """The device refused this point."""
    BAD_ANSWER = 131
    """An answer that does not fit the question, or could not be decoded."""
    BAD_NOT_AVAILABLE = 132
    """The device says "not available" (NaN, 0x8000, 0xFFFF …)."""
    BAD_RANGE = 133
    """Outside the valid range of the profile."""
    BAD_DEVICE = 134
    """The device marks the value as failed."""
    BAD_RATE = 135
    """It moved faster than it can; a mark of a cleaning rule, never on the wire."""
    BAD_SPIKE = 136
    """Far from its neighbours on both sides; a mark of a cleaning rule, never on the wire."""


_BAD_FROM: Final = 128
_UNCERTAIN_FROM: Final = 64


def is_bad(quality: int) -> bool:
    """Whether the number must not be used."""
    return quality >= _BAD_FROM


def is_good(quality: int) -> bool:
    """Whether the number may be used without a sign."""
    return quality < _UNCERTAIN_FROM


def bad_mask(qualities: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where `qualities` is bad; same shape."""
    return qualities >= _BAD_FROM


def good_mask(qualities: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where `qualities` is good; same shape."""
    return qualities < _UNCERTAIN_FROM
