"""The compose files as data: the published schema, nothing open, no password, every secret made.

`compose-spec.json` is the schema of the Compose Specification (Apache-2.0), of compose-go 2.16.2.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.deploy.compose_box import load, merged

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "compose"
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
ONCE = {"bus-setup", "hub-setup", "grafana-setup"}
OURS = {"bus-setup", "bus", "hub-setup", "ingest", "api", "dispatch", "grafana-setup"}
TLS = {"EMS_NAME": "hub.example", "EMS_BUS": "tls://bus:4222"}


def services(name: str = "compose.yaml", **environment: str) -> dict[str, Any]:
    found: dict[str, Any] = load(FOLDER / name, environment)["services"]
    return found


@pytest.mark.parametrize("name", ["compose.yaml", "compose.tls.yaml", "compose.bus3.yaml"])
def test_a_compose_file_fits_the_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(load(FOLDER / name, TLS))


def test_what_is_published_is_on_loopback_until_somebody_says_otherwise() -> None:
    ports = {name: port for name, one in services().items() for port in one.get("ports", ())}
    assert set(ports) == {"bus", "api", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in ports.values())
    outward = {
        name: port
        for name, one in services("compose.tls.yaml", **TLS).items()
        for port in one.get("ports", ())
    }
    assert outward == {"bus": "0.0.0.0:4222:4222", "api": "0.0.0.0:8443:8443"}


def test_our_processes_are_nobody_in_particular_on_a_root_they_cannot_write() -> None:
    found = services()
    assert {name for name, one in found.items() if one["image"].startswith("ai4energy-ems:")} == OURS
    for name in OURS:
        one = found[name]
        assert (one["user"], one["read_only"], one["cap_drop"]) == ("10001:10001", True, ["ALL"]), name
        assert one["security_opt"] == ["no-new-privileges:true"]


def test_every_lasting_service_is_watched_bounded_and_waits_for_what_it_needs() -> None:
    found = services()
    for name in set(found) - ONCE:
        one = found[name]
        assert one["restart"] == "unless-stopped"
        assert "healthcheck" in one, name
        assert "mem_limit" in one, name
        for other, how in one.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == wanted, (name, other)
    assert set(found["ingest"]["depends_on"]) == {"hub-setup", "bus", "influxdb", "postgres"}


def test_images_of_others_are_pinned_by_version() -> None:
    for name, one in services().items():
        if name not in OURS:
            assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", one["image"]), one["image"]


def test_no_secret_stands_in_the_file_and_each_is_made_by_the_script() -> None:
    whole = load(FOLDER / "compose.yaml", {})
    made = set(re.findall(r"^keep (\w+) ", (FOLDER / "secrets.sh").read_text(), re.MULTILINE))
    assert {Path(one["file"]).name for one in whole["secrets"].values()} == made
    for name, one in whole["services"].items():
        for variable, value in one.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", variable):
                assert str(value).startswith("/run/secrets/"), (name, variable)
    used = {
        one if isinstance(one, str) else one["source"]
        for s in whole["services"].values()
        for one in s.get("secrets", ())
    }
    assert used == set(whole["secrets"])


def test_only_dispatch_has_the_folder_of_the_signing_key() -> None:
    holders = {
        name
        for name, one in services().items()
        if any(v.startswith("signing:") for v in one.get("volumes", ()))
    }
    assert holders == {"bus-setup", "dispatch"}


def test_three_servers_of_the_bus_are_the_first_one_s_equals() -> None:
    all_three = "nats://bus:4222,nats://bus2:4222,nats://bus3:4222"
    with pytest.raises(KeyError, match="EMS_BUS"):
        load(FOLDER / "compose.bus3.yaml", {})
    said = {"EMS_BUS": all_three}
    found = merged(load(FOLDER / "compose.yaml", said), load(FOLDER / "compose.bus3.yaml", said))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    first = found["services"]["bus"]
    for name in ("bus2", "bus3"):
        one = found["services"][name]
        for same in ("user", "read_only", "cap_drop", "security_opt", "restart", "mem_limit", "healthcheck"):
            assert one[same] == first[same], (name, same)
        assert one["ports"][0].startswith("127.0.0.1:")
        assert f"{name}:/var/lib/ems/bus" in one["volumes"]
        assert {"bus:/var/lib/ems/first:ro", "keys:/var/lib/ems/keys:ro"} <= set(one["volumes"])
    names = {
        one["environment"]["EMS_BUS_SERVER"]
        for one in found["services"].values()
        if "EMS_BUS_SERVER" in one.get("environment", {})
    }
    assert names == {"bus1", "bus2", "bus3"}
    for role in ("ingest", "api", "dispatch"):
        one = found["services"][role]
        assert f"--bus={all_three}" in one["command"]
        assert one["environment"]["EMS_BUS_REPLICAS"] == "3"
