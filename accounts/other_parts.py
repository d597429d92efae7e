"""Parts of an invoice that go by other lines or meters: reactive energy, power factor, taxes, feed-in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from accounts.money import ZERO, Price, rounded
from accounts.parts import Part
from accounts.power_factor import Standard, adjustment_pct, power_factor
from accounts.used import Group, Line, Used, sum_of
from protocols.config import IdPart
from protocols.errors import ConfigError

Percent = Annotated[Decimal, Field(ge=0, le=100)]


class ReactivePart(Part):
    """A price on reactive energy beyond a share of the active, over the period or in each band."""

    kind: Literal["reactive"] = "reactive"
    """Which part it is."""

    per_kvarh: Price
    """Price. [money/kvarh]"""

    free_share: Annotated[Decimal, Field(ge=0, le=10)]
    """Reactive energy for each active one that costs nothing. [kvarh/kWh]"""

    bands: tuple[IdPart, ...] = ()
    """Bands it is charged in; nothing: all."""

    each_band: bool = False
    """Whether each band stands for itself, or what is unused in one helps another."""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """A line for each band with an excess, or one for all."""
        bands = [band for band in used.kwh if not self.bands or band in self.bands]
        for named, inside in [(band, [band]) for band in bands] if self.each_band else [("", bands)]:
            active = sum((used.kwh[band] for band in inside), ZERO)
            reactive = sum((used.kvarh[band] for band in inside), ZERO)
            over = rounded(max(reactive - self.free_share * active, ZERO), used.places[0])
            if over or not self.each_band:
                amount = used.money(over * self.per_kvarh)
                yield Line(self.id, self.label, self.group, over, "kvarh", self.per_kvarh, amount, named)

    def one_more(self, _band: str) -> Decimal:
        """Nothing: an active kilowatt-hour brings no reactive one of its own."""
        return ZERO


class FactorPart(Part):
    """The Chinese adjustment by power factor: a percentage on other lines."""

    kind: Literal["factor"] = "factor"
    """Which part it is."""

    standard: Standard
    """Factor that neither adds nor takes off."""

    of: tuple[Group, ...] = Field(min_length=1)
    """Groups of lines it goes by; government funds are none of them."""

    def lines(self, used: Used, so_far: Sequence[Line]) -> Iterator[Line]:
        """One line; its quantity is the money it goes by."""
        factor = power_factor(used.total_kwh, sum(used.kvarh.values(), ZERO))
        percent, base = adjustment_pct(factor, self.standard), sum_of(so_far, self.of)
        note = f"power factor {factor}, standard {self.standard}"
        amount = used.money(base * percent / 100)
        yield Line(self.id, self.label, self.group, base, "%", percent, amount, note=note)

    def one_more(self, _band: str) -> Decimal:
        """Nothing; the percentage of the month is not known before its end."""
        return ZERO


class TaxPart(Part):
    """A percentage on the lines above it."""

    kind: Literal["tax"] = "tax"
    """Which part it is."""

    percent: Percent
    """The rate. [%]"""

    of: tuple[Group, ...] = ()
    """Groups it goes by; nothing: all lines above."""

    within: bool = False
    """Whether prices contain it; it is told and not added, as the value-added tax of a Chinese invoice."""

    def lines(self, used: Used, so_far: Sequence[Line]) -> Iterator[Line]:
        """One line; its quantity is the money it goes by."""
        base = sum_of(so_far, self.of)
        whole = 100 + self.percent if self.within else Decimal(100)
        amount = used.money(base * self.percent / whole)
        yield Line(
            self.id, self.label, self.group, base, "%", self.percent, amount, counted=not self.within
        )  # fmt: skip

    def one_more(self, _band: str) -> Decimal:
        """Nothing of its own; `pricing` multiplies by it."""
        return ZERO


class FeedInPart(Part):
    """What is paid for energy fed in, at one price or by a course."""

    kind: Literal["feed_in"] = "feed_in"
    """Which part it is."""

    per_kwh: Price = ZERO
    """Paid for each. [money/kWh]"""

    course: IdPart | None = None
    """Name of prices that are given beside the readings, paid on top."""

    def lines(self, used: Used, _so_far: Sequence[Line]) -> Iterator[Line]:
        """One line, negative where money comes back."""
        if not len(used.readings.export_kwh):
            raise ConfigError("the contract pays for energy fed in; the readings have no export_kwh")
        quantity = used.export_kwh
        money = quantity * self.per_kwh
        if self.course is not None:
            money += used.export_money(used.course(self.course))
        price = rounded(money / quantity, 6) if self.course is not None and quantity else self.per_kwh
        yield Line(self.id, self.label, self.group, quantity, "kWh", -price, used.money(-money))

    def one_more(self, _band: str) -> Decimal:
        """Nothing: it is about the other direction."""
        return ZERO
