"""The plant of true machines behind its devices, in virtual time."""

from pathlib import Path

import msgpack
import pytest

from plant.flowsheet import Flowsheet
from protocols.errors import ConfigError
from runtime.clock import NS, VirtualClock
from runtime.site import SiteDevices, devices_file, load_devices
from runtime.yaml_config import load_config
from simulator import memory
from simulator.core import SimulatedPlant
from simulator.device import Fault, FieldDevice
from simulator.history import load_history, simulate_history
from simulator.timeline import Timeline, timeline

CONFIGS = Path(__file__).parents[3] / "configs"
TUESDAY_NOON_NS = 1_783_418_400 * NS  # 2026-07-07 10:00 UTC


@pytest.fixture(scope="module")
def summer() -> Timeline:
    return timeline("Europe/Berlin", TUESDAY_NOON_NS, 1)


@pytest.fixture(scope="module")
def flowsheet() -> Flowsheet:
    return load_config(CONFIGS / "sites" / "demo" / "flowsheet.yaml", Flowsheet)


class Hall:
    """The simulated plant and the clock of its watchdogs, moved together."""

    def __init__(self, site: SiteDevices, flowsheet: Flowsheet, series: Timeline) -> None:
        self.clock = VirtualClock(TUESDAY_NOON_NS)
        self.devices = {
            d.id: FieldDevice(d, site.profile_of(d.id), self.clock.mono_s) for d in site.edge.devices
        }
        self.plant = SimulatedPlant(self.devices, flowsheet, series, 1)
        self.plant.run_in(TUESDAY_NOON_NS)

    def run(self, seconds: int, feed: dict[str, tuple[str, float]] | None = None) -> None:
        """Let time pass; `feed` writes device → (point, value) each second."""
        for _ in range(seconds):
            for device, (point, value) in (feed or {}).items():
                self.devices[device].write(point, value)
            self.clock.advance(1.0)
            self.plant.advance(self.clock.now().wall_ns)

    def value(self, device: str, point: str) -> float:
        value = self.devices[device].value(point)
        assert value is not None
        return value


@pytest.fixture
def hall(flowsheet: Flowsheet, summer: Timeline) -> Hall:
    return Hall(load_devices(CONFIGS, devices_file(CONFIGS, "demo", "edge1")), flowsheet, summer)


def test_every_point_of_every_device_has_a_value_inside_its_range(hall: Hall) -> None:
    hall.run(60)
    for device in hall.devices.values():
        for spec in device.profile.points:
            value = hall.value(device.id, spec.name)
            assert spec.low is None or value >= spec.low, (device.id, spec.name, value)
            assert spec.high is None or value <= spec.high, (device.id, spec.name, value)


def test_the_plant_keeps_its_limits_without_any_ems(hall: Hall) -> None:
    for _ in range(60):
        hall.run(60)
        assert 5.8 <= hall.value("comp4", "header_bar_g") <= 8.5
        assert hall.value("chiller1", "supply_c") <= 12.0


def test_the_main_meter_is_the_sum_of_what_stands_behind_it(hall: Hall) -> None:
    hall.run(5)
    behind = ("meter_air", "meter_cooling", "meter_process", "battery1", "pv1", "chp1")
    total = sum(hall.value(name, "power_kw") for name in behind)
    assert hall.value("meter_main", "power_kw") == pytest.approx(total, abs=30.0)


def test_the_counter_of_the_air_meter_rolls_over_in_the_first_minutes(hall: Hall) -> None:
    hall.run(1)
    assert hall.value("meter_air", "import_kwh") > 9_999_990.0
    hall.run(600)
    assert hall.value("meter_air", "import_kwh") < 1_000.0


def test_a_fed_battery_set_point_is_followed_and_dropped_six_seconds_after_the_last_write(
    hall: Hall,
) -> None:
    hall.run(20, {"battery1": ("power_set_kw", 100.0)})
    assert hall.value("battery1", "power_kw") == pytest.approx(100.0, abs=5.0)
    hall.run(7)
    assert hall.value("battery1", "power_set_kw") == 0.0
    assert abs(hall.value("battery1", "power_kw")) < 5.0


def test_a_compressor_without_permit_stops_and_tells_so(hall: Hall) -> None:
    hall.run(240, {"comp1": ("permit_set_code", 0.0)})
    assert hall.value("comp1", "flow_m3_min") < 1.0
    assert hall.value("comp1", "permit_code") == 0.0
    hall.run(7)
    assert hall.value("comp1", "permit_code") == 2.0


def test_a_pressure_set_point_moves_the_band_until_its_watchdog_drops_it(hall: Hall) -> None:
    vsd = hall.plant.plant.compressor_ids.index("comp4")
    assert hall.plant.setpoints().compressors[vsd].target_bar_g is None, "its own set-point is its own band"
    hall.run(120, {"comp4": ("pressure_set_bar_g", 6.4)})
    assert hall.plant.setpoints().compressors[vsd].target_bar_g == 6.4
    low = hall.value("comp4", "load_pct")
    hall.run(120, {"comp4": ("pressure_set_bar_g", 7.5)})
    assert hall.value("comp4", "load_pct") > low + 10.0, "it gives more air for more pressure"
    hall.run(7)
    assert hall.value("comp4", "pressure_set_bar_g") == 7.0
    assert hall.plant.setpoints().compressors[vsd].target_bar_g is None


