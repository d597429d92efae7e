"""The processes of the demo: started in order, started again when they die, ended with their parent."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from protocols.clock import Clock
from protocols.errors import ConfigError

RESTART_AFTER_S: Final = 1.0
MOST_STARTS: Final = 3
"""Starts in vain after which the demo gives up while it waits for a part."""

START_WAIT_S: Final = 120.0
"""How long a part may take to come up. [s]"""

_STOP_WAIT_S: Final = 25.0
_LOOK_S: Final = 0.1
_TAIL_CHARS: Final = 4000
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Part:
    """One process of the demo.

    Attributes:
        name: Also names the log file.
        arguments: Arguments of `ems`.
        log: File that takes both output streams.
        held: While True a dead part is not started again.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    held: bool = False
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _died_at_s: float | None = field(default=None, init=False)
    restarts: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the process; it ends when this one does."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own command line
                [sys.executable, "-m", "ems.main", *self.arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "EMS_DIE_WITH_PARENT": "1"},
                start_new_session=True,
            )
        self._died_at_s = None

    def look_after(self, now_s: float) -> None:
        """Start it again one second after it died."""
        if self.pid is not None or self.held or self._process is None:
            return
        if self._died_at_s is None:
            self._died_at_s = now_s
        elif now_s - self._died_at_s >= RESTART_AFTER_S:
            self.restarts += 1
            self.start()

    def kill(self) -> None:
        """SIGKILL to the process itself; what it started dies by the kernel's hand."""
        self.signal(signal.SIGKILL)
        self.wait(_STOP_WAIT_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it runs."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(number)

    def wait(self, most_s: float) -> int | None:
        """Exit code, or None when it still runs after `most_s`."""
        if self._process is None:
            return 0
        try:
            return self._process.wait(most_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End it in order, by force after 25 s."""
        self.held = True
        self.signal(signal.SIGTERM)
        if self.wait(_STOP_WAIT_S) is None:
            self.kill()

    def last_words(self, lines: int = 3) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def run_to_end(part: Part, most_s: float) -> None:
    """Run a part that ends by itself.

    Raises:
        ConfigError: It failed or did not end in time; the message is its last words.
    """
    part.start()
    try:
        code = part.wait(most_s)
    finally:
        part.kill()
    if code is None:
        raise ConfigError(
            f"{part.name} did not end within {most_s:.0f} s; see {part.log}\n{part.last_words()}"
        )
    if code != 0:
        raise ConfigError(f"{part.name} failed; see {part.log}\n{part.last_words()}")


class Parts:
    """All processes of one demo, by name, in the order they were started."""

    def __init__(self, logs: Path, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._parts: dict[str, Part] = {}

    def __getitem__(self, name: str) -> Part:
        return self._parts[name]

    def up(self, name: str, *arguments: str) -> None:
        """Start a process with a fresh log."""
        part = Part(name, arguments, self.log(name))
        part.log.unlink(missing_ok=True)
        self._parts[name] = part
        part.start()

    def log(self, name: str) -> Path:
        """Log file of a process."""
        return self._logs / f"{name}.log"

    def says(self, name: str, words: str) -> bool:
        """Whether the end of a part's log holds these words."""
        log = self.log(name)
        return log.exists() and words in log.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARS:]

    def wait(self, name: str, ready: Callable[[], bool], most_s: float = START_WAIT_S) -> None:
        """Look after all parts until a condition is true.

        Raises:
            ConfigError: Not true after `most_s`, or a part does not start.
        """
        until_s = self._clock.mono_s() + most_s
        while not ready():
            if self._clock.mono_s() > until_s:
                words = "\n".join(f"{part.name}: {part.last_words(1)}" for part in self._parts.values())
                raise ConfigError(f"{name} is not there after {most_s:.0f} s\n{words}")
            self._look_after()
            for part in self._parts.values():
                if part.restarts >= MOST_STARTS:
                    raise ConfigError(f"{part.name} does not start; see {part.log}\n{part.last_words(1)}")

    def keep(self, until: Callable[[], bool]) -> None:
        """Look after all parts until a condition is true, however often they die."""
        while not until():
            self._look_after()

    def stop_all(self) -> None:
        """End all parts in order, the ones that need others first."""
        for name in ("edge", "hub", "sim", "bus"):
            if name in self._parts:
                self._parts[name].stop()

    def _look_after(self) -> None:
        for part in self._parts.values():
            part.look_after(self._clock.mono_s())
        time.sleep(_LOOK_S)
