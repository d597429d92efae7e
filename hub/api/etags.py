"""ETags: every answer to a GET of the API names its content, and who has it already gets 304 without it."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OK: Final = 200
_SAME: Final = 304
_OF_BODY: Final = ("content-length", "content-type", "content-disposition")


class Etags:
    """ASGI wrapper; an answer that is streamed in parts passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        tagged = _Tagged(Headers(scope=scope).get("if-none-match", ""), send)
        await self._app(scope, receive, tagged.send)


class _Tagged:
    """One answer: its head waits for its body."""

    def __init__(self, known: str, send: Send) -> None:
        self._known = {_plain(one) for one in known.split(",")}
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == _OK:
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            if not message.get("more_body", False):
                message = self._tag(head, message)
            await self._send(head)
        await self._send(message)

    def _tag(self, head: Message, message: Message) -> Message:
        headers = MutableHeaders(scope=head)
        digest = hashlib.blake2b(message.get("body", b""), digest_size=12).hexdigest()
        tag = headers.setdefault("ETag", f'W/"{digest}"')
        if _plain(tag) not in self._known and "*" not in self._known:
            return message
        head["status"] = _SAME
        for name in _OF_BODY:
            if name in headers:
                del headers[name]
        return {**message, "body": b""}


def _plain(tag: str) -> str:
    return tag.strip().removeprefix("W/")
