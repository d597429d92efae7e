"""A small record on the bus, changed by compare-and-set: where processes of a site agree on who does what.

The record is a key of a bucket in file storage. It has to outlive a restart of the bus: in memory it would be
lost there, and every hub would find the seat free at the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError, NoStreamResponseError
from nats.js.kv import KeyValue

from protocols.errors import BusError
from protocols.subjects import BUCKET_LEADER

_BUCKET_BYTES: Final = 262_144
RECORD_BYTES: Final = 1024
"""Largest record of who leads. [B]"""


@dataclass(frozen=True, slots=True)
class SeatRecord:
    """What the record says; `revision` grows with each change."""

    revision: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where records of a kind are.

    Attributes:
        name: Of the bucket.
        most: Bound of a record. [B]
        replicas: Servers of a cluster that keep a copy, where the bucket is made.
    """

    name: str = BUCKET_LEADER
    most: int = RECORD_BYTES
    replicas: int = 1


class Seat:
    """The record of one site."""

    def __init__(self, bus: Client, site: str, timeout_s: float, bucket: Bucket) -> None:
        """Speak over `bus`; every question is given up after `timeout_s` [s]."""
        self._js = bus.jetstream(timeout=timeout_s)
        self._site = site
        self._kind, self._name = bucket, bucket.name
        # by the word of the stream's leader alone: a copy may be behind
        self._bucket = KeyValue(
            bucket.name, f"KV_{bucket.name}", f"$KV.{bucket.name}.", self._js, direct=False
        )

    async def read(self) -> SeatRecord | None:
        """The record by the word of the stream's leader; None where there is none, or no bucket.

        Raises:
            BusError: The bus is away or does not answer in time.
        """
        try:
            entry = await self._bucket.get(self._site)
        except KeyNotFoundError:
            return None
        except (APIError, NatsError, TimeoutError) as error:
            raise BusError(f"the record {self._name} of {self._site} cannot be read: {error}") from error
        return SeatRecord(entry.revision or 0, entry.value or b"")

    async def write(self, body: bytes, last: int) -> int | None:
        """Replace the record if its revision is still `last`, 0 for none; the new one, None: it is not.

        A lost bucket is made again.

        Raises:
            BusError: No answer in time: the record may have been written all the same; read it.
        """
        try:
            try:
                return int(await self._bucket.update(self._site, body, last))
            except NoStreamResponseError:
                await self._make()
                return int(await self._bucket.update(self._site, body, last))
        except KeyWrongLastSequenceError:
            return None
        except (APIError, NatsError, TimeoutError) as error:
            raise BusError(f"the record {self._name} of {self._site} cannot be written: {error}") from error

    async def _make(self) -> None:
        await self._js.create_key_value(
            KeyValueConfig(
                bucket=self._name,
                history=1,
                storage=StorageType.FILE,
                max_bytes=max(_BUCKET_BYTES, 4 * self._kind.most),
                max_value_size=self._kind.most,
                replicas=self._kind.replicas,
            )
        )
