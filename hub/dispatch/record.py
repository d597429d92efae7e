"""The planner's own record: since when it goes by what, and which plans it could not have."""

from __future__ import annotations

from hub.dispatch.core import Memory
from hub.dispatch.site import DispatchSite
from hub.dispatch.standing import Failed, GoingBy, PlanStanding
from optimizer.words import told
from protocols.config import Text
from protocols.errors import EmsError


class Record:
    """Of one site; forgets with the term of office."""

    def __init__(self) -> None:
        self._going_by: GoingBy = "waiting"
        self._since_ns = 0
        self._made: tuple[str, int] | None = None
        self._failed: Failed | None = None
        self._blind_ns: int | None = None

    def failed(self, error: EmsError, wanted: str, now_ns: int) -> None:
        """A plan could not be had."""
        limits = error.context.get("limits", ())
        kept = tuple(one for one in limits if isinstance(one, Text)) if isinstance(limits, tuple) else ()
        since_ns = now_ns if self._failed is None else self._failed.since_ns
        self._failed = Failed(since_ns, now_ns, wanted, told(error), kept)

    def planned(self, ident: str, now_ns: int) -> None:
        """There is a plan, and what stood against one is over."""
        self._made, self._failed = (ident, now_ns), None

    def renewed(self) -> None:
        """Another configuration holds: what stood against a plan under the last one may be gone."""
        self._failed = None

    def look(self, site: DispatchSite, memory: Memory, now_ns: int, *, blind: bool = False) -> None:
        """Note what is gone by now."""
        now = going_by(site, memory, now_ns)
        if now != self._going_by or not self._since_ns:
            self._going_by, self._since_ns = now, now_ns
        self._blind_ns = (self._blind_ns or now_ns) if blind else None

    def standing(self, site: str) -> PlanStanding | None:
        """How it stands; None before the first look."""
        if not self._since_ns:
            return None
        ident, made_ns = self._made if self._going_by == "plan" and self._made is not None else (None, None)
        return PlanStanding(
            site, self._going_by, self._since_ns, ident, made_ns, self._failed, self._blind_ns
        )


def going_by(site: DispatchSite, memory: Memory, now_ns: int) -> GoingBy:
    """What machines that take orders are told by."""
    plan = memory.plan
    at = None if plan is None else plan.plan.step_at(now_ns)
    if site.modes.site == "off":
        return "off"
    if plan is not None and at is not None and at < plan.plan.binary_steps:
        return "plan"
    if memory.ruled[1] is not None:
        return "rule"
    return "waiting" if plan is None and memory.owed is None else "own_control"
