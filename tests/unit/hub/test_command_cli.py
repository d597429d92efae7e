"""`ems command` against a real server: steps as they happen, exit codes, clear sentences."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ems.main import main
from hub.api.app import create_app
from hub.api.control import Control, control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.auth.passwords import hash_password
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import Sessions, create_engine, remember, sessions_of, url_of
from hub.ledger import orders
from hub.ledger.order_tables import OrderRow
from hub.ledger.tables import CommandRow
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_store
from protocols.heartbeat import Heartbeat
from protocols.holder import Holder
from protocols.write_block import Duty
from runtime.children import free_port
from runtime.clock import SystemClock

pytestmark = pytest.mark.net
CONFIGS = Path(__file__).parents[3] / "configs"
PASSWORD = "right-horse"  # noqa: S105  of a test
Step = Mapping[str, object]
POINT = "demo/chiller1/supply_set_c"
SET = ["set", POINT, "7.5", "--for=15m", "--reason=test"]


@dataclass
class Hub:
    """The API on a real port in a thread; the test moves the ledger as the dispatch role does."""

    port: int
    folder: Path
    held: list[tuple[EdgeWatch, Control]] = field(default_factory=list)
    server: list[uvicorn.Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def beat(self) -> None:
        edges, control = self.held[0]
        hashes = {one.point.device: one.cap_hash_hex for one in control.writables.values()}
        links = dict.fromkeys(hashes, "up")
        edges.hear(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links=links, cap_hashes=hashes).encode())

    def ledger(self, work: Callable[[Sessions], Awaitable[Any]]) -> Any:  # noqa: ANN401  what the work gives
        async def with_sessions() -> Any:  # noqa: ANN401  as above
            engine = create_engine(url_of(self.folder))
            try:
                return await work(sessions_of(engine))
            finally:
                await engine.dispose()

        return asyncio.run(with_sessions())

    def carry_out(self, steps: Sequence[Step], kind: str = "set") -> str:
        """Wait for an open order of a kind, then move it and its command, step by step; gives its id."""
        row: OrderRow = self._wait_for(kind)

        async def take(sessions: Sessions) -> None:
            await orders.move(sessions, row, orders.TAKEN, None, 1)
            async with sessions.begin() as session:
                session.add(_command(row))

        self.ledger(take)
        for step in steps:
            self.ledger(partial(_stand, order=row.id, step=step))
        if kind not in {"set", "select"}:
            self.ledger(lambda sessions: orders.move(sessions, row, orders.ENDED, "done", 2))
        return row.id

    def _wait_for(self, kind: str) -> OrderRow:
        for _ in range(500):
            found = self.ledger(lambda sessions: orders.open_orders(sessions, "demo"))
            fresh = [row for row in found if row.kind == kind and row.state == orders.ASKED]
            if fresh:
                newest: OrderRow = fresh[0]
                return newest
            threading.Event().wait(0.02)
        pytest.fail(f"no order {kind} came")


def _command(row: OrderRow) -> CommandRow:
    return CommandRow(
        id=bytes.fromhex(row.id), site="demo", edge="edge1", point=row.target, kind=row.kind, value=row.value,
        unit=row.unit, level="operator", reason=row.reason, actor=row.actor, epoch=1, seq=1, issued_ns=1,
        lease_s=10.0, body=b"", chain=b"", state="issued", order_id=row.id,
    )  # fmt: skip


async def _stand(sessions: Sessions, order: str, step: Step) -> None:
    async with sessions.begin() as session:
        row = await session.get(CommandRow, 1)
        for at in range(1, 50):
            found = await session.get(CommandRow, at)
            row = found if found is not None and found.order_id == order else row
        assert row is not None
        for name, value in step.items():
            setattr(row, name, value)


VERIFIED: list[Step] = [
    {"state": "received"},
    {"state": "written"},
    {"state": "verified", "verdict": "verified", "readback": 7.5, "readback_ns": 5},
]
DONE: list[Step] = [{"state": "released", "verdict": "verified"}]


@pytest.fixture
def hub(clean_business_url: str, tmp_path: Path) -> Iterator[Hub]:
    remember(tmp_path, clean_business_url)
    store, running = open_store(StorePlace(tmp_path / "series.db"), SystemClock()), Hub(free_port(), tmp_path)

    async def person(sessions: Sessions) -> None:
        async with sessions.begin() as session:
            stored = hash_password(PASSWORD)
            session.add(UserRow(name="admin", role="admin", password=stored, changed_ns=0))
            session.add(UserRow(name="olga", role="operator", password=stored, changed_ns=0))

    running.ledger(person)

    async def serve() -> None:
        engine, clock = create_engine(clean_business_url), SystemClock()
        registry, sessions = load_registry(CONFIGS, "demo"), sessions_of(engine)
        edges = EdgeWatch(registry.site.edges, clock)
        control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
        auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
        running.held.append((edges, control))
        app = create_app(ApiDeps(registry, store, sessions, auth, edges, clock, control))
        server = uvicorn.Server(uvicorn.Config(app, port=running.port, log_config=None, lifespan="off"))
        running.server.append(server)
        await server.serve()
        await engine.dispose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    for _ in range(500):
        if running.server and running.server[0].started:
            break
        threading.Event().wait(0.02)
    running.beat()
    yield running
    running.server[0].should_exit = True
    thread.join(10)
    store.close()


@dataclass
class Said:
    code: int
    out: str
    err: str


Ems = Callable[..., Said]


@pytest.fixture
def ems(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ems:
    monkeypatch.setenv("EMS_PASSWORD", PASSWORD)

    def run(*arguments: str) -> Said:
        hub.beat()
        name, *rest = arguments
        url = [] if any(one.startswith("--hub") for one in rest) else [f"--hub={hub.url}"]
        monkeypatch.setattr(sys, "argv", ["ems", "command", name, *rest, *url])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    return run


def test_a_value_is_watched_until_it_is_verified(hub: Hub, ems: Ems) -> None:
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(hub.carry_out, VERIFIED)
        said = ems(*SET)
        moving.result(10)
    lines = said.out.splitlines()
    assert said.code == 0, said.err
    assert [line.split()[0] for line in lines[1:] if line != "asked"] == [
        "sent",
        "received",
        "written",
        "verified",
    ]
    assert lines[-1] == "verified  7.5 °C"


def test_a_refusal_of_the_edge_is_one_sentence_and_code_3(hub: Hub, ems: Ems) -> None:
    with ThreadPoolExecutor(1) as pool:
        refused = {"state": "refused", "verdict": "refused", "code": "local_mode"}
        moving = pool.submit(hub.carry_out, [refused])
        said = ems(*SET)
        moving.result(10)
    assert said.code == 3
    assert said.out.splitlines()[-1] == "refused: The machine is in local mode. (local_mode)"


def test_what_nobody_answers_ends_with_3_and_can_be_watched_again(ems: Ems) -> None:
    said = ems(*SET, "--wait=0.2", "--json")
    order = json.loads(said.out)
    assert (said.code, order["state"]) == (3, "asked")
    assert f"ems command watch {order['id']}" in said.err
    again = ems("watch", order["id"], "--wait=0.1", "--json")
    assert (again.code, json.loads(again.out)["id"]) == (3, order["id"])


def test_a_stop_is_released_in_two_steps_that_are_asked_for(
    hub: Hub, ems: Ems, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def confirm(words: str, **_: object) -> bool:
        asked.append(words)
        return True

    def move() -> None:
        for kind in ("stop", "resume", "resume"):
            hub.carry_out(DONE, kind)

    monkeypatch.setattr("typer.confirm", confirm)
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        stopped = ems("stop", "all", "--reason=smoke")
        released = ems("resume", "all", "--reason=looked")
        moving.result(10)
    assert (stopped.code, released.code) == (0, 0)
    assert "Machines may start" in asked[0]
    rows = json.loads(ems("list", "--json").out)
    assert [(row["kind"], row["state"]) for row in rows] == [
        ("resume", "verified"), ("resume", "verified"), ("stop", "verified"),
    ]  # fmt: skip


def test_a_discrete_point_is_selected_and_operated_with_a_second_person(
    hub: Hub, ems: Ems, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = hub.held[0][1]
    known = control.writables[POINT]
    duty = Duty(two_step=True, two_persons=True)
    limits = known.limits.model_copy(update={"duty": duty})
    control.writables = {**control.writables, POINT: replace(known, limits=limits)}
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "olga")
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)

    def move() -> None:
        select = hub.carry_out(VERIFIED[:1], "select")
        hub.carry_out(DONE, "operate")
        for step in VERIFIED[1:]:
            hub.ledger(partial(_stand, order=select, step=step))

    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        said = ems(*SET)
        moving.result(10)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "verified  7.5 °C"
    rows = json.loads(ems("list", "--json").out)
    assert [(row["kind"], row["of"]) for row in rows] == [("operate", rows[1]["id"]), ("select", None)]


def test_without_a_terminal_it_says_where_the_password_comes_from() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ems.main", "command", "list"],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
        env={name: value for name, value in os.environ.items() if name != "EMS_PASSWORD"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "ems: there is no terminal to ask for the password of admin; set EMS_PASSWORD\n"


BAD: list[tuple[list[str], str]] = [
    (["set", POINT, "99", "--for=15m", "--reason=x"], "outside the limits"),
    (["set", POINT, "7", "--for=15m", "--reason=x", "--unit=K"], "is set in °C"),
    (["set", "demo/chiller1/suply_set_c", "7", "--for=15m", "--reason=x"], f"did you mean {POINT}"),
    (["set", POINT, "7", "--for=15m"], "say why"),
    (["set", POINT, "7", "--for=soon", "--reason=x"], "no length of time"),
    (["set", POINT, "7", "--for=9h", "--reason=x"], "at most 8 h"),
    (["set", POINT, "much", "--for=9h", "--reason=x"], "should be a valid number"),
    (["set", POINT, "nan", "--for=15m", "--reason=x"], "no value that a machine"),
    (["set", POINT, "-7.5", "--for=15m", "--reason=x"], "-7.5 lies outside the limits"),
    (["set", POINT, "7", "--for=15m", "--reson=x"], "--reson=x"),
    (["stop", "zone:moon", "--reason=x"], "there is no scope"),
    (["holders", "demo/chiller1/supply"], f"did you mean {POINT}"),
    (["holders", "--hub=http://127.0.0.1:1"], "no hub answers"),
    (["holders", "--hub=http://10.0.0.1:80"], "unencrypted"),
    (["watch", "nothing"], "no order"),
]


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # no row is made
def test_bad_input_ends_with_2_and_one_sentence(ems: Ems) -> None:
    for arguments, words in BAD:
        said = ems(*arguments)
        assert said.code == 2, arguments
        assert words in said.err
        assert "Traceback" not in said.err


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # no row is made
def test_a_wrong_password_is_said_and_never_shown(ems: Ems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMS_PASSWORD", "guess-123")
    said = ems("list")
    assert (said.code, "wrong name or password" in said.err) == (2, True)
    assert "guess-123" not in said.out + said.err


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # no row is made
def test_a_hub_that_takes_too_long_may_have_taken_the_order(
    ems: Ems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems.hub_client.TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        said = ems("list", f"--hub=http://127.0.0.1:{mute.getsockname()[1]}")
    assert (said.code, "may have taken the order" in said.err) == (2, True)


def test_a_silent_edge_ends_with_3(hub: Hub, ems: Ems) -> None:
    hub.held[0][0].hear(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links={"chiller1": "up"}).encode())
    hub.beat = lambda: None  # type: ignore[method-assign]  # this edge says no more
    said = ems(*SET)
    assert said.code == 3
    assert "has not been proven" in said.err


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # no row is made
def test_holders_are_a_table_with_who_and_why(hub: Hub, ems: Ems) -> None:
    hub.held[0][1].holders.hear("edge1", [Holder(POINT, "operator", 7.5, 600.0, "olga", "line 2")])
    lines = ems("holders", POINT).out.splitlines()
    assert len(lines) == 2
    assert all(word in lines[1] for word in (POINT, "operator", "7.5 °C", "olga", "line 2"))
    assert len(ems("holders").out.splitlines()) > 10
