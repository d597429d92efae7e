"""The site's configuration in versions: which there are, and what each changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from hub.api.deps import Deps, SiteId, problems
from hub.api.models import from_ns
from hub.api.policy import permitted
from hub.registry.documents import differences
from hub.registry.version_tables import VersionRow
from hub.registry.versions import documents_of, history, version_of
from protocols.config import Config
from protocols.errors import ConfigError

MOST_VERSIONS: Final = 500
_MOST_TEXT: Final = 200_000
"""Characters of differences in one answer."""

router = APIRouter(dependencies=[Depends(permitted)])
VersionNumber = Annotated[int, Path(ge=1, le=2**62)]


class ConfigVersion(Config):
    """One accepted version of all files of a site."""

    version: int
    """Counts up; the highest is in force."""

    made: datetime
    """When it was accepted."""

    actor: str
    """Who wanted it."""

    note: str
    """What for."""

    digest: str
    """SHA-256 over its files."""

    back_to: int | None
    """Version whose files it has again; None: it is no roll-back."""

    used: bool
    """Whether the hub goes by it; a newer one is used from its next start on."""


class ConfigChange(Config):
    """What a version changed at one file."""

    path: str
    """The file."""

    kind: Literal["added", "removed", "changed"]
    """What happened to it."""

    text: str
    """The lines, as a unified diff; empty where it would be too long for one answer."""


@router.get(
    "/sites/{site}/configuration", operation_id="configVersions", responses=problems(401, 403, 404, 422, 503)
)
async def versions(
    site: SiteId, deps: Deps, limit: Annotated[int, Query(ge=1, le=MOST_VERSIONS)] = 50
) -> list[ConfigVersion]:
    """Accepted versions, newest first."""
    rows = await history(deps.sessions, site, limit)
    return [_version(row, used=row.version == deps.config_version) for row in rows]


@router.get(
    "/sites/{site}/configuration/{version}/changes",
    operation_id="configChanges",
    responses=problems(401, 403, 404, 422, 503),
)
async def changes(
    site: SiteId,
    deps: Deps,
    version: VersionNumber,
    against: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> list[ConfigChange]:
    """What a version changed; `against` another one than the version before it, 0 for nothing."""
    before = version - 1 if against is None else against
    try:
        await version_of(deps.sessions, site, version)
        new = await documents_of(deps.sessions, site, version)
        old = await documents_of(deps.sessions, site, before) if before else {}
    except ConfigError as error:
        raise HTTPException(404, str(error)) from error
    room = _MOST_TEXT
    found = []
    for one in differences(old, new):
        shown = one.text if len(one.text) <= room else ""
        room -= len(shown)
        found.append(ConfigChange(path=one.path, kind=one.kind, text=shown))
    return found


def _version(row: VersionRow, *, used: bool) -> ConfigVersion:
    return ConfigVersion(
        version=row.version, made=from_ns(row.made_ns), actor=row.actor, note=row.note, digest=row.digest,
        back_to=row.back_to or None, used=used,
    )  # fmt: skip
