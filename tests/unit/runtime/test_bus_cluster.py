"""Three servers of one bus: written by the command line, met over TLS, one secret, one list of accounts."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from benchmarks.bus_cluster_rig import BusServers
from ems.bus_cli import app
from ems.bus_settings import Wanted, cluster_of, settled
from hub.cli import app as hub_app
from protocols.errors import BusError, ConfigError
from protocols.subjects import BUCKET_LEADER, STREAM_TELEMETRY
from runtime.bus import BusLogin, connect, ensure_streams, stream_configs
from runtime.bus_register import BusKeeper, nobodys_key
from runtime.bus_seat import Bucket, Seat
from runtime.children import free_port
from runtime.nats_server import running_bus, server_binary, wait_listening
from tests.certificates import certificates

RUN = CliRunner()
NAMES = ("north", "south", "east")
ROUTES = ("n:6222", "s:6222", "e:6222")


@dataclass(frozen=True)
class Machine:
    """One server with a state and keys of its own, as on a machine of its own."""

    folder: Path
    port: int
    route: int

    @property
    def state(self) -> Path:
        return self.folder / "bus"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"


def machines(folder: Path) -> list[Machine]:
    return [Machine(folder / name, free_port(), free_port()) for name in NAMES]


def configured(made: list[Machine], *more: str) -> None:
    """As an operator does: `ems bus config` on each; secret and hub's key are copied from the first."""
    address = ",".join(f"127.0.0.1:{one.port}" for one in made)
    for name, one in zip(NAMES, made, strict=True):
        if one is not made[0]:
            one.keys.mkdir(parents=True, mode=0o700)
            for file in ("bus_cluster.secret", "hub.nk"):
                shutil.copy2(made[0].keys / file, one.keys / file)
        arguments = [
            "config", f"--state={one.state}", f"--keys={one.keys}", f"--listen=127.0.0.1:{one.port}",
            f"--address={address}", "--monitor-port=0", "--edge=edge1", f"--cluster-server={name}",
            f"--cluster-listen=127.0.0.1:{one.route}",
            *(f"--cluster-route=127.0.0.1:{other.route}" for other in made), *more,
        ]  # fmt: skip
        done = RUN.invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert ("copy it" in done.output) == (one is made[0])
        if one is not made[0]:
            follow = ["follow", str(made[0].state / "bus.json"), f"--state={one.state}"]
            assert RUN.invoke(app, follow, catch_exceptions=False).exit_code == 0


@contextmanager
def running(made: list[Machine]) -> Iterator[None]:
    started = []
    for one in made:
        log = (one.folder / "nats.log").open("ab")
        with log:
            process = subprocess.Popen(
                [server_binary(), "-c", one.state / "nats.conf"], stdout=log, stderr=log
            )
        started.append(process)
    try:
        for one, process in zip(made, started, strict=True):
            wait_listening("127.0.0.1", one.port, process)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(10)


async def three_copies(login: BusLogin) -> None:
    """Make the streams as soon as the servers have found each other."""
    bus = await connect(login)
    async with asyncio.timeout(15):
        while True:
            try:
                await ensure_streams(bus.jetstream(timeout=1.0), 3)
                break
            except BusError:
                await asyncio.sleep(0.05)
    await bus.close()


@pytest.mark.net
@pytest.mark.timeout(40)
async def test_servers_meet_over_tls_and_who_was_cut_off_is_out_at_each_that_follows(tmp_path: Path) -> None:
    ca, (cert, key) = certificates(tmp_path / "tls")
    made = machines(tmp_path)
    configured(made, f"--tls-cert={cert}", f"--tls-key={key}", f"--tls-ca={ca}")
    for one in made:
        text = (one.state / "nats.conf").read_text()
        assert all(word in text for word in ("verify: true", "no_advertise: true", 'min_version: "1.3"'))
    address = BusKeeper(made[0].state).known().address
    assert address == ",".join(f"tls://127.0.0.1:{one.port}" for one in made)
    with running(made):
        await three_copies(BusLogin(address, "hub", made[0].keys / "hub.nk", ca))
        last = await connect(BusLogin(f"tls://127.0.0.1:{made[2].port}", "hub", made[0].keys / "hub.nk", ca))
        info = await last.jetstream().stream_info(STREAM_TELEMETRY)
        assert info.config.num_replicas == 3
        await last.close()
    register = BusKeeper(made[0].state)
    register.admit("edge1", key_of_a_box := nobodys_key())
    BusKeeper(made[1].state).follow(register.register)
    stale = tmp_path / "old.json"
    shutil.copy(register.register, stale)
    register.revoke("edge1")
    BusKeeper(made[1].state).follow(register.register)
    assert key_of_a_box in BusKeeper(made[1].state).known().revoked_keys
    assert key_of_a_box not in (made[1].state / "nats.conf").read_text()
    assert BusKeeper(made[1].state).known().listen.endswith(str(made[1].port)), "its own settings stay"
    with pytest.raises(ConfigError, match="too old: it lets edge1 in"):
        BusKeeper(made[1].state).follow(stale)
    assert BusKeeper(made[1].state).follow(register.register) == []


