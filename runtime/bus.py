"""A connection to the bus with the defaults that matter, and publishing that knows when it failed.

nats-py gives up after 60 reconnects and pings every 2 minutes unless told otherwise; a refused publish shows
only in `error_cb`; a time-out does not mean "not stored", so a row is sent again with the same message id.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    SubjectTransform,
)
from nats.js.errors import APIError, NotFoundError

from protocols.errors import BusError, ConfigError
from protocols.subjects import (
    BUCKET_EDGES,
    STORED_AS,
    STORED_FROM,
    STREAM_CATALOGUE,
    STREAM_COMMAND,
    STREAM_SUBJECTS,
    STREAM_TELEMETRY,
    command,
    command_consumer,
)

LinkState = Literal["up", "down"]
OnState = Callable[[LinkState], None]

_log = logging.getLogger(__name__)
_PING_S: Final = 5
_RETRY_S: Final = 1.0
_TELEMETRY_BYTES: Final = 1_000_000_000
_DUPLICATE_WINDOW_S: Final = 120.0
_COMMAND_AGE_S: Final = 60.0
_COMMAND_ACK_S: Final = 5.0
_RECORDS_BYTES: Final = 4_000_000
_RECORD_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class BusLogin:
    """Who connects where.

    Attributes:
        url: `nats://host:port`.
        name: `hub` or the edge's id; also names the inbox prefix.
        seed_file: nkey seed; None on a server without authorisation.
        ca: Certificate of the only CA that is believed; needed for `tls://`.
    """

    url: str
    name: str
    seed_file: Path | None = None
    ca: Path | None = None


def ca_file(keys: Path) -> Path:
    """Where a keys folder has the certificate of the installation's CA."""
    return keys / "bus_ca.pem"


