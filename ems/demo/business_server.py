"""The demo's own PostgreSQL, where it was asked for: in the demo's folder, made and ended by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ems.demo.layout import Layout
from ems.demo.screen import say
from protocols.errors import ConfigError
from runtime.children import free_port
from runtime.postgres_server import PostgresServer, programs

SQLITE: Final = "sqlite"
POSTGRES: Final = "postgres"
_DATABASE: Final = "ems"


@dataclass(slots=True)
class BusinessServer:
    """Where the demo's business data stand.

    Attributes:
        layout: The demo's folders.
        engine: `sqlite` or `postgres`.
    """

    layout: Layout
    engine: str
    _server: PostgresServer | None = None

    @property
    def folder_mode(self) -> int:
        """Of the demo's folder: its owner's alone, but passable for PostgreSQL, which is never root."""
        return 0o700 if self.engine == SQLITE else 0o711

    def start(self) -> None:
        """Start the server if one was asked for.

        Raises:
            ConfigError: No programs, or it does not come up.
        """
        if self.engine == SQLITE:
            return
        if programs() is None:
            raise ConfigError(
                "DB=postgres needs PostgreSQL: on Debian `apt install postgresql`; without DB the demo keeps "
                "its business data in its own folder"
            )
        folder = self.layout.state(POSTGRES)
        self._server = PostgresServer(folder, free_port(), tied=True)
        self._server.start()
        made = self.layout.root / "postgres.made"
        if not made.exists():
            self._server.make_database(_DATABASE)
            made.touch()
        say(f"postgres 127.0.0.1:{self._server.port}, {folder}")

    def stop(self) -> None:
        """End it, after the hub."""
        if self._server is not None:
            self._server.stop()

    def options(self) -> tuple[str, ...]:
        """What the hub is told."""
        return (f"--db={SQLITE if self._server is None else self._server.url(_DATABASE)}",)
