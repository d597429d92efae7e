"""Brings each newly accepted version into a role that runs: loaded whole beside what is in use, then swapped.

A version that cannot be loaded here never takes effect: the role goes on as it is and says why, until a newer
one is accepted.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from hub.database import Sessions
from hub.health.meter import Meter
from hub.registry.documents import put_files
from hub.registry.versions import documents_of, newest
from protocols.clock import Clock
from protocols.errors import ConfigError
from runtime.yaml_config import parsed_once

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
"""How often a role looks for a newer version. [s]"""

FIGURE: Final = "configuration_version"
"""Figure of a role: the version it goes by."""


class Follower(Generic[_T]):
    """Of one role.

    Attributes:
        version: Version in use; 0: a folder that was never accepted, which nothing follows.
        made_ns: When the version that takes effect now was accepted; 0: none did yet.
    """

    def __init__(
        self,
        sessions: Sessions,
        place: tuple[str, int],
        hands: tuple[Callable[[Path], _T], Callable[[_T, int], Awaitable[None]]],
        clock: Clock,
        meter: Meter | None = None,
    ) -> None:
        """Begin.

        Args:
            sessions: Business database.
            place: Site, and the version the role has begun with.
            hands: How the role reads a folder, called in a thread, and how it takes what was read, with its
                version; what must change together changes without an await in between.
            clock: Time.
            meter: Gets the version in use.
        """
        self._sessions = sessions
        self._site, self.version = place
        self._load, self._swap = hands
        self._clock = clock
        self._meter = meter
        self._refused: tuple[int, ConfigError] | None = None
        self.made_ns = 0
        self._tell()

    async def run(self) -> None:
        """Look for newer versions until cancelled.

        Raises:
            ConfigError: The newest one cannot be used here; what is in use stays, and it can be run again.
            StoreError: The newest one is damaged in the database.
        """
        async for _ in self._clock.ticks(EVERY_S):
            await self.look()

    async def look(self) -> bool:
        """Take the version in force if it is another one; tells whether it did.

        Raises:
            ConfigError: As `run`.
            StoreError: As `run`.
        """
        row = await newest(self._sessions, self._site) if self.version else None
        if row is None or row.version == self.version:
            return False
        if self._refused is not None and self._refused[0] == row.version:
            raise self._refused[1]
        documents = await documents_of(self._sessions, self._site, row.version)
        try:
            found = await asyncio.to_thread(self._read, documents)
        except ConfigError as error:
            words = f"version {row.version} cannot be used, {self.version} stays in use: {error}"
            self._refused = (row.version, ConfigError(words))
            raise self._refused[1] from error
        self.made_ns = row.made_ns
        await self._swap(found, row.version)
        _log.info("configuration: version %d takes effect, after %d", row.version, self.version)
        self.version = row.version
        self._tell()
        return True

    def _read(self, documents: dict[str, bytes]) -> _T:
        with tempfile.TemporaryDirectory(prefix="ems-version-") as folder:
            put_files(Path(folder), documents, durable=False)
            try:
                with parsed_once():
                    return self._load(Path(folder))
            except ConfigError as error:
                raise ConfigError(str(error).replace(f"{folder}/", "")) from error

    def _tell(self) -> None:
        if self._meter is not None:
            text = "Version of the configuration that a process goes by."
            self._meter.put(FIGURE, text, float(self.version))
