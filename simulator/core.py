"""The plant of true machines at 1 s steps behind its field devices; no I/O, no clock of its own.

Every machine has its own safety and control (`plant.control`), so the plant runs without any EMS. Accepted
set-points come from the devices, readings go back into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plant.control.baseline import ControlMemory, decide, initial_memory
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints
from plant.flowsheet import Flowsheet
from plant.readings import by_point, readings
from plant.state import Plant, PlantInputs, PlantOutputs, PlantState, compile_plant, initial_state
from plant.step import step
from plant.truth import sensor_bias, true_flowsheet
from plant.units.heat import Chp
from plant.units.power import Battery, Photovoltaics
from plant.units.tower import CoolingTower
from protocols.errors import ConfigError
from protocols.units import Seconds
from runtime.clock import NS
from simulator.device import LOCAL_MODE, OWN_CONTROL, FieldDevice
from simulator.sensors import Sensors
from simulator.timeline import Timeline

STEP_S: Final[Seconds] = 1.0
_RUN_IN_S: Final = 1800
_FULL_SPEED_RPM: Final = 2980.0
_PHASE_V: Final = 231.0
_POWER_FACTOR: Final = 0.95
_FREQUENCY_HZ: Final = 50.0
_DERIVED: Final = frozenset({"voltage_v", "frequency_hz", "current_a", "speed_rpm", "pulses_count"})


class SimulatedPlant:
    """True machines, scenario and devices of one site."""

    def __init__(
        self, devices: Mapping[str, FieldDevice], flowsheet: Flowsheet, timeline: Timeline, seed: int
    ) -> None:
        self.devices = devices
        self.timeline = timeline
        self.plant: Plant = compile_plant(true_flowsheet(flowsheet, seed))
        self.state: PlantState = initial_state(self.plant)
        self.memory: ControlMemory = initial_memory(self.plant)
        self._sensors = Sensors(sensor_bias(flowsheet, seed), seed)
        self._bound = _bindings(flowsheet, devices)
        _check_points(flowsheet, devices)

    def run_in(self, wall_ns: int) -> None:
        """Half an hour of the plant's own control up to `wall_ns`; counters stay where they were."""
        for second in range(_RUN_IN_S):
            self._step(wall_ns - (_RUN_IN_S - second) * NS)
        still = initial_state(self.plant)
        self.state = self.state._replace(meters_kwh=still.meters_kwh, pv_kwh=still.pv_kwh, made=still.made)

    def advance(self, wall_ns: int) -> PlantOutputs:
        """Simulate the second that ends at `wall_ns`, then let the sensors of all devices read it."""
        setpoints, outputs = self._step(wall_ns)
        weather, _ = self.timeline.at(wall_ns)
        true = by_point(self.plant, readings(self.plant, self.state, outputs, (weather, setpoints)))
        for device in self.devices.values():
            self._read(device, true)
        return outputs

    def setpoints(self) -> Setpoints:
        """What the machines follow now; None where a machine decides for itself."""
        plant = self.plant
        return Setpoints(
            tuple(self._compressor(name) for name in plant.compressor_ids),
            tuple(
                ChillerSetpoint(
                    _permit(self._followed(name, "permit_set_code")), self._followed(name, "supply_set_c")
                )
                for name in plant.chiller_ids
            ),
            battery_kw=self._of_kind(Battery, "power_set_kw"),
            chp_permit=_permit(self._of_kind(Chp, "permit_set_code")),
            chp_kw=self._of_kind(Chp, "power_set_kw"),
            pv_limit_frac=self._of_kind(Photovoltaics, "limit_set_frac"),
            tower_set_c=self._of_tower(),
        )

    def _step(self, wall_ns: int) -> tuple[Setpoints, PlantOutputs]:
        weather, loads = self.timeline.at(wall_ns)
        setpoints = self.setpoints()
        orders, self.memory = decide(self.plant, self.memory, self.state, (loads, setpoints), STEP_S)
        self.state, outputs = step(self.plant, self.state, PlantInputs(weather, loads, orders), STEP_S)
        return setpoints, outputs

    def _compressor(self, unit: str) -> CompressorSetpoint:
        role = self._followed(unit, "role_set_code")
        own = role is None or role == OWN_CONTROL["role_set_code"]
        return CompressorSetpoint(
            None if own or role is None else int(role),
            _permit(self._followed(unit, "permit_set_code")),
            self._pressure(unit),
        )

    def _pressure(self, unit: str) -> float | None:
        """Target of its own loop [bar g]; what it holds by itself leaves the matter to its band and role."""
        wanted = self._followed(unit, "pressure_set_bar_g")
        return None if wanted == OWN_CONTROL["pressure_set_bar_g"] else wanted

    def _of_tower(self) -> float | None:
        """Condenser water the towers follow [°C]; what they hold by themselves leaves it to them."""
        wanted = self._of_kind(CoolingTower, "condenser_set_c")
        return None if wanted == OWN_CONTROL["condenser_set_c"] else wanted

    def _of_kind(self, kind: type[Battery | Chp | CoolingTower | Photovoltaics], role: str) -> float | None:
        for name, _ in self.plant.flowsheet.of_kind(kind):
            return self._followed(name, role)
        return None

    def _followed(self, unit: str, role: str) -> float | None:
        where = self._bound.get((unit, role))
        return None if where is None else where[0].followed().get(where[1])

    def _read(self, device: FieldDevice, true: Mapping[str, float]) -> None:
        followed = device.followed()
        shown = {
            "role_code": followed.get("role_set_code"),
            "permit_code": followed.get("permit_set_code"),
        }
        for spec in device.profile.points:
            if spec.name in followed or spec.name == LOCAL_MODE:
                continue
            ref = f"{device.id}/{spec.name}"
            value = shown.get(spec.name)
            if value is None:
                value = true[ref] if ref in true else _derived(device.id, spec.name, true)
            device.readings[spec.name] = self._sensors.read(ref, spec, value)


