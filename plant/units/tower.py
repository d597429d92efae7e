"""The cooling towers of a site as one: their fans hold the condenser water at a set-point.

    water   T = max(set-point, wet bulb + A)              A: approach at full speed and full cooling
    fans    speed = A · share / (T - wet bulb)            share: cooling over that of all chillers
            power = rated · speed³

At full speed the approach is taken to be in proportion to the heat, at part speed in inverse proportion to
the air: the towers are never promised to be colder than their rated approach, also at part load. Cells run
at one speed, which by the cube law takes least. Source: ASHRAE Handbook HVAC Systems and Equipment, cooling
towers (approach, fan laws).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from plant.carriers import Carrier
from plant.units.base import Port, UnitBase
from protocols.units import Celsius, Kelvins, Kilowatts


class CoolingTower(UnitBase):
    """Cooling towers that all water-cooled chillers share; without one each chiller has its own water."""

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"power_kw", "supply_c", "local_mode_code", "condenser_set_c"}
    )
    PORTS: ClassVar[tuple[Port, ...]] = (Port("electricity_node", Carrier.ELECTRICITY, gives=False),)

    kind: Literal["cooling_tower"] = "cooling_tower"
    """Discriminator."""

    electricity_node: str
    """Bus that feeds the fans."""

    fan_kw: Annotated[Kilowatts, Field(ge=0)]
    """Power of all fans at full speed."""

    approach_k: Annotated[Kelvins, Field(gt=0)] = 4.0
    """Water above wet bulb at full speed and full cooling."""

    low_c: Celsius = 18.0
    """Lowest set-point: what the machines' lift and oil allow."""

    high_c: Celsius = 32.0
    """Highest set-point."""

    default_c: Celsius = 26.0
    """Set-point when nobody sets one."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low_c <= self.default_c <= self.high_c:
            raise ValueError("a cooling_tower needs low_c ≤ default_c ≤ high_c")
        return self

    def water_c(self, wet_bulb_c: float, told_c: float | None = None) -> float:
        """Condenser water it gives; `told_c` is the set-point, None the tower's own [°C]."""
        wanted_c = self.default_c if told_c is None else told_c
        return max(min(max(wanted_c, self.low_c), self.high_c), wet_bulb_c + self.approach_k)

    def power_kw(self, share_frac: float, water_c: float, wet_bulb_c: float) -> float:
        """Power of the fans for a share of the full cooling [kW].

        Example:
            >>> CoolingTower(electricity_node="bus", fan_kw=30.0).power_kw(0.5, 26.0, 18.0)
            0.46875
        """
        speed = self.approach_k * share_frac / max(water_c - wet_bulb_c, self.approach_k)
        speed = min(max(speed, 0.0), 1.0)
        return self.fan_kw * (speed * speed * speed)
