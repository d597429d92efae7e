"""Real things of another site in the same database, and who must not get at them by their ids.

One hub shows one site; where several hubs share a database, the rows of all sites lie side by side. Every
text of these rows has a mark, so that one that gets into any answer is seen, whatever route it came by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from benchmarks.access_rig import ELSEWHERE, SITE, Access
from hub.accounts.closed_periods import Closer, close_period
from hub.alarms.tables import AlarmActRow
from hub.auth import api_tokens
from hub.auth.signed_in import Origin
from hub.auth.tables import SignInRow, SiteRoleRow, UserRow
from hub.database import Base
from hub.ledger import orders
from hub.ledger.tables import PlanRow
from hub.registry.versions import Author, keep
from hub.reports import book
from hub.reports.tables import ReportFileRow, ReportScheduleRow
from protocols.command import CommandKind
from tests.unit.hub.api_running import NOW_S, S

MARK: Final = "of-another-site"
THERE: Final = "somebody_there"
NOW_NS: Final = NOW_S * S


@dataclass(frozen=True, slots=True)
class Question:
    """How a route is asked for a thing that is not of this site.

    Attributes:
        parts: What stands in its path.
        body: What it wants; None: nothing.
        query: Its parameters.
    """

    parts: Mapping[str, str]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] | None = None


async def foreign_things(access: Access) -> dict[str, Question]:
    """Make one of each, and say for each route with an id how it is asked for it."""
    sessions = access.api.deps.sessions
    await keep(sessions, SITE, {"sites/demo/site.yaml": b"a: 1\n"}, Author("rig", "first"), NOW_NS)
    for at in range(2):
        text = f"a: {at} # {MARK}\n".encode()
        await keep(sessions, ELSEWHERE, {f"sites/{ELSEWHERE}/site.yaml": text}, Author(MARK, MARK), NOW_NS)
    wanted = orders.Order(
        site=ELSEWHERE, kind=CommandKind.STOP, target="all", value=None, unit=None, expect=None, reason=MARK,
        actor="admin_there", confirm=None, until_ns=None, of=None,
    )  # fmt: skip
    order = await orders.place(sessions, wanted, orders.Origin("admin", "::1"), NOW_NS)
    closer = Closer(MARK, "manager", "::1", "")
    await close_period(sessions, ELSEWHERE, ("2025-05", {"energy": Decimal(1)}), closer, NOW_NS)
    ids = {**await _rows(access), "order": order.id}
    return _questions(ids)


async def foreign_rows(access: Access) -> dict[str, list[str]]:
    """All rows of the other site as they are now, by table."""
    found = {}
    async with access.api.deps.sessions() as session:
        for table in Base.metadata.sorted_tables:
            if "site" in table.c:
                rows = await session.execute(select(table).where(table.c.site == ELSEWHERE))
                found[table.name] = sorted(map(repr, rows))
    return found


async def _rows(access: Access) -> dict[str, str]:
    owner = await _person(access)
    await access.api.deps.auth.admit(owner, Origin("::1", MARK))
    async with access.api.deps.sessions.begin() as session:
        family = (
            await session.execute(select(SignInRow.family).where(SignInRow.user_id == owner))
        ).scalar_one()
        made = await api_tokens.make(session, owner, api_tokens.Wanted(ELSEWHERE, MARK, "viewer", 1), NOW_NS)
        if made is None:
            raise AssertionError("the other person has too many tokens")
        report = book.put(session, book.Wish(ELSEWHERE, "energy", "2025-05", "en", ("pdf",)), MARK, NOW_NS)
        report.state, report.digest = "done", MARK
        body = MARK.encode()
        session.add(ReportFileRow(report=report.id, form="pdf", name=f"{MARK}.pdf", size=15, body=body))
        session.add_all([_plan(), _act(), _schedule()])
    return {"report": report.id, "token": made[0].id, "family": family}


async def _person(access: Access) -> int:
    """Somebody who asks for nothing here."""
    async with access.api.deps.sessions.begin() as session:
        row = UserRow(name=THERE, role="", password="", changed_ns=0)
        session.add(row)
        await session.flush()
        session.add(SiteRoleRow(user_id=row.id, site=ELSEWHERE, role="viewer"))
        return row.id


def _plan() -> PlanRow:
    return PlanRow(
        id="plan-there", site=ELSEWHERE, revision=1, created_ns=NOW_NS, status="optimal", gap=0.0, bound=1.0,
        cost=1.0, baseline_cost=2.0, co2_kg=3.0, solve_s=0.1, currency="EUR", steps=1, binary_steps=1,
        body={"step_s": 900, "times": [], "machines": [], "series": [], "note": MARK},
    )  # fmt: skip


def _act() -> AlarmActRow:
    return AlarmActRow(
        id="act-there", site=ELSEWHERE, kind="shelve", alarm="a", actor=MARK, reason=MARK, until_ns=0,
        occurrence=1, asked_ns=NOW_NS, done_ns=None, refused="",
    )  # fmt: skip


def _schedule() -> ReportScheduleRow:
    return ReportScheduleRow(
        id="schedule-there", site=ELSEWHERE, kind="energy", every="month", at_min=60, language="en",
        formats=["pdf"], sender="mail", to=[f"{MARK}@plant.example"], active=True, made_by=MARK,
        made_ns=NOW_NS, looked_ns=NOW_NS,
    )  # fmt: skip


def _questions(ids: Mapping[str, str]) -> dict[str, Question]:
    plan, person = {"ident": "plan-there"}, {"name": THERE}
    version = {"version": "2"}
    return {
        "planReport": Question(plan),
        "planWhy": Question(plan, query={"unit": "comp1", "at": "2025-06-15T15:00:00Z"}),
        "planPage": Question(plan),
        "approvePlan": Question(plan, {"machines": ["comp1"]}),
        "configChanges": Question(version),
        "configDocuments": Question(version),
        "configDocument": Question(version, query={"file": f"sites/{ELSEWHERE}/site.yaml"}),
        "configExport": Question(version),
        "rollBackConfig": Question(version, {"reason": "back"}),
        "order": Question({"ident": ids["order"]}),
        "alarmAct": Question({"ident": "act-there"}),
        "report": Question({"ident": ids["report"]}),
        "reportFile": Question({"ident": ids["report"], "form": "pdf"}),
        "endReportSchedule": Question({"ident": "schedule-there"}),
        "endMySession": Question({"ident": ids["family"]}),
        "endMyToken": Question({"ident": ids["token"]}),
        # somebody of elsewhere is given a role here by their name: it takes nothing there, so not asked here
        "givePersonRole": Question({"name": "nobody"}, {"role": "viewer"}),
        "renewPersonPassword": Question(person),
        "dropPersonFactor": Question(person),
        "removePerson": Question(person),
        "letPersonIn": Question(person),
        "personSessions": Question(person),
        "endPersonSession": Question({**person, "ident": ids["family"]}),
    }
