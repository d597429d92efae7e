"""One week of the demo's air station at 1 s: the sequencer against the cascade bands of the machines.

Both runs have the same true machines, weather, loads and seed. The sequencer sees sensors with bias, noise,
each second, and knows the machines by their data sheets; what it says acts a second later. Both are judged by
the band the plant's own cascade declares, from the lowest load pressure to the highest unload pressure of its
machines; the first ten minutes, in which both fill the header, are left out. That the critical user has the
same supply is checked: the regulated demand is met in every second of both runs, else the case fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import Progress, TaskID

from benchmarks.registry import Case, Figures, Result
from plant.control import cascade
from plant.control.sequencer import decide, initial_memory
from plant.control.sequencer_types import AirMachine, AirNow, AirSeen, SequencerMemory, SequencerSettings
from plant.control.setpoints import CompressorSetpoint
from plant.flowsheet import Flowsheet
from plant.scenario import Scenario, make_scenario
from plant.state import Plant, compile_plant, initial_state
from plant.truth import sensor_bias, true_flowsheet
from plant.units import compressor as units
from plant.units.air import Receiver, balance
from plant.units.compressor import LOADED, UNLOADED, CompressorState, VsdCompressor
from protocols.errors import ConfigError
from runtime.yaml_config import load_config

SEASON: Final = "winter"
SEED: Final = 1
WEEK_S: Final = 7 * 86_400
TARGET_BAR_G: Final = 6.7
_FLOWSHEET: Final = Path(__file__).parents[2] / "configs/sites/demo/flowsheet.yaml"
_BEGIN_S: Final = 600
_TELL_S: Final = 3600
_NOISE_BAR: Final = 0.004
_NOISE_FRAC: Final = 0.003
"""Noise of the sensors, as in the simulator."""


@dataclass(slots=True)
class Course:
    """What one run left behind.

    Attributes:
        energy_kwh: Electricity of all compressors.
        starts: Motor starts.
        outside_s: Seconds outside the cascade's band.
        unmet_m3: Air that the users asked for and did not get. [m³]
        mean_bar_g: Mean header pressure.
        least_bar_g: Least header pressure.
    """

    energy_kwh: float = 0.0
    starts: int = 0
    outside_s: int = 0
    unmet_m3: float = 0.0
    mean_bar_g: float = 0.0
    least_bar_g: float = field(default=99.0)


class Sequencer:
    """The law between the sensors and the machines of a station."""

    def __init__(self, plant: Plant, seed: int) -> None:
        receiver = _receiver(plant)
        self._machines = tuple(
            AirMachine(
                id=name,
                flow_max_m3_min=unit.flow_max_m3_min,
                flow_min_m3_min=unit.flow_min_m3_min if isinstance(unit, VsdCompressor) else None,
            )
            for name, unit in zip(plant.compressor_ids, plant.compressors, strict=True)
        )
        self._settings = SequencerSettings(target_bar_g=TARGET_BAR_G, volume_m3=receiver.volume_m3)
        self._memory: SequencerMemory = initial_memory(self._machines)
        bias = sensor_bias(plant.flowsheet, seed)
        self._header_bias = bias.get(plant.flowsheet.binding("receiver1", "header_bar_g") or "", 0.0)
        self._flow_bias = [bias.get(f"{name}/flow_m3_min", 0.0) for name in plant.compressor_ids]
        self._random = np.random.default_rng([seed, 7])

    def told(
        self, now_s: float, header_bar_g: float, states: tuple[CompressorState, ...]
    ) -> tuple[CompressorSetpoint, ...]:
        """What the machines are told after this second."""
        noise = self._random.standard_normal(len(states) + 1).tolist()
        seen = tuple(
            AirSeen(
                available=True,
                running=state.mode in {UNLOADED, LOADED},
                flow_m3_min=self._flow(state, bias, error),
                run_h=state.run_h,
            )
            for state, bias, error in zip(states, self._flow_bias, noise[1:], strict=True)
        )
        shown = header_bar_g + self._header_bias + _NOISE_BAR * noise[0]
        said = decide(self._settings, self._machines, self._memory, AirNow(now_s, shown, seen))
        self._memory = said.memory
        return tuple(CompressorSetpoint(*wanted) for wanted in said.wanted)

    @staticmethod
    def _flow(state: CompressorState, bias: float, error: float) -> float:
        if state.flow_m3_min == 0.0:
            return 0.0
        return max(state.flow_m3_min * (1.0 + _NOISE_FRAC * error) + bias, 0.0)


@dataclass(frozen=True, slots=True)
class Week:
    """What both runs share.

    Attributes:
        nominal: The machines by their data sheets.
        plant: The true machines.
        scenario: Weather and loads.
        seed: Of machines, sensors and scenario.
        seconds: Length of the run.
    """

    nominal: Plant
    plant: Plant
    scenario: Scenario
    seed: int
    seconds: int = WEEK_S

    def run(self, *, sequenced: bool, progress: Progress, bar: TaskID) -> Course:
        """Live through the week."""
        plant, receiver = self.plant, _receiver(self.plant)
        low, high = band_bar_g(plant)
        sequencer = Sequencer(self.nominal, self.seed) if sequenced else None
        told = tuple(CompressorSetpoint() for _ in plant.compressors)
        machines, calling = initial_state(plant).compressors, (False,) * len(plant.compressors)
        header, course, sums = receiver.rated_bar_g, Course(), 0.0
        for second in range(self.seconds):
            weather, loads = self.scenario.at(float(second))
            calling, orders = cascade.calls(plant.compressors, receiver, told, calling, header)
            machines = tuple(
                [
                    units.advance(unit, machine, order, 1.0)
                    for unit, machine, order in zip(plant.compressors, machines, orders, strict=True)
                ]
            )
            course.energy_kwh += _kw(plant, machines, header, weather.outdoor_c) / 3600.0
            inflow = sum([machine.flow_m3_min for machine in machines])
            air = balance(receiver, header, inflow, loads.air_m3_min, 1.0)
            header = air.header_bar_g
            if sequencer is not None:
                told = sequencer.told(float(second), header, machines)
            sums += header
            if second >= _BEGIN_S:
                course.outside_s += not low <= header <= high
                course.least_bar_g = min(course.least_bar_g, header)
                course.unmet_m3 += (air.unmet_m3_min + _short(receiver, header, air.consumed_m3_min)) / 60.0
            if second % _TELL_S == 0:
                progress.update(bar, completed=second)
        progress.update(bar, completed=self.seconds)
        course.starts = sum(machine.starts_count for machine in machines)
        course.mean_bar_g = sums / self.seconds
        return course


def band_bar_g(plant: Plant) -> tuple[float, float]:
    """Band the plant's own cascade declares: lowest load and highest unload pressure of its machines."""
    bands = [unit.band for unit in plant.compressors]
    return min(band.load_bar_g for band in bands), max(band.unload_bar_g for band in bands)


