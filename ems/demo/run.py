"""One demo from start to end: `startup`, then the `timeline`, then the `ending`."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ems.demo import ending, measure, startup
from ems.demo.business_server import BusinessServer
from ems.demo.layout import Layout
from ems.demo.parts import Parts
from ems.demo.screen import say
from ems.demo.series_server import SeriesServer
from ems.demo.timeline import Timeline
from protocols.clock import Clock
from protocols.errors import ConfigError, StoreError
from runtime.clock import SystemClock
from runtime.lock import StateLock

INTERRUPTED: Final = 130
"""Exit code of a run that was stopped before its end, as shells know it."""


@dataclass(slots=True)
class Demo:
    """The running demo.

    Attributes:
        layout: Its folders.
        for_s: Seconds from the printed address to the end, or None to run until Ctrl-C.
        out: Where `demo.json` goes.
        clock: Its time.
        series: Where its series stand.
        business: Where its business data stand.
    """

    layout: Layout
    for_s: float | None
    out: Path | None
    clock: Clock
    series: SeriesServer
    business: BusinessServer
    up: bool = field(default=False, init=False)
    stopping: bool = field(default=False, init=False)

    def ask_to_stop(self, _number: int, _frame: object) -> None:
        """Signal handler: end in order; at once while the parts still come up, or when asked twice."""
        if self.stopping or not self.up:
            raise KeyboardInterrupt
        self.stopping = True

    def run(self) -> int:
        """Run to the end; returns the exit code.

        Raises:
            ConfigError: A part could not be brought up; the message says which and why.
            StoreLockedError: Another demo runs in this folder.
        """
        parts = Parts(self.layout.logs, self.clock)
        self.layout.root.mkdir(self.business.folder_mode, parents=True, exist_ok=True)
        with StateLock(self.layout.root):
            try:
                return self._acts(parts)
            finally:
                parts.stop_all()
                self.series.stop()
                self.business.stop()

    def _acts(self, parts: Parts) -> int:
        record = measure.Record(up_ns=self.clock.now().wall_ns)
        announce = startup.bring_up(self.layout, parts, self.series, self.business)
        self.up = True  # before the address is seen: who stops the demo from here on ends it in order
        announce()
        record.began_ns = self.clock.now().wall_ns
        timeline = Timeline(self.layout, parts, self.clock, lambda: self.stopping)
        if self.for_s is None:
            timeline.for_ever()
        else:
            timeline.for_a_while(self.for_s, record)
        record.stopped_ns = self.clock.now().wall_ns
        parts["edge"].stop()
        if self.stopping and self.for_s is not None:
            say("stopped  before its time; nothing is counted or written")
            return INTERRUPTED
        return 0 if self.out is None else ending.write_report(self.layout, parts, record, self.out)


def run_demo(folders: tuple[Path, Path], for_s: float | None, out: Path | None, store: str, db: str) -> int:
    """Run the demo; Ctrl-C and SIGTERM end it in order.

    Args:
        folders: Of everything the demo keeps, and of the shipped configuration.
        for_s: Seconds to its end; None: until Ctrl-C.
        out: Where `demo.json` goes.
        store: `embedded` or `influx`.
        db: `sqlite` or `postgres`.

    Raises:
        ConfigError: Bad input, or a part that does not come up.
    """
    layout = Layout(folders[0].resolve(), folders[1].resolve())
    servers = SeriesServer(layout, store), BusinessServer(layout, db)
    demo = Demo(layout, for_s, out, SystemClock(), *servers)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, demo.ask_to_stop)
    try:
        return demo.run()
    except KeyboardInterrupt:
        say("stopped  at once; the next start goes on with what is there")
        return INTERRUPTED
    except StoreError as error:
        raise ConfigError(f"the demo cannot go on: {error}") from error
