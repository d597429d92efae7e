"""Edges of a site and their configurations: read-only; a new version is wanted at the command line."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends

from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.edge_models import Edge, Reported, Wanted
from hub.api.file_words import lines_text
from hub.api.models import from_ns
from hub.api.policy import permitted
from hub.registry.desired import recent, reported
from hub.registry.tables import ConfigurationRow, ReportedRow
from protocols.configuration import WHY_TEXTS, Why

MOST_VERSIONS: Final = 20

router = APIRouter(dependencies=[Depends(permitted)])


@router.get("/sites/{site}/edges", operation_id="edges", responses=problems(401, 403, 404, 422))
async def edges(site: SiteId, deps: Deps) -> list[Edge]:
    """Edges with what is wanted of them and what they go by; the newest versions only."""
    return [await _edge(deps, site, edge) for edge in deps.registry.site.edges]


async def _edge(deps: ApiDeps, site: str, edge: str) -> Edge:
    now = await reported(deps.sessions, site, edge)
    rows = await recent(deps.sessions, site, edge, MOST_VERSIONS)
    return Edge(
        id=edge,
        link=deps.edges.edge_link(edge),
        clock_ahead_s=deps.edges.clock_ahead_s(edge),
        second_agent=deps.edges.second_agent(edge),
        troubles=[trouble for trouble in deps.edges.troubles() if trouble.edge == edge],
        reported=None if now is None else _reported(now, deps.edges.heard_ns(edge, now.heard_ns)),
        wanted=[_wanted(row) for row in rows],
    )


def _reported(row: ReportedRow, heard_ns: int) -> Reported:
    return Reported(
        version=row.version,
        trial=row.trial or None,
        digest=row.digest,
        edited=row.edited,
        heard=from_ns(heard_ns),
    )


def _wanted(row: ConfigurationRow) -> Wanted:
    return Wanted.model_validate(
        {
            "version": row.version,
            "made": from_ns(row.made_ns),
            "actor": row.actor,
            "note": row.note,
            "state": row.state,
            "changed": from_ns(row.changed_ns),
            "why": row.why,
            "text": None if row.why == Why.NONE else WHY_TEXTS[Why(row.why)],
            "detail": row.detail,
            "words": lines_text(row.detail),
        }
    )
