"""Who bears what: money to the cent among consumers, the cost of air and cooling that a plant makes.

Cost of one unit of each medium j, where media may need each other (air for the valves of chillers, cooling
for compressors):

    made_j · c_j = direct_j + Σ_i used_ij · c_i            used_ij: of medium i to make j

Solved together, so that no medium has to come first; likewise with kilograms of CO2 in the place of money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from accounts.money import ZERO
from accounts.readings import FloatArray
from protocols.errors import ConfigError

UNMETERED = "unmetered"
"""Name of what no meter below has: the difference of the supply and all of them."""


def split_money(total: Decimal, weights: Mapping[str, float], places: int = 2) -> dict[str, Decimal]:
    """Share an amount out by weights so that the shares add up to it exactly.

    Each share is rounded down; the coins that are left go to the largest remainders, by name where equal.

    Raises:
        ConfigError: There is something to share and no weight above zero, or a weight below it.

    Example:
        >>> split_money(Decimal("10.00"), {"a": 1, "b": 1, "c": 1})
        {'a': Decimal('3.34'), 'b': Decimal('3.33'), 'c': Decimal('3.33')}
    """
    if any(not weight >= 0 for weight in weights.values()):
        raise ConfigError(
            "money is shared out by weights from 0 on; a meter below another shows more than it does"
        )
    whole = sum((Decimal(weight) for weight in weights.values()), ZERO)
    if not whole:
        if total:
            raise ConfigError(f"{total} cannot be shared out: nothing was used")
        return dict.fromkeys(weights, ZERO)
    coin = Decimal(1).scaleb(-places)
    exact = {name: total * Decimal(weight) / whole for name, weight in weights.items()}
    shares = {name: amount.quantize(coin, ROUND_FLOOR) for name, amount in exact.items()}
    left = int((total - sum(shares.values(), ZERO)) / coin)
    order = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in order[:left]:
        shares[name] += coin
    return shares


def share_invoice(
    total: Decimal, prices: FloatArray, consumers: Mapping[str, FloatArray], supply_kwh: FloatArray
) -> dict[str, Decimal]:
    """Share an invoice among consumers: each at the price of its hours, what remains by energy.

    Args:
        total: The invoice.
        prices: Price of one more kilowatt-hour in each interval, shape (T,). [money/kWh]
        consumers: Energy of each, shape (T,); NaN counts as none. [kWh]
        supply_kwh: Of the invoice's own meter, shape (T,). [kWh]

    Returns:
        Money of each and of `unmetered`, adding up to the invoice to the cent.

    Raises:
        ConfigError: The consumers together show more than the supply.
    """
    energy = {name: float(np.nansum(kwh)) for name, kwh in consumers.items()}
    rest = np.nan_to_num(supply_kwh) - sum(
        (np.nan_to_num(kwh) for kwh in consumers.values()), np.zeros(len(prices))
    )
    if rest.sum() < -1e-6 * max(1.0, float(np.nansum(supply_kwh))):
        raise ConfigError(
            f"the meters below show {-float(rest.sum()):.3f} kWh more than the supply; one stands in another "
            "or is counted twice"
        )
    parts = {**{name: np.nan_to_num(kwh) for name, kwh in consumers.items()}, UNMETERED: rest}
    energy[UNMETERED] = max(float(rest.sum()), 0.0)
    by_hours = {name: float(kwh @ prices) for name, kwh in parts.items()}
    remains = float(total) - sum(by_hours.values())
    whole = sum(energy.values())
    due = {name: by_hours[name] + (remains * energy[name] / whole if whole else 0.0) for name in parts}
    return split_money(total, {name: max(money, 0.0) for name, money in due.items()})


@dataclass(frozen=True, slots=True)
class Medium:
    """A medium that a plant makes for itself in a period.

    Attributes:
        made: How much, in its unit.
        direct: What was bought for it: money, or kilograms of CO2.
        used: Of other media to make it, in their units.
        taken: Of each consumer, in its unit.
    """

    made: float
    direct: float
    used: Mapping[str, float] = field(default_factory=dict)
    taken: Mapping[str, float] = field(default_factory=dict)


def unit_costs(media: Mapping[str, Medium]) -> dict[str, float]:
    """Cost of one unit of each medium; 0 of one that was not made and took nothing.

    Raises:
        ConfigError: A medium needs one that is not there, took something and made nothing, or a circle of
            media needs all that it makes.
    """
    names = list(media)
    matrix, right = np.zeros((len(names), len(names))), np.zeros(len(names))
    for row, (name, medium) in enumerate(media.items()):
        if lacking := sorted(set(medium.used) - set(names)):
            raise ConfigError(f"the medium {name!r} uses {', '.join(lacking)}, which is none of them")
        idle = medium.made <= 0
        if idle and (medium.direct or any(medium.used.values())):
            raise ConfigError(
                f"the medium {name!r} has costs and made nothing; its meter is missing or stands still"
            )
        matrix[row, row] += 1.0 if idle else medium.made
        right[row] = medium.direct
        for other, amount in medium.used.items():
            matrix[row, names.index(other)] -= amount
    try:
        costs = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError as error:
        raise ConfigError(
            "media that need each other use all that they make; look at their meters"
        ) from error
    if (costs < 0).any() and (right >= 0).all():
        raise ConfigError("media that need each other use more than they make; look at their meters")
    return {name: float(cost) for name, cost in zip(names, costs, strict=True)}


def shares_of(media: Mapping[str, Medium]) -> dict[str, dict[str, float]]:
    """What each consumer bears of each medium, with `unmetered` for what nobody's meter shows."""
    costs = unit_costs(media)
    given = {
        name: sum(other.used.get(name, 0.0) for other in media.values()) + sum(medium.taken.values())
        for name, medium in media.items()
    }
    found: dict[str, dict[str, float]] = {}
    for name, medium in media.items():
        found[name] = {consumer: amount * costs[name] for consumer, amount in medium.taken.items()}
        found[name][UNMETERED] = (medium.made - given[name]) * costs[name]
    return found
