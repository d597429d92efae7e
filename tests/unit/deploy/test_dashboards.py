"""The dashboards: every query gives rows of a real server, every figure is one that is told."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.store.influx.lines import ROLLUP, SAMPLE, key_of
from protocols.point import parse_point
from runtime.influx_server import InfluxServerProcess
from tests.influx import influx_of_tests
from tests.promql import RULES, alert_queries

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "grafana"
SOURCES = ROOT / "deploy" / "compose" / "grafana" / "provisioning" / "datasources" / "ems.yaml"
POINT = parse_point("demo/comp1/power_kw")
NS = 1_000_000_000
NOW_S = 1_790_000_000
FILLED = {
    "${site:regex}": "demo", "${device:regex}": "comp1", "${point:regex}": r"(demo\/comp1\/power_kw)",
    "v.timeRangeStart": "2026-09-21T00:00:00Z", "v.timeRangeStop": "2026-09-22T00:00:00Z",
    "start: -1h": "start: 2026-09-21T00:00:00Z", "start: -400d": "start: 2025-09-21T00:00:00Z",
}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def queries(name: str, key: str) -> list[str]:
    return [
        target[key] for panel in dashboard(name)["panels"] for target in panel["targets"] if key in target
    ]


def asked(server: InfluxServerProcess, path: str, body: bytes | None = None, kind: str = "text/plain") -> str:
    headers = {"Authorization": f"Token {server.token}", "Content-Type": kind}
    request = urllib.request.Request(f"{server.url}/api/v2/{path}", body, headers)  # noqa: S310  our own server
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  as above
        return str(answer.read().decode())


def written(server: InfluxServerProcess, bucket: str, line: str) -> None:
    """Write a line into a bucket, which is made where it is missing."""
    owner = json.loads(asked(server, "orgs?org=ems"))["orgs"][0]["id"]
    if bucket not in {one["name"] for one in json.loads(asked(server, "buckets"))["buckets"]}:
        wish = {"orgID": owner, "name": bucket, "retentionRules": []}
        asked(server, "buckets", json.dumps(wish).encode(), "application/json")
    asked(server, f"write?org=ems&bucket={bucket}", line.encode())


@pytest.mark.net
def test_every_query_of_the_plant_gives_rows_of_the_real_server() -> None:
    variables = [one["query"]["query"] for one in dashboard("plant")["templating"]["list"]]
    with influx_of_tests() as server:
        at = NOW_S * NS
        window = "mean=5.0,low=4.0,high=6.0,covered=450.0,worst=0i"
        written(server, "ems", f"{key_of(SAMPLE, POINT)}v=5.5,q=0i,n=1i {at}\n")
        written(server, "ems_15m", f"{key_of(ROLLUP, POINT)}{window} {at - at % (900 * NS)}\n")
        found = {}
        for query in [*variables, *queries("plant", "query")]:
            filled = query
            for name, value in FILLED.items():
                filled = filled.replace(name, value)
            found[query] = asked(server, "query?org=ems", filled.encode(), "application/vnd.flux")
    for query, answer in found.items():
        assert len(answer.split()) > 1, query
    assert ",demo" in found[variables[0]]
    assert ",comp1" in found[variables[1]]
    complete = [answer for query, answer in found.items() if "covered" in query]
    assert all(",50," in answer for answer in complete)


def test_every_figure_of_a_panel_is_told_by_the_hub_or_an_edge() -> None:
    hub = "\n".join(path.read_text() for path in (ROOT / "hub").rglob("*.py"))
    edge = "\n".join(path.read_text() for path in (ROOT / "edge_agent").rglob("*.py"))
    asked = [*queries("hub", "expr"), *alert_queries()]
    named = {name for query in asked for name in re.findall(r"ems_(?:hub|edge)_\w+", query)}
    assert len(named) > 12
    for name in named:
        _, where, figure = name.split("_", 2)
        assert f'"{figure}"' in (hub if where == "hub" else edge), name


@pytest.mark.parametrize("name", ["plant", "hub"])
def test_every_panel_has_a_data_source_that_is_provisioned(name: str) -> None:
    provisioned = {one["uid"] for one in yaml.safe_load(SOURCES.read_text())["datasources"]}
    panels = dashboard(name)["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} <= provisioned
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        columns = range(grid["x"], grid["x"] + grid["w"])
        cells = {(x, y) for x in columns for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells


def test_every_alert_says_in_both_languages_what_is_so_and_how_urgent() -> None:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            said = rule["annotations"]
            assert said["summary"].isascii(), rule["alert"]
            assert re.search(r"[\u4e00-\u9fff]", said["summary_zh"]), rule["alert"]
            assert rule["labels"]["severity"] in {"warning", "critical"}
    plain, tls = (
        yaml.safe_load((RULES.parent / name).read_text()) for name in ("prometheus.yml", "prometheus.tls.yml")
    )
    assert plain["rule_files"] == tls["rule_files"] == [f"/etc/prometheus/{RULES.name}"]
    hub = tls["scrape_configs"][0]
    assert (hub["scheme"], hub["tls_config"]["server_name"]) == ("https", "bus")
    assert plain["scrape_configs"][1:] == tls["scrape_configs"][1:]


def test_grafana_reads_its_token_from_a_file_and_may_not_be_edited_away() -> None:
    source = yaml.safe_load(SOURCES.read_text())["datasources"][0]
    assert source["secureJsonData"]["token"] == "$__file{/run/reader/token}"  # noqa: S105  where it stands
    assert source["editable"] is False