@pytest.mark.net
@pytest.mark.timeout(40)
async def test_a_server_with_another_secret_is_no_part_of_the_bus(tmp_path: Path) -> None:
    made = machines(tmp_path)
    configured(made)
    (made[2].keys / "bus_cluster.secret").write_text("another secret of some length")
    BusKeeper(made[2].state).change(lambda old: old or pytest.fail("there is one"))
    with running(made):
        bus = await connect(BusLogin(f"nats://127.0.0.1:{made[0].port}", "hub", made[0].keys / "hub.nk"))
        async with asyncio.timeout(15):
            while "Route Error 'Authorization Violation'" not in (made[0].folder / "nats.log").read_text():
                await asyncio.sleep(0.05)
        with pytest.raises(BusError, match="cannot be made"):
            await ensure_streams(bus.jetstream(timeout=1.0), 3)
        await bus.close()


@pytest.mark.net
@pytest.mark.timeout(60)
async def test_streams_and_records_of_one_copy_get_three_and_keep_them(tmp_path: Path) -> None:
    servers = BusServers(tmp_path, ("edge1",))
    await asyncio.to_thread(servers.start)
    try:
        bus = await connect(servers.login("hub"))
        js = bus.jetstream(timeout=2.0)
        async with asyncio.timeout(20):
            while True:
                try:
                    await ensure_streams(js)
                    break
                except BusError:
                    await asyncio.sleep(0.05)
        seat = Seat(bus, "demo", 2.0, Bucket())
        assert await seat.write(b"a", 0) is not None
        assert (await js.stream_info(STREAM_TELEMETRY)).config.num_replicas == 1
        await ensure_streams(js, 3)
        await ensure_streams(js)  # by one that was not told
        for name in (STREAM_TELEMETRY, f"KV_{BUCKET_LEADER}"):
            assert (await js.stream_info(name)).config.num_replicas == 3
        found = await seat.read()
        assert found is not None
        assert found.body == b"a"
        await bus.close()
    finally:
        await asyncio.to_thread(servers.stop)


@pytest.mark.net
async def test_streams_that_are_as_wanted_are_left_alone(tmp_path: Path) -> None:
    with running_bus(tmp_path / "bus") as bus:
        hub = await connect(bus.login("hub"))
        js = hub.jetstream()
        await ensure_streams(js)
        asked = hub.stats["out_msgs"]
        await ensure_streams(js)
        assert hub.stats["out_msgs"] - asked == len(stream_configs()), "each is looked at, none is changed"
        with pytest.raises(BusError, match="replicas"):
            await ensure_streams(js, 3)
        await hub.close()


@pytest.mark.parametrize(
    ("server", "listen", "routes", "words"),
    [
        (None, "127.0.0.1:6222", ROUTES, "--cluster-server"),
        ("north", None, ROUTES, "--cluster-listen"),
        ("north", "127.0.0.1:6222", ROUTES[:2], "--cluster-route for each"),
        ("north", "127.0.0.1:6222", ("n:6222", "n:6222", "n:6222"), "--cluster-route for each"),
        ("Nor th", "127.0.0.1:6222", ROUTES, "--cluster-server 'Nor th'"),
        ("north", "anywhere", ROUTES, "--cluster-listen 'anywhere'"),
        ("north", "127.0.0.1:6222", ("n:6222", "s:6222", 'e" }'), "--cluster-routes"),
    ],
)
def test_half_a_cluster_is_refused_in_words(
    server: str | None, listen: str | None, routes: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        cluster_of(server, listen, routes, tmp_path / "secret")


def test_a_route_in_the_clear_to_other_machines_is_refused(tmp_path: Path) -> None:
    cluster = cluster_of("north", "0.0.0.0:6222", ROUTES, tmp_path / "secret")
    with pytest.raises(ConfigError, match=r"--cluster-listen 0\.0\.0\.0:6222 lets other machines in"):
        settled(None, Wanted(cluster=cluster), nobodys_key())
    assert settled(None, Wanted(cluster=cluster, plain=True), nobodys_key()).cluster == cluster
    assert not (tmp_path / "secret").exists()


def test_a_certificate_for_servers_alone_is_refused_on_a_route(tmp_path: Path) -> None:
    ca, (cert, key) = certificates(tmp_path / "tls", uses=(ExtendedKeyUsageOID.SERVER_AUTH,))
    cluster = cluster_of("north", "0.0.0.0:6222", ROUTES, tmp_path / "secret")
    wanted = Wanted(listen="0.0.0.0:4222", address="a:1,b:1,c:1", tls=(cert, key, ca), cluster=cluster)
    with pytest.raises(ConfigError, match="serverAuth and clientAuth"):
        settled(None, wanted, nobodys_key())


async def test_one_server_in_the_clear_beside_others_with_tls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for all of them"):
        await connect(BusLogin("tls://a:4222,nats://b:4222", "hub", None, tmp_path / "ca.pem"))


def test_an_even_number_of_copies_is_refused() -> None:
    done = RUN.invoke(hub_app, ["run", "--bus-replicas=2"])
    assert isinstance(done.exception, ConfigError)
    assert "1, 3 or 5" in str(done.exception)
