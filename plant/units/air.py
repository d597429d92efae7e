"""The air network: receiver with leaks, dryer.

    dp/dt = (q_in - q_out) · p_atm / V        (q as free air, isothermal)

Leaks and unregulated users are orifices in choked flow, so they rise with absolute pressure (artificial
demand); regulated users take what they need as long as the header is above the least pressure.
Source: US DOE, "Improving Compressed Air System Performance", 3rd ed., ch. 2 (artificial demand, storage).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plant.carriers import ATMOSPHERE_BAR_A, GAUGE_OFFSET_BAR, Carrier
from plant.units.base import Port, UnitBase
from plant.units.compressor import PressureBand
from protocols.config import Config
from protocols.units import BarGauge, Bars, CubicMetres, Fraction, FreeAirFlow, Kilowatts


class RoleBands(Config):
    """Pressure bands a machine's own controller takes on for each role; base on top, standby lowest.

    The base band lies on top, so a base machine unloads last and loads first; the trim machine regulates
    below it; a standby machine helps only when the pressure has left both.
    """

    base: PressureBand
    """Highest load priority."""

    trim: PressureBand
    """The one regulating machine; a variable-speed trim machine holds the middle of this band."""

    standby: PressureBand
    """Helps when base and trim are not enough."""

    stagger_bar: Bars = 0.05
    """Shift per machine inside one role, downwards, so that two never load at the same instant."""

    @model_validator(mode="after")
    def _stacked(self) -> Self:
        loads = (self.base.load_bar_g, self.trim.load_bar_g, self.standby.load_bar_g)
        if not loads[0] >= loads[1] >= loads[2]:
            raise ValueError(f"role bands need base ≥ trim ≥ standby load pressures, got {loads}")
        return self


class Receiver(UnitBase):
    """All storage of one header as one volume, with the network's leaks and limits."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"pressure_bar_g", "header_bar_g"})
    PORTS: ClassVar[tuple[Port, ...]] = (Port("air_node", Carrier.COMPRESSED_AIR, gives=False),)

    kind: Literal["receiver"] = "receiver"
    """Discriminator."""

    air_node: str
    """Header it buffers."""

    volume_m3: Annotated[CubicMetres, Field(gt=0)]
    """Receiver and pipes."""

    leak_m3_min: Annotated[FreeAirFlow, Field(ge=0)] = 0.0
    """Leaks at `rated_bar_g`."""

    unregulated_frac: Fraction = 0.3
    """Part of the demand that rises with pressure."""

    rated_bar_g: BarGauge = 7.0
    """Pressure at which leaks and unregulated demand have their stated size."""

    min_bar_g: BarGauge = 6.0
    """Supply limit: least pressure users need."""

    max_bar_g: BarGauge = 8.5
    """Safety valve opens."""

    emergency_bar_g: BarGauge = 5.8
    """Below this every machine runs whatever it was told."""

    roles: RoleBands
    """Bands for machines that were given a role."""

    def usable_m3(self, band_bar: float) -> float:
        """Free air between two pressures `band_bar` apart: V·Δp/p_atm [m³]."""
        return self.volume_m3 * band_bar / ATMOSPHERE_BAR_A


class Dryer(UnitBase):
    """A refrigerant dryer: constant power, constant pressure drop."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"power_kw"})
    PORTS: ClassVar[tuple[Port, ...]] = (
        Port("electricity_node", Carrier.ELECTRICITY, gives=False),
        Port("air_node", Carrier.COMPRESSED_AIR, gives=False),
    )

    kind: Literal["dryer"] = "dryer"
    """Discriminator."""

    electricity_node: str
    """Bus that feeds it."""

    air_node: str
    """Header whose air it dries."""

    power_kw: Annotated[Kilowatts, Field(ge=0)]
    """Power, whatever the flow."""

    drop_bar: Annotated[Bars, Field(ge=0, le=1)] = 0.2
    """Pressure the compressors must give above the header."""


class AirBalance(NamedTuple):
    """Air of one step."""

    header_bar_g: float
    """Header pressure at the end of the step."""
    consumed_m3_min: float
    """Air that left to users."""
    leak_m3_min: float
    """Air lost through leaks."""
    unmet_m3_min: float
    """Regulated demand the network could not give."""
    blown_m3_min: float
    """Air through the safety valve."""


def balance(
    unit: Receiver, header_bar_g: float, inflow_m3_min: float, demand_m3_min: float, dt_s: float
) -> AirBalance:
    """Mass balance over one step; the header never falls below 0 bar g nor above the safety valve.

    Args:
        unit: Receiver and network.
        header_bar_g: Pressure at the start. [bar g]
        inflow_m3_min: Sum of the machines, free air. [m³/min]
        demand_m3_min: Demand of the users at the rated pressure. [m³/min]
        dt_s: Step; the explicit Euler step is good for a few seconds. [s]
    """
    wanted, leak = drawn(unit, header_bar_g, demand_m3_min)
    per_bar = unit.volume_m3 / ATMOSPHERE_BAR_A * 60.0 / dt_s
    most_out = inflow_m3_min + max(header_bar_g, 0.0) * per_bar
    out = wanted + leak
    share = 1.0 if out <= most_out else most_out / out
    header = header_bar_g + (inflow_m3_min - out * share) / per_bar
    blown = max(header - unit.max_bar_g, 0.0) * per_bar
    return AirBalance(
        min(max(header, 0.0), unit.max_bar_g), wanted * share, leak * share, wanted * (1.0 - share), blown
    )


def drawn(unit: Receiver, header_bar_g: float, demand_m3_min: float) -> tuple[float, float]:
    """Air the users draw and air the leaks lose at a header pressure [m³/min]."""
    rise = (header_bar_g + GAUGE_OFFSET_BAR) / (unit.rated_bar_g + GAUGE_OFFSET_BAR)
    return demand_m3_min * (1.0 + unit.unregulated_frac * (rise - 1.0)), unit.leak_m3_min * rise
