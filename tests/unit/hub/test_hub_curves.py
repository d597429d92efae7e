from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from ems.curves_cli import app
from hub.cli import app as hub_app
from hub.curves import tables
from hub.curves.csv_rows import read_csv
from hub.curves.history import bound, learnable
from hub.curves.proposal import body_of
from hub.curves.service import CurveLearner
from hub.curves.worker import learn_apart
from hub.database import create_engine, known_url, sessions_of
from hub.registry.plant_file import load_curves, load_nominal, load_plant
from hub.registry.whole import check_documents
from hub.store.engine import embedded_place, open_store
from hub.store.port import Received
from plant.learning.learn import learn
from plant.units.compressor import VsdCompressor
from protocols.clock import Instant
from protocols.errors import ConfigError, StoreError
from protocols.frame import Catalogue, Frame
from runtime.clock import SystemClock, VirtualClock
from tests.unit.hub.api_running import Running, running_api
from tests.unit.plant.learnt_curves import DAYS, EVERY_S, TRUE_FRAC, dearer, rows_of_week, worn_week

CONFIGS = Path(__file__).parents[3] / "configs"
S = 1_000_000_000
RUN = CliRunner()


def _vsd() -> VsdCompressor:
    unit = load_nominal(CONFIGS, "demo").units["comp4"]
    assert isinstance(unit, VsdCompressor)
    return unit


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub's folder with a week of one compressor and the weather in it."""
    state = tmp_path_factory.mktemp("curves") / "hub"
    started = RUN.invoke(
        hub_app, ["init", f"--config={CONFIGS}", f"--state={state}", f"--keys={state.parent / 'keys'}"]
    )
    assert started.exit_code == 0, started.output
    measured, clock = worn_week(_vsd()), SystemClock()
    begin_ns = clock.now().wall_ns // S * S - (DAYS * 86_400 + 600) * S
    store = open_store(embedded_place(state), clock)
    try:
        for seq, (device, names) in enumerate(
            (("comp4", [name for name in measured if name != "outdoor_c"]), ("weather1", ["outdoor_c"])),
            start=1,
        ):
            catalogue = Catalogue(
                "demo", device, tuple(names), ("",) * len(names), ("measurement",) * len(names)
            )
            store.add_catalogue(catalogue)
            rows = np.array([measured[name] for name in names]).T
            times = (begin_ns + EVERY_S * S * k for k in range(len(rows)))
            frames = tuple(
                Frame(catalogue.hash(), Instant("b", t, t), row, np.zeros(len(names), np.uint8))
                for t, row in zip(times, rows, strict=True)
            )
            store.append([Received("edge1", "j", seq, frames)])
    finally:
        store.close()
    return state


def _told(*arguments: str) -> str:
    done = RUN.invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.timeout(60)
def test_a_curve_is_learnt_from_the_store_accepted_used_by_the_planner_and_taken_back(
    hub: Path, tmp_path: Path
) -> None:
    found = json.loads(_told("fit", "comp4", f"--state={hub}", "--days=9", "--json"))
    assert [one["status"] for one in found] == ["better"], found[0]["reason"]
    assert found[0]["curve"]["learning"]["days"] + found[0]["curve"]["learning"]["held_days"] >= 6
    assert "no learnt curve is in use" in _told("show", f"--state={hub}")

    said = _told("accept", "comp4", "--actor=A. Smith", "--note=after a week", f"--state={hub}")
    assert "version 2" in said
    shown = json.loads(_told("show", "--json", f"--state={hub}"))
    assert shown["in_use"]["comp4"]["version"] == 1
    folder = tmp_path / "out"
    exported = RUN.invoke(hub_app, ["config", "export", str(folder), f"--state={hub}"])
    assert exported.exit_code == 0, exported.output
    plant = load_plant(folder, "demo")
    used = plant.compressors[plant.compressor_ids.index("comp4")]
    assert used.loaded_kw(18.0, 7.1, 22.0) == pytest.approx(
        TRUE_FRAC * _vsd().loaded_kw(18.0, 7.1, 22.0), rel=0.01
    )
    assert plant.flowsheet.units["comp4"] is used
    assert plant.learnt["comp4"].version == 1

    with pytest.raises(ConfigError, match="run `ems curves fit` again"):
        _told("accept", "comp4", "--actor=A. Smith", f"--state={hub}")
    again = json.loads(_told("fit", "comp4", f"--state={hub}", "--days=9", "--json"))
    assert again[0]["status"] == "not_better"
    with pytest.raises(ConfigError, match="not accepted"):
        _told("accept", "comp4", "--actor=A. Smith", f"--state={hub}")

    assert "version 3" in _told("drop", "comp4", "--actor=A. Smith", f"--state={hub}")
    assert json.loads(_told("show", "--json", f"--state={hub}"))["in_use"] == {}
    with pytest.raises(ConfigError, match="no learnt curve is in use"):
        _told("drop", "comp4", "--actor=A. Smith", f"--state={hub}")


