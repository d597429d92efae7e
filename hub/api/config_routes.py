"""The site's configuration in versions, for reading: versions, files, differences, where each has arrived."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Response

from hub.api.config_desk import shown, version_model
from hub.api.config_models import ConfigChange, ConfigDocument, ConfigState, ConfigText, ConfigVersion
from hub.api.config_state import state_of
from hub.api.deep_refusals import heard
from hub.api.deps import Deps, SiteId, problems
from hub.api.policy import permitted
from hub.api.refusals import refused
from hub.registry.documents import differences
from hub.registry.kinds import Kind, kind_of
from hub.registry.versions import documents_of, history, newest, version_of
from protocols.errors import ConfigError

MOST_VERSIONS: Final = 500

router = APIRouter(dependencies=[Depends(permitted)])
VersionNumber = Annotated[int, Path(ge=1, le=2**62)]
_ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get(
    "/sites/{site}/configuration", operation_id="configVersions", responses=problems(401, 403, 404, 422, 503)
)
async def versions(
    site: SiteId,
    deps: Deps,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MOST_VERSIONS)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> list[ConfigVersion]:
    """Accepted versions, newest first, those before one already seen; `ETag` names the one in force."""
    rows = await history(deps.sessions, site, limit, before)
    latest = await newest(deps.sessions, site) if before is not None or not rows else rows[0]
    response.headers["ETag"] = etag(0 if latest is None else latest.version)
    return [version_model(row, used=row.version == deps.config_version) for row in rows]


@router.get(
    "/sites/{site}/configuration/state",
    operation_id="configState",
    responses=problems(401, 403, 404, 422, 503),
)
async def state(site: SiteId, deps: Deps) -> ConfigState:
    """Where the version in force has arrived: processes of the hub, and edges with what they report."""
    row = await newest(deps.sessions, site)
    return await state_of(deps, row)


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
    old = await _documents(deps, site, before) if before else {}
    return shown(differences(old, await _documents(deps, site, version)))


@router.get(
    "/sites/{site}/configuration/{version}/documents",
    operation_id="configDocuments",
    responses=problems(401, 403, 404, 422, 503),
)
async def documents(site: SiteId, deps: Deps, version: VersionNumber) -> list[ConfigDocument]:
    """Files of a version."""
    return [
        ConfigDocument(
            path=path, kind=_kind(path, site), size_bytes=len(body), sha256=hashlib.sha256(body).hexdigest()
        )
        for path, body in (await _documents(deps, site, version)).items()
    ]


@router.get(
    "/sites/{site}/configuration/{version}/document",
    operation_id="configDocument",
    responses=problems(401, 403, 404, 422, 503),
)
async def document(
    site: SiteId, deps: Deps, version: VersionNumber, file: Annotated[str, Query(max_length=200)]
) -> ConfigText:
    """One file of a version."""
    body = (await _documents(deps, site, version)).get(file)
    if body is None:
        raise refused("config_file", version=version, file=file)
    return ConfigText(path=file, kind=_kind(file, site), text=body.decode("utf-8", errors="replace"))


@router.get(
    "/sites/{site}/configuration/{version}/export",
    operation_id="configExport",
    response_class=Response,
    responses=problems(401, 403, 404, 422, 503) | _ZIP,
)
async def export(site: SiteId, deps: Deps, version: VersionNumber) -> Response:
    """All files of a version as an archive; the same bytes for the same version."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in (await _documents(deps, site, version)).items():
            archive.writestr(zipfile.ZipInfo(path), body, zipfile.ZIP_DEFLATED)
    name = f"{site}-configuration-{version}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


def etag(version: int) -> str:
    """Name of the version in force, as HTTP has it.

    Example:
        >>> etag(7)
        '"7"'
    """
    return f'"{version}"'


async def _documents(deps: Deps, site: str, version: int) -> dict[str, bytes]:
    try:
        await version_of(deps.sessions, site, version)
        return await documents_of(deps.sessions, site, version)
    except ConfigError as error:
        raise refused("config_version", why=heard(error)) from error


def _kind(path: str, site: str) -> Kind | None:
    known = kind_of(path, site)
    return None if known is None else known[0]
