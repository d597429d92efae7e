"""Money and metered quantities: exact sums, one rounding rule.

    amount = round(quantity · price)   half away from zero, to the currency's smallest coin, once a line
    total  = Σ amounts                 of rounded lines, so that a person who adds the invoice up gets the
    same

A quantity is rounded to the digits the meter shows before it is multiplied; what stands on the line is what
was multiplied. Sums of readings are first taken to nine decimals, so that the binary form of 0.1 decides no
tie.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Final

from pydantic import Field

ZERO: Final = Decimal(0)
_DUST: Final = 9
"""Decimals of a kWh, a kW or a coin beyond which a sum of binary numbers says nothing."""

Price = Annotated[Decimal, Field(ge=-100_000, le=100_000)]
"""Money per something, as published; may be negative. NaN and infinity are refused."""


def rounded(amount: Decimal, places: int) -> Decimal:
    """Half away from zero.

    Example:
        >>> rounded(Decimal("2.345"), 2), rounded(Decimal("-2.345"), 2)
        (Decimal('2.35'), Decimal('-2.35'))
    """
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def metered(values: Iterable[float], places: int) -> Decimal:
    """Sum of readings without loss on the way, rounded as the meter shows it.

    Example:
        >>> metered([0.1] * 10, 3)
        Decimal('1.000')
    """
    return settled(math.fsum(values), places)


def settled(value: float, places: int) -> Decimal:
    """Round a binary number as the decimal that it stands for: what is far below any meter decides no tie.

    Example:
        >>> settled(2.675, 2), round(2.675, 2)
        (Decimal('2.68'), 2.67)
    """
    return rounded(rounded(Decimal(value), _DUST), places)