@pytest.mark.timeout(60)
def test_a_hub_learns_all_machines_by_itself_once_a_day_and_only_offers_them(hub: Path) -> None:
    before = json.loads(_told("show", "--json", f"--state={hub}"))["in_use"]

    async def learnt() -> tuple[bool, bool]:
        clock = VirtualClock(wall_ns=SystemClock().now().wall_ns)
        await learn_apart(hub, "demo")
        engine = create_engine(known_url(hub))
        learner = CurveLearner((hub, "demo"), sessions_of(engine), clock)
        soon = await learner.due()
        clock.advance(86_500.0)
        later = await learner.due()
        await engine.dispose()
        return soon, later

    assert asyncio.run(learnt()) == (False, True)
    told = json.loads(_told("show", "--json", f"--state={hub}"))
    assert told["in_use"] == before
    fits = {one["unit"]: one["status"] for one in told["fits"]}
    assert fits["comp4"] in {"better", "not_better"}
    assert fits["chiller1"] == fits["ahu1"] == "too_little"
    with pytest.raises(StoreError, match="ended with 1"):
        asyncio.run(learn_apart(hub / "none", "demo"))


def test_a_unit_without_a_curve_and_one_without_points_are_named(hub: Path) -> None:
    with pytest.raises(ConfigError, match="grid1: no unit with a curve; those are comp1"):
        _told("fit", "grid1", f"--state={hub}")
    said = json.loads(_told("fit", "chiller1", f"--state={hub}", "--days=2", "--json"))
    assert said[0]["status"] == "too_little"
    flowsheet = load_nominal(CONFIGS, "demo")
    units = dict(learnable(flowsheet))
    bare = flowsheet.units["comp1"].model_copy(update={"bindings": {}})
    unbound = flowsheet.model_copy(update={"units": {**flowsheet.units, "comp1": bare}})
    assert bound(unbound, "comp1", units["comp1"]).missing == ("power_kw", "flow_m3_min", "pressure_bar_g")


def _csv(path: Path, measured: dict[str, list[float]], **wrong: float) -> Path:
    names = ["power_kw", "flow_m3_min", "pressure_bar_g", "state_code", "inlet_c"]
    columns = {**measured, "inlet_c": measured["outdoor_c"]}
    lines = [",".join(["time", *names])]
    for k in range(len(measured["power_kw"])):
        row = [f"{columns[name][k] * wrong.get(name, 1.0):.4f}" for name in names]
        lines.append(",".join([str(1_780_000_000 + EVERY_S * k), *row]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_of_a_file_teach_without_a_hub_and_a_wrong_unit_is_guessed(tmp_path: Path) -> None:
    config = f"--config={CONFIGS}"
    measured = worn_week(_vsd())
    said = _told("fit", "comp4", "--csv", str(_csv(tmp_path / "a.csv", measured)), config)
    assert "better" in said
    assert "accept" not in said
    psi = _csv(tmp_path / "b.csv", measured, pressure_bar_g=14.5038)
    said = _told("fit", "comp4", "--csv", str(psi), config)
    assert "doubtful" in said
    assert "psi" in said


def test_a_pump_is_learnt_from_a_file_by_its_data_sheet(tmp_path: Path) -> None:
    lines = ["time,flow_m3_h,power_kw"]
    for k in range(DAYS * 96):
        flow = 22.0 + 14.0 * math.sin(k / 15.0)
        lines.append(f"{1_780_000_000 + 900 * k},{flow:.3f},{5.0 + 3.4e-4 * flow**3:.3f}")
    path = tmp_path / "pump.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = json.loads(_told("fit", "--csv", str(path), "--pump", "0:4,20:6.4,40:23.2", "--json"))
    assert found[0]["status"] == "better", found[0]["reason"]
    curve = found[0]["curve"]["curve"]
    assert np.interp(30.0, curve["x"], curve["y"]) == pytest.approx(5.0 + 3.4e-4 * 30.0**3, rel=0.03)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "a column time"),
        ("power_kw,flow\n1,2\n", "a column time"),
        ("time,power_kw\nyesterday,1\n", "is no time"),
        ("time,power_kw\n2026-06-15T10:00:00,1\n", "has no zone"),
        ("time,power_kw\n1,two\n", "is no number"),
        ("time,power_kw\n1,2,3\n", "3 fields"),
        ("time,power_kw\n5,1\n4,1\n5,1\n", "2 times"),
    ],
)
def test_a_broken_file_ends_with_one_sentence_that_names_the_line(
    tmp_path: Path, text: str, word: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=word):
        read_csv(path)


