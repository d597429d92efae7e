"""A web server of three pages on loopback: `/metrics`, `/` and `/values`. It reads, it cannot write.

The port is written to `metrics.port` in the state folder, so that `ems edge top` finds it without being told.
A request that names another host than this one is refused, so that no page of the web can read it by a trick
of names.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

PORT_FILE: Final = "metrics.port"

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"

_LOOPBACK: Final = "127.0.0.1"
_OUR_NAMES: Final = frozenset({"127.0.0.1", "localhost"})
_REQUEST_S: Final = 5.0
_HEAD_BYTES: Final = 8192
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
)

Pages = Mapping[str, tuple[str, Callable[[], Awaitable[str]]]]
"""Path to its content type and what makes it."""


class LocalServer:
    """Answers every GET on loopback."""

    def __init__(self, pages: Pages, state: Path, port: int = 0) -> None:
        self._pages = pages
        self._file = state / PORT_FILE
        self._port = port

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: The port is taken.
        """
        server = await asyncio.start_server(self._serve, _LOOPBACK, self._port, limit=_HEAD_BYTES)
        self._file.write_text(f"{server.sockets[0].getsockname()[1]}\n", encoding="ascii")
        try:
            async with server:
                await server.serve_forever()
        finally:
            self._file.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head.decode("latin-1")))
                await writer.drain()
        writer.close()

    async def _answer(self, head: str) -> bytes:
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        hosts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")]
        if method != "GET":
            return _reply("405 Method Not Allowed", TEXT, "this server only reads\n")
        if any(host.rpartition(":")[0] not in _OUR_NAMES and host not in _OUR_NAMES for host in hosts):
            return _reply("421 Misdirected Request", TEXT, "ask for 127.0.0.1\n")
        if path not in self._pages:
            return _reply("404 Not Found", TEXT, f"there are {', '.join(self._pages)}\n")
        kind, make = self._pages[path]
        return _reply("200 OK", kind, await make())


def _reply(status: str, kind: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Security-Policy: {_POLICY}\r\nX-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n\r\n"
    )
    return head.encode() + body
