"""A skip has a name, and where that is required it is a failure: nothing is left out in CI unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.needs import NEEDS, has_name, judge, missing

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_required_fails_and_the_rest_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMS_REQUIRE", "cc,root")
    with pytest.raises(pytest.fail.Exception, match="required here"):
        missing("cc", "no compiler")
    with pytest.raises(pytest.skip.Exception) as skipped:
        missing("telegraf", "not found")
    assert has_name(f"Skipped: {skipped.value}")
    with pytest.raises(pytest.fail.Exception, match="not in tests/needs"):
        missing("luck", "none today")


def test_ci_requires_a_need_or_says_why_it_cannot() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    (line,) = [line for line in script.splitlines() if "EMS_REQUIRE=" in line]
    given = set(line.partition("=")[2].split(","))
    excused = {line.split()[2].rstrip(":") for line in script.splitlines() if line.startswith("# without ")}
    assert given | excused == set(NEEDS)
    assert not given & excused


def test_a_skip_without_a_name_fails_where_something_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    for names in ("", "cc"):
        monkeypatch.setenv("EMS_REQUIRE", names)
        for reason in ("tired", "needs telegraf: not found"):
            report = pytest.TestReport("test_it", ("f.py", 1, ""), {}, "skipped", ("f.py", 1, reason), "call")
            judge(report)
            seen[names, reason] = report.outcome
    assert seen.pop(("cc", "tired")) == "failed"
    assert set(seen.values()) == {"skipped"}
