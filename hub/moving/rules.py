"""Cleaning rules of the version in force, beside a hub that may run."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hub.database import create_engine, sessions_of
from hub.registry.documents import write_folder
from hub.registry.versions import documents_of, newest
from hub.values.kept import Rules, cleaning_rules


def rules_in_force(business_url: str, site: str) -> Rules:
    """Cleaning rules by point; none where no version was ever accepted. Not from within an event loop.

    Raises:
        StoreError: The business database cannot be read, or the version is damaged in it.
        ConfigError: The version has faults.
    """
    documents = asyncio.run(_documents(business_url, site))
    if not documents:
        return {}
    with tempfile.TemporaryDirectory(prefix="ems-rules-") as folder:
        write_folder(Path(folder) / "configs", documents)
        return cleaning_rules(Path(folder) / "configs", site)


async def _documents(business_url: str, site: str) -> dict[str, bytes]:
    engine = create_engine(business_url)
    try:
        sessions = sessions_of(engine)
        row = await newest(sessions, site)
        return {} if row is None else await documents_of(sessions, site, row.version)
    finally:
        await engine.dispose()
