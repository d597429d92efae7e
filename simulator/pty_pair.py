"""A serial cable without hardware: two pseudo-terminals, each hearing what is written to the other."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_CHUNK: Final = 4096


@contextmanager
def pty_pair() -> Iterator[tuple[str, str]]:
    """Paths of both ends, until the block is left; to be used inside a running event loop.

    An end nobody reads keeps what its buffer holds, as a serial port does; the rest is lost.
    """
    loop = asyncio.get_running_loop()
    ends = [_open(), _open()]
    (one, _), (other, _) = ends
    loop.add_reader(one, _pass, one, other)
    loop.add_reader(other, _pass, other, one)
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        for near, far in ends:
            loop.remove_reader(near)
            os.close(near)
            os.close(far)


def _open() -> tuple[int, int]:
    """Both sides of one terminal; the far one stays open here, so that nobody's leaving ends the line."""
    near, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    return near, far


def _pass(source: int, target: int) -> None:
    try:
        os.write(target, os.read(source, _CHUNK))
    except BlockingIOError:
        return  # nobody reads there and its buffer is full
