"""A supply contract made of the tariff the planner goes by, for a site that has no contract of its own.

Bands, the charge on the highest demand and what is fed in are those of the tariff; what a tariff does not
know (taxes, standing charges, reactive energy) is not on the invoice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from accounts.bands import WEEK, TariffBand, TouCalendar, Window
from accounts.contract import AnyPart, Contract, Sheet
from accounts.other_parts import FeedInPart
from accounts.parts import EnergyPart
from accounts.power_parts import DemandPart
from accounts.readings import Metering
from optimizer.tariff import Tariff
from protocols.config import Text
from protocols.errors import ConfigError

_FIRST: Final = dt.date(1990, 1, 1)
_LAST: Final = dt.date(2200, 12, 31)
_MINUTE: Final = 60
_DAY_MIN: Final = 1440
_BANDS_ZH: Final[Mapping[str, str]] = {
    "sharp": "尖", "peak": "峰", "shoulder": "平", "flat": "平", "standard": "平", "valley": "谷",
    "off_peak": "谷", "deep": "深谷", "deep_valley": "深谷", "night": "夜间", "day": "日间",
}  # fmt: skip
"""Bands of tariffs that have no names of their own, as they are called in China."""
_BLOCKS: Final[dict[int, Literal[900, 1800, 3600]]] = {900: 900, 1800: 1800, 3600: 3600}


def contract_of_tariff(tariff: Tariff, *, exports: bool) -> Contract:
    """The contract that a tariff is.

    Args:
        tariff: The tariff.
        exports: Whether energy that is fed in is counted; without it the invoice has no line for it.

    Raises:
        ConfigError: Its demand is measured over a time that no meter bills by.
    """
    if tariff.metering_s not in _BLOCKS:
        raise ConfigError(
            f"the tariff measures demand over {tariff.metering_s} s; give a contract for invoices"
        )
    parts: list[AnyPart] = [
        EnergyPart(
            id="energy",
            label=Text(en="Energy", zh="电量电费"),
            group="energy",
            by_band={band: _money(price) for band, price in tariff.bands_per_kwh.items()},
        )
    ]
    if tariff.demand_per_kw:
        label = Text(en="Highest demand", zh="最大需量电费")
        parts.append(DemandPart(id="demand", label=label, group="basic", per_kw=_money(tariff.demand_per_kw)))
    if exports:
        label = Text(en="Fed in", zh="上网电量")
        price = _money(tariff.export_per_kwh)
        parts.append(FeedInPart(id="fed_in", label=label, group="feed_in", per_kwh=price))
    return Contract(
        id=tariff.name,
        label=Text(en=f"Tariff {tariff.name}", zh=f"电价 {tariff.name}"),
        currency=tariff.currency,
        time_zone=tariff.time_zone,
        calendar=TouCalendar(
            bands=tuple(TariffBand(id=band, label=_name(band)) for band in tariff.bands_per_kwh),
            windows=tuple(_windows(tariff)),
        ),
        metering=Metering(window_s=_BLOCKS[tariff.metering_s]),
        sheets=(Sheet(first=_FIRST, last=_LAST, source=f"tariffs/{tariff.name}.yaml", parts=tuple(parts)),),
    )


def _name(band: str) -> Text:
    """What people call a band; one of another name is called by it."""
    return Text(en=band, zh=_BANDS_ZH.get(band, band))


def _money(price: float) -> Decimal:
    return Decimal(str(price))


def _windows(tariff: Tariff) -> list[Window]:
    """Windows that cover each minute once, out of those of which the first that holds decides."""
    hours = {hour for window in tariff.windows for hour in (window.from_hour, window.to_hour)}
    marks = sorted({0, _DAY_MIN, *(round(hour * _MINUTE) for hour in hours)})
    rows: dict[tuple[str, ...], dict[int, list[str]]] = {}
    for month in range(1, 13):
        for weekday, day in enumerate(WEEK):
            bands = tuple(_band(tariff, month, weekday, minute) for minute in marks[:-1])
            rows.setdefault(bands, {}).setdefault(month, []).append(day)
    found: list[Window] = []
    for bands, months in rows.items():
        spans = _hours(marks, bands)
        for days in dict.fromkeys(tuple(days) for days in months.values()):
            alike = tuple(month for month, own in months.items() if tuple(own) == days)
            found += [
                Window(band=band, hours=tuple(held), months=alike, days=days) for band, held in spans.items()
            ]
    return found


def _hours(marks: Sequence[int], bands: Sequence[str]) -> dict[str, list[str]]:
    """Hours of each band of a day, in the form of a contract."""
    found: dict[str, list[str]] = {}
    for begin, end, band in zip(marks, marks[1:], bands, strict=False):
        found.setdefault(band, []).append(f"{_clock(begin)}-{_clock(end)}")
    return found


def _clock(minute: int) -> str:
    return f"{minute // _MINUTE:02}:{minute % _MINUTE:02}"


def _band(tariff: Tariff, month: int, weekday: int, minute: int) -> str:
    for window in tariff.windows:
        held = month in window.months and weekday in window.weekdays
        if held and round(window.from_hour * _MINUTE) <= minute < round(window.to_hour * _MINUTE):
            return window.band
    return tariff.default_band
