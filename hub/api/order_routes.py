"""Set-points, who holds them, and what people ask for: propose, check, confirm, track."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request

from hub.api.deps import Deps, SiteId, problems
from hub.api.once import OnceRoute
from hub.api.order_desk import take
from hub.api.order_models import HeldPoint, NewOrder, Order, Setpoint
from hub.api.order_views import newest_orders, one_order
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.api.setpoints import setpoints_of
from hub.ledger.orders import open_orders

MOST_ORDERS: Final = 500

router = APIRouter(dependencies=[Depends(permitted)], route_class=OnceRoute)


@router.get("/sites/{site}/setpoints", operation_id="setpoints", responses=problems(401, 403, 404, 422, 503))
async def setpoints(site: SiteId, deps: Deps) -> list[Setpoint]:
    """Every point that may be written: its limits, its value, who holds it and whether it can be set."""
    deps.control.holders.know_ends(await open_orders(deps.sessions, site))
    return await setpoints_of(deps)


@router.get("/sites/{site}/holders", operation_id="holders", responses=problems(401, 403, 404, 422))
async def holders(site: SiteId, deps: Deps) -> list[HeldPoint]:
    """Who holds each point and why, as the edges told it; what is old says so."""
    deps.control.holders.know_ends(await open_orders(deps.sessions, site))
    return deps.control.holders.all()


@router.get("/sites/{site}/orders", operation_id="orders", responses=problems(401, 403, 404, 422, 503))
async def orders(
    site: SiteId,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=MOST_ORDERS)] = 50,
    before: Annotated[str | None, Query(max_length=32)] = None,
) -> list[Order]:
    """What people asked for, newest first; `before` is the id of the last one already seen."""
    return await newest_orders(deps.sessions, site, limit, before)


@router.get("/sites/{site}/orders/{ident}", operation_id="order", responses=problems(401, 403, 404, 422, 503))
async def order(site: SiteId, deps: Deps, ident: str) -> Order:
    """One order and what became of it."""
    found = await one_order(deps.sessions, site, ident)
    if found is None:
        raise refused("order", ident=ident)
    return found


@router.post(
    "/sites/{site}/orders",
    operation_id="placeOrder",
    status_code=202,
    responses=problems(401, 403, 404, 409, 422, 429, 503),
)
async def place(site: SiteId, deps: Deps, body: NewOrder, caller: Permitted, request: Request) -> Order:  # noqa: ARG001  checked by its type
    """Ask for a set-point or an act; written down with its audit entry before anything is sent."""
    address = request.client.host if request.client else ""
    return await take(deps, body, caller, address)
