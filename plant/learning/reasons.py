"""Why a curve is offered, or is not, in plant words and both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from protocols.config import Text

LEFT_OUT: Final[Mapping[str, Text]] = {
    "standing": Text(en="standing", zh="停机"),
    "started": Text(en="just started", zh="刚启动"),
    "part_of_cycle": Text(en="part of a cycle", zh="周期内平均"),
    "unsteady": Text(en="unsteady", zh="不稳定"),
    "hanging": Text(en="a sensor that hangs", zh="传感器卡死"),
    "out_of_range": Text(en="numbers no machine has", zh="不可能的数值"),
    "gap": Text(en="gaps", zh="缺失"),
}
"""Why rows teach nothing, by the name of the sieve."""


def joined(texts: Iterable[Text]) -> Text:
    """Sentences one after the other."""
    known = list(texts)
    return Text(en="; ".join(one.en for one in known), zh="；".join(one.zh for one in known))


def not_measured(missing: Iterable[str]) -> Text:
    """Nobody measures what the machine's form needs."""
    names = ", ".join(missing)
    return Text(
        en=f"nobody measures {names}; bind them in the flowsheet", zh=f"没有测量 {names}；请在流程图中绑定"
    )


def too_little(rows: int, days: int, least: tuple[int, int], left_out: Mapping[str, int]) -> Text:
    """Not enough rows or days; with what most rows were left out as."""
    en = f"{rows} usable rows on {days} days, at least {least[0]} on {least[1]} days are needed"
    zh = f"{days} 天内有 {rows} 行可用数据，至少需要 {least[1]} 天、{least[0]} 行"
    most = max(left_out, key=lambda name: left_out[name], default="")
    if most:
        word = LEFT_OUT.get(most, Text(en=most, zh=most))
        en += f"; most rows were left out as {word.en} ({left_out[most]})"
        zh += f"；被剔除的数据中最多的是“{word.zh}”（{left_out[most]} 行）"
    return Text(en=f"{en}; the curve in use stays", zh=f"{zh}；继续使用现有曲线")


def judged(learnt_kw: float, now_kw: float, wins: tuple[int, int], least_frac: float, good_kw: float) -> Text:
    """How a fit did on held-out days beside the curve in use, and what follows.

    Args:
        learnt_kw: Its error. [kW]
        now_kw: That of the curve in use. [kW]
        wins: Held-out days on which it is better, and all of them.
        least_frac: Share by which it has to be better.
        good_kw: An error that needs no better curve. [kW]
    """
    won, days = wins
    en = f"{learnt_kw:.2f} kW off on {days} held-out days, the curve in use {now_kw:.2f} kW"
    zh = f"在 {days} 个未参与学习的日子里偏差 {learnt_kw:.2f} kW，现用曲线为 {now_kw:.2f} kW"
    if now_kw <= good_kw:
        en += ": that is as good as a meter, the curve in use stays"
        zh += "：已达到仪表精度，继续使用现有曲线"
    elif learnt_kw > (1.0 - least_frac) * now_kw:
        en += f": not better by {100 * least_frac:.0f} %, the curve in use stays"
        zh += f"：改善不足 {100 * least_frac:.0f} %，继续使用现有曲线"
    elif 2 * won < days:
        en += f", but better on {won} of these days only; the curve in use stays"
        zh += f"，但仅在其中 {won} 天更好；继续使用现有曲线"
    else:
        share = 100.0 * (1.0 - learnt_kw / now_kw)
        en, zh = f"{en}: better by {share:.0f} %", f"{zh}：改善 {share:.0f} %"
    return Text(en=en, zh=zh)


def out_of_range(name: str, middle: float, span: tuple[float, float], guess: str | None) -> Text:
    """A column that is not what its name says."""
    low, high = span
    en = f"{name} is {middle:.4g} in the middle, such a machine shows {low:.4g} to {high:.4g}; "
    zh = f"{name} 的中位数为 {middle:.4g}，此类设备应在 {low:.4g} 至 {high:.4g} 之间；"
    if guess is None:
        return Text(en=en + "look at its meter, unit and point", zh=zh + "请检查仪表、单位和测点")
    return Text(en=en + f"it looks like {guess}", zh=zh + f"看起来像是 {guess}")


def out_of_ratio(ratio: float, guess: tuple[str, str] | None) -> Text:
    """Power far from the nominal curve; the guess is a column and the unit it would fit in."""
    en = f"power_kw is {ratio:.2f} times the nominal curve in the middle of all rows; "
    zh = f"power_kw 的中位数为额定曲线的 {ratio:.2f} 倍；"
    if guess is None:
        return Text(
            en=en + "look at its meter and unit, or correct the flowsheet",
            zh=zh + "请检查仪表和单位，或更正流程图",
        )
    return Text(
        en=en + f"it would fit with {guess[0]} in {guess[1]}",
        zh=zh + f"若 {guess[0]} 的单位为 {guess[1]} 则相符",
    )
