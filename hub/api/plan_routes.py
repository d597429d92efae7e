"""One plan explained: what it saves and lacks, and why a machine does what it does at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime

from hub.api.deep_refusals import heard
from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.once import OnceRoute
from hub.api.plan_approval import approvals_of, keep_approval, until_ns
from hub.api.plan_models import NewPlanApproval, PlanApproval, PlanReport, PlanState, PlanWhy
from hub.api.plan_standing import plan_state
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.auth.tokens import Caller
from hub.dispatch.asking import Question
from hub.dispatch.reasons import reason_text
from hub.ledger.queries import plan_body
from optimizer.plan import noted
from protocols.config import IdPart, Text
from protocols.errors import SolveError
from runtime.clock import iso_utc

router = APIRouter(dependencies=[Depends(permitted)], route_class=OnceRoute)


async def _who(caller: Permitted, request: Request) -> tuple[Caller, str]:
    """Who asks, and from where."""
    return caller, request.client.host if request.client else ""


Who = Annotated[tuple[Caller, str], Depends(_who)]


@router.get("/sites/{site}/plan/state", operation_id="planState", responses=problems(401, 403, 404, 422))
async def state(site: SiteId, deps: Deps) -> PlanState:
    """What the site is run by now: a plan and its age, the order by rule, or each machine's own control."""
    zone = deps.registry.site.time_zone
    return plan_state(site, deps.planning.newest(), deps.clock.now().wall_ns, zone, _labels(deps))


@router.get(
    "/sites/{site}/plans/{ident}", operation_id="planReport", responses=problems(401, 403, 404, 422, 503)
)
async def report(site: SiteId, ident: str, deps: Deps) -> PlanReport:
    """What a plan saves, and what is short in it with the limits that conflict."""
    body = await _body(deps, site, ident)
    short: list[dict[str, Any]] = []
    if body.get("shortages") and body.get("made"):
        found = await _asked(
            deps, Question(ident, body["made"], zone=deps.registry.site.time_zone, labels=_labels(deps))
        )
        short = [_dated(one) for one in found["short"]]
    return PlanReport.model_validate(
        {
            "id": ident,
            "reason": reason_text(body.get("reason", ""), _labels(deps)),
            "notes": [noted(one) for one in body.get("notes", [])],
            "saving": body.get("saving") or None,
            "short": short,
            "forward": body.get("forward", []),
            "setpoints": [_setpoint(deps, body, one) for one in body.get("setpoints", [])],
            "band": _band(body),
            "approvals": await approvals_of(deps, ident, body),
            "until": iso_utc(until_ns(body)),
        }
    )


@router.get(
    "/sites/{site}/plans/{ident}/why", operation_id="planWhy", responses=problems(401, 403, 404, 422, 503)
)
async def why(
    site: SiteId,
    ident: str,
    deps: Deps,
    unit: Annotated[IdPart, Query(description="Id of a machine of the plan.")],
    at: Annotated[AwareDatetime, Query(description="An instant inside the plan.")],
) -> PlanWhy:
    """Why a machine does what it does at an instant; works out prices and the alternative, some seconds."""
    body = await _body(deps, site, ident)
    if not body.get("made"):
        raise refused("plan_old")
    step = _step(body, at)
    units = [str(machine["device"]) for machine in body["machines"]]
    if unit not in units:
        raise refused("plan_unit", unit=unit, units=", ".join(units))
    question = Question(ident, body["made"], unit, step, _labels(deps), deps.registry.site.time_zone)
    return PlanWhy.model_validate(_dated(await _asked(deps, question)))


@router.post(
    "/sites/{site}/plans/{ident}/approval",
    operation_id="approvePlan",
    responses=problems(401, 403, 404, 409, 422, 429, 503),
)
async def approve(
    site: SiteId, ident: str, deps: Deps, said: NewPlanApproval, who: Who
) -> list[PlanApproval]:
    """Let machines in the mode `approve` follow this plan, or take that back; it is in the audit."""
    body = await _body(deps, site, ident)
    await keep_approval(deps, (ident, body), said, who)
    return [PlanApproval.model_validate(one) for one in await approvals_of(deps, ident, body)]


def _setpoint(deps: ApiDeps, body: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """Its changes in place of a value for every step."""
    values, known, exact = one["values"], deps.registry.devices, body["exact_steps"]
    changed = [step for step, value in enumerate(values) if not step or value != values[step - 1]]
    return {
        **{key: one[key] for key in ("name", "label", "unit")},
        "devices": [known[name].device.label for name in one["devices"] if name in known],
        "changes": [
            {"at": body["times"][step], "value": values[step], "outlook": step >= exact} for step in changed
        ],
    }


def _band(body: dict[str, Any]) -> dict[str, Any] | None:
    ends = body.get("cost_band")
    return None if ends is None else {"cheap": ends[0], "dear": ends[1], "currency": body["currency"]}


def _step(body: dict[str, Any], at: datetime) -> int:
    begin, step_s = datetime.fromisoformat(body["times"][0]), float(body["step_s"])
    step = int((at - begin).total_seconds() // step_s)
    if not 0 <= step < len(body["times"]):
        raise refused("plan_step", first=body["times"][0], last=body["times"][-1])
    return step


def _labels(deps: ApiDeps) -> dict[str, Text]:
    return {name: known.device.label for name, known in deps.registry.devices.items()}


async def _body(deps: ApiDeps, site: str, ident: str) -> dict[str, Any]:
    async with deps.sessions() as session:
        body = await plan_body(session, site, ident)
    if body is None:
        raise refused("plan")
    return body


async def _asked(deps: ApiDeps, question: Question) -> dict[str, Any]:
    try:
        return await deps.asker.ask(question)
    except SolveError as error:
        raise refused("plan_why", why=heard(error)) from error


def _dated(said: dict[str, Any]) -> dict[str, Any]:
    """The same with its instant as a time."""
    return {name: value for name, value in said.items() if name != "at_ns"} | {"at": iso_utc(said["at_ns"])}
