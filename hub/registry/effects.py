"""What a change of the configuration means: what takes effect by itself, what a person has to do besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from hub.registry.documents import Change
from hub.registry.kinds import Kind, kind_of
from protocols.config import Text

When = Literal["now", "person"]


class Effect(NamedTuple):
    """One consequence.

    Attributes:
        when: `now`: by itself, within seconds; `person`: not before somebody does something.
        code: What it is about.
        text: What happens, or what to do.
    """

    when: When
    code: str
    text: Text


_NOW: Final[tuple[tuple[str, frozenset[Kind], Text], ...]] = (
    (
        "hub",
        frozenset({"site", "areas", "values", "edge", "controllers", "profile", "calendar", "write_limits"}),
        Text(
            en="Page, interface and orders go by it within seconds; nothing is started again.",
            zh="页面、接口和指令在数秒内按新配置运行，无需重启。",
        ),
    ),
    (
        "planner",
        frozenset(
            {
                *("site", "flowsheet", "curves", "tariff", "emissions", "edge", "profile", "write_limits"),
                *("planning", "contract"),
            }
        ),
        Text(
            en="A new plan is made at once. After a change of flowsheet or curves the machines go by "
            "their own control until it is there.",
            zh="立即重新制定计划。若流程图或曲线有变，新计划就绪前设备按自主控制运行。",
        ),
    ),
    (
        "forecast",
        frozenset({"forecast", "calendar", "flowsheet", "site"}),
        Text(
            en="The next forecast goes by it; a change of calendar, place or flowsheet is learnt anew.",
            zh="下一次预测按其进行；日历、地点或流程图有变时，模型重新学习。",
        ),
    ),
    (
        "values",
        frozenset({"values"}),
        Text(
            en="Windows of points whose cleaning rules changed are calculated anew in the background.",
            zh="清洗规则有变的点，其统计窗口将在后台重新计算。",
        ),
    ),
    (
        "alarms",
        frozenset({"alarms", "values", "site", "edge", "profile", "controllers"}),
        Text(
            en="Alarms are watched by it within seconds; of those that stay nothing is forgotten.",
            zh="报警在数秒内按新配置监视；保留的报警状态不变。",
        ),
    ),
    (
        "accounts",
        frozenset({"accounts", "contract"}),
        Text(
            en="Invoices and accounts asked for from now on go by it; what was told before stays as it was.",
            zh="此后生成的账单和能源账目按其计算；已给出的结果不变。",
        ),
    ),
    (
        "retention",
        frozenset({"retention"}),
        Text(
            en="The embedded store lets files go by it within minutes; InfluxDB keeps by rules of its own.",
            zh="内置存储在数分钟内按新期限清理；使用 InfluxDB 时仍按服务器自身的规则。",
        ),
    ),
)
_AT_THE_BOX: Final[frozenset[Kind]] = frozenset({"edge", "controllers", "rules"})


def effects(changes: Sequence[Change], site: str, users: dict[str, set[str]]) -> list[Effect]:
    """What follows from changes, the work for persons last.

    Args:
        changes: What differs.
        site: The site.
        users: Profile, and device, to the edges that have it.
    """
    known = [found for one in changes if (found := kind_of(one.path, site)) is not None]
    kinds = {kind for kind, _ in known}
    by_itself = [Effect("now", code, text) for code, of, text in _NOW if kinds & of]
    return [*by_itself, *_boxes(known, users), *_limits(known, users)]


def _boxes(known: Sequence[tuple[Kind, str]], users: dict[str, set[str]]) -> Iterator[Effect]:
    edges = {name for kind, name in known if kind in _AT_THE_BOX}
    edges |= {edge for kind, name in known if kind == "profile" for edge in users.get(name, ())}
    for edge in sorted(edges):
        command = f"ems hub configuration send --edge {edge}"
        yield Effect(
            "person",
            f"edge:{edge}",
            Text(
                en=f"The box {edge} goes by its own files until this is sent to it: {command}. It tries them "
                "first and goes back by itself where they are worse.",
                zh=f"网关 {edge} 在收到新文件之前继续按原文件运行：{command}。"
                f"网关会先试运行，变差时自动回退。",
            ),
        )


def _limits(known: Sequence[tuple[Kind, str]], users: dict[str, set[str]]) -> Iterator[Effect]:
    devices = sorted(name for kind, name in known if kind == "write_limits")
    edges = sorted({edge for device in devices for edge in users.get(device, ())})
    if devices:
        names, boxes = ", ".join(devices), ", ".join(edges) or "-"
        yield Effect(
            "person",
            "limits",
            Text(
                en=f"Limits of {names}: the box ({boxes}) goes by its own signed ones; while the two differ, "
                "these devices take no orders. Sign them there: ems edge commission.",
                zh=f"{names} 的限值：网关（{boxes}）只认其本地签名的限值；两者不一致时这些设备不接受指令。"
                "请在网关处签名：ems edge commission。",
            ),
        )
