"""The hub's parent process: one lock on the state folder, the roles as child processes that die with it.

What takes in is started first and loads its libraries while the databases are looked at: after a kill the
next row is in the store seconds earlier. It touches nothing before it is told the accepted configuration.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from hub.roles.options import RoleOptions
from hub.roles.process import TOLD, until_signal
from runtime.children import check_port_free
from runtime.lock import StateLock

Say = Callable[[str], None]

_EARLY: Final = "ingest"
_RESTART_S: Final = 1.0
_STOP_S: Final = 10.0


def run_hub(options: RoleOptions, roles: Sequence[str], say: Say) -> None:
    """Run the roles until SIGTERM or SIGINT; a role that ends is started again after 1 s.

    Raises:
        StoreLockedError: Another hub holds the state folder.
        ConfigError: The port is taken, or there is no configuration.
        StoreError: A database cannot be opened or brought to this version.
    """
    with StateLock(options.state):
        if "api" in roles:
            check_port_free(options.host, options.port, "the page")
        asyncio.run(until_signal(lambda: _run(options, roles, say)))


async def _run(options: RoleOptions, roles: Sequence[str], say: Say) -> None:
    early = await _start(_EARLY, replace(options, config=TOLD), stdin=PIPE) if _EARLY in roles else None
    accepted: RoleOptions | None = None
    try:
        accepted = await asyncio.to_thread(_ready, options, say)
    finally:
        if early is not None and accepted is None:
            await _end(early)
    if early is not None:
        await _tell(early, str(accepted.config))
    async with asyncio.TaskGroup() as group:
        for name in roles:
            first = early if name == _EARLY else None
            group.create_task(_keep(name, accepted, say, first), name=f"role:{name}")


def _ready(options: RoleOptions, say: Say) -> RoleOptions:
    from hub.preparing import (  # noqa: PLC0415  while the early role loads its own
        first_configuration,
        prepare,
        take_configuration,
    )

    first = first_configuration(options)
    prepare(options, say, make=False)
    return take_configuration(options, say, first)


async def _start(name: str, options: RoleOptions, stdin: int | None = None) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.cli", "role", name, *options.arguments(),
        stdin=stdin, start_new_session=True,
    )  # fmt: skip


async def _tell(child: Process, text: str) -> None:
    """Give a child what it waits for; one that died meanwhile is started again as any other."""
    if child.stdin is None:
        return
    try:
        child.stdin.write(text.encode())
        await child.stdin.drain()
        child.stdin.close()
        await child.stdin.wait_closed()
    except OSError:
        return


async def _keep(name: str, options: RoleOptions, say: Say, first: Process | None) -> None:
    while True:
        child = first or await _start(name, options)
        first = None
        say(f"role {name} up, pid {child.pid}")
        try:
            code = await child.wait()
        finally:
            await _end(child)
        say(f"role {name} ended with {code}; starting it again in {_RESTART_S:g} s")
        await asyncio.sleep(_RESTART_S)


async def _end(child: Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
