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
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import UnexpectedEOF
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
from typing_extensions import override

from protocols.errors import BusError, ConfigError
from protocols.subjects import (
    BUCKET_EDGES,
    BUCKET_INGEST,
    BUCKET_LEADER,
    STORED_AS,
    STORED_FROM,
    STREAM_CATALOGUE,
    STREAM_COMMAND,
    STREAM_SUBJECTS,
    STREAM_TELEMETRY,
    command,
    command_consumer,
)
from runtime.supervise import heeding

LinkState = Literal["up", "down", "full"]
"""`full`: the server lets nobody else of this account in, because others have all its connections."""

OnState = Callable[[LinkState], None]

_log = logging.getLogger(__name__)
_PING_S: Final = 5
_RETRY_S: Final = 1.0
_CONNECT_S: Final = 2
_MOST_CONNECT_S: Final = 8
"""A step of connecting may take so long after one that took too long: a slow link needs several seconds."""
_FULL: Final = "maximum account active connections"
_WORDLESS: Final = 10
"""So often in a row a connection may end without a word before the bus counts as away."""
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
        url: `nats://host:port`; of a cluster those of all servers, joined by commas.
        name: `hub` or the edge's id; also names the inbox prefix.
        seed_file: nkey seed; None on a server without authorisation.
        ca: Certificate of the only CA that is believed; needed for `tls://`.
        use: What the connection is for, where one process has several; shown in logs and at the server.
    """

    url: str
    name: str
    seed_file: Path | None = None
    ca: Path | None = None
    use: str = ""

    @property
    def shown(self) -> str:
        """Who connects, for people."""
        return f"{self.name} ({self.use})" if self.use else self.name


def ca_file(keys: Path) -> Path:
    """Where a keys folder has the certificate of the installation's CA."""
    return keys / "bus_ca.pem"


