"""Energy, cost and carbon of a site: the book, the invoice, goals, what is ahead, closed periods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from accounts.ledger import DIMENSIONS, Dimension
from hub.accounts.billing import Billed, invoice_of
from hub.accounts.closed_periods import (
    Closer,
    close_period,
    figures_of,
    may_close,
    may_go_without,
    records_of,
    restate_period,
)
from hub.accounts.figure_words import naming
from hub.accounts.making import PeriodStatement, goals_of, statement_of
from hub.accounts.outlook import basic_advice, factor_outlook
from hub.accounts.periods import NamedPeriod, named
from hub.accounts.phrases import account_text
from hub.accounts.site import SiteAccounts
from hub.api.account_csv import invoice_csv, statement_csv
from hub.api.account_models import AccountsState, AccountStatement
from hub.api.account_money_models import (
    AccountInvoice,
    AccountOutlook,
    ClosedVersion,
    ClosePeriod,
    GoalAnswer,
    RestatePeriod,
)
from hub.api.account_money_views import (
    charge_answer,
    closed_answer,
    closed_answers,
    factor_answer,
    goal_answers,
    invoice_answer,
    sharing_answer,
)
from hub.api.account_views import Words, statement_answer
from hub.api.deps import ApiDeps, Deps, SiteId, address_of, problems
from hub.api.once import OnceRoute
from hub.api.policy import Permitted, permitted
from hub.api.presence import while_there
from hub.api.refusals import refused
from hub.auth.tokens import Caller
from hub.store.port import SeriesReader
from protocols.config import Text
from protocols.errors import BusyError, ConfigError, OrderRefusedError, TamperedError

_T = TypeVar("_T")
_READ: Final = problems(401, 403, 404, 409, 422, 503)
_WRITE: Final = problems(401, 403, 404, 409, 422, 429, 503)

router = APIRouter(prefix="/sites/{site}/accounts", dependencies=[Depends(permitted)], route_class=OnceRoute)
PeriodText = Annotated[str, Query(alias="period", min_length=4, max_length=32)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the routes of a period ask for."""

    deps: ApiDeps
    site: SiteAccounts
    request: Request

    async def get(self, key: Hashable, work: Callable[[SeriesReader, SiteAccounts, int], _T]) -> _T:
        """An answer out of a thread, given up when the caller goes away.

        What cannot be made is refused in both languages. An order is carried through though its connection
        ended.

        Raises:
            OrderRefusedError: 409, in the words of who found it.
            RefusedError: 503, too many ask for accounts at once.
        """
        answer = self.deps.accounts_desk.ask(self.site, key, work)
        try:
            return await (while_there(self.request, answer) if self.request.method == "GET" else answer)
        except BusyError as error:
            wait_s = float(str(error.context["wait_s"]))
            raise refused("accounts_busy", wait_s=wait_s, seconds=f"{wait_s:g}") from error
        except ConfigError as error:
            raise _refused(409, "accounts", error, "无法生成账目：{why}") from error

    @property
    def words(self) -> Words:
        """What ids are called."""
        return Words(self.site, self.deps.registry, self.deps.places.areas)


def _asked(site: SiteId, deps: Deps, request: Request) -> Asked:  # noqa: ARG001  checked by its type
    if deps.accounts is None:
        raise _no(
            404,
            "no_book",
            "this site has no book of meters; add accounts.yaml to its configuration",
            "本站点没有计量账簿，请在配置中添加 accounts.yaml",
        )
    return Asked(deps, deps.accounts, request)


AskedOfSite = Annotated[Asked, Depends(_asked)]


def _period(text: PeriodText) -> NamedPeriod:
    return _named(text)


Period = Annotated[NamedPeriod, Depends(_period)]


class Whole(NamedTuple):
    """A period as it is closed."""

    statement: PeriodStatement
    billed: Billed | None
    no_invoice: str
    """Why there is no invoice though the site has a contract; empty otherwise."""


