"""Areas: a tree with devices and points in it; each slip is told with its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.registry.areas import Areas, load_areas
from hub.registry.documents import read_documents
from hub.registry.whole import check_documents
from protocols.errors import ConfigError

POINTS = ("comp1/power_kw", "comp1/flow_m3_min", "meter1/power_kw")
DEVICES = ("comp1", "meter1")
HEAD = "areas:\n"
HALL = "  - {id: hall, label: {en: Hall, zh: 厂房}}\n"


def areas(folder: Path, text: str) -> Areas:
    path = folder / "sites" / "s1" / "areas.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_areas(folder, "s1", POINTS, DEVICES)


def test_a_point_is_where_its_device_is_unless_an_area_names_it(tmp_path: Path) -> None:
    found = areas(
        tmp_path,
        HEAD + "  - {id: hall, label: {en: Hall, zh: 厂房}, devices: [comp1, meter1]}\n"
        "  - {id: line, label: {en: Line, zh: 产线}, within: hall, points: [meter1/power_kw]}\n"
        "  - {id: cell, label: {en: Cell, zh: 工位}, within: line}\n",
    )
    assert [found.area_of(point) for point in (*POINTS, "pv1/power_kw")] == ["hall", "hall", "line", None]
    assert found.way_to("cell") == ["hall", "line", "cell"]
    assert found.below("hall") == ["hall", "line", "cell"]


def test_a_site_without_the_file_has_no_areas(tmp_path: Path) -> None:
    assert load_areas(tmp_path, "s1", POINTS, DEVICES) == Areas()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (HALL + HALL, "3: areas.1.id: found 'hall', which is taken"),
        (HALL.replace("}}", "}, within: roof}"), "2: areas.0.within: found 'roof', which is no area"),
        (HALL.replace("}}", "}, within: hall}"), "stands within itself: hall -> hall"),
        (
            HALL.replace("}}", "}, devices: [comp9]}"),
            "2: areas.0.devices.0: found 'comp9', which is no device",
        ),
        (
            HALL.replace("}}", "}, devices: [comp1]}") + HALL.replace("}}", "}, devices: [comp1]}"),
            "found 'comp1', which is in 'hall' already",
        ),
        (HALL.replace("}}", "}, points: [comp1/speed]}"), "found 'comp1/speed', which is no point"),
        (HALL.replace("}}", "}, points: [comp1/power_kw, comp1/power_kw]}"), "is in 'hall' already"),
        (HALL.replace("hall", "Hall 1"), "areas.0.id: String should match pattern"),
        (HALL.replace("}}", "}, colour: red}"), "areas.0.colour"),
        (HALL.replace("}}", "}, floor_m2: -1}"), "areas.0.floor_m2: "),
    ],
)
def test_each_slip_is_told_with_its_line(rows: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        areas(tmp_path, HEAD + rows)
    assert words in str(refused.value)
    assert "areas.yaml:" in str(refused.value)


def test_a_long_circle_is_told_once_for_each_area_in_it(tmp_path: Path) -> None:
    ring = "".join(
        f"  - {{id: a{at}, label: {{en: A, zh: A}}, within: a{(at + 1) % 40}}}\n" for at in range(40)
    )
    with pytest.raises(ConfigError) as refused:
        areas(tmp_path, HEAD + ring + "  - {id: b, label: {en: B, zh: B}, within: a0}\n")
    assert len(str(refused.value).splitlines()) == 40


def test_areas_are_checked_with_the_whole_site(configs: Path, tmp_path: Path) -> None:
    files = Path(shutil.copytree(configs, tmp_path / "files"))
    path = files / "sites" / "demo" / "areas.yaml"
    path.write_text(path.read_text().replace("meter_air]", "meter_air, comp9]"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"areas\.yaml:13: areas\.2\.devices\.5: found 'comp9'"):
        check_documents(read_documents(files, "demo"), "demo", files)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("sites/demo/area.yaml", r"sites/demo/area\.yaml:1: .*did you mean sites/demo/areas\.yaml"),
        ("sites/demo/edge2.rules.yaml", r"edge2\.rules\.yaml:1: found a file of 'edge2', which is no edge"),
        ("sites/demo/write/comp9.yaml", r"comp9\.yaml:1: found limits of 'comp9', no device"),
        ("sites/demo/old/areas.yaml", r"old/areas\.yaml:1: found a file that nothing reads"),
        ("devices/spare.yaml", r"devices/spare\.yaml:1: "),
    ],
)
def test_a_file_that_nothing_would_read_is_told(path: str, words: str, configs: Path) -> None:
    documents = {**read_documents(configs, "demo"), path: b"areas: []\n"}
    with pytest.raises(ConfigError, match=words):
        check_documents(documents, "demo", configs)
