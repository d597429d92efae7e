"""Local controllers on the edge: their file, their processes, and what happens when one fails."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.controllers.device import ADVISES, ISOLATED
from edge_agent.controllers.file import Controllers, Hosted, Read, Wish, load_controllers
from edge_agent.controllers.runner import ControllerRunner, Ports
from edge_agent.controllers.stage import Around, ToGate
from edge_agent.controllers.words import CODES, REASONS
from edge_agent.gate.events import ControllerOutput
from edge_agent.image import Image
from edge_agent.restore import restore_box, saved_box
from edge_agent.rules_file import Trial, load_tried, save_tried
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.config import Text
from protocols.driver import Reading
from protocols.errors import ConfigError
from protocols.frame import Frame
from protocols.saved_box import SavedBox
from protocols.trouble import TroubleCode
from runtime.clock import SystemClock

CONFIGS = Path(__file__).parents[3] / "configs"
AIR = """\
controllers:
  - kind: sequencer
    id: air
    label: {en: Compressed air, zh: 压缩空气}
    header: comp4/header_bar_g
    settings: {target_bar_g: 6.7, volume_m3: 10}
    machines:
      - machine: {id: comp1, flow_max_m3_min: 20}
        state: comp1/state_code
        local: comp1/local_mode_code
        flow: comp1/flow_m3_min
        run_h: comp1/run_h
        role_set: comp1/role_set_code
        permit_set: comp1/permit_set_code
      - machine: {id: comp4, flow_max_m3_min: 25, flow_min_m3_min: 8}
        state: comp4/state_code
        local: comp4/local_mode_code
        flow: comp4/flow_m3_min
        role_set: comp4/role_set_code
        permit_set: comp4/permit_set_code
  - kind: follower
    id: store
    label: {en: Battery, zh: 储能}
    grid: meter_main/power_kw
    power: battery1/power_kw
    soc: battery1/soc_frac
    power_set: battery1/power_set_kw
    settings: {aim: target, target_kw: 100}
    battery: {capacity_kwh: 500, charge_max_kw: 250, discharge_max_kw: 250}
"""
MORE = """\
  - kind: staging
    id: cold
    label: {en: Chilled water, zh: 冷冻水}
    supply: chiller1/supply_c
    settings: {supply_set_c: 7}
    machines:
      - machine: {id: chiller1, cooling_kw: 600}
        state: chiller1/state_code
        local: chiller1/local_mode_code
        cooling: chiller1/cooling_kw
        permit_set: chiller1/permit_set_code
        supply_set: chiller1/supply_set_c
  - kind: demand
    id: peak
    label: {en: Demand, zh: 需量}
    power: meter_main/power_kw
    energy: meter_main/import_kwh
    settings: {window: block, limit_kw: 500}
    loads:
      - load: {id: chiller2, priority: 1, power_kw: 110}
        power: chiller2/power_kw
        set: chiller2/permit_set_code
        unit: code
        shed_value: 0
"""
RULES = """\
rules:
  - id: cold_outside
    label: {en: Cold outside, zh: 室外寒冷}
    mode: active
    when: {kind: below, point: weather1/outdoor_c, limit: 0, unit: °C}
    then: [{point: pv1/limit_set_frac, value: 50, unit: "%"}]
"""
VALUES = {
    "comp4/header_bar_g": 6.7,
    "comp1/state_code": 0.0,
    "comp1/local_mode_code": 0.0,
    "comp1/flow_m3_min": 0.0,
    "comp1/run_h": 10.0,
    "comp4/state_code": 2.0,
    "comp4/local_mode_code": 0.0,
    "comp4/flow_m3_min": 15.0,
    "meter_main/power_kw": 130.0,
    "battery1/power_kw": 0.0,
    "battery1/soc_frac": 0.5,
}


@functools.cache
def demo_devices() -> Accepted:
    return load_accepted(Place(CONFIGS, "demo", "edge1", Path("nowhere"), Path("nowhere"), ""))


def accepted_with(folder: Path, controllers: str = "", rules: str = "") -> Accepted:
    """The demo's devices with controllers and rules of a test."""
    site = folder / "configs" / "sites" / "demo"
    site.mkdir(parents=True)
    for name, text in (("controllers", controllers), ("rules", rules)):
        if text:
            (site / f"edge1.{name}.yaml").write_text(text, encoding="utf-8")
    place = Place(folder / "configs", "demo", "edge1", folder / "edge", folder / "keys", "")
    return replace(demo_devices(), place=place)


