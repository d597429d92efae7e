"""The second act of the demo: its time passes; where it has an end, the hub is killed once and comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ems.demo import measure
from ems.demo.layout import SITE, Layout
from ems.demo.parts import Parts
from ems.demo.screen import say
from hub.store.engine import open_reader, place_of
from protocols.clock import Clock
from runtime.clock import NS

KILL_BEFORE_END_S: Final = 30.0
HUB_AWAY_S: Final = 15.0
AFTER_VERIFIED_S: Final = 5.0
_NEVER_VERIFIED_S: Final = 60.0
"""The kill waits no longer than this for a first verified set-point. [s]"""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens between the printed address and the end.

    Attributes:
        layout: The demo's folders.
        parts: Its processes.
        clock: Its time.
        stopping: Whether somebody has asked for the end.
    """

    layout: Layout
    parts: Parts
    clock: Clock
    stopping: Callable[[], bool]

    def for_ever(self) -> None:
        """Look after the parts until somebody asks for the end."""
        self.parts.keep(self.stopping)

    def for_a_while(self, for_s: float, record: measure.Record) -> None:
        """Kill the hub 30 s before the end, start it after 15 s, and go on to the end.

        The kill comes not before 5 s after the first verified set-point; then the end waits as long.
        """
        end_s = self.clock.mono_s() + for_s
        earliest_s = end_s - KILL_BEFORE_END_S
        self._keep(lambda: self._time_to_kill(record, earliest_s))
        if self.stopping():
            return
        self._kill_hub(record)
        self._until(self.clock.mono_s() + HUB_AWAY_S)
        self._start_hub()
        self._until(max(end_s, self.clock.mono_s() + HUB_AWAY_S))

    def _kill_hub(self, record: measure.Record) -> None:
        record.plan = measure.plan_now(self.layout.state("hub"), SITE)
        hub = self.parts["hub"]
        hub.held = True
        hub.kill()
        record.killed_ns = self.clock.now().wall_ns
        say("hub      killed; the plant goes on without it")

    def _start_hub(self) -> None:
        hub = self.parts["hub"]
        hub.start()
        hub.held = False
        say("hub      started again")

    def _time_to_kill(self, record: measure.Record, earliest_s: float) -> bool:
        now_s = self.clock.mono_s()
        if now_s < earliest_s:
            return False
        reader = open_reader(place_of(self.layout.state("hub")))
        try:
            first_ns = measure.first_verified_ns(reader, record.up_ns)
        finally:
            reader.close()
        if first_ns is None:
            return now_s > earliest_s + _NEVER_VERIFIED_S
        return self.clock.now().wall_ns > first_ns + AFTER_VERIFIED_S * NS

    def _until(self, end_s: float) -> None:
        self._keep(lambda: self.clock.mono_s() >= end_s)

    def _keep(self, done: Callable[[], bool]) -> None:
        self.parts.keep(lambda: self.stopping() or done())
