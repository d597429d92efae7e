"""A book looked through against itself and its site: every fault with its place, all at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.accounts.book import ELECTRICITY, GOAL_TOTALS, AccountMeter, AccountsFile
from hub.accounts.gauges import Gauge, amount_of_one
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config

_Loc = tuple[int | str, ...]
_LIKE: Final = 3


@dataclass(frozen=True, slots=True)
class Known:
    """What a site has; None: it is not looked at.

    Attributes:
        areas: Its areas.
        devices: Its devices.
        points: Its points, as "device/point", and what each of them is.
    """

    areas: Collection[str] | None = None
    devices: Collection[str] | None = None
    points: Mapping[str, Gauge] | None = None


def load_book(path: Path, known: Known | None = None) -> AccountsFile:
    """Read a book.

    Args:
        path: The file.
        known: What the site has.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`.
    """
    book, known = load_config(path, AccountsFile), known or Known()
    faults = [
        *_twins(book),
        *_meter_faults(book),
        *_medium_faults(book),
        *_other_faults(book),
        *_part_faults(book),
    ]
    faults += [*_own_faults(book), *_basis_faults(book), *_places(book, known), *_points(book, known.points)]
    faults += _unit_faults(book, known.points)
    if faults:
        line_of = line_numbers(path)
        told = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
        raise ConfigError("\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in told))
    return book


def _twins(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    for field in ("meters", "products", "media", "factors", "goals", "chp", "courses"):
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
            known = columns | set(GOAL_TOTALS) if field == "figure" else columns
            if name is not None and name not in known:
                yield ("goals", at, field), f"found {name!r}; allowed are {', '.join(sorted(known))}"
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
    for loc, point, _ in _read_from(book):
        if points is not None and point not in points:
            like = difflib.get_close_matches(point, points, _LIKE, 0.5) or sorted(points)[:_LIKE]
            yield loc, f"found {point!r}, no point of the site; for example {', '.join(like)}"


def _unit_faults(book: AccountsFile, points: Mapping[str, Gauge] | None) -> Iterator[tuple[_Loc, str]]:
    """Points that count something else than is wanted of them."""
    for loc, point, wanted in _read_from(book):
        if points is not None and point in points and wanted is not None:
            try:
                amount_of_one(points[point], wanted)
            except ConfigError as error:
                yield loc, f"found {point!r}: {error}"


def _read_from(book: AccountsFile) -> Iterator[tuple[_Loc, str, str | None]]:
    """Every point that the book names, with the unit its amount is wanted in; None: it is no amount."""
    for at, meter in enumerate(book.meters):
        if meter.point is not None:
            yield ("meters", at, "point"), meter.point, meter.unit
    for at, product in enumerate(book.products):
        if product.point is not None:
            yield ("products", at, "point"), product.point, product.unit
    for at, course in enumerate(book.courses):
        yield ("courses", at, "point"), course.point, None
    if book.supply is not None:
        sides = (
            ("export_point", book.supply.export_point, "kWh"),
            ("kvarh_point", book.supply.kvarh_point, "kvarh"),
        )
        yield from ((("supply", field), point, unit) for field, point, unit in sides if point is not None)


def _part_faults(book: AccountsFile) -> Iterator[tuple[_Loc, str]]:
    """Meters that the invoice and the CHP units name."""
    meters = {meter.id: meter for meter in book.meters}
    power = [meter.id for meter in book.meters if meter.carrier == ELECTRICITY and meter.bought]
    if book.supply is not None and book.supply.meter not in power:
        allowed = ", ".join(power) or "none"
        yield (
            ("supply", "meter"),
            f"found {book.supply.meter!r}; allowed are meters of bought electricity: {allowed}",
        )
    for at, unit in enumerate(book.chp):
        for field in ("fuel", "power", "heat"):
            name = getattr(unit, field)
            if name not in meters or meters[name].unit != "kWh":
                kwh = [meter.id for meter in book.meters if meter.unit == "kWh"]
                yield (
                    ("chp", at, field),
                    f"found {name!r}; allowed are meters in kWh: {', '.join(kwh) or 'none'}",
                )
