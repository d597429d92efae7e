from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from hub.forecast.config import WeatherFile, WeatherHttp, load_forecast
from hub.forecast.job import STEPS
from hub.forecast.weather import fetch, on_quarters, read_csv, read_json, told
from protocols.errors import ConfigError, ForecastError

START_S = 1_788_220_800  # 1 September 2026, 00:00 UTC
START_NS = START_S * 1_000_000_000
HOUR_NS = 3_600_000_000_000
FORM = {"outdoor_c": "hourly.temperature", "humidity_pct": "hourly.humidity", "ghi_w_m2": "hourly.sun"}


def http(url: str = "https://weather.invalid/") -> WeatherHttp:
    return WeatherHttp.model_validate({"kind": "http", "url": url, "times": "hourly.time", "values": FORM})


def answer(**other: object) -> bytes:
    hours = list(range(48))
    hourly: dict[str, object] = {
        "time": [f"2026-09-{1 + hour // 24:02}T{hour % 24:02}:00" for hour in hours],
        "temperature": [20.0 + hour % 24 / 4.0 for hour in hours],
        "humidity": [50.0] * 48,
        "sun": [max(0.0, 600.0 - 100.0 * abs(hour % 24 - 12)) for hour in hours],
    }
    return json.dumps({"hourly": hourly | other}).encode()


@asynccontextmanager
async def serving(reply: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/forecast?hours=48"
    finally:
        server.close()


def reply(body: bytes, status: str = "200 OK") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\nlocation: /other\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture(autouse=True)
def way_out(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("allow: [127.0.0.1]\n", encoding="utf-8")


async def test_a_provider_is_asked_and_its_hours_become_quarters(tmp_path: Path) -> None:
    async with serving(reply(answer())) as url:
        found = on_quarters(await fetch(http(url), tmp_path), START_NS, 21.0)
    assert set(found) == {"outdoor_c", "wet_bulb_c", "ghi_w_m2"}
    assert found["outdoor_c"][:3] == pytest.approx([20.03125, 20.09375, 20.15625])
    assert all(len(one) == STEPS for one in found.values())
    assert (found["wet_bulb_c"] < found["outdoor_c"]).all()


@pytest.mark.parametrize(
    ("status", "why"), [("503 Busy", "503"), ("302 Found", "302"), ("401 Unauthorized", "401")]
)
async def test_a_provider_that_refuses_or_sends_elsewhere_is_told(
    status: str, why: str, tmp_path: Path
) -> None:
    async with serving(reply(b"", status)) as url:
        with pytest.raises(ForecastError, match=why):
            await fetch(http(url), tmp_path)


async def test_a_provider_that_never_stops_is_cut_off(tmp_path: Path) -> None:
    async with serving(reply(b"[" + b"1," * 1_100_000)) as url:
        with pytest.raises(ForecastError, match="more than"):
            await fetch(http(url), tmp_path)


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    async with serving(b"") as url:
        pass
    with pytest.raises(ForecastError, match="cannot be reached"):
        await fetch(http(url), tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b"no json", b"[]", b"{}", b'{"hourly": {"time": 3}}', answer(time=["yesterday"] * 48),
        answer(temperature=[1.0]), answer(temperature=["warm"] * 48), answer(time=[1e30] * 48),
        answer(time=[True] * 48), b"[" * 100_000,
        answer(temperature=[900.0] * 48, humidity=[-5.0] * 48, sun=[None] * 48),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(ForecastError, match="weather"):
        read_json(body, http())


def test_a_file_is_read_with_its_zone(tmp_path: Path) -> None:
    path = tmp_path / "today.csv"
    path.write_text(
        "time,outdoor_c,other\n2026-09-01T08:00+08:00,20.5,x\n2026-09-01T09:00+08:00,,x\n", encoding="utf-8"
    )
    found = read_csv(path)
    assert list(found.times_ns) == [START_NS, START_NS + HOUR_NS]
    assert found.values["outdoor_c"][0] == 20.5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ":1:"), ("time,wind\n", ":1:"), ("time,outdoor_c\nnoon,3\n", ":2:"),
        ("time,outdoor_c\n2026-09-01T00:00,3\n2026-09-01T01:00,cold\n", ":3:"),
        ("time,outdoor_c\n2026-09-01T00:00\n", "holds no number"),
    ],
)  # fmt: skip
def test_a_wrong_line_of_a_file_is_named(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "today.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ForecastError, match=why):
        read_csv(tmp_path / "today.csv")


async def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match="cannot be read"):
        await fetch(WeatherFile(kind="file", name="today.csv"), tmp_path)


def test_an_old_forecast_and_one_of_another_place_are_refused() -> None:
    times = [START_NS + hour * HOUR_NS for hour in range(48)]
    warm = told(times, {"outdoor_c": np.full(48, 20.0)})
    with pytest.raises(ForecastError, match="too old"):
        on_quarters(warm, START_NS + 40 * HOUR_NS, 20.0)
    with pytest.raises(ForecastError, match=r"begins at 20\.0"):
        on_quarters(warm, START_NS, -3.0)
    assert np.isfinite(on_quarters(warm, START_NS, np.nan)["outdoor_c"][2:]).all()


def test_a_hole_of_more_than_three_hours_stays_one() -> None:
    times = [START_NS + hour * HOUR_NS for hour in range(-1, 48) if not 5 < hour < 10]
    found = on_quarters(told(times, {"outdoor_c": np.full(len(times), 20.0)}), START_NS, 20.0)["outdoor_c"]
    assert np.flatnonzero(~np.isfinite(found)).tolist() == list(range(20, 40))


@pytest.mark.parametrize(
    "text",
    [
        "weather: {kind: file, name: ../keys.csv}",
        "weather: {kind: http, url: 'file:///etc/passwd', times: a, values: {outdoor_c: b}}",
        "weather: {kind: http, url: 'https://me:secret@host/', times: a, values: {outdoor_c: b}}",
        "weather: {kind: http, url: 'https://host/', times: a, values: {wind: b}}",
        "plane: {tilt_deg: 120}", "clouds: 3",
    ],
)  # fmt: skip
def test_what_no_site_may_declare_is_named_with_its_line(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "sites" / "demo"
    folder.mkdir(parents=True)
    (folder / "forecast.yaml").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"forecast\.yaml:1"):
        load_forecast(tmp_path, "demo")


def test_without_a_file_there_is_no_weather_from_elsewhere(tmp_path: Path) -> None:
    assert load_forecast(tmp_path, "demo").weather is None
