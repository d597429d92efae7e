"""A plan as one page to keep or to send: self-contained HTML, made from what is kept beside the plan."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response

from hub.api.deep_refusals import heard
from hub.api.deps import Deps, SiteId, problems
from hub.api.policy import permitted
from hub.api.refusals import refused
from hub.ledger.queries import plan_body
from optimizer.plan import noted
from optimizer.report_page import About, report_page
from optimizer.written import read
from protocols.config import Text
from protocols.errors import ContractError

_HTML: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}
}

router = APIRouter(dependencies=[Depends(permitted)])


@router.get(
    "/sites/{site}/plans/{ident}/page",
    operation_id="planPage",
    response_class=Response,
    responses=problems(401, 403, 404, 422, 503) | _HTML,
)
async def page(
    site: SiteId,
    ident: str,
    deps: Deps,
    lang: Annotated[Literal["en", "zh"], Query(description="Language shown first; both are in it.")] = "en",
) -> Response:
    """A plan with its money, courses and machines as one HTML file that needs nothing beside itself."""
    async with deps.sessions() as session:
        body = await plan_body(session, site, ident)
    if body is None:
        raise refused("plan")
    if not body.get("made"):
        raise refused("plan_page_old")
    labels = {name: known.device.label for name, known in deps.registry.devices.items()}
    title = f"{deps.registry.site.label.zh if lang == 'zh' else deps.registry.site.label.en} · {ident}"
    zone = ZoneInfo(deps.registry.site.time_zone)
    try:
        text = await asyncio.to_thread(_made, body, (title, zone, lang), labels)
    except ContractError as error:
        raise refused("plan_unreadable", why=heard(error)) from error
    headers = {"Content-Disposition": f'inline; filename="plan-{ident}.html"'}
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _made(
    body: dict[str, Any], how: tuple[str, ZoneInfo, Literal["en", "zh"]], labels: dict[str, Text]
) -> str:
    problem, plan = read(body["made"])
    title, zone, lang = how
    about = About(
        title=title,
        saving=body.get("saving") or None,
        curves=tuple(body.get("curves", ())),
        forward=tuple(body.get("forward", ())),
        labels=labels,
        notes=tuple(noted(one) for one in body.get("notes", ())),
    )
    return report_page(problem, plan, about, zone, lang)
