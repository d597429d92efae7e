"""A year of counters in the embedded store, billed and accounted by the hub's own service.

The same loads go to the judge. They are whole parts of 2^-6 kWh, so that a counter keeps them without loss:
what differs is then the hub's, not the counter's. The supply's counter rolls over within the year.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

import numpy as np
import yaml

from accounts.invoice import Invoice
from accounts.readings import FloatArray
from accounts.used import Period
from benchmarks.invoice_cases import CONTRACTS, Load
from hub.accounts.billing import invoice_of
from hub.accounts.making import statement_of
from hub.accounts.periods import named
from hub.accounts.site import SiteAccounts
from hub.registry.view import load_view
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, SeriesStore
from protocols.clock import Instant
from protocols.errors import ConfigError
from protocols.frame import Catalogue, Frame
from runtime.clock import VirtualClock

_NS: Final = 1_000_000_000
_PARTS: Final = 64
"""Counters keep parts of a kilowatt-hour, each of them exactly."""
_ROLLS_KWH: Final = 10_000_000
"""Where the counters of the demo's meters begin again; its values.yaml says so."""
_BATCH: Final = 2000
_SHARES: Final = {"meter_air": Fraction(3, 8), "meter_process": Fraction(1, 4)}
_BOOK: Final = """\
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air, point: meter_air/import_kwh, below: main, area: compressor_room}
  - {id: process, point: meter_process/import_kwh, below: main, area: production}
supply: {meter: main, kvarh_point: meter_main/reactive_kvarh}
"""
_AREAS: Final = {"compressor_room": "meter_air", "production": "meter_process"}


@dataclass(frozen=True, slots=True)
class HubYear:
    """What the hub made of a year.

    Attributes:
        invoices: One a period.
        energy_error: Largest share by which an account by area is off. [-]
        samples: Samples that were written.
        fill_s: How long that took. [s]
        invoice_s: How long an invoice took, on average. [s]
    """

    invoices: list[Invoice]
    energy_error: Fraction
    samples: int
    fill_s: float
    invoice_s: float


def countable(load: Load) -> Load:
    """The same load in parts that a counter keeps exactly."""
    return replace(load, kwh=_in_parts(load.kwh), kvarh=_in_parts(load.kvarh))


def _in_parts(amounts: Sequence[float]) -> list[float]:
    return [round(amount * _PARTS) / _PARTS for amount in amounts]


def kept_year(plain: Mapping[str, Any], loads: Sequence[tuple[Period, Load]]) -> HubYear:
    """Write the counters of a year into a store, and ask the hub's service for each invoice and the accounts.

    Args:
        plain: The contract; its prices go by no course. The site is in its zone.
        loads: Periods that follow each other, with their `countable` loads.

    Raises:
        ConfigError: The demo's site does not fit the book.
        StoreError: The store cannot be used.
    """
    with TemporaryDirectory(prefix="hub_year.") as name:
        site = _site(Path(name), plain)
        end_ns = (loads[-1][1].start_s + loads[-1][1].step_s * len(loads[-1][1].kwh)) * _NS
        clock = VirtualClock(wall_ns=end_ns + 3600 * _NS)
        with closing(open_store(StorePlace(Path(name) / "series.db"), clock)) as store:
            begun_s = perf_counter()
            samples = _fill(store, [load for _, load in loads])
            filled_s = perf_counter()
            now_ns = clock.now().wall_ns
            periods = [named(f"{period.first:%Y-%m}") for period, _ in loads]
            invoices = [invoice_of(store, site, one, now_ns).invoice for one in periods]
            billed_s = perf_counter()
            error = _energy_error(store, site, loads, now_ns)
    per_invoice_s = (billed_s - filled_s) / len(invoices)
    return HubYear(invoices, error, samples, filled_s - begun_s, per_invoice_s)


