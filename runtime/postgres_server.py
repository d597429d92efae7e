"""A PostgreSQL server of our own on loopback, for the demo, tests and benchmarks; plants bring their own.

It trusts whoever connects from this machine, so it is never for a plant. Its programs come from the system
(`apt install postgresql`), and refuse to run as root: root runs them as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from protocols.errors import ConfigError
from runtime.children import die_with_parent

USER: Final = "ems"
_NOBODY: Final = "nobody"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_START_S: Final = 30.0
_STOP_S: Final = 30.0


def programs() -> Path | None:
    """Folder of `initdb` and `postgres`; None where they are not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    newest = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return newest[-1].parent if newest else None


@dataclass(slots=True)
class PostgresServer:
    """One server and its folder.

    Attributes:
        folder: Data and log; `nobody` has to reach it where we are root.
        port: Port on loopback.
        durable: Whether a commit waits for the disk.
        tied: Whether it ends with the thread that starts it, also when that is killed.
    """

    folder: Path
    port: int
    durable: bool = True
    tied: bool = False
    _server: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """Address of one of its databases."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Process id of the running server; 0: it does not run."""
        return 0 if self._server is None else self._server.pid

    def start(self) -> None:
        """Make the data folder where there is none, start, and wait for an answer.

        Raises:
            ConfigError: The programs are not installed, or the server does not come up; its log says why.
        """
        data = self.folder / "data"
        if not (data / "PG_VERSION").exists():
            self._make(data)
        settings = [
            f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=",
            "shared_buffers=32MB", "max_connections=100", f"fsync={'on' if self.durable else 'off'}",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603  the database's own program
                [_program("postgres"), "-D", str(data), *(f"-c{one}" for one in settings)],
                user=_owner(), stdout=log, stderr=log, start_new_session=True, cwd="/",
                preexec_fn=partial(die_with_parent, signal.SIGQUIT) if self.tied else None,  # noqa: PLW1509  one prctl
            )  # fmt: skip
        until_s = monotonic() + _START_S
        while not self._answers():
            if self._server.poll() is not None or monotonic() > until_s:
                self.stop()
                raise ConfigError(f"PostgreSQL does not come up; {self.folder / 'log'} says why")
            sleep(0.02)

    def stop(self) -> None:
        """End the server at once, as a crash does; the next start repairs what that left."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(_STOP_S)
            self._server = None

    def make_database(self, name: str, template: str = "template1") -> str:
        """Make a database as a copy of another one; gives its address.

        Raises:
            ConfigError: There is one of that name.
        """
        self._run("createdb", "-h127.0.0.1", f"-p{self.port}", f"-U{USER}", f"-T{template}", name)
        return self.url(name)

    def _make(self, data: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        data.mkdir(mode=0o700, exist_ok=True)
        if _owner() is not None:
            for path in (self.folder, data):
                shutil.chown(path, _NOBODY)
        how = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", "-D", str(data), *how)

    def _answers(self) -> bool:
        asked = [_program("pg_isready"), "-q", "-h127.0.0.1", f"-p{self.port}", f"-U{USER}", "-t2"]
        return subprocess.run(asked, check=False, cwd="/").returncode == 0  # noqa: S603  as above

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603  as above
            [_program(name), *arguments], user=_owner(), cwd="/", check=False, capture_output=True
        )
        if done.returncode:
            raise ConfigError(f"{name} failed: {done.stderr.decode(errors='replace').strip()}")


def _program(name: str) -> str:
    place = programs()
    if place is None:
        raise ConfigError("PostgreSQL is not installed; on Debian: apt install postgresql")
    return str(place / name)


def _owner() -> str | None:
    return _NOBODY if os.geteuid() == 0 else None
