"""Set-points a plant has accepted from outside; None means the machine does its own thing."""

from __future__ import annotations

from typing import NamedTuple

from plant.state import Plant


class CompressorSetpoint(NamedTuple):
    """What a compressor was told."""

    role: int | None = None
    """ROLE_STANDBY, ROLE_TRIM or ROLE_BASE; it shifts the machine's own pressure band."""
    permit: bool | None = None
    """False: do not start, unload and stop; a header in emergency overrules it."""
    target_bar_g: float | None = None
    """Set-point of its own pressure loop: its band is shifted so that its middle lies here. [bar g]"""


class ChillerSetpoint(NamedTuple):
    """What a chiller was told."""

    permit: bool | None = None
    """False: do not run; a loop in emergency overrules it. True: the machine is called by its set-point."""
    supply_set_c: float | None = None
    """Set-point of the leaving water, clipped into the machine's range. [°C]"""


class Setpoints(NamedTuple):
    """All accepted set-points of the plant."""

    compressors: tuple[CompressorSetpoint, ...] = ()
    """In the order of `Plant.compressors`."""
    chillers: tuple[ChillerSetpoint, ...] = ()
    """In the order of `Plant.chillers`."""
    battery_kw: float | None = None
    """Battery power, charging positive. [kW]"""
    chp_permit: bool | None = None
    """False: stop. True: run at `chp_kw`."""
    chp_kw: float | None = None
    """Power of the engine as on its bus: negative; 0 leaves it heat-led. [kW]"""
    pv_limit_frac: float | None = None
    """Upper limit of PV as a fraction of inverter power."""
    pv_kvar: float | None = None
    """Reactive power of the PV inverters, given to the plant positive. [kvar]"""
    tower_set_c: float | None = None
    """Condenser water of the cooling towers, clipped into their range. [°C]"""


def no_setpoints(plant: Plant) -> Setpoints:
    """Every machine on its own."""
    return Setpoints(
        tuple(CompressorSetpoint() for _ in plant.compressors),
        tuple(ChillerSetpoint() for _ in plant.chillers),
    )
