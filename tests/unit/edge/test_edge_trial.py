"""When polling got worse: device by device, and point by point for what is new; chance is no reason."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.poll import PollGroup
from edge_agent.trial import Health, PollTally, hopeless, worse
from protocols.frame import Catalogue, Frame
from protocols.quality import Quality
from runtime.clock import VirtualClock

NONE: frozenset[str] = frozenset()


def group(device: str, *points: str) -> PollGroup:
    count = len(points)
    catalogue = Catalogue("demo", device, points, ("kW",) * count, ("measurement",) * count)
    return PollGroup(device, "modbus", 1.0, points, catalogue, catalogue.hash())


class Rig:
    """Polls a second apart in virtual time."""

    def __init__(self, *groups: PollGroup) -> None:
        self.clock = VirtualClock()
        self.groups = groups
        self.tally = PollTally(groups, self.clock)

    def run(
        self, polls: int, bad: tuple[str, ...] = (), silent: tuple[str, ...] = (), late_s: float = 0.0
    ) -> Health:
        for _ in range(polls):
            at = self.clock.now()
            self.clock.advance(late_s)
            for one in self.groups:
                marks = [Quality.BAD_ANSWER if f"{one.device}/{p}" in bad else 0 for p in one.points]
                if one.device not in silent:
                    values = np.where(np.array(marks) > 0, np.nan, 1.0)
                    self.tally.on_frame(Frame(one.hash, at, values, np.array(marks, np.uint8)))
            self.clock.advance(1.0 - late_s % 1.0)
        return self.tally.health()


A, B = group("a", "x_kw", "y_kw"), group("b", "x_kw")


def test_the_same_polling_is_not_worse() -> None:
    assert worse(Rig(A, B).run(40), Rig(A, B).run(60), NONE) is None


def test_one_poll_by_chance_is_no_reason() -> None:
    after = Rig(A, B)
    after.run(20, bad=("a/x_kw",) * 1)
    assert worse(Rig(A, B).run(40), after.run(0), frozenset()) is not None
    lucky = Rig(A, B)
    lucky.run(1, bad=("b/x_kw",))
    assert worse(Rig(A, B).run(40), lucky.run(20), NONE) is None


def test_a_device_that_was_off_before_is_no_reason_and_one_that_is_spoiled_is() -> None:
    before = Rig(A, B).run(40, bad=("b/x_kw",))
    assert worse(before, Rig(A, B).run(60, bad=("b/x_kw",)), NONE) is None
    said = worse(before, Rig(A, B).run(60, bad=("a/x_kw", "a/y_kw")), NONE)
    assert said is not None
    assert said.startswith("a: 0% of its samples have a number, 100% were expected")


def test_a_new_point_without_a_number_is_named_even_among_many() -> None:
    wide = group("a", *(f"p{at}_kw" for at in range(200)))
    before = Rig(group("a", *(f"p{at}_kw" for at in range(199)))).run(40)
    after = Rig(wide).run(60, bad=("a/p199_kw",))
    assert worse(before, after, frozenset({"a/p199_kw"})) == "no number from a/p199_kw"
    assert worse(before, after, NONE) is None


@pytest.mark.parametrize("how", [{"silent": ("a",)}, {"late_s": 1.5}])
def test_polls_that_come_late_or_not_at_all_are_worse(how: dict[str, object]) -> None:
    after = Rig(A, B).run(30, **how)  # type: ignore[arg-type]  # one of the two
    said = worse(Rig(A, B).run(40), after, NONE)
    assert said is not None
    assert "of its polls came in time" in said


def test_a_trial_is_hopeless_when_most_is_lost() -> None:
    before = Rig(A, B).run(40)
    assert hopeless(before, Rig(A, B).run(12, bad=("a/x_kw", "a/y_kw")))
    assert not hopeless(before, Rig(A, B).run(12, bad=("b/x_kw",)))
    assert not hopeless(Health(), Rig(A, B).run(12))


def test_what_was_long_ago_is_forgotten() -> None:
    rig = Rig(A, B)
    rig.run(100, bad=("a/x_kw",))
    assert worse(Rig(A, B).run(40), rig.run(70), NONE) is None
