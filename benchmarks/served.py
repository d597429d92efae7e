"""The API of a test or bench behind a real server on a free port of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from hub.api.app import create_app
from hub.api.deps import ApiDeps
from hub.api.live import LiveHub
from hub.api.server import Server, server_config
from runtime.children import free_port

_WAIT_S: Final = 10.0


@asynccontextmanager
async def served(
    deps: ApiDeps, live: LiveHub | None = None, proxies: Sequence[str] = ()
) -> AsyncIterator[str]:
    """Address and port of the API, as long as the block lasts."""
    port = free_port()
    app = create_app(deps, live)
    server = Server(server_config(app, ("127.0.0.1", port), proxies=proxies, grace_s=1))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        try:
            async with asyncio.timeout(_WAIT_S):
                while not server.started:  # noqa: ASYNC110  uvicorn tells it by a flag
                    await asyncio.sleep(0.01)
            yield f"127.0.0.1:{port}"
        finally:
            server.should_exit = True