@router.get("", operation_id="accounts", responses=problems(401, 403, 404, 422))
async def state(site: SiteId, deps: Deps) -> AccountsState:  # noqa: ARG001  checked by its type
    """Whether the site has accounts, and what they go by."""
    found = deps.accounts
    contract = None if found is None else found.contract
    return AccountsState(
        book=found is not None,
        contract=None if contract is None else contract.label,
        by_tariff=found is not None and found.by_tariff,
        currency=deps.registry.site.currency if found is None else found.currency,
        dimensions=list(DIMENSIONS),
    )


@router.get("/statement", operation_id="accountStatement", responses=_READ)
async def statement(
    asked: AskedOfSite,
    period: Period,
    by: Annotated[list[Dimension] | None, Query(max_length=3)] = None,
) -> AccountStatement:
    """What the site used, what it cost and emitted over a period; one that goes on is reckoned up to now."""
    split: list[Dimension] = list(dict.fromkeys(by or ["carrier"]))
    made = await asked.get(("statement", period.name, tuple(split)), _statement(period, split))
    return statement_answer(asked.site, made, split, asked.words)


@router.get("/invoice", operation_id="accountInvoice", responses=_READ)
async def invoice(asked: AskedOfSite, period: Period) -> AccountInvoice:
    """What a period costs by the contract, line by line, and who bears it."""

    def work(reader: SeriesReader, site: SiteAccounts, now_ns: int) -> AccountInvoice:
        billed = invoice_of(reader, site, period, now_ns)
        now = (now_ns, billed.invoice.total)
        made, unshared = _tried(lambda: statement_of(reader, site, period, ["carrier"], now))
        shared = {} if made is None else made.statement.shared
        return invoice_answer(site, period, billed, sharing_answer(shared, _why(unshared), asked.words))

    return await asked.get(("invoice", period.name), work)


@router.get(
    "/download",
    operation_id="accountsDownload",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **_READ},
)
async def download(
    asked: AskedOfSite,
    period: Period,
    what: Literal["statement", "invoice"] = "statement",
    by: Annotated[list[Dimension] | None, Query(max_length=3)] = None,
    language: Literal["en", "zh"] = "en",
) -> Response:
    """The same figures as CSV."""
    if what == "invoice":
        text = invoice_csv(await invoice(asked, period), language)
    else:
        text = statement_csv(await statement(asked, period, by), language)
    name = f'attachment; filename="{what}-{asked.site.site}-{period.name}.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


@router.get("/goals", operation_id="accountGoals", responses=_READ)
async def goals(asked: AskedOfSite) -> list[GoalAnswer]:
    """Where targets and budgets stand by their whole days."""
    return goal_answers(asked.site, await asked.get("goals", goals_of))


@router.get("/outlook", operation_id="accountOutlook", responses=_READ)
async def outlook(asked: AskedOfSite) -> AccountOutlook:
    """The power factor at the end of this month, and the cheapest basic charge of the next one."""

    def work(reader: SeriesReader, site: SiteAccounts, now_ns: int) -> AccountOutlook:
        factor, no_factor = _tried(lambda: factor_answer(factor_outlook(reader, site, now_ns)))
        charge, no_charge = _tried(lambda: charge_answer(basic_advice(reader, site, now_ns)))
        return AccountOutlook(
            factor=factor,
            no_factor=_why(no_factor),
            charge=charge,
            no_charge=_why(no_charge),
            currency=site.currency,
        )

    return await asked.get("outlook", work)


@router.get("/closed", operation_id="closedPeriods", responses=problems(401, 403, 404, 409, 422, 503))
async def closed(site: SiteId, deps: Deps) -> list[ClosedVersion]:
    """Periods as they were reported, the newest first; they are held against hashes and audit before."""
    async with _untampered():
        return closed_answers(
            await records_of(deps.sessions, site), naming(deps.accounts, deps.registry.site.currency)
        )


