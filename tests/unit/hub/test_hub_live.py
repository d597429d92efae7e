from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgpack
import pytest
from nats.aio.msg import Msg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hub.api.mailbox import Mailbox, Wish, said
from hub.api.models import Value, from_ns
from hub.api.news import MOST, News
from hub.auth.admin import ensure_admin
from hub.auth.tokens import open_tokens
from hub.database import upgrade
from hub.roles import api
from hub.roles.options import RoleOptions
from hub.store.schema import open_writer
from protocols import subjects
from protocols.ask import Answer, decode_question
from protocols.heartbeat import Heartbeat
from protocols.holder import Holder, Holders
from runtime import bus as plant_bus
from runtime.children import free_port
from runtime.clock import SystemClock, VirtualClock
from runtime.nats_server import RunningBus, running_bus

CONFIGS = Path(__file__).parents[3] / "configs"

pytestmark = pytest.mark.net


class Hub:
    def __init__(self, port: int, password: str, bus: RunningBus) -> None:
        self.port = port
        self.password = password
        self.bus = bus
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1")

    async def token(self) -> str:
        answer = await self.http.post("/auth/login", json={"username": "admin", "password": self.password})
        return str(answer.json()["access_token"])

    def live(self) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/api/v1/live")


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[tuple[RoleOptions, str, RunningBus]]:
    with running_bus(tmp_path) as bus:
        options = RoleOptions(CONFIGS, "demo", tmp_path, bus.url, bus.config.keys, free_port())
        open_writer(options.series_path).close()
        upgrade(options.business_url)
        password = ensure_admin(options.business_url, SystemClock())
        assert password is not None
        yield options, password, bus


@pytest.fixture
async def hub(prepared: tuple[RoleOptions, str, RunningBus]) -> AsyncIterator[Hub]:
    options, password, bus = prepared
    async with _running(options):
        running = Hub(options.port, password, bus)
        yield running
        await running.http.aclose()


@asynccontextmanager
async def _running(options: RoleOptions) -> AsyncIterator[None]:
    stop = asyncio.Event()
    ready = asyncio.Event()

    async def serve() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_role(options))
            ready.set()
            await stop.wait()
            task.cancel()

    loop = asyncio.get_running_loop()
    serving = loop.create_task(serve())
    await ready.wait()
    await _answers(options.port)
    yield
    stop.set()
    await serving


async def _role(options: RoleOptions) -> None:
    await api.run(options)


async def _answers(port: int) -> None:
    async with asyncio.timeout(10), httpx.AsyncClient() as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/api/v1/health")
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
            else:
                return


async def _sign_in(socket: ClientConnection, token: str, site: str = "demo") -> None:
    await socket.send(json.dumps({"type": "auth", "token": token, "site": site}))


async def _until(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if wanted(message):
                return message


async def test_values_and_status_reach_a_signed_in_socket(hub: Hub) -> None:
    async with hub.live() as socket:
        await _sign_in(socket, await hub.token())
        first = await _until(socket, lambda message: message["type"] == "status")
        assert first["edge"] == {"link": "down", "age_s": None}
        assert first["mode"] == "auto"
        client = await plant_bus.connect(hub.bus.login("hub"))
        now_ns = SystemClock().now().wall_ns
        rows = [["demo/comp1/power_kw", 42.0, 0, now_ns, 7], ["demo/comp1/flow_m3_min", None, 129, now_ns, 0]]
        beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links={"comp1": "up"})
        await _until(socket, lambda message: message.get("bus") == "up")
        await client.publish(subjects.event("demo", "values"), bytes(msgpack.packb(rows)))
        await client.publish(subjects.event("demo", "heartbeat"), beat.encode())
        await client.flush()
        told = await _until(socket, lambda message: message["type"] == "values")
        assert {value["point"]: value["value"] for value in told["values"]} == {
            "demo/comp1/power_kw": 42.0,
            "demo/comp1/flow_m3_min": None,
        }
        assert [value["source_time"] is None for value in told["values"]] == [False, True]
        await _until(socket, lambda message: message.get("edge", {}).get("link") == "up")
        await client.close()


async def test_a_virtual_point_reaches_the_socket_with_its_inputs(hub: Hub) -> None:
    async with hub.live() as socket:
        await _sign_in(socket, await hub.token())
        client = await plant_bus.connect(hub.bus.login("hub"))
        now_ns = SystemClock().now().wall_ns
        rows = [
            ["demo/chiller1/power_kw", 100.0, 0, now_ns, 0],
            ["demo/chiller1/cooling_kw", 520.0, 0, now_ns, 0],
        ]
        await _until(socket, lambda message: message.get("bus") == "up")
        await client.publish(subjects.event("demo", "values"), bytes(msgpack.packb(rows)))
        await client.flush()
        told = await _until(socket, lambda message: message["type"] == "values")
        assert {value["point"]: value["value"] for value in told["values"]}["demo/chiller1/cop"] == 5.2
        await client.close()


