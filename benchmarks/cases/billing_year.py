"""Money and energy of a simulated year against a second working out that shares no code.

Each contract (those of `configs/contracts`, or of the folder in `EMS_BENCH_CASES`) is billed over its year:
month by month, or as a year where its prices go by the year's hours of use. Where prices are published for
one month alone, that sheet is also laid over a whole year, so that every month, holiday and clock change is
met. Accounts by area, device, product and shift of the same year are added up a second time in whole numbers.
One year also goes the hub's own way: counters are written to the embedded store and billed by its service.
"""

from __future__ import annotations

import copy
import datetime as dt
import os
import random
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from accounts.contract import Contract, contract_faults
from accounts.invoice import Beside, Courses, Invoice, bill
from accounts.ledger import Dimension, Flow, Intervals, Rates, accounts_of
from accounts.pricing import price_series
from accounts.readings import FloatArray, Readings
from accounts.used import Before, Period
from benchmarks.hub_year import HubYear, countable, kept_year
from benchmarks.invoice_cases import Load, contracts, load_of
from benchmarks.judge_invoice import Judge
from benchmarks.registry import Case, Figures, Result
from protocols.errors import ConfigError

SEED: Final = "EMS_BENCH_SEED"
"""Environment variable: another year of loads."""

_MINUTE_S: Final = 60
_QUARTER_S: Final = 900
_MOST_MONTHS: Final = 12
_WHOLE: Final = 10**12
_COINS: Final = 100


@dataclass
class _Sum:
    """What came out so far."""

    invoices: int = 0
    lines: int = 0
    money_error: Fraction = Fraction(0)
    total_error: Fraction = Fraction(0)
    engine_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def judge(self, name: str, invoice: Invoice, rows: list[Any]) -> bool:
        """Hold an invoice against the rows of the judge; whether its lines are theirs."""
        if [(line.part, line.band) for line in invoice.lines] != [row[:2] for row in rows]:
            self.wrong.append(f"{name}: other lines than the second working out")
            return False
        for line, row in zip(invoice.lines, rows, strict=True):
            self.money_error = max(self.money_error, abs(Fraction(line.amount) - row[3]))
            self.lines += 1
        due = sum((row[3] for row in rows if row[4]), Fraction(0))
        self.total_error = max(self.total_error, abs(Fraction(invoice.total) - due))
        self.invoices += 1
        return True


def run() -> Result:
    """Bill a year by each contract and add its accounts up, twice each."""
    seed = int(os.environ.get(SEED) or 1)
    found = _Sum()
    totals: dict[str, Any] = {}
    for path, plain in contracts().items():
        for name, laid in _laid(Path(path).stem, plain):
            totals[name] = _billed(name, laid, seed, found)
    if found.wrong:
        raise ConfigError("; ".join(found.wrong[:5]))
    energy_pct, cost_pct, count = _accounts(seed)
    figures: Figures = _through_the_hub(seed) | {
        "money_error": float(found.money_error),
        "total_error": float(found.total_error),
        "energy_error_pct": energy_pct,
        "cost_error_pct": cost_pct,
        "contracts": float(len(contracts())),
        "invoices": float(found.invoices),
        "lines": float(found.lines),
        "accounts": float(count),
        "engine_s_per_invoice": found.engine_s / max(found.invoices, 1),
    }
    return Result(figures, results={"totals": totals})


