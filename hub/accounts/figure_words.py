"""What people call the figures of a closed period, which are kept under codes that never change.

The codes are made by `closed_periods.figures_of`; they stand in records with a hash, so words are found for
them when they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hub.accounts.site import SiteAccounts
from hub.accounts.words import carrier_text
from protocols.config import Text

INVOICE: Final[Mapping[str, Text]] = {
    "energy": Text(en="Invoice, energy", zh="账单·电能量电费"),
    "losses": Text(en="Invoice, grid losses", zh="账单·上网环节线损费用"),
    "grid": Text(en="Invoice, grid", zh="账单·输配电费"),
    "system": Text(en="Invoice, system operation", zh="账单·系统运行费用"),
    "funds": Text(en="Invoice, government funds", zh="账单·政府性基金及附加"),
    "basic": Text(en="Invoice, basic charge", zh="账单·基本电费"),
    "factor": Text(en="Invoice, power factor adjustment", zh="账单·功率因数调整电费"),
    "reactive": Text(en="Invoice, reactive energy", zh="账单·无功电费"),
    "tax": Text(en="Invoice, tax", zh="账单·税费"),
    "feed_in": Text(en="Invoice, energy fed in", zh="账单·上网电量收入"),
    "other": Text(en="Invoice, other charges", zh="账单·其他费用"),
    "total": Text(en="Invoice, total", zh="账单·合计"),
}
"""By their group of lines."""
SCOPES: Final[Mapping[str, Text]] = {
    "scope_1.co2_kg": Text(en="CO2, scope 1", zh="二氧化碳排放·范围一"),
    "scope_2_location.co2_kg": Text(en="CO2, scope 2, location based", zh="二氧化碳排放·范围二·基于位置"),
    "scope_2_market.co2_kg": Text(en="CO2, scope 2, market based", zh="二氧化碳排放·范围二·基于市场"),
}
_COAL: Final = Text(en="{0}, as standard coal", zh="{0}·折标准煤")
_AMOUNT: Final = Text(en="{0}, amount", zh="{0}·用量")
_OF_ACCOUNT: Final = {
    "cost": Text(en="{0}, cost", zh="{0}·费用"),
    "co2_kg": Text(en="{0}, CO2", zh="{0}·二氧化碳排放"),
    "known_pct": Text(en="{0}, data completeness", zh="{0}·数据完整率"),
}
_PARTS: Final = 3


class FigureName(NamedTuple):
    """What a figure is called, and its unit; empty: it has none."""

    label: Text
    unit: str


Naming = Callable[[str], FigureName]
"""What people call a figure of a closed period, by its code."""


def naming(site: SiteAccounts | None, currency: str) -> Naming:
    """What figures of a site are called; without a book as one of that currency calls them."""
    media = {} if site is None else {one.id: one.label for one in site.book.media}
    money = currency if site is None else site.currency
    return lambda code: figure_name(code, money, lambda name: media.get(name) or carrier_text(name))


def figure_name(code: str, currency: str, carrier: Callable[[str], Text]) -> FigureName:
    """What people call a figure; one of an unknown code goes by that.

    Args:
        code: As it is kept.
        currency: Of the site.
        carrier: What a carrier is called.

    Example:
        >>> figure_name("invoice.basic", "CNY", lambda name: Text(en=name, zh=name))
        FigureName(label=Text(en='Invoice, basic charge', zh='账单·基本电费'), unit='CNY')
    """
    whose, _, what = code.partition(".")
    if whose == "invoice":
        return FigureName(INVOICE.get(what) or Text(en=code, zh=code), currency)
    if code in SCOPES:
        return FigureName(SCOPES[code], "kg")
    return _of_carrier(code, currency, carrier)


def _of_carrier(code: str, currency: str, carrier: Callable[[str], Text]) -> FigureName:
    """A figure of an account, `electricity.electricity.kWh`, or `coal.natural_gas.kg`."""
    parts = code.split(".", _PARTS - 1)
    if len(parts) < _PARTS:
        return FigureName(Text(en=code, zh=code), "")
    whose, name, what = parts
    if whose == "coal" and what == "kg":
        return FigureName(_filled(_COAL, carrier(name)), "kgce")
    units = {"cost": currency, "co2_kg": "kg", "known_pct": "%"}
    return FigureName(_filled(_OF_ACCOUNT.get(what, _AMOUNT), carrier(name)), units.get(what, what))


def _filled(text: Text, name: Text) -> Text:
    return Text(en=text.en.format(name.en), zh=text.zh.format(name.zh))
