"""Declarative rules: what the schema takes, what does not fit an edge, and how rules act over time."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any as Anything

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plant.control.rules import bind, decide, initial_memory
from protocols.rule_check import PointFacts, misfits
from protocols.rules import Rule, RuleBook

POINTS = {
    "comp4/header_bar_g": PointFacts("bar(g)", settable=False, low=0.0, high=16.0),
    "comp4/state_code": PointFacts("code", settable=False, low=0.0, high=9.0),
    "comp4/role_set_code": PointFacts("code", settable=True, low=0.0, high=3.0),
    "weather1/outdoor_c": PointFacts("°C", settable=False, low=-40.0, high=60.0),
    "meter_air/power_kw": PointFacts("kW", settable=False, low=-10_000.0, high=10_000.0),
}
UNITS = {name: facts.unit for name, facts in POINTS.items()}
HIGH = {"kind": "above", "point": "comp4/header_bar_g", "limit": 7.0, "unit": "bar(g)"}
ACT = {"point": "comp4/role_set_code", "value": 0, "unit": "code"}


def rule(when: dict[str, Anything], **more: object) -> Rule:
    return Rule.model_validate(
        {"id": "one", "label": {"en": "One", "zh": "一"}, "when": when, "then": [ACT], **more}
    )


def book(*rules: Rule) -> RuleBook:
    return RuleBook(rules=rules)


def course(one: Rule, looks: list[dict[str, float]], dt_s: float = 1.0) -> list[bool]:
    """Whether it acts at each look."""
    bound = bind(one, UNITS)
    memory, acts = initial_memory(bound), []
    for number, values in enumerate(looks):
        said = decide(bound, memory, values, number * dt_s)
        memory = said.memory
        acts.append(said.acts)
    return acts


def header(*values: float) -> list[dict[str, float]]:
    return [{"comp4/header_bar_g": value} for value in values]


def test_a_rule_acts_after_its_duration_and_ends_behind_its_hysteresis() -> None:
    one = rule({**HIGH, "for_s": 2, "hysteresis": 0.2})
    assert course(one, header(6.9, 7.1, 7.1, 7.1, 6.9, 6.85, 6.79, 7.05)) == [
        False, False, False, True, True, True, False, False,
    ]  # fmt: skip


def test_an_end_that_must_stand_is_waited_for_and_least_times_are_kept() -> None:
    assert course(rule({**HIGH, "clear_s": 2}), header(7.1, 6.0, 6.0, 6.0)) == [True, True, True, False]
    assert course(rule(HIGH, min_on_s=3), header(7.1, 6.0, 6.0, 6.0, 6.0)) == [True, True, True, False, False]
    assert course(rule(HIGH, min_off_s=3), header(7.1, 6.0, 7.1, 7.1, 7.1)) == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_missing_input_ends_the_rule_at_once_and_its_duration_begins_anew() -> None:
    one = rule({**HIGH, "for_s": 1}, min_on_s=100)
    assert course(one, header(7.1, 7.1, math.nan, 7.1, 7.1)) == [False, True, False, False, True]
    assert course(rule({"kind": "not", "of": HIGH}), header(6.0, math.nan)) == [True, False]


def test_conditions_join_with_three_values() -> None:
    cold = {"kind": "below", "point": "weather1/outdoor_c", "limit": 41.0, "unit": "°F"}
    both, either = rule({"kind": "all", "of": [HIGH, cold]}), rule({"kind": "any", "of": [HIGH, cold]})
    looks = [
        {"comp4/header_bar_g": 7.1, "weather1/outdoor_c": 4.9},
        {"comp4/header_bar_g": 7.1, "weather1/outdoor_c": 5.1},
        {"comp4/header_bar_g": 7.1},
        {"comp4/header_bar_g": 6.9},
    ]
    assert course(both, looks) == [True, False, False, False]
    assert course(either, looks) == [True, True, True, False]


def test_codes_are_compared_whole() -> None:
    one = rule({"kind": "is", "point": "comp4/state_code", "codes": [2, 3]})
    assert course(one, [{"comp4/state_code": value} for value in (1.0, 2.0, 3.0, 0.0)]) == [
        False, True, True, False,
    ]  # fmt: skip


def test_hysteresis_is_a_difference_in_whatever_unit() -> None:
    warm = {"kind": "above", "point": "weather1/outdoor_c", "limit": 50.0, "unit": "°F", "hysteresis": 9.0}
    looks = [{"weather1/outdoor_c": value} for value in (10.5, 9.0, 5.5, 4.5)]
    assert course(rule(warm), looks) == [True, True, True, False], "50 °F is 10 °C, 9 °F are 5 K"


@pytest.mark.parametrize(
    ("when", "then", "words"),
    [
        ({**HIGH, "point": "comp4/header"}, ACT, "there is no point 'comp4/header'; comp4 has header_bar_g"),
        ({**HIGH, "point": "comp9/header_bar_g"}, ACT, "there is no device 'comp9' on this edge"),
        ({**HIGH, "unit": "bar"}, ACT, r"bar \(pressure difference\) cannot become bar\(g\)"),
        ({**HIGH, "unit": "psi"}, ACT, r"unknown unit 'psi'; allowed are bar\(a\), bar\(g\)"),
        ({**HIGH, "limit": 17.0}, ACT, r"17 bar\(g\) lies outside 0 … 16 of the point"),
        ({**HIGH, "kind": "is", "codes": [1]}, ACT, "`is` is for codes"),
        (HIGH, {**ACT, "point": "weather1/outdoor_c"}, "is no set-point that may be written here"),
        (HIGH, {**ACT, "value": 4}, "4 code lies outside 0 … 3 of the point"),
        (HIGH, {**ACT, "unit": "kW"}, "cannot become code"),
        (HIGH, {**ACT, "point": "comp4/speed_set"}, "there is no point 'comp4/speed_set'"),
        (
            {"kind": "all", "of": [HIGH, {**HIGH, "kind": "below", "limit": 6.5}]},
            ACT,
            "cannot be above and below these limits at once",
        ),
    ],
)
def test_what_does_not_fit_the_edge_is_named(
    when: dict[str, Anything], then: dict[str, Anything], words: str
) -> None:
    fields = {
        key: value for key, value in when.items() if when["kind"] != "is" or key in {"kind", "point", "codes"}
    }
    one = RuleBook.model_validate(
        {"rules": [{"id": "one", "label": {"en": "One", "zh": "一"}, "when": fields, "then": [then]}]}
    )
    (fault,) = misfits(one, POINTS, {})
    assert re.search(words, fault.text), fault.text
    assert fault.loc[:2] == ("rules", 0)


def test_two_writers_of_one_point_are_refused() -> None:
    other = rule(HIGH).model_copy(update={"id": "two"})
    (fault,) = misfits(book(rule(HIGH), other), POINTS, {})
    assert fault.loc == ("rules", 1, "then", 0, "point")
    assert "comp4/role_set_code is set by one already; a point has one writer" in fault.text
    (fault,) = misfits(book(rule(HIGH)), POINTS, {"comp4/role_set_code": "air"})
    assert "is set by air already" in fault.text


def test_all_faults_come_at_once() -> None:
    bad = rule({"kind": "any", "of": [{**HIGH, "point": "x/y"}, {**HIGH, "limit": 99.0}]})
    bad = bad.model_copy(update={"then": (bad.then[0].model_copy(update={"value": 7.0}),)})
    assert len(misfits(book(bad), POINTS, {})) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"when": {**HIGH, "eval": "1"}}, "Extra inputs are not permitted"),
        ({"when": {**HIGH, "limit": math.inf}}, "finite"),
        ({"when": {**HIGH, "kind": "python"}}, "does not match any of the expected tags"),
        ({"then": [ACT, ACT]}, "sets comp4/role_set_code twice"),
        ({"when": {**HIGH, "point": "comp4/role_set_code"}}, "it would switch itself"),
        ({"then": []}, "at least 1 item"),
        ({"when": {"kind": "any", "of": [HIGH] * 33}}, "at most 32"),
        ({"id": "No Name"}, "should match pattern"),
    ],
)
def test_the_schema_refuses(change: dict[str, Anything], words: str) -> None:
    whole = {"id": "one", "label": {"en": "One", "zh": "一"}, "when": HIGH, "then": [ACT], **change}
    with pytest.raises(ValidationError, match=words):
        Rule.model_validate(whole)


def test_conditions_are_nested_only_so_deep_and_ids_are_there_once() -> None:
    deep: dict[str, Anything] = HIGH
    for _ in range(5):
        deep = {"kind": "not", "of": deep}
    with pytest.raises(ValidationError, match="deeper than 5"):
        rule(deep)
    with pytest.raises(ValidationError, match="rule ids there twice: one"):
        book(rule(HIGH), rule(HIGH))


def test_the_digest_is_of_what_a_rule_does_not_of_its_mode_or_label() -> None:
    one = rule(HIGH)
    assert one.digest() == rule(HIGH, mode="active", label={"en": "Other", "zh": "他"}).digest()
    assert one.digest() != rule({**HIGH, "limit": 7.1}).digest()


def truth(values: list[float], hysteresis: float, for_s: int, clear_s: int) -> list[bool]:
    """Whether "above 7.0" is true at each look, by the words of the schema alone.

    It is what it was when the value last stood long enough on one side: `for_s` beyond the limit, or
    `clear_s` behind the hysteresis. What is missing ends it, and everything begins anew.
    """
    beyond: list[bool | None] = []
    for value in values:
        before = bool(beyond and beyond[-1])
        beyond.append(None if math.isnan(value) else value > (7.0 - hysteresis if before else 7.0))

    def stood(at: int, *, side: bool, looks: int) -> bool:
        return at >= looks and all(one is side for one in beyond[at - looks : at + 1])

    def true_at(at: int) -> bool:
        for back in range(at, -1, -1):
            if beyond[back] is None or stood(back, side=False, looks=clear_s):
                return False
            if stood(back, side=True, looks=for_s):
                return True
        return False

    return [true_at(at) for at in range(len(values))]


@given(
    st.lists(st.one_of(st.floats(0.0, 16.0), st.just(math.nan)), max_size=60),
    st.floats(0.0, 1.0),
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)),
)
@example([8.0, math.nan, math.nan, math.nan, math.nan, 8.0, 0.0], 0.0, (0, 1, 0, 5))
@settings(max_examples=150, deadline=None)
def test_durations_hold_whatever_the_value_does(
    values: list[float], hysteresis: float, times: tuple[int, int, int, int]
) -> None:
    for_s, clear_s, min_on_s, min_off_s = times
    one = rule(
        {**HIGH, "hysteresis": hysteresis, "for_s": for_s, "clear_s": clear_s},
        min_on_s=min_on_s,
        min_off_s=min_off_s,
    )
    acts, true = course(one, header(*values)), truth(values, hysteresis, for_s, clear_s)
    for at, (before, now) in enumerate(pairwise(acts), start=1):
        rested = not any(acts[max(at - min_off_s, 0) : at])
        if now and not before:
            assert true[at], "it begins on a condition that is not true"
            assert rested
            if not true[at - 1]:  # else it only waited for the end of its rest, and may be clearing
                recent = values[max(at - for_s, 0) : at + 1]
                assert all(value > 7.0 - hysteresis for value in recent)
                assert len(recent) == for_s + 1
        if not now and not before:
            assert not (true[at] and rested), "it rests though its condition is true and its rest is over"
        if before and not now and not math.isnan(values[at]):
            assert not true[at], "it ends while its condition is true"
            held = next((back for back in range(at) if not acts[at - 1 - back]), at)
            assert held >= min(min_on_s, at)
        assert not (now and math.isnan(values[at]))