def _tls_of(login: BusLogin) -> ssl.SSLContext | None:
    if not _encrypted(login.url):
        return None
    if login.ca is None or not login.ca.exists():
        raise ConfigError(f"{login.url} needs the certificate of your CA beside the keys, as bus_ca.pem")
    try:
        context = ssl.create_default_context(cafile=str(login.ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{login.ca}: is no certificate in PEM: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _encrypted(url: str) -> bool:
    """Whether the addresses ask for TLS; all or none do, else one would be met in the clear."""
    schemes = {one.partition("://")[0] for one in url.split(",")}
    if "tls" in schemes and len(schemes) > 1:
        raise ConfigError(f"{url}: with tls:// for one server of the bus it is tls:// for all of them")
    return "tls" in schemes


def inbox_prefix(name: str) -> str:
    """Private inbox prefix: nobody else may subscribe below it."""
    return f"_INBOX_{name}"


async def connect(login: BusLogin, on_state: OnState | None = None) -> Client:
    """Connect, waiting as long as it takes; says once that it waits and once that it is there.

    Args:
        login: Who and where.
        on_state: Called at each (re)connect, at each loss, and at each try that fails.

    Raises:
        ConfigError: `tls://` without the certificate of a CA, or for some servers only.
    """
    waiting = False
    tls = _tls_of(login)
    while True:
        try:
            client = await _connect_once(login, tls, on_state)
        except (OSError, NatsError, TimeoutError) as error:
            if not waiting:
                _log.warning("the bus at %s does not answer (%s); waiting for it", login.url, error)
                if on_state is not None:
                    on_state("down")
            waiting = True
            await asyncio.sleep(_RETRY_S)
            continue
        _log.info("connected to the bus at %s as %s", login.url, login.shown)
        if on_state is not None:
            on_state("up")
        return client


async def _connect_once(login: BusLogin, tls: ssl.SSLContext | None, on_state: OnState | None) -> Client:
    async def lost() -> None:
        if client.is_draining or client.is_closed:
            return
        _log.warning("the bus is away for %s", login.shown)
        if on_state is not None:
            on_state("down")

    async def back() -> None:
        client.wait_as_usual()
        _log.info("the bus is back for %s", login.shown)
        if on_state is not None:
            on_state("up")

    first, tries = _FirstConnect(login.url), _Tries(on_state)

    async def failed(error: Exception) -> None:
        _log.debug("bus: %s", error)
        first.failed(error)
        client.wait_longer(error)
        tries.failed(client, error)
        if "permissions violation" in str(error).lower():
            _log.error("the bus refused: %s", error)

    client = _Lasting()
    await client.connect(
        login.url.split(","),
        name=login.shown,
        nkeys_seed=None if login.seed_file is None else str(login.seed_file),
        inbox_prefix=inbox_prefix(login.name).encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,  # type: ignore[arg-type]  # seconds; the annotation says int, fractions work
        ping_interval=_PING_S,
        max_outstanding_pings=2,
        allow_reconnect=True,
        connect_timeout=_CONNECT_S,
        disconnected_cb=lost,
        reconnected_cb=back,
        error_cb=failed,
        tls=tls,
        tls_handshake_first=tls is not None,  # else who sits between could strip the encryption
    )
    first.said = True
    return client


class _Tries:
    """What tries to connect tell of the bus.

    A server that lets nobody else in says so and ends the connection, and its end may overtake its word.
    Such a try tells nothing: a box that has a double must not take it for a bus that is away, where it may
    write.
    """

    def __init__(self, on_state: OnState | None) -> None:
        self._on_state = on_state
        self._told: LinkState | None = None
        self._wordless = 0

    def failed(self, client: Client, error: Exception) -> None:
        """A try failed; one may tell of it twice."""
        if client.is_connected or self._on_state is None or self._says_nothing(error):
            return
        self._told = "full" if _FULL in str(error).lower() else "down"
        self._on_state(self._told)

    def _says_nothing(self, error: Exception) -> bool:
        if not isinstance(error, ConnectionResetError | BrokenPipeError | UnexpectedEOF):
            self._wordless = 0
            return False
        self._wordless += 1
        return self._told == "full" or self._wordless <= _WORDLESS


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


class _Lasting(Client):
    """A client that goes on: nats-py closes for good where the server ends a connection with an error.

    Such is one connection too many of an account, which a server that stood still may still count, or a key
    that is not known yet to the server that was reached; both pass. Nor does a request of it keep a task that
    was asked to end.
    """

    @override
    async def request(
        self, subject: str, payload: bytes = b"", timeout: float = 0.5, old_style: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Msg:  # fmt: skip
        return await heeding(super().request(subject, payload, timeout, old_style, headers))

    def wait_longer(self, error: Exception) -> None:
        """A step of connecting took too long: the next one may take twice as long."""
        if isinstance(error, TimeoutError) and not self.is_connected:
            self.options["connect_timeout"] = min(2 * self.options["connect_timeout"], _MOST_CONNECT_S)

    def wait_as_usual(self) -> None:
        """It is connected: a server that does not answer from now on is left for the next soon."""
        self.options["connect_timeout"] = _CONNECT_S

    @override
    async def _process_err(self, err_msg: str) -> None:
        if not self.is_connected or "permissions violation" in err_msg.lower():
            await super()._process_err(err_msg)
            return
        error = NatsError(f"the bus ended the connection: {err_msg}")
        await self._error_cb(error)
        await asyncio.sleep(_RETRY_S)
        await self._process_op_err(error)


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


async def ensure_streams(js: JetStreamContext, replicas: int | None = None) -> None:
    """Make the streams, or bring them to the wanted settings where they differ.

    Args:
        js: Of the hub's account.
        replicas: Servers of a cluster that keep a copy of each stream; None: as it is, one for a new stream.

    Raises:
        BusError: The server refused.
    """
    for config in stream_configs():
        try:
            try:
                have = (await js.stream_info(str(config.name))).config
                wanted = config.evolve(num_replicas=replicas or have.num_replicas)
                if not _is_so(have, wanted):
                    await js.update_stream(wanted)
            except NotFoundError:
                await js.add_stream(config.evolve(num_replicas=replicas or 1))
        except (APIError, NatsError, TimeoutError) as error:
            raise BusError(f"the stream {config.name} cannot be made: {error}") from error
    if replicas is not None:
        await _copy_records(js, replicas)


async def _copy_records(js: JetStreamContext, replicas: int) -> None:
    """Bring the records that processes agree in to so many copies, those that are there already."""
    for bucket in (BUCKET_LEADER, BUCKET_INGEST):
        try:
            have = (await js.stream_info(f"KV_{bucket}")).config
            if have.num_replicas != replicas:
                await js.update_stream(have.evolve(num_replicas=replicas))
        except NotFoundError:
            continue
        except (APIError, NatsError, TimeoutError) as error:
            raise BusError(f"the record {bucket} cannot be kept {replicas} times: {error}") from error


def _is_so(have: StreamConfig, wanted: StreamConfig) -> bool:
    """Whether a stream has all that is asked for; what is not said is as the server chose."""
    found, asked = have.as_dict(), wanted.as_dict()
    if not wanted.duplicate_window:
        del asked["duplicate_window"]
    return all(found.get(name) == value for name, value in asked.items())


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
