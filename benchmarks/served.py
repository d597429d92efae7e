"""The API of a test or bench behind a real server on a free port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from typing_extensions import override

from hub.api.app import create_app
from hub.api.deps import ApiDeps
from hub.api.live import LiveHub
from runtime.children import free_port

_WAIT_S: Final = 10.0


class _Server(uvicorn.Server):
    """Leaves the signals of this process alone."""

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(deps: ApiDeps, live: LiveHub | None = None) -> AsyncIterator[str]:
    """Address and port of the API, as long as the block lasts."""
    port = free_port()
    server = _Server(
        uvicorn.Config(
            create_app(deps, live), host="127.0.0.1", port=port, log_config=None, access_log=False,
            ws_max_size=65_536, timeout_graceful_shutdown=1, server_header=False, lifespan="off",
        )
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        try:
            async with asyncio.timeout(_WAIT_S):
                while not server.started:  # noqa: ASYNC110  uvicorn tells it by a flag
                    await asyncio.sleep(0.01)
            yield f"127.0.0.1:{port}"
        finally:
            server.should_exit = True
