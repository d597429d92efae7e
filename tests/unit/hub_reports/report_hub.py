"""The folder of a hub with a month of readings, and reports that are made in it by real child processes."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as MailSession
from sqlalchemy import select

from hub.database import Sessions, create_engine, embedded_url, sessions_of
from hub.preparing import prepare, take_configuration
from hub.reports import book
from hub.reports.content import Language
from hub.reports.keeper import Keeper
from hub.reports.postman import Postman
from hub.reports.tables import ReportFileRow, ReportMailRow, ReportRow
from hub.roles.options import RoleOptions
from protocols.clock import Clock
from runtime.children import free_port
from runtime.clock import SystemClock
from tests.unit.accounts.site_series import CONFIGS, QUARTER, S, filling

BERLIN = ZoneInfo("Europe/Berlin")
BOOK = """
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air_station, point: meter_air/import_kwh, below: main, area: compressor_room, device: meter_air}
  - {id: process, point: meter_process/import_kwh, below: main, area: production, device: meter_process}
factors:
  - {id: grid, carrier: electricity, kg_per_unit: 0.5, year: 2024, source: made up for a test}
"""
"""The main meter counts 25 kWh a quarter of an hour, air 10, process 14; 0.5 kg CO2 a kWh."""

COUNTS = {"meter_main": 25.0, "meter_air": 10.0, "meter_process": 14.0}


def last_month() -> tuple[str, dt.date, dt.date]:
    """Name of the last whole month of the site's clock, its first day, and the first day after it."""
    today = dt.datetime.fromtimestamp(SystemClock().now().wall_ns / S, BERLIN).date()
    after = today.replace(day=1)
    first = (after - dt.timedelta(days=1)).replace(day=1)
    return f"{first:%Y-%m}", first, after


def ns(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), BERLIN).timestamp()) * S


def hub_folder(folder: Path, book_text: str = BOOK) -> Path:
    """A prepared hub in `folder/state` with last month's readings; not from within an event loop."""
    config = shutil.copytree(CONFIGS, folder / "configs")
    if book_text:
        (config / "sites/demo/accounts.yaml").write_text(book_text, encoding="utf-8")
    else:
        (config / "sites/demo/accounts.yaml").unlink()
    state = folder / "state"
    options = RoleOptions(config, "demo", state, "nats://127.0.0.1:1", folder / "keys", 0)
    prepare(options, lambda _: None)
    take_configuration(options, lambda _: None)
    _, first, after = last_month()
    count = (ns(after) - ns(first)) // QUARTER
    with filling(state, SystemClock().now().wall_ns) as filled:
        for device, step in COUNTS.items():
            filled.put(
                device, ns(first), {"import_kwh": np.array(1000.0 + step * np.arange(count + 1), np.float64)}
            )
    return state


@dataclass
class ReportHub:
    """A hub's folder, its business database, and one who keeps reports in it."""

    state: Path
    sessions: Sessions
    clock: Clock

    def keeper(self) -> Keeper:
        return Keeper(self.sessions, (self.state, "demo"), lambda: BERLIN, self.clock)

    def postman(self, port: int) -> Postman:
        file = self.state / "senders.yaml"
        kind = "kind: mail, host: 127.0.0.1, security: none, sender: ems@plant.example"
        file.write_text(f"senders:\n  mail: {{{kind}, port: {port}}}\n", encoding="utf-8")
        file.chmod(0o600)
        (self.state / "outside.yaml").write_text("allow: [127.0.0.1]\n", encoding="utf-8")
        return Postman(self.sessions, (self.state, "demo"), self.clock)

    async def order(
        self,
        kind: str,
        period: str,
        language: Language = "zh",
        formats: tuple[str, ...] = ("xlsx", "pdf"),
        **to: object,
    ) -> str:
        mail = {"sender": "mail", "to": ("manager@plant.example",)} if to.get("mailed") else {}
        wish = book.Wish("demo", kind, period, language, formats, **mail)  # type: ignore[arg-type]  # both or none
        async with self.sessions.begin() as session:
            return book.put(session, wish, "anna", self.clock.now().wall_ns).id

    async def row(self, ident: str) -> ReportRow:
        async with self.sessions() as session:
            found = await session.get(ReportRow, ident)
        assert found is not None
        return found

    async def mail(self, ident: str) -> ReportMailRow:
        async with self.sessions() as session:
            found = await session.get(ReportMailRow, ident)
        assert found is not None
        return found

    async def rows(self) -> list[ReportRow]:
        async with self.sessions() as session:
            return list((await session.execute(select(ReportRow).order_by(ReportRow.period))).scalars())

    async def files(self, ident: str) -> dict[str, bytes]:
        async with self.sessions() as session:
            wanted = select(ReportFileRow).where(ReportFileRow.report == ident)
            return {row.form: row.body for row in (await session.execute(wanted)).scalars()}


@asynccontextmanager
async def report_hub(state: Path, clock: Clock | None = None) -> AsyncIterator[ReportHub]:
    engine = create_engine(embedded_url(state))
    try:
        yield ReportHub(state, sessions_of(engine), clock or SystemClock())
    finally:
        await engine.dispose()


class MailBox:
    """What a real SMTP server does with mails: keeps them, or refuses; `refused` says whom, empty all."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refuse = self.refused = ""

    async def handle_RCPT(  # noqa: N802  the name and arguments the server wants
        self, _server: SMTP, _session: MailSession, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refuse and self.refused in address:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: MailSession, envelope: Envelope) -> str:  # noqa: N802  as above
        self.mails.append(envelope)
        return "250 taken"


class MailServer(Controller):
    """aiosmtpd on a free port of loopback."""

    def __init__(self) -> None:
        self.box = MailBox()
        super().__init__(self.box, hostname="127.0.0.1", port=free_port())
