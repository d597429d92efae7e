"""What people say about a plan: machines in the mode `approve` follow it only then."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import HTTPException

from hub.api.deps import ApiDeps
from hub.api.models import from_ns
from hub.api.plan_models import NewPlanApproval
from hub.auth.tokens import Caller
from hub.ledger import audit
from hub.ledger.approvals import ApprovalRow, approvals, approve
from runtime.clock import iso_utc

_NS: Final = 1_000_000_000


def until_ns(body: dict[str, Any]) -> int:
    """End of the exact steps of a plan as it is kept; a plan of an earlier version has 4 h of them."""
    begin = datetime.fromisoformat(body["times"][0]).timestamp()
    exact_s = float(body["step_s"]) * int(body.get("exact_steps", 16))
    return round((begin + exact_s) * _NS)


async def approvals_of(deps: ApiDeps, ident: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Machines of a plan that wait for a person, and what was said; empty where the plan is over."""
    if deps.clock.now().wall_ns >= until_ns(body):
        return []
    known = await approvals(deps.sessions, deps.registry.site.id)
    found: list[dict[str, Any]] = []
    for machine in _waiting(deps, body):
        said = known.get(machine)
        mine = said is not None and said.plan_id == ident
        found.append(
            {
                "device": machine,
                "label": deps.registry.devices[machine].device.label,
                "approved": mine,
                "person": said.person if mine and said is not None else None,
                "at": from_ns(said.at_ns) if mine and said is not None else None,
            }
        )
    return found


async def keep_approval(
    deps: ApiDeps, plan: tuple[str, dict[str, Any]], said: NewPlanApproval, who: tuple[Caller, str]
) -> None:
    """Write down what a person said, with its entry in the audit.

    Raises:
        HTTPException: 422: a machine is not of the plan, waits for nobody or is there twice; 409: the plan is
            over.
    """
    (ident, body), (caller, address), now_ns = plan, who, deps.clock.now().wall_ns
    waiting = _waiting(deps, body)
    others = [name for name in said.machines if name not in waiting]
    if others:
        have = ", ".join(waiting) or "none"
        raise HTTPException(
            422, f"{others[0]!r} waits for no approval; machines of this plan that do: {have}"
        )
    if len(set(said.machines)) < len(said.machines):
        raise HTTPException(422, "machines: one is named twice; name each once")
    if now_ns >= until_ns(body):
        raise HTTPException(
            409, f"what this plan decides exactly was over at {iso_utc(until_ns(body))}; approve the newest"
        )
    site, plan_id = deps.registry.site.id, ident if said.approve else None
    rows = [
        ApprovalRow(site=site, machine=m, plan_id=plan_id, person=caller.name, at_ns=now_ns)
        for m in said.machines
    ]
    kind = "approve" if said.approve else "withdraw"
    entries = [
        audit.Entry(
            now_ns,
            caller.name,
            caller.role,
            address,
            "plan",
            kind,
            machine,
            "",
            ident,
            said.reason,
            "asked",
            token=caller.token,
        )
        for machine in said.machines
    ]
    await approve(deps.sessions, site, rows, entries)


def _waiting(deps: ApiDeps, body: dict[str, Any]) -> list[str]:
    modes = deps.registry.site.modes
    names = [str(machine["device"]) for machine in body["machines"]]
    return [name for name in names if name in deps.registry.devices and modes.of(name) == "approve"]
