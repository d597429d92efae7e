"""Questions of a person to one device, answered as far as it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from protocols.drivers.bacnet.client import BacnetClient
from protocols.drivers.bacnet.packet import Peer, Service
from protocols.drivers.bacnet.properties import Asked, decode_asked, encode_asked
from protocols.drivers.bacnet.services import property_value, read_property
from protocols.drivers.bacnet.tags import ObjectId
from protocols.errors import BadAnswerError, DeviceRefusedError

_T = TypeVar("_T")
_READ_SENDS: Final = 2


class Asker:
    """Reads properties of one device; many at once as long as it lets itself be asked so."""

    def __init__(self, client: BacnetClient, peer: Peer, timeout_s: float) -> None:
        self._client = client
        self._peer = peer
        self._timeout_s = timeout_s
        self._together = True

    async def value(self, of: ObjectId, prop: int, index: int | None = None) -> bytes:
        """An encoded property value; raises what `BacnetClient.ask` raises."""
        body = await self._ask(Service.READ_PROPERTY, read_property(of, prop, index))
        return property_value(body, of, prop, index)

    async def many(self, of: ObjectId, asked: Sequence[Asked]) -> list[bytes | None]:
        """Encoded values of properties that an object may lack; None for those."""
        if self._together:
            try:
                body = await self._ask(Service.READ_PROPERTY_MULTIPLE, encode_asked(of, asked))
                return decode_asked(body, of, asked)
            except DeviceRefusedError as error:
                self._together = error.context.get("pdu") != "reject"
        return [await self._told(of, one) for one in asked]

    async def _told(self, of: ObjectId, asked: Asked) -> bytes | None:
        try:
            return await self.value(of, asked.prop, asked.element)
        except (DeviceRefusedError, BadAnswerError):
            return None

    async def _ask(self, service: Service, body: bytes) -> bytes:
        return await self._client.ask(self._peer, service, body, self._timeout_s, sends=_READ_SENDS)


def decoded(value: bytes | None, decode: Callable[[bytes], _T]) -> _T | None:
    """What an encoded value says; None where it was refused or is of another kind."""
    if value is None:
        return None
    try:
        return decode(value)
    except BadAnswerError:
        return None
