"""An invoice worked out a second time, from the contract as plain data, in fractions.

It shares no code with the package `accounts`: other arithmetic (fractions, not decimals), another way to look
up hours (the rules in their order, not a table), another way to demand (every window on its own), the
table of power factors written out, not stepped through.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isqrt
from typing import Any, Final
from zoneinfo import ZoneInfo

from benchmarks.invoice_cases import Load

Plain = dict[str, Any]
Row = tuple[str, str, Fraction, Fraction, bool]
"""Part, band, quantity, amount, whether it counts."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ADDED: Final = {  # 水电财字[1983] 215号: power factor in hundredths to hundredths of a percent
    "0.90": {
        **dict(zip(range(100, 94, -1), [-75] * 6, strict=True)), 94: -60, 93: -45, 92: -30, 91: -15, 90: 0,
        **{90 - step: 50 * step for step in range(1, 21)}, 69: 1100, 68: 1200, 67: 1300, 66: 1400, 65: 1500,
    },
    "0.85": {
        **dict(zip(range(100, 93, -1), [-110] * 7, strict=True)), 93: -95, 92: -80, 91: -65, 90: -50, 89: -40,
        88: -30, 87: -20, 86: -10, 85: 0,
        **{85 - step: 50 * step for step in range(1, 21)}, 64: 1100, 63: 1200, 62: 1300, 61: 1400, 60: 1500,
    },
    "0.80": {
        **dict(zip(range(100, 91, -1), [-130] * 9, strict=True)), 91: -115, 90: -100, 89: -90, 88: -80,
        87: -70, 86: -60, 85: -50, 84: -40, 83: -30, 82: -20, 81: -10, 80: 0,
        **{80 - step: 50 * step for step in range(1, 21)}, 59: 1100, 58: 1200, 57: 1300, 56: 1400, 55: 1500,
    },
}  # fmt: skip
_LOWEST: Final = {"0.90": 65, "0.85": 60, "0.80": 55}


