"""Sentences of the planner about plants, in both languages; one place for the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from protocols.config import Text
from protocols.errors import EmsError

CARRIERS: Final = {
    "electric": Text(en="power", zh="电力"),
    "air": Text(en="compressed air", zh="压缩空气"),
    "cooling": Text(en="cooling", zh="制冷"),
    "heat": Text(en="heat", zh="供热"),
    "gas": Text(en="gas", zh="燃气"),
    "hydrogen": Text(en="hydrogen", zh="氢气"),
    "oxygen": Text(en="oxygen", zh="氧气"),
    "steam": Text(en="steam", zh="蒸汽"),
    "water": Text(en="water", zh="水"),
}
"""What is balanced or bought, and usual names of a plant's own carriers; others by their name."""
UNITS: Final = {"electric": "kW", "air": "m³/min", "cooling": "kW", "heat": "kW"}
"""Unit of a flow of it."""
PRICED_BY: Final = {"electric": "kWh", "air": "m³", "cooling": "kWh", "heat": "kWh"}
"""What its price is for."""
SLACKS: Final = {
    "air_short": Text(en="compressed air is short", zh="压缩空气不足"),
    "cooling_short": Text(en="cooling is short", zh="制冷不足"),
    "heat_short": Text(en="heat is short", zh="供热不足"),
    "air_surplus": Text(en="too much compressed air is made", zh="压缩空气过剩"),
    "cooling_surplus": Text(en="too much cooling is made", zh="制冷过剩"),
    "heat_surplus": Text(en="too much heat is made", zh="供热过剩"),
    "import_over": Text(en="the contracted import is exceeded", zh="超过合同购电功率"),
    "export_over": Text(en="the permitted export is exceeded", zh="超过允许售电功率"),
    "reserve_air": Text(en="the reserve of compressed air is not held", zh="压缩空气备用不足"),
    "reserve_cooling": Text(en="the reserve of cooling is not held", zh="制冷备用不足"),
    "spare_air": Text(
        en="the air need is not covered without the largest machine", zh="最大空压机停机时供气不足"
    ),
    "spare_cooling": Text(
        en="the cooling need is not covered without the largest machine", zh="最大冷机停机时制冷不足"
    ),
    "import_under": Text(en="less is bought than must be", zh="购电低于最小值"),
    "gas_over": Text(en="more gas is taken than the contract gives", zh="用气超过合同"),
    "short": Text(en="{of} is short", zh="{of}不足"),
    "surplus": Text(en="too much {of} is made", zh="{of}过剩"),
    "window_over": Text(
        en="the limit of {of} over the whole window is exceeded", zh="超过整个时段的{of}上限"
    ),
    "missed": Text(en="{of} does not get the energy it wants", zh="{of} 未得到所需能量"),
    "end_short": Text(en="{of} holds less at the end than is wanted", zh="{of} 期末储量低于要求"),
}
"""What a named shortage means, by its family; `of` is what stands behind the point of its name."""
WINDOWS: Final = {"co2_kg": (Text(en="emissions", zh="排放"), "kg")}
"""What a limit of the whole window is of, and its unit."""
SERIES: Final = {
    "electric_kw": Text(en="forecast of the electric load", zh="用电负荷预测"),
    "process_kw": Text(en="forecast of the electric load", zh="用电负荷预测"),
    "air_m3_min": Text(en="forecast of the need for compressed air", zh="压缩空气需求预测"),
    "cooling_kw": Text(en="forecast of the need for cooling", zh="制冷需求预测"),
    "heat_kw": Text(en="forecast of the need for heat", zh="供热需求预测"),
    "pv_kw": Text(en="forecast of the PV generation", zh="光伏发电预测"),
    "outdoor_c": Text(en="forecast of the outdoor temperature", zh="室外温度预测"),
    "wet_bulb_c": Text(en="forecast of the wet-bulb temperature", zh="湿球温度预测"),
    "irradiance_w_m2": Text(en="forecast of the irradiance", zh="辐照度预测"),
    "import_eur_kwh": Text(en="price of bought power", zh="购电电价"),
    "export_eur_kwh": Text(en="price of sold power", zh="售电电价"),
    "grid_kg_kwh": Text(en="emission factor of bought power", zh="购电排放因子"),
}
"""Courses a plan is made on."""
FORESEEN: Final = {
    "process_kw": Text(en="the electric load", zh="用电负荷"),
    "air_m3_min": Text(en="the need for compressed air", zh="压缩空气需求"),
    "cooling_kw": Text(en="the need for cooling", zh="制冷需求"),
    "heat_kw": Text(en="the need for heat", zh="供热需求"),
    "outdoor_c": Text(en="the outdoor temperature", zh="室外温度"),
    "wet_bulb_c": Text(en="the wet-bulb temperature", zh="湿球温度"),
    "irradiance_w_m2": Text(en="the irradiance", zh="辐照度"),
}
"""What is foreseen for a plan."""
QUANTITIES: Final = {
    "pressure_bar_g": Text(en="pressure", zh="压力"),
    "inlet_c": Text(en="inlet temperature", zh="进气温度"),
    "supply_c": Text(en="supply temperature", zh="供水温度"),
    "condenser_c": Text(en="condenser temperature", zh="冷凝温度"),
}
"""Quantities that a learnt curve depends on."""

