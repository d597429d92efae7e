"""Plants of others for the benchmark: read as written, refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.forecast_files import read_plants
from protocols.errors import ConfigError


def put(folder: Path, csv: str, site: str = "time_zone: Asia/Shanghai\n") -> Path:
    (folder / "mill.csv").write_text(csv, encoding="utf-8")
    (folder / "mill.yaml").write_text(site, encoding="utf-8")
    return folder


def test_columns_become_quarters_with_gaps_and_weather_as_it_was_foreseen(tmp_path: Path) -> None:
    rows = (
        "time,kiln_kw,outdoor_c,outdoor_c_foreseen",
        "2026-03-01T08:00+08:00,5,1,2",
        "2026-03-01T08:30+08:00,,3,4",
    )
    text = "\n".join(rows)
    (made,) = read_plants(put(tmp_path, text, "time_zone: Asia/Shanghai\nholidays: []\n"))
    assert (made.name, made.zone, made.start_ns) == ("mill", "Asia/Shanghai", 1_772_323_200_000_000_000)
    assert np.array_equal(made.measured["kiln_kw"], [5.0, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(made.foreseen["outdoor_c"], [2.0, np.nan, 4.0], equal_nan=True)
    assert np.isnan(made.measured["irradiance_w_m2"]).all()


@pytest.mark.parametrize(
    "text",
    ["", "time,kiln_kw\n", "time,kiln_kw\nnoon,3\n", "time,kiln_kw\n2026-03-01T08:00,much\n", "a,b\n1,2\n"],
)
def test_a_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mill\.csv"):
        read_plants(put(tmp_path, text))


def test_a_plant_without_a_load_or_with_a_wrong_calendar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no load"):
        read_plants(put(tmp_path, "time,outdoor_c\n2026-03-01T08:00,3\n"))
    with pytest.raises(ConfigError, match=r"mill\.csv"):
        read_plants(put(tmp_path, "time,kiln_kw\n2026-03-01T08:00,3\n", "shifts: 3\n"))
