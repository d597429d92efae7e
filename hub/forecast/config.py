"""`sites/<site>/forecast.yaml`: the plane of the PV field, and where a weather forecast comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from protocols.config import Config
from runtime.yaml_config import load_config

FILE: Final = "forecast.yaml"

Quantity = Literal["outdoor_c", "wet_bulb_c", "humidity_pct", "ghi_w_m2"]
"""What a weather forecast may tell: temperature, wet bulb or relative humidity, horizontal irradiance."""

_MOST_URL: Final = 500


class PlaneFile(Config):
    """How the PV field is turned; place and height are those of the site."""

    tilt_deg: float = Field(default=30.0, ge=0, le=90)
    """0 lies flat."""

    azimuth_deg: float = Field(default=180.0, ge=0, le=360)
    """Degrees from north over east; 180 looks south."""


class WeatherFile(Config):
    """A CSV file in the folder `weather` of the hub's state, which somebody writes anew."""

    kind: Literal["file"]
    """Discriminator."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*\.csv$", max_length=80)
    """Name of the file. Its first line names `time` and quantities; times are ISO 8601, else meant in UTC."""


class WeatherHttp(Config):
    """A provider that answers with JSON arrays, asked once an hour."""

    kind: Literal["http"]
    """Discriminator."""

    url: str = Field(max_length=_MOST_URL)
    """Address with all its parameters; redirects are not followed."""

    times: str = Field(min_length=1)
    """Keys to the array of times, joined by dots, for example `hourly.time`."""

    values: dict[Quantity, str] = Field(min_length=1)
    """Quantity to the keys of its array, as long as that of the times."""

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")) or "@" in url.partition("?")[0]:
            message = "write https://host/path?parameters, without a name and password in it"
            raise ValueError(message)
        return url


class ForecastFile(Config):
    """What the forecast of a site is told beside its measurements and its calendar."""

    plane: PlaneFile = PlaneFile()
    """How the PV field is turned."""

    weather: Annotated[WeatherFile | WeatherHttp, Field(discriminator="kind")] | None = None
    """Where a weather forecast comes from; none: the weather of the last days is taken."""


def load_forecast(config_dir: Path, site: str) -> ForecastFile:
    """Read the file of a site; the defaults without one.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`.
    """
    path = config_dir / "sites" / site / FILE
    return load_config(path, ForecastFile) if path.exists() else ForecastFile()
