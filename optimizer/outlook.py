"""What is expected of the coming window and how the plant stands now: the two things a plan is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from optimizer.problem import FREE, LONG_S, FloatArray
from optimizer.words import SERIES
from plant.state import Loads, Plant, Weather
from protocols.errors import SolveError

_SERIES: Final = (
    "process_kw",
    "air_m3_min",
    "cooling_kw",
    "heat_kw",
    "outdoor_c",
    "wet_bulb_c",
    "irradiance_w_m2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Forecast of what meters measure, step means of shape (steps,)."""

    start_ns: int
    """Begin of the first step, UTC since the epoch."""
    step_s: float = 900.0
    process_kw: FloatArray
    """Electric loads that are no machine of the flowsheet. [kW]"""
    air_m3_min: FloatArray
    """Sum of the compressors' flows, leaks included, at rated header pressure. [m³/min]"""
    cooling_kw: FloatArray
    """Sum of the chillers' outputs. [kW]"""
    heat_kw: FloatArray
    """Heat taken by the users. [kW]"""
    outdoor_c: FloatArray
    wet_bulb_c: FloatArray
    irradiance_w_m2: FloatArray
    """In the plane of the PV field. [W/m²]"""
    gone_s: float = 0.0
    """How much of the first step is over. [s]"""

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.process_kw)

    @property
    def hours(self) -> FloatArray:
        """What is left of each step, shape (steps,). [h]."""
        left = np.full(self.steps, self.step_s)
        left[0] -= self.gone_s
        return left / 3600.0

    def refuse_gaps(self) -> None:
        """Refuse series with gaps before any curve sees them.

        Raises:
            SolveError: A series is not finite or shorter than the others; the message names it.
        """
        for name in _SERIES:
            series: FloatArray = getattr(self, name)
            if len(series) != self.steps:
                raise SolveError(
                    f"the {SERIES[name].en} has {len(series)} values, others {self.steps}",
                    zh=f"{SERIES[name].zh}有 {len(series)} 个值，其他有 {self.steps} 个",
                    series=name,
                )
            bad = np.flatnonzero(~np.isfinite(series))
            if len(bad):
                raise SolveError(
                    f"the {SERIES[name].en} has no usable number in step {int(bad[0])} ({len(bad)} in all); "
                    "fill it or shorten the window",
                    zh=f"{SERIES[name].zh}在第 {int(bad[0])} 步没有可用数值（共 {len(bad)} 处）；"
                    "请补齐或缩短计划时段",
                    series=name,
                )

    def weather(self, step: int) -> Weather:
        """Weather of a step as the plant model takes it."""
        sun = max(float(self.irradiance_w_m2[step]), 0.0)
        return Weather(float(self.outdoor_c[step]), float(self.wet_bulb_c[step]), sun)

    def loads(self, plant: Plant, step: int) -> Loads:
        """Loads of a step as the plant model takes them; its leaks are its own, so they are taken off."""
        leak_m3_min = plant.receiver.leak_m3_min if plant.receiver else 0.0
        return Loads(
            electric_kw=float(self.process_kw[step]),
            air_m3_min=max(float(self.air_m3_min[step]) - leak_m3_min, 0.0),
            cooling_kw=float(self.cooling_kw[step]),
            heat_kw=float(self.heat_kw[step]),
        )


@dataclass(frozen=True, slots=True)
class MachineNow:
    """A machine as it is seen when the window begins."""

    on: bool = False
    state_s: float = LONG_S
    """Time in that state. [s]"""
    lock: int = FREE
    """OFF when tripped or in local mode and standing, ON in local mode and running, else FREE."""
    run_h: float = 0.0
    """Hours run in its life; of machines that are alike the one with fewest runs longest. [h]"""
    course: tuple[int, ...] = ()
    """The same per step for the first steps, where something else decides them; from then on `lock` holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PvNow:
    """What a plan may do with the PV."""

    follows: bool = True
    """Whether it may be curtailed."""
    limit_frac: float | None = None
    """Share of its inverters at which somebody else holds it; None: nobody does."""
    least_frac: float = 0.0
    """Lowest share of its inverters it may be curtailed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantNow:
    """The plant as it is seen when the window begins; machines not named stand still and are free."""

    machines: dict[str, MachineNow] = field(default_factory=dict)
    soc_frac: float = 0.5
    battery_held_kw: float | None = None
    """Power of the battery while it is in local mode, charging positive; None when it follows. [kW]"""
    battery_course_kw: tuple[float, ...] = ()
    """The same per step for the first steps, where something else decides it. [kW]"""
    pv: PvNow = PvNow()
    """The PV."""
    loop_c: float | None = None
    """Chilled-water supply; None takes the chillers' own set-point. [°C]"""
    month_peak_kw: float = 0.0
    """Highest import of the billing month so far. [kW]"""
    begun_kw: float = 0.0
    """Mean import of the part of the first step that is over. [kW]"""
    before_kw: tuple[float, ...] = ()
    """Import of the steps just before, as long as a demand window reaches, the latest last. [kW]"""
    late_s: float = 0.0
    """How much of the first step is over where it is planned as a whole: what is owed ends later. [s]"""

    def of(self, machine: str) -> MachineNow:
        """One machine."""
        return self.machines.get(machine, MachineNow())

    def battery_kw_of(self, steps: int) -> FloatArray | None:
        """Power the battery is held at, NaN where it follows; None when it follows all along."""
        if self.battery_held_kw is None and not self.battery_course_kw:
            return None
        held = np.full(steps, np.nan if self.battery_held_kw is None else self.battery_held_kw)
        course = self.battery_course_kw[:steps]
        held[: len(course)] = course
        return held

    def lock_of(self, machine: str, steps: int) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
        """Lock over the whole window, None when free."""
        lock, course = self.of(machine).lock, self.of(machine).course[:steps]
        if lock == FREE and not course:
            return None
        locks = np.full(steps, lock, dtype=np.int64)
        locks[: len(course)] = course
        return locks
