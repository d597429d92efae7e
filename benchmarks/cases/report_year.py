"""A year's report in Chinese, as Excel and PDF: 35,040 quarter hours of eight counters, made beside an API.

Real roles `api` and `jobs` on one state folder. The report is ordered and watched as a page does it; before
and during it one reader asks the API for charts, one question after the other.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import psutil

from benchmarks.registry import Case, Result
from hub.preparing import prepare, take_configuration
from hub.roles.options import RoleOptions
from hub.store.engine import open_store
from hub.store.port import Received
from protocols.clock import Instant
from protocols.errors import ConfigError
from protocols.frame import Catalogue, Frame
from runtime.children import free_port
from runtime.clock import SystemClock

_CONFIGS: Final = Path(__file__).resolve().parents[2] / "configs"
_ZONE: Final = ZoneInfo("Europe/Berlin")
_METERS: Final = ("meter_main", "meter_air", "meter_cooling", "meter_process")
_COUNTERS: Final = ("import_kwh", "export_kwh")
_NS: Final = 1_000_000_000
_QUARTER_NS: Final = 900 * _NS
_BATCH: Final = 2000
_READ_S: Final = 10.0
_PATIENCE_S: Final = 300.0
_SEED: Final = 7


def run() -> Result:
    """Make a year of readings, order its report, and watch."""
    with tempfile.TemporaryDirectory(prefix="ems-report-year-") as folder:
        options, password, year = _hub(Path(folder))
        with (
            _roles(options) as jobs,
            httpx.Client(base_url=f"http://127.0.0.1:{options.port}/api/v1", timeout=60) as http,
        ):
            _sign_in(http, password)
            before = _latencies(http, year, monotonic() + _READ_S)
            asked_s = monotonic()
            body = {"kind": "energy", "period": str(year), "language": "zh", "formats": ["xlsx", "pdf"]}
            report = _checked(http.post("/sites/demo/reports", json=body))
            during: list[float] = []
            while report["progress"]["state"] in {"waiting", "running"}:
                if monotonic() - asked_s > _PATIENCE_S:
                    raise ConfigError(
                        f"the report was not made within {_PATIENCE_S:g} s: {report['progress']}"
                    )
                during += _latencies(http, year, monotonic() + 0.2)
                report = _checked(http.get(f"/sites/demo/reports/{report['id']}"))
            seconds = monotonic() - asked_s
            _look_at(http, report, year)
            worker_cpu_s = _workers_spent_s(jobs)
        sizes = {file["form"]: float(file["size_bytes"]) for file in report["files"]}
        return Result(
            {
                "seconds": seconds, "rows": float(_quarters(year)),
                "columns": float(len(_METERS) * len(_COUNTERS)),
                "worker_cpu_s": worker_cpu_s,
                "completeness_pct": float(report["progress"]["completeness_pct"]),
                "xlsx_bytes": sizes["xlsx"], "pdf_bytes": sizes["pdf"],
                "api_p50_before_ms": _pct(before, 50), "api_p95_before_ms": _pct(before, 95),
                "api_p50_during_ms": _pct(during, 50), "api_p95_during_ms": _pct(during, 95),
                "api_questions": float(len(before) + len(during)),
            }
        )  # fmt: skip


def _hub(folder: Path) -> tuple[RoleOptions, str, int]:
    """A prepared hub with the year before this one in its store; the password of its admin, and the year."""
    config = shutil.copytree(_CONFIGS, folder / "configs")
    rows = [
        f"  - {{id: {meter}_{at}, point: {meter}/{name}}}"
        for meter in _METERS
        for at, name in enumerate(_COUNTERS)
    ]
    book = "\n".join(["meters:", *rows, "supply: {meter: meter_main_0}", _FACTORS])
    (config / "sites/demo/accounts.yaml").write_text(book, encoding="utf-8")
    options = RoleOptions(
        config, "demo", folder / "state", "nats://127.0.0.1:1", folder / "keys", free_port()
    )
    said: list[str] = []
    prepare(options, said.append)
    accepted = take_configuration(options, said.append)
    year = datetime.fromtimestamp(SystemClock().now().wall_ns / _NS, _ZONE).year - 1
    _fill(accepted, year)
    password = next(line.rpartition(" ")[2] for line in said if line.startswith("admin password"))
    return accepted, password, year


_FACTORS: Final = """
factors:
  - {id: grid, carrier: electricity, kg_per_unit: 0.363, year: 2024, source: made up for a benchmark}
