"""Loads that can wait, be left off, or charge while they stand: what is asked of each within the window."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftLoad:
    """An amount of energy to be taken between two steps."""

    name: str
    energy_kwh: float
    """What is not taken is a named, priced shortage. [kWh]"""
    first: int
    """First step it may run in."""
    until: int
    """First step it may not."""
    most_kw: float
    least_kw: float = 0.0
    """Least power while it runs. [kW]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A run that cannot be interrupted: a course of power, begun once between two steps."""

    name: str
    course_kw: tuple[float, ...]
    """Power of each step of the run. [kW]"""
    first: int
    """First step it may begin in."""
    until: int
    """First step in which it must be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShedLoad:
    """A part of the forecast need that may be left off for a price."""

    name: str
    most_kw: FloatArray
    """What may be left off, shape (steps,). [kW]"""
    eur_kwh: float
    """Worth of what is left off. [money/kWh]"""
    most_kwh: float = float("inf")
    """Most in the window. [kWh]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    """A vehicle at its charger."""

    name: str
    arrives: int
    """First step it stands there."""
    leaves: int
    """First step it does not."""
    energy_kwh: float
    """What it wants before it leaves, from the grid; less is a named, priced shortage. [kWh]"""
    most_kw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvGroup:
    """Chargers that share a connection."""

    name: str
    most_kw: float
    """Of all together. [kW]"""
    cars: tuple[Car, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flexible:
    """All loads of a plant that the plan may move."""

    shift: tuple[ShiftLoad, ...] = ()
    batches: tuple[Batch, ...] = ()
    shed: tuple[ShedLoad, ...] = ()
    ev: tuple[EvGroup, ...] = ()

    @property
    def all(self) -> tuple[ShiftLoad | Batch | ShedLoad | EvGroup, ...]:
        """In the order of the plan."""
        return (*self.shift, *self.batches, *self.shed, *self.ev)

    @property
    def most_kw(self) -> float:
        """Power all of them could take at once. [kW]."""
        shift = sum(load.most_kw for load in self.shift)
        batches = sum(max(batch.course_kw) for batch in self.batches)
        return float(shift + batches + sum(group.most_kw for group in self.ev))
