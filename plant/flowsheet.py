"""The plant as one document: carriers, nodes, units, bindings.

`configs/sites/<site>/flowsheet.yaml` validates into `Flowsheet`; the picture, the simulator and the dispatch
read the same one. A broken flowsheet is refused with all its mistakes at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Self, TypeVar, cast

from pydantic import Field, model_validator

from plant.carriers import Carrier
from plant.learnt import AnyLearnt, taken_over
from plant.units.air import Dryer, Receiver
from plant.units.compressor import FixedCompressor, VsdCompressor
from plant.units.cooling import AirHandler, Chiller, CoolingLoop
from plant.units.heat import Boiler, Chp
from plant.units.power import Battery, Grid, Load, Meter, Photovoltaics, Weather
from plant.units.tower import CoolingTower
from protocols.config import Config, IdPart
from protocols.errors import ConfigError

Unit = Annotated[
    FixedCompressor
    | VsdCompressor
    | Dryer
    | Receiver
    | Chiller
    | CoolingLoop
    | CoolingTower
    | AirHandler
    | Battery
    | Photovoltaics
    | Boiler
    | Chp
    | Load
    | Grid
    | Meter
    | Weather,
    Field(discriminator="kind"),
]
_U = TypeVar("_U")


class Node(Config):
    """A place where one carrier balances."""

    carrier: Carrier
    """What flows here."""


class Flowsheet(Config):
    """Carriers, nodes and units of one site."""

    version: Annotated[int, Field(ge=1)] = 1
    """Raised with every change; plans and proofs name it."""

    nodes: dict[IdPart, Node]
    """Balances by id."""

    units: dict[IdPart, Unit]
    """Equipment by id; the order is the order of the machines."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = [
            *self._node_problems(),
            *self._source_problems(),
            *self._binding_problems(),
            *self._meter_problems(),
        ]
        if problems:
            raise ValueError("the flowsheet has mistakes:\n- " + "\n- ".join(problems))
        return self

    def _node_problems(self) -> Iterator[str]:
        for name, unit in self.units.items():
            for port in unit.PORTS:
                node_id = str(getattr(unit, port.field))
                node = self.nodes.get(node_id)
                if node is None:
                    known = ", ".join(self.nodes)
                    yield f"units.{name}.{port.field}: unknown node {node_id!r}; known are: {known}"
                elif port.carrier not in {None, node.carrier}:
                    yield (
                        f"units.{name}.{port.field}: node {node_id!r} carries {node.carrier}, "
                        f"a {unit.kind} needs {port.carrier}"
                    )

    def _source_problems(self) -> Iterator[str]:
        fed = {getattr(unit, port.field) for unit in self.units.values() for port in unit.PORTS if port.gives}
        drawn = {
            getattr(unit, port.field) for unit in self.units.values() for port in unit.PORTS if not port.gives
        }
        for node_id, node in self.nodes.items():
            if node_id in drawn and node_id not in fed:
                yield f"nodes.{node_id}: nothing gives {node.carrier} here; add a source or a grid"

    def _binding_problems(self) -> Iterator[str]:
        for name, unit in self.units.items():
            for role in unit.bindings:
                if role not in unit.ROLES:
                    known = ", ".join(sorted(unit.ROLES))
                    yield f"units.{name}.bindings: a {unit.kind} has no {role!r}; it has: {known}"
        uses = Counter(ref for unit in self.units.values() for ref in unit.bindings.values())
        yield from (
            f"point {ref!r} is bound {count} times; bind it once" for ref, count in uses.items() if count > 1
        )

    def _meter_problems(self) -> Iterator[str]:
        for name, meter in self.of_kind(Meter):
            for other in meter.of:
                if other not in self.units:
                    yield f"units.{name}.of: unknown unit {other!r}"

    def of_kind(self, kind: type[_U]) -> Iterator[tuple[str, _U]]:
        """Units of one class in the order of the file, with their ids."""
        return ((name, unit) for name, unit in self.units.items() if isinstance(unit, kind))

    def compressors(self) -> tuple[tuple[str, FixedCompressor | VsdCompressor], ...]:
        """All compressors, fixed and variable speed, in the order of the file."""
        return tuple(
            (name, unit)
            for name, unit in self.units.items()
            if isinstance(unit, FixedCompressor | VsdCompressor)
        )

    def binding(self, unit: str, role: str) -> str | None:
        """Point "device/point" that carries `role` of `unit`, or None where it is not bound."""
        found = self.units.get(unit)
        return found.bindings.get(role) if found else None

    def points(self) -> dict[str, tuple[str, str]]:
        """Every bound point → (unit, role)."""
        return {ref: (name, role) for name, unit in self.units.items() for role, ref in unit.bindings.items()}

    def remarks(self) -> tuple[str, ...]:
        """What is accepted but worth a look: curves off by up to 1 %, a control gap of the VSD machines."""
        curves = [f"{name}: {text}" for name, unit in self.of_kind(Chiller) for text in unit.eir.remarks()]
        return (*curves, *self._control_gaps())

    def _control_gaps(self) -> Iterator[str]:
        largest = max((unit.flow_m3_min for _, unit in self.of_kind(FixedCompressor)), default=0.0)
        for name, vsd in self.of_kind(VsdCompressor):
            span = vsd.flow_max_m3_min - vsd.flow_min_m3_min
            if span < largest:
                yield (
                    f"{name}: regulates over {span:.1f} m³/min, less than the largest fixed step of "
                    f"{largest:.1f} m³/min: between the two the pressure cycles"
                )


def with_curves(flowsheet: Flowsheet, learnt: Mapping[str, AnyLearnt]) -> Flowsheet:
    """The flowsheet with learnt curves in place of nominal ones: the one place where that happens.

    Raises:
        ConfigError: A curve of a unit that is not there, or is of another kind; all of them, one a line.
    """
    faults: list[str] = []
    units = dict(flowsheet.units)
    for name, curve in learnt.items():
        unit = units.get(name)
        if unit is None or unit.kind != curve.kind:
            known = "no unit of the flowsheet" if unit is None else f"a {unit.kind} there"
            faults.append(f"curves.{name}: a learnt curve of a {curve.kind}, but it is {known}; take it out")
        elif isinstance(unit, FixedCompressor | VsdCompressor | Chiller | AirHandler):
            units[name] = cast("Unit", taken_over(unit, curve))
    if faults:
        raise ConfigError("\n".join(faults))
    return flowsheet.model_copy(update={"units": units}) if learnt else flowsheet
