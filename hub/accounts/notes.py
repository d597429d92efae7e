"""What a statement could not say, and why, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from hub.accounts.phrases import account_text
from hub.accounts.words import carrier_text
from protocols.config import Text


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is not plain.

    Attributes:
        text: For people.
        detail: What the book or the contract said, in the words of its check; None: the text says all.
    """

    text: Text
    detail: Text | None = None


def _of_carrier(carrier: str, text: Text, why: str) -> Note:
    name = carrier_text(carrier)
    return Note(Text(en=text.en.format(name.en), zh=text.zh.format(name.zh)), account_text(why))


def no_co2(carrier: str, why: Exception) -> Note:
    """A carrier has no factor that may stand in a report."""
    return _of_carrier(carrier, Text(en="{0}: no CO2.", zh="{0}：无法计算二氧化碳排放。"), str(why))


def no_cost(carrier: str, why: Exception | None = None) -> Note:
    """A carrier has no price."""
    detail = "give its price under prices, or a contract" if why is None else str(why)
    return _of_carrier(carrier, Text(en="{0}: no cost.", zh="{0}：无法计算费用。"), detail)


def no_coal(carrier: str, why: str) -> Note:
    """A carrier has no standard coal."""
    return _of_carrier(carrier, Text(en="{0}: no standard coal.", zh="{0}：无法折算标准煤。"), why)


def no_carbon(why: Exception) -> Note:
    """The carbon report cannot be made."""
    return Note(Text(en="No carbon report.", zh="无法生成碳排放报告。"), account_text(str(why)))


def no_medium(medium: Text) -> Note:
    """Nothing says how much of a medium was made."""
    text = Text(
        en=f"No cost of one unit of {medium.en}: nothing says how much was made, or what it took.",
        zh=f"无法计算{medium.zh}的单位成本：产量或投入没有计量数据。",
    )
    return Note(text)


def no_media(why: Exception) -> Note:
    """Media cannot be solved for their cost."""
    return Note(
        Text(en="No cost of the site's own media.", zh="无法计算自产介质的成本。"), account_text(str(why))
    )


def no_split(unit: str, why: Exception) -> Note:
    """A CHP cannot be split."""
    return Note(Text(en=f"No split of {unit}.", zh=f"{unit} 无法分摊。"), account_text(str(why)))


def months_unknown(known_frac: float) -> Note:
    """An invoice goes by earlier months that are not wholly known."""
    told = f"{100.0 * known_frac:.2f} %"
    return Note(
        Text(
            en=f"Provisional: demand or tiers go by earlier months. Of these {told} are known.",
            zh=f"暂估：需量或阶梯电量取决于以往月份，其数据仅 {told} 已知，金额可能偏低。",
        )
    )


def no_point(names: list[str]) -> Note:
    """Meters that nothing reads."""
    return Note(
        Text(
            en=f"Nothing reads {', '.join(names)}; name their points in the book.",
            zh=f"{'、'.join(names)} 没有数据来源，请在账簿中填写测点。",
        )
    )
