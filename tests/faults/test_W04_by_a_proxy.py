"""W4: a hub that reaches the internet by a proxy alone judges whom it may ask before it asks the proxy."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.forecast.config import WeatherHttp
from hub.forecast.weather import fetch
from hub.outside.proxy import Proxy
from hub.outside.senders import Mail, Message, Webhook, send
from hub.outside.way_out import WayOut, load_way_out
from protocols.errors import AddressRefusedError, ConfigError, ForecastError, NotToldError
from tests.certificates import certificates
from tests.faults.conftest import Names

pytestmark = pytest.mark.net

MESSAGE = Message("i", ("a@b.example",), "head", ("line",), 1)
LOGIN = "ems:of the proxy"
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def small_proxy(target: int, login: str = "") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A proxy in a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.small_proxy", str(target), *([login] if login else [])],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", process
    finally:
        process.communicate(timeout=10)


def heard(process: subprocess.Popen[str]) -> list[str]:
    """What the proxy was asked, when all is over."""
    return process.communicate(timeout=10)[0].splitlines()


@asynccontextmanager
async def listening(first: bytes = b"", context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of the internet: it says its word, or answers a question of the web with an empty object."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        if not first:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def said(way: WayOut, sender: Webhook | Mail) -> str:
    """Why a message was not taken; empty: it was."""
    try:
        await asyncio.to_thread(send, sender, MESSAGE, way)
    except NotToldError as error:
        return str(error.args[0])
    return ""


def hook(url: str) -> Webhook:
    return Webhook(kind="webhook", url=url)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def test_a_webhook_goes_by_the_proxy_and_its_certificate_is_that_of_its_name(
    names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ca, (cert, key) = certificates(tmp_path / "tls", ("hooks.example",))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    names.answers = {"hooks.example": [[]], "other.example": [["1.1.1.1"]]}
    async with listening(context=context) as target:
        with small_proxy(target, LOGIN) as (address, process):
            user, _, password = LOGIN.partition(":")
            way = WayOut(proxy=Proxy(address, user, password))
            assert await said(way, hook("https://hooks.example/x")) == ""
            assert "was not reached" in await said(way, hook("https://other.example/x"))
            wrong = WayOut(proxy=Proxy(address, user, "another one"))
            assert "407 Proxy Authentication Required" in await said(wrong, hook("https://hooks.example/x"))
            asked = await asyncio.to_thread(heard, process)
    assert [one.split()[:2] for one in asked] == [
        ["CONNECT", "hooks.example:443"], ["CONNECT", "other.example:443"], ["CONNECT", "hooks.example:443"],
    ]  # fmt: skip
    assert {one[1] for one in names.connected if isinstance(one, tuple)} == {port_of(address)}
    assert password not in caplog.text + repr(way.proxy)


async def test_mail_and_weather_go_by_the_proxy(names: Names, tmp_path: Path) -> None:
    names.answers = {"smtp.example": [[]], "weather.example": [[]]}
    mail = Mail(kind="mail", host="smtp.example", port=2525, security="none", sender="a@b.example")
    async with listening(b"554 not today\r\n") as target:
        with small_proxy(target, LOGIN) as (address, process):
            way = WayOut(proxy=Proxy(address, *LOGIN.split(":")))
            assert "554 not today" in await said(way, mail)
            wrong = WayOut(proxy=Proxy(address, "ems", "another one"))
            assert "407 Proxy Authentication Required" in await said(wrong, mail)
            asked = await asyncio.to_thread(heard, process)
    assert [one.split()[:2] for one in asked] == [["CONNECT", "smtp.example:2525"]] * 2
    at = {"kind": "http", "url": "http://weather.example/x", "times": "t", "values": {"outdoor_c": "v"}}
    async with listening() as target:
        with small_proxy(target) as (address, process):
            (tmp_path / "outside.yaml").write_text(f"proxy: {{url: '{address}'}}\n", encoding="utf-8")
            with pytest.raises(ForecastError) as empty:  # it was answered, with an object that holds no times
                await fetch(WeatherHttp.model_validate(at), tmp_path)
            asked = await asyncio.to_thread(heard, process)
    assert "reached" not in str(empty.value)
    assert [one.split()[:2] for one in asked] == [["GET", "http://weather.example/x"]]


async def test_who_is_of_the_plant_is_judged_as_ever_and_the_proxy_is_not_asked(names: Names) -> None:
    names.answers = {
        "looks.example": [["10.1.2.3"]], "mixed.example": [["1.1.1.1", "10.1.2.3"]], "mes": [[]],
        "mail.plant.lan": [[]], "metadata.google.internal": [[]], "127.0.0.1.": [[]],
        "own.example": [["127.0.0.1"]],
    }  # fmt: skip
    inner = ("10.1.2.3", "169.254.169.254", "127.1", "[::ffff:127.0.0.1]", "localhost")
    async with listening() as target:
        with small_proxy(target) as (address, process):
            proxy = Proxy(address)
            for host in (*inner, *names.answers):
                assert "add " in (why := await said(WayOut(proxy=proxy), hook(f"http://{host}/x"))) or (
                    "never" in why
                ), host
            assert names.connected == []
            own = hook(f"http://own.example:{target}/x")
            for entry in (
                "own.example",
                "127.0.0.0/8",
            ):  # whom the administrator allows is reached without it
                assert await said(WayOut((entry,), proxy), own) == ""
            assert {one for one in names.connected if one != ()} == {("127.0.0.1", target)}
            assert await asyncio.to_thread(heard, process) == []


async def test_a_proxy_that_is_away_is_said(names: Names) -> None:
    names.answers = {"far.example": [[]]}
    async with listening() as port:
        pass  # nobody listens there any more
    way = WayOut(proxy=Proxy(f"http://127.0.0.1:{port}"))
    assert "was not reached" in await said(way, hook("https://far.example/x"))
    mail = Mail(kind="mail", host="far.example", sender="a@b.example")
    assert "far.example was not reached" in await said(way, mail)
    split = Mail(kind="mail", host="far.example\r\nX: y.example", sender="a@b.example")
    names.answers[split.host] = [[]]
    assert "is no name of a host" in await said(way, split)
    secure = WayOut(proxy=Proxy("https://proxy.example"))
    assert "mail cannot go by https://proxy.example" in await said(secure, mail)
    with pytest.raises(AddressRefusedError):
        way.direct("mes", 443)


def test_the_password_of_the_proxy_has_a_file_of_its_own(names: Names, tmp_path: Path) -> None:
    file, secret = tmp_path / "outside.yaml", tmp_path / "proxy_password"

    def put(login: str, url: str = "http://proxy.plant.lan:3128") -> None:
        file.write_text(f"proxy: {{url: '{url}', login: {login}}}\n", encoding="utf-8")

    put("{user: ems, password: {file: proxy_password}}")
    with pytest.raises(ConfigError, match="needs an https proxy"):
        load_way_out(tmp_path)
    put("{user: ems, password: {file: proxy_password}, plain: true}")
    with pytest.raises(ConfigError, match="proxy_password"):
        load_way_out(tmp_path)
    secret.write_text("of the proxy\n", encoding="utf-8")
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="other users can read"):
        load_way_out(tmp_path)
    secret.chmod(0o600)
    made = load_way_out(tmp_path).proxy
    assert made == Proxy("http://proxy.plant.lan:3128", "ems", "of the proxy")
    assert "of the proxy" not in repr(made) + repr(made.for_http())
    put("{user: ems, password: {file: proxy_password}}", "https://ems:word@proxy.plant.lan")
    with pytest.raises(ConfigError, match=r"outside\.yaml:1: proxy\.url"):
        load_way_out(tmp_path)
    put("{user: ems, password: {file: proxy_password}, plain: true}")
    senders = "senders:\n  room: {kind: webhook, url: 'https://robot.example/x'}\n"
    (tmp_path / "senders.yaml").write_text(senders, encoding="utf-8")
    (tmp_path / "senders.yaml").chmod(0o600)
    names.answers = {"robot.example": [[]]}
    done = CliRunner().invoke(app, ["outside", f"--state={tmp_path}"])
    assert (done.exit_code, done.output) == (0, "senders.yaml: room: robot.example by the proxy\n")
