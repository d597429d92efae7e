"""The built page: hashed files for a year, the entry never cached, nothing outside the folder, strict CSP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api.refusals import refused

MOST_BODY_BYTES: Final = 1_000_000
MOST_CONFIGURATION_BYTES: Final = 16_000_000
"""A site of some ten thousand devices, as text; read only after the caller was let in. [B]"""

_CONFIGURATION: Final = re.compile(r"/api/v1/sites/[^/]+/configuration(/.*)?")
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NO_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Ai4Energy EMS</title>
<h1>Ai4Energy EMS</h1>
<p>The hub runs; its page is not built yet. Run <code>make web</code> in the repository, then load again.</p>
<p>The API is below <code>/api/v1</code>; <a href="/api/v1/health">health</a>.</p>
</html>
"""


def page(folder: Path, path: str) -> Response:
    """A file of the built page; unknown paths without a suffix are the page's own routes.

    Raises:
        RefusedError: 404 for files that are not there or lie outside of `folder`.
    """
    root = folder.resolve()
    index = root / "index.html"
    if not index.is_file():
        if path:
            raise refused("file")
        return HTMLResponse(_NO_PAGE, headers={"Cache-Control": "no-cache"})
    try:
        file = (root / path).resolve()
        found = file.is_relative_to(root) and file.is_file()
    except (OSError, ValueError):
        file, found = index, False
    if found and file != index:
        hashed = file.is_relative_to(root / "assets")
        kept = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return FileResponse(file, headers={"Cache-Control": kept})
    if not found and path and ("." in path.rpartition("/")[2] or "\0" in path):
        raise refused("file")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


class Guard:
    """ASGI wrapper: security headers on every answer, no body beyond 1 MB, of configurations 16 MB."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        large = _CONFIGURATION.fullmatch(scope["path"]) is not None
        most = MOST_CONFIGURATION_BYTES if large else MOST_BODY_BYTES

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise refused("body_size", most=most)
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, bounded, with_headers)