def _site(folder: Path, plain: Mapping[str, Any]) -> SiteAccounts:
    config = shutil.copytree(CONTRACTS.parent, folder / "configs")
    (config / "sites/demo/accounts.yaml").write_text(_BOOK, encoding="utf-8")
    place = config / "sites/demo/site.yaml"
    about = yaml.safe_load(place.read_text(encoding="utf-8")) | {"time_zone": plain["time_zone"]}
    place.write_text(yaml.safe_dump(about, allow_unicode=True, sort_keys=False), encoding="utf-8")
    text = yaml.safe_dump(dict(plain), allow_unicode=True, sort_keys=False)
    (config / "contracts/demo.yaml").write_text(text, encoding="utf-8")
    found = load_view(config, "demo").accounts
    if found is None:
        raise ConfigError(f"{config} has no accounts of the demo")
    return found


def _fill(store: SeriesStore, loads: Sequence[Load]) -> int:
    """Counters at every edge of the year; how many samples that is."""
    start_s, step_s = loads[0].start_s, loads[0].step_s
    kwh = np.concatenate([load.kwh for load in loads])
    kvarh = np.concatenate([load.kvarh for load in loads])
    half_kwh = _ROLLS_KWH - float(kwh.sum()) / 2
    devices = {"meter_main": {"import_kwh": _counter(kwh, half_kwh), "reactive_kvarh": _counter(kvarh, 0.0)}}
    devices |= {name: {"import_kwh": _counter(_part_of(kwh, name), 0.0)} for name in _SHARES}
    seq = 0
    for device, columns in devices.items():
        units = tuple("kvarh" if name == "reactive_kvarh" else "kWh" for name in columns)
        catalogue = Catalogue("demo", device, tuple(columns), units, ("counter",) * len(columns))
        store.add_catalogue(catalogue)
        rows, good = np.column_stack(list(columns.values())), np.zeros(len(columns), np.uint8)
        for first in range(0, len(rows), _BATCH):
            seq += 1
            frames = [
                Frame(catalogue.hash(), Instant("b", time_ns, time_ns), values, good)
                for time_ns, values in _timed(rows[first : first + _BATCH], start_s + first * step_s, step_s)
            ]
            store.append([Received("edge1", "j", seq, tuple(frames))])
    return sum(values.size for columns in devices.values() for values in columns.values())


def _timed(rows: FloatArray, first_s: int, step_s: int) -> list[tuple[int, FloatArray]]:
    return [((first_s + at * step_s) * _NS, values) for at, values in enumerate(rows)]


def _counter(amounts: FloatArray, begin: float) -> FloatArray:
    """What the counter shows at each edge; sums of whole parts lose nothing."""
    begin = round(begin * _PARTS) / _PARTS
    return np.concatenate([[begin], begin + np.cumsum(amounts)]) % _ROLLS_KWH


def _part_of(kwh: FloatArray, device: str) -> FloatArray:
    return np.floor(kwh * float(_SHARES[device]) * _PARTS) / _PARTS


def _energy_error(
    store: SeriesStore, site: SiteAccounts, loads: Sequence[tuple[Period, Load]], now_ns: int
) -> Fraction:
    """The accounts of the year by area against sums in fractions."""
    kwh = np.concatenate([load.kwh for _, load in loads])
    due = {area: _sum(_part_of(kwh, device)) for area, device in _AREAS.items()}
    due[""] = _sum(kwh) - sum(due.values(), Fraction(0))
    year = named(f"{loads[0][0].first:%Y}")
    made = statement_of(store, site, year, ["area"], (now_ns, None)).statement
    found = {one.key[0]: Fraction(one.amount) for one in made.accounts if one.carrier == "electricity"}
    if found.keys() != due.keys():
        raise ConfigError(f"accounts of {sorted(found)}, due are those of {sorted(due)}")
    return max(abs(found[area] - whole) / whole for area, whole in due.items())


def _sum(kwh: FloatArray) -> Fraction:
    return Fraction(int(np.round(kwh * _PARTS).astype(np.int64).sum()), _PARTS)