_OWN: Final = {"cooling_auxiliaries": Text(en="pumps and fans of the cooling", zh="冷站水泵与风机")}
"""What a plan has beside the machines."""
_NS: Final = 1_000_000_000
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Speech:
    """How machines and times are called.

    Attributes:
        labels: Machine to what people call it; others by their id.
        zone: Zone in which times are told.
    """

    labels: Mapping[str, Text] = field(default_factory=dict)
    zone: tzinfo = UTC

    def name(self, machine: str) -> Text:
        """What people call a machine."""
        return self.labels.get(machine) or _OWN.get(machine) or Text(en=machine, zh=machine)

    def clock(self, at_ns: int) -> str:
        """Hour and minute."""
        return f"{datetime.fromtimestamp(at_ns / _NS, self.zone):%H:%M}"


def said(en: str, zh: str, **parts: object) -> Text:
    """A sentence in both languages; a part that is a Text goes in by language.

    Example:
        >>> said("{what} at {t}", "{t} 时的{what}", what=CARRIERS["heat"], t="10:00").zh
        '10:00 时的供热'
    """
    return Text(
        en=en.format(**{name: part.en if isinstance(part, Text) else part for name, part in parts.items()}),
        zh=zh.format(**{name: part.zh if isinstance(part, Text) else part for name, part in parts.items()}),
    )


def told(error: EmsError) -> Text:
    """What an error says in both languages; in English only where it was said by nobody in Chinese.

    Example:
        >>> told(EmsError("no forecast", zh="没有预测")).zh
        '没有预测'
    """
    en = str(error.args[0])
    return Text(en=en, zh=str(error.context.get("zh", en)))


def joined(parts: list[Text]) -> Text:
    """Clauses as one sentence.

    Example:
        >>> joined([Text(en="it runs", zh="运行"), Text(en="air is short", zh="缺气")]).en
        'it runs; air is short.'
    """
    return Text(en="; ".join(one.en for one in parts) + ".", zh="；".join(one.zh for one in parts) + "。")


def listed(parts: list[Text]) -> Text:
    """Names in a row."""
    return Text(en=", ".join(one.en for one in parts), zh="、".join(one.zh for one in parts))


def slack_text(name: str, speech: Speech | None = None) -> Text:
    """What a named shortage means, with what it is about where it has a name of its own.

    Example:
        >>> slack_text("short.hydrogen").en, slack_text("missed.yard.van").en
        ('hydrogen is short', 'van of yard does not get the energy it wants')
    """
    family, _, of = name.partition(".")
    text = SLACKS.get(family, Text(en=family, zh=family))
    return said(text.en, text.zh, of=part_text(of, speech or Speech()))


def part_text(of: str, speech: Speech) -> Text:
    """What stands behind the point of a shortage's name: a carrier, a limit, a machine, or a part of one."""
    if of in WINDOWS:
        return WINDOWS[of][0]
    whole, _, part = of.partition(".")
    if part:
        return said("{part} of {whole}", "{whole} 的 {part}", part=part, whole=speech.name(whole))
    return carrier_text(of, speech)


def carrier_text(carrier: str, speech: Speech) -> Text:
    """What people call a carrier; one of a plant's own by its label in the case.

    Example:
        >>> speech = Speech({"warm": Text(en="warm water", zh="低温热水")})
        >>> carrier_text("heat", speech).zh, carrier_text("warm", speech).zh
        ('供热', '低温热水')
    """
    return speech.labels.get(carrier) or CARRIERS.get(carrier) or speech.name(carrier)


def slack_unit(name: str) -> str:
    """Unit of the amount of a named shortage.

    Example:
        >>> slack_unit("window_over.co2_kg"), slack_unit("spare_air"), slack_unit("missed.yard.van")
        ('kg', 'm³/min', 'kWh')
    """
    family, _, of = name.partition(".")
    if of in WINDOWS:
        return WINDOWS[of][1]
    if family in {"end_short", "missed"}:
        return "kWh"
    return "m³/min" if family.endswith("air") or family.startswith("air") else "kW"


def slack_name(name: str) -> str:
    """Family of a named shortage: `end_short.ice` is one of `end_short`."""
    return name.split(".", 1)[0]


def minutes(duration_s: float) -> str:
    """A duration without needless digits.

    Example:
        >>> minutes(1800.0), minutes(90.0)
        ('30', '1.5')
    """
    return f"{duration_s / _MINUTE_S:g}"
