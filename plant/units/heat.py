"""Heat from gas: boiler and combined heat and power, both on the lower heating value."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plant.carriers import Carrier
from plant.curves import Curve
from plant.units.base import Port, UnitBase
from protocols.config import Config
from protocols.units import Kilowatts, Seconds


class Boiler(UnitBase):
    """A modulating boiler that follows the heat left over; below its least fire it cycles."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"heat_kw", "fuel_kw"})
    PORTS: ClassVar[tuple[Port, ...]] = (
        Port("gas_node", Carrier.GAS, gives=False),
        Port("heat_node", Carrier.HEAT, gives=True),
    )

    kind: Literal["boiler"] = "boiler"
    """Discriminator."""

    gas_node: str
    """Gas supply."""

    heat_node: str
    """Heat bus it feeds."""

    heat_max_kw: Annotated[Kilowatts, Field(gt=0)]
    """Full heat output."""

    efficiency: Curve
    """Fraction of full heat → heat over fuel (LHV)."""

    def fuel_kw(self, heat_kw: float) -> float:
        """Fuel for a heat output, LHV [kW]."""
        return heat_kw / self.efficiency.at(heat_kw / self.heat_max_kw) if heat_kw > 0.0 else 0.0


class EngineTimes(Config):
    """Times of the engine's own sequence."""

    min_run_s: Seconds = 3600.0
    """Least running time."""

    min_stop_s: Seconds = 1800.0
    """Least standstill."""

    warm_up_s: Seconds = 180.0
    """From start to the first power."""

    ramp_kw_s: Annotated[float, Field(gt=0)] = 2.0
    """Change of electric power per second [kW/s]."""

    start_cost_cny: Annotated[float, Field(ge=0)] = 25.0
    """Wear of one start."""


class Chp(UnitBase):
    """An engine with generator; fuel and heat are straight lines over electric power.

    Electric power is counted positive inside this model (`generation_kw`); its point `power_kw` and its
    set-point `power_set_kw` follow the sign of the house: generation is negative.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {
            "power_kw",
            "heat_kw",
            "fuel_kw",
            "state_code",
            "permit_code",
            "permit_set_code",
            "power_set_kw",
            "local_mode_code",
            "run_h",
            "starts_count",
        }
    )
    PORTS: ClassVar[tuple[Port, ...]] = (
        Port("electricity_node", Carrier.ELECTRICITY, gives=True),
        Port("gas_node", Carrier.GAS, gives=False),
        Port("heat_node", Carrier.HEAT, gives=True),
    )

    kind: Literal["chp"] = "chp"
    """Discriminator."""

    electricity_node: str
    """Bus it feeds."""

    gas_node: str
    """Gas supply."""

    heat_node: str
    """Heat bus it feeds; surplus goes to its dump cooler."""

    generation_max_kw: Annotated[Kilowatts, Field(gt=0)]
    """Full electric power."""

    generation_min_kw: Annotated[Kilowatts, Field(gt=0)]
    """Least electric power."""

    fuel_kw: tuple[Kilowatts, Kilowatts]
    """Fuel at least and at full power, LHV."""

    heat_kw: tuple[Kilowatts, Kilowatts]
    """Useful heat at least and at full power."""

    times: EngineTimes = EngineTimes()
    """Sequence of the engine."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.generation_min_kw >= self.generation_max_kw:
            raise ValueError("a CHP needs generation_min_kw < generation_max_kw")
        outputs = (self.generation_min_kw + self.heat_kw[0], self.generation_max_kw + self.heat_kw[1])
        if outputs[0] > self.fuel_kw[0] or outputs[1] > self.fuel_kw[1]:
            raise ValueError("a CHP cannot give more heat and power than fuel (LHV)")
        return self

    def _line(self, ends: tuple[float, float], generation_kw: float) -> float:
        span = self.generation_max_kw - self.generation_min_kw
        return ends[0] + (ends[1] - ends[0]) * (generation_kw - self.generation_min_kw) / span

    def fuel_at_kw(self, generation_kw: float) -> float:
        """Fuel at an electric power, LHV; 0 at standstill [kW]."""
        return self._line(self.fuel_kw, generation_kw) if generation_kw > 0.0 else 0.0

    def heat_at_kw(self, generation_kw: float) -> float:
        """Useful heat at an electric power; 0 at standstill [kW]."""
        return self._line(self.heat_kw, generation_kw) if generation_kw > 0.0 else 0.0

    def generation_for_heat_kw(self, heat_kw: float) -> float:
        """Electric power whose heat is `heat_kw`, between least and full [kW]."""
        low, high = self.heat_kw
        span = self.generation_max_kw - self.generation_min_kw
        wanted = self.generation_min_kw + span * (heat_kw - low) / (high - low)
        return min(max(wanted, self.generation_min_kw), self.generation_max_kw)


class ChpState(NamedTuple):
    """What the engine remembers from step to step."""

    running: bool = False
    """Engine turning."""
    elapsed_s: float = 36000.0
    """Time since it last started or stopped."""
    generation_kw: float = 0.0
    """Electric power now."""
    run_h: float = 0.0
    """Hours running."""
    starts_count: int = 0
    """Starts."""


class ChpOrder(NamedTuple):
    """What the engine's own controller asks of it in this step."""

    run: bool = False
    """Run."""
    generation_kw: float = 0.0
    """Wanted electric power."""


def chp_advance(unit: Chp, state: ChpState, order: ChpOrder, dt_s: float) -> ChpState:
    """Start, warm up, ramp, stop; least running and standstill times are the engine's own and always hold."""
    times = unit.times
    elapsed_s = state.elapsed_s + dt_s
    run_h = state.run_h + (dt_s / 3600.0 if state.running else 0.0)
    if state.running != order.run:
        least_s = times.min_run_s if state.running else times.min_stop_s
        if elapsed_s >= least_s:
            return ChpState(order.run, 0.0, 0.0, run_h, state.starts_count + order.run)
    if not state.running or elapsed_s < times.warm_up_s:
        return ChpState(state.running, elapsed_s, 0.0, run_h, state.starts_count)
    low = unit.generation_min_kw
    wanted = min(max(order.generation_kw, low), unit.generation_max_kw)
    most = times.ramp_kw_s * dt_s
    start = max(state.generation_kw, low)
    generation = min(max(wanted, start - most), start + most)
    return ChpState(True, elapsed_s, generation, run_h, state.starts_count)  # noqa: FBT003  a field of a tuple
