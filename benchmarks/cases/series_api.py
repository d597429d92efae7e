"""A year of a chart from the API: 4 points of 1 min for 1,200 pixels, measured and virtual; days; samples.

The application answers in this process, with routes, checks and JSON; only sockets and sign-in are left out.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.cases.store_embedded import DAY_NS, START_NS, year
from benchmarks.registry import Case, Figures, Result
from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps, require_caller
from hub.api.edges import EdgeWatch
from hub.auth.sessions import Auth
from hub.auth.tokens import Caller, Tokens
from hub.database import create_engine, sessions_of
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_reader
from hub.values.load import known_points, load_values
from protocols.errors import ContractError
from runtime.clock import VirtualClock, iso_utc

_POINTS: Final = tuple(f"p{at:04d}_kw" for at in range(4))
_PIXELS: Final = 1200
_ROUNDS: Final = 7
_TEXT: Final = {"en": "x", "zh": "x"}
_SITE: Final = {
    "id": "demo", "label": _TEXT, "time_zone": "Europe/Berlin", "currency": "EUR", "latitude": 48.0,
    "longitude": 11.0, "mode": "advice", "edges": ["edge1"],
}  # fmt: skip
_OK: Final = 200


def run() -> Result:
    """Build the year once, then ask several times.

    Raises:
        ContractError: An answer is not what was asked for.
        StoreError: The store does not have what was put in.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder = Path(name)
        year(folder)
        _write_site(folder / "config")
        return Result(asyncio.run(_ask(folder)))


async def _ask(folder: Path) -> Figures:
    whole = {"from": iso_utc(START_NS), "to": iso_utc(START_NS + 365 * DAY_NS)}
    inner = {"from": iso_utc(START_NS + DAY_NS), "to": iso_utc(START_NS + 363 * DAY_NS)}
    day = {"from": iso_utc(START_NS + 100 * DAY_NS), "to": iso_utc(START_NS + 101 * DAY_NS)}
    points = [f"demo/dev0/{point}" for point in _POINTS]
    async with _client(folder) as client:
        return {
            "chart_year_api_ms": await _median_ms(
                client, "series", {"point": points, "pixels": _PIXELS, **whole}
            ),
            "virtual_year_api_ms": await _median_ms(
                client, "series", {"point": "demo/dev0/sum_kw", "pixels": _PIXELS, **whole}
            ),
            "days_year_api_ms": await _median_ms(
                client, "series", {"point": points, "calendar": "day", **inner}
            ),
            "samples_day_api_ms": await _median_ms(client, "samples", {"point": points[0], **day}),
        }


async def _median_ms(client: httpx.AsyncClient, path: str, query: dict[str, object]) -> float:
    took: list[float] = []
    for _ in range(_ROUNDS):
        begun_s = time.perf_counter()
        answer = await client.get(f"/api/v1/sites/demo/{path}", params=query)  # type: ignore[arg-type]  # texts, numbers, lists
        took.append(1e3 * (time.perf_counter() - begun_s))
        if answer.status_code != _OK or not _whole(answer.json()):
            raise ContractError(f"{path} answered {answer.status_code}: {answer.text[:300]}")
    return round(statistics.median(took), 1)


def _whole(answer: dict[str, object]) -> bool:
    """Whether nothing is missing in what was put in whole."""
    rows = answer.get("points")
    if isinstance(rows, list):
        return all(row["completeness_pct"] > 99.9 and None not in row["mean"] for row in rows)  # noqa: PLR2004  all but the ends
    values = answer["values"]
    return isinstance(values, list) and len(values) == 24 * 60


@asynccontextmanager
async def _client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    config, clock = folder / "config", VirtualClock(START_NS + 366 * DAY_NS)
    registry = load_registry(config, "demo")
    engine = create_engine(f"sqlite+aiosqlite:///{folder / 'business.db'}")
    sessions, edges = sessions_of(engine), EdgeWatch(registry.site.edges, clock)
    reader = open_reader(StorePlace(folder / "series.db"))
    deps = ApiDeps(
        registry, reader, sessions, Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock), edges,
        clock, control_of("demo", load_writables(config, registry), edges, clock),
        values=load_values(config, "demo", known_points(registry)),
    )  # fmt: skip
    app = create_app(deps)
    app.dependency_overrides[require_caller] = lambda: Caller("bench", "bench", 0, "viewer")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client
    reader.close()
    await engine.dispose()


def _write_site(config: Path) -> None:
    folder = config / "sites" / "demo"
    folder.mkdir(parents=True)
    (config / "devices").mkdir()
    points = [
        {
            "name": name,
            "label": _TEXT,
            "unit": "kW",
            "address": {"kind": "modbus", "address": 2 * at, "type": "f32"},
        }
        for at, name in enumerate(_POINTS)
    ]
    profile = {"id": "dev", "label": _TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    device = {
        "id": "dev0", "label": _TEXT, "profile": "dev",
        "connection": {"kind": "modbus", "host": "127.0.0.1", "port": 502, "unit": 1},
    }  # fmt: skip
    terms = ", ".join(f"dev0.{name}" for name in _POINTS)
    virtual = {"id": "dev0/sum_kw", "label": _TEXT, "unit": "kW", "expression": f"sum({terms})"}
    for path, content in {
        config / "devices" / "dev.yaml": profile,
        folder / "site.yaml": _SITE,
        folder / "edge1.yaml": {"site": "demo", "edge": "edge1", "devices": [device]},
        folder / "values.yaml": {"virtual": [virtual]},
    }.items():
        path.write_text(json.dumps(content), encoding="utf-8")


CASE: Final = Case(
    "series_api", "A year of 1-min data of 4 points for 1,200 pixels from the API; days; samples", run
)
