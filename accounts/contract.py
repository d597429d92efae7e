"""A supply contract as a document: the calendar of its bands and its price sheets, one after the other.

What is published is written down as published, with its source; nothing is worked out beforehand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field

from accounts.band_check import calendar_faults, compiled
from accounts.bands import Bands, Fault, TariffBand, TouCalendar
from accounts.dated import DatedBands, Span, dated
from accounts.excess import ExcessPart
from accounts.other_parts import FactorPart, FeedInPart, ReactivePart, TaxPart
from accounts.parts import CoursePart, EnergyPart, StandingPart, TierPart
from accounts.power_parts import BasicPart, ContractedPart, DemandPart
from accounts.readings import Metering
from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError

_NO_ZONE: Final = "no time zone; allowed are IANA names such as Asia/Shanghai"

AnyPart = Annotated[
    EnergyPart
    | CoursePart
    | TierPart
    | StandingPart
    | DemandPart
    | ContractedPart
    | ExcessPart
    | BasicPart
    | ReactivePart
    | FactorPart
    | TaxPart
    | FeedInPart,
    Field(discriminator="kind"),
]


class Sheet(Config):
    """Prices that hold from one day to another."""

    first: dt.date
    """First day."""

    last: dt.date
    """Last day."""

    source: str = Field(min_length=1)
    """Who published the prices, where and when."""

    calendar: TouCalendar | None = None
    """Bands and hours while it holds; none: those of the contract."""

    parts: tuple[AnyPart, ...] = Field(min_length=1)
    """Parts of the invoice, in its order."""


class Rounding(Config):
    """Decimals that the meter and the invoice show."""

    energy: int = Field(default=3, ge=0, le=6)
    """Of kWh and kvarh."""

    power: int = Field(default=3, ge=0, le=6)
    """Of kW."""

    money: int = Field(default=2, ge=0, le=4)
    """Of the currency."""

    @property
    def places(self) -> tuple[int, int, int]:
        """Of energy, power, money."""
        return self.energy, self.power, self.money


class Contract(Config):
    """A supply contract."""

    id: IdPart
    """Id of the contract."""

    label: Text
    """What people call it."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217 code of all its money."""

    time_zone: str
    """IANA name of the zone its hours and days are meant in."""

    calendar: TouCalendar = Field(default_factory=TouCalendar)
    """Bands and their hours."""

    metering: Metering = Field(default_factory=Metering)
    """How the highest demand is found."""

    rounding: Rounding = Field(default_factory=Rounding)
    """What is rounded to."""

    sheets: tuple[Sheet, ...] = Field(min_length=1)
    """Price sheets, the oldest first."""

    @property
    def zone(self) -> ZoneInfo:
        """Zone of its clock.

        Raises:
            ConfigError: There is no zone of the name.
        """
        if self.time_zone not in available_timezones():
            raise ConfigError(f"found {self.time_zone!r}, {_NO_ZONE}")
        return ZoneInfo(self.time_zone)

    @property
    def bands(self) -> Bands | DatedBands:
        """Its hours as tables.

        Raises:
            ConfigError: A calendar has faults.
        """
        if all(sheet.calendar is None for sheet in self.sheets):
            return compiled(self.calendar, self.zone, months_of(self.sheets))
        spans = [
            Span(sheet.first, sheet.last, compiled(self.calendar_of(sheet), self.zone, months_of([sheet])))
            for sheet in self.sheets
        ]
        return dated(spans, self.zone)

    def calendar_of(self, sheet: Sheet) -> TouCalendar:
        """Bands and hours while a sheet holds."""
        return self.calendar if sheet.calendar is None else sheet.calendar

    def bands_by_id(self) -> dict[str, TariffBand]:
        """All bands of all its calendars."""
        calendars = (self.calendar, *(self.calendar_of(sheet) for sheet in self.sheets))
        return {band.id: band for calendar in calendars for band in calendar.bands}

    def sheet_of(self, first: dt.date, after: dt.date) -> Sheet:
        """The prices of a period.

        Raises:
            ConfigError: It has none, or they change within it.
        """
        for sheet in self.sheets:
            if sheet.first <= first and after <= sheet.last + dt.timedelta(days=1):
                return sheet
            if sheet.first <= first <= sheet.last:
                raise ConfigError(
                    f"the prices of {self.id!r} change after {sheet.last}, in the period; bill to that day "
                    "and from the next on"
                )
        have = ", ".join(f"{sheet.first} to {sheet.last}" for sheet in self.sheets)
        raise ConfigError(f"the contract {self.id!r} has no prices for {first}; it has them for {have}")