def fill(image: Image, values: dict[str, float], mono_s: float) -> None:
    for point, value in values.items():
        device, name = point.split("/")
        bad = math.isnan(value)
        image.update(device, [name], Reading(np.array([value]), np.array([129 * bad], np.uint8)), mono_s)


class Box:
    """What the runner has of an agent, without polling."""

    def __init__(self) -> None:
        self.clock, self.image = SystemClock(), Image()
        self.frames: list[Frame] = []
        self.put_values: list[tuple[str, str, float | None]] = []

    async def put(self, writer: str, point: str, value: float | None) -> None:
        self.put_values.append((writer, point, value))

    @asynccontextmanager
    async def running(self, found: Controllers, values: dict[str, float]) -> AsyncIterator[ControllerRunner]:
        ports = Ports("demo", self.image, self.frames.append, self.clock, lambda _: 1.0, self)
        runner = ControllerRunner(found.hosted, found.notes, ports)

        async def polled() -> None:
            while True:
                fill(self.image, values, self.clock.mono_s())
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work()) for work in (polled, runner.run, runner.outputs)]
            try:
                yield runner
            finally:
                for task in running:
                    task.cancel()

    def seen(self, point: str) -> float:
        return self.image.get(point).value


async def until(holds: Callable[[], bool], most_s: float = 15.0) -> None:
    async with asyncio.timeout(most_s):
        while not holds():
            await asyncio.sleep(0.02)


async def test_advice_is_a_device_with_points_and_nothing_goes_to_the_gate(tmp_path: Path) -> None:
    found = load_controllers(accepted_with(tmp_path, AIR + MORE, RULES.replace("active", "advice")))
    assert [one.id for one in found.hosted] == ["air", "store", "cold", "peak", "rules"]
    box = Box()
    async with box.running(found, VALUES) as runner:
        await until(lambda: all(host.said is not None for host in runner.hosts))
        await until(lambda: all(box.seen(f"{host.hosted.id}/state_code") == ADVISES for host in runner.hosts))
        assert box.seen("air/comp4_role_set_code") == 1.0
        assert box.seen("air/comp1_role_set_code") == 0.0
        assert box.seen("air/reason_code") == CODES["sequencer.begin"]
        await until(lambda: box.seen("store/battery1_power_set_kw") == -30.0)
        assert math.isnan(box.seen("cold/chiller1_permit_set_code")), "no temperature, no advice"
        assert math.isnan(box.seen("rules/pv1_limit_set_frac"))
        page = {row["id"]: row for row in runner.page()}
        assert page["store"]["reason"] == "the battery follows the grid power"
        assert page["air"]["state"] == "advises"
        assert runner.troubles == []
    assert box.put_values == [], "advice writes nothing"
    assert {frame.catalogue for frame in box.frames} == {
        host.device.catalogue.hash() for host in runner.hosts
    }


async def test_a_controller_that_hangs_is_isolated_within_two_cycles_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    found = load_controllers(accepted_with(tmp_path, AIR))
    box, values = Box(), dict(VALUES)
    async with box.running(found, values) as runner:
        air, store = runner.hosts
        await until(lambda: air.said is not None and store.said is not None)
        assert air.worker is not None
        assert air.worker.pid is not None
        os.kill(air.worker.pid, signal.SIGSTOP)
        await until(lambda: box.seen("air/state_code") == ISOLATED)
        assert air.missed == 2, "told of at the second look without an answer"
        why = "controller air is isolated: it gave no answer within 2 s; again in 30 s"
        assert runner.troubles == [(TroubleCode.CONTROLLER, why)]
        assert math.isnan(box.seen("air/comp4_role_set_code"))
        values["meter_main/power_kw"] = 190.0
        await until(lambda: box.seen("store/battery1_power_set_kw") < -50.0)
        assert box.seen("store/state_code") == ADVISES


