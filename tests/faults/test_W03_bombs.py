"""W3: bodies, texts and tables that are made to fill a hub are refused early, and cells are no formulas."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from hub.alarms.review import review
from hub.alarms.states import Happened
from hub.api import account_csv
from hub.api.static import MOST_BODY_BYTES, MOST_CONFIGURATION_BYTES
from hub.database import FILE, embedded_url
from hub.ledger import audit_cli
from protocols.config import Text
from protocols.errors import ConfigError
from protocols.units import UNITS
from runtime import spreadsheet
from runtime.yaml_config import load_yaml
from tests.unit.hub.api_running import Running, running_api

_CHUNK = b"x" * 65_536
_TWO_GB = 2 * 1024**3
_LOGIN = "/api/v1/auth/login"
_CONFIG = "/api/v1/sites/demo/configuration/check"


@pytest.fixture
async def api(business_file: Path, tmp_path: Path) -> AsyncIterator[Running]:
    shutil.copyfile(business_file, tmp_path / FILE)
    async with running_api(embedded_url(tmp_path), tmp_path) as running:
        yield running


class Body:
    """A body of 2 GB that counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < _TWO_GB:
            self.taken += len(_CHUNK)
            yield _CHUNK


@pytest.mark.parametrize(("path", "most"), [(_LOGIN, MOST_BODY_BYTES), (_CONFIG, MOST_CONFIGURATION_BYTES)])
async def test_of_a_body_of_two_gigabytes_no_more_is_read_than_it_may_have(
    api: Running, path: str, most: int, record_property: Callable[[str, object], None]
) -> None:
    token, body, process = await api.token(), Body(), psutil.Process()
    before, began_s = process.memory_info().rss, time.perf_counter()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = await api.client.post(path, headers=headers, content=body)
    grown_mb = (process.memory_info().rss - before) / 1e6
    assert answer.status_code == 413
    assert body.taken <= most + 2 * len(_CHUNK)
    assert grown_mb < 100
    record_property("figure", f"{grown_mb:.0f} MB more, {time.perf_counter() - began_s:.2f} s")


@pytest.mark.parametrize("way", ["gzip", "deflate", "zstd", "br"])
async def test_a_body_that_is_compressed_is_not_unpacked(api: Running, way: str) -> None:
    packed = zlib.compress(bytes(300_000_000), wbits=31 if way == "gzip" else 15)
    headers = {
        "Authorization": f"Bearer {await api.token()}", "Content-Type": "application/json",
        "Content-Encoding": way,
    }  # fmt: skip
    before = psutil.Process().memory_info().rss
    for path in (_LOGIN, _CONFIG, "/api/v1/sites/demo/orders"):
        answer = await api.client.post(path, headers=headers, content=packed)
        assert answer.status_code == 422, answer.text[:200]
    assert psutil.Process().memory_info().rss - before < 100_000_000


@pytest.mark.parametrize("path", [_LOGIN, _CONFIG, "/api/v1/sites/demo/orders", "/api/v1/me/tokens"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"username":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"9" * 900_000,
        b'"' + b"\\u0000" * 100_000 + b'"',
        json.dumps({"k" * 10 + str(at): at for at in range(35_000)}).encode(),
    ],
)
async def test_a_body_that_is_too_deep_or_too_odd_is_refused_in_words(
    api: Running, path: str, body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {await api.token()}", "Content-Type": "application/json"}
    answer = await api.client.post(path, headers=headers, content=body)
    assert answer.status_code == 422, answer.text[:200]
    assert answer.headers["content-type"] == "application/problem+json"


def _laughs() -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [_laughs(), "[" * 100_000, "- " * 50_000 + "x", "{a: " * 50_000])
def test_yaml_that_unfolds_or_nests_is_refused_at_its_first_step(tmp_path: Path, text: str) -> None:
    (tmp_path / "bomb.yaml").write_text(text)
    began_s = time.perf_counter()
    with pytest.raises(ConfigError):
        load_yaml(tmp_path / "bomb.yaml")
    assert time.perf_counter() - began_s < 10


FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\ufeff=1", "\x01-1",
    "\uff1d1+1", "\uff0d1", "\ufe621",
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_in_an_export_is_no_formula(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    label, safe = Text(en=text, zh=text), f"'{text}"
    assert spreadsheet.cell(text) == safe
    happened = Happened("a", "raised", 1, 2, 1, label)
    (_, told) = csv.reader(io.StringIO(review([happened], {}, "zh"), newline=""))
    assert told[1] == safe
    (accounts,) = csv.reader(
        io.StringIO(account_csv._text([[text, -1.5]]).removeprefix("\ufeff"), newline="")
    )
    assert accounts == [safe, "-1.5"]
    audit_cli._print([{"time_ns": 1, "reason": text}], as_json=False, as_csv=True)
    (audited,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert audited["reason"] == safe


def test_all_that_writes_csv_writes_it_by_the_one_rule_or_has_no_words_of_people_in_it() -> None:
    known = {
        "hub/api/export_streams.py": "ids of points and units of the closed table",
        "ems/accounts_fetch_cli.py": "ids of meters, read back by the hub itself",
    }
    root = Path(__file__).parents[2]
    writing = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for room in ("accounts", "edge_agent", "ems", "ems_client", "hub", "optimizer", "runtime")
        for path in (root / room).rglob("*.py")
        if re.search(r"csv\.writer|DictWriter|CSVWriter", path.read_text(encoding="utf-8"))
    }
    assert {path for path, text in writing.items() if "spreadsheet." not in text} == set(known)
    assert [symbol for symbol in UNITS if spreadsheet.cell(symbol) != symbol] == []