def test_a_machine_in_local_mode_ignores_its_set_points(hall: Hall) -> None:
    hall.devices["comp1"].fault = Fault.LOCAL
    hall.run(30, {"comp1": ("role_set_code", 0.0)})
    assert hall.value("comp1", "role_set_code") == 0.0
    assert hall.value("comp1", "role_code") == 3.0
    assert hall.value("comp1", "local_mode_code") == 1.0


def test_a_pv_limit_and_the_engine_follow_their_set_points_in_the_house_sign(hall: Hall) -> None:
    hall.devices["chp1"].write("permit_set_code", 1.0)
    hall.run(400, {"chp1": ("power_set_kw", -200.0), "pv1": ("limit_set_frac", 0.0)})
    assert hall.value("chp1", "power_kw") == pytest.approx(-200.0, abs=3.0)
    assert hall.value("pv1", "power_kw") == pytest.approx(0.0, abs=0.5)


def test_the_true_machines_are_not_the_nominal_ones(hall: Hall, flowsheet: Flowsheet) -> None:
    assert hall.plant.plant.compressors != tuple(unit for _, unit in flowsheet.compressors())


def test_the_state_survives_a_restart_and_a_broken_file_begins_anew(hall: Hall, tmp_path: Path) -> None:
    hall.run(30)
    memory.save(tmp_path, hall.plant.state)
    assert memory.load(tmp_path, hall.plant.state) == hall.plant.state
    (tmp_path / "plant.msgpack").write_bytes(b"\xc1nonsense")
    assert memory.load(tmp_path, hall.plant.state) is None


def test_a_binding_to_a_device_that_is_not_there_is_named(flowsheet: Flowsheet, summer: Timeline) -> None:
    with pytest.raises(ConfigError, match="comp1/power_kw, which no device has"):
        SimulatedPlant({}, flowsheet, summer, 1)


def test_a_day_of_history_has_each_minute_and_survives_its_file(
    flowsheet: Flowsheet, summer: Timeline, tmp_path: Path
) -> None:
    past = simulate_history(flowsheet, summer, 1, TUESDAY_NOON_NS + 30 * NS, days=1)
    assert len(past.times_ns) == 1440
    assert past.times_ns[-1] == TUESDAY_NOON_NS
    assert {int(step) for step in past.times_ns[1:] - past.times_ns[:-1]} == {60 * NS}
    assert 100.0 < past.values["meter_main/power_kw"].mean() < 1500.0
    assert past.values["load/air_m3_min"].min() > 0.0
    past.save(tmp_path / "past.npz")
    again = load_history(tmp_path / "past.npz")
    assert (again.times_ns == past.times_ns).all()
    assert again.values["pv1/power_kw"] == pytest.approx(past.values["pv1/power_kw"], rel=1e-6)


def test_a_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("no")
    for name in ("x.npz", "missing.npz"):
        with pytest.raises(ConfigError, match="is no history"):
            load_history(tmp_path / name)


def test_the_day_of_the_scenario_is_the_day_of_the_site() -> None:
    series = timeline("Europe/Berlin", TUESDAY_NOON_NS, 1)
    noon, _ = series.at(TUESDAY_NOON_NS)
    midnight, _ = series.at(TUESDAY_NOON_NS - 12 * 3600 * NS)
    assert noon.irradiance_w_m2 > 50.0
    assert midnight.irradiance_w_m2 == 0.0


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="time zone 'Mars/Base' is not known"):
        timeline("Mars/Base", TUESDAY_NOON_NS, 1)


def test_the_main_meter_counts_reactive_energy_and_the_line_its_parts(hall: Hall) -> None:
    def counted(point: str, device: str = "meter_main") -> float:
        return hall.value(device, point)

    hall.run(1)
    names = ("import_kwh", "export_kwh", "reactive_kvarh")
    before = [counted(name) for name in names]
    made, used = counted("pulses_count", "meter_process"), counted("import_kwh", "meter_process")
    hall.run(600)
    active, fed_in, reactive = (counted(name) - old for name, old in zip(names, before, strict=True))
    assert reactive == pytest.approx((active + fed_in) * 0.32868, rel=1e-3)  # cos φ 0.95
    idle_kwh = 230.0 * 600 / 3600
    parts = counted("pulses_count", "meter_process") - made
    assert parts == pytest.approx(2.5 * (counted("import_kwh", "meter_process") - used - idle_kwh), abs=1.0)
    assert parts > 10
    assert counted("pulses_count") == 0.0  # nothing is wired to this one


def test_a_state_kept_by_a_version_that_counted_no_parts_goes_on(hall: Hall, tmp_path: Path) -> None:
    hall.run(5)
    memory.save(tmp_path, hall.plant.state)
    file = tmp_path / "plant.msgpack"
    file.write_bytes(msgpack.packb(msgpack.unpackb(file.read_bytes())[:-1]))
    assert memory.load(tmp_path, hall.plant.state) == hall.plant.state._replace(made=0.0)
