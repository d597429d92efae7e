"""How messages get out: mail, webhooks, robots of WeCom and DingTalk. One message a call, no retry here.

Addresses and secrets of senders stand in a file of the hub's own folder, which nobody else may read:

senders:
  mail: {kind: mail, host: smtp.plant.example, port: 587, security: starttls, user: ems, password: …,
         sender: ems@plant.example}
  room: {kind: wecom, url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"}
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import quote_plus

import httpx
from pydantic import Field

from hub.outside.http import client
from hub.outside.way_out import WayOut, load_way_out
from protocols.config import Config, IdPart
from protocols.errors import AddressRefusedError, ConfigError, KeyFileError, NotToldError
from runtime.keys import read_private
from runtime.yaml_config import load_config

FILE: Final = "senders.yaml"
WAIT_S: Final = 15.0
"""A server that does not answer for so long is tried again later. [s]"""

_Refused = Mapping[str, tuple[int, bytes]]
"""Addresses with code and words of the server."""

_TEXT_BYTES: Final = 1800
"""The robots take 2048 bytes of a text. [bytes]"""


class Mail(Config):
    """A mail server."""

    kind: Literal["mail"]
    """`mail`."""

    host: str
    """Its name or address."""

    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Its port."""

    security: Literal["none", "starttls", "tls"] = "starttls"
    """`starttls`, `tls` from the first byte, or `none` for a server on this machine or in its room."""

    ca: str | None = None
    """File with the certificate its own is checked by; none: those of the system."""

    user: str | None = None
    """Who signs in; none: nobody has to."""

    password: str = ""
    """Their password."""

    sender: str
    """Address the mail comes from."""


class Webhook(Config):
    """Any server that takes JSON: `id`, `site`, `head`, `lines`, and `alarms` with the parts of each line."""

    kind: Literal["webhook"]
    """`webhook`."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Where it is posted to."""

    token: str = ""
    """Sent as a bearer token; empty: none."""


class Robot(Config):
    """A robot of a group in WeCom or DingTalk."""

    kind: Literal["wecom", "dingtalk"]
    """Whose."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Its address, which is a secret."""

    secret: str = ""
    """Key DingTalk wants messages signed with; empty: it wants none."""


Sender = Annotated[Mail | Webhook | Robot, Field(discriminator="kind")]


class SendersFile(Config):
    """`senders.yaml` in the hub's own folder."""

    senders: dict[IdPart, Sender] = Field(default_factory=dict)
    """By the names that `notify` uses."""


class Item(NamedTuple):
    """One alarm of a message, for a machine that reads it."""

    alarm: str
    occurrence: int
    kind: str
    text: str


class Attachment(NamedTuple):
    """A file that goes with a mail: its name, kind as `type/subtype`, and bytes."""

    name: str
    media: str
    body: bytes


class Message(NamedTuple):
    """What is sent: an id that stays when it is tried again, to whom, head and lines, and when [ns].

    Files go with a mail alone; robots and webhooks tell the lines.
    """

    ident: str
    to: tuple[str, ...]
    head: str
    lines: tuple[str, ...]
    now_ns: int
    site: str = ""
    items: tuple[Item, ...] = ()
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """All senders of a hub, and where they may send to.

    Attributes:
        senders: By the names that `notify` uses.
        way: What may be connected to.
    """

    senders: Mapping[str, Sender]
    way: WayOut

    def send(self, name: str, message: Message) -> None:
        """Send one message and wait until the server has taken it; call it from a thread.

        Raises:
            NotToldError: As `send`; or there is no such sender.
        """
        sender = self.senders.get(name)
        if sender is None:
            raise NotToldError(f"there is no sender {name!r} in {FILE} of the hub's folder", again=True)
        send(sender, message, self.way)


def open_post(state: Path) -> Post:
    """Read what the hub's own folder says of senders and of where they may send to.

    Raises:
        ConfigError: One of the files has faults, or others can read the one with secrets.
    """
    return Post(load_senders(state), load_way_out(state))


def load_senders(state: Path) -> Mapping[str, Sender]:
    """Read the file; none where it is not there.

    Raises:
        ConfigError: It has faults, or others can read it.
    """
    path = state / FILE
    if not path.exists():
        return {}
    try:
        read_private(path)
    except KeyFileError as error:
        raise ConfigError(str(error)) from error
    return load_config(path, SendersFile).senders


def send(sender: Sender, message: Message, way: WayOut) -> None:
    """Send one message and wait until the server has taken it; call it from a thread.

    Raises:
        NotToldError: It was not taken; `again` in the context says whether it may be later, and `left`, where
            it is there, who has not got it: all others have.
    """
    try:
        if isinstance(sender, Mail):
            _mail(sender, message, way)
        else:
            _post(sender, message, way)
    except AddressRefusedError as error:
        raise NotToldError(str(error.args[0]), again=True) from error


