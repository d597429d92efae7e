"""A site with a book, a contract and a store of counters, for tests of its accounts."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hub.accounts.site import SiteAccounts
from hub.registry.view import load_view
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, SeriesStore
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from runtime.clock import VirtualClock

CONFIGS = Path(__file__).parents[3] / "configs"
BERLIN = ZoneInfo("Europe/Berlin")
S = 1_000_000_000
QUARTER = 900 * S
BATCH = 2000


def at(text: str) -> int:
    """A local time of the demo site. [ns]."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * S


def config_with(folder: Path, book: str, contract: str = "") -> Path:
    """The demo's configuration with another book, and a contract where one is given."""
    made = shutil.copytree(CONFIGS, folder / "configs")
    (made / "sites/demo/accounts.yaml").write_text(book, encoding="utf-8")
    if contract:
        (made / "contracts/demo.yaml").write_text(contract, encoding="utf-8")
    return made


def accounts_with(folder: Path, book: str, contract: str = "") -> SiteAccounts:
    found = load_view(config_with(folder, book, contract), "demo").accounts
    assert found is not None
    return found


@dataclass
class Filling:
    """A store that is filled with readings of counters."""

    store: SeriesStore
    seq: int = 0

    def put(
        self, device: str, start_ns: int, columns: Mapping[str, NDArray[np.float64]], step_ns: int = QUARTER
    ) -> None:
        """Readings at equal times; NaN is a reading that failed."""
        kinds = tuple("counter" if name.endswith("kwh") else "measurement" for name in columns)
        catalogue = Catalogue("demo", device, tuple(columns), ("",) * len(columns), kinds)
        self.store.add_catalogue(catalogue)
        table = np.array(list(columns.values())).T
        frames = []
        for index, values in enumerate(table):
            time_ns = start_ns + index * step_ns
            quality = np.where(np.isnan(values), 129, 0).astype(np.uint8)
            frames.append(Frame(catalogue.hash(), Instant("b", time_ns, time_ns), values, quality))
        for first in range(0, len(frames), BATCH):
            self.seq += 1
            self.store.append([Received("edge1", "j", self.seq, tuple(frames[first : first + BATCH]))])


@contextmanager
def filling(folder: Path, now_ns: int) -> Iterator[Filling]:
    store = open_store(StorePlace(folder / "series.db"), VirtualClock(wall_ns=now_ns))
    try:
        yield Filling(store)
    finally:
        store.close()