def test_rows_of_a_file_may_stand_in_any_order_and_have_gaps(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("time,power_kw\n2026-06-15T10:01:00Z,2\n\n2026-06-15T12:00:00+02:00,\n", encoding="utf-8")
    rows = read_csv(path)
    assert np.diff(rows.times_ns).tolist() == [60 * S]
    assert math.isnan(rows.values["power_kw"][0])
    assert rows.values["power_kw"][1] == 2.0


def _documents(curves: dict[str, Any]) -> dict[str, bytes]:
    from hub.registry.documents import read_documents  # noqa: PLC0415  only here

    return {
        **read_documents(CONFIGS, "demo"),
        "sites/demo/curves.yaml": json.dumps({"curves": curves}).encode(),
    }


def test_a_configuration_with_a_curve_that_fits_no_unit_is_refused() -> None:
    good = dearer(_vsd()).model_dump(mode="json")
    check_documents(_documents({"comp4": good}), "demo", Path("c"))
    with pytest.raises(ConfigError, match=r"curves\.yaml:1: curves\.comp9: .* take it out"):
        check_documents(_documents({"comp9": good}), "demo", Path("c"))
    with pytest.raises(ConfigError, match="curves"):
        check_documents(_documents({"comp4": {**good, "speed": 3}}), "demo", Path("c"))


def test_the_hub_has_one_way_to_a_plant_so_nobody_reads_other_curves() -> None:
    hub = CONFIGS.parent / "hub"
    ways = [
        path.relative_to(hub).as_posix() for path in hub.rglob("*.py") if "compile_plant(" in path.read_text()
    ]
    assert ways == ["registry/plant_file.py"]


def test_a_site_without_the_file_goes_by_nominal_curves() -> None:
    assert load_curves(CONFIGS, "demo").curves == {}
    assert load_plant(CONFIGS, "demo").learnt == {}


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def test_fits_and_curves_in_use_are_shown_over_the_api(api: Running) -> None:
    token = await api.token()
    assert (await api.get("/sites/demo/curves", token)).json() == []
    verdict = learn("comp4", _vsd(), rows_of_week(_vsd()), "Asia/Shanghai")
    await tables.keep(api.deps.sessions, "demo", 1_750_000_000 * S, [body_of(verdict)])
    await tables.keep(api.deps.sessions, "demo", 1_750_000_060 * S, [body_of(verdict)])
    api.deps.curves = api.deps.curves.model_copy(update={"curves": {"comp4": dearer(_vsd())}})
    (told,) = (await api.get("/sites/demo/curves", token)).json()
    assert (told["unit"], told["in_use"]["version"], told["fit"]["status"]) == ("comp4", 2, "better")
    assert told["label"]["zh"]
    picture = told["fit"]["picture"]
    assert len(picture["x"]) == len(picture["learnt_kw"]) == len(picture["band_kw"])
    assert len(picture["dots_x"]) == len(picture["dots_kw"]) > 50
    assert told["fit"]["learning"]["error_kw"] < told["fit"]["learning"]["nominal_error_kw"]
