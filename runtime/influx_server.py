"""An InfluxDB 2 server of our own on loopback, for the demo, tests and benchmarks; plants bring their own.

Its program is looked for by the environment variable EMS_INFLUXD, then on PATH, then packed in `shared/bin`
beside the project; the project does not need it.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from protocols.errors import ConfigError
from runtime.children import die_with_parent

VARIABLE: Final = "EMS_INFLUXD"
ORG: Final = "ems"
_PACKED: Final = Path(__file__).resolve().parents[2] / "shared" / "bin" / "influxd.xz"
_START_S: Final = 30.0
_STOP_S: Final = 20.0


def program(unpack_to: Path) -> Path | None:
    """The server's program, unpacked into a folder where it is packed; None where there is none."""
    named = os.environ.get(VARIABLE) or shutil.which("influxd")
    if named:
        return Path(named).resolve()
    if not _PACKED.exists():
        return None
    target = unpack_to / "influxd"
    if not target.exists():
        unpack_to.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        with lzma.open(_PACKED) as packed, fresh.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        fresh.chmod(0o755)
        fresh.replace(target)
    return target


@dataclass(slots=True)
class InfluxServerProcess:
    """One server and its folder.

    Attributes:
        executable: Its program.
        folder: Data and log.
        port: Port on loopback.
        token: Token of everything, given at the first start; at least 8 characters.
    """

    executable: Path
    folder: Path
    port: int
    token: str
    _server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running server; 0: it does not run."""
        return 0 if self._server is None else self._server.pid

    def start(self) -> None:
        """Start, wait for an answer, and give it organisation and token at the first start.

        Raises:
            ConfigError: It does not come up; its log says why.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            f"--bolt-path={self.folder / 'bolt'}", f"--engine-path={self.folder / 'engine'}",
            f"--sqlite-path={self.folder / 'sqlite'}", f"--http-bind-address=127.0.0.1:{self.port}",
            "--reporting-disabled", "--log-level=warn",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603  the database's own program
                [str(self.executable), *arguments],
                stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509  one prctl
            )  # fmt: skip
        until_s = monotonic() + _START_S
        while not self._answers():
            if self._server.poll() is not None or monotonic() > until_s:
                self.stop()
                raise ConfigError(f"InfluxDB does not come up; {self.folder / 'log'} says why")
            sleep(0.02)
        self._set_up()

    def stop(self) -> None:
        """End the server in order; the next start goes on with its data."""
        self.end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash does."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> None:
        """End the server by a signal, by force after 20 s."""
        if self._server is None:
            return
        self._server.send_signal(number)
        try:
            self._server.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2):  # noqa: S310  our own address
                return True
        except (OSError, urllib.error.URLError):
            return False

    def _set_up(self) -> None:
        asked = f"{self.url}/api/v2/setup"
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310  our own address
            if not json.load(answer)["allowed"]:
                return
        body = {
            "username": "ems",
            "password": self.token,
            "org": ORG,
            "bucket": "unused",
            "token": self.token,
        }
        request = urllib.request.Request(  # noqa: S310  our own address
            asked, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  our own address
        except urllib.error.HTTPError as error:
            self.stop()
            words = error.read().decode(errors="replace")
            raise ConfigError(f"InfluxDB at {self.url} cannot be set up: {words}") from error
