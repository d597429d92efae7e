"""The hub's parent process: one lock on the state folder, the roles as child processes that die with it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from hub.auth.admin import ensure_admin
from hub.database import FILE, checked_url, embedded_url, remember, upgrade
from hub.registry.accepted import accepted_folder
from hub.roles.options import Role, RoleOptions
from hub.store.engine import check_store, prepare_store
from hub.store.engine import remember as remember_store
from runtime.alive import shows_life
from runtime.children import check_port_free, die_with_parent
from runtime.clock import SystemClock
from runtime.lock import StateLock

Say = Callable[[str], None]

_RESTART_S: Final = 1.0
_STOP_S: Final = 10.0


def prepare(options: RoleOptions, say: Say, *, make: bool = True) -> None:
    """Make both databases or bring them to this version; says the admin's password when it makes one.

    Args:
        options: Where.
        say: Tells a person.
        make: Whether to make what is missing on a server of the series; else it is only looked at, and one
            that is away is waited for.

    Raises:
        OSError: The state folder cannot be written to.
        StoreError: A database cannot be opened or brought to this version.
    """
    options.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    if options.db is not None:
        remember(options.state, checked_url(options.db))
    if options.business_url == embedded_url(options.state):
        (options.state / FILE).touch(mode=0o600)  # the sign-ins are nobody else's business
    if options.store is not None:
        remember_store(options.state, options.store.influx)
    if make:
        for line in prepare_store(options.store_place):
            say(line)
    else:
        check_store(options.store_place)
    upgrade(options.business_url)
    password = ensure_admin(options.business_url, SystemClock())
    if password is not None:
        say(f"admin password: {password}")


def take_configuration(options: RoleOptions, say: Say) -> RoleOptions:
    """The same options with the folder of the accepted configuration; call it after `prepare`.

    Raises:
        ConfigError: There is none yet, and the folder that was given has faults.
        StoreError: The version in force is damaged in the database.
    """
    place = (options.site, options.state, options.config)
    return replace(options, config=accepted_folder(options.business_url, place, SystemClock(), say))


def run_hub(options: RoleOptions, roles: Sequence[str], say: Say) -> None:
    """Run the roles until SIGTERM or SIGINT; a role that ends is started again after 1 s.

    Raises:
        StoreLockedError: Another hub holds the state folder.
        ConfigError: The port is taken.
        StoreError: As `prepare`.
    """
    with StateLock(options.state):
        if "api" in roles:
            check_port_free(options.host, options.port, "the page")
        prepare(options, say, make=False)
        accepted = take_configuration(options, say)
        asyncio.run(_until_signal(lambda: _keep_all(accepted, roles, say)))


def run_role(name: str, options: RoleOptions) -> None:
    """Be one role until SIGTERM; ends at once when the parent dies."""
    die_with_parent()
    work: Role = importlib.import_module(f"hub.roles.{name}").run
    asyncio.run(_until_signal(lambda: _shown(name, work, options)))


async def _shown(name: str, work: Role, options: RoleOptions) -> None:
    """The role, with a file beside it for whoever watches processes from outside."""
    with shows_life(options.state / f"{name}.alive", SystemClock()):
        await work(options)


async def _until_signal(work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    if task is None:  # never: asyncio.run made one
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work()


async def _keep_all(options: RoleOptions, roles: Sequence[str], say: Say) -> None:
    async with asyncio.TaskGroup() as group:
        for name in roles:
            group.create_task(_keep(name, options, say), name=f"role:{name}")


async def _keep(name: str, options: RoleOptions, say: Say) -> None:
    while True:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub.cli", "role", name, *options.arguments(), start_new_session=True
        )
        say(f"role {name} up, pid {child.pid}")
        try:
            code = await child.wait()
        finally:
            await _end(child)
        say(f"role {name} ended with {code}; starting it again in {_RESTART_S:g} s")
        await asyncio.sleep(_RESTART_S)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
