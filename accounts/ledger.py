"""Accounts: what was used, what it cost and emitted, by carrier, area, device, product and shift.

    account(key) = Σ over meters of the key, over intervals of the key, of energy · (1, price, factors)

A meter belongs to one account of each kind. What hangs below another meter is not counted beside it:
`residuals` says what a meter has that none below it shows, with its sign.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from accounts.money import metered, settled
from accounts.readings import FloatArray
from protocols.errors import ConfigError

Dimension = Literal["carrier", "area", "device", "product", "shift", "meter"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("carrier", "area", "device", "product", "shift", "meter")
NOWHERE: Final = ""
"""Key of what no area, device, product or shift claims."""
_PLACES: Final = 6


@dataclass(frozen=True, slots=True)
class Flow:
    """What a meter counted, interval by interval.

    Attributes:
        meter: Its id.
        carrier: What it counts.
        unit: In which unit.
        amount: Shape (T,); NaN where nothing is known.
        area: Area it is for.
        device: Device it is for.
        product: Product it is for; the share of each interval goes by `product_of` where a line makes
        several. below: Meter it hangs below; empty: it stands at the supply.
    """

    meter: str
    carrier: str
    unit: str
    amount: FloatArray
    area: str = NOWHERE
    device: str = NOWHERE
    product: str = NOWHERE
    below: str = ""


@dataclass(frozen=True, slots=True)
class Rates:
    """What a unit of a carrier costs and emits, interval by interval.

    Attributes:
        cost: Money for a unit, shape (T,); None: nobody knows.
        kg: CO2 of a unit, a number for a year's factor; None: nobody knows. [kg]
    """

    cost: FloatArray | None = None
    kg: float | None = None


@dataclass(frozen=True, slots=True)
class Intervals:
    """What is known of the intervals themselves.

    Attributes:
        shifts: Names of the shifts.
        shift_of: Index of the shift of each interval, -1 between shifts, shape (T,).
        products: Names of the products.
        product_of: Meter to the index of the product its line made, -1 for none, shape (T,) each.
    """

    shifts: tuple[str, ...] = ()
    shift_of: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    products: tuple[str, ...] = ()
    product_of: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """One account.

    Attributes:
        key: Its place in each dimension that was asked for.
        carrier: What was used.
        unit: Unit of the amount.
        amount: How much.
        cost: Money by the price of its hours; None: no price is known.
        kg: CO2; None: no factor is known. [kg]
        missing: Share of its intervals without a reading. [-]
    """

    key: tuple[str, ...]
    carrier: str
    unit: str
    amount: Decimal
    cost: Decimal | None
    kg: Decimal | None
    missing: float


def accounts_of(
    flows: Sequence[Flow],
    by: Sequence[Dimension],
    rates: Mapping[str, Rates],
    intervals: Intervals | None = None,
) -> list[Account]:
    """Accounts by some dimensions; carriers are never added to each other.

    Args:
        flows: Meters; those that hang below another one of them are counted for the dimensions they name,
            and taken off the one above, so that the sum over all is what the supplies show.
        by: Dimensions of the key, in its order.
        rates: Carrier to its cost and factor; one without has no cost.
        intervals: Shifts and products of the intervals.

    Raises:
        ConfigError: Meters differ in length, hang below none or below themselves, or carriers differ along
            the way.
    """
    intervals = intervals or Intervals()
    found: dict[tuple[str, tuple[str, ...]], list[tuple[Flow, NDArray[np.bool_]]]] = {}
    for flow in residuals(flows):
        for key, inside in _places(flow, by, intervals):
            found.setdefault((flow.carrier, key), []).append((flow, inside))
    return [_account(name, parts, rates) for name, parts in found.items()]


def residuals(flows: Sequence[Flow]) -> list[Flow]:
    """Each meter less those directly below it; where one of them is missing, so is the difference.

    Raises:
        ConfigError: See `accounts_of`.
    """
    by_name = {flow.meter: flow for flow in flows}
    _check_tree(flows, by_name)
    own = {flow.meter: flow.amount.copy() for flow in flows}
    for flow in flows:
        if flow.below:
            own[flow.below] = own[flow.below] - flow.amount
    return [replace(flow, amount=own[flow.meter]) for flow in flows]


def _check_tree(flows: Sequence[Flow], by_name: Mapping[str, Flow]) -> None:
    if len(by_name) < len(flows) or len({len(flow.amount) for flow in flows}) > 1:
        raise ConfigError("meters need an id each and the same intervals")
    for flow in flows:
        above, seen = flow, {flow.meter}
        while above.below:
            if above.below not in by_name:
                raise ConfigError(
                    f"the meter {above.meter!r} hangs below {above.below!r}, which is none of them"
                )
            above = by_name[above.below]
            if above.meter in seen:
                raise ConfigError(f"the meter {flow.meter!r} hangs below itself; break the circle")
            if above.carrier != flow.carrier or above.unit != flow.unit:
                raise ConfigError(f"{flow.meter!r} hangs below {above.meter!r}, which counts something else")
            seen.add(above.meter)


def _places(
    flow: Flow, by: Sequence[Dimension], intervals: Intervals
) -> list[tuple[tuple[str, ...], NDArray[np.bool_]]]:
    """Keys of a flow with the intervals that belong to each."""
    everywhere = np.ones(len(flow.amount), np.bool_)
    places: list[tuple[tuple[str, ...], NDArray[np.bool_]]] = [((), everywhere)]
    for dimension in by:
        options = _options(flow, dimension, intervals, everywhere)
        places = [
            ((*key, name), inside & mask)
            for key, inside in places
            for name, mask in options
            if (inside & mask).any()
        ]
    return places


def _options(
    flow: Flow, dimension: Dimension, intervals: Intervals, everywhere: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.bool_]]]:
    if dimension == "shift":
        return _named(intervals.shifts, intervals.shift_of, everywhere)
    if dimension == "product" and flow.meter in intervals.product_of:
        return _named(intervals.products, intervals.product_of[flow.meter], everywhere)
    return [(str(getattr(flow, dimension)), everywhere)]


def _named(
    names: Sequence[str], index: NDArray[np.int64], everywhere: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.bool_]]]:
    if not len(index):
        return [(NOWHERE, everywhere)]
    if len(index) != len(everywhere):
        raise ConfigError("shifts and products need the intervals of the meters")
    return [*((name, index == at) for at, name in enumerate(names)), (NOWHERE, index < 0)]


def _account(
    name: tuple[str, tuple[str, ...]],
    parts: Sequence[tuple[Flow, NDArray[np.bool_]]],
    rates: Mapping[str, Rates],
) -> Account:
    carrier, key = name
    rate = rates.get(carrier, Rates())
    known = [inside & np.isfinite(flow.amount) for flow, inside in parts]
    taken = [flow.amount[mask] for (flow, _), mask in zip(parts, known, strict=True)]
    amounts = _listed(taken)
    total = sum(int(inside.sum()) for _, inside in parts)
    missing = total - len(amounts)
    return Account(
        key,
        carrier,
        parts[0][0].unit,
        metered(amounts, _PLACES),
        None if rate.cost is None else _cost(rate.cost, taken, known),
        None if rate.kg is None else settled(math.fsum(amounts) * rate.kg, _PLACES),
        missing / total if total else 0.0,
    )


def _cost(price: FloatArray, taken: Sequence[FloatArray], known: Sequence[NDArray[np.bool_]]) -> Decimal:
    pairs = zip(taken, known, strict=True)
    return settled(math.fsum(_listed([amount * price[mask] for amount, mask in pairs])), _PLACES)


def _listed(arrays: Sequence[FloatArray]) -> list[float]:
    found: list[float] = np.concatenate(arrays).tolist() if arrays else []
    return found
