"""Phrases: said in English by boxes and by the hub, shown in either language."""

from __future__ import annotations

import string

import pytest

from hub.alarms.phrases import FOUND, LIST, found_in
from protocols.phrases import Phrase, in_chinese
from protocols.trouble import BUS_REFUSES, DIED, ISOLATED, TROUBLE_PHRASES, UNSIGNED


def _words(text: str) -> str:
    """What a phrase says itself, beside its parts."""
    return "".join(one for one, *_ in string.Formatter().parse(text) if one)


def _fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


@pytest.mark.parametrize(
    "phrase", [one for one in FOUND if one is not LIST], ids=lambda one: str(one.en)[:40]
)
def test_a_phrase_has_the_same_parts_in_both_languages_and_is_found_again(phrase: Phrase) -> None:
    parts = _fields(phrase.en)
    assert parts == _fields(phrase.zh)
    assert len(parts) == len(set(parts))
    said = phrase.say(**{name: f"<{name}>" for name in parts})
    assert phrase.parts(said) == {name: f"<{name}>" for name in parts}
    zh = in_chinese(said, FOUND)
    own = any(sign.isalpha() for sign in _words(phrase.en))  # some only put others together
    assert any("\u4e00" <= sign <= "\u9fff" for sign in zh) == own
    assert all(f"<{name}>" in zh for name in parts)


def test_a_part_that_is_a_sentence_is_told_in_chinese_too() -> None:
    said = ISOLATED.say(id="air", why=DIED.say(code=-9), pause_s="30")
    assert (
        in_chinese(said, TROUBLE_PHRASES)
        == "控制器 air 已隔离：因错误结束（退出码 -9），详情见日志；30 秒后重试"
    )
    assert "超过最大字节数" in found_in(BUS_REFUSES.say(why="maximum bytes exceeded"), "zh")
    several = "a/b refused | a/c stopped | a/d expired | a/e stopped"
    assert found_in(several, "zh") == "a/b 被拒绝 | a/c 已被人员停止 | a/d 租约到期 | a/e 已被人员停止"


def test_what_nobody_here_said_stays_as_it_came_and_costs_nothing() -> None:
    assert in_chinese("une phrase inconnue", FOUND) == "une phrase inconnue"
    assert in_chinese("", FOUND) == ""
    hostile = UNSIGNED.en[:14] + " only advises: " * 20_000
    assert in_chinese(hostile, FOUND) == hostile
    assert "{" in in_chinese(UNSIGNED.say(id="{x}", points="{0}", writer="}{"), FOUND)
