"""A box comes in with a token: its seed stays, the token is good once, the bus takes the new key."""

from __future__ import annotations

import asyncio
import hashlib
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from edge_agent.box import Box
from edge_agent.join import bring_in, keys_of
from edge_agent.settings import Place, bus_login
from ems.bus_cli import app as bus_app
from ems.bus_settings import Wanted, ca_pin, settled, tls_files
from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.auth.sessions import Auth
from hub.auth.tokens import Tokens
from hub.database import FILE, create_engine, embedded_url, sessions_of, upgrade
from hub.preparing import prepare
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.roles.options import RoleOptions
from hub.store.engine import StorePlace, open_store
from protocols.errors import ConfigError, ContractError
from protocols.join import JoinToken, check_address, decode_token
from runtime.bus import BusLogin, ca_file, connect, ensure_streams, publish_row
from runtime.bus_register import BusKeeper
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus, wait_listening
from tests.certificates import certificates

pytestmark = pytest.mark.net
CONFIGS = Path(__file__).parents[2] / "configs"
RUN = CliRunner()


@dataclass
class Hub:
    """A hub's API on a real port, in a thread with a loop of its own."""

    url: str
    state: Path
    bus: RunningBus

    def token(self, edge: str, *more: str) -> JoinToken:
        done = RUN.invoke(
            bus_app,
            ["token", edge, f"--hub={self.url}", f"--state={self.bus.config.folder}",
             f"--hub-state={self.state}", *more],
            catch_exceptions=False,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        return decode_token(done.output.split("ems edge join ")[1])


@contextmanager
def _hub(folder: Path, bus: RunningBus, certificate: tuple[Path, Path] | None = None) -> Iterator[Hub]:
    state = folder / "hub"
    state.mkdir(mode=0o700)
    (state / FILE).touch(mode=0o600)
    upgrade(embedded_url(state))
    store, port = open_store(StorePlace(folder / "series.db"), SystemClock()), free_port()
    held: list[uvicorn.Server] = []

    async def serve() -> None:
        engine, clock = create_engine(embedded_url(state)), SystemClock()
        registry, sessions = load_registry(CONFIGS, "demo"), sessions_of(engine)
        auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
        edges = EdgeWatch(registry.site.edges, clock)
        control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
        deps = ApiDeps(registry, store, sessions, auth, edges, clock, control)
        cert, key = certificate or (None, None)
        held.append(
            uvicorn.Server(
                uvicorn.Config(
                    create_app(deps), port=port, log_config=None, lifespan="off", ssl_certfile=cert,
                    ssl_keyfile=key,
                )
            )
        )  # fmt: skip
        await held[0].serve()
        await engine.dispose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        until_s = time.monotonic() + 10
        while not (held and held[0].started) and time.monotonic() < until_s:
            time.sleep(0.02)
        yield Hub(f"http{'s' if certificate else ''}://127.0.0.1:{port}", state, bus)
    finally:
        held[0].should_exit = True
        thread.join()
        store.close()


async def _sends_a_row(bus: RunningBus, keys: Path, edge: str) -> None:
    hub = await connect(bus.login("hub"))
    await ensure_streams(hub.jetstream())
    place = Place(CONFIGS, "demo", edge, keys, keys, "nats://127.0.0.1:1")
    async with asyncio.timeout(10.0):
        client = await connect(bus_login(place))
        await publish_row(client.jetstream(), f"tel.{edge}.j", b"x", "j:1")
    await client.close()
    await hub.close()


def test_a_new_box_joins_and_its_seed_never_leaves_it(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus, _hub(tmp_path, bus) as hub:
        token, keys = hub.token("edge2"), tmp_path / "box"
        account = bring_in(token, keys)
        assert account.bus == bus.url
        asyncio.run(_sends_a_row(bus, keys, "edge2"))
        seed = (keys / "edge2.nk").read_bytes()
        assert stat.S_IMODE((keys / "edge2.nk").stat().st_mode) == 0o600
        others = [path for path in tmp_path.rglob("*") if path.is_file() and path != keys / "edge2.nk"]
        assert not [path for path in others if seed in path.read_bytes()]
        assert not [path for path in others if token.secret.hex().encode() in path.read_bytes()]
        assert sorted(path.name for path in keys.iterdir()) == ["edge2.account.json", "edge2.nk"]


def test_a_token_is_good_for_one_box_and_the_same_box_may_repeat_itself(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus, _hub(tmp_path, bus) as hub:
        token, box = hub.token("edge2"), tmp_path / "box"
        first = bring_in(token, box)
        (box / "edge2.nk").rename(box / f"edge2.joining-{token.id}.nk")  # as if it had died before the end
        assert bring_in(token, box) == first
        with pytest.raises(ConfigError, match="used by another box"):
            bring_in(token, tmp_path / "thief")
        assert BusKeeper(bus.config.folder).known().find("edge2").key == first.public_key  # type: ignore[union-attr]  # it is there
        with pytest.raises(ConfigError, match="joined before"):
            bring_in(hub.token("edge2", "--replace"), box)
        bring_in(hub.token("edge2", "--replace"), box, again=True)
        asyncio.run(_sends_a_row(bus, box, "edge2"))


def test_a_wrong_secret_an_old_token_and_a_revoked_edge_are_refused(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus, _hub(tmp_path, bus) as hub:
        token = hub.token("edge2")
        with pytest.raises(ConfigError, match="knows no such join token"):
            bring_in(replace(token, secret=bytes(24)), tmp_path / "a")
        with pytest.raises(ConfigError, match="knows no such join token"):
            bring_in(replace(token, id="0" * 16), tmp_path / "b")
        hub.token("edge2")
        with pytest.raises(ConfigError, match="is over"):
            bring_in(token, tmp_path / "c")
        token = hub.token("edge2")
        bring_in(token, tmp_path / "box")
        arguments = ["revoke", "edge2", f"--state={bus.config.folder}", f"--hub-state={hub.state}"]
        assert RUN.invoke(bus_app, arguments, catch_exceptions=False).exit_code == 0
        (tmp_path / "box" / "edge2.nk").rename(tmp_path / "box" / f"edge2.joining-{token.id}.nk")
        with pytest.raises(ConfigError, match="is over"):
            bring_in(token, tmp_path / "box")
        with pytest.raises(ConfigError, match="edge1 has a box"):
            RUN.invoke(bus_app, ["token", "edge1", *arguments[2:]], catch_exceptions=False)


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus, _hub(tmp_path, bus) as hub:
        token = replace(hub.token("edge2"), secret=bytes(24))
        said = ""
        for _ in range(25):
            with pytest.raises(ConfigError) as refused:
                bring_in(token, tmp_path / "a")
            said = str(refused.value)
        assert "too many wrong join tokens" in said


def test_the_secret_goes_to_no_hub_with_another_certificate_and_the_bus_is_told_apart(tmp_path: Path) -> None:
    ca, certificate = certificates(tmp_path / "ours")
    with running_bus(tmp_path) as plain, _hub(tmp_path, plain, certificate) as hub:
        keeper = BusKeeper(plain.config.folder)
        wanted = Wanted(tls=tls_files(*certificate, ca))
        plain.server.stop()
        keeper.change(lambda old: settled(old, wanted, keeper.known().hub_key))
        token = hub.token("edge2")
        assert token.ca_pin == ca_pin(ca)
        with pytest.raises(ContractError, match="another certificate"):
            bring_in(replace(token, ca_pin=hashlib.sha256(b"other").digest()), tmp_path / "a")
        account = bring_in(token, tmp_path / "box")
        assert account.bus.startswith("tls://")
        assert ca_file(tmp_path / "box").read_text() == ca.read_text()
        plain.server.start()
        asyncio.run(_over_tls(plain, ca, tmp_path / "box"))


def test_the_hub_itself_lets_a_box_in_over_https(tmp_path: Path) -> None:
    ca, (cert, key) = certificates(tmp_path / "ours")
    with running_bus(tmp_path) as bus:
        keeper = BusKeeper(bus.config.folder)
        bus.server.stop()
        wanted = Wanted(tls=tls_files(cert, key, ca))
        keeper.change(lambda old: settled(old, wanted, keeper.known().hub_key))
        options = RoleOptions(
            CONFIGS, "demo", tmp_path / "hub", keeper.known().address, bus.config.keys, free_port(),
            tls=(cert, key),
        )  # fmt: skip
        prepare(options, print)
        command = [sys.executable, "-m", "hub.cli", "role", "api", *options.arguments()]
        with subprocess.Popen(command, cwd=CONFIGS.parent) as process:
            try:
                wait_listening("127.0.0.1", options.port, process, 30.0)
                hub = Hub(f"https://127.0.0.1:{options.port}", options.state, bus)
                assert bring_in(hub.token("edge2"), tmp_path / "box").edge == "edge2"
            finally:
                process.terminate()


async def _over_tls(bus: RunningBus, ca: Path, keys: Path) -> None:
    url = bus.url.replace("nats:", "tls:")
    hub = await connect(BusLogin(url, "hub", bus.login("hub").seed_file, ca))
    await ensure_streams(hub.jetstream())
    place = Place(CONFIGS, "demo", "edge2", keys, keys, "nats://127.0.0.1:1")
    async with asyncio.timeout(10.0):
        client = await connect(bus_login(place))
        await publish_row(client.jetstream(), "tel.edge2.j", b"x", "j:1")
    await client.close()
    await hub.close()


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("", "no join token"),
        ("emsjoin1.", "damaged"),
        ("emsjoin1.AAAA", "damaged"),
        ("emsjoin1.ключ", "damaged"),
        (JoinToken("s", "e", "http://10.0.0.1", b"", "1", b"").encode(), "not encrypted"),
        (JoinToken("s", "e", "https://hub", b"", "1", b"").encode(), "needs the certificate"),
        (JoinToken("s", "e", "file:///etc/passwd", b"", "1", b"").encode(), "no address of a hub"),
        (JoinToken("../../x", "e", "http://127.0.0.1", b"", "1", b"").encode(), "damaged"),
    ],
)
def test_what_is_no_token_is_refused_in_one_sentence(word: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        decode_token(word)


def test_a_token_of_another_edge_is_not_used_up_on_a_box_that_the_package_set_up() -> None:
    keys = Path("keys")
    box = Box(Place(CONFIGS, "demo", "edge1", keys, keys, ""))
    token = JoinToken("demo", "edge1", "http://127.0.0.1", b"", "1", b"")
    assert keys_of(box, token) == keys
    assert keys_of(None, token) == Path("var/keys")
    with pytest.raises(ConfigError, match="this box is demo/edge1, and the token is for demo/edge2"):
        keys_of(box, replace(token, edge="edge2"))


def test_an_address_of_this_machine_needs_no_certificate() -> None:
    check_address("http://127.0.0.1:8080", b"")
