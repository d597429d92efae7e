"""W4: the hub connects to nobody in the plant's networks because somebody wrote an address.

Only its administrator allows that, in its own folder. A name is looked up once, and the connection goes to
the address that was judged. What a provider of identities names further is https, or on this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from hub.auth.provider import Provider, ProviderConfig, _safe
from hub.cli import app
from hub.forecast.config import WeatherHttp
from hub.forecast.weather import fetch
from hub.outside.senders import Mail, Message, Robot, Webhook, send
from hub.outside.way_out import OutsideFile, WayOut, load_way_out
from protocols.errors import AddressRefusedError, ConfigError, ForecastError, NotToldError, ProviderError
from protocols.networks import METADATA
from runtime.clock import SystemClock
from tests.certificates import certificates
from tests.faults.conftest import Names

pytestmark = pytest.mark.net

_HOSTS = (
    "169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "100.100.100.200", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "0.0.0.0:80", "[::]", "127.1",
    "127.0.1", "127.0.0.2", "0x7f.1", "0x7f000001", "2130706433",
    "017700000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]",
    "[0:0:0:0:0:0:0:2]", "[fe80::1]", "localhost.localdomain", "localhost.", "LOCALHOST.evil.example",
    "127.0.0.1.nip.io", "127.0.0.1@evil.example", "evil.example#@127.0.0.1", "\uff11\uff12\uff17.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
)  # fmt: skip
_SCHEMES = ("http://", "ftp://", "file://", "gopher://", "//", "HTTP://")
SPELLINGS = [f"{scheme}{host}/x" for scheme in ("http://", "HTTP://") for host in _HOSTS]
SPELLINGS += [f"{scheme}127.0.0.1/x" for scheme in _SCHEMES if "http" not in scheme.lower()]


def test_sixty_spellings_of_inner_addresses_are_none_a_provider_may_name(
    record_property: Callable[[str, object], None],
) -> None:
    assert len(SPELLINGS) >= 60
    taken = []
    for address in SPELLINGS:
        try:
            taken.append(_safe(address))
        except ProviderError:
            continue
    assert taken == []
    record_property("figure", f"{len(taken)} of {len(SPELLINGS)} asked")


@asynccontextmanager
async def _listening(answer: Callable[[str], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that says the same to everybody, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(address))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield address, asked


def _http(status: str, body: bytes, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def _here() -> WayOut:
    return WayOut(("127.0.0.1",))


def _provider(issuer: str, way_out: Callable[[], WayOut] = _here) -> Provider:
    told = {"issuer": issuer, "client_id": "ems", "roles": {"a": "viewer"}}
    back = {"redirect_url": "https://hub.example/api/v1/auth/oidc/callback"}
    return Provider(ProviderConfig.model_validate(told | back), bytes(32), SystemClock(), way_out)


async def test_a_redirect_of_the_provider_is_not_followed() -> None:
    async with (
        _listening(lambda _: _http("200 OK", b"{}")) as (inner, reached),
        _listening(lambda _: _http("302 Found", b"", f"Location: {inner}/x\r\n")) as (issuer, asked),
    ):
        with pytest.raises(ProviderError):
            await _provider(issuer).start()
    assert (len(asked), reached) == (1, [])


async def test_an_address_of_somebody_else_in_what_a_provider_publishes_is_not_asked() -> None:
    async with _listening(lambda _: _http("200 OK", b"{}")) as (inner, reached):

        def published(issuer: str) -> bytes:
            told = {"issuer": issuer, "authorization_endpoint": "http://169.254.169.254/", "jwks_uri": inner}
            return _http("200 OK", json.dumps(told).encode())

        async with _listening(published) as (issuer, asked):
            with pytest.raises(ProviderError) as error:
                await _provider(issuer).start()
    assert "not https" in str(error.value)
    assert (len(asked), reached) == (1, [])


async def test_an_answer_without_end_is_given_up() -> None:
    async with _listening(lambda _: _http("200 OK", b'"' + b"x" * 2_000_000 + b'"')) as (address, _):
        with pytest.raises(ProviderError) as error:
            await _provider(address)._ask("GET", address)
    assert "too long" in str(error.value)


MESSAGE = Message("i", ("a@b.example",), "head", ("line",), 1)
ADDRESSES = [f"{scheme}://{host}/x" for scheme in ("http", "https") for host in _HOSTS]


def test_sixty_spellings_of_inner_addresses_are_connected_to_by_nothing(
    names: Names, record_property: Callable[[str, object], None]
) -> None:
    assert len(ADDRESSES) >= 60
    way, reached = WayOut(), []
    for address in ADDRESSES:
        try:
            url = httpx.URL(address)
            reached += way.addresses(url.raw_host.decode("ascii"), 443)
        except (AddressRefusedError, httpx.InvalidURL, OSError):
            continue
    assert (reached, names.connected) == ([], [])
    record_property("figure", f"{len(names.connected)} connections, {len(ADDRESSES)} spellings")


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "unix", "smb"])
def test_what_is_not_of_the_web_is_no_address_of_a_webhook(scheme: str) -> None:
    with pytest.raises(ValidationError):
        Webhook.model_validate({"kind": "webhook", "url": f"{scheme}://127.0.0.1/x"})


async def test_whoever_sends_or_asks_says_what_would_allow_it_and_that_is_enough(
    names: Names, tmp_path: Path
) -> None:
    hook = Webhook(kind="webhook", url="http://mes.plant.example/x")
    robot = Robot(kind="wecom", url="http://mes.plant.example/x")
    mail = Mail(kind="mail", host="mes.plant.example", sender="a@b.example")
    said = []
    for sender in (hook, robot, mail):
        with pytest.raises(NotToldError) as refused:
            await asyncio.to_thread(send, sender, MESSAGE, WayOut())
        assert refused.value.context["again"]
        said.append(str(refused.value.args[0]))
    asked = {"kind": "http", "url": "http://mes.plant.example/x", "times": "t", "values": {"outdoor_c": "v"}}
    with pytest.raises(ForecastError) as weather:
        await fetch(WeatherHttp.model_validate(asked), tmp_path)
    with pytest.raises(ProviderError) as provider:
        await _provider("https://mes.plant.example", WayOut).start()
    said += [str(weather.value.args[0]), str(provider.value.args[0])]
    assert names.connected == []
    entries = {re.sub(r".* add (\S+) under `allow` in outside\.yaml.*", r"\1", one) for one in said}
    assert entries == {"mes.plant.example"}
    assert "mes.plant.example" in str(weather.value.context["zh"])
    assert WayOut(entries).addresses("mes.plant.example", 80) == ["127.0.0.1"]
    assert WayOut(("127.0.0.0/8",)).addresses("MES.plant.example.", 80) == ["127.0.0.1"]


async def test_another_answer_of_the_name_server_a_moment_later_changes_nothing(names: Names) -> None:
    """`127.0.0.2` is allowed here and stands for one of the internet, `127.0.0.1` for one of the plant."""
    way, rebound = WayOut(("127.0.0.2",)), [["127.0.0.2"], ["127.0.0.1"]]
    hook = asyncio.Event()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_http("200 OK", b"{}"))
        await writer.drain()
        writer.close()
        hook.set()

    server = await asyncio.start_server(taken, "127.0.0.2", 0)
    port = server.sockets[0].getsockname()[1]
    names.answers = {"rebind.example": [*rebound]}
    async with server:
        await asyncio.to_thread(
            send, Webhook(kind="webhook", url=f"http://rebind.example:{port}/x"), MESSAGE, way
        )
    assert hook.is_set()
    assert (names.asked, names.connected) == (["rebind.example"], [("127.0.0.2", port)])
    names.connected.clear()
    names.answers = {"rebind.example": [*rebound]}
    with pytest.raises(NotToldError):  # nobody listens there any more
        mail = Mail(kind="mail", host="rebind.example", port=port, sender="a@b.example")
        await asyncio.to_thread(send, mail, MESSAGE, way)
    assert names.connected == [("127.0.0.2", port)]
    names.answers = {"rebind.example": [["127.0.0.2", "127.0.0.1"]]}
    with pytest.raises(AddressRefusedError):  # one of the two is enough
        way.addresses("rebind.example", port)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("security", ["none", "tls"])
async def test_a_certificate_is_checked_against_the_name_though_the_connection_goes_to_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    ca, (cert, key) = certificates(tmp_path / "tls", ("mes.plant.example",))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if security == "tls":
            writer.write(b"554 go away\r\n")
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_http("200 OK", b"{}"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def told(host: str) -> str:
        sender = (
            Mail(kind="mail", host=host, port=port, security="tls", ca=str(ca), sender="a@b.example")
            if security == "tls"
            else Webhook(kind="webhook", url=f"https://{host}:{port}/x")
        )
        try:
            await asyncio.to_thread(send, sender, MESSAGE, WayOut((host,)))
        except NotToldError as error:
            return str(error.args[0])
        return "taken"

    async with server:
        right, other = await told("mes.plant.example"), await told("other.plant.example")
    assert ("554" in right) if security == "tls" else (right == "taken")
    assert "was not reached" in other


def test_what_clouds_and_links_keep_for_themselves_is_not_allowed_by_a_wide_entry(names: Names) -> None:
    wide = WayOut(("0.0.0.0/0", "::/0", "meta.example", "link.example"))
    names.answers = {"meta.example": [[str(one)] for one in METADATA], "link.example": [["169.254.7.7"]]}
    never = [*map(str, METADATA), *["meta.example"] * len(METADATA), "224.0.0.1", "0.0.0.0", "::", "ff02::1"]  # noqa: S104  nobody listens
    for one in never:
        with pytest.raises(AddressRefusedError, match="never"):
            wide.addresses(one, 80)
    with pytest.raises(AddressRefusedError, match=r"add 169\.254\.7\.7 under"):
        WayOut(("link.example",)).addresses("link.example", 80)
    assert WayOut(("169.254.0.0/16",)).addresses("link.example", 80) == ["169.254.7.7"]


def test_what_is_public_needs_no_entry() -> None:
    for one in ("1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"):
        assert [ipaddress.ip_address(found) for found in WayOut().addresses(one, 443)]


@pytest.mark.parametrize("entry", ["http://a/", "a:25", "10.0.0.1/8", "127.1", "", "a b", "*", "10.0.0.0/33"])
def test_an_entry_that_is_none_is_said_with_its_line(tmp_path: Path, entry: str) -> None:
    (tmp_path / "outside.yaml").write_text(f"allow:\n  - plant.lan\n  - '{entry}'\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"outside\.yaml:3: allow"):
        load_way_out(tmp_path)
    assert OutsideFile(allow=("Mail_1.Plant.lan.", "10.0.0.7")).allow == ("mail_1.plant.lan", "10.0.0.7/32")


def test_the_command_looks_everybody_up_and_says_what_to_add(
    names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders = "senders:\n  mail: {kind: mail, host: mail.plant.lan, sender: a@b.example}\n"
    senders += "  room: {kind: webhook, url: 'https://robot.example/x'}\n"
    (tmp_path / "senders.yaml").write_text(senders, encoding="utf-8")
    (tmp_path / "senders.yaml").chmod(0o600)
    names.answers = {"mail.plant.lan": [["10.2.3.4"]], "robot.example": [["1.1.1.1"]]}
    done = CliRunner().invoke(app, ["outside", f"--state={tmp_path}"])
    assert done.exit_code == 1
    assert "senders.yaml: mail: " in done.output
    assert "add mail.plant.lan under `allow` in outside.yaml" in done.output
    assert "senders.yaml: room: robot.example at 1.1.1.1" in done.output
    monkeypatch.setenv("EMS_OUTSIDE_ALLOW", "10.0.0.0/8 mail.example")
    assert CliRunner().invoke(app, ["outside", f"--state={tmp_path}"]).exit_code == 0
    monkeypatch.setenv("EMS_OUTSIDE_ALLOW", "10.0.0.1/8")
    with pytest.raises(ConfigError, match="EMS_OUTSIDE_ALLOW: '10"):
        load_way_out(tmp_path)
    monkeypatch.delenv("EMS_OUTSIDE_ALLOW")
    (tmp_path / "outside.yaml").write_text("allow: [mail.plant.lan]\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["outside", f"--state={tmp_path}", "--json"])
    assert (done.exit_code, [one["ok"] for one in json.loads(done.output)]) == (0, [True, True])
    assert names.connected == []
