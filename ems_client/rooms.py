"""Rooms of a hub that a script asks: accounts, reports, the audit; one method a question."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from ems_client.room_models import (
    AccountInvoice,
    AccountStatement,
    AuditCheck,
    AuditEntry,
    ClosedVersion,
    GoalAnswer,
    SiteReport,
)
from ems_client.wire import Wire
from protocols.errors import HubAwayError

_PAGE: Final = 1000
_REPORTS_A_PAGE: Final = 100
_ASK_AGAIN_S: Final = 2.0
Language = Literal["en", "zh"]
Dimension = Literal["carrier", "area", "device", "product", "shift", "meter"]
ReportForm = Literal["xlsx", "pdf"]


class Accounts:
    """Energy, cost and carbon; a period is `2026-10-22`, `2026-W43`, `2026-10`, `2026` or `day..day`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def statement(self, site: str, period: str, by: Sequence[Dimension] = ("carrier",)) -> AccountStatement:
        """What was used, what it cost and emitted; one that goes on is reckoned up to now."""
        query = {"period": period, "by": list(by)}
        return AccountStatement.model_validate(self._wire.get(f"/sites/{site}/accounts/statement", query))

    def invoice(self, site: str, period: str) -> AccountInvoice:
        """What it costs by the contract, line by line; refused with 409 where no invoice can be made."""
        found = self._wire.get(f"/sites/{site}/accounts/invoice", {"period": period})
        return AccountInvoice.model_validate(found)

    def goals(self, site: str) -> list[GoalAnswer]:
        """Where targets and budgets stand."""
        return [GoalAnswer.model_validate(row) for row in self._wire.get(f"/sites/{site}/accounts/goals")]

    def closed(self, site: str) -> list[ClosedVersion]:
        """Periods as they were reported, the newest first; refused with 409 where they were changed."""
        return [ClosedVersion.model_validate(row) for row in self._wire.get(f"/sites/{site}/accounts/closed")]

    def close(
        self, site: str, period: str, *, despite_gaps: bool = False, without_invoice: bool = False
    ) -> ClosedVersion:
        """Close a period: from now on its figures stand."""
        body = {"period": period, "despite_gaps": despite_gaps, "without_invoice": without_invoice}
        return ClosedVersion.model_validate(self._wire.post(f"/sites/{site}/accounts/closed", body))

    def restate(self, site: str, period: str, reason: str, **despite: bool) -> ClosedVersion:
        """Restate a closed period by what is known now; `despite_gaps`, `without_invoice` as in `close`."""
        body = {"period": period, "reason": reason, **despite}
        return ClosedVersion.model_validate(self._wire.post(f"/sites/{site}/accounts/restatements", body))

    def download(self, site: str, period: str, path: Path, **how: object) -> int:
        """Write a period as CSV; how many bytes.

        Args:
            site: The site.
            period: The period.
            path: Where to; one that breaks off leaves nothing there.
            how: `what="invoice"`, else the statement; `by=["area"]`; `language="zh"`.
        """
        return self._wire.save(f"/sites/{site}/accounts/download", {"period": period, **how}, path)


class Reports:
    """Reports as files, made by the hub beside its other work."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def every(self, site: str) -> Iterator[SiteReport]:
        """All reports, the newest first; asked for in pages."""
        query: dict[str, Any] = {"limit": _REPORTS_A_PAGE}
        while rows := self._wire.get(f"/sites/{site}/reports", query):
            yield from (SiteReport.model_validate(row) for row in rows)
            query["before"] = rows[-1]["id"]

    def one(self, site: str, ident: str) -> SiteReport:
        """One report, and how far it is."""
        return SiteReport.model_validate(self._wire.get(f"/sites/{site}/reports/{ident}"))

    def order(self, site: str, kind: str, period: str, **more: object) -> SiteReport:
        """Ask for a report; it is made in a while.

        Args:
            site: The site.
            kind: `energy`, `carbon`, `alarms` or `plan`.
            period: As for accounts.
            more: `language="zh"`, `formats=["pdf"]`; `sender` and `to` for a mail.
        """
        body = {"kind": kind, "period": period, **more}
        return SiteReport.model_validate(self._wire.post(f"/sites/{site}/reports", body))

    def wait(self, site: str, ident: str, most_s: float = 300.0) -> SiteReport:
        """The report once it is done or has failed; its `progress` says which.

        Raises:
            HubAwayError: It is neither after `most_s`.
        """
        end_s = time.monotonic() + most_s
        while True:
            found = self.one(site, ident)
            if found.progress.state in {"done", "failed"}:
                return found
            if time.monotonic() >= end_s:
                raise HubAwayError(
                    f"the report is {found.progress.state} after {most_s:g} s; ask again later"
                )
            time.sleep(min(_ASK_AGAIN_S, max(end_s - time.monotonic(), 0.0)))

    def save(self, site: str, ident: str, form: ReportForm, path: Path) -> int:
        """Write a file of a report that is done; how many bytes."""
        return self._wire.save(f"/sites/{site}/reports/{ident}/files/{form}", {}, path)


class Audit:
    """Who did what."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def entries(self, site: str) -> Iterator[AuditEntry]:
        """All entries, newest first, to the first one; asked for in pages."""
        query: dict[str, Any] = {"limit": _PAGE}
        while rows := self._wire.get(f"/sites/{site}/audit", query):
            yield from (AuditEntry.model_validate(row) for row in rows)
            query["before"] = rows[-1]["number"]
            if rows[-1]["number"] == 1:
                return

    def check(self, site: str) -> AuditCheck:
        """Whether the chain of all entries verifies."""
        return AuditCheck.model_validate(self._wire.get(f"/sites/{site}/audit/check"))
