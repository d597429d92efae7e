"""Who may do what: one table from route to roles, one function that asks it; the rest is shut."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request

from hub.api.deps import ApiDeps, Deps, require_caller
from hub.auth.people import ROLES
from hub.auth.tokens import Caller
from hub.ledger import audit

ADMIN: Final = "admin"
OPERATOR: Final = "operator"

_READ: Final = frozenset(ROLES)
COMMAND: Final = frozenset({ADMIN, OPERATOR})
"""Roles that may ask for set-points and acts."""

POLICY: Final[dict[str, frozenset[str]]] = {
    "sites": _READ,
    "devices": _READ,
    "points": _READ,
    "values": _READ,
    "history": _READ,
    "samples": _READ,
    "series": _READ,
    "consumption": _READ,
    "balances": _READ,
    "balance": _READ,
    "plan": _READ,
    "commands": _READ,
    "edges": _READ,
    "configVersions": _READ,
    "configChanges": _READ,
    "setpoints": _READ,
    "holders": _READ,
    "orders": _READ,
    "order": _READ,
    "audit": _READ,
    "auditCheck": _READ,
    "placeOrder": COMMAND,
}
"""Operation id of a route that needs a sign-in to the roles that may use it."""


def may(role: str, operation: str) -> bool:
    """Whether a role may use a route; never where the table does not name it."""
    return role in POLICY.get(operation, frozenset())


async def permitted(
    request: Request, deps: Deps, caller: Annotated[Caller, Depends(require_caller)]
) -> Caller:
    """Let a signed-in caller pass whose role may use the route; an order of another is in the audit.

    Raises:
        HTTPException: 403.
    """
    operation = str(getattr(request.scope.get("route"), "operation_id", ""))
    if not may(caller.role, operation):
        if POLICY.get(operation) == COMMAND and deps.control.quota.first_no(caller.name):
            await _note(deps, caller, request.client.host if request.client else "")
        raise HTTPException(403, f"the role {caller.role!r} may not do this; ask an operator or an admin")
    return caller


async def _note(deps: ApiDeps, caller: Caller, address: str) -> None:
    entry = audit.Entry(
        deps.clock.now().wall_ns, caller.name, caller.role, address, "command", "order", "", "", "", "",
        "refused: role",
    )  # fmt: skip
    async with deps.sessions.begin() as session:
        await audit.add(session, deps.registry.site.id, [entry])


Permitted = Annotated[Caller, Depends(permitted)]