async def test_orders_and_holders_reach_a_signed_in_socket_and_the_dispatcher_is_nudged(hub: Hub) -> None:
    edge = await plant_bus.connect(hub.bus.login("edge1"))
    other = await plant_bus.connect(hub.bus.login("hub"))
    nudges = await other.subscribe(subjects.event("demo", "order"))
    await other.flush()
    token = await hub.token()
    async with hub.live() as socket:
        await _sign_in(socket, token)
        await _until(socket, lambda message: message.get("bus") == "up")
        held = Holder("demo/comp1/role_set_code", "operator", 1.0, 60.0, "olga", "test")
        told = Holders("edge1", SystemClock().now(), whole=True, holders=(held,))
        await edge.publish(subjects.holders("edge1"), told.encode())
        await edge.publish(subjects.holders("edge1"), b"nonsense")
        news = await _until(socket, lambda message: message["type"] == "holders")
        assert [(one["point"], one["actor"], one["old"]) for one in news["holders"]] == [
            ("demo/comp1/role_set_code", "olga", True),  # no heartbeat of this edge was heard
        ]
        body = {"kind": "stop", "target": "all", "reason": "smoke"}
        headers = {"Authorization": f"Bearer {token}"}
        placed = await hub.http.post("/sites/demo/orders", json=body, headers=headers)
        assert placed.status_code == 202, placed.text
        assert (await nudges.next_msg(5)).data == b""
        order = await _until(socket, lambda message: message["type"] == "order")
        assert order["order"] == placed.json()
    await edge.close()
    await other.close()


async def test_a_new_api_asks_the_edges_who_holds_their_points(
    prepared: tuple[RoleOptions, str, RunningBus],
) -> None:
    options, password, bus = prepared
    edge = await plant_bus.connect(bus.login("edge1"))

    async def answer(message: Msg) -> None:
        assert decode_question(message.data).kind == "holders"
        held = Holder("demo/comp1/role_set_code", "stopped", None, None, "olga", "smoke")
        await message.respond(Answer([held._asdict()]).encode())

    await edge.subscribe(subjects.ask("edge1"), cb=answer)
    await edge.flush()
    async with _running(options):
        hub = Hub(options.port, password, bus)
        headers = {"Authorization": f"Bearer {await hub.token()}"}
        async with asyncio.timeout(10):
            while not (rows := (await hub.http.get("/sites/demo/holders", headers=headers)).json()):
                await asyncio.sleep(0.02)
        assert [(row["rung"], row["actor"], row["why"]) for row in rows] == [("stopped", "olga", "smoke")]
        await hub.http.aclose()
    await edge.close()


