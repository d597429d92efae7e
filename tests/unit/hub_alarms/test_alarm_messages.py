"""Messages about alarms: a real mail and a real web server; refused, tried again, told once, escalated."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typing_extensions import override

from hub.alarms.config import Notify
from hub.alarms.notices import notices_of
from hub.alarms.phrases import found_in
from hub.alarms.states import Happened
from hub.alarms.tables import AlarmLineRow, AlarmNoticeRow
from hub.alarms.teller import Teller
from hub.alarms.watch import Watch
from hub.outside.senders import load_senders
from protocols.config import Text
from protocols.errors import ConfigError
from tests.unit.hub_alarms.alarm_hub import Place, place_of, site_of

pytestmark = pytest.mark.net


@dataclass
class MailServer:
    """Speaks SMTP (RFC 5321) as far as a mail needs it; `refuse` answers the recipients."""

    port: int = 0
    refuse: str = ""
    refused: str = ""
    """Who is refused; empty: all."""

    mails: list[tuple[list[str], Mail]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 plant.example ESMTP")
        to: list[str] = []
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word == "RCPT" and self.refuse and self.refused in line:
                say(self.refuse)
            elif word == "RCPT":
                to.append(line.partition("<")[2].rstrip(">"))
                say("250 ok")
            elif word == "DATA":
                say("354 go on")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append((to, message_from_bytes(body.removesuffix(b".\r\n"))))
                to = []
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    made = MailServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@dataclass
class Hook:
    """A web server that takes JSON and answers as a robot does."""

    url: str = ""
    answers: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], dict[str, object]]] = field(default_factory=list)


@contextmanager
def hook_server() -> Iterator[Hook]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.got.append((self.path, dict(self.headers), body))
            status, answer = made.answers.pop(0) if made.answers else (200, {"errcode": 0})
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
async def place(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with place_of(clean_business_url, tmp_path) as made:
        yield made


def teller_of(place: Place, folder: Path, watch: Watch, text: str) -> Teller:
    file = folder / "senders.yaml"
    file.write_text(f"senders:\n{text}", encoding="utf-8")
    file.chmod(0o600)
    (folder / "outside.yaml").write_text("allow: [127.0.0.1]\n", encoding="utf-8")
    return Teller(place.sessions, (folder, "demo"), watch, place.clock)


def mail_of(port: int) -> str:
    rest = "security: none, sender: ems@plant.example"
    return f"  mail: {{kind: mail, host: 127.0.0.1, port: {port}, {rest}}}\n"


async def states(place: Place) -> list[tuple[str, str]]:
    async with place.sessions() as session:
        rows = (await session.execute(select(AlarmNoticeRow).order_by(AlarmNoticeRow.number))).scalars()
        return [(row.kind, row.state) for row in rows]


async def kinds(place: Place) -> list[str]:
    async with place.sessions() as session:
        rows = (await session.execute(select(AlarmLineRow).order_by(AlarmLineRow.number))).scalars()
        return [row.kind for row in rows]


async def test_an_alarm_is_mailed_once_and_to_the_next_person_when_nobody_acknowledges(
    place: Place, tmp_path: Path
) -> None:
    watch = place.watch()
    async with mail_server() as server:
        teller = teller_of(place, tmp_path, watch, mail_of(server.port))
        await place.pass_s(8, 5.0, watch)
        await teller.turn()
        await teller.turn()
        [(to, mail)] = server.mails
        assert to == ["a@b.example"]
        assert str(mail["Subject"]) == "[demo] P1 w"
        assert "5" in str(mail.get_payload())
        assert "→ w" in mail.get_payload(decode=True).decode()  # type: ignore[union-attr]  # one part
        await place.pass_s(5, 5.0, watch)
        place.clock.advance(60.0)
        await teller.turn()
    assert [to for to, _ in server.mails] == [["a@b.example"], ["boss@b.example"]]
    assert await kinds(place) == ["raised", "told", "told"]


async def test_who_acknowledges_ends_the_escalation(place: Place, tmp_path: Path) -> None:
    watch = place.watch()
    async with mail_server() as server:
        teller = teller_of(place, tmp_path, watch, mail_of(server.port))
        await place.pass_s(8, 5.0, watch)
        await place.ask("ack")
        await place.pass_s(1, 5.0, watch)
        place.clock.advance(100.0)
        await teller.turn()
        assert [to for to, _ in server.mails] == [["a@b.example"]]
    assert await states(place) == [("raised", "sent"), ("raised", "needless")]


async def test_a_server_that_is_away_or_busy_is_tried_again_and_one_that_refuses_for_good_is_not(
    place: Place, tmp_path: Path
) -> None:
    watch = place.watch()
    async with mail_server() as server:
        teller = teller_of(place, tmp_path, watch, mail_of(1))
        await place.pass_s(8, 5.0, watch)
        await teller.turn()
        assert (await states(place))[0] == ("raised", "waiting")
        teller = teller_of(place, tmp_path, watch, mail_of(server.port))
        server.refuse = "451 come back later"
        place.clock.advance(6.0)
        await teller.turn()
        assert (await states(place))[0] == ("raised", "waiting")
        server.refuse = "550 nobody here"
        place.clock.advance(20.0)
        await teller.turn()
        assert (await states(place))[0] == ("raised", "failed")
        assert server.mails == []
    assert "not_told" in await kinds(place)


async def test_a_name_without_a_sender_waits_for_the_file_and_its_faults_are_told(
    place: Place, tmp_path: Path
) -> None:
    watch = place.watch()
    teller = teller_of(place, tmp_path, watch, "  other: {kind: webhook, url: 'http://127.0.0.1:1'}\n")
    await place.pass_s(8, 5.0, watch)
    await teller.turn()
    async with place.sessions() as session:
        first = (
            await session.execute(select(AlarmNoticeRow).order_by(AlarmNoticeRow.number).limit(1))
        ).scalar_one()
    assert "no sender 'mail'" in first.error
    (tmp_path / "senders.yaml").write_text("senders: {mail: {kind: mail, host: h}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"senders\.yaml:1: senders\.mail"):
        load_senders(tmp_path)
    (tmp_path / "senders.yaml").chmod(0o644)
    with pytest.raises(ConfigError):
        load_senders(tmp_path)


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "webhook"])
async def test_a_robot_takes_it_and_what_it_refuses_is_sent_again_with_the_same_id(
    kind: str, place: Place, tmp_path: Path
) -> None:
    watch = place.watch()
    with hook_server() as hook:
        secret = ", secret: SEC1" if kind == "dingtalk" else ""
        sender = f"  mail: {{kind: {kind}, url: '{hook.url}/hook?key=k'{secret}}}\n"
        teller = teller_of(place, tmp_path, watch, sender)
        await place.pass_s(8, 5.0, watch)
        hook.answers = [(503, {}), (200, {"errcode": 0})]
        await teller.turn()
        place.clock.advance(6.0)
        await teller.turn()
        assert len(hook.got) == 2
    path, headers, body = hook.got[1]
    if kind == "webhook":
        assert body["head"] == "[demo] P1 w"
        assert headers["Idempotency-Key"] == hook.got[0][1]["Idempotency-Key"] == body["id"]
    else:
        assert body["msgtype"] == "text"
        assert ("sign=" in path) == (kind == "dingtalk")
    assert (await states(place))[0] == ("raised", "sent")


async def test_what_goes_to_the_same_people_in_a_moment_is_one_message(place: Place, tmp_path: Path) -> None:
    watch = place.watch()
    async with mail_server() as server:
        teller = teller_of(place, tmp_path, watch, mail_of(server.port))
        await place.pass_s(8, 5.0, watch)
        async with place.sessions.begin() as session:
            one = (
                await session.execute(select(AlarmNoticeRow).order_by(AlarmNoticeRow.number).limit(1))
            ).scalar_one()
            for number in range(40):
                session.add(
                    AlarmNoticeRow(
                        site="demo", alarm=f"x{number}", occurrence=1, kind="raised", rule=0,
                        sender="mail", to=one.to,
                        text=f"P2 alarm {number}", language="en", escalation=False,
                        state="waiting", due_ns=one.due_ns, tries=0, error="", done_ns=None,
                    )
                )  # fmt: skip
        await teller.turn()
        [(_, mail)] = server.mails
        assert str(mail["Subject"]) == "[demo] 41 alarms"
        assert "… and 21 more" in mail.get_payload(decode=True).decode()  # type: ignore[union-attr]  # one part


async def test_after_a_day_it_is_news_to_nobody(place: Place, tmp_path: Path) -> None:
    watch = place.watch()
    teller = teller_of(place, tmp_path, watch, mail_of(1))
    await place.pass_s(8, 5.0, watch)
    async with place.sessions.begin() as session:
        old_ns = place.clock.now().wall_ns - 90_000 * 10**9
        await session.execute(update(AlarmNoticeRow).values(due_ns=old_ns))
    await teller.turn()
    assert {state for _, state in await states(place)} == {"failed"}


async def test_who_is_refused_among_others_stands_in_the_journal_and_a_label_of_two_lines_is_mailed(
    place: Place, tmp_path: Path
) -> None:
    site = site_of()
    low = replace(site.alarms.definitions["low"], label=Text(en="low\n\npressure", zh="w"))
    everybody = Notify(sender="mail", to=("a@b.example", "gone@b.example"), priorities=(1,))
    site.alarms = replace(site.alarms, definitions={"low": low}, notify=(everybody,))
    watch = place.watch(site)
    async with mail_server() as server:
        server.refuse, server.refused = "550 nobody here", "gone@"
        teller = teller_of(place, tmp_path, watch, mail_of(server.port))
        await place.pass_s(8, 5.0, watch)
        await teller.turn()
        [(to, mail)] = server.mails
    assert (to, str(mail["Subject"])) == (["a@b.example"], "[demo] P1 low pressure")
    async with place.sessions() as session:
        rows = (await session.execute(select(AlarmLineRow))).scalars()
        told = next(row.words for row in rows if row.kind == "not_told")
    assert "refuses gone@b.example; the others have it" in told


async def test_who_has_it_is_not_told_again_while_it_is_tried_for_the_others(
    place: Place, tmp_path: Path
) -> None:
    site = site_of()
    everybody = Notify(sender="mail", to=("a@b.example", "late@b.example"), priorities=(1,))
    site.alarms = replace(site.alarms, notify=(everybody,))
    watch = place.watch(site)
    async with mail_server() as server:
        server.refuse, server.refused = "451 come back later", "late@"
        teller = teller_of(place, tmp_path, watch, mail_of(server.port))
        await place.pass_s(8, 5.0, watch)
        await teller.turn()
        assert (await states(place))[0] == ("raised", "waiting")
        place.clock.advance(6.0)
        await teller.turn()
        server.refuse = ""
        place.clock.advance(20.0)
        await teller.turn()
    assert [to for to, _ in server.mails] == [["a@b.example"], ["late@b.example"]]
    assert (await states(place))[0] == ("raised", "sent")
    async with place.sessions() as session:
        rows = (await session.execute(select(AlarmLineRow).order_by(AlarmLineRow.number))).scalars()
        told = [(row.kind, row.words) for row in rows if row.kind in {"told", "not_told"}]
    why = "127.0.0.1 refuses late@b.example; the others have it"
    assert told == [
        ("not_told", f"mail a@b.example, late@b.example: {why}"), ("told", "mail late@b.example"),
    ]  # fmt: skip


async def test_a_webhook_has_each_alarm_in_parts(place: Place, tmp_path: Path) -> None:
    watch = place.watch()
    with hook_server() as hook:
        teller = teller_of(place, tmp_path, watch, f"  mail: {{kind: webhook, url: '{hook.url}/hook'}}\n")
        await place.pass_s(8, 5.0, watch)
        await teller.turn()
    _, _, body = hook.got[0]
    assert body["site"] == "demo"
    assert body["alarms"] == [
        {"alarm": "low", "occurrence": 1, "kind": "raised", "text": "P1 w: 5 → w"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "zh"),
    [
        ("dispatch: never heard", "计划与指令：从未收到消息"),
        ("ingest: silent for 21 s", "接收与保存：已 21 秒无消息"),
        ("box-7: 0.4 GB of 20 GB are free", "box-7：共 20 GB，可用 0.4 GB"),
        ("box-7: 2 sealed files are damaged and kept aside", "box-7：2 个归档文件已损坏，已另行保留"),
        ("box-7: disk I/O error", "box-7：disk I/O error"),
    ],
)
def test_what_is_ill_at_the_hub_is_told_in_chinese(said: str, zh: str) -> None:
    assert found_in(said, "zh") == zh


def test_a_message_in_chinese_has_its_finding_in_chinese() -> None:
    line = Happened(
        "low", "raised", 0, 1, 1, Text(en="Low", zh="低"), words="limit reached in 12 min", value=6.5
    )
    (told,) = notices_of([line], [Notify(sender="room", priorities=(1,), language="zh")], {})
    assert told.text == "P1 低：6.5（12 分钟后达到限值）"
