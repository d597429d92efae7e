"""What a hostile or careless person may send as a configuration: told in words, nothing of ours named."""

from __future__ import annotations

import pytest

from hub.registry.checking import CHECK_S, Answer, Question, Table, check, check_apart
from hub.registry.documents import read_documents
from tests.conftest import ROOT

DOCUMENTS = read_documents(ROOT / "configs", "demo")


def with_file(path: str, text: str) -> Answer:
    return check(Question("demo", DOCUMENTS | {path: text.encode()}))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("../../etc/passwd.yaml", "a: 1"), ("/etc/a.yaml", "a: 1"), ("sites/demo/../../x.yaml", "a: 1"),
        ("sites/demo/Site.yaml", "a: 1"), ("sites/other/site.yaml", "a: 1"), ("notes.txt", "hello"),
        ("sites/demo/areas.yaml", "areas: &a [*a]"), ("sites/demo/areas.yaml", "[" * 5000),
        ("sites/demo/areas.yaml", ""), ("sites/demo/areas.yaml", "\x00"), ("sites/demo/site.yaml", "a: 1"),
        ("tariffs/demo.yaml", "- 1"), ("sites/demo/edge1.yaml", "devices: 7"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_a_fault_that_names_it(path: str, text: str) -> None:
    found = with_file(path, text)
    assert found.documents is None
    assert any(path in fault for fault in found.faults)
    assert "/tmp/" not in "".join(found.faults)


def test_a_clash_of_units_is_told_alone_and_not_again_by_all_that_name_its_point() -> None:
    path = "sites/demo/values.yaml"
    sound = DOCUMENTS[path].decode()
    clash = sound.replace(
        "chiller1.cooling_kw + chiller2.cooling_kw", "chiller1.cooling_kw + comp1.flow_m3_min"
    )
    found = with_file(path, clash)
    line = clash.splitlines().index("    expression: chiller1.cooling_kw + comp1.flow_m3_min") + 1
    (fault,) = found.faults
    assert fault.startswith(f"{path}:{line}: virtual.2.expression: at character 21: ")
    assert "kW and m³/min cannot be put together" in fault


def test_a_configuration_without_its_site_is_a_fault() -> None:
    found = check(Question("demo", {"devices/a.yaml": b"id: a"}))
    assert found.faults == ("sites/demo/site.yaml:1: there is no such file; a site begins with it",)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Table("device", "edge9", "t.csv", "id\nx\n"), "sites/demo/edge9.yaml is not in the configuration"),
        (Table("device", "edge1", "t.csv", ""), "t.csv: found no row"),
        (
            Table("device", "edge1", "t.csv", "id,id\na,b\n"),
            "t.csv: row 1: a column without a name, or a name twice",
        ),
        (Table("device", "edge1", "t.yaml", "rows: 1\n"), "t.yaml: found no list of rows"),
        (Table("device", "edge1", "t.csv", "id\nx\n", take_good=True), "t.csv: row 2: label"),
        (Table("point", "hexa_pm4", "t.yaml", "points: [{name: a_kw}]"), "t.yaml: row 1: "),
    ],
)
def test_a_table_that_is_none_is_refused_by_its_own_name(table: Table, words: str) -> None:
    found = check(Question("demo", DOCUMENTS, table))
    assert found.documents is None
    assert any(fault.startswith(words) for fault in found.faults), found.faults
    assert "/tmp/" not in "".join(found.faults)


@pytest.mark.timeout(CHECK_S + 10.0)  # it steps back behind everything else, so a busy machine starves it
async def test_the_process_of_the_check_says_the_same() -> None:
    question = Question("demo", DOCUMENTS | {"sites/demo/areas.yaml": b"areas: []"})
    assert await check_apart(question) == check(question)
