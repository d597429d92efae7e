"""docs/faults.md names every fault of the edge with tests that exist; what has no test is called todo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults import table

REPORT = """<testsuites><testsuite timestamp="2026-01-02T03:04:05">
<testcase file="tests/faults/test_E09_x.py" name="test_a">
<properties><property name="kills" value="3"/></properties></testcase>
<testcase file="tests/faults/test_E09_x.py" name="test_b[1]"><failure/></testcase>
<testcase file="tests/faults/test_E09_x.py" name="test_b[2]"/>
<testcase file="tests/faults/test_E09_x.py" name="test_c"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("name", [f"E{number}" for number in range(1, 18) if number not in {15, 16}])
def test_every_fault_of_the_edge_has_tests_and_stands_on_the_page(name: str) -> None:
    (row,) = (row for row in table.rows() if row.name == name)
    assert row.tests, f"{name} has no test in tests/faults"
    assert f"**{name}** " in table.DOC.read_text(encoding="utf-8"), "run: python -m tests.faults.table"


def test_every_row_has_a_test_or_is_called_todo_and_every_test_it_names_exists() -> None:
    page = table.DOC.read_text(encoding="utf-8")
    for row in table.rows():
        assert f"**{row.name}** " in page, f"{row.name} is missing; run: python -m tests.faults.table"
        for ident in row.tests:
            path, _, name = ident.partition("::")
            assert name in table.functions(table.ROOT / path), ident
    for path in re.findall(r"^- `(tests/\S+)`", page, re.MULTILINE):
        assert (table.ROOT / path).exists(), f"{path} is gone; run: python -m tests.faults.table"


def test_a_report_is_read_with_its_figures_and_the_worst_of_all_forms(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    said = table.read_report(tmp_path / "report.xml")
    outcomes = {ident.partition("::")[2]: result["outcome"] for ident, result in said.items()}
    assert outcomes == {"test_a": "passed", "test_b": "failed", "test_c": "skipped"}
    row = table.Row("E9", "cable cut", "noticed", "soon", ("tests/faults/test_faults_page.py::test_a",))
    told = {"tests/faults/test_faults_page.py::test_a": said["tests/faults/test_E09_x.py::test_a"]}
    assert "**passed** 2026-01-02 (kills 3)" in table.text([row], told)
