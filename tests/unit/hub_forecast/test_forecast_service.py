"""The way of a forecast: store, child process, database, dispatch, API."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hub.database import FILE, create_engine, embedded_url, sessions_of
from hub.forecast import tables
from hub.forecast.config import ForecastFile
from hub.forecast.issue import Newest, live_scores
from hub.forecast.job import Job, Site
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, Quarters, floor_quarter_ns, sources
from hub.forecast.service import Forecaster, load_forecast_site
from hub.forecast.worker import foresee_apart
from hub.store.embedded import EmbeddedStore
from protocols.errors import ForecastError
from protocols.point import local_point
from tests.unit.hub.api_running import CONFIGS, NOW_S, running_api
from tests.unit.hub_forecast.forecast_plant import CALENDAR, ZONE, load, past

pytestmark = pytest.mark.timeout(120)
DAYS = 35


def seed(store: EmbeddedStore) -> None:
    """Thirty-five days of every point that is foreseen from."""
    end_ns = floor_quarter_ns(NOW_S * 1_000_000_000)
    starts_ns = (
        end_ns + (np.arange(DAYS * QUARTERS_A_DAY, dtype=np.int64) - DAYS * QUARTERS_A_DAY) * QUARTER_NS
    )
    points = sorted(
        {
            point
            for terms in sources(load_forecast_site(CONFIGS, "demo").flowsheet).values()
            for point, _ in terms
        }
    )
    for point in points:  # all but one stand still, so that one is learnt
        means = load(DAYS) if point == "meter_process/power_kw" else np.full(len(starts_ns), 5.0)
        store.seed_means(local_point("demo", point), starts_ns, means)


async def test_a_forecast_goes_from_the_store_to_dispatch_and_to_the_page(
    business_file: Path, tmp_path: Path
) -> None:
    shutil.copyfile(business_file, tmp_path / FILE)
    async with running_api(embedded_url(tmp_path), tmp_path) as api:
        assert (await api.get("/sites/demo/forecast")).status_code == 404
        store = api.deps.series
        assert isinstance(store, EmbeddedStore)
        await asyncio.to_thread(seed, store)
        newest = Newest()
        site = load_forecast_site(CONFIGS, "demo")
        forecaster = Forecaster(site, newest, store, (api.deps.sessions, tmp_path), api.clock)
        await forecaster.foresee()
        issue = newest.issue
        assert issue is not None
        assert issue.start_ns == floor_quarter_ns(NOW_S * 1_000_000_000)
        found = (await api.get("/sites/demo/forecast")).json()
        series = {one["name"]: one for one in found["series"]}
        assert series["process_kw"]["middle"] == pytest.approx(issue.middle["process_kw"], abs=1e-3)
        assert {one["name"] for one in series["process_kw"]["methods"]} == {
            "learned",
            "similar_days",
            "last_week",
            "yesterday",
        }
        assert series["process_kw"]["data"]["days"] == DAYS
        assert len(series["process_kw"]["measured"]) == QUARTERS_A_DAY
        assert found["trained"] is not None
        wanting = replace(
            site, file=ForecastFile.model_validate({"weather": {"kind": "file", "name": "a.csv"}})
        )
        forecaster.take(wanting)
        await forecaster.foresee()
        again = (await api.get("/sites/demo/forecast")).json()
        assert "a.csv cannot be read" in again["weather"]["en"]
        assert "无法读取天气文件" in again["weather"]["zh"]
        assert again["trained"] == found["trained"]  # once a day
        forecaster.take(replace(site, site=Site(CALENDAR, ZONE)))
        assert newest.issue is None


def test_the_hub_itself_never_loads_what_is_learnt_with() -> None:
    heavy = "{'sklearn', 'scipy', 'pvlib'} & set(sys.modules)"
    check = f"import hub.roles.dispatch, hub.roles.api, sys; print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


async def test_where_learning_is_not_ready_in_time_the_forecast_comes_all_the_same(
    business_file: Path, tmp_path: Path
) -> None:
    shutil.copyfile(business_file, tmp_path / FILE)
    async with running_api(embedded_url(tmp_path), tmp_path) as api:
        store = api.deps.series
        assert isinstance(store, EmbeddedStore)
        await asyncio.to_thread(seed, store)
        newest = Newest()
        site = load_forecast_site(CONFIGS, "demo")
        forecaster = Forecaster(site, newest, store, (api.deps.sessions, tmp_path), api.clock)
        await forecaster.foresee(learn_s=0.2)
        assert newest.issue is not None
        assert newest.issue.method["process_kw"] != "learned"
        found = (await api.get("/sites/demo/forecast")).json()
        assert found["trained"] is None
        await forecaster.foresee()  # with the next it is tried again
        assert (await api.get("/sites/demo/forecast")).json()["trained"] is not None


async def test_a_job_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ForecastError, match="not ready after"):
        await foresee_apart(Job(Site(CALENDAR, ZONE), past(60)), limit_s=0.2)


async def test_a_process_that_dies_is_told_of() -> None:
    with pytest.raises(ForecastError, match="ended with 1"):
        await foresee_apart(Job(Site(CALENDAR, ZONE), past(3), names=("process_kw",)), b"no models")


async def test_old_forecasts_are_let_go(business_url: str) -> None:
    engine = create_engine(business_url)
    sessions = sessions_of(engine)
    day_ns = 86_400_000_000_000
    for day in range(12):
        await tables.keep(sessions, "demo", (day * day_ns, day * day_ns), {"series": []})
    kept = await tables.since(sessions, "demo", 0)
    newest = await tables.newest(sessions, "demo")
    assert [row.made_ns // day_ns for row in kept] == list(range(3, 12))
    assert newest is not None
    assert newest.made_ns == 11 * day_ns
    await engine.dispose()


def test_a_live_score_compares_what_was_issued_with_what_came() -> None:
    measured = Quarters(0, {"process_kw": np.concatenate([np.full(7 * 96, 90.0), np.full(96, 100.0)])})
    course = [100.0] * 104
    body = {"series": [{"name": "process_kw", "low": [99.0] * 104, "middle": course, "high": [101.0] * 104}]}
    found = live_scores([(7 * 96 * QUARTER_NS, body), (7 * 96 * QUARTER_NS + 4 * QUARTER_NS, body)], measured)
    assert found["process_kw"]["quarters"] == 96 + 92
    assert found["process_kw"]["coverage"] == 1.0
    assert found["process_kw"]["loss"] < 0.1 * found["process_kw"]["baseline"]
    assert live_scores([], measured) == {}