async def test_a_controller_that_is_killed_is_isolated_and_begins_anew_after_its_pause(
    tmp_path: Path,
) -> None:
    found = load_controllers(accepted_with(tmp_path, AIR))
    box = Box()
    async with box.running(found, VALUES) as runner:
        air, store = runner.hosts
        await until(lambda: air.said is not None and store.said is not None)
        assert air.worker is not None
        assert air.worker.pid is not None
        os.kill(air.worker.pid, signal.SIGKILL)
        await until(lambda: box.seen("air/state_code") == ISOLATED)
        assert "ended with an error (exit code -9)" in runner.troubles[0].detail
        air.again_s = 0.0  # the pause is over
        await until(lambda: box.seen("air/state_code") == ADVISES)
        assert runner.troubles == []


BAD_LAWS = """\
import time
from edge_agent.controllers.laws import Said

class Throws:
    def step(self, values, now_s):
        raise ZeroDivisionError("on purpose")

class Spins:
    def step(self, values, now_s):
        while True:
            pass

class Acts:
    def step(self, values, now_s):
        return Said((1.0,), "rules.act")
"""


async def test_laws_that_throw_or_spin_fail_alone_and_one_that_acts_reaches_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "laws_of_a_test.py").write_text(BAD_LAWS)
    monkeypatch.syspath_prepend(tmp_path)
    import laws_of_a_test  # type: ignore[import-not-found]  # noqa: PLC0415  written just above

    wish = Wish("w", "comp1/role_set_code", "code", "code", active=True)
    read = Read(("x",), "comp4/header_bar_g", "bar(g)", "bar(g)")
    hosted = tuple(
        Hosted(name.lower(), Text(en=name, zh=name), (read,), (wish._replace(writer=name.lower()),), law)
        for name, law in ((name, getattr(laws_of_a_test, name)) for name in ("Throws", "Spins", "Acts"))
    )
    box = Box()
    try:
        async with box.running(Controllers(hosted), VALUES) as runner:
            await until(lambda: len(runner.troubles) == 2)
            assert (
                "controller throws is isolated: it ended with an error (exit code 1)"
                in runner.troubles[0].detail
            )
            assert "controller spins is isolated: it gave no answer within 2 s" in runner.troubles[1].detail
            box.put_values.clear()
            await until(lambda: len(box.put_values) >= 2)
            assert set(box.put_values) == {("acts", "comp1/role_set_code", 1.0)}
    finally:
        sys.modules.pop("laws_of_a_test", None)


async def test_outputs_the_gate_would_refuse_are_let_go_and_none_passes_once_the_end_began() -> None:
    fed: list[ControllerOutput] = []
    ready = {"demo/comp1/role_set_code"}

    async def feed(event: ControllerOutput) -> None:
        fed.append(event)

    gate = ToGate("demo", Around(lambda *_: None, feed, lambda: ready))
    await gate.put("air", "comp1/role_set_code", 2.0)
    await gate.put("air", "comp2/role_set_code", 2.0)
    assert fed == [ControllerOutput("air", "demo/comp1/role_set_code", 2.0)]
    ready.clear()
    for _ in range(2):
        await gate.put("air", "comp1/role_set_code", 2.0)
    assert fed[1:] == [ControllerOutput("air", "demo/comp1/role_set_code", None)], "let go once"
    ready.add("demo/comp1/role_set_code")
    gate.open = False
    await gate.put("air", "comp1/role_set_code", 2.0)
    assert len(fed) == 2


