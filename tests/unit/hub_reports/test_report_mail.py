"""A manager gets reports by mail from a real SMTP server: due by the site's clock, once; or the reason."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

import psutil
import pytest
from aiosmtpd.smtp import Envelope
from openpyxl import load_workbook
from pypdf import PdfReader

from hub.reports.tables import ReportMailRow, ReportRow, ReportScheduleRow
from runtime.clock import SystemClock, VirtualClock
from tests.unit.accounts.site_series import S
from tests.unit.hub_reports.report_hub import (
    MailServer,
    ReportHub,
    hub_folder,
    last_month,
    ns,
    report_hub,
)

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(180)]
MONTH, FIRST, AFTER = last_month()
LONG_AGO = "2001-02"


@pytest.fixture(scope="module")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_folder(tmp_path_factory.mktemp("reports"))


@pytest.fixture
async def hub(made_folder: Path, tmp_path: Path) -> AsyncIterator[ReportHub]:
    state = await asyncio.to_thread(shutil.copytree, made_folder, tmp_path / "state")
    async with report_hub(state, VirtualClock(wall_ns=SystemClock().now().wall_ns)) as found:
        yield found


@pytest.fixture
def post() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


def read(envelope: Envelope) -> tuple[str, str, dict[str, bytes]]:
    """Subject, words and files of a mail."""
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content)
    words = next(_bytes(part) for part in mail.walk() if part.get_content_type() == "text/plain").decode()
    files = {name: _bytes(part) for part in mail.walk() if (name := part.get_filename()) is not None}
    return str(make_header(decode_header(str(mail["Subject"])))), words, files


def _bytes(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


async def schedule(hub: ReportHub, every: str, looked_ns: int, kind: str = "carbon") -> None:
    async with hub.sessions.begin() as session:
        session.add(
            ReportScheduleRow(
                id=f"s-{every}", site="demo", kind=kind, every=every, at_min=0, language="zh",
                formats=["xlsx", "pdf"], sender="mail", to=["manager@plant.example"], active=True,
                made_by="anna", made_ns=looked_ns, looked_ns=looked_ns,
            )
        )  # fmt: skip


async def test_a_manager_gets_the_months_carbon_report_in_chinese_by_mail_once(
    hub: ReportHub, post: MailServer
) -> None:
    await schedule(hub, "month", ns(AFTER) - S)
    keepers = (hub.keeper(), hub.keeper())
    assert [await one.look() for one in keepers] == [1, 0]
    assert [await one.turn() for one in keepers] == [True, False]
    postmen = (hub.postman(post.port), hub.postman(post.port))
    for one in (*postmen, *postmen):
        await one.turn()
    [envelope] = post.box.mails
    assert envelope.rcpt_tos == ["manager@plant.example"]
    subject, words, files = read(envelope)
    assert subject == f"[demo] 碳排放月报 {MONTH}"
    assert "数据完整率：100.0 %" in words
    assert sorted(files) == [f"demo-carbon-{MONTH}-zh.pdf", f"demo-carbon-{MONTH}-zh.xlsx"]
    quarters = (ns(AFTER) - ns(FIRST)) // (900 * S)
    tonnes = quarters * 25.0 * 0.5 / 1000.0
    pages = PdfReader(io.BytesIO(files[f"demo-carbon-{MONTH}-zh.pdf"])).pages
    assert f"{tonnes:,.3f} t CO2" in "\n".join(page.extract_text() for page in pages)
    book = load_workbook(io.BytesIO(files[f"demo-carbon-{MONTH}-zh.xlsx"]))
    cells = [cell for sheet in book.worksheets for row in sheet.values for cell in row]
    assert any(isinstance(cell, float) and abs(cell - tonnes) < 0.0005 for cell in cells)
    assert [row.state for row in await hub.rows()] == ["done"]


async def test_a_server_that_refuses_for_now_is_asked_again_and_told_of(
    hub: ReportHub, post: MailServer
) -> None:
    ident = await hub.order("energy", MONTH, formats=("pdf",), mailed=True)
    await hub.keeper().turn()
    post.box.refuse = "451 come back later"
    postman = hub.postman(post.port)
    await postman.turn()
    mail = await hub.mail(ident)
    assert (mail.state, mail.tries) == ("waiting", 1)
    assert "127.0.0.1 refuses" in mail.error
    await postman.turn()
    assert (await hub.mail(ident)).tries == 1, "it is not due yet"
    post.box.refuse = ""
    assert isinstance(hub.clock, VirtualClock)
    hub.clock.advance(6.0)
    await postman.turn()
    assert (await hub.mail(ident)).state == "sent"
    assert len(post.box.mails) == 1


async def test_who_has_a_report_is_not_sent_it_again_while_it_is_tried_for_the_others(
    hub: ReportHub, post: MailServer
) -> None:
    ident = await hub.order("energy", MONTH, formats=("pdf",), mailed=True)
    await hub.keeper().turn()
    people = ["manager@plant.example", "late@plant.example"]
    async with hub.sessions.begin() as session:
        mail = await session.get(ReportMailRow, ident)
        assert mail is not None
        mail.to = people
    post.box.refuse, post.box.refused = "451 come back later", "late@"
    postman = hub.postman(post.port)
    await postman.turn()
    mail = await hub.mail(ident)
    assert (mail.state, mail.error) == ("waiting", "127.0.0.1 refuses late@plant.example; the others have it")
    post.box.refuse = ""
    assert isinstance(hub.clock, VirtualClock)
    hub.clock.advance(6.0)
    await postman.turn()
    assert (await hub.mail(ident)).state == "sent"
    assert [envelope.rcpt_tos for envelope in post.box.mails] == [[one] for one in people]


async def test_a_server_that_refuses_for_good_is_told_and_not_asked_again(
    hub: ReportHub, post: MailServer
) -> None:
    ident = await hub.order("energy", MONTH, formats=("pdf",), mailed=True)
    await hub.keeper().turn()
    post.box.refuse = "550 no such mailbox"
    await hub.postman(post.port).turn()
    mail = await hub.mail(ident)
    assert (mail.state, mail.tries, post.box.mails) == ("failed", 1, [])
    assert "refuses manager@plant.example" in mail.error
    assert (await hub.row(ident)).state == "done", "the report itself is there"


async def test_a_range_without_data_is_told_in_its_language_with_nothing_half_done(
    hub: ReportHub, post: MailServer
) -> None:
    ident = await hub.order("carbon", LONG_AGO, mailed=True)
    assert (await hub.mail(ident)).state == "held"
    await hub.keeper().turn()
    row = await hub.row(ident)
    assert row.state == "failed"
    assert "there are no data of demo from 2001-02-01 00:00 to 2001-03-01 00:00" in row.error_en
    assert "没有任何数据" in row.error_zh
    assert await hub.files(ident) == {}
    await hub.postman(post.port).turn()
    [envelope] = post.box.mails
    _, words, files = read(envelope)
    assert "报告未能生成" in words
    assert files == {}


@pytest.mark.parametrize("kind", ["energy", "alarms", "plan"])
async def test_each_kind_says_where_it_has_no_data(hub: ReportHub, kind: str) -> None:
    ident = await hub.order(kind, LONG_AGO)
    await hub.keeper().turn()
    row = await hub.row(ident)
    assert (row.state, await hub.files(ident)) == ("failed", {})
    assert "there are no data" in row.error_en
    assert "没有任何数据" in row.error_zh


async def test_after_a_downtime_the_newest_are_made_up_for_and_not_all(hub: ReportHub) -> None:
    now_ns = hub.clock.now().wall_ns
    await schedule(hub, "day", now_ns - 30 * 86_400 * S, "energy")
    assert await hub.keeper().look() == 7
    periods = [row.period for row in await hub.rows()]
    assert len(set(periods)) == 7
    assert await hub.keeper().look() == 0


async def test_a_process_that_is_killed_is_begun_again_and_given_up_after_three(hub: ReportHub) -> None:
    ident = await hub.order("energy", MONTH, formats=("pdf",))
    keeper = hub.keeper()
    for tries in (1, 2, 3):
        async with asyncio.TaskGroup() as group:
            turn = group.create_task(keeper.turn())
            while not turn.done():
                for child in psutil.Process().children():
                    if ident in " ".join(child.cmdline()):
                        child.kill()
                await asyncio.sleep(0.02)
        row = await hub.row(ident)
        assert (row.tries, row.state) == (tries, "failed" if tries == 3 else "waiting")
    assert "报告生成中断" in (await hub.row(ident)).error_zh
    assert await hub.files(ident) == {}
    assert not await keeper.turn()


async def test_what_a_dead_hub_left_is_taken_over(hub: ReportHub) -> None:
    ident = await hub.order("energy", MONTH, formats=("pdf",))
    async with hub.sessions.begin() as session:
        row = await session.get(ReportRow, ident)
        assert row is not None
        row.state, row.holder, row.held_until_ns = "running", "dead", hub.clock.now().wall_ns + 60 * S
    keeper = hub.keeper()
    assert not await keeper.turn()
    assert isinstance(hub.clock, VirtualClock)
    hub.clock.advance(61.0)
    assert await keeper.turn()
    assert (await hub.row(ident)).state == "done"


async def test_a_sender_that_is_not_there_is_told(hub: ReportHub, post: MailServer) -> None:
    ident = await hub.order("energy", MONTH, formats=("pdf",), mailed=True)
    await hub.keeper().turn()
    async with hub.sessions.begin() as session:
        mail = await session.get(ReportMailRow, ident)
        assert mail is not None
        mail.sender = "pigeon"
    await hub.postman(post.port).turn()
    assert "there is no sender 'pigeon' in senders.yaml" in (await hub.mail(ident)).error
