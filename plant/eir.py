"""The electric-input-ratio chiller curve (EnergyPlus `Chiller:Electric:EIR`, DOE-2.1E).

    capacity = Q_ref · CAPFT(t_supply, t_condenser)
    PLR      = load / capacity                              (of the *available* capacity)
    power    = Q_ref / COP_ref · CAPFT · EIRFT(t_supply, t_condenser) · EIRFPLR(PLR)

EIRFPLR is a ratio of *powers* (about 0.2 to 0.3 at PLR 0.2, exactly 1 at PLR 1), never of efficiencies.
Source: EnergyPlus Engineering Reference, "Electric Chiller Model Based on Condenser Entering Temperature".
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from plant.curves import Number
from protocols.config import Config
from protocols.units import Celsius, Fraction, Kilowatts

_REFUSED_BEYOND: Final = 0.01
_REMARKED_BEYOND: Final = 1e-3

Biquadratic = tuple[Number, Number, Number, Number, Number, Number]
"""c1 … c6 of c1 + c2·x + c3·x² + c4·y + c5·y² + c6·x·y, x = supply, y = condenser temperature in °C."""


class EirRange(Config):
    """Temperatures the curves were fitted in; outside, the nearest edge is used."""

    supply_low_c: Celsius = 5.0
    """Lowest leaving chilled-water temperature."""

    supply_high_c: Celsius = 15.0
    """Highest leaving chilled-water temperature."""

    condenser_low_c: Celsius = 14.0
    """Lowest condenser-side temperature."""

    condenser_high_c: Celsius = 36.0
    """Highest condenser-side temperature."""


class EirCurve(Config):
    """Capacity and power of one chiller over temperatures and part load."""

    capacity_kw: Annotated[Kilowatts, Field(gt=0)]
    """Q_ref, cooling capacity at the rating temperatures."""

    cop: Annotated[float, Field(gt=0, lt=20)]
    """COP_ref, cooling per compressor power at rating and full load."""

    supply_c: Celsius
    """Rating temperature of the leaving chilled water."""

    condenser_c: Celsius
    """Rating temperature on the condenser side."""

    condenser: Literal["entering_water", "outdoor_air"] = "entering_water"
    """Which temperature the condenser side of the curves means."""

    capft: Biquadratic
    """Capacity factor over both temperatures; 1 at rating."""

    eirft: Biquadratic
    """Electric-input factor over both temperatures; 1 at rating."""

    eirfplr: tuple[Number, Number, Number]
    """Power ratio over PLR: c0 + c1·PLR + c2·PLR²; 1 at PLR 1."""

    plr_min_frac: Fraction = 0.2
    """Least part load of steady running; below it the machine cycles."""

    valid: EirRange = EirRange()
    """Range of the fit."""

    @model_validator(mode="after")
    def _one_at_rating(self) -> Self:
        wrong = [
            f"{name} at rating is {value:.4f}, must be 1 within 1 %: it is a ratio to the rating point"
            for name, value in self._rating_values()
            if abs(value - 1.0) > _REFUSED_BEYOND
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _rating_values(self) -> tuple[tuple[str, float], ...]:
        return (
            ("CAPFT", _biquadratic(self.capft, self.supply_c, self.condenser_c)),
            ("EIRFT", _biquadratic(self.eirft, self.supply_c, self.condenser_c)),
            ("EIRFPLR", sum(self.eirfplr)),
        )

    def remarks(self) -> tuple[str, ...]:
        """Factors that miss 1 at rating by 0.1 to 1 %: usable, but worth a word to whoever typed them."""
        return tuple(f"{name} at rating is {value:.4f} instead of 1" for name, value in self.off_rating())

    def off_rating(self) -> tuple[tuple[str, float], ...]:
        """The same as name and value."""
        return tuple(
            (name, value) for name, value in self._rating_values() if abs(value - 1.0) > _REMARKED_BEYOND
        )

    def _clipped(self, supply_c: float, condenser_c: float) -> tuple[float, float]:
        valid = self.valid
        return (
            min(max(supply_c, valid.supply_low_c), valid.supply_high_c),
            min(max(condenser_c, valid.condenser_low_c), valid.condenser_high_c),
        )

    def covers(self, supply_c: float, condenser_c: float) -> bool:
        """Whether both temperatures lie in the range of the fit."""
        return self._clipped(supply_c, condenser_c) == (supply_c, condenser_c)

    def available_kw(self, supply_c: float, condenser_c: float) -> float:
        """Cooling capacity at these temperatures [kW]."""
        x, y = self._clipped(supply_c, condenser_c)
        return self.capacity_kw * _biquadratic(self.capft, x, y)

    def full_power_kw(self, supply_c: float, condenser_c: float) -> float:
        """Electric power at PLR 1 and these temperatures [kW]."""
        x, y = self._clipped(supply_c, condenser_c)
        capacity_kw = self.capacity_kw * _biquadratic(self.capft, x, y)
        return capacity_kw / self.cop * _biquadratic(self.eirft, x, y)

    def power_ratio(self, plr_frac: float) -> float:
        """Power relative to full load, mean over time.

        Above PLR 1 it stays 1 (there is no more capacity to use); below the least PLR the machine cycles at
        that PLR, so the ratio falls in proportion to the time it runs.
        """
        least = self.plr_min_frac
        plr = min(max(plr_frac, least), 1.0)
        c0, c1, c2 = self.eirfplr
        ratio = c0 + plr * (c1 + plr * c2)
        return ratio * max(plr_frac, 0.0) / least if plr_frac < least else ratio

    def power_kw(self, load_kw: float, supply_c: float, condenser_c: float) -> float:
        """Mean electric power that gives `load_kw`, at most the full power at these temperatures [kW]."""
        x, y = self._clipped(supply_c, condenser_c)
        capacity_kw = self.capacity_kw * _biquadratic(self.capft, x, y)
        full_kw = capacity_kw / self.cop * _biquadratic(self.eirft, x, y)
        return full_kw * self.power_ratio(load_kw / capacity_kw)


def _biquadratic(c: Biquadratic, x: float, y: float) -> float:
    return c[0] + x * (c[1] + c[2] * x) + y * (c[3] + c[4] * y + c[5] * x)