@dataclass
class Judge:
    """One period of one contract."""

    plain: Plain
    load: Load
    first: dt.date
    after: dt.date
    year_kwh: Fraction = Fraction(0)
    peaks_kw: tuple[Fraction, ...] = ()
    rows: list[Row] = field(default_factory=list)
    groups: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rounding = self.plain.get("rounding", {})
        self.places = [
            int(rounding.get(key, usual)) for key, usual in (("energy", 3), ("power", 3), ("money", 2))
        ]
        self.clock = ZoneInfo(self.plain["time_zone"])
        self._kept: dict[object, Any] = {}
        count = len(self.load.kwh)
        self.bands = [self._band(self.load.start_s + at * self.load.step_s) for at in range(count)]
        self.days = (self.after - self.first).days

    def work(self) -> list[Row]:
        """All rows."""
        sheet = next(
            one for one in self.plain["sheets"] if _date(one["first"]) <= self.first <= _date(one["last"])
        )
        for part in sheet["parts"]:
            use = part.get("hours_of_use")
            hours = self._all(self.load.kwh) / (self.peak(()) or 1) if use else Fraction(0)
            if use and not Fraction(use.get("least") or 0) <= hours < Fraction(use.get("below") or 10**6):
                continue
            for band, quantity, amount, counted in getattr(self, f"_{part['kind']}")(part):
                self.groups[len(self.rows)] = part.get("group", "other")
                self.rows.append((part["id"], band, quantity, _round(amount, self.places[2]), counted))
        return self.rows

    def peak(self, bands: Sequence[str]) -> Fraction:
        """Highest demand. [kW]."""
        asked = ("peak", *bands)
        if asked not in self._kept:
            self._kept[asked] = self._highest(bands)
        found: Fraction = self._kept[asked]
        return found

    def _highest(self, bands: Sequence[str]) -> Fraction:
        how = {"window_s": 900, "slide": False, "slip_s": 60, **self.plain.get("metering", {})}
        length = how["window_s"] // self.load.step_s
        move = (how["slip_s"] if how["slide"] else how["window_s"]) // self.load.step_s
        watts = [round(kwh * 1e12) for kwh in self.load.kwh]  # nWh: whole numbers add without loss
        highest = 0
        for end in range(length, len(watts) + 1, move):
            if not bands or self.bands[end - 1] in bands:
                highest = max(highest, sum(watts[end - length : end]))
        return _settled(Fraction(highest * 3600, how["window_s"] * 10**12), self.places[1])

    def _band(self, at_s: int) -> str:
        local = dt.datetime.fromtimestamp(at_s, self.clock)
        day, minute = local.date(), local.hour * 60 + local.minute
        rules = self._rules()
        if day not in self._kept:
            self._kept[day] = frozenset(self._names(day, rules))
        alike = (local.month, self._kept[day], minute)
        if alike not in self._kept:
            self._kept[alike] = self._ruled(rules, *alike)
        return str(self._kept[alike])

    def _rules(self) -> Plain:
        """Hours of the sheet the period is in, which may be its own."""
        if "rules" not in self._kept:
            sheets = self.plain["sheets"]
            inside = [one for one in sheets if _date(one["first"]) <= self.first <= _date(one["last"])]
            self._kept["rules"] = inside[0].get("calendar") or self.plain.get("calendar") or {}
        found: Plain = self._kept["rules"]
        return found

    @staticmethod
    def _ruled(rules: Plain, month: int, names: frozenset[str], minute: int) -> str:
        for rule in (*rules.get("overrides", ()), *rules.get("windows", ())):
            if month not in rule.get("months", range(1, 13)):
                continue
            if rule.get("days") and not names & set(rule["days"]):
                continue
            if any(_within(minute, text) for text in rule["hours"]):
                return str(rule["band"])
        return "all"

    @staticmethod
    def _names(day: dt.date, rules: Plain) -> set[str]:
        for one in rules.get("holidays", ()):
            if _date(one["first"]) <= day <= _date(one.get("last") or one["first"]):
                return {"holiday", one["id"]}
        if day in [_date(one) for one in rules.get("working_days", ())]:
            return {"mon", "workday"}
        return {_DAYS[day.weekday()], "weekend" if day.weekday() > 4 else "workday"}  # noqa: PLR2004  Friday

    def _energy(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        used = self._banded(self.load.kwh)
        prices = {
            band: self._price(part, band) for band in used if not part.get("bands") or band in part["bands"]
        }
        if len(set(prices.values())) == 1 and not part.get("bands"):
            total = sum(used.values(), Fraction(0))
            yield "", total, total * next(iter(prices.values())), True
            return
        for band, price in prices.items():
            yield band, used[band], used[band] * price, True

    @staticmethod
    def _price(part: Plain, band: str) -> Fraction:
        if band in part.get("by_band", {}):
            return _exact(part["by_band"][band])
        price = _exact(part["per_kwh"]) * _exact(part.get("factors", {}).get(band, 1))
        return price if part.get("decimals") is None else _round(price, int(part["decimals"]))

    def _course(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        pairs = zip(self.load.kwh, self.load.prices, strict=True)
        money = sum((Fraction(kwh) * Fraction(price) for kwh, price in pairs), Fraction(0))
        total = self._all(self.load.kwh)
        yield "", total, _round(money, 9) * _exact(part.get("factor", 1)), True
        if part.get("plus_per_kwh"):
            yield "", total, total * _exact(part["plus_per_kwh"]), True

    def _tiers(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        at, end = self.year_kwh, self.year_kwh + self._all(self.load.kwh)
        low = Fraction(0)
        for tier in part["tiers"]:
            high = _exact(tier["until_kwh"]) if tier.get("until_kwh") else max(end, low)
            taken = min(end, high) - max(at, low)
            if taken > 0:
                yield "", taken, taken * _exact(tier["per_kwh"]), True
            low = high

    def _standing(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        count = self._spans(part.get("per", "month"))
        yield "", _round(count, 6), count * _exact(part["amount"]), True

    def _demand(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        peak = self.peak(part.get("bands", ()))
        if part.get("ratchet"):
            earlier = self.peaks_kw[-int(part["ratchet"].get("months", 11)) :]
            held = max(earlier, default=Fraction(0)) * _exact(part["ratchet"]["share"])
            peak = max(peak, _round(held, self.places[1]))
        yield "", peak, peak * _exact(part["per_kw"]) * self._spans(part.get("per", "month")), True

    def _contracted(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        for band, price in part["per_kw_year"].items():
            power = _exact(part["contracted_kw"][band])
            yield band, power, power * _exact(price) * self._spans("year"), True

    def _excess(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        for band, power in part["contracted_kw"].items():
            held = _exact(power)
            over = [kw - held for kw in self._windows(band) if kw > held]
            if not over:
                continue
            squares = sum((kw * kw for kw in over), Fraction(0))
            shown = 2 * max(over) if part["method"] == "highest" else _root(squares, self.places[1])
            price = _exact(part["per_kw"]) * _exact(part.get("factors", {}).get(band, 1))
            yield band, shown, shown * price * Fraction(self.days, 30), True

    def _windows(self, band: str) -> Iterator[Fraction]:
        """Demand of each window that ends in a band, as the meter shows it. [kW]."""
        how = {"window_s": 900, "slide": False, "slip_s": 60, **self.plain.get("metering", {})}
        length = how["window_s"] // self.load.step_s
        move = (how["slip_s"] if how["slide"] else how["window_s"]) // self.load.step_s
        watts = [round(kwh * 1e12) for kwh in self.load.kwh]
        for end in range(length, len(watts) + 1, move):
            if self.bands[end - 1] == band:
                energy = Fraction(sum(watts[end - length : end]), 10**12)
                yield _settled(energy * 3600 / how["window_s"], self.places[1])

    def _basic(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        kva, peak = _exact(part["capacity_kva"]), self.peak(())
        price = _exact(part["per_kw"])
        if part.get("lowered_when_full", True) and self._all(self.load.kwh) >= 260 * kva:
            price = price * 9 / 10
        if part["mode"] == "capacity":
            yield "", kva, kva * _exact(part["per_kva"]), True
        elif part["mode"] == "measured":
            yield "", peak, peak * price, True
        else:
            held = max(_exact(part["contract_kw"]), kva * 2 / 5)
            yield "", held, held * price, True
            if peak > held * 21 / 20:
                over = 2 * (peak - held * 21 / 20)
                yield "", over, over * price, True

    def _reactive(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        active, reactive = self._banded(self.load.kwh), self._banded(self.load.kvarh)
        bands = [band for band in active if not part.get("bands") or band in part["bands"]]
        free, price = _exact(part["free_share"]), _exact(part["per_kvarh"])
        if part.get("each_band"):
            for band in bands:
                over = _round(max(reactive[band] - free * active[band], Fraction(0)), self.places[0])
                if over:
                    yield band, over, over * price, True
            return
        excess = sum((reactive[band] - free * active[band] for band in bands), Fraction(0))
        over = _round(max(excess, Fraction(0)), self.places[0])
        yield "", over, over * price, True

    def _factor(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        active, reactive = self._all(self.load.kwh), self._all(self.load.kvarh)
        hundredths = 100
        if active or reactive:  # the largest n with n - 1/2 at most 100 cos φ, without a root
            while (2 * hundredths - 1) ** 2 * (active**2 + reactive**2) > (200 * active) ** 2:
                hundredths -= 1
        table, lowest = _ADDED[part["standard"]], _LOWEST[part["standard"]]
        added = table[hundredths] if hundredths >= lowest else 1500 + 200 * (lowest - hundredths)
        base = self._sum(part["of"])
        yield "", base, base * added / 10_000, True

    def _tax(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        base, rate = self._sum(part.get("of", ())), _exact(part["percent"])
        within = bool(part.get("within"))
        yield "", base, base * rate / (100 + rate if within else 100), not within

    def _feed_in(self, part: Plain) -> Iterator[tuple[str, Fraction, Fraction, bool]]:
        total = self._all(self.load.export_kwh, banded=False)
        money = total * _exact(part.get("per_kwh", 0))
        if part.get("course"):
            pairs = zip(self.load.export_kwh, self.load.prices, strict=True)
            money += _round(sum((Fraction(kwh) * Fraction(price) for kwh, price in pairs), Fraction(0)), 9)
        yield "", total, -money, True

    def _spans(self, per: str) -> Fraction:
        months = (self.after.year - self.first.year) * 12 + self.after.month - self.first.month
        if per == "day":
            return Fraction(self.days)
        if per == "month":
            return Fraction(months)
        year = self.first.year
        whole = (dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days
        return Fraction(1) if months == 12 else Fraction(self.days, whole)  # noqa: PLR2004  months of a year

    def _banded(self, values: list[float]) -> dict[str, Fraction]:
        if id(values) in self._kept:
            return dict(self._kept[id(values)])
        order = [band["id"] for band in self._rules().get("bands", ({"id": "all"},))]
        sums: dict[str, Fraction] = {}
        for band, value in zip(self.bands, values, strict=True):
            sums[band] = sums.get(band, Fraction(0)) + Fraction(value)
        found = {band: _settled(sums[band], self.places[0]) for band in order if band in sums}
        self._kept[id(values)] = found
        return dict(found)

    def _all(self, values: list[float], *, banded: bool = True) -> Fraction:
        if banded:
            return sum(self._banded(values).values(), Fraction(0))
        return _settled(sum((Fraction(value) for value in values), Fraction(0)), self.places[0])

    def _sum(self, groups: Sequence[str]) -> Fraction:
        return sum(
            (
                row[3]
                for at, row in enumerate(self.rows)
                if row[4] and (not groups or self.groups[at] in groups)
            ),
            Fraction(0),
        )


def _within(minute: int, text: str) -> bool:
    begin, end = (int(part.split(":")[0]) * 60 + int(part.split(":")[1]) for part in text.split("-"))
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _date(found: str | dt.date) -> dt.date:
    return found if isinstance(found, dt.date) else dt.date.fromisoformat(found)


def _exact(found: object) -> Fraction:
    return Fraction(str(found))


def _settled(value: Fraction, places: int) -> Fraction:
    """What lies beyond nine decimals is the binary form of a reading, and decides no tie."""
    return _round(_round(value, 9), places)


def _round(value: Fraction, places: int) -> Fraction:
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**places)


def _root(square: Fraction, places: int) -> Fraction:
    """Square root to some decimals, half up, in whole numbers."""
    scale = 10 ** (2 * (places + 12))
    found = Fraction(isqrt(square.numerator * scale // square.denominator), 10 ** (places + 12))
    return _round(found, places)
