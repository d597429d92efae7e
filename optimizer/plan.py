"""The plan: what each machine shall do per step, its cost, what is short; it round-trips through JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from optimizer.problem import BoolArray, FloatArray
from protocols.config import Text

Role = Literal["base", "trim", "standby", "on", "off"]
"""Compressors are base, trim or standby (not permitted to start); everything else is on or off."""
Kind = Literal["compressor", "chiller", "battery", "store", "chp", "boiler", "pv", "converter", "load"]

SHORTAGE_TOLERANCE = 1e-4
"""Slacks below this are rounding left-overs of the solver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePlan:
    """One machine; arrays of shape (steps,)."""

    kind: Kind
    on: BoolArray
    """Whether it may run; rounded to enough capacity beyond the binary steps."""
    role: tuple[Role, ...]
    power_kw: FloatArray
    """Electric power taken from the bus; negative for CHP, PV and a discharging battery. [kW]"""
    level: FloatArray
    """Compressor: flow [m³/min]; chiller and boiler: output [kW]; CHP and PV: power given [kW];
    battery: stored energy at the end of the step [kWh]; store: content at the end of the step [m³, kWh]."""
    supply_c: float | None = None
    """Chiller: set-point of the leaving water the plan is made for. [°C]"""
    flows: dict[str, FloatArray] = field(default_factory=dict)
    """Other carriers by name, taken positive, given negative, each (steps,); power of the parts of a load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money of the window, without the demand charge."""

    energy: float
    """Import less export by tariff."""
    fuel: float
    starts: float
    co2: float
    """Emissions times their price."""

    @property
    def total(self) -> float:
        """Sum of the four."""
        return self.energy + self.fuel + self.starts + self.co2


@dataclass(frozen=True, slots=True)
class Shortage:
    """A balance or limit that the plan cannot keep."""

    name: str
    """Name of the slack, such as air_short or import_over."""
    step: int
    amount: float
    """m³/min for air, else kW."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do in each step from `start_ns`; arrays of shape (steps,)."""

    start_ns: int
    step_s: float
    binary_steps: int
    currency: str
    machines: dict[str, MachinePlan]
    import_kw: FloatArray
    export_kw: FloatArray
    fuel_kw: FloatArray
    """Fuel of all boilers and CHPs. [kW LHV]"""
    peak_kw: float
    """Highest import of the billing period if the plan is kept. [kW]"""
    cost: Cost
    co2_kg: float
    shortages: tuple[Shortage, ...] = ()
    charges: dict[str, float] = field(default_factory=dict)
    """Money of the contracts beyond the price per kWh, by name; in the objective, not in `cost`."""
    setpoints: dict[str, FloatArray] = field(default_factory=dict)
    """Set-points that were chosen, such as chilled_water_c and air_bar_g, each (steps,)."""
    notes: tuple[Text, ...] = ()
    """What was corrected or found in the input, in plant words."""

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.import_kw)

    @property
    def battery_kw(self) -> FloatArray:
        """Power of all batteries, charging positive, shape (steps,). [kW]."""
        return self._power_of("battery")

    @property
    def chp_kw(self) -> FloatArray:
        """Power given by all CHPs, shape (steps,). [kW]."""
        return -self._power_of("chp")

    def step_at(self, now_ns: int) -> int | None:
        """Step that holds the instant, None outside the window."""
        step = int((now_ns - self.start_ns) // round(self.step_s * 1e9))
        return step if 0 <= step < self.steps else None

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text, ready for JSON."""
        plain = asdict(self)
        plain["cost"]["total"] = self.cost.total
        return _listed(plain)  # type: ignore[no-any-return]  # a dict goes in, a dict comes out

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Plan:
        """Read what `to_dict` wrote.

        Raises:
            KeyError: A field is missing.
        """
        machines = {name: _machine(machine) for name, machine in plain["machines"].items()}
        cost = {key: float(plain["cost"][key]) for key in ("energy", "fuel", "starts", "co2")}
        arrays = {
            key: np.asarray(plain[key], dtype=np.float64) for key in ("import_kw", "export_kw", "fuel_kw")
        }
        return cls(
            start_ns=int(plain["start_ns"]),
            step_s=float(plain["step_s"]),
            binary_steps=int(plain["binary_steps"]),
            currency=str(plain["currency"]),
            machines=machines,
            peak_kw=float(plain["peak_kw"]),
            cost=Cost(**cost),
            co2_kg=float(plain["co2_kg"]),
            shortages=tuple(Shortage(**shortage) for shortage in plain["shortages"]),
            charges={name: float(money) for name, money in plain.get("charges", {}).items()},
            setpoints=_arrays(plain.get("setpoints", {})),
            notes=tuple(noted(note) for note in plain["notes"]),
            **arrays,
        )

    def _power_of(self, kind: Kind) -> FloatArray:
        powers = [machine.power_kw for machine in self.machines.values() if machine.kind == kind]
        return np.sum(powers, axis=0) if powers else np.zeros(self.steps)


def noted(plain: str | dict[str, str]) -> Text:
    """A note as it was kept; by an earlier version in English only."""
    return Text(en=plain, zh=plain) if isinstance(plain, str) else Text.model_validate(plain)


def _machine(plain: dict[str, Any]) -> MachinePlan:
    return MachinePlan(
        kind=plain["kind"],
        on=np.asarray(plain["on"], dtype=np.bool_),
        role=tuple(plain["role"]),
        power_kw=np.asarray(plain["power_kw"], dtype=np.float64),
        level=np.asarray(plain["level"], dtype=np.float64),
        supply_c=plain.get("supply_c"),
        flows=_arrays(plain.get("flows", {})),
    )


def _arrays(plain: dict[str, Any]) -> dict[str, FloatArray]:
    return {name: np.asarray(values, dtype=np.float64) for name, values in plain.items()}


def _listed(value: Any) -> Any:  # noqa: ANN401  walks any JSON value
    if isinstance(value, np.ndarray | Text):
        return value.tolist() if isinstance(value, np.ndarray) else value.model_dump()
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    return value
