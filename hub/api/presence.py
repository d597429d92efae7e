"""Whether who asked is still there: an answer that takes long is given up once nobody hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from fastapi import Request

from hub.api.refusals import refused

_T = TypeVar("_T")
_GONE: Final = "http.disconnect"


async def while_there(request: Request, answer: Coroutine[Any, Any, _T]) -> _T:
    """Await an answer; it is cancelled when the connection of the request ends.

    Args:
        request: A request whose body was read, or has none.
        answer: What is awaited.

    Raises:
        RefusedError: 503, the connection ended: nobody reads that.
    """
    try:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(answer)
            watch = group.create_task(_gone(request))
            await asyncio.wait((asked, watch), return_when=asyncio.FIRST_COMPLETED)
            watch.cancel()
            asked.cancel()
    except ExceptionGroup as failed:  # of the answer: the watch has nothing to say
        raise failed.exceptions[0] from failed.exceptions[0].__cause__
    if asked.cancelled():
        raise refused("nobody_waits")
    return asked.result()


async def _gone(request: Request) -> None:
    """Return when the connection has ended."""
    while (await request.receive())["type"] != _GONE:
        pass