def make_week(season: str = SEASON, seed: int = SEED, seconds: int = WEEK_S) -> Week:
    """The demo's air station with the true machines of a seed."""
    flowsheet = load_config(_FLOWSHEET, Flowsheet)
    nominal, plant = compile_plant(flowsheet), compile_plant(true_flowsheet(flowsheet, seed))
    return Week(nominal, plant, make_scenario(season, seed), seed, seconds)


def compare(week: Week) -> tuple[Course, Course]:
    """Cascade and sequencer over one week.

    Raises:
        ConfigError: The critical user was not supplied in one of the runs, so their energies do not compare.
    """
    with Progress() as progress:
        bars = [progress.add_task(name, total=week.seconds) for name in ("cascade bands", "sequencer")]
        own = week.run(sequenced=False, progress=progress, bar=bars[0])
        ours = week.run(sequenced=True, progress=progress, bar=bars[1])
    for name, course in (("cascade", own), ("sequencer", ours)):
        if course.unmet_m3 > 0.0:
            raise ConfigError(f"the {name} left {course.unmet_m3:.1f} m³ unmet; the runs do not compare")
    return own, ours


def run() -> Result:
    """Both weeks, and what sets them apart."""
    own, ours = compare(make_week())
    figures: Figures = {
        "energy_vs_cascade_pct": 100.0 * (ours.energy_kwh / own.energy_kwh - 1.0),
        "outside_band_s": float(ours.outside_s),
        "cascade_outside_band_s": float(own.outside_s),
        "starts": float(ours.starts),
        "cascade_starts": float(own.starts),
        "energy_kwh": ours.energy_kwh,
        "mean_bar_g": ours.mean_bar_g,
        "least_bar_g": ours.least_bar_g,
    }
    against: Figures = {
        "energy_kwh": own.energy_kwh,
        "mean_bar_g": own.mean_bar_g,
        "least_bar_g": own.least_bar_g,
    }
    return Result(figures, {"cascade": against})


def _short(receiver: Receiver, header_bar_g: float, consumed_m3_min: float) -> float:
    """Below the least pressure the critical user has no supply, whatever air flows."""
    return consumed_m3_min if header_bar_g < receiver.min_bar_g else 0.0


def _receiver(plant: Plant) -> Receiver:
    if plant.receiver is None:
        raise ConfigError("the flowsheet of the demo has no receiver; add one")
    return plant.receiver


def _kw(plant: Plant, machines: tuple[CompressorState, ...], header_bar_g: float, inlet_c: float) -> float:
    discharge_bar_g = header_bar_g + plant.drop_bar
    return sum(
        [
            units.power_kw(unit, machine, discharge_bar_g, inlet_c)
            for unit, machine in zip(plant.compressors, machines, strict=True)
        ]
    )


CASE: Final = Case(
    "sequencer",
    "a week of the air station at 1 s: sequencer against cascade bands, virtual time; about two minutes",
    run,
    {"season": (SEASON,), "seed": (SEED,)},
)
