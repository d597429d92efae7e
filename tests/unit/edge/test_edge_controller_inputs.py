"""Inputs of controllers as a device of their own: points, limits, places of machines, links."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import yaml

from edge_agent.commission.comparing import refuse_uncompared
from edge_agent.configuration_check import Refused, Staged, check_staged
from edge_agent.configuration_store import ConfigurationStore
from edge_agent.controllers.file import load_controllers
from edge_agent.controllers.inputs import InputDriver
from edge_agent.controllers.laws import law_of
from edge_agent.controllers.stage import ControllerStage
from edge_agent.gate.book import point_rules
from edge_agent.image import Image
from edge_agent.prove import sign_blocks
from edge_agent.settings import Accepted, Place, load_accepted, load_site
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from plant.control.controller_inputs import device_of, own_inputs
from plant.control.controllers import ControllerBook, Loc, SequencerController
from plant.units.compressor import ROLE_STANDBY, ROLE_TRIM
from protocols.configuration import Configuration
from protocols.errors import ConfigError, DeviceRefusedError
from protocols.point import PointId
from protocols.quality import Quality
from runtime.clock import SystemClock
from runtime.keys import create_signing_key, load_signing_key
from runtime.site import configuration_files, load_write_blocks

AIR = """\
controllers:
  - kind: sequencer
    id: air
    label: {en: Compressed air, zh: 压缩空气}
    header: comp4/header_bar_g
    settings: {target_bar_g: 6.7, volume_m3: 10, standby_count: 0}
    machines:
      - machine: {id: comp1, flow_max_m3_min: 20}
        state: comp1/state_code
        permit_set: comp1/permit_set_code
        role_set: comp1/role_set_code
      - machine: {id: comp4, flow_max_m3_min: 25, flow_min_m3_min: 8}
        state: comp4/state_code
        permit_set: comp4/permit_set_code
        role_set: comp4/role_set_code
        target_set: comp4/pressure_set_bar_g
"""
OTHERS = """\
  - kind: staging
    id: cold
    label: {en: Chilled water, zh: 冷冻水}
    supply: chiller1/supply_c
    settings: {supply_set_c: 7}
    machines:
      - machine: {id: chiller1, cooling_kw: 600}
        state: chiller1/state_code
        permit_set: chiller1/permit_set_code
  - kind: demand
    id: peak
    label: {en: Demand, zh: 需量}
    power: meter_main/power_kw
    settings: {window: block, limit_kw: 500}
    loads:
      - load: {id: chiller2, priority: 1, power_kw: 110}
        set: chiller2/permit_set_code
        unit: code
        shed_value: 0
  - kind: follower
    id: store
    label: {en: Battery, zh: 储能}
    grid: meter_main/power_kw
    power: battery1/power_kw
    soc: battery1/soc_frac
    power_set: battery1/power_set_kw
    settings: {aim: peak_shave, import_max_kw: 400}
    battery: {capacity_kwh: 500, charge_max_kw: 250, discharge_max_kw: 250}
"""
BLOCK = """\
site: demo
edge: edge1
device: air
revision: 1
points:
  - {point: pressure_target_bar_g, unit: bar(g), low: 6.3, high: 6.9, max_lease_s: 10, settle_s: 0,
     fallback: {kind: value, value: 6.7}}
  - {point: comp1_place_code, unit: code, low: 0, high: 2, max_lease_s: 10, settle_s: 0,
     fallback: {kind: value, value: 1}}
