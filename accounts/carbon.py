"""Emissions of a period by scope, each with where its factor comes from.

    scope 1             Σ fuel · factor                       burnt on the site
    scope 2, location   Σ bought · average of the grid
    scope 2, market     Σ (bought - instruments) · residual mix + Σ instruments · their own factor

Source: GHG Protocol, Corporate Standard and Scope 2 Guidance (2015), chapters 6 and 7. Hourly and marginal
factors are estimates: they may guide a plan and never enter a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from accounts.fuels import HeatBasis
from accounts.money import ZERO, rounded
from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError

FactorKind = Literal["average_year", "supplier_year", "residual_year", "average_hour", "marginal"]
Scope = Literal["1", "2_location", "2_market"]

_ESTIMATES: Final = frozenset({"average_hour", "marginal"})
_MARKET: Final = ("supplier_year", "residual_year", "average_year")
"""What a market-based figure goes by, the best first: the contract's own, residual mix, grid's average."""
_KG: Final = 3
"""Decimals of a figure. [kg]"""


class Factor(Config):
    """What a unit of a carrier emits."""

    id: IdPart
    """Id of the factor."""

    carrier: IdPart
    """What it is for."""

    kind: FactorKind = "average_year"
    """What was averaged over what."""

    kg_per_unit: Annotated[Decimal, Field(ge=0, le=1000)]
    """CO2 of one unit. [kg]"""

    unit: str = "kWh"
    """The unit."""

    basis: HeatBasis | None = None
    """Of a fuel: heating value the unit is meant in."""

    hhv_per_lhv: Annotated[Decimal, Field(ge=1, le=1.25)] | None = None
    """Higher over lower heating value of the fuel, where meters state another one than the factor."""

    year: Annotated[int, Field(ge=1990, le=2100)]
    """Year it describes."""

    source: Annotated[str, Field(min_length=3)]
    """Who published it, and where."""

    @property
    def estimate(self) -> bool:
        """Whether it may not stand in a report."""
        return self.kind in _ESTIMATES


@dataclass(frozen=True, slots=True)
class Instrument:
    """Electricity that is bought with an attribute: a green contract or certificates.

    Attributes:
        kwh: How much. [kWh]
        kg_per_kwh: Its own factor. [kg/kWh]
        source: What proves it.
    """

    kwh: Decimal
    kg_per_kwh: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Emission:
    """One row of a carbon account.

    Attributes:
        scope: Where it counts.
        carrier: What emitted.
        quantity: How much of it.
        unit: Unit of the quantity.
        kg: CO2. [kg]
        kg_per_unit: The factor. [kg for one unit]
        source: Where the factor comes from.
        year: Year the factor describes.
        kind: Kind of the factor, or `instrument`.
        note: Text for what is not plain.
    """

    scope: Scope
    carrier: str
    quantity: Decimal
    unit: str
    kg: Decimal
    kg_per_unit: Decimal
    source: str
    year: int | None
    kind: str
    note: Text | None = None


OLD_FACTOR: Final = Text(
    en="The factor describes another year; the newest one known is used.",
    zh="因子年份与报告期不同，采用已知的最新值。",
)


def usable(factors: Iterable[Factor], carrier: str, kinds: Sequence[str], year: int) -> Factor:
    """The factor a report goes by: of the first kind that there is, the year itself or the newest before it.

    Raises:
        ConfigError: There is none that may stand in a report; estimates are named and refused.
    """
    of_carrier = [one for one in factors if one.carrier == carrier]
    for kind in kinds:
        fitting = [one for one in of_carrier if one.kind == kind and one.year <= year and not one.estimate]
        if fitting:
            return max(fitting, key=lambda one: one.year)
    only = ", ".join(f"{one.id} ({one.kind}, {one.year})" for one in of_carrier)
    raise ConfigError(
        f"there is no factor for {carrier!r} up to {year} that may stand in a report"
        + (
            f"; {only} may not: hourly and marginal factors are estimates, later years are not known yet"
            if only
            else ""
        )
    )


def report(
    burnt: Mapping[str, Decimal],
    bought_kwh: Decimal,
    factors: Sequence[Factor],
    year: int,
    instruments: Sequence[Instrument] = (),
) -> list[Emission]:
    """Scope 1 and both figures of scope 2.

    Args:
        burnt: Fuel burnt on the site, by carrier, in the unit and heating value of its factor.
        bought_kwh: Electricity taken from the grid. [kWh]
        factors: All that are known.
        year: Year of the report.
        instruments: What was bought with an attribute.

    Raises:
        ConfigError: A factor is missing, or more was bought with attributes than at all.
    """
    rows = [
        _row("1", usable(factors, carrier, ("supplier_year", "average_year"), year), amount, year)
        for carrier, amount in burnt.items()
    ]
    average = usable(factors, "electricity", ("average_year",), year)
    rows.append(_row("2_location", average, bought_kwh, year))
    covered = sum((one.kwh for one in instruments), ZERO)
    if covered > bought_kwh:
        raise ConfigError(
            f"attributes for {covered} kWh were bought and only {bought_kwh} kWh used; cancel no more"
        )
    rows += [
        Emission(
            "2_market", "electricity", one.kwh, "kWh", rounded(one.kwh * one.kg_per_kwh, _KG),
            one.kg_per_kwh, one.source, year, "instrument",
        )
        for one in instruments
    ]  # fmt: skip
    rows.append(_row("2_market", usable(factors, "electricity", _MARKET, year), bought_kwh - covered, year))
    return rows


def of_scope(rows: Iterable[Emission], scope: Scope) -> Decimal:
    """Sum of a scope. [kg]."""
    return sum((row.kg for row in rows if row.scope == scope), ZERO)


def _row(scope: Scope, factor: Factor, amount: Decimal, year: int) -> Emission:
    kg = rounded(amount * factor.kg_per_unit, _KG)
    note = None if factor.year == year else OLD_FACTOR
    unit = factor.unit if factor.basis is None else f"{factor.unit} {factor.basis.upper()}"
    return Emission(
        scope, factor.carrier, amount, unit, kg, factor.kg_per_unit, factor.source, factor.year, factor.kind,
        note,
    )  # fmt: skip
