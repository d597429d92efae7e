"""Courses in processes beside each other: what was lived through once is not lived again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks import courses
from benchmarks.courses import Place, live_all
from protocols.errors import ConfigError


class Count(NamedTuple):
    """A course that counts to a number and may fail on its way."""

    to: int
    notes: str
    fails_at: int = -1


def counted(job: Count, place: Place) -> dict[str, Any]:
    at = place.kept(lambda: 0)
    with Path(job.notes).open("a", encoding="ascii") as notes:
        notes.write(f"{at}\n")
    while at < job.to:
        at += 1
        place.keep(at)
        place.tell(at / job.to)
        if at == job.fails_at:
            raise ConfigError("cut off")
    return {"counted": at}


@pytest.mark.timeout(120)
def test_a_course_that_was_cut_off_goes_on_and_finished_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courses, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("EMS_BENCH_WORKERS", "1")
    monkeypatch.setattr(courses, "_file", lambda title, _: f"{title}.json")
    notes = [tmp_path / "one", tmp_path / "two"]
    with pytest.raises(ConfigError, match="cut off"):
        live_all("x", {"one": Count(3, str(notes[0])), "two": Count(5, str(notes[1]), 4)}, counted)
    again = {"one": Count(3, str(notes[0])), "two": Count(5, str(notes[1]))}
    found = live_all("x", again, counted, whole=False)
    assert found == {"one": {"counted": 3}, "two": {"counted": 5}}
    assert [file.read_text(encoding="ascii") for file in notes] == ["0\n", "0\n4\n"]
    assert live_all("x", again, counted) == found
    assert [file.read_text(encoding="ascii") for file in notes] == ["0\n", "0\n4\n"]
    assert not (tmp_path / "results" / ".x").exists()


def test_two_lengths_of_one_course_are_two_courses() -> None:
    assert courses._file("a b", Count(1, "")) != courses._file("a b", Count(2, ""))


@pytest.mark.parametrize("text", ["0", "two", "-1", ""])
def test_a_number_of_processes_that_is_none_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(courses, "RESULTS", tmp_path)
    monkeypatch.setenv("EMS_BENCH_WORKERS", text)
    with pytest.raises(ConfigError, match="from 1 on"):
        live_all("x", {"one": Count(3, "")}, counted)
