"""The watch: facts in, states and a journal out. Pure, one instant a step, in any time.

A step judges the alarms that something changed for, and those that time alone may change. What is raised
keeps to its delays; an alarm that came twice within a minute stays until it was quiet for a minute, so
nothing chatters. While a cause that explains an alarm is there, that alarm is not raised: a dead box is one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hub.alarms import refusals
from hub.alarms.conditions import Judged
from hub.alarms.definition import Definition
from hub.alarms.facts import Facts, Moment, Sample
from hub.alarms.states import DESIGN, Act, Happened, Kind, State
from protocols.config import Text

CHATTER_S: Final = 60.0
"""Three times within this is chattering (EEMUA 191); the watch never lets it come to that. [s]"""

MOST_SHELF_NS: Final = 8 * 3600 * 1_000_000_000
"""Longest shelf: one shift. [ns]"""

_MOST_RAISES: Final = 2


class Outcome(NamedTuple):
    """What came of steps: lines of the journal, and the states that are others now."""

    happened: list[Happened]
    states: dict[str, State]


_UNSEEN: Final = Judged(None)


@dataclass(slots=True)
class _Alarm:
    definition: Definition
    state: State
    since_s: float | None = None
    """Since when it is judged otherwise than it stands."""

    since_ns: int = 0
    raises_s: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_RAISES))
    judged: Judged = _UNSEEN


class Engine:
    """All alarms of a site."""

    def __init__(self, definitions: Mapping[str, Definition], now: Moment) -> None:
        self.facts = Facts(now.mono_s)
        self._alarms: dict[str, _Alarm] = {}
        self._users: dict[str, list[str]] = {}
        self._explained: dict[str, list[str]] = {}
        self._timed: list[str] = []
        self._touched: set[str] = set()
        self._changed: set[str] = set()
        self._happened: list[Happened] = []
        self._counted: dict[str, int] = {}
        """How often an alarm was raised that is no longer watched: its numbers go on if it comes back."""

        self.take(definitions, now)

    @property
    def definitions(self) -> dict[str, Definition]:
        """What is watched."""
        return {name: alarm.definition for name, alarm in self._alarms.items()}

    def state(self, alarm: str) -> State:
        """State of one alarm; do not change it.

        Raises:
            KeyError: There is none of this name.
        """
        return self._alarms[alarm].state

    def restore(self, states: Mapping[str, State], now: Moment) -> None:
        """Go on from what was kept; an alarm of it that is no longer watched is noted as removed."""
        for name, state in states.items():
            if name in self._alarms:
                self._alarms[name].state = state
                ago_s = (now.wall_ns - state.raised_ns) / 1e9
                if state.raised_ns and 0 <= ago_s < CHATTER_S:
                    self._alarms[name].raises_s.append(now.mono_s - ago_s)
            else:
                self._counted[name] = state.occurrence
                if state.phase == "normal":
                    continue
                gone = Happened(name, "removed", now.wall_ns, 4, state.occurrence, Text(en=name, zh=name))
                self._happened.append(gone)
                self._changed.add(name)

    def take(self, definitions: Mapping[str, Definition], now: Moment) -> None:
        """Watch these from now on; of those that stay nothing is forgotten."""
        for name in self._alarms.keys() - definitions.keys():
            if self._alarms[name].state.phase != "normal":
                self._note(self._alarms[name], "removed", now)
        kept = {name: self._alarms[name] for name in definitions if name in self._alarms}
        self._counted |= {name: one.state.occurrence for name, one in self._alarms.items()}
        self._alarms = {}
        for name, one in definitions.items():
            known = kept.get(name)
            self._alarms[name] = _Alarm(one, self._fresh(name) if known is None else known.state)
            if known is not None:
                self._alarms[name].raises_s = known.raises_s
        self._index()
        self._touched = set(self._alarms)

    def hear(self, samples: Iterable[Sample], now: Moment) -> None:
        """Take samples in."""
        for point in self.facts.hear(samples, now):
            self._touched.update(self._users.get(point, ()))

    def mark(self, name: str, why: str | None, now: Moment, *, known: bool = True) -> None:
        """Note whether a cause is there; what it explains is looked at again."""
        if self.facts.mark(name, why, now.mono_s, known=known):
            self._touched.update(self._explained.get(name, ()))

    def step(self, now: Moment, *, past: bool = False) -> None:
        """Judge what may be otherwise now; what began first is raised first.

        `past`: the instant is replayed; what follows from time and from links is not judged then.
        """
        waiting = [name for name, alarm in self._alarms.items() if alarm.since_s is not None]
        shelved = [name for name, alarm in self._alarms.items() if alarm.state.shelved_until_ns]
        due = dict.fromkeys([*self._timed, *sorted(self._touched), *waiting, *shelved])
        self._touched = set()
        known = [self._alarms[name] for name in due if name in self._alarms]
        alarms = [alarm for alarm in known if not past or alarm.definition.of_samples]
        for alarm in alarms:
            self._end_shelf(alarm, now)
            self._look(alarm, now)
        for alarm in sorted(alarms, key=lambda one: now.mono_s if one.since_s is None else one.since_s):
            self._move(alarm, now)

    def act(self, act: Act, now: Moment) -> str:
        """Do what a person wants; why not, in a sentence, empty where it was done."""
        alarm = self._alarms.get(act.alarm)
        if alarm is None:
            return refusals.GONE.say(alarm=repr(act.alarm))
        return _ACTS[act.kind](self, alarm, act, now)

    def drain(self) -> Outcome:
        """What came of all steps and acts since the last time."""
        states = {
            name: self._alarms[name].state if name in self._alarms else self._fresh(name)
            for name in self._changed
        }
        out = Outcome(self._happened, states)
        self._happened, self._changed = [], set()
        return out

    def _fresh(self, name: str) -> State:
        """A state that goes on counting."""
        return State(occurrence=self._counted.get(name, 0))

    def _index(self) -> None:
        """Which alarms a point, a cause or time alone may change."""
        self._users, self._explained = {}, {}
        for name, alarm in self._alarms.items():
            one = alarm.definition
            for point in one.points:
                self._users.setdefault(point, []).append(name)
            for cause in (name, *one.under):
                self._explained.setdefault(cause, []).append(name)
        self._timed = [name for name, alarm in self._alarms.items() if alarm.definition.condition.timed]

    def hush(self) -> None:
        """What happened up to now and is over is only noted: nobody is to be told of it late."""
        self._touched = set(self._alarms)
        over = {name for name, alarm in self._alarms.items() if not alarm.state.active}
        self._happened = [
            line._replace(quiet=True) if line.alarm in over or line.kind == "cleared" else line
            for line in self._happened
        ]
        last = {line.alarm: at for at, line in enumerate(self._happened) if line.kind == "raised"}
        self._happened = [
            line._replace(quiet=True) if line.kind == "raised" and last[line.alarm] != at else line
            for at, line in enumerate(self._happened)
        ]

    def _look(self, alarm: _Alarm, now: Moment) -> None:
        """Judge, and note since when it is judged otherwise than it stands."""
        one, state = alarm.definition, alarm.state
        alarm.judged = one.condition.judge(self.facts, now.mono_s, was=state.standing)
        if state.standing:
            self._hide(alarm, self._hidden(one, now), now)
        if alarm.judged.so is None or alarm.judged.so == state.standing:
            alarm.since_s = None
        elif alarm.since_s is None:
            alarm.since_s, alarm.since_ns = now.mono_s, now.wall_ns

    def _hidden(self, one: Definition, now: Moment) -> str:
        """What suppresses it now: by design, or a cause."""
        if one.unless is not None and one.unless.judge(self.facts, now.mono_s, was=False).so:
            return DESIGN
        return next((name for name in one.under if self.facts.why(name) is not None), "")

    def _hide(self, alarm: _Alarm, hidden: str, now: Moment) -> None:
        """What stands while something that suppresses it comes or goes.

        What was raised before its cause came stays raised: nobody can say more of it now. By design it is
        taken back. What is no longer suppressed has its delay anew.
        """
        state = alarm.state
        if state.active and hidden == DESIGN:
            state.active, state.acked, state.first_out = False, True, False
            state.cleared_ns = now.wall_ns
            self._suppress(alarm, hidden, now)
        elif state.suppressed and not hidden:
            self._suppress(alarm, "", now)
            alarm.since_s = None

    def _suppress(self, alarm: _Alarm, hidden: str, now: Moment) -> None:
        alarm.state.suppressed = hidden
        alarm.since_s = None
        self._note(alarm, "suppressed" if hidden else "released", now, words=hidden, quiet=True)

    def _move(self, alarm: _Alarm, now: Moment) -> None:
        if alarm.since_s is None:
            return
        lasted_s = now.mono_s - alarm.since_s
        if alarm.state.standing:
            if lasted_s >= self._off_delay_s(alarm, now):
                self._end(alarm, now)
        elif lasted_s >= alarm.definition.on_delay_s:
            hidden = self._hidden(alarm.definition, now)
            if hidden:
                self._suppress(alarm, hidden, now)
            else:
                self._raise(alarm, now)

    def _end(self, alarm: _Alarm, now: Moment) -> None:
        if alarm.state.active:
            self._clear(alarm, now)
        else:
            self._suppress(alarm, "", now)

    def _off_delay_s(self, alarm: _Alarm, now: Moment) -> float:
        raises = [at_s for at_s in alarm.raises_s if now.mono_s - at_s < 2 * CHATTER_S]
        restless = len(raises) == _MOST_RAISES and raises[-1] - raises[0] < CHATTER_S
        return max(alarm.definition.off_delay_s, CHATTER_S) if restless else alarm.definition.off_delay_s

    def _raise(self, alarm: _Alarm, now: Moment) -> None:
        state, judged = alarm.state, alarm.judged
        state.active, state.acked, state.acked_by = True, False, ""
        state.raised_ns, state.onset_ns = now.wall_ns, alarm.since_ns or now.wall_ns
        state.value, state.words = judged.value, judged.words
        state.occurrence += 1
        alarm.since_s = None
        alarm.raises_s.append(now.mono_s)
        self._first_out(alarm)
        self._note(alarm, "raised", now, words=judged.words, quiet=state.hushed)

    def _first_out(self, alarm: _Alarm) -> None:
        group = alarm.definition.group
        others = [
            one
            for one in self._alarms.values()
            if group and one.definition.group == group and one.state.active and one is not alarm
        ]
        earlier = [one for one in others if one.state.onset_ns <= alarm.state.onset_ns]
        alarm.state.first_out = bool(group) and not earlier
        for one in others if alarm.state.first_out else []:
            if one.state.first_out:
                one.state.first_out = False
                self._changed.add(one.definition.id)

    def _clear(self, alarm: _Alarm, now: Moment) -> None:
        state = alarm.state
        state.active, state.first_out, state.cleared_ns = False, False, now.wall_ns
        if state.hushed:
            state.acked = True
        alarm.since_s = None
        self._note(alarm, "cleared", now, quiet=state.hushed)

    def _end_shelf(self, alarm: _Alarm, now: Moment) -> None:
        if 0 < alarm.state.shelved_until_ns <= now.wall_ns:
            self._back(alarm, "unshelved", "", now)

    def _back(self, alarm: _Alarm, kind: Kind, actor: str, now: Moment) -> None:
        """End a shelf or bring back into service; what is so now is told anew."""
        state = alarm.state
        state.shelved_until_ns, state.out, state.by, state.reason = 0, False, "", ""
        self._note(alarm, kind, now, actor=actor)
        if state.active:
            alarm.since_ns = state.onset_ns
            self._raise(alarm, now)

    def _acknowledge(self, alarm: _Alarm, act: Act, now: Moment) -> str:
        state = alarm.state
        if act.occurrence not in {0, state.occurrence}:
            return refusals.RAISED_AGAIN.en
        if state.acked:
            by, plain = refusals.ACKNOWLEDGED_BY, refusals.ACKNOWLEDGED
            return by.say(actor=state.acked_by) if state.acked_by else plain.en
        state.acked, state.acked_by = True, act.actor
        self._note(alarm, "acknowledged", now, actor=act.actor, words=act.reason)
        return ""

    def _shelve(self, alarm: _Alarm, act: Act, now: Moment) -> str:
        if not now.wall_ns < act.until_ns <= now.wall_ns + MOST_SHELF_NS:
            return refusals.SHELF_TOO_LONG.en
        if alarm.state.out:
            return refusals.BRING_BACK_FIRST.en
        state = alarm.state
        state.shelved_until_ns, state.by, state.reason = act.until_ns, act.actor, act.reason
        self._note(alarm, "shelved", now, actor=act.actor, words=act.reason)
        return ""

    def _unshelve(self, alarm: _Alarm, act: Act, now: Moment) -> str:
        if not alarm.state.shelved_until_ns:
            return refusals.NOT_SHELVED.en
        self._back(alarm, "unshelved", act.actor, now)
        return ""

    def _take_out(self, alarm: _Alarm, act: Act, now: Moment) -> str:
        state = alarm.state
        if state.out:
            return refusals.OUT_BY.say(actor=state.by)
        state.out, state.shelved_until_ns, state.by, state.reason = True, 0, act.actor, act.reason
        self._note(alarm, "out_of_service", now, actor=act.actor, words=act.reason)
        return ""

    def _bring_in(self, alarm: _Alarm, act: Act, now: Moment) -> str:
        if not alarm.state.out:
            return refusals.NOT_OUT.en
        self._back(alarm, "in_service", act.actor, now)
        return ""

    def _comment(self, alarm: _Alarm, act: Act, now: Moment) -> str:
        alarm.state.comment = act.reason
        self._note(alarm, "comment", now, actor=act.actor, words=act.reason)
        return ""

    def _note(  # noqa: PLR0913  the parts of a line
        self, alarm: _Alarm, kind: Kind, now: Moment, *, actor: str = "", words: str = "", quiet: bool = False
    ) -> None:
        one, state = alarm.definition, alarm.state
        value = state.value if kind == "raised" else None
        line = Happened(
            one.id, kind, now.wall_ns, one.priority, state.occurrence, one.label, actor, words, value, quiet
        )
        self._happened.append(line)
        self._changed.add(one.id)


_Do = Callable[[Engine, _Alarm, Act, Moment], str]
_ACTS: Final[dict[str, _Do]] = {
    "ack": Engine._acknowledge,  # noqa: SLF001  its own table
    "shelve": Engine._shelve,  # noqa: SLF001  as above
    "unshelve": Engine._unshelve,  # noqa: SLF001  as above
    "out": Engine._take_out,  # noqa: SLF001  as above
    "in": Engine._bring_in,  # noqa: SLF001  as above
    "comment": Engine._comment,  # noqa: SLF001  as above
}
