"""The hub's API as it runs, over a store that a case has filled: a process, sockets, sign-in, JSON."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from hub.auth.passwords import hash_password
from hub.auth.tables import UserRow
from hub.database import embedded_url, upgrade
from hub.store.engine import remember
from hub.store.influx.place import InfluxPlace
from protocols.errors import BusError, ContractError
from runtime.children import free_port

PIXELS: Final = 1200
"""Width of the chart that is asked for."""

_SITE: Final = "demo"
_TEXT: Final = {"en": "x", "zh": "x"}
_UP_S: Final = 40.0
_TURNS: Final = 7
_OK: Final = 200
_NOBODYS_BUS: Final = "nats://127.0.0.1:1"
"""The API answers also while the bus is away."""


def write_site(
    config: Path, device: str, names: Sequence[str], virtual: Sequence[Mapping[str, object]] = ()
) -> None:
    """Configuration of a site with one device of these points."""
    folder = config / "sites" / _SITE
    folder.mkdir(parents=True)
    (config / "devices").mkdir()
    points = [
        {
            "name": name, "label": _TEXT, "unit": "kW",
            "address": {"kind": "modbus", "address": 2 * at, "type": "f32"},
        }
        for at, name in enumerate(names)
    ]  # fmt: skip
    profile = {"id": "dev", "label": _TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    connection = {"kind": "modbus", "host": "127.0.0.1", "port": 502, "unit": 1}
    one = {"id": device, "label": _TEXT, "profile": "dev", "connection": connection}
    site = {
        "id": _SITE, "label": _TEXT, "time_zone": "Europe/Berlin", "currency": "EUR", "latitude": 48.0,
        "longitude": 11.0, "mode": "advice", "edges": ["edge1"],
    }  # fmt: skip
    for path, content in {
        config / "devices" / "dev.yaml": profile,
        folder / "site.yaml": site,
        folder / "edge1.yaml": {"site": _SITE, "edge": "edge1", "devices": [one]},
        **({folder / "values.yaml": {"virtual": list(virtual)}} if virtual else {}),
    }.items():
        path.write_text(json.dumps(content), encoding="utf-8")


@contextmanager
def chart_api(
    state: Path, config: Path, influx: InfluxPlace | None = None, bus: tuple[str, Path] | None = None
) -> Iterator[httpx.Client]:
    """The role `api` of a hub in a state folder; gives a client that is signed in.

    Args:
        state: Folder with `series.db`, or any folder where the series are on a server.
        config: The site, as `write_site` wrote it.
        influx: The server.
        bus: Address of a bus and folder of its keys; None: none is there, and the API answers all the same.

    Raises:
        BusError: It does not answer within 40 s.
    """
    url, password = embedded_url(state), secrets.token_urlsafe(12)
    upgrade(url)
    remember(state, influx)
    engine = create_engine(url.replace("+aiosqlite", ""))
    with Session(engine) as session, session.begin():
        session.add(UserRow(name="viewer", role="viewer", password=hash_password(password), changed_ns=0))
    engine.dispose()
    port, log = free_port(), state / "api.log"
    address, keys = bus or (_NOBODYS_BUS, state / "keys")
    asked = [
        sys.executable, "-m", "hub.cli", "role", "api", f"--config={config}", f"--site={_SITE}",
        f"--state={state}", f"--bus={address}", f"--keys={keys}", f"--port={port}",
    ]  # fmt: skip
    with log.open("wb") as written, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0) as client:
        child = subprocess.Popen(asked, stdout=written, stderr=subprocess.STDOUT)  # noqa: S603  our own role
        try:
            token = _signed_in(client, password, log)
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
        finally:
            child.terminate()
            child.wait(20)


def asked_ms(client: httpx.Client, path: str, query: Mapping[str, object]) -> float:
    """Median time of an answer, to its last byte, of seven. [ms].

    Raises:
        ContractError: An answer is none, or not whole.
    """
    took: list[float] = []
    for _ in range(_TURNS):
        begun_s = time.perf_counter()
        answer = client.get(f"/api/v1/sites/{_SITE}/{path}", params=query)  # type: ignore[arg-type]  # texts, numbers, lists
        took.append(1e3 * (time.perf_counter() - begun_s))
        if answer.status_code != _OK or not _whole(answer.json()):
            raise ContractError(f"{path} answered {answer.status_code}: {answer.text[:300]}")
    return round(statistics.median(took), 1)


def _signed_in(client: httpx.Client, password: str, log: Path) -> str:
    until_s = time.monotonic() + _UP_S
    while True:
        try:
            who = {"username": "viewer", "password": password}
            answer = client.post("/api/v1/auth/login", json=who)
            return str(answer.raise_for_status().json()["access_token"])
        except httpx.TransportError as error:
            if time.monotonic() > until_s:
                said = log.read_text(errors="replace")[-1000:]
                raise BusError(f"the API does not answer: {error}; it said: {said}") from error
            time.sleep(0.1)


def _whole(answer: Mapping[str, object]) -> bool:
    """Whether nothing is missing in what was put in whole."""
    rows = answer.get("points")
    if isinstance(rows, list):
        return all(row["completeness_pct"] > 99.9 and None not in row["mean"] for row in rows)  # noqa: PLR2004  all but the ends
    values = answer["values"]
    return isinstance(values, list) and len(values) == 24 * 60
