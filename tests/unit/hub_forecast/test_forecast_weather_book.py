from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hub.forecast.quarters import QUARTER_NS, Quarters
from hub.forecast.weather_book import WeatherBook

PAST = Quarters(0, {"process_kw": np.zeros(8)})


def test_what_was_foreseen_is_still_known_after_a_start_and_the_first_forecast_counts(tmp_path: Path) -> None:
    book = WeatherBook(tmp_path / "weather" / "foreseen.npz")
    book.add(0, {"outdoor_c": np.array([1.0, 2.0, np.nan])})
    book.add(QUARTER_NS, {"outdoor_c": np.array([9.0, 3.0]), "ghi_w_m2": np.array([100.0, 200.0])})
    again = WeatherBook(tmp_path / "weather" / "foreseen.npz").over(PAST)
    assert again["outdoor_c"][:3].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(again["outdoor_c"][3:]).all()
    assert again["ghi_w_m2"][1:3].tolist() == [100.0, 200.0]


def test_what_is_older_than_the_memory_is_let_go(tmp_path: Path) -> None:
    book = WeatherBook(tmp_path / "foreseen.npz")
    book.add(0, {"outdoor_c": np.array([1.0])})
    book.add(401 * 96 * QUARTER_NS, {"outdoor_c": np.array([2.0])})
    assert np.isnan(book.over(PAST)["outdoor_c"]).all()


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 half a file", b"no archive"])
def test_a_file_that_is_broken_is_begun_anew(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "foreseen.npz"
    path.write_bytes(broken)
    book = WeatherBook(path)
    assert book.over(PAST) == {}
    book.add(0, {"outdoor_c": np.array([1.0])})
    assert WeatherBook(path).over(PAST)["outdoor_c"][0] == 1.0


def test_of_another_site_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "foreseen.npz"
    book = WeatherBook(path)
    book.add(0, {"outdoor_c": np.array([1.0])})
    book.forget()
    assert book.over(PAST) == {}
    assert not path.exists()