"""


def _start_ns(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=_ZONE).timestamp()) * _NS


def _quarters(year: int) -> int:
    return (_start_ns(year + 1) - _start_ns(year)) // _QUARTER_NS


def _fill(options: RoleOptions, year: int) -> None:
    chance = np.random.default_rng(_SEED)
    start_ns, count, seq = _start_ns(year), _quarters(year), 0
    store = open_store(options.store_place, SystemClock())
    try:
        for meter in _METERS:
            kinds = ("counter",) * len(_COUNTERS)
            catalogue = Catalogue("demo", meter, _COUNTERS, ("kWh",) * len(_COUNTERS), kinds)
            store.add_catalogue(catalogue)
            steps = np.round(chance.uniform(5.0, 60.0, (count + 1, len(_COUNTERS))), 2)
            levels = np.round(np.cumsum(steps, axis=0), 2)
            for first in range(0, count + 1, _BATCH):
                seq += 1
                store.append(
                    [Received("edge1", "j", seq, tuple(_frames(catalogue, levels, start_ns, first)))]
                )
    finally:
        store.close()


def _frames(catalogue: Catalogue, levels: Any, start_ns: int, first: int) -> Iterator[Frame]:  # noqa: ANN401  an array
    good = np.zeros(len(_COUNTERS), np.uint8)
    for at in range(first, min(first + _BATCH, len(levels))):
        time_ns = start_ns + at * _QUARTER_NS
        yield Frame(catalogue.hash(), Instant("b", time_ns, time_ns), levels[at], good)


@contextmanager
def _roles(options: RoleOptions) -> Iterator[psutil.Process]:
    """Both roles; gives that of the reports, whose children are the workers."""
    command = [sys.executable, "-m", "hub.cli", "role"]
    children = [subprocess.Popen([*command, name, *options.arguments()]) for name in ("api", "jobs")]  # noqa: S603  our own
    try:
        yield psutil.Process(children[1].pid)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(20)


def _workers_spent_s(jobs: psutil.Process) -> float:
    """Processor time of the workers, those that live on and those that have ended. [s]."""
    ended = jobs.cpu_times()
    living = [one.cpu_times() for one in jobs.children(recursive=True)]
    return ended.children_user + ended.children_system + sum(one.user + one.system for one in living)


def _sign_in(http: httpx.Client, password: str) -> None:
    until_s = monotonic() + 60
    while True:
        try:
            answer = http.post("/auth/login", json={"username": "admin", "password": password})
        except httpx.TransportError:
            if monotonic() > until_s:
                raise
            continue
        http.headers["Authorization"] = f"Bearer {_checked(answer)['access_token']}"
        return


def _latencies(http: httpx.Client, year: int, until_s: float) -> list[float]:
    """How long charts of a day took, one after the other. [s]."""
    found: list[float] = []
    while monotonic() < until_s:
        query = {
            "point": "demo/meter_main/import_kwh", "from": f"{year}-06-10T00:00:00Z",
            "to": f"{year}-06-11T00:00:00Z", "window_s": "900",
        }  # fmt: skip
        begin_s = monotonic()
        _checked(http.get("/sites/demo/series", params=query))
        found.append(monotonic() - begin_s)
    return found


def _checked(answer: httpx.Response) -> Any:  # noqa: ANN401  JSON of the hub
    if answer.is_error:
        raise ConfigError(
            f"{answer.request.method} {answer.url.path}: {answer.status_code} {answer.text[:300]}"
        )
    return answer.json()


def _look_at(http: httpx.Client, report: dict[str, Any], year: int) -> None:
    """Whether the files are what was asked for."""
    if report["progress"]["state"] != "done":
        raise ConfigError(f"the report failed: {report['progress']}")
    for file, begin in (("xlsx", b"PK"), ("pdf", b"%PDF")):
        answer = http.get(f"/sites/demo/reports/{report['id']}/files/{file}")
        if not answer.content.startswith(begin):
            raise ConfigError(f"the {file} of {year} is none")


def _pct(values: list[float], part: int) -> float:
    return float(np.percentile(values, part)) * 1000.0


CASE: Final = Case(
    "report_year", "a year's report of eight counters in Chinese, Excel and PDF, beside an API", run
)
