"""The core with its hands: snapshots from the store, plans from the child process, rows for the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from hub.command.wishes import Wish
from hub.dispatch import core
from hub.dispatch.report import row_of
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Accepted
from hub.dispatch.view import PlantView
from hub.dispatch.worker import solve_apart
from hub.ledger import book
from protocols.clock import Clock
from protocols.errors import SolveError
from protocols.heartbeat import Heartbeat

_log = logging.getLogger(__name__)
_BEAT_S: Final = 10.0
"""An edge silent for longer has all its devices down. [s]"""
_FIRST_LOOK_S: Final = 10.0
"""How long the first plan waits for every machine to be seen. [s]"""

Beats = Mapping[str, tuple[Heartbeat, float]]


class Pilot:
    """Decides once a second; plans one at a time."""

    def __init__(self, site: DispatchSite, view: PlantView, sessions: book.Sessions, clock: Clock) -> None:
        self._site = site
        self._view = view
        self._sessions = sessions
        self._clock = clock
        self._memory = core.Memory()
        self._revision = 0
        self._plan_id: str | None = None
        self._asked: asyncio.Queue[tuple[core.Decision, Snapshot]] = asyncio.Queue(1)
        self._begin_s = clock.mono_s()

    async def decide(self, beats: Beats) -> dict[str, list[Wish]]:
        """Look, decide, and give what shall be held, by edge.

        Raises:
            StoreError: The store cannot be read now; what is held stays held.
        """
        now_ns = self._clock.now().wall_ns
        snapshot = await asyncio.to_thread(self._view.snapshot, now_ns, beats, _BEAT_S)
        if not self._complete(snapshot):
            return {}
        self._memory, decision = core.step(self._site, self._memory, snapshot, now_ns)
        if decision.replan is not None:
            self._asked.put_nowait((decision, snapshot))
        return self._wishes(decision)

    async def plan_when_asked(self) -> None:
        """Wait until a plan is wanted, make it, keep it; one that cannot be had leaves the last in force.

        A plan is in force only once its row is committed: no set-point ever follows a plan nobody can read.
        """
        decision, snapshot = await self._asked.get()
        reason = decision.replan
        kept: Accepted | None = None
        try:
            task = await asyncio.to_thread(core.task_of, self._site, self._memory, decision, snapshot)
            accepted = await solve_apart(task)
            row = row_of(self._site, accepted, self._clock.now().wall_ns, self._revision + 1)
            await book.save_plan(self._sessions, row)
            kept, self._plan_id, self._revision = accepted, row.id, row.revision
            text = "plan (%s): cost %.0f, under own control %.0f, gap %.2f %%, solved in %.1f s"
            _log.info(text, reason, row.cost, row.baseline_cost, 100.0 * row.gap, row.solve_s)
        except SolveError as error:
            _log.warning("no new plan (%s): %s", reason, error)
        finally:
            self._memory = core.planned(self._memory, kept)

    def _complete(self, snapshot: Snapshot) -> bool:
        """Whether every machine has been seen, or the wait for it is over."""
        waited = self._clock.mono_s() - self._begin_s > _FIRST_LOOK_S
        return waited or set(self._site.edges) <= set(snapshot.links)

    def _wishes(self, decision: core.Decision) -> dict[str, list[Wish]]:
        wishes: dict[str, list[Wish]] = {}
        for wanted in decision.set_points:
            edge = self._site.edges[wanted.point.split("/")[0]]
            point = f"{self._site.id}/{wanted.point}"
            wishes.setdefault(edge, []).append(
                Wish(point, wanted.value, wanted.unit, wanted.reason, self._revision, self._plan_id)
            )
        return wishes
