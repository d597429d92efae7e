"""The watch in virtual time: states by ISA-18.2, delays, causes, acts; what holds for any course."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.alarms.conditions import Beyond, Marked, Old
from hub.alarms.engine import CHATTER_S
from hub.alarms.refusals import refusal_text
from hub.alarms.states import State, unpacked
from protocols.quality import Quality
from tests.unit.hub_alarms.alarm_story import (
    POINT,
    START_S,
    S,
    Story,
    all_of,
    definition,
    holds,
    raised,
    saying,
    story,
)


def test_an_alarm_goes_the_way_of_isa_18_2() -> None:
    one = story()
    one.pass_s(5, saying(5.5))
    assert one.phase() == "normal"
    one.pass_s(1, saying(5.5))
    assert one.phase() == "unack"
    assert one.act("ack") == ""
    assert one.phase() == "ack"
    one.pass_s(70, saying(6.5))
    assert one.phase() == "normal"
    one.pass_s(6, saying(5.5))
    one.pass_s(11, saying(6.5))
    assert one.phase() == "rtn_unack"
    assert one.act("ack") == ""
    assert one.phase() == "normal"
    assert one.kinds() == ["raised", "acknowledged", "cleared", "raised", "cleared", "acknowledged"]


def test_a_dead_band_and_the_delays_hold_it_still() -> None:
    one = story()
    one.pass_s(4, saying(5.5))
    one.pass_s(2, saying(6.5))
    one.pass_s(4, saying(5.5))
    assert one.kinds() == []
    one.pass_s(3, saying(5.5))
    one.pass_s(30, saying(6.1))
    assert one.kinds() == ["raised"]
    one.pass_s(11, saying(6.21))
    assert one.kinds() == ["raised", "cleared"]


def test_what_is_filled_in_late_never_sounds_a_horn() -> None:
    one = story()
    one.pass_s(60, lambda told: told.say(5.0, age_s=600 - told.now_s / 2))
    assert one.kinds() == []
    one.pass_s(3, saying(6.5))
    one.pass_s(20, lambda told: told.say(5.0, age_s=30))
    assert one.kinds() == []


def test_a_bad_or_old_value_raises_and_clears_nothing() -> None:
    one = story()
    one.pass_s(10, lambda told: told.say(float("nan"), quality=Quality.BAD_ANSWER))
    assert one.phase() == "normal"
    one.pass_s(10, saying(5.0))
    one.pass_s(30, lambda told: told.say(float("nan"), quality=Quality.BAD_ANSWER))
    one.pass_s(300)
    assert one.phase() == "unack"
    assert one.kinds() == ["raised"]


def test_shelved_it_is_silent_and_comes_back_by_itself() -> None:
    one = story()
    until_ns = int((START_S + 100) * S)
    assert one.act("shelve", reason="sensor is changed", until_ns=until_ns) == ""
    one.pass_s(20, saying(5.0))
    assert one.phase() == "shelved"
    assert one.kinds(loud=True) == ["shelved"]
    one.pass_s(85, saying(5.0))
    assert one.phase() == "unack"
    assert one.kinds(loud=True) == ["shelved", "unshelved", "raised"]


def test_a_shelf_is_no_longer_than_a_shift_and_not_in_the_past() -> None:
    one = story()
    for seconds in (-1, 0, 8 * 3600 + 1):
        assert "8 h" in one.act("shelve", reason="r", until_ns=int((START_S + seconds) * S))
    assert one.act("shelve", reason="r", until_ns=(START_S + 8 * 3600) * S) == ""


def test_out_of_service_lasts_until_somebody_brings_it_back() -> None:
    one = story()
    one.pass_s(7, saying(5.0))
    assert one.act("out", reason="works") == ""
    one.pass_s(100_000 // 10, saying(5.0))
    assert one.phase() == "out_of_service"
    assert one.act("shelve", reason="r", until_ns=int((START_S + one.now_s + 60) * S)) != ""
    assert one.act("in") == ""
    assert one.phase() == "unack"
    assert one.kinds(loud=True) == ["raised", "out_of_service", "in_service", "raised"]


def test_acts_that_do_not_fit_are_refused_with_a_sentence() -> None:
    one = story()
    assert [bool(one.act(kind)) for kind in ("ack", "unshelve", "in")] == [True] * 3
    assert "no alarm" in one.act("ack", "other")
    one.pass_s(7, saying(5.0))
    assert "raised again" in one.act("ack", occurrence=7)
    assert one.act("ack", occurrence=1) == ""
    assert "by anna" in one.act("ack")


def test_each_refusal_of_an_act_is_told_in_both_languages() -> None:
    one = story()
    found = [one.act(kind) for kind in ("ack", "unshelve", "in")] + [one.act("ack", "other")]
    one.pass_s(7, saying(5.0))
    found += [one.act("ack", occurrence=7), one.act("shelve", reason="r", until_ns=0)]
    assert one.act("ack", occurrence=1) == one.act("out", reason="works") == ""
    later_ns = int((START_S + one.now_s + 60) * S)
    found += [one.act("ack"), one.act("out", reason="r"), one.act("shelve", reason="r", until_ns=later_ns)]
    texts = [refusal_text(why) for why in found]
    assert all("\u4e00" <= text.zh[0] <= "\u9fff" for text in texts), texts
    assert (texts[3].zh, texts[6].zh) == ("报警 'other' 已不存在", "该报警已由 anna 确认")


def test_a_dead_gateway_with_500_points_is_one_alarm() -> None:
    points = [f"comp{at}/power_kw" for at in range(500)]
    stale = [
        definition(f"stale{at}", Old((point,), None, ("edge:e1",)), under=("edge:e1",))
        for at, point in enumerate(points)
    ]
    limits = [
        definition(f"high{at}", Beyond(point, 100.0, 1), under=("edge:e1",))
        for at, point in enumerate(points)
    ]
    one = story(*stale, *limits, definition("edge:e1", Marked("edge:e1")))
    one.pass_s(20, all_of(50.0, *points))
    one.mark("edge:e1", "silent")
    one.pass_s(600)
    assert [line.alarm for line in raised(one.happened)] == ["edge:e1"]
    assert one.phase("stale7") == "suppressed"
    one.mark("edge:e1", None)
    one.pass_s(30)
    one.pass_s(30, all_of(50.0, *points))
    assert [line.alarm for line in raised(one.happened)] == ["edge:e1"]
    assert {one.phase(f"stale{at}") for at in range(500)} == {"normal"}


def test_one_point_that_is_dead_for_its_own_reasons_is_told_once_its_edge_is_back() -> None:
    one = story(definition("stale", Old((POINT,), None, ("edge:e1",)), under=("edge:e1",)))
    one.mark("edge:e1", "silent")
    one.pass_s(200)
    one.mark("edge:e1", None)
    one.pass_s(45)
    assert one.phase("stale") == "normal"
    one.pass_s(10)
    assert one.phase("stale") == "unack"


def test_what_nobody_can_know_is_no_alarm() -> None:
    one = story(definition("device:comp1", Marked("device:comp1"), under=("edge:e1",)))
    one.mark("device:comp1", None, known=False)
    one.pass_s(60)
    assert one.phase("device:comp1") == "normal"
    one.mark("device:comp1", "down")
    one.pass_s(10)
    assert one.phase("device:comp1") == "unack"
    one.mark("device:comp1", None, known=False)
    one.pass_s(60)
    assert one.phase("device:comp1") == "unack"


def test_a_machine_that_is_meant_to_stand_is_suppressed_by_design() -> None:
    units = {"comp1/state_code": "code"}
    one = story(definition(unless=holds("comp1.state_code == 0", units)))

    def say(told: Story, state: float) -> None:
        told.say(5.0)
        told.say(state, "comp1/state_code")

    one.pass_s(10, lambda told: say(told, 1.0))
    assert one.phase() == "unack"
    one.pass_s(2, lambda told: say(told, 0.0))
    assert one.phase() == "suppressed"
    one.pass_s(2, lambda told: say(told, 1.0))
    assert one.phase() == "normal"
    one.pass_s(6, lambda told: say(told, 1.0))
    assert one.phase() == "unack"
    assert one.kinds() == ["raised", "suppressed", "released", "raised"]


def test_the_first_of_a_group_is_marked_by_when_it_began_not_by_its_delay() -> None:
    slow = definition("slow", Beyond("a/x_bar_g", 1.0, 1), on_delay_s=20.0, group="air")
    fast = definition("fast", Beyond("b/x_bar_g", 1.0, 1), on_delay_s=0.0, group="air")
    one = story(slow, fast)
    one.pass_s(3, saying(2.0, "a/x_bar_g"))
    one.say(2.0, "b/x_bar_g")
    one.pass_s(2, saying(2.0, "a/x_bar_g"))
    assert one.engine.state("fast").first_out
    one.pass_s(20, all_of(2.0, "a/x_bar_g", "b/x_bar_g"))
    assert one.engine.state("slow").first_out
    assert not one.engine.state("fast").first_out
    assert not one.states["fast"].first_out


def test_states_go_on_after_a_restart_and_nothing_is_told_twice() -> None:
    one = story()
    one.pass_s(10, saying(5.0))
    one.act("ack")
    kept = {name: unpacked(state.packed()) for name, state in one.states.items()}
    again = story()
    again.now_s = one.now_s
    again.engine.restore(kept, again.moment)
    again.pass_s(30, saying(5.0))
    assert again.kinds() == []
    assert again.phase() == "ack"
    again.pass_s(12, saying(6.5))
    assert again.kinds() == ["cleared"]


def test_a_rule_that_is_gone_is_noted_and_one_that_stays_forgets_nothing() -> None:
    one = story(definition(), definition("other", Beyond("b/x_bar_g", 1.0, 1)))
    one.pass_s(10, saying(5.0))
    one.engine.take({"low": definition(on_delay_s=1.0)}, one.moment)
    one.pass_s(5, saying(5.0))
    assert one.phase() == "unack"
    assert one.kinds() == ["raised"]
    one.engine.take({}, one.moment)
    one.turn()
    assert one.kinds() == ["raised", "removed"]
    assert one.states["low"] == State(occurrence=1), "its numbers go on if it comes back"


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([5.0, 6.1, 6.5])), min_size=5, max_size=40))
def test_nothing_ever_chatters(course: list[tuple[int, float]]) -> None:
    one = story(definition(on_delay_s=0.0, off_delay_s=0.0))
    for seconds, value in course:
        one.pass_s(seconds, saying(value))
    times_s = [line.time_ns / S for line in raised(one.happened)]
    assert all(c - a > CHATTER_S for a, c in zip(times_s, times_s[2:], strict=False))


_MOVES = st.one_of(
    st.tuples(st.just("say"), st.sampled_from([5.0, 6.1, 7.0])),
    st.tuples(st.just("act"), st.sampled_from(["ack", "shelve", "unshelve", "out", "in"])),
    st.tuples(st.just("mark"), st.sampled_from(["silent", None])),
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.just("restart"), st.just(0)),
)


@given(st.lists(_MOVES, max_size=60))
def test_the_journal_tells_the_whole_story_whatever_happens(moves: list[tuple[str, object]]) -> None:
    one = story(definition(under=("edge:e1",)))
    for kind, what in moves:
        one = _do(one, kind, what)
        one.turn()
        state = one.engine.state("low")
        lines = [line for line in one.happened if line.kind in {"raised", "cleared", "suppressed"}]
        assert state.occurrence == sum(line.kind == "raised" for line in lines)
        assert state.active == (bool(lines) and lines[-1].kind == "raised")
        assert [line.time_ns for line in one.happened] == sorted(line.time_ns for line in one.happened)
        if state.phase == "unack":
            last = max(at for at, line in enumerate(one.happened) if line.kind == "raised")
            assert "acknowledged" not in {line.kind for line in one.happened[last:]}
            assert not one.happened[last].quiet


def _do(one: Story, kind: str, what: object) -> Story:
    if kind == "say":
        one.pass_s(1, saying(float(str(what))))
    elif kind == "act":
        one.act(str(what), reason="r", until_ns=int((START_S + one.now_s + 40) * S))
    elif kind == "mark":
        one.mark("edge:e1", None if what is None else str(what))
    elif kind == "wait":
        one.pass_s(int(str(what)))
    else:
        again = story(definition(under=("edge:e1",)))
        again.now_s, again.happened, again.states = one.now_s, one.happened, one.states
        kept = {name: unpacked(state.packed()) for name, state in one.states.items()}
        again.engine.restore(kept, again.moment)
        return again
    return one
