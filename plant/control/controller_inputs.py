"""What of a local controller may be leased: its inputs as set-points of a device of its own.

A plan or a person leases the target, the limit, the places of machines; the file's value holds otherwise. The
device has the controller's name, so `air/pressure_target_bar_g` is the target of the controller `air`. A
target that the file takes from a point of another device (`target: plc/target_bar_g`) is leased there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, assert_never

from plant.control.controllers import (
    Controller,
    DemandController,
    FollowerController,
    Loc,
    SequencerController,
    StagingController,
)
from protocols.config import Text
from protocols.device import ControllerLink, Device
from protocols.point import PointKind
from protocols.profile import ControllerAddress, PointSpec, Profile
from protocols.report import Report

POLL_S: Final = 0.5
"""How often the inputs are read: a lease is followed at the next look of the law."""

MOST_MACHINES: Final = 24


class OwnInput(NamedTuple):
    """One input that may be leased."""

    loc: Loc
    """Where its law looks for it."""
    name: str
    """Name as a point."""
    label: Text
    """What people call it."""
    unit: str
    """Of the point and of the law."""
    value: float
    """What the file says. [unit]"""
    low: float | None = None
    """Lowest value with a meaning. [unit]"""
    high: float | None = None
    """Highest one. [unit]"""


def own_inputs(one: Controller) -> tuple[OwnInput, ...]:
    """Its inputs that may be leased, in the order of its device."""
    found: tuple[OwnInput, ...]
    match one:
        case SequencerController():
            target = _target(one.target, "pressure_target_bar_g", "bar(g)", one.settings.target_bar_g)
            found = (*target, *_places(unit.machine.id for unit in one.machines))
        case StagingController():
            target = _target(one.target, "supply_target_c", "°C", one.settings.supply_set_c)
            found = (*target, *_places(unit.machine.id for unit in one.machines))
        case DemandController():
            label = Text(en="Demand limit", zh="需量限值")
            limit = OwnInput(("limit",), "limit_kw", label, "kW", one.settings.limit_kw, low=0.0)
            found = (limit,) if one.limit is None else ()
        case FollowerController():
            peak_kw = one.settings.import_max_kw if one.settings.aim == "peak_shave" else None
            aim_kw = one.settings.target_kw if peak_kw is None else peak_kw
            found = tuple(_target(one.target, "grid_target_kw", "kW", aim_kw))
        case _ as never:
            assert_never(never)
    return found


def device_of(one: Controller) -> tuple[Device, Profile] | None:
    """The controller as a device with its inputs; None where it has none of its own."""
    points = tuple(
        PointSpec(
            name=each.name,
            label=each.label,
            unit=each.unit,
            kind=PointKind.SETPOINT,
            address=ControllerAddress(input=each.name, value=each.value),
            low=each.low,
            high=each.high,
            every_s=POLL_S,
            report=Report(),
        )
        for each in own_inputs(one)
    )
    if not points:
        return None
    # a profile of a file cannot have this name: an id has no dot
    profile = Profile.model_construct(
        id=f"{one.id}.inputs", label=one.label, protocol="controller", equipment="controller", points=points
    )
    device = Device.model_construct(
        id=one.id, label=one.label, profile=profile.id, connection=ControllerLink(), report=None
    )
    return device, profile


def devices_of(controllers: Iterable[Controller]) -> list[tuple[Device, Profile]]:
    """All of them as devices."""
    found = (device_of(one) for one in controllers)
    return [device for device in found if device is not None]


_TARGETS: Final = {
    "pressure_target_bar_g": Text(en="Pressure target", zh="压力目标"),
    "supply_target_c": Text(en="Supply temperature target", zh="供水温度目标"),
    "grid_target_kw": Text(en="Grid power target", zh="电网功率目标"),
}


def _target(bound: str | None, name: str, unit: str, value: float) -> Iterator[OwnInput]:
    if bound is None:
        yield OwnInput(("target",), name, _TARGETS[name], unit, value)


def _places(machines: Iterable[str]) -> Iterator[OwnInput]:
    """Whose turn it is: 0 keeps a machine out; the file's order counts from 1."""
    for at, name in enumerate(machines):
        label = Text(en=f"Place of {name} (0 keeps it out)", zh=f"{name} 的次序（0 表示不投入）")
        yield OwnInput(
            ("machines", at, "place"), f"{name}_place_code", label, "code", at + 1.0, 0.0, MOST_MACHINES
        )
