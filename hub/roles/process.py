"""A role as a process: started by `ems hub run`, ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from hub.roles.options import Role, RoleOptions
from runtime.alive import shows_life
from runtime.children import die_with_parent
from runtime.clock import SystemClock

TOLD: Final = Path("-")
"""As the folder of the configuration: it is told on standard input, once the parent knows it."""


def run_role(name: str, options: RoleOptions) -> None:
    """Be one role until SIGTERM; ends at once when the parent dies, or gives up before it knew the folder."""
    die_with_parent()
    work: Role = importlib.import_module(f"hub.roles.{name}").run
    if options.config == TOLD:
        told = sys.stdin.read()
        if not told:
            return
        options = replace(options, config=Path(told))
    asyncio.run(until_signal(lambda: _shown(name, work, options)))


async def until_signal(work: Callable[[], Awaitable[None]]) -> None:
    """Do the work until its end, SIGTERM or SIGINT."""
    task = asyncio.current_task()
    if task is None:  # never: asyncio.run made one
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work()


async def _shown(name: str, work: Role, options: RoleOptions) -> None:
    """The role, with a file beside it for whoever watches processes from outside."""
    with shows_life(options.state / f"{name}.alive", SystemClock()):
        await work(options)
