"""One alarm, ready to be judged; made of a rule (`rules.py`), or there without one (`standing.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.alarms.conditions import Condition, Holds
from protocols.config import Text


@dataclass(frozen=True, slots=True)
class Definition:
    """One alarm, ready to be judged.

    Attributes:
        id: `rule id`, or `edge:…`, `device:…`, `box:…`, `hub:…` for those that are there without a rule.
        label: What people call it.
        condition: What it looks at.
        priority: 1 to 4.
        on_delay_s: How long it must be so. [s]
        off_delay_s: How long it must be over. [s]
        guide: Cause, consequence, action.
        group: Group of the first-out; empty: none.
        unless: Suppressed by design while this holds.
        under: Causes that explain it.
        source: `rule`, `edge`, `device`, `box` or `hub`.
        behind: Points that are bad because of it. [-]
    """

    id: str
    label: Text
    condition: Condition
    priority: int
    on_delay_s: float
    off_delay_s: float
    guide: tuple[Text, Text, Text]
    group: str = ""
    unless: Holds | None = None
    under: tuple[str, ...] = ()
    source: str = "rule"
    behind: int = 0

    @property
    def of_samples(self) -> bool:
        """Whether nothing but samples changes it, neither time nor a link."""
        return self.source == "rule" and not self.condition.timed

    @property
    def points(self) -> tuple[str, ...]:
        """Points whose samples may change it."""
        return (*self.condition.points, *(self.unless.points if self.unless else ()))