@router.post("/closed", operation_id="closePeriod", status_code=201, responses=_WRITE)
async def close(asked: AskedOfSite, body: ClosePeriod, caller: Permitted, request: Request) -> ClosedVersion:
    """Close a period: from now on its figures stand, and can only be restated."""
    return await _closing(asked, body, _closer(caller, request, ""))


@router.post("/restatements", operation_id="restatePeriod", status_code=201, responses=_WRITE)
async def restate(
    asked: AskedOfSite, body: RestatePeriod, caller: Permitted, request: Request
) -> ClosedVersion:
    """Restate a closed period by what is known now: old, new and difference stand beside each other."""
    return await _closing(asked, body, _closer(caller, request, body.reason.strip()))


async def _closing(asked: Asked, body: ClosePeriod | RestatePeriod, who: Closer) -> ClosedVersion:
    deps, period = asked.deps, _named(body.period)
    deps.accounts_desk.forget()  # what came late a moment ago belongs to it
    whole = await asked.get(("whole", period.name), _whole(period))
    now_ns = deps.clock.now().wall_ns
    try:
        over = period.over(now_ns, asked.site.zone)
        may_close(whole.statement, whole.billed, over=over, despite_gaps=body.despite_gaps)
        may_go_without(period.name, whole.no_invoice, said=body.without_invoice)
        act = restate_period if who.reason else close_period
        figures = figures_of(whole.statement, whole.billed)
        who = replace(who, no_invoice=whole.no_invoice)
        async with _untampered():
            made = await act(deps.sessions, asked.site.site, (period.name, figures), who, now_ns)
            return closed_answer(
                await records_of(deps.sessions, asked.site.site),
                made,
                naming(deps.accounts, deps.registry.site.currency),
            )
    except ConfigError as error:
        raise _refused(409, "closing", error, "无法结账：{why}") from error


@asynccontextmanager
async def _untampered() -> AsyncIterator[None]:
    """That closed periods were changed behind the hub is said in both languages."""
    try:
        yield
    except TamperedError as error:
        raise refused("closed_tampered", why=account_text(str(error.args[0]))) from error


def _statement(
    period: NamedPeriod, by: list[Dimension]
) -> Callable[[SeriesReader, SiteAccounts, int], PeriodStatement]:
    return lambda reader, site, now_ns: statement_of(reader, site, period, by, (now_ns, None))


def _whole(period: NamedPeriod) -> Callable[[SeriesReader, SiteAccounts, int], Whole]:
    def work(reader: SeriesReader, site: SiteAccounts, now_ns: int) -> Whole:
        made = statement_of(reader, site, period, ["carrier"], (now_ns, None))
        if site.contract is None:
            return Whole(made, None, "")
        return Whole(made, *_tried(lambda: invoice_of(reader, site, period, now_ns)))

    return work


def _tried(work: Callable[[], _T]) -> tuple[_T | None, str]:
    """What comes of it, or why nothing does."""
    try:
        return work(), ""
    except ConfigError as error:
        return None, str(error)


def _why(said: str) -> Text | None:
    return account_text(said) if said else None


def _named(text: str) -> NamedPeriod:
    try:
        return named(text)
    except ConfigError as error:
        raise _refused(422, "period", error, "{why}") from error


def _closer(caller: Caller, request: Request, reason: str) -> Closer:
    return Closer(caller.name, caller.role, address_of(request), reason, caller.token)


def _refused(status: int, code: str, error: ConfigError, zh: str) -> OrderRefusedError:
    """The accounts say it; `zh` is what stands around that in Chinese."""
    words = account_text(str(error))
    return _no(status, code, words.en, zh.format(why=words.zh))


def _no(status: int, code: str, en: str, zh: str) -> OrderRefusedError:
    return OrderRefusedError(en, status=status, code=code, zh=zh)
