"""What people say about a plan: machines in the mode `approve` follow it only then."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from hub.api.deps import ApiDeps
from hub.api.models import from_ns
from hub.api.plan_models import NewPlanApproval
from hub.api.refusals import NOTHING, refused
from hub.auth.tokens import Caller
from hub.ledger import audit
from hub.ledger.approvals import ApprovalRow, Ended, approvals, approve, ended
from protocols.config import Text
from runtime.clock import iso_utc

_NS: Final = 1_000_000_000
_TOLD_S: Final = 86_400.0
"""How long it is told that an approval was taken back. [s]"""
_WHY: Final = {
    "mode": ("the mode of the machine was changed", "设备的运行模式已更改"),
    "event": ("a machine of its station was taken away", "同站有设备退出"),
    "plan": (
        "the plan is over, or the hub was started again and goes by a new one",
        "该计划已结束，或中心已重启并采用新计划",
    ),
    "right": ("who gave it may no longer command here", "批准人不再具有本站的操作权限"),
}
"""By why: in both languages."""


def _ended(gone: Ended) -> Text:
    en, zh = _WHY.get(gone.why, (gone.why, gone.why))
    return Text(
        en=f"the approval of {gone.person} was taken back: {en}", zh=f"{gone.person} 的批准已收回：{zh}"
    )


def until_ns(body: dict[str, Any]) -> int:
    """End of the exact steps of a plan as it is kept; a plan of an earlier version has 4 h of them."""
    begin = datetime.fromisoformat(body["times"][0]).timestamp()
    exact_s = float(body["step_s"]) * int(body.get("exact_steps", 16))
    return round((begin + exact_s) * _NS)


async def approvals_of(deps: ApiDeps, ident: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Machines of a plan that wait for a person, and what was said; empty where the plan is over."""
    if deps.clock.now().wall_ns >= until_ns(body):
        return []
    site, waiting = deps.registry.site.id, _waiting(deps, body)
    known = await approvals(deps.sessions, site)
    since_ns = deps.clock.now().wall_ns - round(_TOLD_S * _NS)
    over = await ended(deps.sessions, site, [name for name in waiting if name not in known], since_ns)
    found: list[dict[str, Any]] = []
    for machine in waiting:
        said, gone = known.get(machine), over.get(machine)
        mine = said is not None and said.plan_id == ident
        found.append(
            {
                "device": machine,
                "label": _label(deps, body, machine),
                "approved": mine,
                "person": said.person if mine and said is not None else None,
                "at": from_ns(said.at_ns) if mine and said is not None else None,
                "ended": None if gone is None else _ended(gone),
                "ended_at": None if gone is None else from_ns(gone.at_ns),
            }
        )
    return found


async def keep_approval(
    deps: ApiDeps, plan: tuple[str, dict[str, Any]], said: NewPlanApproval, who: tuple[Caller, str]
) -> None:
    """Write down what a person said, with its entry in the audit.

    Raises:
        RefusedError: 422: a machine is not of the plan, waits for nobody or is there twice; 409: the plan is
            over.
    """
    (ident, body), (caller, address), now_ns = plan, who, deps.clock.now().wall_ns
    waiting = _waiting(deps, body)
    others = [name for name in said.machines if name not in waiting]
    if others:
        raise refused("approval_machine", machine=others[0], waiting=", ".join(waiting) or NOTHING)
    if len(set(said.machines)) < len(said.machines):
        raise refused("approval_twice")
    if now_ns >= until_ns(body):
        raise refused("approval_over", until=iso_utc(until_ns(body)))
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
    """Machines in the mode `approve`; a unit has that of the devices its set-points go to."""
    modes, through = deps.registry.site.modes, body.get("through", {})
    names = [str(machine["device"]) for machine in body["machines"]]
    known = (name for name in names if name in deps.registry.devices or name in through)
    return [name for name in known if modes.through(name, through.get(name, ())) == "approve"]


def _label(deps: ApiDeps, body: dict[str, Any], machine: str) -> Text:
    """What people call a device, or a unit that is none, as its plan has it."""
    known = deps.registry.devices.get(machine)
    if known is not None:
        return known.device.label
    return Text.model_validate(next(one["label"] for one in body["machines"] if one["device"] == machine))
