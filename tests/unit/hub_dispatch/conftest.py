from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.database import Sessions, create_engine, sessions_of


@pytest.fixture
async def sessions(business_url: str) -> AsyncIterator[Sessions]:
    engine = create_engine(business_url)
    yield sessions_of(engine)
    await engine.dispose()
