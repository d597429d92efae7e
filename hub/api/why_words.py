"""Why a point is held, set or acted on, in both languages.

Gate and dispatch say their reasons in English, and so they travel and are kept; here they are read back.
What a person wrote stays as it is, and is never taken for one of them.
"""

from __future__ import annotations

import re
from typing import Final

from hub.dispatch.reasons import PHRASES
from hub.registry.site import Registry
from protocols.command import Level
from protocols.config import Text
from protocols.holder import Holder
from protocols.phrases import Phrase, called
from protocols.point import PointId

CHECKED: Final = "check first"
"""Reason of a question whether an order would be taken, where the person gave none."""
HARDWIRED: Final = "hardwired"
"""Who latched a stop that no person asked for."""

_GATE: Final = (
    Phrase("{why} (within the grid limit)", "{why}（在电网限制之内）"),
    Phrase("no lease lives; on its way to the fallback", "没有有效租约；正在回退"),
    Phrase("no lease lives", "没有有效租约"),
    Phrase("somebody else set the point; left alone", "测点被他人设定；暂不触碰"),
    Phrase("a hardwired safety acts, or was not read yet", "硬接线安全动作，或尚未读到"),
    Phrase("the safety of {device} acts", "{device} 的安全装置动作"),
    Phrase(
        "the machine is in local mode, or its switch was not read yet", "设备处于就地模式，或其开关尚未读到"
    ),
    Phrase("{input} cannot be read", "{input} 无法读取"),
    Phrase(
        "{input} is {value}, at least {limit} is needed",
        "{input} 为 {value}，至少需要 {limit}",
    ),
    Phrase(
        "{input} is {value}, at most {limit} is allowed",
        "{input} 为 {value}，最多允许 {limit}",
    ),
)
_KNOWN: Final = (*_GATE, *PHRASES)
"""What gate and dispatch say."""
_CHECK: Final = Text(en="check first", zh="先检查")
_BY_RUNG: Final = {
    "stopped": "automatic control is stopped: ",
    "locked_out": "out of service: ",
    "interlock": "interlock: ",
}
"""What stands before a reason and is said by the rung already."""
_OF_PEOPLE: Final = frozenset({"operator", "stopped", "locked_out"})
_CODES: Final = re.compile(r"\s*[(\uff08]\s*\d+\s*=?\s*[^\d\s][^()\uff08\uff09]*[)\uff09]\s*$")
"""List of codes behind the label of a point."""


class WhyWords:
    """Reasons of one site; machines and points are called what people call them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def of_hub(self, said: str) -> Text:
        """A reason of our own parts; one of another version as it came."""
        return called(said, _KNOWN, self._name_of)

    def of_command(self, level: str, said: str) -> Text:
        """Reason of a set-point: of a person in their words."""
        return of_person(said) if level == Level.OPERATOR else self.of_hub(said)

    def of_holder(self, holder: Holder) -> Text:
        """Reason of whoever holds a point; without what its rung says already."""
        said = holder.why.removeprefix(_BY_RUNG.get(holder.rung, "")).removesuffix(f" ({holder.actor})")
        person = holder.rung in _OF_PEOPLE and holder.actor != HARDWIRED
        return self._of_lease(said) if person else self.of_hub(said)

    def _of_lease(self, said: str) -> Text:
        """A person's words, with the gate's remark that it did not give all of the value."""
        parts = _GATE[0].parts(said)
        if parts is None:
            return of_person(said)
        why = of_person(parts["why"])
        return Text(en=_GATE[0].en.format(why=why.en), zh=_GATE[0].zh.format(why=why.zh))

    def _name_of(self, part: str, ident: str) -> Text | None:
        if part == "input":
            return self._point(ident)
        known = self._registry.devices.get(ident) if part in {"name", "device"} else None
        return None if known is None else known.device.label

    def _point(self, local: str) -> Text | None:
        """Machine and point of "device/point"; None for one that is not known."""
        device, _, point = local.partition("/")
        machine = self._registry.devices.get(device)
        spec = self._registry.points.get(PointId(self._registry.site.id, device, point))
        if machine is None or spec is None:
            return None
        of, what = machine.device.label, spec.label
        return Text(en=f"{of.en} · {_bare(what.en)}", zh=f"{of.zh} · {_bare(what.zh)}")


def of_person(said: str) -> Text:
    """A person's words in both languages: they have one."""
    return _CHECK if said == CHECKED else Text(en=said, zh=said)


def _bare(label: str) -> str:
    return _CODES.sub("", label)
