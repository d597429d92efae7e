"""Kills upkeep at each of its steps: after each statement that changes the database, around each file.

`python -m tests.unit.hub.sealing_crash TEMPLATE OUT EACH` copies the folder TEMPLATE to OUT/<n> and runs
upkeep there in a child that is killed at its n-th step, for every EACH-th n, until a child comes to its end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from hub.store.embedded import EmbeddedStore
from runtime.clock import VirtualClock

DAY_S = 86_400
MIDNIGHT_NS = 1_750_032_000 * 10**9
STAGES_S = (9 * 3600, 3 * DAY_S, 3 * DAY_S + 3600, 4 * DAY_S)


class Steps:
    """Counts steps and kills its process at one of them."""

    def __init__(self, die_at: int) -> None:
        self._left = die_at

    def on_statement(self, text: str) -> None:
        """A statement begins."""
        if text[:6] in {"INSERT", "DELETE", "UPDATE", "COMMIT"}:
            self._step()

    def on_event(self, event: str, args: tuple[object, ...]) -> None:
        """A file is opened, gets its name, or goes."""
        file = str(args[0]) if args else ""
        if event in {"os.rename", "os.remove"} or (event == "open" and file.endswith((".tmp", ".parquet"))):
            self._step()

    def _step(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def work(folder: Path, die_at: int) -> None:
    """All upkeep of four days; killed at step `die_at`."""
    steps = Steps(die_at)
    clock = VirtualClock(MIDNIGHT_NS)
    store = EmbeddedStore(folder / "series.db", clock)
    store._upkeep._connection.set_trace_callback(steps.on_statement)
    sys.addaudithook(steps.on_event)
    for at_s in STAGES_S:
        clock.shift_wall((MIDNIGHT_NS - clock.now().wall_ns) / 1e9 + at_s)
        while store.upkeep():
            pass


def main(template: Path, out: Path, each: int) -> int:
    """Returns how many steps there are."""
    at = 1
    while True:
        shutil.copytree(template, out / str(at))
        child = os.fork()
        if child == 0:
            work(out / str(at), at)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                raise SystemExit(f"the child of step {at} failed")
            return at
        at += each


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
