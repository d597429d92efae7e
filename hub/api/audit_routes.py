"""The audit of a site: who did what, newest first, and whether its chain verifies."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from hub.api.deps import Deps, SiteId, problems
from hub.api.models import from_ns
from hub.api.order_models import AuditCheck, AuditEntry
from hub.api.policy import permitted
from hub.api.why_words import WhyWords, of_person
from hub.ledger import audit as chain

MOST_ENTRIES: Final = 1000
MOST_NUMBER: Final = 2**63 - 1
"""SQLite keeps no larger whole number."""

router = APIRouter(dependencies=[Depends(permitted)])


@router.get("/sites/{site}/audit", operation_id="audit", responses=problems(401, 403, 404, 422, 503))
async def audit(
    site: SiteId,
    deps: Deps,
    before: Annotated[int | None, Query(ge=1, le=MOST_NUMBER)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
) -> list[AuditEntry]:
    """Entries, newest first; `before` is the number of the last one already seen."""
    async with deps.sessions() as session:
        found = await chain.page(session, site, before, limit)
    return [_entry(one, deps.why) for one in found]


@router.get(
    "/sites/{site}/audit/check", operation_id="auditCheck", responses=problems(401, 403, 404, 422, 503)
)
async def check(site: SiteId, deps: Deps) -> AuditCheck:
    """Go through the whole chain."""
    broken_at = await chain.broken_at(deps.sessions, site)
    async with deps.sessions() as session:
        newest = await chain.page(session, site, None, 1)
    return AuditCheck(whole=broken_at is None, broken_at=broken_at, entries=newest[0].number if newest else 0)


def _entry(one: chain.Numbered, why: WhyWords) -> AuditEntry:
    entry = one.entry
    said = of_person(entry.reason) if entry.role else why.of_hub(entry.reason)
    return AuditEntry(
        number=one.number, time=from_ns(entry.time_ns), actor=entry.actor, role=entry.role,
        source=entry.source, category=entry.category, type=entry.type, target=entry.target, old=entry.old,
        new=entry.new, reason=entry.reason, reason_text=said, result=entry.result, order=entry.order,
        command=entry.command, token=entry.token,
    )  # fmt: skip