"""


def book_of(text: str) -> ControllerBook:
    return ControllerBook.model_validate(yaml.safe_load(text))


@pytest.fixture
def place(tmp_path: Path, configs: Path) -> Place:
    """The demo with a sequencer whose inputs have limits."""
    shutil.copytree(configs, tmp_path / "configs")
    site = tmp_path / "configs" / "sites" / "demo"
    (site / "edge1.controllers.yaml").write_text(AIR, encoding="utf-8")
    (site / "write" / "air.yaml").write_text(BLOCK, encoding="utf-8")
    create_signing_key(tmp_path / "keys" / "commissioning.key")
    return Place(tmp_path / "configs", "demo", "edge1", tmp_path / "edge", tmp_path / "keys", "")


def signed(place: Place) -> None:
    key = load_signing_key(place.keys / "commissioning.key")
    sign_blocks(place.config, place.site, place.edge, place.state, key)


def test_every_kind_of_controller_offers_its_target_and_the_places_of_its_machines() -> None:
    found = {
        f"{one.id}/{each.name}": (each.value, each.unit)
        for one in book_of(AIR + OTHERS).controllers
        for each in own_inputs(one)
    }
    assert found == {
        "air/pressure_target_bar_g": (6.7, "bar(g)"),
        "air/comp1_place_code": (1.0, "code"),
        "air/comp4_place_code": (2.0, "code"),
        "cold/supply_target_c": (7.0, "°C"),
        "cold/chiller1_place_code": (1.0, "code"),
        "peak/limit_kw": (500.0, "kW"),
        "store/grid_target_kw": (400.0, "kW"),
    }


def test_a_target_bound_to_another_device_is_leased_there(configs: Path) -> None:
    text = AIR.replace("    settings:", "    target: comp4/pressure_bar_g\n    settings:", 1)
    (one,) = book_of(text).controllers
    assert [each.name for each in own_inputs(one)] == ["comp1_place_code", "comp4_place_code"]
    assert device_of(one) is not None
    assert configs.is_dir()


def test_its_inputs_are_points_with_signed_limits_and_need_no_display_to_compare_with(place: Place) -> None:
    signed(place)
    accepted = load_accepted(place)
    assert accepted.site.device("air").connection.kind == "controller"
    rules = point_rules(place.state, accepted.site, accepted.blocks)["demo/air/pressure_target_bar_g"]
    assert (rules.limits.low, rules.limits.high, rules.home(None)) == (6.3, 6.9, 6.7)
    refuse_uncompared(accepted.site, {"air": accepted.blocks["air"]}, place.state)
    (hosted,) = load_controllers(accepted).hosted
    assert "air/pressure_target_bar_g" in {read.point for read in hosted.reads}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("value: 6.7", "value: 6.5", r"'pressure_target_bar_g' is an input .*write: fallback: .*value: 6.7"),
        ("{kind: value, value: 1}", "{kind: hold}", r"'comp1_place_code' .*value: 1}"),
        ("unit: bar(g)", "unit: kW", r"has the unit 'bar\(g\)', the limits say 'kW'"),
        ("comp1_place_code", "comp9_place_code", "'comp9_place_code' is no set-point"),
    ],
)
def test_limits_of_an_input_that_do_not_fit_its_file_are_refused(
    place: Place, old: str, new: str, words: str
) -> None:
    assert old in BLOCK
    path = place.config / "sites/demo/write/air.yaml"
    path.write_text(BLOCK.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_write_blocks(place.config, "demo", load_site(place, place.config))


def sent(place: Place, controllers: str) -> Accepted | Refused:
    """What the box says to a configuration of the hub that holds these controllers."""
    files = configuration_files(place.config, place.site, place.edge)
    files["sites/demo/edge1.controllers.yaml"] = controllers.encode()
    wanted = Configuration(1, "demo", "edge1", "00ff", 1, "test", "", files)
    folder = ConfigurationStore(place.state, place.edge).keep(wanted, b"")
    return check_staged(Staged(folder, wanted), load_accepted(place))


def test_the_hub_may_take_a_controller_away_and_not_move_what_its_signed_limits_rest_on(place: Place) -> None:
    signed(place)
    gone = sent(place, "controllers: []")
    assert isinstance(gone, Accepted), gone
    assert "air" not in gone.blocks
    moved = sent(place, AIR.replace("target_bar_g: 6.7", "target_bar_g: 6.5"))
    assert isinstance(moved, Refused)
    assert "goes back to what its file says; write: fallback: {kind: value, value: 6.5}" in moved.detail
    fewer = sent(place, AIR.replace("id: comp1,", "id: other1,"))
    assert isinstance(fewer, Refused)
    assert "'comp1_place_code' is no set-point" in fewer.detail
    assert isinstance(sent(place, AIR), Accepted)


def test_the_hub_knows_the_inputs_as_points_of_the_edge(place: Place) -> None:
    registry = load_registry(place.config, "demo")
    assert registry.devices["air"].edge == "edge1"
    writable = load_writables(place.config, registry)["demo/air/pressure_target_bar_g"]
    assert (writable.edge, writable.limits.low, writable.limits.high) == ("edge1", 6.3, 6.9)
    spec = registry.points[PointId("demo", "air", "pressure_target_bar_g")]
    assert (spec.unit, spec.kind, spec.label.zh) == ("bar(g)", "setpoint", "压力目标")


def test_a_device_list_with_a_controller_as_a_connection_is_refused(place: Place) -> None:
    path = place.config / "sites/demo/edge1.yaml"
    text = path.read_text("utf-8").replace(
        "connection: {kind: mqtt", "connection: {kind: controller}  # {", 1
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="'pv1' has a connection to a controller"):
        load_site(place, place.config)


async def test_an_input_holds_the_file_s_value_until_it_is_written_and_gives_it_back() -> None:
    (one,) = book_of(AIR).controllers
    device = device_of(one)
    assert device is not None
    spec, driver = device[1].point("pressure_target_bar_g"), InputDriver(device[1])
    assert await driver.read_back(spec) == 6.7
    await driver.write(spec, 6.4)
    assert (await driver.read((spec,))).values.tolist() == [6.4]
    assert (await driver.read((spec,))).qualities.tolist() == [Quality.GOOD]
    with pytest.raises(DeviceRefusedError, match="no slot to empty"):
        await driver.write(spec, None)


def step(places: tuple[float, float], now_s: float = 0.0) -> tuple[float | None, ...]:
    (one,) = book_of(AIR).controllers
    assert isinstance(one, SequencerController)
    values: dict[Loc, float] = {("header",): 6.7, ("target",): 6.4}
    for at, place in enumerate(places):
        values |= {("machines", at, "state"): 0.0, ("machines", at, "place"): place}
    return law_of(one).step(values, now_s).wishes


def test_a_machine_with_place_0_is_kept_out_and_the_other_one_trims_at_the_leased_target() -> None:
    assert step((1.0, 2.0)) == (ROLE_STANDBY, 0.0, ROLE_TRIM, 1.0, 6.4)
    assert step((1.0, 0.0))[:2] == (ROLE_TRIM, 1.0)
    assert step((1.0, 0.0))[2:] == (ROLE_STANDBY, 0.0, None), "no permit, and no target for it"


def test_an_order_that_names_no_machine_is_none() -> None:
    assert step((0.0, 0.0)) == step((1.0, 2.0))


async def test_a_controller_that_is_isolated_shows_its_inputs_as_down(place: Place) -> None:
    stage = ControllerStage(load_accepted(place), Image(), SystemClock())
    assert stage.links() == {}
    async with asyncio.timeout(5):
        await stage.runner._isolate(stage.runner.hosts[0], "was asked to by a test")
    assert stage.links() == {"air": "down"}
