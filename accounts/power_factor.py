"""The table by which Chinese bills rise and fall with the power factor of the month.

    cos φ = P / √(P² + Q²), to two decimals        P, Q: active and reactive energy of the month

Source: 《功率因数调整电费办法》(水电财字[1983] 215号), tables 1 to 3 for the standards 0.90, 0.85 and 0.80.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from accounts.money import ZERO, rounded

Standard = Literal["0.90", "0.85", "0.80"]

_REWARDS: Final[dict[Standard, tuple[tuple[int, int], ...]]] = {
    "0.90": ((5, 15),),
    "0.85": ((5, 10), (4, 15)),
    "0.80": ((10, 10), (2, 15)),
}
"""Steps of 0.01 above the standard and what each takes off, in hundredths of a percent."""

_PENALTIES: Final = ((20, 50), (5, 100))
"""The same below the standard: twenty steps, five steps; each further one costs 2 %."""

_BEYOND: Final = 200


def power_factor(active_kwh: Decimal, reactive_kvarh: Decimal) -> Decimal:
    """The month's factor to two decimals; 1.00 where nothing was used.

    Example:
        >>> power_factor(Decimal(100), Decimal(50))
        Decimal('0.89')
    """
    apparent = (active_kwh * active_kwh + reactive_kvarh * reactive_kvarh).sqrt()
    return Decimal("1.00") if apparent == ZERO else rounded(active_kwh / apparent, 2)


def adjustment_pct(factor: Decimal, standard: Standard) -> Decimal:
    """What is added to the bill, negative where it is taken off. [%].

    Example:
        >>> adjustment_pct(Decimal("0.85"), "0.90"), adjustment_pct(Decimal("0.97"), "0.90")
        (Decimal('2.5'), Decimal('-0.75'))
    """
    steps = int((factor - Decimal(standard)) * 100)
    if steps >= 0:
        return Decimal(-_climbed(steps, _REWARDS[standard], 0)) / 100
    return Decimal(_climbed(-steps, _PENALTIES, _BEYOND)) / 100


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Where the month's factor will end.

    Attributes:
        factor: The factor.
        percent: What is then added to the bill, or taken off. [%]
        to_standard_kvarh: Reactive energy to compensate until then for the standard; 0: it is kept. [kvarh]
        to_best_kvarh: The same for the largest reward. [kvarh]
    """

    factor: Decimal
    percent: Decimal
    to_standard_kvarh: Decimal
    to_best_kvarh: Decimal


def foreseen(
    so_far: tuple[Decimal, Decimal], to_come: tuple[Decimal, Decimal], standard: Standard
) -> Foreseen:
    """The factor at the end of a month, and what it takes to have a better one.

    Args:
        so_far: Active and reactive energy until now. [kWh, kvarh]
        to_come: What is expected until the end. [kWh, kvarh]
        standard: Factor that neither adds nor takes off.
    """
    active, reactive = so_far[0] + to_come[0], so_far[1] + to_come[1]
    factor = power_factor(active, reactive)
    least = adjustment_pct(Decimal(1), standard)
    factors = [Decimal(step) / 100 for step in range(1, 101)]
    best = next(one for one in factors if adjustment_pct(one, standard) == least)
    return Foreseen(
        factor,
        adjustment_pct(factor, standard),
        _over(active, reactive, Decimal(standard)),
        _over(active, reactive, best),
    )


def _over(active: Decimal, reactive: Decimal, factor: Decimal) -> Decimal:
    """Reactive energy beyond what rounds to the factor."""
    edge = factor - Decimal("0.004999")
    allowed = active * (1 - edge * edge).sqrt() / edge
    return max(reactive - allowed, ZERO)


def _climbed(steps: int, table: tuple[tuple[int, int], ...], beyond: int) -> int:
    total = 0
    for count, each in table:
        taken = min(steps, count)
        total += taken * each
        steps -= taken
    return total + steps * beyond