def _mail(sender: Mail, message: Message, way: WayOut) -> None:
    if not message.to:
        raise NotToldError("a mail needs an address in `to`", again=False)
    mail = _written(sender, message)
    try:
        with _server(sender, way) as server:
            if sender.security == "starttls":
                server.starttls(context=_trust(sender))
            if sender.user is not None:
                server.login(sender.user, sender.password)
            refused = server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else ""
        raise NotToldError(
            f"{sender.host} refuses: {error.smtp_code} {words}",
            again=error.smtp_code < 500,  # noqa: PLR2004  RFC 5321: for good
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        why = f"{sender.host} refuses {', '.join(error.recipients)}"
        raise NotToldError(why, again=_later(error.recipients)) from error
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotToldError(f"{sender.host} was not reached: {error}", again=True) from error
    if refused:
        left = tuple(one for one in message.to if parseaddr(one)[1] in refused)
        why = f"{sender.host} refuses {', '.join(refused)}; the others have it"
        raise NotToldError(why, again=_later(refused), left=left or None)


def _later(refused: _Refused) -> bool:
    """Whether a server may take it later for one of the addresses that it refuses (RFC 5321)."""
    return any(code < 500 for code, _ in refused.values())  # noqa: PLR2004  from there on for good


def _written(sender: Mail, message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = sender.sender, ", ".join(message.to)
    mail["Subject"] = " ".join(message.head.split())
    mail["Message-ID"] = f"<{message.ident}@{sender.sender.rpartition('@')[2] or 'ems'}>"
    mail.set_content("\n".join(message.lines) + "\n")
    for file in message.files:
        kind, _, subtype = file.media.partition("/")
        mail.add_attachment(file.body, maintype=kind, subtype=subtype, filename=file.name)
    return mail


class _Server(smtplib.SMTP):
    """A mail server, connected to at an address that was judged."""

    def __init__(self, sender: Mail, way: WayOut) -> None:
        self._way = way
        super().__init__(sender.host, sender.port, timeout=WAIT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._way.connect(host, port, timeout)


class _TlsServer(smtplib.SMTP_SSL, _Server):
    """The same with TLS from the first byte; its socket is made by `_Server`, and wrapped."""

    def __init__(self, sender: Mail, way: WayOut) -> None:
        self._way = way
        smtplib.SMTP_SSL.__init__(self, sender.host, sender.port, timeout=WAIT_S, context=_trust(sender))


def _server(sender: Mail, way: WayOut) -> smtplib.SMTP:
    return _TlsServer(sender, way) if sender.security == "tls" else _Server(sender, way)


def _trust(sender: Mail) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=sender.ca)


def _post(sender: Webhook | Robot, message: Message, way: WayOut) -> None:
    url, headers, body = _request(sender, message)
    try:
        with client(way, WAIT_S) as http:
            answer = http.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        host = httpx.URL(sender.url).host
        why = f"the proxy says {error}" if isinstance(error, httpx.ProxyError) else type(error).__name__
        raise NotToldError(f"{host} was not reached: {why}", again=True) from error
    _judge(sender, answer)


def _request(sender: Webhook | Robot, message: Message) -> tuple[str, dict[str, str], dict[str, object]]:
    text = "\n".join((message.head, *message.lines))
    if isinstance(sender, Webhook):
        headers = {"Idempotency-Key": message.ident}
        headers |= {"Authorization": f"Bearer {sender.token}"} if sender.token else {}
        items = [one._asdict() for one in message.items]
        told = {"id": message.ident, "site": message.site, "head": message.head}
        return sender.url, headers, {**told, "lines": list(message.lines), "alarms": items}
    short = text.encode()[:_TEXT_BYTES].decode(errors="ignore")
    body: dict[str, object] = {"msgtype": "text", "text": {"content": short}}
    if sender.kind == "dingtalk" and sender.secret:
        return sender.url + _signed(sender.secret, message.now_ns // 1_000_000), {}, body
    return sender.url, {}, body


def _signed(secret: str, now_ms: int) -> str:
    """What DingTalk wants behind the address: time, and HMAC-SHA256 over it and the key, in base64."""
    digest = hmac.new(secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return f"&timestamp={now_ms}&sign={quote_plus(base64.b64encode(digest))}"


def _judge(sender: Webhook | Robot, answer: httpx.Response) -> None:
    """Whether it was taken: by its status, and of a robot by the code in its answer."""
    host = httpx.URL(sender.url).host
    if answer.status_code == 429 or answer.status_code >= 500:  # noqa: PLR2004  RFC 9110: later
        raise NotToldError(f"{host} answers {answer.status_code}", again=True)
    if not answer.is_success:
        raise NotToldError(f"{host} answers {answer.status_code}", again=False)
    if isinstance(sender, Robot):
        try:
            code = answer.json()["errcode"]
        except (ValueError, KeyError, TypeError) as error:
            raise NotToldError(f"{host} gives no answer of a robot", again=False) from error
        if code != 0:
            raise NotToldError(f"{host} answers errcode {code}", again=True)
