"""Security, users and the trust list of the OPC UA driver, against a real server that encrypts."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.crypto.cert_gen import (
    dump_private_key_as_pem,
    generate_private_key,
    generate_self_signed_app_certificate,
)
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.server.server import Server
from asyncua.ua.uaerrors import UaError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import ValidationError
from typer.testing import CliRunner

from edge_agent.commission.trust_cli import app
from edge_agent.drivers import surroundings
from protocols.config import Text
from protocols.device import OpcUa
from protocols.drivers.opcua.driver import OpcuaDriver
from protocols.drivers.opcua.session import _Client
from protocols.drivers.opcua.trust import TrustList, fingerprint
from protocols.errors import ConfigError, DeviceUnreachableError
from protocols.profile import OpcuaAddress, PointSpec
from runtime.children import free_port

pytestmark = pytest.mark.net

POWER = PointSpec(
    name="power_kw",
    label=Text(en="Power", zh="功率"),
    unit="kW",
    address=OpcuaAddress(node="ns=2;s=power_kw"),
)
ALL = [
    ua.SecurityPolicyType.NoSecurity,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]


class Users:
    """Lets `ems` in with its password, and whoever shows the certificate; nobody else."""

    def __init__(self) -> None:
        self.certificate: bytes | None = None
        self.seen: list[str | None] = []

    def get_user(
        self,
        _server: object,
        username: str | None = None,
        password: str | None = None,
        certificate: bytes | x509.Certificate | None = None,
    ) -> User | None:
        self.seen.append(username)
        shown = (
            certificate.public_bytes(Encoding.DER)
            if isinstance(certificate, x509.Certificate)
            else certificate
        )
        known = shown is not None and shown == self.certificate
        return User(UserRole.User) if known or (username, password) == ("ems", "right") else None


def make_pair(folder: Path, name: str) -> tuple[Path, Path]:
    key, made = folder / f"{name}.pem", folder / f"{name}.der"
    private = generate_private_key()
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:{name}")]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = generate_self_signed_app_certificate(private, name, {}, names, uses)
    key.write_bytes(dump_private_key_as_pem(private))
    made.write_bytes(certificate.public_bytes(Encoding.DER))
    return made, key


@asynccontextmanager
async def server(port: int, folder: Path, users: Users | None = None) -> AsyncIterator[bytes]:
    """A server with a certificate of its own; gives that certificate."""
    made = Server(user_manager=users)  # type: ignore[arg-type]  # the library asks for its own base class only by name
    await made.init()
    made.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
    made.set_security_policy(ALL)
    certificate, key = make_pair(folder, "server")
    await made.load_certificate(certificate)
    await made.load_private_key(key)
    index = await made.register_namespace("urn:test")
    node_id = ua.NodeId.from_string(f"ns={index};s=power_kw")
    await made.nodes.objects.add_variable(node_id, "power_kw", 12.5)
    async with made:
        yield certificate.read_bytes()


@asynccontextmanager
async def driver_at(port: int, state: Path, **more: object) -> AsyncIterator[OpcuaDriver]:
    place = OpcUa.model_validate({"url": f"opc.tcp://127.0.0.1:{port}/test", "timeout_s": 2.0, **more})
    driver = OpcuaDriver(place, surroundings(state))
    try:
        yield driver
    finally:
        await driver.close()


async def test_an_unknown_server_is_refused_until_a_person_accepts_it(tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "edge"
    async with server(port, tmp_path) as certificate:
        name = fingerprint(certificate)
        async with driver_at(port, state, security={}) as driver:
            for _ in range(2):
                with pytest.raises(DeviceUnreachableError, match=f"ems edge trust accept {name}"):
                    await driver.read([POWER])
            trust = TrustList(state)
            assert [(one.fingerprint, one.trusted) for one in trust.servers()] == [(name, False)]
            trust.accept(name[:16])
            assert (await driver.read([POWER])).values.tolist() == [12.5]
            trust.withdraw(name)
            await driver.close()
            with pytest.raises(DeviceUnreachableError, match="nobody accepted"):
                await driver.read([POWER])
        own = state / "opcua" / "own.pem"
        assert stat.S_IMODE(own.stat().st_mode) == 0o600


@pytest.mark.timeout(40)
async def test_each_policy_reads_once_the_server_is_trusted(tmp_path: Path) -> None:
    port = free_port()
    wanted = [
        ("Basic256Sha256", "Sign"),
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes128Sha256RsaOaep", "SignAndEncrypt"),
        ("Aes256Sha256RsaPss", "SignAndEncrypt"),
    ]
    async with server(port, tmp_path) as certificate:
        trust = TrustList(tmp_path)
        trust.reject(certificate)
        trust.accept(fingerprint(certificate))
        for policy, mode in wanted:
            async with driver_at(port, tmp_path, security={"policy": policy, "mode": mode}) as driver:
                assert (await driver.read([POWER])).values.tolist() == [12.5], policy
        async with driver_at(
            port, tmp_path, security={"policy": "Aes256Sha256RsaPss", "mode": "Sign"}
        ) as driver:
            with pytest.raises(
                DeviceUnreachableError, match="does not offer Aes256Sha256RsaPss/Sign; it offers"
            ):
                await driver.read([POWER])


@pytest.mark.timeout(40)
async def test_users_come_in_by_password_or_certificate_and_no_other_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, users = free_port(), Users()
    user_certificate, _ = make_pair(tmp_path, "user")
    users.certificate = user_certificate.read_bytes()
    monkeypatch.setenv("EMS_TEST_PASSWORD", "right")
    (tmp_path / "wrong.txt").write_text("wrong\n")
    (tmp_path / "wrong.txt").chmod(0o600)
    async with server(port, tmp_path, users) as certificate:
        trust = TrustList(tmp_path)
        trust.reject(certificate)
        trust.accept(fingerprint(certificate))
        by_password = {"user": "ems", "password": {"env": "EMS_TEST_PASSWORD"}}
        by_certificate = {"certificate": "user.der", "key": "user.pem"}
        for how in ({"login": by_password}, {"user_certificate": by_certificate}):
            async with driver_at(port, tmp_path, security={}, **how) as driver:
                assert (await driver.read([POWER])).values.tolist() == [12.5]
        for how in ({}, {"login": {"user": "ems", "password": {"file": "wrong.txt"}}}):
            async with driver_at(port, tmp_path, security={}, **how) as driver:
                with pytest.raises(DeviceUnreachableError, match="refuses the user"):
                    await driver.read([POWER])
        users.seen.clear()
        async with driver_at(
            port, tmp_path, security={}, login={"user": "ems", "password": {"file": "missing.txt"}}
        ) as driver:
            with pytest.raises(DeviceUnreachableError, match=r"missing\.txt"):
                await driver.read([POWER])
        assert users.seen == []


def test_a_server_that_wants_the_password_unencrypted_does_not_get_it() -> None:
    client = _Client("opc.tcp://127.0.0.1:4840/test")
    open_token = ua.UserTokenPolicy(
        TokenType=ua.UserTokenType.UserName, SecurityPolicyUri=SecurityPolicyNone.URI
    )
    client._policy_ids = [open_token]
    with pytest.raises(UaError, match="wants the password unencrypted"):
        client.server_policy(ua.UserTokenType.UserName)
    client.plain_allowed = True
    assert client.server_policy(ua.UserTokenType.UserName) is open_token


def test_a_password_is_never_part_of_the_configuration() -> None:
    url = "opc.tcp://127.0.0.1:4840/test"
    for wrong in (
        {"url": "opc.tcp://ems:secret@127.0.0.1:4840/"},
        {"url": url, "security": {}, "login": {"user": "ems", "password": "secret"}},
        {"url": url, "security": {}, "login": {"user": "ems", "password": {}}},
        {"url": url, "login": {"user": "ems", "password": {"env": "X"}}},
        {"url": url, "user_certificate": {"certificate": "a.der", "key": "a.pem"}},
    ):
        with pytest.raises(ValidationError):
            OpcUa.model_validate(wrong)
    assert OpcUa.model_validate({"url": url, "login": {"user": "ems", "plain": True}}).login is not None


def test_a_server_is_accepted_by_its_fingerprint_alone(tmp_path: Path) -> None:
    trust = TrustList(tmp_path)
    trust.reject(b"one")
    with pytest.raises(ConfigError, match="at least 16"):
        trust.accept(fingerprint(b"one")[:15])
    with pytest.raises(ConfigError, match="0 refused servers"):
        trust.accept(fingerprint(b"two"))
    trust.accept(fingerprint(b"one").upper())
    assert trust.trusts(b"one")
    assert not trust.trusts(b"two")


def test_the_list_of_refused_servers_is_bounded(tmp_path: Path) -> None:
    trust = TrustList(tmp_path)
    for number in range(55):
        trust.reject(str(number).encode())
        os.utime(
            tmp_path / "opcua" / "rejected" / f"{fingerprint(str(number).encode())}.der", (number, number)
        )
    names = {one.fingerprint for one in trust.servers()}
    assert len(names) == 50
    assert fingerprint(b"54") in names


def test_a_person_lists_accepts_and_withdraws_at_the_command_line(tmp_path: Path) -> None:
    state, name = ["--state", str(tmp_path)], fingerprint(b"one")
    run = CliRunner()
    TrustList(tmp_path).reject(b"one")
    assert f"refused  SHA-256 {name}" in run.invoke(app, ["list", *state]).output
    assert run.invoke(app, ["accept", name, *state]).exit_code == 0
    assert f"trusted  SHA-256 {name}" in run.invoke(app, ["list", *state]).output
    assert run.invoke(app, ["withdraw", name, *state]).exit_code == 0
    assert "no server was met" in run.invoke(app, ["list", *state]).output
    first = run.invoke(app, ["own", *state]).output
    assert first == run.invoke(app, ["own", *state]).output
