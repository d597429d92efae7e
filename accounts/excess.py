"""Power drawn beyond what is contracted, as the Spanish access tolls charge it.

    quarter_hours   price · K_b · √(Σ_j (P_j - C_b)²) · days / 30     j: windows of the band b above C_b
    highest         price · K_b · 2 · (P_max,b - C_b) · days / 30

The first is for points with quarter-hourly metering (types 1 to 3, above 50 kW), the second for a meter of
the highest demand alone (types 4 and 5). Source: Circular 3/2020 of the CNMC, article 9.4 (BOE-A-2020-1066).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from accounts.money import ZERO, Price, rounded, settled
from accounts.parts import Part
from accounts.power_parts import ContractedPart, Power
from accounts.readings import knows_peak
from accounts.used import Line, Used
from protocols.config import IdPart
from protocols.errors import ConfigError

_MONTH_D: Final = 30
"""Days that the price is for."""


class ExcessPart(Part):
    """A charge on power beyond the contracted one of each band."""

    kind: Literal["excess"] = "excess"
    """Which part it is."""

    method: Literal["quarter_hours", "highest"]
    """Whether every window above the contract counts, or the highest alone."""

    per_kw: Price
    """Price for thirty days. [money/kW]"""

    contracted_kw: dict[IdPart, Power]
    """Power contracted for each band. [kW]"""

    factors: dict[IdPart, Annotated[Decimal, Field(ge=0, le=10)]] = Field(default_factory=dict)
    """What the price is multiplied by in a band; 1 where it is not named."""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """A line for each band in which more was drawn than is contracted."""
        for band, contracted in self.contracted_kw.items():
            if band not in used.band_names:
                raise ConfigError(f"the part {self.id!r} names the band {band!r}, which is none")
            over = self._over(used, band, contracted)
            if over:
                price = self.per_kw * self.factors.get(band, Decimal(1))
                amount = used.money(over * price * used.period.days / _MONTH_D)
                yield Line(self.id, self.label, self.group, over, "kW", price, amount, band)

    def _over(self, used: Used, band: str, contracted: Decimal) -> Decimal:
        """What is multiplied: the root of the squares of all excesses, or twice the highest. [kW]."""
        places = used.places[1]
        above = [settled(kw, places) - contracted for kw in used.demands([band]) if kw > float(contracted)]
        above = [kw for kw in above if kw > ZERO]
        if not above:
            return ZERO
        if self.method == "highest":
            return 2 * max(above)
        return rounded(sum((kw * kw for kw in above), ZERO).sqrt(), places)

    def one_more(self, _band: str) -> Decimal:
        """Nothing; the excess of the month is not known before its end."""
        return ZERO


def with_unpriced(parts: Sequence[Part], used: Used, lines: Sequence[Line]) -> list[Line]:
    """The lines; contracted power says where more was drawn and the contract has no price for that."""
    own = {part.id: part for part in parts if isinstance(part, ContractedPart)}
    priced = any(isinstance(part, ExcessPart) for part in parts)
    if priced or not own or not knows_peak(used.readings.step_s, used.metering):
        return list(lines)
    return [_marked(line, used, own[line.part].contracted_kw) if line.part in own else line for line in lines]


def _marked(line: Line, used: Used, contracted_kw: Mapping[str, Decimal]) -> Line:
    contracted = float(contracted_kw[line.band])
    above = [kw for kw in used.demands([line.band]) if kw > contracted]
    if not above:
        return line
    kw = settled(max(above), used.places[1])
    return replace(
        line, note=f"drawn up to {kw} kW; the contract has no price for what is above the contracted power"
    )
