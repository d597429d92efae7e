"""The bus as it must not be: all in one account, with the same allow-lists; it shows that the judge sees."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocols.errors import ConfigError
from runtime.children import free_port
from runtime.nats_server import (
    BusConfig,
    NatsServer,
    RunningBus,
    server_binary,
    wait_listening,
    write_config,
)


@contextmanager
def shared_bus(folder: Path, edges: tuple[str, ...]) -> Iterator[RunningBus]:
    """A real server on a free loopback port whose users share an account; ended at the end of the block.

    Raises:
        ConfigError: The written configuration has another form than this one knows.
    """
    config = BusConfig(folder / "bus", folder / "keys", free_port(), edges)
    path = write_config(config)
    text = path.read_text(encoding="utf-8")
    users = re.findall(r"^ *users: \[ (.*) \]$", text, re.MULTILINE)
    if len(users) != len(edges) + 1:
        raise ConfigError(f"{path}: {len(users)} users were found, not {len(edges) + 1}")
    shared = f"{text.partition('accounts {')[0]}authorization {{ users = [ {', '.join(users)} ] }}\n"
    path.write_text(shared, encoding="utf-8")
    with (
        (config.folder / "nats.log").open("ab") as log,
        subprocess.Popen([server_binary(), "-c", path], stdout=log, stderr=log) as process,  # noqa: S603  our own
    ):
        try:
            wait_listening(config.host, config.port, process)
            yield RunningBus(NatsServer(config), config)
        finally:
            process.terminate()
