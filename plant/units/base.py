"""What every unit has: bindings to points, and the nodes it touches."""

from __future__ import annotations

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field

from plant.carriers import Carrier
from protocols.config import Config, IdPart

PointRef = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}$")]
"""A point of the same site: "device/point"."""


class Port(NamedTuple):
    """One place where a unit touches a node."""

    field: str
    """Field of the unit that names the node."""
    carrier: Carrier | None
    """Carrier the node must have; None where the unit takes that of its node."""
    gives: bool
    """Whether the unit can feed this node."""


class UnitBase(Config):
    """Fields and tables every kind shares."""

    PORTS: ClassVar[tuple[Port, ...]] = ()
    """Where the kind touches nodes."""

    ROLES: ClassVar[frozenset[str]] = frozenset()
    """Roles a binding of this kind may name: measured values, and set-points (they hold `_set_`)."""

    bindings: dict[IdPart, PointRef] = Field(default_factory=dict)
    """Role of a value → the point that carries it."""