def _tls_of(login: BusLogin) -> ssl.SSLContext | None:
    if not login.url.startswith("tls://"):
        return None
    if login.ca is None or not login.ca.exists():
        raise ConfigError(f"{login.url} needs the certificate of your CA beside the keys, as bus_ca.pem")
    try:
        context = ssl.create_default_context(cafile=str(login.ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{login.ca}: is no certificate in PEM: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def inbox_prefix(name: str) -> str:
    """Private inbox prefix: nobody else may subscribe below it."""
    return f"_INBOX_{name}"


async def connect(login: BusLogin, on_state: OnState | None = None) -> Client:
    """Connect, waiting as long as it takes; says once that it waits and once that it is there.

    Args:
        login: Who and where.
        on_state: Called at each (re)connect and each loss.

    Raises:
        ConfigError: `tls://` without the certificate of a CA.
    """
    waiting = False
    tls = _tls_of(login)
    while True:
        try:
            client = await _connect_once(login, tls, on_state)
        except (OSError, NatsError, TimeoutError) as error:
            if not waiting:
                _log.warning("the bus at %s does not answer (%s); waiting for it", login.url, error)
            waiting = True
            await asyncio.sleep(_RETRY_S)
            continue
        _log.info("connected to the bus at %s as %s", login.url, login.name)
        if on_state is not None:
            on_state("up")
        return client


async def _connect_once(login: BusLogin, tls: ssl.SSLContext | None, on_state: OnState | None) -> Client:
    async def lost() -> None:
        if client.is_draining or client.is_closed:
            return
        _log.warning("the bus is away")
        if on_state is not None:
            on_state("down")

    async def back() -> None:
        _log.info("the bus is back")
        if on_state is not None:
            on_state("up")

    first = _FirstConnect(login.url)

    async def failed(error: Exception) -> None:
        _log.debug("bus: %s", error)
        first.failed(error)
        if "permissions violation" in str(error).lower():
            _log.error("the bus refused: %s", error)

    client = Client()
    await client.connect(
        login.url,
        name=login.name,
        nkeys_seed=None if login.seed_file is None else str(login.seed_file),
        inbox_prefix=inbox_prefix(login.name).encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,  # type: ignore[arg-type]  # seconds; the annotation says int, fractions work
        ping_interval=_PING_S,
        max_outstanding_pings=2,
        allow_reconnect=True,
        connect_timeout=2,
        disconnected_cb=lost,
        reconnected_cb=back,
        error_cb=failed,
        tls=tls,
        tls_handshake_first=tls is not None,  # else who sits between could strip the encryption
    )
    first.said = True
    return client


class _FirstConnect:
    """Says once that the bus is waited for; nats-py itself retries the first connect for ever, in silence."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.said = False

    def failed(self, error: Exception) -> None:
        """Log the first failure; nothing once connected."""
        if not self.said:
            _log.warning("the bus at %s does not answer (%s); waiting for it", self._url, error)
        self.said = True


def stream_configs() -> tuple[StreamConfig, ...]:
    """The streams of the plant bus; bounded, and refusing when full."""
    return (
        StreamConfig(
            name=STREAM_TELEMETRY,
            subjects=list(STREAM_SUBJECTS[STREAM_TELEMETRY]),
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=_TELEMETRY_BYTES,
            deny_delete=True,
            deny_purge=True,
            duplicate_window=_DUPLICATE_WINDOW_S,
            subject_transform=SubjectTransform(src=STORED_FROM, dest=STORED_AS),
        ),
        StreamConfig(
            name=STREAM_CATALOGUE,
            subjects=list(STREAM_SUBJECTS[STREAM_CATALOGUE]),
            storage=StorageType.FILE,
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            max_bytes=64_000_000,
        ),
        StreamConfig(
            name=STREAM_COMMAND,
            subjects=list(STREAM_SUBJECTS[STREAM_COMMAND]),
            storage=StorageType.MEMORY,
            max_age=_COMMAND_AGE_S,
            discard=DiscardPolicy.NEW,
            max_bytes=16_000_000,
        ),
        StreamConfig(
            name=f"KV_{BUCKET_EDGES}",
            subjects=[f"$KV.{BUCKET_EDGES}.>"],
            storage=StorageType.FILE,
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            max_bytes=_RECORDS_BYTES,
            max_msg_size=_RECORD_BYTES,
            allow_direct=True,
            deny_delete=True,
        ),
    )


async def ensure_streams(js: JetStreamContext) -> None:
    """Make the streams, or bring them to the wanted settings.

    Raises:
        BusError: The server refused.
    """
    for config in stream_configs():
        try:
            try:
                await js.stream_info(str(config.name))
                await js.update_stream(config)
            except NotFoundError:
                await js.add_stream(config)
        except (APIError, NatsError, TimeoutError) as error:
            raise BusError(f"the stream {config.name} cannot be made: {error}") from error


async def ensure_command_consumers(js: JetStreamContext, edges: Sequence[str]) -> None:
    """Make the consumer each edge pulls its commands from; edges may not make one themselves.

    Raises:
        BusError: The server refused.
    """
    for edge in edges:
        config = ConsumerConfig(
            durable_name=command_consumer(edge),
            filter_subject=command(edge),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_COMMAND_ACK_S,
        )
        try:
            await js.add_consumer(STREAM_COMMAND, config)
        except (APIError, NatsError, TimeoutError) as error:
            raise BusError(f"the consumer of {edge}'s commands cannot be made: {error}") from error


async def publish_row(
    js: JetStreamContext, subject: str, payload: bytes, message_id: str, timeout_s: float = 5.0
) -> None:
    """Publish one journal row and wait until the bus has it on disk.

    Raises:
        BusError: Refused, or no answer in time; send the same row again with the same id.
    """
    try:
        await js.publish(subject, payload, timeout=timeout_s, headers={"Nats-Msg-Id": message_id})
    except (NatsError, APIError, TimeoutError) as error:
        raise BusError(f"the bus did not take {subject}: {error}", id=message_id) from error
