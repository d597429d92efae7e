"""Why the edge said no: every code has a sentence in both languages.

The order of the members is the order of the checks; the first that fails wins.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from protocols.config import Text


class Refusal(StrEnum):
    """Codes of a refused command; on the wire and in the ledger, never renamed."""

    SCHEMA = "schema"
    SIGNATURE = "signature"
    ADDRESSEE = "addressee"
    NOT_ALLOWED = "not_allowed"
    UNSUPPORTED = "unsupported"
    PERSON = "person"
    SELECTION = "selection"
    FENCED = "fenced"
    STALE_ECHO = "stale_echo"
    OUT_OF_ORDER = "out_of_order"
    CAP_HASH = "cap_hash"
    UNIT = "unit"
    VALUE = "value"
    LEASE = "lease"
    LIMITS = "limits"
    LOCAL_MODE = "local_mode"
    LOCKED_OUT = "locked_out"
    STOPPED = "stopped"
    OPTED_OUT = "opted_out"
    INTERLOCK = "interlock"
    BAD_INPUT = "bad_input"
    EXPECT = "expect"
    RATE = "rate"
    QUOTA = "quota"
    NOT_PROVEN = "not_proven"
    LEASE_LIST = "lease_list"


OF_ONE_COPY: Final = frozenset({Refusal.ADDRESSEE, Refusal.FENCED, Refusal.STALE_ECHO, Refusal.OUT_OF_ORDER})
"""They say something of one copy of a message; another copy of the same command may be accepted."""
ASKED_ANEW: Final = OF_ONE_COPY | {Refusal.QUOTA}
"""They say nothing of what was asked: an open order is sent once more."""

REFUSAL_TEXTS: Final[dict[Refusal, Text]] = {
    Refusal.SCHEMA: Text(
        en="The message does not follow the protocol version in use.", zh="报文不符合所用的协议版本。"
    ),
    Refusal.SIGNATURE: Text(
        en="The signature does not match, or its key is not accepted here.",
        zh="签名不符，或该密钥在此不被接受。",
    ),
    Refusal.ADDRESSEE: Text(
        en="The message is for another site, edge or run of the agent.",
        zh="报文发给另一站点、网关或另一次运行。",
    ),
    Refusal.NOT_ALLOWED: Text(
        en="This sender or level may not write this point.", zh="该发送方或级别无权写入此点。"
    ),
    Refusal.UNSUPPORTED: Text(
        en="This kind of message is not carried out by this version.", zh="此版本不执行这类报文。"
    ),
    Refusal.PERSON: Text(en="An act of a person needs a name and a reason.", zh="人工操作须注明姓名和原因。"),
    Refusal.SELECTION: Text(
        en="This act takes two steps; the first is missing, incomplete or too long ago.",
        zh="此操作须分两步进行；第一步缺失、不完整或已过时。",
    ),
    Refusal.FENCED: Text(
        en="A newer leader has already spoken; this one is out of office.",
        zh="已有更新的主控，此主控已失效。",
    ),
    Refusal.STALE_ECHO: Text(
        en="The message was made too long ago, or before the last restart.",
        zh="报文过旧，或产生于上次重启之前。",
    ),
    Refusal.OUT_OF_ORDER: Text(en="A later message was already accepted.", zh="已接受更晚的报文。"),
    Refusal.CAP_HASH: Text(
        en="The limits of this point have changed since the plan was made.",
        zh="计划生成后，此点的限值已变更。",
    ),
    Refusal.UNIT: Text(en="The unit is not the unit of the point.", zh="单位与此点不符。"),
    Refusal.VALUE: Text(en="The value is not a finite number.", zh="数值不是有限数。"),
    Refusal.LEASE: Text(en="The lease is not above zero or too long.", zh="租期不大于零或过长。"),
    Refusal.LIMITS: Text(
        en="The value lies outside the commissioned limits.", zh="数值超出调试时确定的限值。"
    ),
    Refusal.LOCAL_MODE: Text(en="The machine is in local mode.", zh="设备处于就地模式。"),
    Refusal.LOCKED_OUT: Text(
        en="The equipment is out of service until a named person lifts it; this is no isolation.",
        zh="设备已停用，须由具名人员解除；这不等于安全隔离。",
    ),
    Refusal.STOPPED: Text(
        en="Automatic control is stopped here until it is released in two steps.",
        zh="此处的自动控制已停止，须分两步解除。",
    ),
    Refusal.OPTED_OUT: Text(
        en="The site has declined plans for this equipment for now.", zh="现场暂不接受对此设备的计划。"
    ),
    Refusal.INTERLOCK: Text(en="An interlock forbids it now.", zh="联锁条件当前禁止。"),
    Refusal.BAD_INPUT: Text(
        en="The last reading of the point is bad or too old.", zh="此点的最近读数无效或过旧。"
    ),
    Refusal.EXPECT: Text(
        en="The point no longer has the value the sender expected.", zh="此点的值已不是发送方所预期的。"
    ),
    Refusal.RATE: Text(
        en="The point was changed, started or written too often, or the step is too large.",
        zh="此点的变更、启动或写入过于频繁，或变化幅度过大。",
    ),
    Refusal.QUOTA: Text(
        en="Too many set-points at once for this edge.", zh="此网关短时间内收到的设定值过多。"
    ),
    Refusal.NOT_PROVEN: Text(
        en="The fallback of this point has not been proven for its present limits.",
        zh="此点的回退在当前限值下尚未验证。",
    ),
    Refusal.LEASE_LIST: Text(
        en="The renewal names other leases than the ones that live here.", zh="续租所列租约与现存租约不一致。"
    ),
}
"""One sentence a code."""
