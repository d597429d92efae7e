"""Parts of an invoice that go by power: highest demand, contracted power, the Chinese basic charge.

Basic charge of a two-part tariff, by what the user chose:

    capacity   price_kva · S                                     S: transformers and high-voltage motors
    contract   price_kw · (C + 2·max(P - 1.05·C, 0))             C ≥ 0.40·S: the contract; P: measured
    measured   price_kw · P
    both demand modes at 90 % in a month with 260 kWh or more for each kVA

Source: 发改办价格[2016] 1583号 (contract, 105 %, 40 %); 发改价格[2023] 526号 (90 % from 260 kWh/kVA).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from accounts.money import ZERO, Price, rounded
from accounts.parts import Part, spans
from accounts.used import Line, Used
from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError

Share = Annotated[Decimal, Field(ge=0, le=1)]
Power = Annotated[Decimal, Field(gt=0)]
BasicMode = Literal["capacity", "contract", "measured"]

OVER: Final = Decimal("1.05")
"""How far over the contract nothing is added."""
LEAST: Final = Decimal("0.40")
"""Share of the capacity that a contract cannot fall below."""
FULL_KWH_KVA: Final = Decimal(260)
"""Energy a month for each kVA from which the demand price is lowered. [kWh/kVA]"""
LOWERED: Final = Decimal("0.90")
"""What is left of it."""
_MODE: Final[dict[BasicMode, Text]] = {
    "capacity": Text(en="by capacity", zh="按容量"),
    "contract": Text(en="by contract demand", zh="按合同需量"),
    "measured": Text(en="by measured demand", zh="按实际需量"),
}


class Ratchet(Config):
    """A share of the highest earlier demand that is charged at least."""

    share: Share
    """Share of the highest demand of the months before."""

    months: Annotated[int, Field(ge=1, le=24)] = 11
    """How many months it looks back."""


class DemandPart(Part):
    """A price on the highest demand of the period."""

    kind: Literal["demand"] = "demand"
    """Which part it is."""

    per_kw: Price
    """Price. [money/kW for each `per`]"""

    per: Literal["month", "year"] = "month"
    """What the price is for; a year's is shared out by the days of a shorter period."""

    bands: tuple[IdPart, ...] = ()
    """Bands whose demand counts; nothing: all."""

    ratchet: Ratchet | None = None
    """What earlier months still cost."""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """One line; its quantity says whether the ratchet holds."""
        if self.per == "month" and used.period.months != 1:
            raise ConfigError(f"the part {self.id!r} has a price by the month; bill one month at a time")
        peak, note = used.peak(self.bands), ""
        if self.ratchet is not None:
            earlier = max(used.before.peaks_kw[-self.ratchet.months :], default=ZERO)
            held = rounded(earlier * self.ratchet.share, used.places[1])
            if held > peak:
                peak, note = held, "share of an earlier demand"
        amount = used.money(peak * self.per_kw * spans(used, self.per))
        yield Line(self.id, self.label, self.group, peak, "kW", self.per_kw, amount, note=note)

    def one_more(self, _band: str) -> Decimal:
        """Nothing."""
        return ZERO


class ContractedPart(Part):
    """Power that is contracted for each band and paid by the day, as the Spanish access tolls."""

    kind: Literal["contracted"] = "contracted"
    """Which part it is."""

    per_kw_year: dict[IdPart, Price]
    """Price of each band. [money/(kW·a)]"""

    contracted_kw: dict[IdPart, Power]
    """Power contracted for each band. [kW]"""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """A line for each band with a price."""
        years = spans(used, "year")
        for band, price in self.per_kw_year.items():
            if band not in self.contracted_kw:
                raise ConfigError(f"the part {self.id!r} has a price for {band!r} and no contracted power")
            power = self.contracted_kw[band]
            amount = used.money(power * price * years)
            yield Line(self.id, self.label, self.group, power, "kW", price, amount, band)

    def one_more(self, _band: str) -> Decimal:
        """Nothing."""
        return ZERO


