"""Who may do what: one table from route to roles, one function that asks it; the rest is shut."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request

from hub.api.deps import ApiDeps, Deps, require_caller
from hub.api.refusals import RefusedError, refused
from hub.auth.roles import ADMINISTER, COMMAND, CONFIGURE, MANAGE, NONE, READ, ROLES
from hub.auth.tokens import Caller
from hub.ledger import audit
from protocols.config import Text

_READ: Final = READ
_OWN: Final = READ | {NONE}
"""What belongs to the caller themselves: they may see it also where they have no role."""

POLICY: Final[dict[str, frozenset[str]]] = {
    "sites": _READ,
    "devices": _READ,
    "points": _READ,
    "values": _READ,
    "history": _READ,
    "samples": _READ,
    "series": _READ,
    "consumption": _READ,
    "download": _READ,
    "balances": _READ,
    "balance": _READ,
    "plan": _READ,
    "planState": _READ,
    "planReport": _READ,
    "planWhy": _READ,
    "planPage": _READ,
    "approvePlan": COMMAND,
    "forecast": _READ,
    "curves": _READ,
    "commands": _READ,
    "edges": _READ,
    "system": _READ,
    "configVersions": _READ,
    "configChanges": _READ,
    "setpoints": _READ,
    "holders": _READ,
    "orders": _READ,
    "order": _READ,
    "audit": _READ,
    "auditCheck": _READ,
    "placeOrder": COMMAND,
    "alarms": _READ,
    "alarmJournal": _READ,
    "alarmFigures": _READ,
    "alarmReview": _READ,
    "alarmAct": _READ,
    "placeAlarmAct": COMMAND,
    "accounts": _READ,
    "accountStatement": _READ,
    "accountInvoice": _READ,
    "accountsDownload": _READ,
    "accountGoals": _READ,
    "accountOutlook": _READ,
    "closedPeriods": _READ,
    "closePeriod": MANAGE,
    "restatePeriod": MANAGE,
    "reports": _READ,
    "report": _READ,
    "reportFile": _READ,
    "orderReport": MANAGE,
    "reportSchedules": MANAGE,
    "addReportSchedule": MANAGE,
    "endReportSchedule": MANAGE,
    "areas": _READ,
    "calendar": _READ,
    "configState": _READ,
    "configDocuments": _READ,
    "configDocument": _READ,
    "configExport": _READ,
    "checkConfig": CONFIGURE,
    "checkConfigRows": CONFIGURE,
    "acceptConfig": CONFIGURE,
    "acceptConfigRows": CONFIGURE,
    "rollBackConfig": CONFIGURE,
    "live": _READ,
    "me": _OWN,
    "changePassword": _OWN,
    "beginFactor": _OWN,
    "proveFactor": _OWN,
    "dropFactor": _OWN,
    "mySessions": _OWN,
    "endMySession": _OWN,
    "myTokens": _OWN,
    "makeToken": _READ,
    "endMyToken": _OWN,
    "people": ADMINISTER,
    "addPerson": ADMINISTER,
    "givePersonRole": ADMINISTER,
    "renewPersonPassword": ADMINISTER,
    "dropPersonFactor": ADMINISTER,
    "removePerson": ADMINISTER,
    "letPersonIn": ADMINISTER,
    "personSessions": ADMINISTER,
    "endPersonSession": ADMINISTER,
}
"""Operation id of a route that needs a sign-in to the roles that may use it; `live` is the WebSocket."""

PERSONAL: Final = frozenset(
    operation
    for operation, roles in POLICY.items()
    if roles in {_OWN, ADMINISTER} or operation in {"makeToken", "approvePlan"}
) - {"me"}
"""What a person does signed in and no program with a token: one that leaked makes no other one."""

_NOTED: Final = {
    COMMAND: ("command", "order"), CONFIGURE: ("configuration", "import"), ADMINISTER: ("person", "change"),
}  # fmt: skip
"""What a refusal is noted as in the audit, by the roles that may."""

_NOTED_ACTS: Final = {
    "closePeriod": ("accounts", "close"), "restatePeriod": ("accounts", "restate"),
    "orderReport": ("report", "order"), "addReportSchedule": ("report", "schedule"),
    "endReportSchedule": ("report", "unschedule"),
}  # fmt: skip
"""The same, by the operation, where one role may several acts."""


_ROLE_ZH: Final = {
    "viewer": "查看者", "operator": "操作员", "engineer": "工程师", "manager": "能源经理", "admin": "管理员",
}  # fmt: skip
_ROLELESS: Final = Text(en="who has no role at this site", zh="在本站点没有角色者")


def may(caller: Caller, operation: str) -> bool:
    """Whether a caller may use a route; never where the table does not name it.

    A token of a program is held against both the role of its person and its own scope.
    """
    roles = POLICY.get(operation, frozenset())
    if not caller.scope:
        return caller.role in roles
    return operation not in PERSONAL and caller.role in roles and caller.scope in roles


def who_may(operation: str) -> str:
    """Roles that may use a route, in words; empty where nobody may.

    Example:
        >>> who_may("placeOrder")
        'an operator, an engineer or an admin'
    """
    roles = [role for role in ROLES if role in POLICY.get(operation, frozenset())]
    named = [f"{'an' if role[0] in 'aeio' else 'a'} {role}" for role in roles]
    return f"{', '.join(named[:-1])} or {named[-1]}" if len(named) > 1 else "".join(named)


async def permitted(
    request: Request, deps: Deps, caller: Annotated[Caller, Depends(require_caller)]
) -> Caller:
    """Let a signed-in caller pass whose role may use the route; an order of another is in the audit.

    Raises:
        RefusedError: 403.
    """
    operation = str(getattr(request.scope.get("route"), "operation_id", ""))
    paced(request, deps, caller)
    if not may(caller, operation):
        kind = _NOTED_ACTS.get(operation) or _NOTED.get(POLICY.get(operation, frozenset()))
        if kind is not None and deps.control.quota.first_no(caller.name):
            await _note(deps, caller, request.client.host if request.client else "", kind)
        raise _no(caller, operation)
    return caller


def paced(request: Request, deps: ApiDeps, caller: Caller) -> None:
    """Count a request once, whoever asks first.

    Raises:
        RefusedError: 429.
    """
    if getattr(request.state, "paced", False):
        return
    request.state.paced = True
    wait_s = deps.pace.wait_s(caller.name)
    if wait_s > 0:
        raise refused("pace", wait_s=wait_s)


def _no(caller: Caller, operation: str) -> RefusedError:
    if caller.scope and (operation in PERSONAL or caller.role in POLICY.get(operation, frozenset())):
        return refused("scope", scope=caller.scope)
    who = _ROLELESS
    if caller.role:
        who = Text(en=f"the role {caller.role!r}", zh=f"角色“{_ROLE_ZH.get(caller.role, caller.role)}”")
    return refused("role", who=who, whom=_whom(operation))


def _whom(operation: str) -> Text:
    """Who may, in words."""
    named = who_may(operation)
    if not named:
        return Text(en="nobody: no policy names it", zh="管理员：权限表中没有此操作")
    roles = [_ROLE_ZH[role] for role in ROLES if role in POLICY.get(operation, frozenset())]
    return Text(en=named, zh="或".join(roles))


async def _note(deps: ApiDeps, caller: Caller, address: str, kind: tuple[str, str]) -> None:
    entry = audit.Entry(
        deps.clock.now().wall_ns, caller.name, caller.role, address, *kind, "", "", "", "", "refused: role",
        token=caller.token,
    )  # fmt: skip
    async with deps.sessions.begin() as session:
        await audit.add(session, deps.registry.site.id, [entry])


Permitted = Annotated[Caller, Depends(permitted)]
