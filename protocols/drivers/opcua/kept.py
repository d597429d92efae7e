"""Questions that are asked again and again: a list that never changes is encoded once.

asyncua 2.1 walks through the fields of every node of a question each time it is sent: 2.2 ms for a thousand
nodes, as much as their values take on the way back. The library's own encoder makes the bytes the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from asyncua.ua import ua_binary

Writer = Callable[[Sequence[Any] | None], bytes]
"""Encodes a list with its length in front."""

_library_writer: Final = ua_binary.create_list_serializer


class Kept(list[Any]):
    """A list of the protocol that stays as it is from its first sending on."""

    __slots__ = ("written",)

    def __init__(self, elements: Iterable[Any]) -> None:
        super().__init__(elements)
        self.written: bytes | None = None


def encode_once() -> None:
    """Put it into the library; once or more often, for all sessions of this process."""
    if ua_binary.create_list_serializer is not _list_writer:
        ua_binary.create_list_serializer = _list_writer  # type: ignore[assignment]  # its own has a cache
        for built in (ua_binary.create_type_serializer, ua_binary.create_dataclass_serializer):
            built.cache_clear()  # what was built before encodes each time


def _list_writer(kind: type) -> Writer:
    write = _library_writer(kind)

    def written(elements: Sequence[Any] | None) -> bytes:
        if not isinstance(elements, Kept):
            return write(elements)
        if elements.written is None:
            elements.written = write(elements)
        return elements.written

    return written
