from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.database import Base, Sessions, create_engine, embedded_url, sessions_of


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[Sessions]:
    engine = create_engine(embedded_url(tmp_path))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield sessions_of(engine)
    await engine.dispose()