def _bindings(
    flowsheet: Flowsheet, devices: Mapping[str, FieldDevice]
) -> dict[tuple[str, str], tuple[FieldDevice, str]]:
    bound: dict[tuple[str, str], tuple[FieldDevice, str]] = {}
    faults: list[str] = []
    for ref, key in flowsheet.points().items():
        device_id, point = ref.split("/")
        device = devices.get(device_id)
        if device is None or point not in {spec.name for spec in device.profile.points}:
            faults.append(f"the flowsheet binds {'.'.join(key)} to {ref}, which no device has")
        else:
            bound[key] = (device, point)
    if faults:
        raise ConfigError("\n".join(faults))
    return bound


def _check_points(flowsheet: Flowsheet, devices: Mapping[str, FieldDevice]) -> None:
    """Every point of a profile needs somebody who gives it a value."""
    bound = flowsheet.points()
    faults = [
        f"nothing gives {device.id}/{spec.name} a value; bind it in the flowsheet"
        for device in devices.values()
        for spec in device.profile.points
        if f"{device.id}/{spec.name}" not in bound and spec.name not in {*_DERIVED, LOCAL_MODE}
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def _permit(code: float | None) -> bool | None:
    return None if code is None or code == OWN_CONTROL["permit_set_code"] else code > 0.0


def _derived(device_id: str, point: str, true: Mapping[str, float]) -> float:
    """Values that follow from others: electrics of a meter, speed of a machine with its load."""
    kw, load_pct = true.get(f"{device_id}/power_kw", 0.0), true.get(f"{device_id}/load_pct", 0.0)
    return {
        "voltage_v": _PHASE_V,
        "frequency_hz": _FREQUENCY_HZ,
        "current_a": abs(kw) * 1000.0 / (3.0 * _PHASE_V * _POWER_FACTOR),
        "speed_rpm": _FULL_SPEED_RPM * load_pct / 100.0,
        "pulses_count": 0.0,  # nothing is wired to the input
    }[point]
