"""A watch in virtual time, for tests: seconds pass one by one, samples come as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hub.alarms.conditions import Beyond, Condition, Holds
from hub.alarms.definition import Definition
from hub.alarms.engine import Engine
from hub.alarms.facts import Moment, Sample
from hub.alarms.states import Act, Happened, State
from protocols.config import Text
from protocols.quality import Quality

S = 1_000_000_000
START_S = 1_790_000_000
STALE_S = 45.0
POINT = "comp1/pressure_bar_g"
WORDS = Text(en="w", zh="w")


def definition(name: str = "low", condition: Condition | None = None, **more: object) -> Definition:
    known: dict[str, object] = {"priority": 2, "on_delay_s": 5.0, "off_delay_s": 10.0} | more
    return Definition(
        name, WORDS, condition or Beyond(POINT, 6.0, -1, 0.2), guide=(WORDS,) * 3, **known  # type: ignore[arg-type]  # fields of it
    )  # fmt: skip


@dataclass
class Story:
    """One engine and its time."""

    engine: Engine
    now_s: float = 0.0
    happened: list[Happened] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)

    @property
    def moment(self) -> Moment:
        return Moment(1000.0 + self.now_s, int((START_S + self.now_s) * S))

    def say(self, value: float, point: str = POINT, age_s: float = 0.0, quality: int = Quality.GOOD) -> None:
        at_ns = int((START_S + self.now_s - age_s) * S)
        self.engine.hear([Sample(point, value, quality, at_ns)], self.moment)

    def mark(self, name: str, why: str | None, *, known: bool = True) -> None:
        self.engine.mark(name, why, self.moment, known=known)

    def turn(self) -> None:
        self.engine.step(self.moment)
        self.gather()

    def gather(self) -> None:
        out = self.engine.drain()
        self.happened += out.happened
        self.states |= out.states

    def pass_s(self, seconds: int, each: Callable[[Story], None] | None = None) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            if each is not None:
                each(self)
            self.turn()

    def act(self, kind: str, name: str = "low", **more: object) -> str:
        said = self.engine.act(Act(kind, name, "anna", **more), self.moment)  # type: ignore[arg-type]  # kinds of acts
        self.gather()
        return said

    def kinds(self, name: str = "low", *, loud: bool = False) -> list[str]:
        return [one.kind for one in self.happened if one.alarm == name and not (loud and one.quiet)]

    def phase(self, name: str = "low") -> str:
        return self.engine.state(name).phase


def story(*definitions: Definition) -> Story:
    known = {one.id: one for one in definitions or (definition(),)}
    made = Story(Engine(known, Moment(1000.0, START_S * S)))
    points = {point for one in known.values() for point in one.points}
    over = {
        point: getattr(one.condition, "over_s", 0.0) * 1.2 for one in known.values() for point in one.points
    }
    made.engine.facts.watch(dict.fromkeys(points, STALE_S), over)
    return made


def saying(value: float, point: str = POINT) -> Callable[[Story], None]:
    return lambda told: told.say(value, point)


def all_of(value: float, *points: str) -> Callable[[Story], None]:
    def say(told: Story) -> None:
        for point in points:
            told.say(value, point)

    return say


def holds(text: str, units: dict[str, str]) -> Holds:
    from protocols.expression import parse  # noqa: PLC0415  few need it

    return Holds(parse(text), units)


def raised(happened: Iterable[Happened]) -> list[Happened]:
    return [one for one in happened if one.kind == "raised" and not one.quiet]
