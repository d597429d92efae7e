"""The folder the roles of a hub go by: the accepted version, written out below the hub's own folder.

The first start takes the folder it is given; later ones only say when that folder differs, so that nobody's
edit takes effect unseen.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from hub.database import Sessions, create_engine, sessions_of
from hub.registry.documents import FOLDER, Documents, differences, digest_of, read_documents, write_folder
from hub.registry.version_tables import VersionRow
from hub.registry.versions import Author, Kept, documents_of, keep, newest
from hub.registry.whole import check_documents
from protocols.clock import Clock
from protocols.errors import ConfigError

_NAMED: Final = 3


async def has_version(business_url: str, site: str) -> bool:
    """Whether a site has a version already, also in a schema of before; nothing is made.

    True as well where the database cannot be asked: who brings it to this version says why.

    Raises:
        StoreError: The address is none SQLAlchemy knows.
    """
    engine = create_engine(business_url)
    try:
        async with engine.connect() as connection:
            if not await connection.run_sync(lambda one: inspect(one).has_table(VersionRow.__tablename__)):
                return False
        return await newest(sessions_of(engine), site) is not None
    except SQLAlchemyError:
        return True
    finally:
        await engine.dispose()


def accepted_folder(
    business_url: str,
    place: tuple[str, Path, Path],
    clock: Clock,
    say: Callable[[str], None],
    first: Documents | None = None,
) -> Path:
    """The accepted version as a folder; called once, before the roles start and outside an event loop.

    Args:
        business_url: The business database, at this version.
        place: Site, the hub's own folder, and the folder somebody gave.
        clock: Time.
        say: Told of a first import, and of a given folder that differs.
        first: Files of the folder that somebody gave, where they were read and checked already.

    Raises:
        ConfigError: There is no version yet, and the folder that was given has faults.
        StoreError: The version in force is damaged in the database.
    """

    async def work() -> tuple[Kept, Documents]:
        engine = create_engine(business_url)
        try:
            sessions = sessions_of(engine)
            row = await newest(sessions, place[0])
            if row is None:
                return await _first(sessions, place, clock.now().wall_ns, say, first)
            return await _in_force(sessions, place, row.version, say)
        finally:
            await engine.dispose()

    kept, documents = asyncio.run(work())
    root = place[1] / FOLDER
    folder = root / f"{kept.version}-{digest_of(documents)[:12]}"
    if not folder.is_dir():
        write_folder(folder, documents)
    for other in root.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


async def _first(
    sessions: Sessions, place: tuple[str, Path, Path], now_ns: int, say: Callable[[str], None],
    first: Documents | None,
) -> tuple[Kept, Documents]:  # fmt: skip
    site, _, given = place
    documents = first
    if documents is None:
        documents = read_documents(given, site)
        check_documents(documents, site, given)
    author = Author("first start", f"from {given}", source="ems hub run")
    kept = await keep(sessions, site, documents, author, now_ns)
    say(f"configuration: version {kept.version}, {len(documents)} files taken from {given}")
    return kept, documents


async def _in_force(
    sessions: Sessions, place: tuple[str, Path, Path], version: int, say: Callable[[str], None]
) -> tuple[Kept, Documents]:
    documents = await documents_of(sessions, place[0], version)
    _say_difference(documents, place, version, say)
    return Kept(version, fresh=False), documents


def _say_difference(
    documents: Documents, place: tuple[str, Path, Path], version: int, say: Callable[[str], None]
) -> None:
    site, _, given = place
    try:
        found = differences(documents, read_documents(given, site))
    except ConfigError:
        say(f"configuration: version {version}")  # the folder is only needed at the first start
        return
    if not found:
        say(f"configuration: version {version}")
        return
    names = ", ".join(one.path for one in found[:_NAMED]) + (" and others" if len(found) > _NAMED else "")
    say(
        f"configuration: version {version}; {given} differs in {len(found)} files ({names}) and is not used; "
        f"`ems hub config import {given}` takes it over"
    )
