"""History as a file: every sample once and whole, windows as on the page, bounded, never half unseen."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from hub.api import export_streams
from hub.api.export_routes import MOST_AT_ONCE, MOST_OF_ONE, Exports
from hub.api.export_streams import SAMPLES, WRITERS
from protocols.errors import StoreError
from protocols.quality import Quality
from runtime.clock import iso_utc
from tests.unit.hub.series_asking import HOUR, NOW, START, Asker, asker_of

POWER = "demo/comp1/power_kw"
SPAN = {"from": iso_utc(START), "to": iso_utc(START + 24 * HOUR)}


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    async with asker_of(tmp_path) as made:
        yield made


async def file(ask: Asker, **query: Any) -> bytes:  # noqa: ANN401  texts and lists
    answer = await ask.client.get("/api/v1/sites/demo/download", params=SPAN | query)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_samples_are_there_once_and_whole_however_many_portions(
    ask: Asker, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_streams, "MOST_ROWS", 100)
    values = [float(at) for at in range(700)]
    values[13] = float("nan")
    ask.put("comp1", {"power_kw": values, "flow_m3_min": [1.0] * 700})
    got = await file(ask, point=[POWER, "demo/comp1/flow_m3_min", POWER], format=form)
    table = (pa_csv.read_csv if form == "csv" else pq.read_table)(io.BytesIO(got)).to_pylist()
    power = [row for row in table if row["point"] == POWER]
    assert len(table) == 1400
    assert [row["value"] for row in power] == [None if at == 13 else float(at) for at in range(700)]
    assert (power[13]["quality"], power[13]["unit"]) == (Quality.BAD_UNREACHABLE, "kW")
    begin = datetime.fromtimestamp(START / 1e9, UTC)
    assert [row["time"].replace(tzinfo=UTC) for row in power[:2]] == [begin, begin + timedelta(minutes=1)]


async def test_windows_are_those_of_the_page_for_measured_and_virtual_points(ask: Asker) -> None:
    ask.put("chiller1", {"cooling_kw": [400.0] * 700, "power_kw": [80.0 + at % 7 for at in range(700)]})
    points = ["demo/chiller1/power_kw", "demo/chiller1/cop"]
    shown = await ask.get("series", point=points, window_s=900, **SPAN)
    rows = pq.read_table(io.BytesIO(await file(ask, point=points, window_s=900, format="parquet")))
    assert rows.num_rows == sum(len(one["mean"]) for one in shown["points"])
    got = np.array([np.nan if one is None else one for one in rows["mean"].to_pylist()])
    want = np.array([np.nan if one is None else one for row in shown["points"] for one in row["mean"]])
    np.testing.assert_allclose(got, want)
    days = pq.read_table(io.BytesIO(await file(ask, point=points[0], calendar="day", format="parquet")))
    assert days.num_rows == 1


async def test_nothing_to_tell_is_a_file_with_a_head(ask: Asker) -> None:
    assert (await file(ask, point=POWER)).decode().splitlines() == [
        '"time","point","unit","value","quality","marked"'
    ]
    assert pq.read_table(io.BytesIO(await file(ask, point=POWER, format="parquet"))).num_rows == 0
    ahead = {"from": iso_utc(NOW + HOUR), "to": iso_utc(NOW + 2 * HOUR), "window_s": 60}
    assert len((await file(ask, point=POWER, **ahead)).splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"point": "demo/chiller1/cop"}, "is calculated and has no samples"),
        ({"point": POWER, "window_s": 60, "calendar": "day"}, "or neither for samples"),
        ({"point": "nope"}, "nope"),
        ({"point": POWER, "window_s": 1, "from": "2010-01-01T00:00:00Z"}, "windows a point"),
        ({"point": POWER, "from": "0001-01-01T00:00:00Z"}, "more than 20 years"),
        ({"point": POWER, "format": "xlsx"}, "format"),
        ({"point": [f"{POWER}{at}" for at in range(201)]}, "200"),
        ({"point": POWER, "from": SPAN["to"]}, "before"),
    ],
)
async def test_what_cannot_be_a_file_is_refused_in_words(
    ask: Asker, query: dict[str, Any], words: str
) -> None:
    assert words in await ask.refusal("download", **(SPAN | query))


async def test_as_many_files_as_may_be_are_written_at_once_and_an_end_of_any_kind_frees_a_place(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = Exports()
    ask.app.state.exports = exports
    for _ in range(3):
        await file(ask, point=POWER)
    assert [exports.take(name) for name in ("a",) * (MOST_OF_ONE + 1)] == [True] * MOST_OF_ONE + [False]
    while exports.take("b") or exports.take("c"):
        pass
    refused = await ask.client.get("/api/v1/sites/demo/download", params=SPAN | {"point": POWER})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    for name in ("a", "a", "b", "b", "c"):
        exports.end(name)

    def broken(*_: object) -> Any:  # noqa: ANN401  raises
        raise StoreError("the disk is away")

    monkeypatch.setattr("hub.api.export_streams.page", broken)
    for _ in range(MOST_AT_ONCE + 1):
        answer = await ask.client.get("/api/v1/sites/demo/download", params=SPAN | {"point": POWER})
        assert answer.status_code == 503


def test_a_store_that_fails_in_the_middle_breaks_the_file_off() -> None:
    def tables() -> Any:  # noqa: ANN401  a generator
        yield SAMPLES.empty_table()
        raise StoreError("the disk is away")

    for writer in WRITERS.values():
        with pytest.raises(StoreError):
            list(writer(SAMPLES, tables()))
