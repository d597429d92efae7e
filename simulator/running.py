"""How a command of the simulator runs and ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress

from protocols.errors import EmsError


@contextmanager
def clear_sentence() -> Iterator[None]:
    """Take an error raised on purpose out of the groups it comes in; `ems.main` prints it as one sentence."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, EmsError):
            raise error from None
        raise


async def until_signalled(running: Coroutine[None, None, None]) -> None:
    """Run until it ends, or until SIGTERM or Ctrl-C, which is no error."""
    loop = asyncio.get_running_loop()
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as group:
            work = group.create_task(running)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, work.cancel)
