from __future__ import annotations

from pathlib import Path

import pytest

from hub.registry.documents import Change, read_documents
from hub.registry.effects import effects
from hub.registry.whole import check_documents
from protocols.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs"
CONTRACT = "contracts/demo.yaml"
BOOK = "sites/demo/accounts.yaml"


def test_contract_and_book_of_a_site_are_among_its_documents() -> None:
    documents = read_documents(CONFIGS, "demo")
    assert BOOK in documents
    body = (CONFIGS / "contracts/es_30td.yaml").read_bytes()
    assert check_documents({**documents, CONTRACT: body}, "demo", CONFIGS).site.id == "demo"


def test_their_faults_are_told_with_those_of_all_other_files() -> None:
    documents = read_documents(CONFIGS, "demo")
    gap = (
        (CONFIGS / "contracts/es_30td.yaml").read_text(encoding="utf-8").replace("00:00-08:00", "00:00-07:00")
    )
    moon = documents[BOOK].decode().replace("area: utilities", "area: moon", 1)
    moon = moon.replace("meter_air/import_kwh", "meter_air/imported_kwh")
    with pytest.raises(ConfigError) as told:
        check_documents({**documents, CONTRACT: gap.encode(), BOOK: moon.encode()}, "demo", Path("there"))
    lines = sorted(str(told.value).splitlines())
    assert len(lines) == 3
    assert lines[0].startswith("there/contracts/demo.yaml:")
    assert "no window holds 07:00-08:00" in lines[0]
    assert all(line.startswith("there/sites/demo/accounts.yaml:") for line in lines[1:])
    assert "for example meter_air/import_kwh" in lines[1]
    assert "'moon', no area of the site" in lines[2]


def test_what_a_change_of_them_means_is_said() -> None:
    found = effects([Change(CONTRACT, "changed", ""), Change(BOOK, "changed", "")], "demo", {})
    assert "accounts" in {one.code for one in found}
