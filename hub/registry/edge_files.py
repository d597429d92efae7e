"""What an edge should go by after the accepted configuration, and whether that is what it says it goes by."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hub.database import Sessions
from hub.registry.check import checked_files
from hub.registry.documents import Documents, put_files
from hub.registry.versions import documents_of, version_of
from protocols.configuration import digest
from protocols.errors import ConfigError
from runtime.site import configuration_files
from runtime.yaml_config import parsed_once


class EdgeFiles(NamedTuple):
    """The files of an edge in a version of the site's configuration.

    Attributes:
        version: The version, the one in force.
        files: Devices, profiles, controllers and rules by their paths.
    """

    version: int
    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        """Name of the files, as an edge reports the ones it goes by."""
        return digest(self.files)


async def accepted_files(sessions: Sessions, site: str, edge: str) -> EdgeFiles:
    """The files of an edge in the version in force.

    Raises:
        ConfigError: There is no version yet, or it has no such edge.
        StoreError: It is damaged in the database.
    """
    row = await version_of(sessions, site, None)
    documents = await documents_of(sessions, site, row.version)
    if f"sites/{site}/{edge}.yaml" not in documents:
        raise ConfigError(f"version {row.version} of {site!r} has no edge {edge!r}")
    return EdgeFiles(row.version, await asyncio.to_thread(_files, documents, site, edge))


def digests(documents: Documents, site: str, edges: Sequence[str]) -> dict[str, str]:
    """Names of the files of each edge in a version, as edges report theirs; blocks while it reads.

    Raises:
        ConfigError: An edge has no files in it.
    """
    folder = Path(tempfile.mkdtemp(prefix="ems-edges-"))
    try:
        put_files(folder, documents, durable=False)
        with parsed_once():
            return {edge: digest(configuration_files(folder, site, edge)) for edge in edges}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files(documents: Documents, site: str, edge: str) -> dict[str, bytes]:
    folder = Path(tempfile.mkdtemp(prefix="ems-edge-"))
    try:
        put_files(folder, documents, durable=False)
        return checked_files(folder, site, edge)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
