"""From the samples of a counter in the store, over the API and a table, to the line of an invoice."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from accounts.contract import Contract
from accounts.invoice import bill
from accounts.readings import Readings
from accounts.used import Period
from ems.accounts_fetch_cli import Rows, take, write
from hub.accounts.tables import read_table
from runtime.clock import iso_utc
from tests.unit.hub.series_asking import HOUR, START, asker_of

LABEL = {"en": "x", "zh": "某"}


def contract() -> Contract:
    windows = [{"band": "day", "hours": ["06:00-22:00"]}, {"band": "night", "hours": ["22:00-06:00"]}]
    part = {"id": "e", "kind": "energy", "label": LABEL, "by_band": {"day": "0.2", "night": "0.1"}}
    return Contract.model_validate(
        {
            "id": "made",
            "label": LABEL,
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "calendar": {
                "bands": [{"id": name, "label": LABEL} for name in ("day", "night")],
                "windows": windows,
            },
            "sheets": [{"first": "2026-01-01", "last": "2026-12-31", "source": "made up", "parts": [part]}],
        }
    )


async def test_a_day_of_25_hours_is_billed_from_what_its_counter_counted(tmp_path: Path) -> None:
    async with asker_of(tmp_path) as ask:
        counted = [(9_999_270.4 + 1.9 * at) % 10_000_000.0 for at in range(26 * 60)]  # it rolls over at 6:23
        ask.put("meter_main", {"import_kwh": counted})
        span = {"from": iso_utc(START), "to": iso_utc(START + 25 * HOUR)}
        answer = await ask.get("consumption", point="demo/meter_main/import_kwh", window_s=900, **span)
    rows: Rows = {}
    take(rows, "import_kwh", answer, 900_000)
    path = tmp_path / "readings.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        write(file, rows, ["import_kwh"])
    table = read_table(path, ("import_kwh",))
    readings = Readings(table.start_ns, table.step_s, table.column("import_kwh"))
    made = bill(contract(), readings, Period(dt.date(2026, 10, 25), dt.date(2026, 10, 26)))
    assert [(line.band, str(line.quantity), str(line.amount)) for line in made.lines] == [
        ("day", "1824.000", "364.80"),
        ("night", "1026.000", "102.60"),
    ]
