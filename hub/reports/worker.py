"""The child process that makes one report: low priority, a row of progress, and all of it kept in one step.

    python -m hub.reports.worker STATE SITE REPORT HOLDER

It reads beside the hub and writes only the rows of its report. What cannot be made is told in the row, in
both languages; a process that dies leaves the row as it was, and is begun again by who watches it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import CursorResult, Engine, update
from sqlalchemy.orm import Session

from hub.accounts.periods import named
from hub.curves.in_force import with_sessions
from hub.database import Sessions, create_sync_engine, known_url
from hub.registry.documents import put_files
from hub.registry.versions import documents_of, version_of
from hub.registry.view import SiteView, load_view
from hub.reports.around import Around
from hub.reports.book import release
from hub.reports.content import Language
from hub.reports.fonts import open_font
from hub.reports.making import Made, make
from hub.reports.settings import load_settings
from hub.reports.tables import ReportFileRow, ReportRow
from hub.store.engine import open_reader, place_of
from hub.values.cleaning import RuleMarker
from protocols.config import Text
from protocols.errors import EmsError, StoreError
from runtime.children import die_with_parent, step_back
from runtime.clock import SystemClock

_log = logging.getLogger(__name__)
_NICE: Final = 10
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_STEPS: Final = {"read": (0.05, 0.75), "xlsx": (0.75, 0.9), "pdf": (0.9, 0.98)}
"""Part of the whole at the begin and the end of each step. [-]"""

_TELL_FRAC: Final = 0.02
_OTHER: Final = Text(en="The report could not be made: {0}", zh="报告无法生成：{0}")
_UNCHANGED: Final = "somebody else makes this report now"


class _Row:
    """The row of the report, as long as this process holds it."""

    def __init__(self, engine: Engine, ident: str, holder: str) -> None:
        self._engine, self._ident, self._holder = engine, ident, holder
        self._told = 0.0

    def load(self) -> ReportRow:
        with Session(self._engine) as session:
            row = session.get(ReportRow, self._ident)
        if row is None:
            raise StoreError(f"there is no report {self._ident!r}")
        return row

    def step(self, name: str, frac: float = 0.0) -> None:
        """Say how far it is; small steps are not worth a commit."""
        first, last = _STEPS[name]
        whole = first + (last - first) * frac
        if frac and whole - self._told < _TELL_FRAC:
            return
        self._told = whole
        with Session(self._engine) as session, session.begin():
            self._change(session, step=name, progress_frac=whole)

    def keep(self, made: Made, name: str) -> None:
        """Files and verdict, in one transaction."""
        now_ns = SystemClock().now().wall_ns
        head = made.report.head
        with Session(self._engine) as session, session.begin():
            self._change(
                session, state="done", step="", progress_frac=1.0, done_ns=now_ns, digest=made.report.digest,
                completeness_pct=head.completeness_pct,
            )  # fmt: skip
            for form, body in made.files.items():
                session.add(
                    ReportFileRow(
                        report=self._ident, form=form, name=f"{name}.{form}", size=len(body), body=body
                    )
                )
            session.execute(release(self._ident, now_ns))

    def refuse(self, why: Text) -> None:
        """There is none, and why; whoever was to have it is told."""
        now_ns = SystemClock().now().wall_ns
        with Session(self._engine) as session, session.begin():
            self._change(
                session, state="failed", done_ns=now_ns, error_en=why.en[:1000], error_zh=why.zh[:1000]
            )
            session.execute(release(self._ident, now_ns))

    def _change(self, session: Session, **values: Any) -> None:  # noqa: ANN401  columns of all kinds
        mine = update(ReportRow).where(
            ReportRow.id == self._ident, ReportRow.holder == self._holder, ReportRow.state == "running"
        )
        found = session.execute(mine.values(**values))
        if not isinstance(found, CursorResult) or found.rowcount != 1:
            raise StoreError(_UNCHANGED)


async def make_apart(state: Path, site: str, row: ReportRow, limit_s: float) -> None:
    """Make a report in a child process that is ended after `limit_s`, or when this is cancelled.

    Raises:
        StoreError: The child died; what it says is in the log.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(state),
        site,
        row.id,
        row.holder,
        env={**os.environ, **_ONE_THREAD},
    )
    try:
        async with asyncio.timeout(limit_s):
            code = await child.wait()
    except TimeoutError as error:
        raise StoreError(f"it was not ready after {limit_s:.0f} s") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code != 0:
        raise StoreError(f"its process ended with {code}")


def file_name(site: str, kind: str, period: str, language: str) -> str:
    """What its files are called.

    Example:
        >>> file_name("demo", "carbon", "2026-10-01..2026-10-15", "zh")
        'demo-carbon-2026-10-01_2026-10-15-zh'
    """
    return f"{site}-{kind}-{period.replace('..', '_')}-{language}"


def view_in_force(state: Path, site: str) -> SiteView:
    """The site by the version in force.

    Raises:
        ConfigError: No hub there, or no version.
        StoreError: The version is damaged in the database.
    """

    async def documents(sessions: Sessions) -> dict[str, bytes]:
        row = await version_of(sessions, site, None)
        return await documents_of(sessions, site, row.version)

    with tempfile.TemporaryDirectory(prefix="ems-report-") as folder:
        put_files(Path(folder), asyncio.run(with_sessions(state, documents)), durable=False)
        return load_view(Path(folder), site)


def work(state: Path, site: str, ident: str, holder: str) -> None:
    """Make one report and keep it, or why there is none.

    Raises:
        StoreError: Somebody else makes it now, or the database cannot be written.
    """
    engine = create_sync_engine(known_url(state), writing=True)
    try:
        row = _Row(engine, ident, holder)
        wanted = row.load()
        try:
            row.step("read")
            made = _made(state, site, wanted, row.step)
        except StoreError:
            raise
        except EmsError as error:
            zh = str(error.context.get("zh") or _OTHER.zh.format(error.args[0]))
            row.refuse(Text(en=str(error.args[0]), zh=zh))
            return
        row.keep(made, file_name(site, wanted.kind, wanted.period, wanted.language))
    finally:
        engine.dispose()


def _made(state: Path, site: str, wanted: ReportRow, step: Callable[..., None]) -> Made:
    settings = load_settings(state)
    language: Language = "zh" if wanted.language == "zh" else "en"
    view = view_in_force(state, site)
    reader = open_reader(place_of(state), RuleMarker(view.values.cleaning))
    reading = create_sync_engine(known_url(state), writing=False)
    try:
        with Session(reading) as session:
            around = Around(
                view, reader, session, named(wanted.period), language, SystemClock().now().wall_ns,
                lambda frac: step("read", frac),
            )  # fmt: skip
            return make(
                around, wanted.kind, wanted.asked_by, (wanted.formats, open_font(settings.font), step)
            )
    finally:
        reading.dispose()
        reader.close()


def main() -> None:
    """Make one report: state folder, site, report and holder are the arguments."""
    die_with_parent()
    step_back(_NICE)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    try:
        work(Path(sys.argv[1]), *sys.argv[2:5])
    except EmsError as error:
        sys.stderr.write(f"the report was not made: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
