"""A period is closed once, whatever it was called when it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from hub.accounts.closed_periods import Closer, close_period, restate_period
from hub.accounts.periods import named
from hub.database import Sessions, create_engine, embedded_url, sessions_of, upgrade
from protocols.errors import ConfigError

RANGE, MONTH = "2026-10-01..2026-10-31", "2026-10"
MIA = Closer("mia", "manager", "")


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[Sessions]:
    upgrade(embedded_url(tmp_path))
    engine = create_engine(embedded_url(tmp_path))
    try:
        yield sessions_of(engine)
    finally:
        await engine.dispose()


@pytest.mark.parametrize(("first", "then"), [(RANGE, MONTH), (MONTH, RANGE)])
async def test_a_month_is_not_closed_under_two_names(sessions: Sessions, first: str, then: str) -> None:
    await close_period(sessions, "demo", (named(first).name, {"x": Decimal(1)}), MIA, 1)
    with pytest.raises(ConfigError, match="2026-10 is closed since version 1"):
        await close_period(sessions, "demo", (named(then).name, {"x": Decimal(1)}), MIA, 2)


async def test_what_was_closed_under_the_name_of_its_days_is_closed_and_restated(sessions: Sessions) -> None:
    await close_period(sessions, "demo", (RANGE, {"x": Decimal(1)}), MIA, 1)
    with pytest.raises(ConfigError, match="is closed since version 1"):
        await close_period(sessions, "demo", (MONTH, {"x": Decimal(1)}), MIA, 2)
    who = Closer("mia", "manager", "", "two hours came late")
    made = await restate_period(sessions, "demo", (MONTH, {"x": Decimal(2)}), who, 3)
    assert (made.period, made.version) == (RANGE, 2)