class BasicPart(Part):
    """The basic charge of a Chinese two-part tariff."""

    kind: Literal["basic"] = "basic"
    """Which part it is."""

    mode: BasicMode
    """What the user chose."""

    capacity_kva: Power
    """Transformers and high-voltage motors. [kVA]"""

    per_kva: Price
    """Price by capacity. [money/(kVA·month)]"""

    per_kw: Price
    """Price by demand. [money/(kW·month)]"""

    contract_kw: Power | None = None
    """Contract demand, where that was chosen. [kW]"""

    lowered_when_full: bool = True
    """Whether the demand price falls to 90 % from 260 kWh a month for each kVA."""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """One line, and one for what lies over the contract."""
        count = spans(used, "month")
        if count != 1:
            raise ConfigError("the basic charge needs a billing period of one month")
        peak = used.peak()
        price = self.per_kva if self.mode == "capacity" else self.demand_price(used.total_kwh)
        for quantity, note in self.quantities(self.mode, peak, self.contract_kw):
            unit = "kVA" if self.mode == "capacity" else "kW"
            amount = used.money(quantity * price)
            yield Line(self.id, self.label, self.group, quantity, unit, price, amount, note=note)

    def demand_price(self, month_kwh: Decimal) -> Decimal:
        """Price of a kilowatt in a month with so much energy. [money/(kW·month)]."""
        full = self.lowered_when_full and month_kwh >= FULL_KWH_KVA * self.capacity_kva
        return self.per_kw * LOWERED if full else self.per_kw

    def quantities(
        self, mode: BasicMode, peak_kw: Decimal, contract_kw: Decimal | None
    ) -> list[tuple[Decimal, str]]:
        """What is charged in a mode, with why. [kVA or kW].

        Raises:
            ConfigError: The contract demand is not given.
        """
        if mode == "capacity":
            return [(self.capacity_kva, "capacity")]
        if mode == "measured":
            return [(peak_kw, "measured demand")]
        if contract_kw is None:
            raise ConfigError(f"the part {self.id!r} goes by contract demand; give contract_kw")
        held = max(contract_kw, LEAST * self.capacity_kva)
        over = max(peak_kw - OVER * held, ZERO)
        named = "contract demand" if held == contract_kw else "40 % of the capacity"
        return [(held, named), *([(2 * over, "over 105 % of it, twice")] if over else [])]

    def one_more(self, _band: str) -> Decimal:
        """Nothing."""
        return ZERO


@dataclass(frozen=True, slots=True)
class Choice:
    """What a way to be charged would cost next month.

    Attributes:
        mode: The way.
        label: Its name.
        contract_kw: Contract demand that costs least in it; None for others. [kW]
        expected: Money at the expected demand.
        at_high: Money at the highest demand that is to be reckoned with.
    """

    mode: BasicMode
    label: Text
    contract_kw: Decimal | None
    expected: Decimal
    at_high: Decimal


def advice(
    part: BasicPart, expected_kw: Decimal, high_kw: Decimal, month_kwh: Decimal, places: int = 2
) -> list[Choice]:
    """Ways to be charged next month, the cheapest at the expected demand first.

    Args:
        part: The basic charge.
        expected_kw: Demand that is expected. [kW]
        high_kw: Demand that is to be reckoned with, not below the expected. [kW]
        month_kwh: Energy that is expected. [kWh]
        places: Decimals of the money.

    Returns:
        The three ways; the contract is the least that the expected demand does not exceed by more than 5 %.
    """
    price = part.demand_price(month_kwh)
    best = rounded(max(expected_kw / OVER, LEAST * part.capacity_kva), 0)
    if best * OVER < expected_kw:
        best += 1
    found: list[Choice] = []
    for mode, label in _MODE.items():
        each = part.per_kva if mode == "capacity" else price
        contract = best if mode == "contract" else None
        costs = [
            sum((rounded(each * kw, places) for kw, _ in part.quantities(mode, peak, contract)), ZERO)
            for peak in (expected_kw, max(high_kw, expected_kw))
        ]
        found.append(Choice(mode, label, contract, *costs))
    return sorted(found, key=lambda one: (one.expected, one.at_high))