def months_of(sheets: Sequence[Sheet]) -> frozenset[int]:
    """Months of the year that sheets have a day in."""
    found: set[int] = set()
    for sheet in sheets:
        months = (sheet.last.year - sheet.first.year) * 12 + sheet.last.month - sheet.first.month
        found |= {(sheet.first.month - 1 + step) % 12 + 1 for step in range(min(months, 11) + 1)}
    return frozenset(found)


def contract_faults(contract: Contract) -> Iterator[Fault]:
    """All that a single field cannot know of itself, each with its place."""
    if contract.time_zone not in available_timezones():
        yield ("time_zone",), f"found {contract.time_zone!r}, {_NO_ZONE}"
    plain = [sheet for sheet in contract.sheets if sheet.calendar is None]
    if plain:
        found = calendar_faults(contract.calendar, months_of(plain))
        yield from ((("calendar", *loc), text) for loc, text in found)
    yield from _sheet_faults(contract.sheets)
    for at, sheet in enumerate(contract.sheets):
        if sheet.calendar is not None:
            found = calendar_faults(sheet.calendar, months_of([sheet]))
            yield from ((("sheets", at, "calendar", *loc), text) for loc, text in found)
        bands = [band.id for band in contract.calendar_of(sheet).bands]
        names = [part.id for part in sheet.parts]
        for which, part in enumerate(sheet.parts):
            place = ("sheets", at, "parts", which)
            if part.id in names[:which]:
                yield (*place, "id"), f"found {part.id!r}, which is taken; allowed are others"
            yield from (((*place, *loc), text) for loc, text in _part_faults(part, bands))


def _sheet_faults(sheets: tuple[Sheet, ...]) -> Iterator[Fault]:
    for at, sheet in enumerate(sheets):
        if sheet.last < sheet.first:
            yield ("sheets", at, "last"), f"found {sheet.last}, before {sheet.first}; allowed is a later day"
    for at, (before, after) in enumerate(pairwise(sheets), 1):
        follows = before.last + dt.timedelta(days=1)
        if after.first < follows:
            yield ("sheets", at, "first"), f"found {after.first}; the sheet before it ends on {before.last}"
        elif after.first > follows:
            yield ("sheets", at, "first"), f"found {after.first}; from {follows} on there are no prices"


def _part_faults(part: AnyPart, bands: list[str]) -> Iterator[Fault]:
    named: dict[str, tuple[Any, ...]] = {
        field: tuple(getattr(part, field, ()))
        for field in ("bands", "by_band", "factors", "per_kw_year", "contracted_kw")
    }
    for field, names in named.items():
        for name in names:
            if name not in bands:
                yield (field,), f"found {name!r}, no band; allowed are {', '.join(bands)}"
    if isinstance(part, EnergyPart) and part.per_kwh is None:
        lacking = [band for band in part.bands or bands if band not in part.by_band]
        if lacking:
            yield (
                ("by_band",),
                f"lacks {', '.join(lacking)}; give a price for each, or per_kwh for the others",
            )
    yield from _power_faults(part)


def _power_faults(part: AnyPart) -> Iterator[Fault]:
    """Parts that go by power: what they need beside their prices."""
    if isinstance(part, ContractedPart) and (
        without := sorted(set(part.per_kw_year) - set(part.contracted_kw))
    ):
        yield ("contracted_kw",), f"lacks {', '.join(without)}; give the power of each band with a price"
    if isinstance(part, ExcessPart) and (without := sorted(set(part.factors) - set(part.contracted_kw))):
        yield (
            ("contracted_kw",),
            f"lacks {', '.join(without)}; give the power of each band with a factor",
        )
    if isinstance(part, BasicPart) and part.mode == "contract" and part.contract_kw is None:
        yield ("mode",), "found 'contract' without contract_kw; give it, or choose another mode"


def basic_of(parts: tuple[AnyPart, ...]) -> BasicPart | None:
    """The basic charge among the parts of a sheet; None where there is none."""
    return next((part for part in parts if isinstance(part, BasicPart)), None)
