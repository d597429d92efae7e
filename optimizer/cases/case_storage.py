"""Parts of a plant's case file that store: a battery, and stores of air, chilled or hot water."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from optimizer.cases.case_numbers import NotNegative, Number, Share, StorageEfficiency, Total
from protocols.config import Config, IdPart


class CaseBattery(Config):
    """A battery."""

    kind: Literal["battery"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    content_kwh: Number
    """Stored energy when the window begins. [kWh]"""

    least_kwh: NotNegative = 0.0
    """Least content. [kWh]"""

    most_kwh: NotNegative
    """Most content. [kWh]"""

    charge_kw: NotNegative
    """Highest charging power. [kW]"""

    discharge_kw: NotNegative
    """Highest discharging power. [kW]"""

    efficiency_frac: StorageEfficiency = 0.95
    """Of charging and of discharging, each. [-]"""

    wear_per_kwh: NotNegative = 0.0
    """Ageing per discharged energy. [money/kWh]"""

    end_least_kwh: NotNegative | None = None
    """Content wanted at the end; what is missing is named and priced. [kWh]"""

    end_value_per_kwh: Number | None = None
    """Worth of what is left at the end; without it the mean price of import. [money/kWh]"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _in_range((self.least_kwh, self.most_kwh), self.end_least_kwh, "kwh")
        return self


class CaseStore(Config):
    """A store of air, chilled or hot water."""

    kind: Literal["store"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    carrier: IdPart
    """What it stores: air, cooling, heat, or a carrier of the case."""

    content: Number
    """When the window begins. [m³ or kWh]"""

    least: NotNegative = 0.0
    """Least content. [m³ or kWh]"""

    most: NotNegative
    """Most content. [m³ or kWh]"""

    charge: Total = 1e6
    """Fastest charging. [m³/min or kW]"""

    discharge: Total = 1e6
    """Fastest discharging. [m³/min or kW]"""

    loss_per_h_frac: Share = 0.0
    """Share of the content lost in an hour. [1/h]"""

    end_least: NotNegative | None = None
    """Content wanted at the end; what is missing is named and priced. [m³ or kWh]"""

    end_value: Number = 0.0
    """Worth of what is left at the end. [money/m³ or money/kWh]"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _in_range((self.least, self.most), self.end_least)
        return self


def _in_range(limits: tuple[float, float], end_least: float | None, unit: str = "") -> None:
    """Check the contents of a store against each other.

    Raises:
        ValueError: The least is above the most, or more is wanted at the end than it holds.
    """
    (least, most), after = limits, f"_{unit}" if unit else ""
    if least > most:
        raise ValueError(f"least{after} is {least:g}, above most{after} of {most:g}; exchange or mend them")
    if end_least is not None and end_least > most:
        raise ValueError(f"end_least{after} is {end_least:g}, but it holds {most:g} at most; ask for less")