@pytest.mark.parametrize("first", ["{}", "not json", '{"type":"auth","token":"x","site":"demo"}'])
async def test_a_socket_that_does_not_sign_in_is_closed(hub: Hub, first: str) -> None:
    async with hub.live() as socket:
        await socket.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_a_socket_with_an_expired_token_is_closed(hub: Hub, tmp_path: Path) -> None:
    good = await hub.token()
    family = jwt.decode(good, options={"verify_signature": False})["sid"]
    hour_ago = VirtualClock(wall_ns=SystemClock().now().wall_ns - 3600 * 10**9)
    async with hub.live() as socket:
        await _sign_in(socket, open_tokens(tmp_path, hour_ago).issue("admin", family))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_a_socket_for_another_site_is_closed(hub: Hub) -> None:
    async with hub.live() as socket:
        await _sign_in(socket, await hub.token(), "other")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_a_socket_ends_when_its_sign_in_ends(hub: Hub) -> None:
    async with hub.live() as socket:
        await _sign_in(socket, await hub.token())
        await _until(socket, lambda message: message["type"] == "status")
        await hub.http.post("/auth/logout")
        with pytest.raises(ConnectionClosed) as closed:
            await _until(socket, lambda _: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_one_person_has_at_most_five_sockets(hub: Hub) -> None:
    token = await hub.token()
    sockets = [await hub.live() for _ in range(6)]
    for socket in sockets[:5]:
        await _sign_in(socket, token)
        await _until(socket, lambda message: message["type"] == "status")
    await _sign_in(sockets[5], token)
    with pytest.raises(ConnectionClosed) as closed:
        await sockets[5].recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    for socket in sockets:
        await socket.close()


def _rows(**values: float) -> bytes:
    now_ns = SystemClock().now().wall_ns
    rows = [[f"demo/comp1/{name}", value, 0, now_ns, 0] for name, value in values.items()]
    return bytes(msgpack.packb(rows))


async def _say(socket: ClientConnection, **message: object) -> None:
    await socket.send(json.dumps(message))


async def test_a_page_is_told_what_it_shows_and_what_it_missed_as_soon_as_it_shows_more(hub: Hub) -> None:
    bus = await plant_bus.connect(hub.bus.login("hub"))
    async with hub.live() as socket:
        await _say(socket, type="auth", token=await hub.token(), site="demo", kinds=["alarms"])
        await _until(socket, lambda message: message.get("bus") == "up")
        await bus.publish(subjects.event("demo", "values"), _rows(power_kw=42.0, flow_m3_min=3.0))
        await bus.flush()
        seen = [await _until(socket, lambda message: message["type"] != "none") for _ in range(3)]
        assert {message["type"] for message in seen} <= {"status", "alarms"}
        await _until(socket, lambda message: message.get("place", {"seq": 0})["seq"] >= 2)
        await _say(socket, type="subscribe", points=["demo/comp1/power_kw"], kinds=["values"])
        told = await _until(socket, lambda message: message["type"] == "values")
        assert [value["point"] for value in told["values"]] == ["demo/comp1/power_kw"]
        await _say(socket, type="subscribe")
        told = await _until(socket, lambda message: message["type"] == "values")
        assert {value["value"] for value in told["values"]} >= {42.0, 3.0}
        await _say(socket, type="subscribe", kinds=["everything"])
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400
    await bus.close()


async def test_a_page_whose_link_was_lost_goes_on_where_it_was(hub: Hub) -> None:
    bus = await plant_bus.connect(hub.bus.login("hub"))
    token = await hub.token()
    async with hub.live() as socket:
        await _sign_in(socket, token)
        place = (await _until(socket, lambda message: message.get("bus") == "up"))["place"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"kind": "stop", "target": "all", "reason": "while nobody looks"}
    assert (await hub.http.post("/sites/demo/orders", json=body, headers=headers)).status_code == 202
    await bus.publish(subjects.event("demo", "values"), _rows(power_kw=7.0))
    await bus.flush()
    async with hub.live() as socket:
        await _say(socket, type="auth", token=token, site="demo", resume=place)
        first = json.loads(await socket.recv())
        assert first == {"type": "resumed", "whole": True}
        order = await _until(socket, lambda message: message["type"] == "order")
        assert order["order"]["reason"] == "while nobody looks"
    async with hub.live() as socket:
        await _say(socket, type="auth", token=token, site="demo", resume=place | {"run": "of yesterday"})
        assert json.loads(await socket.recv()) == {"type": "resumed", "whole": False}
    await bus.close()


def test_what_waits_for_a_slow_reader_is_bounded_and_the_newest_wins() -> None:
    box = Mailbox(Wish(points=("demo/a/b", "demo/a/c")))
    for at in range(1000):
        box.put("plan", said({"": f"p{at}"}))
        box.put("configuration", said({"": at}))
    assert [json.loads(one) for one in box.take()] == [
        {"type": "plan", "id": "p999"}, {"type": "configuration", "version": 999},
    ]  # fmt: skip
    assert box.take() == []
    assert box.want(Wish(points=("demo/a/b",))) == []
    assert box.want(Wish(points=("demo/a/b", "demo/a/d"))) == ["values"]
    box.put("plan", said({"": "p1"}))
    assert box.want(Wish(kinds=("values",))) == ["values"]
    assert box.take() == []


def test_what_many_are_told_is_made_text_once_and_only_where_somebody_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    real = Value.model_dump

    def counted(self: Value, **how: Any) -> dict[str, Any]:  # noqa: ANN401  as it came
        made.append(self.point)
        return real(self, **how)

    monkeypatch.setattr(Value, "model_dump", counted)
    boxes = [Mailbox(Wish(points=("demo/a/b", "demo/a/c"))) for _ in range(100)]
    points = ("demo/a/b", "demo/a/c", "demo/a/nobody")
    values = {
        point: Value(
            point=point, value=1.5, quality=0, quality_class="good", time=from_ns(1), age_s=0.0,
            source_time=None,
        )
        for point in points
    }  # fmt: skip
    told = said(values)
    for box in boxes:
        box.put("values", told)
    heard = {text for box in boxes for text in box.take()}
    assert sorted(made) == ["demo/a/b", "demo/a/c"]
    for text in heard:  # in which order a box has its points is not said
        message = json.loads(text)
        assert message["type"] == "values"
        shown = {one["point"]: one for one in message["values"]}
        assert shown == {point: json.loads(values[point].model_dump_json()) for point in points[:2]}


async def test_what_a_person_waits_for_rings_at_once_and_values_do_not() -> None:
    box = Mailbox(Wish())
    box.take()
    box.put("values", said({}))
    box.put("plan", said({"": "p1"}))
    assert not box.ring.is_set()
    box.put("alarms", said({"a": "b"}))
    assert box.ring.is_set()
    box.take()
    assert not box.ring.is_set()


def test_a_place_that_lies_too_far_back_is_not_gone_on_from() -> None:
    news = News()
    for at in range(MOST["command"] + 10):
        news.note("command", {f"c{at}": at})
    news.note("command", {"c15": "again"})
    assert not news.known(news.run, 9)
    assert news.known(news.run, 10)
    assert not news.known("another", 10)
    assert not news.known(news.run, news.seq + 1)
    assert list(news.since("command", news.seq - 2)) == [f"c{MOST['command'] + 9}", "c15"]
    run = news.run
    news.restart()
    assert (news.run == run, news.known(run, 10), news.since("command")) == (False, False, {})
