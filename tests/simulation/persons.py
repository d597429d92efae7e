"""People at a console of their own, which signs what they ask for: values, limits, timetables, steps, acts.

It is an issuer beside the hub, so that the rungs above the plan and all acts are in play; it sends everything
once and keeps nothing alive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from protocols.command import VERSION, Command, CommandKind, Echo, Level, Step
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.signing import key_id
from tests.simulation.bus import Bus
from tests.simulation.judge import Judge
from tests.simulation.plant import CONSOLE_KEY, MAX_LEASE_S, SITE, STRANGER, Spec, cap_hash

NAME: Final = "console"
_KEY_ID: Final = key_id(CONSOLE_KEY.public_key())


class Console:
    """Knows of an edge what its heartbeats say."""

    def __init__(self, bus: Bus, judge: Judge, specs: dict[str, tuple[Spec, ...]], seed: str) -> None:
        self.bus = bus
        self.judge = judge
        self.specs = specs
        self.chance = Random(f"{seed}/console")  # noqa: S311  a seed replays
        self.beats: dict[str, Heartbeat] = {}
        self._seq = 0
        bus.hubs[NAME] = self._hear

    def act_at_will(self) -> None:
        """One thing a person may do."""
        edge = self.chance.choice(sorted(self.specs))
        if edge not in self.beats:
            return
        spec = self.chance.choice(self.specs[edge])
        doings: list[tuple[Callable[[str, Spec], None], int]] = [
            (self._value, 8), (self._release, 3), (self._limit, 3), (self._timetable, 3),
            (self._stop, 2), (self._go_on, 4), (self._forge, 2), (self._too_much, 2),
        ]  # fmt: skip
        weights = [weight for _, weight in doings]
        self.chance.choices([doing for doing, _ in doings], weights)[0](edge, spec)

    def lift(self, edge: str, kind: str, scope: str) -> None:
        """End what a person has set, in as many steps as it takes."""
        undo = {"stop": CommandKind.RESUME, "lock_out": CommandKind.LIFT, "opt_out": CommandKind.OPT_IN}[kind]
        self._act(edge, undo, scope)
        if undo is CommandKind.RESUME:
            self.judge.story.timeline.after(0.5, lambda: self._act(edge, undo, scope, confirm="bob"))

    def send(self, command: Command) -> None:
        """Sign it and send it once."""
        data = command.sealed(CONSOLE_KEY)
        self.judge.signs(data, command, NAME)
        self.judge.story.tell(NAME, f"{command.kind.value} {command.point} {command.value} at {command.edge}")
        self.bus.command(NAME, command.edge, data)

    # -- what a person may do ------------------------------------------------------------------

    def _value(self, edge: str, spec: Spec) -> None:
        value = self.chance.choice(spec.values)
        if spec.duty.get("two_step"):
            self._send(edge, spec.point, CommandKind.SELECT, value=value, unit=spec.unit)
            operate: dict[str, Any] = {"value": value, "unit": spec.unit, "confirm": "bob"}
            self.judge.story.timeline.after(
                self.chance.uniform(0.3, 3.0),
                lambda: self._send(edge, spec.point, CommandKind.OPERATE, **operate),
            )
            return
        kind = CommandKind.TEST if self.chance.random() < 0.1 else CommandKind.SET
        start_in_s = self.chance.choice([0.0, 0.0, 0.0, 2.0])
        self._send(edge, spec.point, kind, value=value, unit=spec.unit, start_in_s=start_in_s)

    def _release(self, edge: str, spec: Spec) -> None:
        kind = self.chance.choice([CommandKind.RELEASE, CommandKind.CANCEL])
        self._send(edge, spec.point, kind, lease_s=0.0)

    def _limit(self, edge: str, spec: Spec) -> None:
        kind = self.chance.choice([CommandKind.AT_MOST, CommandKind.AT_LEAST])
        value = self.chance.choice(spec.values)
        if not spec.duty.get("two_step"):
            self._send(edge, spec.point, kind, value=value, unit=spec.unit, level=Level.GRID_LIMIT)

    def _timetable(self, edge: str, spec: Spec) -> None:
        horizon_s = spec.duty.get("horizon_s", 0.0)
        if not horizon_s:
            return
        values = [self.chance.choice(spec.values) for _ in range(self.chance.randint(1, 4))]
        steps = tuple(Step(3.0 * count, value) for count, value in enumerate(values))
        self._send(
            edge, spec.point, CommandKind.SET, unit=spec.unit, level=Level.SCHEDULE, lease_s=horizon_s,
            valid_for_s=horizon_s, steps=steps,
        )  # fmt: skip

    def _stop(self, edge: str, spec: Spec) -> None:
        kind = self.chance.choice([CommandKind.STOP, CommandKind.LOCK_OUT, CommandKind.OPT_OUT])
        zone = [] if spec.zone is None else [f"zone:{spec.zone}"]
        scope = self.chance.choice(["all", *zone, f"{SITE}/{spec.device}", spec.point])
        self._act(edge, kind, scope)

    def _go_on(self, edge: str, _spec: Spec) -> None:
        latches = sorted(self.judge.books[edge].latches)
        if latches:
            self.lift(edge, *self.chance.choice(latches))

    def _forge(self, edge: str, spec: Spec) -> None:
        """Somebody without the key."""
        base: dict[str, Any] = {"value": self.chance.choice(spec.values), "unit": spec.unit}
        command = self._command(edge, spec.point, CommandKind.SET, **base)
        if command is not None:
            self.judge.story.tell("stranger", f"sends {command.point} = {command.value} to {edge}")
            self.bus.deliver(edge, command.sealed(STRANGER))

    def _too_much(self, edge: str, spec: Spec) -> None:
        """What the limits do not allow."""
        changes: list[dict[str, Any]] = [
            {"value": spec.high + 1.0}, {"value": spec.low - 1.0}, {"value": float("nan")},
            {"lease_s": MAX_LEASE_S + 1.0}, {"cap_hash": b"x" * 16}, {"unit": "m"},
        ]  # fmt: skip
        base: dict[str, Any] = {"value": spec.values[0], "unit": spec.unit}
        kind = CommandKind.SELECT if spec.duty.get("two_step") else CommandKind.SET
        self._send(edge, spec.point, kind, **{**base, **self.chance.choice(changes)})

    # -- messages ------------------------------------------------------------------------------

    def _act(self, edge: str, kind: CommandKind, scope: str, **changes: Any) -> None:  # noqa: ANN401  any field
        self._send(edge, scope, kind, lease_s=0.0, **changes)

    def _send(self, edge: str, point: str, kind: CommandKind, **changes: Any) -> None:  # noqa: ANN401  any field
        command = self._command(edge, point, kind, **changes)
        if command is not None:
            self.send(command)

    def _command(self, edge: str, point: str, kind: CommandKind, **changes: Any) -> Command | None:  # noqa: ANN401  any field
        beat = self.beats.get(edge)
        if beat is None:
            return None
        self._seq += 1
        device = point.split("/")[1] if point.count("/") == 2 else ""
        base: dict[str, Any] = {
            "v": VERSION, "id": hashlib.sha256(f"console/{self._seq}".encode()).digest()[:16], "issuer": NAME,
            "key_id": _KEY_ID, "site": SITE, "edge": edge, "agent_epoch": beat.agent_epoch, "point": point,
            "kind": kind, "value": None, "unit": None, "level": Level.OPERATOR, "start_in_s": 0.0,
            "lease_s": self.chance.choice([3.0, 6.0, MAX_LEASE_S]), "echo": Echo(beat.boot, beat.reading_ms),
            "epoch": 1, "seq": self._seq, "revision": 0, "expect": None, "cap_hash": cap_hash(device),
            "reason": "works", "actor": "ann",
        }  # fmt: skip
        return Command(**{**base, **changes})

    def _hear(self, data: bytes) -> None:
        beat = decode_heartbeat(data)
        self.beats[beat.edge] = beat
