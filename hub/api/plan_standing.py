"""How planning stands, as the role that plans told it last, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hub.api.models import from_ns
from hub.api.plan_models import PlanFailure, PlanState
from hub.dispatch.reasons import reason_text
from hub.dispatch.standing import TELL_S, Failed, PlanStanding, decode_standing
from optimizer.words import said
from protocols.clock import Clock
from protocols.config import Text
from runtime.supervise import guarded_decode

SILENT_S: Final = 4 * TELL_S
"""A word older than this says nothing of now. [s]"""
_NS: Final = 1_000_000_000
_MINUTE_S: Final = 60
_UNKNOWN: Final = Text(
    en="What the site is run by is not known: the role that plans tells nothing now. See the system page.",
    zh="目前的运行依据未知：计划角色没有上报。请查看系统页。",
)
_SENTENCES: Final = {
    "waiting": ("The first plan is being made.", "正在生成首份计划。"),
    "plan": ("The plan in force was made {age} min ago.", "当前计划于 {age} 分钟前生成。"),
    "rule": (
        "Since {since} no plan holds: the machines that are free are told their order by rule.",
        "自 {since} 起没有有效计划：可用设备按规则下达运行顺序。",
    ),
    "own_control": (
        "Since {since} no plan holds and nothing is told: each machine runs by its own control.",
        "自 {since} 起没有有效计划，也不下达设定：各设备按自主控制运行。",
    ),
    "off": ("The site is off: nothing is planned.", "本站点已关闭计划。"),
}
_BECAUSE: Final = (
    "{begin} There has been no newer plan since {failed}: {why}.",
    "{begin}自 {failed} 起没有更新的计划：{why}。",
)
_BLIND: Final = (
    "{begin} The plant cannot be looked at since {since}; the plan goes on by its steps.",
    "{begin}自 {since} 起无法读取工厂数据，计划按其时段继续。",
)


class PlanningBook:
    """The newest word of the role that plans."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: tuple[float, PlanStanding] | None = None

    def hear(self, data: bytes) -> None:
        """Take a word that came now; one that nobody can read is passed over."""
        found = guarded_decode(decode_standing, data, "word on how planning stands")
        if found is not None:
            self._heard = self._clock.mono_s(), found

    def newest(self) -> PlanStanding | None:
        """None where nothing was heard lately."""
        if self._heard is None or self._clock.mono_s() - self._heard[0] > SILENT_S:
            return None
        return self._heard[1]


def plan_state(
    site: str, known: PlanStanding | None, now_ns: int, zone: str, names: Mapping[str, Text]
) -> PlanState:
    """A word as an answer.

    Args:
        site: Which site is asked about.
        known: The word; None: there is none of now.
        now_ns: Wall clock.
        zone: IANA name of the zone its times are told in.
        names: Machine to what people call it.
    """
    if known is None or known.site != site:
        return PlanState(
            site=site, going_by="unknown", since=None, sentence=_UNKNOWN, plan=None, made=None, failure=None
        )
    return PlanState(
        site=site,
        going_by=known.going_by,
        since=from_ns(known.since_ns),
        sentence=_sentence(known, now_ns, ZoneInfo(zone)),
        plan=known.plan_id,
        made=None if known.plan_ns is None else from_ns(known.plan_ns),
        failure=None if known.failed is None else _failure(known.failed, names),
    )


def _sentence(known: PlanStanding, now_ns: int, zone: ZoneInfo) -> Text:
    age_s = 0 if known.plan_ns is None else max(now_ns - known.plan_ns, 0) // _NS
    since = _clock(known.since_ns, zone)
    text = said(*_SENTENCES[known.going_by], age=age_s // _MINUTE_S, since=since)
    if known.failed is not None:
        failed = _clock(known.failed.since_ns, zone)
        text = said(*_BECAUSE, begin=text, failed=failed, why=known.failed.why)
    if known.blind_ns is not None:
        text = said(*_BLIND, begin=text, since=_clock(known.blind_ns, zone))
    return text


def _clock(at_ns: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ns / _NS, zone):%Y-%m-%d %H:%M}"


def _failure(failed: Failed, names: Mapping[str, Text]) -> PlanFailure:
    return PlanFailure(
        since=from_ns(failed.since_ns),
        at=from_ns(failed.at_ns),
        wanted=reason_text(failed.wanted, names),
        why=failed.why,
        limits=list(failed.limits),
    )
