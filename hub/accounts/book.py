"""The book of a site: which meter counts what for whom, what media are made of, factors, goals.

`configs/sites/<site>/accounts.yaml`. Areas and devices are those of the site; shifts those of its calendar.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from accounts.carbon import Factor
from accounts.fuels import HeatBasis
from accounts.goals import Goal
from accounts.money import Price
from protocols.config import Config, IdPart, Text, once
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config

_Loc = tuple[int | str, ...]
ELECTRICITY: Final = "electricity"
_POINT: Final = r"^[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}$"
_LIKE: Final = 3


class AccountMeter(Config):
    """A meter and what it counts for."""

    id: IdPart
    """Id of the meter; its column in a table of readings."""

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
    """Counter of the site that it is read from, as `device/point`, for `ems accounts readings`."""

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

    goals: tuple[Goal, ...] = Field(default=(), json_schema_extra=once("id", "goal id"))
    """Targets and budgets."""


def book_file(config_dir: Path, site: str) -> Path:
    """Where the file stands; it need not be there."""
    return config_dir / "sites" / site / "accounts.yaml"


@dataclass(frozen=True, slots=True)
class Known:
    """What a site has; None: it is not looked at.

    Attributes:
        areas: Its areas.
        devices: Its devices.
        points: Its points, as "device/point".
    """

    areas: Collection[str] | None = None
    devices: Collection[str] | None = None
    points: Collection[str] | None = None


def load_book(path: Path, known: Known | None = None) -> AccountsFile:
    """Read a book.

    Args:
        path: The file.
        known: What the site has.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`.
    """
    book, known = load_config(path, AccountsFile), known or Known()
    faults = [*_twins(book), *_meter_faults(book), *_medium_faults(book), *_other_faults(book)]
    faults += [*_own_faults(book), *_basis_faults(book), *_places(book, known), *_points(book, known.points)]
    if faults:
        line_of = line_numbers(path)
        told = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
        raise ConfigError("\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in told))
    return book


def columns_of(book: AccountsFile) -> dict[str, str]:
    """Column of a table of readings to the counter it is read from, of those that have one."""
    meters = {meter.id: meter.point for meter in book.meters}
    products = {product.counter: product.point for product in book.products}
    return {name: point for name, point in (meters | products).items() if point is not None}


def _twins(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    for field in ("meters", "products", "media", "factors", "goals"):
        seen: set[str] = set()
        for at, one in enumerate(getattr(book, field)):
            if one.id in seen:
                yield (field, at, "id"), f"found {one.id!r}, which is taken; allowed are others"
            seen.add(one.id)


def _meter_faults(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    by_id = {meter.id: meter for meter in book.meters}
    for at, meter in enumerate(book.meters):
        if meter.below is None:
            continue
        above = by_id.get(meter.below)
        if above is None:
            yield ("meters", at, "below"), f"found {meter.below!r}, no meter; allowed are {', '.join(by_id)}"
        elif (above.carrier, above.unit) != (meter.carrier, meter.unit):
            yield (
                ("meters", at, "below"),
                f"found {meter.below!r}, which counts {above.carrier} in {above.unit}; allowed is the same",
            )
        elif _circles(meter, by_id):
            yield ("meters", at, "below"), f"found {meter.below!r}, so that {meter.id!r} hangs below itself"


def _circles(meter: AccountMeter, by_id: dict[str, AccountMeter]) -> bool:
    above, steps = meter, 0
    while above.below in by_id and steps <= len(by_id):
        above, steps = by_id[above.below], steps + 1
    return steps > len(by_id)


def _medium_faults(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    meters = {meter.id: meter for meter in book.meters}
    for at, medium in enumerate(book.media):
        for which, name in enumerate(medium.inputs):
            if name not in meters:
                yield (
                    ("media", at, "inputs", which),
                    f"found {name!r}, no meter; allowed are {', '.join(meters)}",
                )
        made = meters.get(medium.made)
        if made is None or made.carrier != medium.id:
            of_medium = [meter.id for meter in book.meters if meter.carrier == medium.id]
            yield (
                ("media", at, "made"),
                f"found {medium.made!r}; allowed are meters of {medium.id}: {', '.join(of_medium) or 'none'}",
            )


def _own_faults(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    """One's own generation stands at a supply, with nothing below it."""
    own = {meter.id for meter in book.meters if not meter.bought}
    for at, meter in enumerate(book.meters):
        if meter.id in own and meter.below is not None:
            yield (
                ("meters", at, "bought"),
                f"found false below {meter.below!r}; own generation stands at a supply",
            )
        if meter.below in own:
            yield (
                ("meters", at, "below"),
                f"found {meter.below!r}, own generation; put it below what is bought",
            )


def _basis_faults(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    """Heating values that would be mixed up in silence."""
    stated = {meter.carrier: meter.basis for meter in book.meters}
    for at, meter in enumerate(book.meters):
        if meter.basis != stated[meter.carrier]:
            yield (
                ("meters", at, "basis"),
                f"found {meter.basis}, another meter of {meter.carrier} states another",
            )
    for at, factor in enumerate(book.factors):
        basis = stated.get(factor.carrier)
        if factor.carrier not in stated or factor.basis == basis:
            continue
        if factor.basis is None or basis is None:
            yield (
                ("factors", at, "basis"),
                f"found {factor.basis}, meters have {basis}; give it here and there",
            )
        elif factor.hhv_per_lhv is None:
            yield ("factors", at, "basis"), f"found {factor.basis}, meters have {basis}; give hhv_per_lhv"


def _other_faults(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    for at, one in enumerate(book.attributes):
        if sum(other.share for other in book.attributes[: at + 1] if other.year == one.year) > 1:
            yield (
                ("attributes", at, "share"),
                f"found {one.share}; the shares of {one.year} come to more than 1",
            )
    columns = {*(meter.id for meter in book.meters), *(product.counter for product in book.products)}
    for at, goal in enumerate(book.goals):
        for field in ("figure", "per"):
            name = getattr(goal, field)
            if name is not None and name not in columns:
                yield ("goals", at, field), f"found {name!r}; allowed are {', '.join(sorted(columns))}"
    products = {product.id for product in book.products}
    for at, meter in enumerate(book.meters):
        if meter.product is not None and meter.product not in products:
            yield (
                ("meters", at, "product"),
                f"found {meter.product!r}, no product; allowed are {', '.join(sorted(products)) or 'none'}",
            )


def _places(book: AccountsFile, known: Known) -> Iterator[tuple[_Loc, str]]:
    for field, names in (("area", known.areas), ("device", known.devices)):
        for at, meter in enumerate(book.meters):
            name = getattr(meter, field)
            if names is not None and name is not None and name not in names:
                yield (
                    ("meters", at, field),
                    f"found {name!r}, no {field} of the site; allowed are {', '.join(names)}",
                )


def _points(book: AccountsFile, points: Collection[str] | None) -> Iterator[tuple[_Loc, str]]:
    named = [("meters", at, meter.point) for at, meter in enumerate(book.meters)]
    named += [("products", at, product.point) for at, product in enumerate(book.products)]
    for field, at, point in named:
        if points is not None and point is not None and point not in points:
            like = difflib.get_close_matches(point, points, _LIKE, 0.5) or sorted(points)[:_LIKE]
            yield (
                (field, at, "point"),
                f"found {point!r}, no point of the site; for example {', '.join(like)}",
            )