def _laid(name: str, plain: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A contract as it is, and over a whole year where its calendar reaches."""
    found = [(name, plain)]
    first, last = (_date(plain["sheets"][at][key]) for at, key in ((0, "first"), (-1, "last")))
    if (last - first).days < 300:  # noqa: PLR2004  less than a year of prices
        whole = copy.deepcopy(plain)
        whole["sheets"] = [
            {**plain["sheets"][0], "first": dt.date(first.year, 1, 1), "last": dt.date(first.year, 12, 31)}
        ]
        if not list(contract_faults(Contract.model_validate(whole))):
            found.append((f"{name}, whole year", whole))
    return found


def _billed(name: str, plain: dict[str, Any], seed: int, found: _Sum) -> list[str]:
    contract = Contract.model_validate(plain)
    faults = [text for _, text in contract_faults(contract)]
    if faults:
        raise ConfigError(f"{name}: {faults[0]}")
    step_s = _MINUTE_S if contract.metering.slide else _QUARTER_S
    peaks: list[Fraction] = []
    year_kwh, totals = Fraction(0), []
    for period in _periods(contract):
        load = load_of(_case(contract, period, (step_s, seed)), contract.time_zone)
        begun = perf_counter()
        invoice = bill(contract, _readings(contract, load), period, _beside(contract, load, peaks, year_kwh))
        found.engine_s += perf_counter() - begun
        judge = Judge(plain, load, period.first, period.after, year_kwh, tuple(peaks))
        if not found.judge(f"{name} {period.first}", invoice, judge.work()):
            continue
        totals.append(f"{period.first} {invoice.total} {invoice.currency}")
        peaks.append(judge.peak(()))
        year_kwh += sum((Fraction(kwh) for kwh in load.kwh), Fraction(0))
        year_kwh = Fraction(round(year_kwh * 1000), 1000)
    return totals


def _through_the_hub(seed: int) -> Figures:
    """A year of quarter hours and a month of minutes: counters in a store, invoices by the hub.

    Each by the first contract it fits; without such a one it is left out.
    """
    found, made = _Sum(), list[HubYear]()
    for slides, most in ((False, _MOST_MONTHS), (True, 1)):
        fits = [(path, one) for path, one in contracts().items() if _by_counters(one, slides=slides)]
        for path, short in fits[:1]:
            _, plain = _laid(Path(path).stem, short)[-1]
            made.append(_kept(plain, most, seed, found))
    if found.wrong:
        raise ConfigError("; ".join(found.wrong[:5]))
    return {
        "hub_money_error": float(found.money_error),
        "hub_total_error": float(found.total_error),
        "hub_energy_error_pct": 100 * float(max((one.energy_error for one in made), default=Fraction(0))),
        "hub_invoices": float(found.invoices),
        "hub_samples": float(sum(one.samples for one in made)),
        "hub_fill_s": sum(one.fill_s for one in made),
        "hub_s_per_invoice": max((one.invoice_s for one in made), default=0.0),
    }


def _kept(plain: dict[str, Any], most: int, seed: int, found: _Sum) -> HubYear:
    contract = Contract.model_validate(plain)
    step_s = _MINUTE_S if contract.metering.slide else _QUARTER_S
    loads = [
        (period, countable(load_of(_case(contract, period, (step_s, seed)), contract.time_zone)))
        for period in _periods(contract)[:most]
    ]
    year = kept_year(plain, loads)
    for invoice, (period, load) in zip(year.invoices, loads, strict=True):
        rows = Judge(plain, load, period.first, period.after, Fraction(0), ()).work()
        found.judge(f"{contract.id} of the hub, {period.first}", invoice, rows)
    return year


def _by_counters(plain: dict[str, Any], *, slides: bool) -> bool:
    """Whether months of it can be billed from two counters alone, whatever was before them."""
    parts = [part for sheet in plain["sheets"] for part in sheet["parts"]]
    beside = {part["kind"] for part in parts} & {"course", "feed_in", "tier", "demand"}
    hourly = any(part.get("hours_of_use") for part in parts)
    return not beside and not hourly and bool(plain.get("metering", {}).get("slide")) is slides


def _periods(contract: Contract) -> list[Period]:
    found: list[Period] = []
    for sheet in contract.sheets:
        if any(part.hours_of_use for part in sheet.parts):
            found.append(Period(sheet.first, sheet.last + dt.timedelta(days=1)))
            continue
        first = sheet.first
        while first <= sheet.last and len(found) < _MOST_MONTHS:
            after = dt.date(first.year + first.month // 12, first.month % 12 + 1, 1)
            found.append(Period(first, min(after, sheet.last + dt.timedelta(days=1))))
            first = after
    return found


def _case(contract: Contract, period: Period, how: tuple[int, int]) -> dict[str, Any]:
    """A load of two shifts with a ragged day, as large as the basic charge or the contracted power says."""
    step_s, seed = how
    dice = random.Random(f"{contract.id} {period.first} {seed}")  # noqa: S311  loads, no secrets
    top_kw = _top_kw(contract) * dice.uniform(0.5, 0.95)
    hours = [0.4, 0.39, 0.38, 0.38, 0.39, 0.45, 0.6, 0.8, 0.93, 0.97, 1.0, 0.98, 0.9, 0.95, 1.0, 0.98, 0.95,
    0.9,
             0.85, 0.75, 0.65, 0.58, 0.5, 0.45]  # fmt: skip
    spike = dt.datetime.combine(period.first, dt.time(dice.randrange(7, 21), dice.randrange(60)))
    spike += dt.timedelta(days=dice.randrange(min(period.days, 27)))
    return {
        "first": period.first, "after": period.after, "step_s": step_s, "seed": seed, "jitter": 0.2,
        "workday_kw": [top_kw * share for share in hours],
        "weekend_kw": [top_kw * share * 0.6 for share in hours],
        "kvar_share": dice.choice((0.15, 0.3, 0.45, 0.6, 0.9)),
        "export_kw": [0] * 8 + [dice.uniform(0, 0.2) * top_kw] * 8 + [0] * 8,
        "price": [round(dice.uniform(-0.02, 0.2), 5) for _ in range(24)],
        "spikes": [{"at": spike.isoformat(), "minutes": dice.choice((7, 15, 22, 40)), "kw": top_kw * 1.3}],
    }  # fmt: skip


def _top_kw(contract: Contract) -> float:
    for part in contract.sheets[0].parts:
        if part.kind == "basic":
            return float(part.capacity_kva) * 0.6
        if part.kind == "contracted":
            return float(max(part.contracted_kw.values()))
    return 700.0


def _readings(contract: Contract, load: Load) -> Readings:
    feeds = any(part.kind == "feed_in" for sheet in contract.sheets for part in sheet.parts)
    export = np.array(load.export_kwh) if feeds else np.empty(0)
    return Readings(load.start_s * 10**9, load.step_s, np.array(load.kwh), export, np.array(load.kvarh))


def _beside(contract: Contract, load: Load, peaks: list[Fraction], year_kwh: Fraction) -> Beside:
    names = {getattr(part, "course", None) for sheet in contract.sheets for part in sheet.parts} - {None}
    course = Courses(load.start_s * 10**9, load.step_s, np.array(load.prices))
    exact = [_decimal(peak) for peak in peaks]
    return Beside({str(name): course for name in names}, Before(tuple(exact), _decimal(year_kwh)))


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _date(found: str | dt.date) -> dt.date:
    return found if isinstance(found, dt.date) else dt.date.fromisoformat(found)


def _accounts(seed: int) -> tuple[float, float, int]:
    """Accounts of a plant's year of quarter hours, and the largest difference of any from fractions. [%]."""
    plant = _Plant(seed)
    worst_energy = worst_cost = Fraction(0)
    count = 0
    for by in plant.ways:
        rates = {"electricity": Rates(plant.prices, 0.5)}
        for account in accounts_of(plant.flows, by, rates, plant.intervals):
            energy, cost = plant.again(by, account.key)
            if account.cost is None:
                raise ConfigError(f"the account {account.key} has no cost")
            count += 1
            worst_energy = max(worst_energy, _off(Fraction(account.amount), energy))
            worst_cost = max(worst_cost, _off(Fraction(account.cost), cost))
    return 100 * float(worst_energy), 100 * float(worst_cost), count


def _off(found: Fraction, due: Fraction) -> Fraction:
    return abs(found - due) / abs(due) if due else abs(found)


class _Plant:
    """Ten meters of three levels in four areas over a year with a leap day and two clock changes."""

    ways: tuple[tuple[Dimension, ...], ...] = (
        ("carrier",), ("area",), ("device",), ("product",), ("shift",), ("area", "shift"), ("device",
        "product"),
    )  # fmt: skip

    def __init__(self, seed: int) -> None:
        zone = ZoneInfo("Europe/Berlin")
        begin, end = (round(dt.datetime(year, 1, 1, tzinfo=zone).timestamp()) for year in (2024, 2025))
        self.starts = np.arange(begin, end, _QUARTER_S, dtype=np.int64) * 10**9
        dice = np.random.default_rng(seed)
        count = len(self.starts)
        leaves = {f"m{at}": dice.gamma(2.0, 3.0, count) for at in range(1, 7)}
        for name in ("m2", "m5"):
            leaves[name][dice.random(count) < 0.002] = np.nan  # noqa: PLR2004  a share that is missing
        hall = sum((np.nan_to_num(leaves[name]) for name in ("m1", "m2", "m3")), dice.random(count))
        whole = hall + sum((np.nan_to_num(leaves[name]) for name in ("m4", "m5", "m6")), dice.random(count))
        hall[dice.random(count) < 0.002] = np.nan  # noqa: PLR2004  as above; the supply goes on counting
        self.flows = [
            self._flow("supply", whole),
            self._flow("hall", hall, area="hall", below="supply"),
            *(self._flow(f"m{at}", leaves[f"m{at}"], area="hall", device=f"d{at}", product="p1", below="hall")
              for at in (1, 2, 3)),
            *(self._flow(f"m{at}", leaves[f"m{at}"], area=f"a{at}", device=f"d{at}", below="supply")
              for at in (4, 5, 6)),
        ]  # fmt: skip
        local = [dt.datetime.fromtimestamp(int(at) / 1e9, zone) for at in self.starts]
        shift_of = np.array([at.hour // 8 if at.weekday() < 5 else -1 for at in local], np.int64)  # noqa: PLR2004
        made = np.array([at.day % 3 - 1 for at in local], np.int64)
        self.intervals = Intervals(("night", "early", "late"), shift_of, ("red", "blue"), {"m6": made})
        self.prices = price_series(_bands(), self.starts)
        hours = np.array([6 <= at.hour < 22 for at in local])  # noqa: PLR2004  hours of the day's price
        coins = np.where(hours, 21, 13)
        self.whole = {flow.meter: self._whole(flow) for flow in self.flows}
        self.paid = {name: whole * coins for name, whole in self.whole.items()}

    @staticmethod
    def _whole(flow: Flow) -> NDArray[np.object_]:
        """Readings as whole numbers of any length, which add without loss."""
        return np.array([round(value * _WHOLE) for value in np.nan_to_num(flow.amount).tolist()], np.object_)

    @staticmethod
    def _flow(meter: str, amount: FloatArray, **place: str) -> Flow:
        return Flow(meter, "electricity", "kWh", amount, **place)

    def again(self, by: tuple[Dimension, ...], key: tuple[str, ...]) -> tuple[Fraction, Fraction]:
        """Energy and cost of one account: each meter adds, and is taken off the nearest known one above."""
        energy = cost = 0
        own = {flow.meter: flow for flow in self.flows}
        for flow in self.flows:
            free = np.ones(len(self.starts), np.bool_)
            above = flow.below
            owners = [(flow, 1, free)]
            while above:
                known = np.isfinite(own[above].amount)
                owners.append((own[above], -1, free & known))
                free, above = free & ~known, own[above].below
            for owner, sign, counts in owners:
                inside = self._inside(owner, by, key) & counts
                energy += sign * sum(self.whole[flow.meter][inside].tolist())
                cost += sign * sum(self.paid[flow.meter][inside].tolist())
        return Fraction(energy, _WHOLE), Fraction(cost, _WHOLE * _COINS)

    def _inside(self, owner: Flow, by: tuple[Dimension, ...], key: tuple[str, ...]) -> NDArray[np.bool_]:
        inside = np.ones(len(self.starts), np.bool_)
        for dimension, name in zip(by, key, strict=True):
            names, index = {
                "shift": (self.intervals.shifts, self.intervals.shift_of),
                "product": (self.intervals.products, self.intervals.product_of.get(owner.meter)),
            }.get(dimension, ((), None))
            if index is None:
                inside &= getattr(owner, dimension) == name
            else:
                inside &= index == (names.index(name) if name in names else -1)
                inside &= name in names or not name
        return inside


def _bands() -> Contract:
    label = {"en": "x", "zh": "x"}
    bands = [{"id": name, "label": label} for name in ("day", "night")]
    windows = [{"band": "day", "hours": ["06:00-22:00"]}, {"band": "night", "hours": ["22:00-06:00"]}]
    part = {"id": "energy", "kind": "energy", "label": label, "by_band": {"day": "0.21", "night": "0.13"}}
    sheet = {"first": "2024-01-01", "last": "2024-12-31", "source": "made up", "parts": [part]}
    return Contract.model_validate({
        "id": "bands", "label": label, "currency": "EUR", "time_zone": "Europe/Berlin", "sheets": [sheet],
        "calendar": {"bands": bands, "windows": windows},
    })  # fmt: skip


CASE: Final = Case(
    "billing_year",
    "a year's invoices and accounts against a second working out in fractions",
    run,
    {"contracts": ("cn_hubei", "cn_beijing", "cn_shanghai", "cn_zhejiang", "de_malchow", "es_30td")},
)
