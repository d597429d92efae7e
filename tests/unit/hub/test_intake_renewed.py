"""What takes in goes by a newer configuration while it runs: other retention, from the next look on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from nats.aio.client import Client

from hub.database import Sessions, create_engine, embedded_url, sessions_of, upgrade
from hub.ingest.news import News
from hub.registry.accepted import accepted_folder
from hub.registry.documents import read_documents
from hub.registry.versions import Author, keep
from hub.roles.intake_renewal import IntakeRenewal
from hub.roles.options import RoleOptions
from hub.store.embedded import EmbeddedStore
from hub.store.retention import load_retention
from hub.values.cleaning import RuleMarker
from runtime.clock import VirtualClock
from tests.conftest import ROOT
from tests.unit.hub.store_day import DAY, POWER, START, day_of_rows, fed, settle

RETENTION = "sites/demo/retention.yaml"


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[Sessions]:
    state = tmp_path / "hub"
    state.mkdir()
    await asyncio.to_thread(upgrade, embedded_url(state))
    engine = create_engine(embedded_url(state))
    yield sessions_of(engine)
    await engine.dispose()


async def test_another_retention_takes_effect_in_what_runs_and_back_again(
    sessions: Sessions, tmp_path: Path
) -> None:
    state, clock = tmp_path / "hub", VirtualClock(START)
    given = ("demo", state, ROOT / "configs")
    folder = await asyncio.to_thread(accepted_folder, embedded_url(state), given, clock, lambda _: None)
    options = RoleOptions(folder, "demo", state, "nats://127.0.0.1:1", tmp_path / "keys", 8080)
    await asyncio.to_thread(lambda: fed(state / "series.db", day_of_rows(120, 4), clock).close())
    marker = RuleMarker({})
    with closing(EmbeddedStore(state / "series.db", clock, marker, load_retention(folder, "demo"))) as store:

        def kept() -> list[int]:
            settle(store, clock, clock.now().wall_ns + DAY // 2)
            days = range(START, START + 4 * DAY, DAY)
            return [len(store.raw(POWER, day, day + DAY).times_ns) for day in days]

        clock.shift_wall(4 * 86_400.0)
        await asyncio.to_thread(kept)
        whole = await asyncio.to_thread(kept)
        assert all(whole), "kept for 800 days"
        renewal = IntakeRenewal(options, store, marker, News(Client(), store, "demo"))
        follower = renewal.follower(sessions, clock)
        assert not await follower.look()
        documents = read_documents(ROOT / "configs", "demo")
        shorter = documents | {RETENTION: b"raw_days: 2\n"}
        await keep(sessions, "demo", shorter, Author("me"), clock.now().wall_ns)
        assert await follower.look()
        left = await asyncio.to_thread(kept)
        assert left[0] == 0, "let go, without a start"
        assert left[3] == whole[3]
        quarters = await asyncio.to_thread(store.quarters, POWER, START, START + DAY)
        assert quarters.covered_s.any(), "rollups have days of their own"
        await keep(sessions, "demo", documents, Author("me"), clock.now().wall_ns)
        assert await follower.look()
        assert await asyncio.to_thread(kept) == left, "what is gone stays gone, nothing else goes"
        assert follower.version == 3
