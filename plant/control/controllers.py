"""What a controller is told in its file: the points it reads and sets, and the settings of its law.

Every controller has an id (its name as a writer and as a device), a label and a mode. A set-point it has no
binding for is left alone. Role and permit codes are those of `plant.units.compressor`: 0 standby, 1 trim,
2 base; 0 no permit, 1 permit.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from plant.control.demand_types import DemandSettings, Sheddable
from plant.control.follower import FollowerBattery, FollowerSettings
from plant.control.sequencer_types import AirMachine, SequencerSettings
from plant.control.staging_types import StagedChiller, StagingSettings
from protocols.config import Config, IdPart, Text
from protocols.rules import DevicePoint, Number

Loc = tuple[int | str, ...]
Codes = Annotated[tuple[int, ...], Field(min_length=1)]
Mode = Literal["advice", "active"]


def _once_each(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} there twice: {', '.join(twice)}")


class Input(NamedTuple):
    """A point a controller reads: where it says so, and in which unit its law takes it."""

    loc: Loc
    point: str
    unit: str


class Output(NamedTuple):
    """A set-point a controller wants: where it says so, in which unit, and every value or bound of it."""

    loc: Loc
    point: str
    unit: str
    extremes: tuple[float, ...] = ()


class AirUnit(Config):
    """A compressor and its points."""

    machine: AirMachine
    """What the law knows of it."""

    state: DevicePoint
    """State code."""

    running_codes: Codes = (1, 2)
    """States in which the motor turns."""

    fault_codes: Codes = (3,)
    """States in which it is not available."""

    local: DevicePoint | None = None
    """Not 0 while it is operated at the machine."""

    flow: DevicePoint | None = None
    """Air it gives."""

    run_h: DevicePoint | None = None
    """Running hours."""

    role_set: DevicePoint | None = None
    """Role: standby, trim or base."""

    permit_set: DevicePoint
    """Start and load permit."""

    target_set: DevicePoint | None = None
    """Set-point of its own pressure loop."""


class SequencerController(Config):
    """Compressor sequencer."""

    kind: Literal["sequencer"] = "sequencer"

    id: IdPart
    """Its name."""

    label: Text
    """What people call it."""

    mode: Mode = "advice"
    """`advice`: it only says what it would do."""

    header: DevicePoint
    """Pressure at the critical user."""

    target: DevicePoint | None = None
    """Leased target in place of that of the settings."""

    settings: SequencerSettings
    """Of the law."""

    machines: Annotated[tuple[AirUnit, ...], Field(min_length=2, max_length=24)]
    """In the order of preference at equal hours."""

    @model_validator(mode="after")
    def _machines_once(self) -> Self:
        _once_each([one.machine.id for one in self.machines], "machine ids")
        return self

    def inputs(self) -> list[Input]:
        """Points it reads."""
        found = [Input(("header",), self.header, "bar(g)")]
        if self.target is not None:
            found.append(Input(("target",), self.target, "bar(g)"))
        for at, one in enumerate(self.machines):
            named = (
                ("state", one.state, "code"),
                ("local", one.local, "code"),
                ("flow", one.flow, "m³/min"),
                ("run_h", one.run_h, "h"),
            )
            found += [Input(("machines", at, field), p, unit) for field, p, unit in named if p is not None]
        return found

    def outputs(self) -> list[Output]:
        """Set-points it wants; per machine role, permit, target."""
        target, wake = self.settings.target_bar_g, self.settings.wake_bar
        found = []
        for at, one in enumerate(self.machines):
            named = (
                ("role_set", one.role_set, "code", (0.0, 2.0)),
                ("permit_set", one.permit_set, "code", (0.0, 1.0)),
                ("target_set", one.target_set, "bar(g)", (target, target + wake)),
            )
            found += [
                Output(("machines", at, field), p, unit, ends)
                for field, p, unit, ends in named
                if p is not None
            ]
        return found


class ChillerUnit(Config):
    """A chiller and its points."""

    machine: StagedChiller
    """What the law knows of it."""

    state: DevicePoint
    """State code."""

    running_codes: Codes = (2,)
    """States in which it cools."""

    fault_codes: Codes = (3,)
    """States in which it is not available."""

    local: DevicePoint | None = None
    """Not 0 while it is operated at the machine."""

    cooling: DevicePoint | None = None
    """Heat it takes from the loop."""

    run_h: DevicePoint | None = None
    """Running hours."""

    permit_set: DevicePoint
    """Permit to run."""

    supply_set: DevicePoint | None = None
    """Set-point of its leaving water."""

    pumps_set: DevicePoint | None = None
    """Permit of its pumps and tower; needs `pumps: true` in `machine`."""

    @model_validator(mode="after")
    def _pumps(self) -> Self:
        if self.machine.pumps != (self.pumps_set is not None):
            raise ValueError("pumps_set and `pumps: true` in `machine` belong together")
        return self


class StagingController(Config):
    """Chiller staging."""

    kind: Literal["staging"] = "staging"

    id: IdPart
    """Its name."""

    label: Text
    """What people call it."""

    mode: Mode = "advice"
    """`advice`: it only says what it would do."""

    supply: DevicePoint
    """Supply temperature of the plant."""

    target: DevicePoint | None = None
    """Leased set-point in place of that of the settings."""

    settings: StagingSettings
    """Of the law."""

    machines: Annotated[tuple[ChillerUnit, ...], Field(min_length=1, max_length=16)]
    """In the order of preference at equal hours."""

    @model_validator(mode="after")
    def _machines_once(self) -> Self:
        _once_each([one.machine.id for one in self.machines], "machine ids")
        return self

    def inputs(self) -> list[Input]:
        """Points it reads."""
        found = [Input(("supply",), self.supply, "°C")]
        if self.target is not None:
            found.append(Input(("target",), self.target, "°C"))
        for at, one in enumerate(self.machines):
            named = (
                ("state", one.state, "code"),
                ("local", one.local, "code"),
                ("cooling", one.cooling, "kW"),
                ("run_h", one.run_h, "h"),
            )
            found += [Input(("machines", at, field), p, unit) for field, p, unit in named if p is not None]
        return found

    def outputs(self) -> list[Output]:
        """Set-points it wants; per machine permit, supply temperature, pumps."""
        set_c = self.settings.supply_set_c
        found = []
        for at, one in enumerate(self.machines):
            named = (
                ("permit_set", one.permit_set, "code", (0.0, 1.0)),
                ("supply_set", one.supply_set, "°C", (set_c,)),
                ("pumps_set", one.pumps_set, "code", (0.0, 1.0)),
            )
            found += [
                Output(("machines", at, field), p, unit, ends)
                for field, p, unit, ends in named
                if p is not None
            ]
        return found


class ShedUnit(Config):
    """A load that may be shed and its points."""

    load: Sheddable
    """What the law knows of it."""

    power: DevicePoint | None = None
    """Its measured power."""

    set: DevicePoint
    """Set-point that takes it away."""

    unit: str
    """Unit of the two values below."""

    shed_value: Number
    """What is written while it is shed; otherwise the point is left to its fallback. [unit]"""


class DemandController(Config):
    """Demand limiter."""

    kind: Literal["demand"] = "demand"

    id: IdPart
    """Its name."""

    label: Text
    """What people call it."""

    mode: Mode = "advice"
    """`advice`: it only says what it would do."""

    power: DevicePoint
    """Power of the metered place."""

    energy: DevicePoint | None = None
    """Counter of the meter."""

    mark: DevicePoint | None = None
    """Something that changes when the meter begins a window: a count of its pulses, or of its windows."""

    limit: DevicePoint | None = None
    """Leased limit; the lower of it and that of the settings counts."""

    settings: DemandSettings
    """Of the law."""

    loads: Annotated[tuple[ShedUnit, ...], Field(min_length=1, max_length=64)]
    """What may be shed."""

    def inputs(self) -> list[Input]:
        """Points it reads."""
        named = (("power", self.power, "kW"), ("energy", self.energy, "kWh"), ("limit", self.limit, "kW"))
        found = [Input((field,), p, unit) for field, p, unit in named if p is not None]
        if self.mark is not None:
            found.append(Input(("mark",), self.mark, ""))
        return found + [
            Input(("loads", at, "power"), one.power, "kW")
            for at, one in enumerate(self.loads)
            if one.power is not None
        ]

    def outputs(self) -> list[Output]:
        """Set-points it wants, one a load."""
        return [
            Output(("loads", at, "set"), one.set, one.unit, (one.shed_value,))
            for at, one in enumerate(self.loads)
        ]


class FollowerController(Config):
    """Battery follower."""

    kind: Literal["follower"] = "follower"

    id: IdPart
    """Its name."""

    label: Text
    """What people call it."""

    mode: Mode = "advice"
    """`advice`: it only says what it would do."""

    grid: DevicePoint
    """Exchange with the grid, import positive."""

    power: DevicePoint
    """Power of the battery, charging positive."""

    soc: DevicePoint
    """State of charge."""

    target: DevicePoint | None = None
    """Leased target or import limit in place of that of the settings."""

    power_set: DevicePoint
    """Set-point of the battery's power, charging positive."""

    settings: FollowerSettings
    """Of the law."""

    battery: FollowerBattery
    """Its limits."""

    def inputs(self) -> list[Input]:
        """Points it reads."""
        named = (("grid", self.grid, "kW"), ("power", self.power, "kW"), ("soc", self.soc, "1"))
        found = [Input((field,), point, unit) for field, point, unit in named]
        return found if self.target is None else [*found, Input(("target",), self.target, "kW")]

    def outputs(self) -> list[Output]:
        """The one set-point it wants."""
        ends = (-self.battery.discharge_max_kw, self.battery.charge_max_kw)
        return [Output(("power_set",), self.power_set, "kW", ends)]


Controller = SequencerController | StagingController | DemandController | FollowerController


class ControllerBook(Config):
    """All controllers of an edge: a file."""

    version: Literal[1] = 1
    """Layout of the file."""

    controllers: Annotated[
        tuple[Annotated[Controller, Field(discriminator="kind")], ...], Field(max_length=16)
    ] = ()
    """The controllers."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        _once_each([one.id for one in self.controllers], "controller ids")
        return self
