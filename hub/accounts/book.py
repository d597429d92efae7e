"""The book of a site: which meter counts what for whom, what media are made of, factors, goals.

`configs/sites/<site>/accounts.yaml`. Areas and devices are those of the site; shifts those of its calendar.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from accounts.carbon import Factor
from accounts.chp import Method, Reference
from accounts.fuels import HeatBasis
from accounts.goals import Goal
from accounts.money import Price
from protocols.config import Config, IdPart, Text, once

ELECTRICITY: Final = "electricity"
GOAL_TOTALS: Final = ("cost", "co2_kg", "tce")
"""What goals may name beside meters and products: money, CO2 and standard coal of all that is bought."""
_POINT: Final = r"^[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}$"


class AccountMeter(Config):
    """A meter and what it counts for."""

    id: IdPart
    """Id of the meter; its column in a table of readings."""

    label: Text | None = None
    """What people call it; none: its device, or its id."""

    carrier: IdPart = ELECTRICITY
    """What it counts: electricity, natural_gas, air, cooling, heat, water …"""

    unit: Annotated[str, Field(min_length=1, max_length=12)] = "kWh"
    """In which unit."""

    basis: HeatBasis | None = None
    """Of a fuel in kWh: heating value its energy is stated in, `lhv` or `hhv`."""

    below: IdPart | None = None
    """Meter it hangs below; none: it stands at a supply."""

    bought: bool = True
    """Whether a meter at a supply counts what is bought; not so for own PV, which costs nothing here."""

    point: str | None = Field(default=None, pattern=_POINT)
    """Counter of the site that it is read from, as `device/point`; or a power or flow, then its integral."""

    area: IdPart | None = None
    """Area it is for."""

    device: IdPart | None = None
    """Device it is for."""

    product: IdPart | None = None
    """Product it is for."""


class Product(Config):
    """What is made."""

    id: IdPart
    """Id of the product."""

    label: Text
    """What people call it."""

    unit: Annotated[str, Field(min_length=1, max_length=12)]
    """What it is counted in."""

    counter: IdPart
    """Column with how much was made in each interval."""

    point: str | None = Field(default=None, pattern=_POINT)
    """Counter of the site that the column is read from, as `device/point`."""


class MediumFile(Config):
    """A medium the site makes for itself: compressed air, chilled water."""

    id: IdPart
    """Carrier of the meters that count it."""

    label: Text
    """What people call it."""

    made: IdPart
    """Meter of what was made."""

    inputs: tuple[IdPart, ...] = Field(min_length=1)
    """Meters of what it takes: power, water, another medium."""


class SupplyFile(Config):
    """What stands on the electricity invoice beside what was taken."""

    meter: IdPart
    """Meter of the book that the invoice goes by."""

    export_point: str | None = Field(default=None, pattern=_POINT)
    """Counter of what is fed in, as `device/point`; or a power, which is integrated."""

    kvarh_point: str | None = Field(default=None, pattern=_POINT)
    """Counter of reactive energy; or a reactive power, which is integrated."""


class ChpReference(Config):
    """What a method of splitting needs beside."""

    supply_c: Annotated[float, Field(gt=0, le=400)] = 85.0
    """Flow of the heat. [°C]"""

    return_c: Annotated[float, Field(gt=-20, le=400)] = 60.0
    """Its return. [°C]"""

    outside_c: Annotated[float, Field(ge=-50, le=60)] = 10.0
    """Surroundings. [°C]"""

    power_eff_frac: Annotated[float, Field(gt=0, lt=1)] = 0.53
    """Efficiency of power made apart. [-]"""

    heat_eff_frac: Annotated[float, Field(gt=0, le=1.12)] = 0.92
    """Efficiency of heat made apart. [-]"""

    power_value: Annotated[float, Field(gt=0, le=10)] = 2.5
    """Fuel that a kilowatt-hour of power replaces. [kWh/kWh]"""

    def plain(self) -> Reference:
        """As the split takes it."""
        return Reference(**self.model_dump())


class ChpFile(Config):
    """A CHP whose fuel, cost and CO2 are shared out to its power and its heat."""

    id: IdPart
    """Id of the unit."""

    label: Text
    """What people call it."""

    fuel: IdPart
    """Meter of what it burns, in kWh."""

    power: IdPart
    """Meter of what it generates, its own use taken off."""

    heat: IdPart
    """Meter of the heat that is used."""

    method: Method
    """How it is split: `energy`, `exergy`, `alternative`, `power_bonus`."""

    reference: ChpReference = Field(default_factory=ChpReference)
    """What the method needs beside."""


class CoursePoint(Config):
    """Prices that a contract names and that stand in the store as a point."""

    id: IdPart
    """Name that the contract gives them."""

    point: str = Field(pattern=_POINT)
    """The point, as `device/point`."""

    per_kwh: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """What its value is multiplied by to be money for a kWh: 0.001 where it is for a MWh."""


class CarrierPrice(Config):
    """What a unit of a carrier costs that comes by no contract of bands: gas, water, district heat."""

    carrier: IdPart
    """The carrier."""

    per_unit: Price
    """Money for a unit of its meters, in the currency of the electricity contract. [money]"""

    source: Annotated[str, Field(min_length=3)]
    """Invoice or contract it comes from."""


class Attribute(Config):
    """Electricity bought with an attribute: a green contract, certificates; for scope 2 by market."""

    year: Annotated[int, Field(ge=1990, le=2100)]
    """Year it holds for."""

    share: Annotated[Decimal, Field(gt=0, le=1)]
    """Share of what is bought that it covers."""

    kg_per_kwh: Annotated[Decimal, Field(ge=0, le=10)] = Decimal(0)
    """CO2 of what it covers. [kg/kWh]"""

    source: Annotated[str, Field(min_length=3)]
    """What proves it: contract, register and number."""


class AccountsFile(Config):
    """`configs/sites/<site>/accounts.yaml`."""

    meters: tuple[AccountMeter, ...] = Field(min_length=1, json_schema_extra=once("id", "meter id"))
    """All meters."""

    products: tuple[Product, ...] = Field(default=(), json_schema_extra=once("id", "product id"))
    """What is made."""

    media: tuple[MediumFile, ...] = Field(default=(), json_schema_extra=once("id", "medium id"))
    """What the site makes for itself and shares."""

    prices: tuple[CarrierPrice, ...] = Field(default=(), json_schema_extra=once("carrier", "price of"))
    """What other carriers than electricity cost."""

    factors: tuple[Factor, ...] = Field(default=(), json_schema_extra=once("id", "factor id"))
    """What carriers emit, with source and year."""

    attributes: tuple[Attribute, ...] = ()
    """Electricity bought with an attribute; the shares of a year are 1 at most."""

    supply: SupplyFile | None = None
    """What the electricity invoice goes by; none: the one bought electricity meter that hangs below none."""

    chp: tuple[ChpFile, ...] = Field(default=(), json_schema_extra=once("id", "chp id"))
    """Units that make power and heat of one fuel."""

    courses: tuple[CoursePoint, ...] = Field(default=(), json_schema_extra=once("id", "course id"))
    """Prices that the contract goes by, day-ahead or spot."""

    goals: tuple[Goal, ...] = Field(default=(), json_schema_extra=once("id", "goal id"))
    """Targets and budgets."""


def book_file(config_dir: Path, site: str) -> Path:
    """Where the file stands; it need not be there."""
    return config_dir / "sites" / site / "accounts.yaml"


def columns_of(book: AccountsFile) -> dict[str, str]:
    """Column of a table of readings to the counter it is read from, of those that have one."""
    meters = {meter.id: meter.point for meter in book.meters}
    products = {product.counter: product.point for product in book.products}
    return {name: point for name, point in (meters | products).items() if point is not None}
