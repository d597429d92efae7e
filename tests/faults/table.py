"""Remakes docs/faults.md: each fault, what must happen, the tests that show it, and what came of them last.

`.venv/bin/python -m tests.faults.table [REPORT.xml …]`

A report is what `make test` (var/test.xml) and `make nightly` (var/nightly.xml) leave. What it says of a test
is kept in tests/faults/results.json until another report says something else.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "tests" / "faults"
DOC: Final = ROOT / "docs" / "faults.md"
RESULTS: Final = FOLDER / "results.json"
_FILE: Final = re.compile(r"test_([EBHW])(\d\d)_\w+\.py")
_KINDS: Final = {"E": "The edge", "B": "The bus", "H": "The hub", "W": "The web"}
_HEAD: Final = """# Faults, and what must happen

Made by `python -m tests.faults.table` from tests/faults; do not edit. A row without a test is `todo`: nothing
shows it yet. Tests marked *nightly* run by `make nightly`, the others by `make test`. The last result is that
of the newest report that was read in; figures are those the test itself took.
"""

Result = dict[str, object]


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        name: As in the file names of its tests, without zeros: `E7`.
        fault: What happens.
        must: What must come of it.
        number: How that is measured.
        tests: Ids, `path::function`.
        note: What the tests do not say by themselves, or what is not there; empty where nothing.
    """

    name: str
    fault: str
    must: str
    number: str
    tests: tuple[str, ...]
    note: str = ""


def functions(path: Path) -> dict[str, bool]:
    """Test functions of a file, and whether they are for the night."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nightly = any("nightly" in ast.unparse(node) for node in tree.body if _is_mark(node))
    return {
        node.name: nightly or any("nightly" in ast.unparse(mark) for mark in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _is_mark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def rows() -> list[Row]:
    """All faults in their order, each with the tests in files of its name and those named beside it."""
    found: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        named = _FILE.fullmatch(path.name)
        if named is not None:
            ids = [f"{path.relative_to(ROOT)}::{name}" for name in functions(path)]
            found.setdefault(f"{named[1]}{int(named[2])}", []).extend(ids)
    told = yaml.safe_load((FOLDER / "rows.yaml").read_text(encoding="utf-8"))
    return [
        Row(
            name, row["fault"], row["must"], row["number"], (*found.get(name, ()), *row.get("also", ())),
            row.get("note", ""),
        )
        for name, row in told.items()
    ]  # fmt: skip


def read_report(path: Path) -> dict[str, Result]:
    """What a report of pytest says of each test; one that failed in any of its forms failed.

    Raises:
        ValueError: It is no report.
    """
    said: dict[str, Result] = {}
    for suite in ET.parse(path).iter("testsuite"):  # noqa: S314  our own file
        day = suite.get("timestamp", "")[:10]
        for case in suite.iter("testcase"):
            ident = f"{case.get('file')}::{case.get('name', '').partition('[')[0]}"
            outcome, before = _outcome(case), said.get(ident)
            if before is None or before["outcome"] == "passed" or outcome == "failed":
                figures = {one.get("name"): one.get("value") for one in case.iter("property")}
                said[ident] = {"day": day, "outcome": outcome, "figures": figures}
    if not said:
        raise ValueError(f"{path} holds no test")
    return said


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def text(faults: Sequence[Row], results: Mapping[str, Result]) -> str:
    """The page: one table, then each row with its tests."""
    table = [f"| {row.name} | {row.fault} | {_short(row, results)} |" for row in faults]
    parts = [part for kind, title in _KINDS.items() for part in _part(kind, title, faults, results)]
    return "\n".join(
        [_HEAD, "| row | fault | tests and their last result |\n|---|---|---|", *table, *parts, ""]
    )


def _short(row: Row, results: Mapping[str, Result]) -> str:
    if not row.tests:
        return "`todo`"
    said = Counter(str(results[ident]["outcome"]) if ident in results else "not run" for ident in row.tests)
    return ", ".join(f"{count} {what}" for what, count in sorted(said.items()))


def _part(kind: str, title: str, faults: Sequence[Row], results: Mapping[str, Result]) -> Iterator[str]:
    rows_of_kind = [row for row in faults if row.name[0] == kind]
    if rows_of_kind:
        yield f"\n## {title}"
    for row in rows_of_kind:
        yield f"\n**{row.name}** {row.fault} → {row.must}. *{row.number}*\n"
        yield from [_line(ident, results.get(ident)) for ident in row.tests] or ["- `todo`"]
        if row.note:
            yield f"- note: {row.note}"


def _line(ident: str, result: Result | None) -> str:
    path, _, name = ident.partition("::")
    when = ", *nightly*" if functions(ROOT / path).get(name) else ""
    return f"- `{path}` {name.removeprefix('test_').replace('_', ' ')}{when}: {_said(result)}"


def _said(result: Result | None) -> str:
    if result is None:
        return "not run yet"
    figures = result["figures"]
    told = ", ".join(f"{key} {value}" for key, value in figures.items()) if isinstance(figures, dict) else ""
    return f"**{result['outcome']}** {result['day']}" + (f" ({told})" if told else "")


def main(reports: Sequence[str]) -> None:
    """Read reports in and write the page."""
    faults = rows()
    wanted = {ident for row in faults for ident in row.tests}
    results: dict[str, Result] = {}
    if RESULTS.exists():
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for report in reports:
        results |= read_report(Path(report))
    results = {ident: results[ident] for ident in sorted(results.keys() & wanted)}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    DOC.write_text(text(faults, results), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
