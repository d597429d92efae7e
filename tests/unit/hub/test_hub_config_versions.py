"""The site's configuration in versions: whole or not at all, who and why, back to an old one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.database import create_engine, embedded_url, sessions_of
from hub.ledger import audit
from hub.registry.accepted import accepted_folder
from hub.registry.documents import FOLDER, MOST_FILES, check_path, put_files, read_documents, write_folder
from hub.registry.versions import documents_of
from hub.registry.whole import check_documents
from protocols.errors import ConfigError
from runtime.clock import SystemClock

METER = "sites/demo/edge1.yaml"


@pytest.fixture
def files(tmp_path: Path, configs: Path) -> Path:
    """A copy of the shipped configuration that a test may change."""
    return Path(shutil.copytree(configs, tmp_path / "files"))


@pytest.fixture
def hub(tmp_path: Path, files: Path) -> Path:
    said = run("init", f"--config={files}", f"--state={tmp_path / 'hub'}", f"--keys={tmp_path / 'keys'}")
    assert "configuration: version 1" in said
    return tmp_path / "hub"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def config(hub: Path, *arguments: str) -> str:
    return run("config", *arguments, f"--state={hub}")


def change(files: Path, path: str, old: str, new: str) -> None:
    text = (files / path).read_text(encoding="utf-8")
    assert old in text
    (files / path).write_text(text.replace(old, new, 1), encoding="utf-8")


def history(hub: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(config(hub, "history", "--json"))
    return rows


def test_an_import_is_a_version_with_who_when_why_and_what_changed(hub: Path, files: Path) -> None:
    change(files, METER, "Main meter", "Incoming meter")
    said = config(hub, "import", str(files), "--actor=A. Smith", "--note=a clearer name")
    assert f"changed {METER}" in said
    assert "version 2" in said
    newest, first = history(hub)
    assert (newest["version"], newest["actor"], newest["note"]) == (2, "A. Smith", "a clearer name")
    assert first["actor"] == "first start"
    shown = config(hub, "diff", "1", "2")
    assert "-    label: {en: Main meter, zh: 总表}" in shown
    assert "+    label: {en: Incoming meter, zh: 总表}" in shown


def test_the_same_files_make_no_new_version(hub: Path, files: Path) -> None:
    assert "no new one" in config(hub, "import", str(files), "--actor=A. Smith")
    assert len(history(hub)) == 1


def test_a_roll_back_is_a_new_version_with_the_old_bytes(hub: Path, files: Path) -> None:
    before = config(hub, "show", METER)
    change(files, METER, "Main meter", "Incoming meter")
    config(hub, "import", str(files), "--actor=A. Smith")
    assert config(hub, "show", METER) != before
    assert "version 3 has the files of 1" in config(hub, "rollback", "1", "--actor=B. Jones", "--note=wrong")
    assert config(hub, "show", METER) == before
    assert history(hub)[0]["back_to"] == 1


def test_what_goes_out_comes_in_again_without_a_difference(hub: Path, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config(hub, "export", str(out))
    assert read_documents(out, "demo") == read_documents(files, "demo")
    assert "no new one" in config(hub, "import", str(out), "--actor=A. Smith")
    (out / "devices" / "another.yaml").write_text("id: another\n", encoding="utf-8")
    said = config(hub, "export", str(out))
    assert "0 of them written" in said
    assert "left as it is: devices/another.yaml" in said


def test_a_flowsheet_bound_to_a_missing_point_is_refused_and_named(hub: Path, files: Path) -> None:
    path = "sites/demo/flowsheet.yaml"
    change(files, path, "power_kw: comp1/power_kw", "power_kw: comp1/powr_kw")
    change(files, METER, "profile: hexa_pm4", "profile: hexa_pm5")
    with pytest.raises(ConfigError) as refused:
        config(hub, "import", str(files), "--actor=A. Smith")
    assert f"{files}/{METER}:" in str(refused.value)
    assert "found profile 'hexa_pm5'" in str(refused.value)
    change(files, METER, "profile: hexa_pm5", "profile: hexa_pm4")
    with pytest.raises(ConfigError) as refused:
        config(hub, "import", str(files), "--actor=A. Smith")
    (line,) = str(refused.value).splitlines()
    lines = (files / path).read_text(encoding="utf-8").splitlines()
    at = lines.index("      power_kw: comp1/powr_kw") + 1
    assert line.startswith(f"{files}/{path}:{at}: units.comp1.bindings.power_kw: found 'comp1/powr_kw'")
    assert "comp1/power_kw" in line
    assert len(history(hub)) == 1


async def test_each_version_is_in_the_audit_and_the_chain_verifies(hub: Path, configs: Path) -> None:
    engine = create_engine(embedded_url(hub))
    sessions = sessions_of(engine)
    async with sessions() as session:
        (entry,) = [one.entry for one in await audit.page(session, "demo", None, 10)]
    assert (entry.category, entry.type, entry.actor, entry.new) == (
        "configuration",
        "import",
        "first start",
        "1",
    )
    assert await audit.broken_at(sessions, "demo") is None
    assert await documents_of(sessions, "demo", 1) == read_documents(configs, "demo")
    await engine.dispose()


def test_the_hub_goes_by_what_was_accepted_and_says_when_the_folder_differs(hub: Path, files: Path) -> None:
    said: list[str] = []
    place = ("demo", hub, files)
    first = accepted_folder(embedded_url(hub), place, SystemClock(), said.append)
    change(files, METER, "Main meter", "Incoming meter")
    assert accepted_folder(embedded_url(hub), place, SystemClock(), said.append) == first
    assert said[0] == "configuration: version 1"
    assert "differs in 1 files (sites/demo/edge1.yaml) and is not used" in said[1]
    config(hub, "import", str(files), "--actor=A. Smith")
    second = accepted_folder(embedded_url(hub), place, SystemClock(), said.append)
    assert "Incoming meter" in (second / METER).read_text(encoding="utf-8")
    assert [path.name for path in (hub / FOLDER).iterdir()] == [second.name]
    shutil.rmtree(files)
    assert accepted_folder(embedded_url(hub), place, SystemClock(), said.append) == second


def test_a_version_that_is_not_there_is_said_with_those_that_are(hub: Path) -> None:
    with pytest.raises(ConfigError, match="no version 7; there are 1 to 1"):
        config(hub, "diff", "7")
    with pytest.raises(ConfigError, match="has no configuration yet"):
        run("config", "show", f"--state={hub}", "--site=other")


@pytest.mark.parametrize(
    "name", ["../x.yaml", "/etc/x.yaml", "a/../x.yaml", "a//x.yaml", "x.yml", "A.yaml", ".x.yaml", "a" * 200]
)
def test_a_path_that_could_lead_out_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the path"):
        check_path(name)


def test_a_link_out_of_the_folder_and_far_too_many_files_are_refused(files: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("a: 1\n", encoding="utf-8")
    link = files / "devices" / "link.yaml"
    link.symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ConfigError, match="is a link to a place outside"):
        read_documents(files, "demo")
    link.unlink()
    for at in range(MOST_FILES + 1):
        (files / "devices" / f"x{at}.yaml").touch()
    with pytest.raises(ConfigError, match="is it a site"):
        read_documents(files, "demo")


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        write_folder(tmp_path / "out", {"a.yaml": b"1", "../b.yaml": b"2"})
    assert list(tmp_path.iterdir()) == []
    put_files(tmp_path, {"a.yaml": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_faults_of_several_files_are_told_at_once(files: Path) -> None:
    change(files, "tariffs/demo.yaml", "metering_s: 900", "metering_s: often")
    change(files, "emissions/demo.yaml", "grid_year: 2024", "grid_yaer: 2024")
    with pytest.raises(ConfigError) as refused:
        check_documents(read_documents(files, "demo"), "demo", files)
    text = str(refused.value)
    assert "tariffs/demo.yaml:" in text
    assert "emissions/demo.yaml:" in text
    assert "ems-check-" not in text
