"""A weather forecast from elsewhere, brought to quarter hours: from a file, or from a provider of JSON.

Hours are joined by straight lines; a hole of more than three hours stays one. What no weather is, is left
out, and a temperature that begins far from what the station measures is refused: another place, another unit,
another time. The page says why a forecast is not used: in Chinese by the `zh` of the error's context.

    wet bulb from temperature and relative humidity: Stull 2011, J. Appl. Meteorol. Climatol. 50, eq. 1
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt

from hub.forecast.config import WeatherFile, WeatherHttp
from hub.forecast.job import GHI, STEPS
from hub.forecast.quarters import QUARTER_NS, FloatArray
from hub.outside.http import async_client
from hub.outside.way_out import load_way_out
from protocols.errors import AddressRefusedError, ConfigError, ForecastError

FOLDER: Final = "weather"
"""Below the hub's state: files that others write."""

MOST_BYTES: Final = 2_000_000
_ANSWER_S: Final = 20.0
_WHOLE_S: Final = 60.0
_LAST: Final = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
_HOLE_NS: Final = 3 * 3600 * 1_000_000_000
_RANGES: Final = {
    "outdoor_c": (-60.0, 60.0), "wet_bulb_c": (-60.0, 45.0), "humidity_pct": (0.0, 100.0), GHI: (0.0, 1500.0),
}  # fmt: skip
_FAR_K: Final = 15.0
_LEAST_QUARTERS: Final = 48


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast as it was told: instants, ascending, and each quantity at them; NaN where none was told."""

    times_ns: npt.NDArray[np.int64]
    values: Mapping[str, FloatArray]


async def fetch(source: WeatherFile | WeatherHttp, state: Path) -> Told:
    """Get the newest forecast.

    Args:
        source: Where it comes from.
        state: The hub's own folder.

    Raises:
        ForecastError: There is none that can be read; the message says why.
    """
    if isinstance(source, WeatherFile):
        return read_csv(state / FOLDER / source.name)
    try:
        way = await asyncio.to_thread(load_way_out, state)
        async with (
            asyncio.timeout(_WHOLE_S),
            async_client(way, _ANSWER_S) as client,
            client.stream("GET", source.url) as answer,
        ):
            body = await _body(answer)
    except AddressRefusedError as error:
        raise ForecastError(str(error.args[0]), zh=error.context["zh"]) from error
    except ConfigError as error:
        raise ForecastError(str(error), zh=f"配置文件有误：{error}") from error
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        said = f"{type(error).__name__}: {error}"
        raise ForecastError(
            f"the weather provider cannot be reached: {said}", zh=f"无法连接天气服务：{said}"
        ) from error
    return read_json(body, source)


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        said = f"{answer.status_code} {answer.reason_phrase}"
        raise ForecastError(f"the weather provider answered {said}", zh=f"天气服务答复 {said}")
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise ForecastError(
                f"the weather provider sent more than {MOST_BYTES} bytes; ask for fewer days",
                zh=f"天气服务的答复超过 {MOST_BYTES} 字节；请减少查询天数",
            )
    return body


def read_csv(path: Path) -> Told:
    """Read a forecast from a file.

    Raises:
        ForecastError: It is missing, too long, or a line is wrong; the message names the line.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ForecastError(
                f"{path} has more than {MOST_BYTES} bytes; keep the days to come alone",
                zh=f"{path} 超过 {MOST_BYTES} 字节；请只保留未来几天",
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ForecastError(
            f"the weather file {path} cannot be read: {error}", zh=f"无法读取天气文件 {path}：{error}"
        ) from error
    rows = csv.DictReader(io.StringIO(text))
    known = [name for name in rows.fieldnames or () if name in _RANGES]
    if "time" not in (rows.fieldnames or ()) or not known:
        wanted = ", ".join(_RANGES)
        raise ForecastError(
            f"{path}:1: found {rows.fieldnames}; wanted `time` and some of {wanted}",
            zh=f"{path}:1：列名为 {rows.fieldnames}；需要 `time` 以及 {wanted} 中的若干列",
        )
    times: list[int] = []
    values: dict[str, list[float]] = {name: [] for name in known}
    for row in rows:
        try:
            times.append(_instant_ns(row["time"]))
            for name in known:
                values[name].append(_number(row[name]))
        except (TypeError, ValueError) as error:
            where = f"{path}:{rows.line_num}: {error}"
            raise ForecastError(where, zh=f"天气文件有误：{where}") from error
    return told(times, {name: np.array(column) for name, column in values.items()})


def read_json(body: bytes, source: WeatherHttp) -> Told:
    """Read a provider's answer.

    Raises:
        ForecastError: It is no JSON, or has not what the configuration names.
    """
    try:
        document = json.loads(body)
        times = [_instant_ns(one) for one in _array(document, source.times)]
        values = {
            name: [_number(one) for one in _array(document, keys)] for name, keys in source.values.items()
        }
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ForecastError(
            f"the weather provider's answer: {error}", zh=f"天气服务的答复有误：{error}"
        ) from error
    wrong = [source.values[name] for name, column in values.items() if len(column) != len(times)]
    if wrong:
        raise ForecastError(
            f"the weather provider's answer: {wrong[0]} is not as long as {source.times}",
            zh=f"天气服务的答复有误：{wrong[0]} 与 {source.times} 长度不同",
        )
    return told(times, {name: np.array(column) for name, column in values.items()})


def told(times_ns: list[int], values: Mapping[str, FloatArray]) -> Told:
    """In the order of time, without what no weather is; wet bulb from humidity where it is not told itself.

    Raises:
        ForecastError: Nothing is left.
    """
    order = np.argsort(np.array(times_ns, dtype=np.int64), kind="stable")
    instants = np.array(times_ns, dtype=np.int64)[order]
    kept: dict[str, FloatArray] = {}
    for name, column in values.items():
        low, high = _RANGES[name]
        with np.errstate(invalid="ignore"):
            kept[name] = np.where((column[order] >= low) & (column[order] <= high), column[order], np.nan)
    if "wet_bulb_c" not in kept and {"outdoor_c", "humidity_pct"} <= set(kept):
        kept["wet_bulb_c"] = wet_bulb_c(kept["outdoor_c"], kept["humidity_pct"])
    kept.pop("humidity_pct", None)
    if not any(np.isfinite(column).any() for column in kept.values()):
        raise ForecastError(
            "the weather forecast holds no number that is one; look at units and columns",
            zh="天气预报中没有可用的数值；请检查单位和列",
        )
    return Told(instants, kept)


def on_quarters(forecast: Told, start_ns: int, outdoor_c: float) -> dict[str, FloatArray]:
    """The forecast over the quarters that are asked for, at their middles, shape (STEPS,); holes are NaN.

    Args:
        forecast: As it was told.
        start_ns: Start of the first quarter.
        outdoor_c: What the station measured last; NaN where nobody did. [°C]

    Raises:
        ForecastError: It covers less than half a day from now on, or begins far from what is measured.
    """
    middles = start_ns + QUARTER_NS // 2 + np.arange(STEPS, dtype=np.int64) * QUARTER_NS
    found = {name: _between(forecast.times_ns, column, middles) for name, column in forecast.values.items()}
    most = max(int(np.isfinite(column).sum()) for column in found.values())
    if most < _LEAST_QUARTERS:
        raise ForecastError(
            f"the weather forecast covers {most / 4.0:.1f} h of the coming day; it is too old",
            zh=f"天气预报只覆盖未来一天中的 {most / 4.0:.1f} 小时；预报已过时",
        )
    first = found.get("outdoor_c", np.full(1, np.nan))[0]
    if abs(first - outdoor_c) > _FAR_K:
        raise ForecastError(
            f"the weather forecast begins at {first:.1f} °C, the station measures {outdoor_c:.1f} °C; "
            "look at its place, its unit and the zone of its times",
            zh=f"天气预报起点为 {first:.1f} °C，气象站实测 {outdoor_c:.1f} °C；请检查地点、单位和时区",
        )
    return found


def wet_bulb_c(outdoor_c: FloatArray, humidity_pct: FloatArray) -> FloatArray:
    """Wet-bulb temperature [°C] at sea level, within 0.3 K above 5 % humidity (Stull 2011).

    Example:
        >>> round(float(wet_bulb_c(np.array([20.0]), np.array([50.0]))[0]), 1)
        13.7
    """
    damp = np.maximum(humidity_pct, 1.0)
    found: FloatArray = (
        outdoor_c * np.arctan(0.151977 * np.sqrt(damp + 8.313659))
        + np.arctan(outdoor_c + damp)
        - np.arctan(damp - 1.676331)
        + 0.00391838 * damp**1.5 * np.arctan(0.023101 * damp)
        - 4.686035
    )
    return np.minimum(found, outdoor_c)


def _between(times_ns: npt.NDArray[np.int64], column: FloatArray, at_ns: npt.NDArray[np.int64]) -> FloatArray:
    known = np.isfinite(column)
    times, values = times_ns[known], column[known]
    if not len(times):
        return np.full(len(at_ns), np.nan)
    after = np.searchsorted(times, at_ns, side="left")
    inside = (after > 0) & (after < len(times))
    low, high = times[np.clip(after - 1, 0, None)], times[np.clip(after, None, len(times) - 1)]
    course = np.interp((at_ns - times[0]) / 1e9, (times - times[0]) / 1e9, values)
    return np.where(inside & (high - low <= _HOLE_NS), course, np.nan)


def _array(document: Any, keys: str) -> list[Any]:  # noqa: ANN401  JSON
    for key in keys.split("."):
        if not isinstance(document, dict) or key not in document:
            message = f"there is no {keys!r} in it"
            raise ValueError(message)
        document = document[key]
    if not isinstance(document, list):
        message = f"{keys!r} is no array"
        raise TypeError(message)
    return document


def _instant_ns(found: object) -> int:
    if isinstance(found, int | float) and not isinstance(found, bool):
        at_s = float(found)  # seconds since the epoch, as some providers tell
    elif isinstance(found, str):
        at = dt.datetime.fromisoformat(found)
        at_s = (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()
    else:
        message = f"found {found!r} instead of a time"
        raise TypeError(message)
    if not 0.0 <= at_s <= _LAST.timestamp():
        message = f"found {found!r}, a time that cannot be meant"
        raise ValueError(message)
    return round(at_s) * 1_000_000_000


def _number(found: object) -> float:
    if found is None or found == "":
        return float("nan")
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        message = f"found {found!r} instead of a number"
        raise TypeError(message)
    return float(found)
