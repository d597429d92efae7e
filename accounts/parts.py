"""Parts of an invoice that go by energy or time: fixed and floating prices, courses, tiers, standing charges.

Each part turns what was used into its lines, and says what one more kilowatt-hour of a band costs by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accounts.money import ZERO, Price, rounded
from accounts.used import Group, Line, Used
from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError


class HoursOfUse(Config):
    """By how long the peak would have to last for the year's energy, as German grid fees go."""

    least: int | None = Field(default=None, ge=0)
    """The part holds from so many hours on. [h]"""

    below: int | None = Field(default=None, ge=1)
    """The part holds below so many hours. [h]"""

    def holds(self, used: Used) -> bool:
        """Whether the year is one of these.

        Raises:
            ConfigError: The billing period is no year, so its hours of use are unknown.
        """
        if not used.period.a_year:
            raise ConfigError("prices by hours of use need a billing period of a whole year")
        peak_kw = used.peak()
        return self.holds_for(used.total_kwh / peak_kw if peak_kw else ZERO)

    def holds_for(self, hours: Decimal) -> bool:
        """Whether a year of so many hours of use is one of these. [h]."""
        return (self.least is None or hours >= self.least) and (self.below is None or hours < self.below)


class Part(Config):
    """What every part of an invoice has."""

    id: IdPart
    """Id of the part."""

    label: Text
    """What the invoice calls it."""

    group: Group = "other"
    """Where it belongs."""

    hours_of_use: HoursOfUse | None = None
    """Years it is for; none: all."""


class EnergyPart(Part):
    """A price per kilowatt-hour, the same in all bands, or one for each."""

    kind: Literal["energy"] = "energy"
    """Which part it is."""

    per_kwh: Price | None = None
    """Price in every band that has none of its own. [money/kWh]"""

    by_band: dict[IdPart, Price] = Field(default_factory=dict)
    """Price of bands. [money/kWh]"""

    factors: dict[IdPart, Price] = Field(default_factory=dict)
    """What `per_kwh` is multiplied by in a band, as the rise and fall of a Chinese tariff."""

    decimals: int | None = Field(default=None, ge=0, le=10)
    """Decimals a multiplied price is rounded to, as it is published; none: it is not rounded."""

    bands: tuple[IdPart, ...] = ()
    """Bands it is charged in; nothing: all."""

    def price(self, band: str) -> Decimal:
        """Price of a band. [money/kWh].

        Raises:
            ConfigError: The band has none.
        """
        if self.bands and band not in self.bands:
            return ZERO
        if band in self.by_band:
            return self.by_band[band]
        if self.per_kwh is None:
            raise ConfigError(
                f"the part {self.id!r} has no price for the band {band!r}; add it under by_band"
            )
        price = self.per_kwh * self.factors.get(band, Decimal(1))
        return price if self.decimals is None else rounded(price, self.decimals)

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """A line for each band, or one where all bands have one price."""
        priced = {band: self.price(band) for band in used.kwh if not self.bands or band in self.bands}
        if len(set(priced.values())) == 1 and not self.bands:
            priced = {"": next(iter(priced.values()))}
        for band, price in priced.items():
            quantity = used.kwh[band] if band else used.total_kwh
            amount = used.money(quantity * price)
            yield Line(self.id, self.label, self.group, quantity, "kWh", price, amount, band)

    def one_more(self, band: str) -> Decimal:
        """What one more kilowatt-hour costs. [money/kWh]."""
        return self.price(band)


class CoursePart(Part):
    """A price that is made each quarter or hour: day-ahead or spot."""

    kind: Literal["course"] = "course"
    """Which part it is."""

    course: IdPart
    """Name of the prices that are given beside the readings."""

    factor: Price = Decimal(1)
    """What the price is multiplied by, for losses or a share of it."""

    plus_per_kwh: Price = ZERO
    """What the supplier adds. [money/kWh]"""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """One line for the energy and one for what is added."""
        quantity = used.total_kwh
        amount = used.money(used.course_money(used.course(self.course)) * self.factor)
        mean = rounded(amount / quantity, 6) if quantity else ZERO
        yield Line(self.id, self.label, self.group, quantity, "kWh", mean, amount, note="mean of the course")
        if self.plus_per_kwh:
            plus = used.money(quantity * self.plus_per_kwh)
            yield Line(
                self.id, self.label, self.group, quantity, "kWh", self.plus_per_kwh, plus, note="added"
            )

    def one_more(self, _band: str) -> Decimal:
        """What is added; the course itself is added by who has it. [money/kWh]."""
        return self.plus_per_kwh


class Tier(Config):
    """A price up to an amount of energy."""

    until_kwh: Annotated[Decimal, Field(gt=0)] | None = None
    """Where it ends, counted from the begin of the year; none: it does not. [kWh]"""

    per_kwh: Price
    """Price. [money/kWh]"""


class TierPart(Part):
    """A price that changes with the year's energy, as levies do beyond the first gigawatt-hour."""

    kind: Literal["tiers"] = "tiers"
    """Which part it is."""

    tiers: tuple[Tier, ...] = Field(min_length=1)
    """Tiers, the lowest first; the last has no end."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        ends = [tier.until_kwh for tier in self.tiers]
        limits = [end for end in ends[:-1] if end is not None]
        if ends[-1] is not None or len(limits) < len(ends) - 1 or limits != sorted(set(limits)):
            raise ValueError("tiers rise, each but the last with until_kwh, the last without")
        return self

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """A line for each tier that was reached."""
        begin, left = used.before.year_kwh, used.total_kwh
        for tier in self.tiers:
            room = left if tier.until_kwh is None else max(tier.until_kwh - begin, ZERO)
            taken = min(left, room)
            if taken:
                amount = used.money(taken * tier.per_kwh)
                yield Line(self.id, self.label, self.group, taken, "kWh", tier.per_kwh, amount)
            begin, left = begin + taken, left - taken

    def one_more(self, _band: str) -> Decimal:
        """The last tier's: where a large site stands most of the year. [money/kWh]."""
        return self.tiers[-1].per_kwh


class StandingPart(Part):
    """Money by the calendar."""

    kind: Literal["standing"] = "standing"
    """Which part it is."""

    per: Literal["day", "month", "year"] = "month"
    """What the amount is for; a year's is shared out by its days."""

    amount: Price
    """Money for each. [money]"""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """One line."""
        count = spans(used, self.per)
        shown = rounded(count, 6)
        yield Line(
            self.id, self.label, self.group, shown, self.per, self.amount, used.money(count * self.amount)
        )

    def one_more(self, _band: str) -> Decimal:
        """Nothing."""
        return ZERO


def spans(used: Used, per: Literal["day", "month", "year"]) -> Decimal:
    """How many days, months or years a period has; parts of a year by its days.

    Raises:
        ConfigError: Months are asked of a period that is not made of them.
    """
    if per == "day":
        return Decimal(used.period.days)
    if per == "month":
        if used.period.months is None:
            raise ConfigError("a charge by the month needs a billing period of whole months")
        return Decimal(used.period.months)
    return Decimal(1) if used.period.a_year else Decimal(used.period.days) / used.period.days_of_year
