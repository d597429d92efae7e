"""Pressure control of compressors: each machine has a band of its own, and a role only shifts it.

Without roles the bands of the machines are stacked (cascade). A fixed machine is called below its band and
released above it; a variable-speed machine is a proportional controller around its target in between.
Source: US DOE, "Improving Compressed Air System Performance", 3rd ed., ch. 4 (cascading set points).
"""

from __future__ import annotations

from typing import NamedTuple

from plant.control.setpoints import CompressorSetpoint
from plant.units.air import Receiver
from plant.units.compressor import (
    ROLE_BASE,
    ROLE_TRIM,
    Compressor,
    CompressorOrder,
    FixedCompressor,
)


class Band(NamedTuple):
    """The band a machine regulates in now."""

    load_bar_g: float
    """Called at or below."""
    unload_bar_g: float
    """Released at or above."""
    target_bar_g: float
    """Middle of the speed range (variable speed)."""


def band_of(unit: Compressor, receiver: Receiver, role: int | None, rank: int) -> Band:
    """Band of a machine in a role.

    Args:
        unit: The machine.
        receiver: The network, which owns the bands of the roles.
        role: One of the role codes, or None for the machine's own band.
        rank: How many machines before it in the file have the same role; each shifts it down a little.
    """
    if role is None:
        own = unit.band
        middle = (own.load_bar_g + own.unload_bar_g) / 2.0
        return Band(own.load_bar_g, own.unload_bar_g, getattr(own, "target_bar_g", middle))
    roles = receiver.roles
    band = roles.base if role == ROLE_BASE else roles.trim if role == ROLE_TRIM else roles.standby
    shift = rank * roles.stagger_bar
    load, unload = band.load_bar_g - shift, band.unload_bar_g - shift
    return Band(load, unload, (load + unload) / 2.0)


def shifted(band: Band, target_bar_g: float | None) -> Band:
    """The band moved as a whole, so that its target lies at the set-point; None leaves it."""
    if target_bar_g is None:
        return band
    by_bar = target_bar_g - band.target_bar_g
    return Band(band.load_bar_g + by_bar, band.unload_bar_g + by_bar, target_bar_g)


def call(calling: bool, band: Band, header_bar_g: float) -> bool:  # noqa: FBT001  the state of a switch
    """Two-point switch: on at the lower edge, off at the upper, else as it was."""
    if header_bar_g <= band.load_bar_g:
        return True
    return calling and header_bar_g < band.unload_bar_g


def order(
    unit: Compressor, setpoint: CompressorSetpoint, band: Band, header_bar_g: float, *, calling: bool
) -> CompressorOrder:
    """Order for the machine's sequence; `calling` is its switch after `call`."""
    if isinstance(unit, FixedCompressor):
        return CompressorOrder(calling, 1.0, setpoint.permit is False)
    low = unit.flow_min_m3_min / unit.flow_max_m3_min
    width = unit.band.proportional_bar
    share = min(max(0.5 + (band.target_bar_g - header_bar_g) / width, 0.0), 1.0)
    return CompressorOrder(calling, low + (1.0 - low) * share, setpoint.permit is False)


def calls(
    units: tuple[Compressor, ...],
    receiver: Receiver,
    setpoints: tuple[CompressorSetpoint, ...],
    calling: tuple[bool, ...],
    header_bar_g: float,
) -> tuple[tuple[bool, ...], tuple[CompressorOrder, ...]]:
    """Switches and orders of all machines; below the emergency pressure every machine is called."""
    emergency = header_bar_g < receiver.emergency_bar_g
    ranks: dict[int | None, int] = {}
    switches: list[bool] = []
    orders: list[CompressorOrder] = []
    for unit, setpoint, was in zip(units, setpoints, calling, strict=True):
        role = setpoint.role
        rank = ranks.get(role, 0)
        ranks[role] = rank + 1
        band = shifted(band_of(unit, receiver, role, rank), setpoint.target_bar_g)
        allowed = setpoint.permit is not False or was_emergency(receiver, header_bar_g, was=was)
        now = emergency or (allowed and call(was, band, header_bar_g))
        switches.append(now)
        orders.append(order(unit, setpoint, band, header_bar_g, calling=now))
    return tuple(switches), tuple(orders)


def was_emergency(receiver: Receiver, header_bar_g: float, *, was: bool) -> bool:
    """Whether a machine without permit that is running stays: until the header is back above its least."""
    return was and header_bar_g < receiver.min_bar_g
