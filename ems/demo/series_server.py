"""The demo's own InfluxDB, where it was asked for: in the demo's folder, made and ended by it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ems.demo.layout import Layout
from ems.demo.screen import say
from protocols.errors import ConfigError
from runtime.children import free_port
from runtime.influx_server import VARIABLE, InfluxServerProcess, program

EMBEDDED: Final = "embedded"
INFLUX: Final = "influx"


@dataclass(slots=True)
class SeriesServer:
    """Where the demo's series stand.

    Attributes:
        layout: The demo's folders.
        engine: `embedded` or `influx`.
    """

    layout: Layout
    engine: str
    _server: InfluxServerProcess | None = None

    def start(self) -> None:
        """Start the server if one was asked for.

        Raises:
            ConfigError: No program, or it does not come up.
        """
        if self.engine == EMBEDDED:
            return
        folder = self.layout.state(INFLUX)
        found = program(folder)
        if found is None:
            raise ConfigError(
                f"STORE=influx needs InfluxDB 2: put influxd on PATH, or its path into {VARIABLE}; "
                "without STORE the demo keeps its series in its own folder"
            )
        self._server = InfluxServerProcess(found, folder / "data", free_port(), self._token())
        self._server.start()
        say(f"influx   {self._server.url}, {folder}")

    def stop(self) -> None:
        """End it, after the hub."""
        if self._server is not None:
            self._server.stop()

    def options(self) -> tuple[str, ...]:
        """What the hub is told."""
        if self._server is None:
            return (f"--store={EMBEDDED}",)
        return (f"--store={self._server.url}", f"--store-token-file={self._token_file}")

    @property
    def _token_file(self) -> Path:
        return self.layout.state(INFLUX) / "token"

    def _token(self) -> str:
        if not self._token_file.exists():
            self._token_file.parent.mkdir(parents=True, exist_ok=True)
            self._token_file.touch(mode=0o600)
            self._token_file.write_text(secrets.token_hex(24), encoding="utf-8")
        return self._token_file.read_text(encoding="utf-8")
