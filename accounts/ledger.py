"""Accounts: what was used, what it cost and emitted, by carrier, area, device, product and shift.

    account(key) = Σ over meters of the key, over intervals of the key, of energy · (1, price, factors)

A meter belongs to one account of each kind. What hangs below another meter is not counted beside it:
`residuals` says what a meter has that none known below it shows, with its sign.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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
        kg: CO2 of a unit by the factor of the year, shape (T,), or one for all; None: nobody knows. [kg]
    """

    cost: FloatArray | None = None
    kg: FloatArray | float | None = None


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
        missing: Share of its intervals that lack a reading, or hold what an unknown meter of another account
            took. [-]
    """

    key: tuple[str, ...]
    carrier: str
    unit: str
    amount: Decimal
    cost: Decimal | None
    kg: Decimal | None
    missing: float


@dataclass(frozen=True, slots=True)
class _Gap:
    """Intervals of a meter that are not known.

    Attributes:
        meter: The meter.
        holder: Nearest meter above that is known in them; empty: there is none.
        inside: The intervals, shape (T,).
    """

    meter: str
    holder: str
    inside: NDArray[np.bool_]


def accounts_of(
    flows: Sequence[Flow],
    by: Sequence[Dimension],
    rates: Mapping[str, Rates],
    intervals: Intervals | None = None,
) -> list[Account]:
    """Accounts by some dimensions; carriers are never added to each other.

    Args:
        flows: Meters; those that hang below another one of them are counted for the dimensions they name,
            and taken off the one above, so that the sum over all is what the supplies show. What an unknown
            one took stays with the nearest known one above.
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
    gaps = _gaps(flows)
    return [_account(name, parts, rates, gaps) for name, parts in found.items()]


def residuals(flows: Sequence[Flow]) -> list[Flow]:
    """Each meter less those below it: in each interval a known one is taken off the nearest known above it.

    So the sum over all is what the supplies show wherever they are known; NaN where a meter itself is not.

    Raises:
        ConfigError: See `accounts_of`.
    """
    by_name = {flow.meter: flow for flow in flows}
    _check_tree(flows, by_name)
    own = {flow.meter: np.array(flow.amount, np.float64) for flow in flows}
    for flow in flows:
        for holder, inside in _held(flow, by_name, np.isfinite(flow.amount)):
            if holder:
                own[holder][inside] -= flow.amount[inside]
    return [replace(flow, amount=own[flow.meter]) for flow in flows]


def _held(
    flow: Flow, by_name: Mapping[str, Flow], asked: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Nearest meters above that are known in the intervals asked for; empty: in these none is."""
    above = flow
    while above.below and asked.any():
        above = by_name[above.below]
        known = np.isfinite(above.amount)
        yield above.meter, asked & known
        asked = asked & ~known
    yield NOWHERE, asked


def _gaps(flows: Sequence[Flow]) -> list[_Gap]:
    by_name = {flow.meter: flow for flow in flows}
    return [
        _Gap(flow.meter, holder, inside)
        for flow in flows
        for holder, inside in _held(flow, by_name, ~np.isfinite(flow.amount))
        if inside.any()
    ]


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
    gaps: Sequence[_Gap],
) -> Account:
    carrier, key = name
    rate = rates.get(carrier, Rates())
    known = [inside & np.isfinite(flow.amount) for flow, inside in parts]
    taken = [flow.amount[mask] for (flow, _), mask in zip(parts, known, strict=True)]
    amounts = _listed(taken)
    total = sum(int(inside.sum()) for _, inside in parts)
    missing = _missing({flow.meter: inside for flow, inside in parts}, gaps)
    return Account(
        key,
        carrier,
        parts[0][0].unit,
        metered(amounts, _PLACES),
        None if rate.cost is None else _valued(rate.cost, taken, known),
        None if rate.kg is None else _valued(rate.kg, taken, known),
        missing / total if total else 0.0,
    )


def _missing(mine: Mapping[str, NDArray[np.bool_]], gaps: Sequence[_Gap]) -> int:
    """Intervals of the meters of an account that lack something, or hold what belongs to another account."""
    marked: dict[str, NDArray[np.bool_]] = {}
    for gap in gaps:
        nowhere = np.zeros_like(gap.inside)
        lacks, holds = (gap.inside & mine.get(meter, nowhere) for meter in (gap.meter, gap.holder))
        for meter, wrong in ((gap.meter, lacks & ~holds), (gap.holder, holds & ~lacks)):
            marked[meter] = marked.get(meter, nowhere) | wrong
    return sum(int(one.sum()) for one in marked.values())


def _valued(
    rate: FloatArray | float, taken: Sequence[FloatArray], known: Sequence[NDArray[np.bool_]]
) -> Decimal:
    pairs = zip(taken, known, strict=True)
    each = [amount * np.broadcast_to(rate, mask.shape)[mask] for amount, mask in pairs]
    return settled(math.fsum(_listed(each)), _PLACES)


def _listed(arrays: Sequence[FloatArray]) -> list[float]:
    found: list[float] = np.concatenate(arrays).tolist() if arrays else []
    return found