def test_a_missing_bad_or_old_input_is_no_number(tmp_path: Path) -> None:
    found = load_controllers(accepted_with(tmp_path, AIR))
    box = Box()
    ports = Ports("demo", box.image, box.frames.append, box.clock, lambda _: 1.0)
    runner = ControllerRunner(found.hosted, (), ports)
    (read, *_) = found.hosted[0].reads
    fill(box.image, {read.point: 6.5}, 100.0)
    assert runner._value(read, 102.9) == 6.5
    assert math.isnan(runner._value(read, 103.1))
    fill(box.image, {read.point: math.nan}, 100.0)
    assert math.isnan(runner._value(read, 100.0))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "header: comp4/header_bar_g",
            "header: comp4/header",
            ":5: .*header: there is no point 'comp4/header'",
        ),
        (
            "header: comp4/header_bar_g",
            "header: comp4/power_kw",
            ":5: .*has the unit 'kW'; here a point in 'bar",
        ),
        ("id: store", "id: comp1", ":22: .*comp1 is the name of a device"),
        ("id: store", "id: air", "controller ids there twice: air"),
        ("role_set: comp4/role_set_code", "role_set: comp1/role_set_code", ":19: .*is there twice"),
        ("power_set: battery1/power_set_kw", "power_set: battery1/power_kw", ":27: .*is no set-point"),
        ("charge_max_kw: 250, dis", "charge_max_kw: 9000, dis", "9000 kW may be wanted, and lies outside"),
        ("    id: store", "    id: store\n    mode: active", "has no signed limits with `writer: store`"),
        ("volume_m3: 10", "volume_m3: 10, gain: 1", ":6: .*gain: unknown field"),
    ],
)
def test_faults_of_the_file_are_named_with_their_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in AIR
    with pytest.raises(ConfigError, match=words):
        load_controllers(accepted_with(tmp_path, AIR.replace(old, new)))


def test_two_controllers_or_a_rule_that_fight_over_a_point_are_refused_together(tmp_path: Path) -> None:
    second = MORE.replace("set: chiller2/permit_set_code", "set: chiller1/permit_set_code")
    rules = RULES.replace(
        'pv1/limit_set_frac, value: 50, unit: "%"', "comp1/role_set_code, value: 0, unit: code"
    )
    with pytest.raises(ConfigError) as told:
        load_controllers(accepted_with(tmp_path, AIR + second, rules))
    assert "chiller1/permit_set_code is set by cold already; a point has one writer" in str(told.value)
    assert "comp1/role_set_code is set by air already; a point has one writer" in str(told.value)


def test_an_active_rule_without_limits_only_advises_and_says_so(tmp_path: Path) -> None:
    found = load_controllers(accepted_with(tmp_path, "", RULES))
    assert not any(wish.active for wish in found.hosted[0].wishes)
    assert found.hosted[0].make().step({("weather1/outdoor_c",): -1.0}, 0.0).wishes == (0.5,), "50 % of 1"
    assert "rule cold_outside only advises: pv1/limit_set_frac has no signed limits" in found.notes[0]


def test_a_control_gap_is_told_as_a_fact(tmp_path: Path) -> None:
    (fact,) = load_controllers(accepted_with(tmp_path, AIR)).facts
    assert "controller air: the trim machine's range is 3.0 m³/min narrower than the largest step" in fact


def test_an_edge_without_these_files_has_no_controllers(tmp_path: Path) -> None:
    assert load_controllers(accepted_with(tmp_path)) == Controllers()


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    assert all(text.en and text.zh for text in REASONS.values())
    assert list(CODES.values()) == [float(code) for code in range(len(REASONS))]


def test_the_examples_of_the_page_fit_the_demo(tmp_path: Path) -> None:
    page = (CONFIGS.parent / "docs/local-controllers.md").read_text(encoding="utf-8")
    controllers, rules = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    found = load_controllers(accepted_with(tmp_path, controllers, rules))
    assert [one.id for one in found.hosted] == ["air", "rules"]
    with pytest.raises(ConfigError, match="comp1/permit_set_code is set by air already"):
        load_controllers(accepted_with(tmp_path / "fight", controllers, rules.replace("comp2/", "comp1/")))


def test_a_replaced_box_has_its_controllers_rules_and_trials_again(tmp_path: Path) -> None:
    accepted = accepted_with(tmp_path, AIR, RULES)
    shutil.copytree(CONFIGS / "devices", accepted.place.config / "devices")
    shutil.copy(CONFIGS / "sites/demo/edge1.yaml", accepted.place.config / "sites/demo")
    trial = Trial("cold_outside", "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", 1, 1.0, 0.0)
    save_tried(accepted.place.state, {"0123456789abcdef": trial})
    place = replace(accepted.place, config=tmp_path / "new", state=tmp_path / "state")
    restored = restore_box(SavedBox.model_validate_json(saved_box(accepted).model_dump_json()), place)
    assert [one.id for one in load_controllers(restored).hosted] == ["air", "store", "rules"]
    assert load_tried(place.state) == {"0123456789abcdef": trial}
