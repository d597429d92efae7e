"""Many rows at once: every fault told by row and field; nothing, or the good ones, on request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.registry.bulk import devices_of, merged, points_of, read_rows
from hub.registry.documents import read_documents
from hub.registry.whole import check_documents
from protocols.errors import ConfigError

HEAD = "id,label.en,label.zh,profile,connection.kind,connection.host,connection.port,connection.unit"
EDGE = "sites/demo/edge1.yaml"


@pytest.fixture
def hub(tmp_path: Path, configs: Path) -> Path:
    made = ["init", f"--config={configs}", f"--state={tmp_path / 'hub'}", f"--keys={tmp_path / 'keys'}"]
    assert CliRunner().invoke(app, made, catch_exceptions=False).exit_code == 0
    return tmp_path / "hub"


def meters(count: int) -> list[str]:
    return [
        f"m{at},Meter {at},电表 {at},hexa_pm4,modbus,10.1.{at // 200}.{at % 200 + 1},502,1"
        for at in range(count)
    ]


def table(folder: Path, rows: Sequence[str], head: str = HEAD) -> Path:
    file = folder / "meters.csv"
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return file


def add(hub: Path, file: Path, *more: str) -> tuple[str, str]:
    arguments = [
        "config",
        "add",
        str(file),
        "--devices-of=edge1",
        "--actor=A. Smith",
        f"--state={hub}",
        *more,
    ]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def show(hub: Path, path: str) -> str:
    return CliRunner().invoke(app, ["config", "show", path, f"--state={hub}"], catch_exceptions=False).stdout


@pytest.mark.timeout(180)
def test_three_bad_rows_of_ten_thousand_are_all_told_and_nothing_or_the_good_ones_taken(
    hub: Path, tmp_path: Path
) -> None:
    rows = meters(10_000)
    rows[41] = rows[41].replace(",502,", ",70000,")
    rows[4_000] = rows[4_000].replace("m4000,", "M 4000,")
    rows[9_998] = rows[9_998].replace("m9998,", "m17,")
    file, before = table(tmp_path, rows), show(hub, EDGE)
    with pytest.raises(ConfigError, match="3 of 10000 rows cannot be taken and nothing was changed"):
        add(hub, file)
    assert show(hub, EDGE) == before
    out, err = add(hub, file, "--take-good")
    told = err.splitlines()
    assert [line.split(": ")[1:3] for line in told] == [
        ["row 43", "connection.port"], ["row 4002", "id"], ["row 10000", "id"]
    ]  # fmt: skip
    assert "70000" in told[0]
    assert "65535" in told[0]
    assert "taken by row 19" in told[2]
    assert "version 2, 9997 of 10000 rows taken" in out
    assert show(hub, EDGE).count("\n") == before.count("\n") + 9_997


def test_what_was_in_the_file_stays_with_its_comments(configs: Path, tmp_path: Path) -> None:
    documents = read_documents(configs, "demo")
    target = devices_of("demo", "edge1")
    rows = read_rows(table(tmp_path, meters(2)), target, documents)
    assert rows.faults == ()
    after = merged(documents, target, rows.good)
    assert check_documents(after, "demo", configs).devices["m1"].device.label.zh == "电表 1"
    before = documents[EDGE].decode().splitlines()
    fresh = [line for line in after[EDGE].decode().splitlines() if line not in before]
    assert [line for line in after[EDGE].decode().splitlines() if line not in fresh] == before
    assert fresh[0].startswith(
        "  - {id: m0, label: {en: Meter 0, zh: 电表 0}, profile: hexa_pm4, connection: {"
    )


def test_two_rows_of_one_address_are_named(configs: Path, tmp_path: Path) -> None:
    first = meters(1)[0]
    rows = read_rows(
        table(tmp_path, [first, first.replace("m0,", "m1,")]),
        devices_of("demo", "edge1"),
        read_documents(configs, "demo"),
    )
    (fault,) = rows.faults
    assert "row 3: address: found 10.1.0.1:502 unit 1, which is the one of row 2" in fault


def test_points_of_a_profile_come_from_yaml_with_their_lines(configs: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(
        "points:\n"
        "  - {name: extra_kw, label: {en: a, zh: b}, unit: kW, address: {kind: modbus, address: 900}}\n"
        "  - {name: extra_c, label: {en: a, zh: b}, unit: kW, address: {kind: modbus, address: 902}}\n",
        encoding="utf-8",
    )
    rows = read_rows(file, points_of("hexa_pm4"), read_documents(configs, "demo"))
    assert [row.name for row in rows.good] == ["extra_kw"]  # type: ignore[attr-defined]  # points
    (fault,) = rows.faults
    assert fault.startswith(f"{file}: row 3: ")
    assert "'extra_c' must end in '_kw'" in fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,id\na,b\n", "a name twice"),
        ("id,label\na,b,c\n", "3 cells for 2 columns"),
        ("connection,connection.host\nx,y\n", "is a column and the beginning of"),
    ],
)
def test_what_is_no_table_is_said(text: str, words: str, configs: Path, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_rows(file, devices_of("demo", "edge1"), read_documents(configs, "demo"))


def test_rows_for_an_edge_that_is_not_there_are_refused(configs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sites/demo/edge9.yaml is not in the configuration"):
        read_rows(table(tmp_path, meters(1)), devices_of("demo", "edge9"), read_documents(configs, "demo"))
