"""What a person should see to at a box, as its heartbeats tell it: code, words in both languages, detail."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from protocols.config import Text
from protocols.phrases import Phrase


class TroubleCode(StrEnum):
    """Kinds of trouble; a code that a later version adds is read as `other`."""

    DISK_FULL = "disk_full"
    DISK_REFUSES = "disk_refuses"
    BUS_REFUSES = "bus_refuses"
    SECOND_AGENT = "second_agent"
    CONTROLLER = "controller"
    ADVICE_ONLY = "advice_only"
    OTHER = "other"


TROUBLE_TEXTS: Final[Mapping[TroubleCode, Text]] = {
    TroubleCode.DISK_FULL: Text(
        en="The box's disk is full: samples are kept in its memory for ten minutes, then the oldest are lost."
        " Make room on it now.",
        zh="网关磁盘已满：数据仅在内存中保留十分钟，之后最旧的数据会丢失。请立即清理磁盘。",
    ),
    TroubleCode.DISK_REFUSES: Text(
        en="The box's disk takes no data: samples are kept in its memory for ten minutes, then the oldest are"
        " lost. See to the disk now.",
        zh="网关磁盘无法写入：数据仅在内存中保留十分钟，之后最旧的数据会丢失。请立即检查磁盘。",
    ),
    TroubleCode.BUS_REFUSES: Text(
        en="The bus takes no samples of this box: they wait in its journal and nothing is lost yet. See to"
        " the disk of the bus, and to the hub, which should be emptying it.",
        zh="总线拒收该网关的数据：数据保存在网关日志中，尚未丢失。请检查总线磁盘以及负责取走数据的中心。",
    ),
    TroubleCode.SECOND_AGENT: Text(
        en="Two agents run with the id of this edge, most likely one on a copy of its disk. Only one of them"
        " writes; end the other.",
        zh="有两个代理程序使用同一网关编号，很可能其中一个运行在磁盘副本上。只有一个会写入；请停止另一个。",
    ),
    TroubleCode.CONTROLLER: Text(
        en="A local controller failed and is isolated; what it held is on its fallback; it is started again.",
        zh="一个本地控制器故障并已隔离；其控制的点已回到安全值，系统会重新启动它。",
    ),
    TroubleCode.ADVICE_ONLY: Text(
        en="A local controller only advises: something it would command may not be written.",
        zh="一个本地控制器只给出建议：其中有的点不允许写入。",
    ),
    TroubleCode.OTHER: Text(en="The box tells of a trouble.", zh="网关报告了一个问题。"),
}


FULL: Final = Phrase(
    "the disk is full; samples are kept in memory for ten minutes", "磁盘已满；样本在内存中保留十分钟"
)
REFUSES: Final = Phrase(
    "the disk takes no samples; they are kept in memory for ten minutes",
    "磁盘不接收样本；样本在内存中保留十分钟",
)
BUS_REFUSES: Final = Phrase(
    "the bus takes no samples ({why}); they stay in the journal", "总线拒收样本（{why}）；样本留在网关日志中"
)
ISOLATED: Final = Phrase(
    "controller {id} is isolated: it {why}; again in {pause_s} s",
    "控制器 {id} 已隔离：{why}；{pause_s} 秒后重试",
)
DIED: Final = Phrase(
    "ended with an error (exit code {code}); its traceback is in the log",
    "因错误结束（退出码 {code}），详情见日志",
)
NO_ANSWER: Final = Phrase("gave no answer within {limit_s} s", "{limit_s} 秒内无应答")
NOT_READY: Final = Phrase("was not ready {limit_s} s after its start", "启动 {limit_s} 秒后仍未就绪")
UNSIGNED: Final = Phrase(
    "rule {id} only advises: {points} has no signed limits with `writer: {writer}`;"
    " sign a write block that names it",
    "规则 {id} 只给建议：{points} 没有带 `writer: {writer}` 的签名限值；请签署写入该规则的写块",
)
UNTRIED: Final = Phrase(
    "rule {id} only advises: it was not tried as it is now; run `ems edge rules try`",
    "规则 {id} 只给建议：当前版本尚未试运行；请执行 `ems edge rules try`",
)
OTHER_AGENT: Final = Phrase(
    "another agent runs with the id {edge} (start {epoch}, box {box}); this one only reads; end one of the"
    " two, and give a cloned box an id of its own",
    "另一个代理使用编号 {edge} 运行（第 {epoch} 次启动，网关 {box}）；本代理只读；"
    "请停止其中一个，并为克隆的网关分配自己的编号",
)
NO_CONNECTION: Final = Phrase(
    "others with this id have all its connections at the bus; this one only reads until one ends",
    "同编号的其他代理占用了其全部总线连接；在其中一个结束之前本代理只读",
)

TROUBLE_PHRASES: Final = (
    FULL, REFUSES, BUS_REFUSES, ISOLATED, DIED, NO_ANSWER, NOT_READY, UNSIGNED, UNTRIED, OTHER_AGENT,
    NO_CONNECTION, Phrase("no stream", "流不存在"), Phrase("maximum bytes exceeded", "超过最大字节数"),
    Phrase("maximum messages exceeded", "超过最大消息数"),
)  # fmt: skip
"""What boxes say of a trouble, the parts that come from elsewhere among them."""


class Trouble(NamedTuple):
    """One trouble; `detail` is a sentence in English, as log and commands at the box show it."""

    code: TroubleCode
    detail: str


def read_troubles(rows: object) -> list[Trouble]:
    """Troubles of a heartbeat; a plain sentence of an older agent and an unknown code become `other`.

    Raises:
        TypeError: These are no troubles.
    """
    if not isinstance(rows, list):
        raise TypeError("troubles are a list")
    return [Trouble(TroubleCode.OTHER, row) if isinstance(row, str) else _read(row) for row in rows]


def _read(row: object) -> Trouble:
    if not isinstance(row, list) or [type(part) for part in row] != [str, str]:
        raise TypeError("a trouble is a code and a sentence")
    code, detail = row
    known = code in set(TroubleCode)
    return Trouble(TroubleCode(code) if known else TroubleCode.OTHER, detail)
