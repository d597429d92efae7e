"""Where the version in force has arrived: which process goes by which, and each edge's own beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from hub.api.config_models import ConfigOfEdge, ConfigOfRole, ConfigState
from hub.api.deps import ApiDeps
from hub.api.file_words import lines_text
from hub.api.models import from_ns
from hub.health.report import failures_now, own_instance
from hub.registry.desired import recent, reported
from hub.registry.edge_files import digests
from hub.registry.follow import FIGURE
from hub.registry.version_tables import VersionRow
from hub.registry.versions import documents_of
from protocols.config import Text

_UNHEARD: Final[dict[str, object]] = dict.fromkeys(
    ("same", "reported", "trial", "heard", "wanted", "state")
) | {"edited": [], "detail": "", "words": Text(en="", zh="")}
_WORK: Final = "configuration"
"""Last part of the name of the work that takes versions, as in `ingest:configuration`."""


async def state_of(deps: ApiDeps, row: VersionRow | None) -> ConfigState:
    """The state of a site.

    Raises:
        ConfigError: The version in force has no files of an edge; it was never checked then.
        StoreError: It is damaged in the database.
    """
    named = {} if row is None else await _digests(deps, row)
    edges = [await _edge(deps, edge, named.get(edge)) for edge in deps.registry.site.edges]
    return ConfigState(version=0 if row is None else row.version, roles=_roles(deps), edges=edges)


def _roles(deps: ApiDeps) -> list[ConfigOfRole]:
    told = [
        ConfigOfRole(
            role=report.role, instance=report.instance, version=int(version), fault=_fault(report.failures)
        )
        for report, version in deps.roles.figure(FIGURE)
    ]
    own = ConfigOfRole(
        role="api", instance=own_instance(), version=deps.config_version, fault=_fault(failures_now())
    )
    return [own, *sorted(told, key=lambda one: (one.role, one.instance))]


def _fault(failures: Mapping[str, str]) -> str | None:
    return next((why for name, why in failures.items() if name.endswith(f":{_WORK}")), None)


async def _digests(deps: ApiDeps, row: VersionRow) -> Mapping[str, str]:
    """What the files of each edge are called; read once a version."""
    version, known = deps.edge_digests
    if version != row.version or set(known) != set(deps.registry.site.edges):
        documents = await documents_of(deps.sessions, row.site, row.version)
        edges = [edge for edge in deps.registry.site.edges if f"sites/{row.site}/{edge}.yaml" in documents]
        known = await asyncio.to_thread(digests, documents, row.site, edges)
        deps.edge_digests = (row.version, known)
    return known


async def _edge(deps: ApiDeps, edge: str, wanted_digest: str | None) -> ConfigOfEdge:
    site = deps.registry.site.id
    now = await reported(deps.sessions, site, edge)
    sent = next(iter(await recent(deps.sessions, site, edge, 1)), None)
    found = _UNHEARD | {"edge": edge, "link": deps.edges.edge_link(edge)}
    if now is not None:
        found |= {
            "same": now.digest == wanted_digest, "reported": now.version, "trial": now.trial or None,
            "edited": list(now.edited), "heard": from_ns(deps.edges.heard_ns(edge, now.heard_ns)),
        }  # fmt: skip
    if sent is not None:
        found |= {"wanted": sent.version, "state": sent.state, "detail": sent.detail}
        found["words"] = lines_text(sent.detail)
    return ConfigOfEdge.model_validate(found)
