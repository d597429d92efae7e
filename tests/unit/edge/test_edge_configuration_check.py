"""What the hub's key may not change: all that a signed write block rests on, and where passwords go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.configuration_check import Refused, Staged, check_staged, refuse_paths
from edge_agent.configuration_store import ConfigurationStore
from edge_agent.prove import sign_blocks
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.configuration import Configuration, Why
from runtime.keys import create_signing_key, load_signing_key
from runtime.site import configuration_files

Change = Callable[[dict[str, Any]], None]
DEVICES = "sites/demo/edge1.yaml"


@pytest.fixture
def now(tmp_path: Path, configs: Path) -> Accepted:
    key = tmp_path / "keys" / "commissioning.key"
    create_signing_key(key)
    place = Place(configs, "demo", "edge1", tmp_path / "edge", tmp_path / "keys", "")
    sign_blocks(configs, "demo", "edge1", place.state, load_signing_key(key))
    return load_accepted(place)


def changed(now: Accepted, path: str, change: Change) -> Configuration:
    files = configuration_files(now.place.config, "demo", "edge1")
    document = yaml.safe_load(files[path])
    change(document)
    files[path] = yaml.safe_dump(document, allow_unicode=True).encode()
    return Configuration(1, "demo", "edge1", "00ff", 1, "test", "", files)


def verdict(now: Accepted, wanted: Configuration) -> Accepted | Refused:
    folder = ConfigurationStore(now.place.state, "edge1").keep(wanted, b"")
    return check_staged(Staged(folder, wanted), now)


def point(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["points"] if one["name"] == name)
    return found


def device(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["devices"] if one["id"] == name)
    return found


def profile_path(now: Accepted, name: str) -> str:
    return f"devices/{now.site.device(name).profile}.yaml"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: point(d, "role_set_code")["address"].update(address=4999), "role_set_code is changed"),
        (lambda d: point(d, "role_set_code").update(scale=2.0), "role_set_code is changed"),
        (lambda d: point(d, "local_mode_code").update(every_s=3600.0), "local_mode_code is changed"),
        (lambda d: d["points"].remove(point(d, "local_mode_code")), "local_mode_code"),
    ],
)
def test_a_point_that_writing_rests_on_stays_as_it_is(now: Accepted, change: Change, words: str) -> None:
    found = verdict(now, changed(now, profile_path(now, "comp1"), change))
    assert isinstance(found, Refused)
    assert words in found.detail
    assert found.why in {Why.WRITE_BLOCK, Why.NOT_VALID}


def test_a_device_with_a_write_block_stays_where_it_is(now: Accepted) -> None:
    def move(document: dict[str, Any]) -> None:
        device(document, "comp1")["connection"]["host"] = "10.0.0.9"

    def remove(document: dict[str, Any]) -> None:
        document["devices"].remove(device(document, "comp1"))

    for change, words in ((move, "'comp1' has a write block and another connection"), (remove, "is gone")):
        found = verdict(now, changed(now, DEVICES, change))
        assert isinstance(found, Refused)
        assert (found.why, words in found.detail) == (Why.WRITE_BLOCK, True)


def test_a_block_that_lies_at_the_box_is_not_taken_over_by_a_new_device(now: Accepted) -> None:
    block = now.place.state / "write" / "comp1.json"
    (block.parent / "ghost1.json").write_bytes(block.read_bytes().replace(b'"comp1"', b'"ghost1"'))

    def add(document: dict[str, Any]) -> None:
        copy = {**device(document, "comp1"), "id": "ghost1"}
        copy["connection"] = {**copy["connection"], "unit": 77}
        document["devices"].append(copy)

    found = verdict(now, changed(now, DEVICES, add))
    assert isinstance(found, Refused)


def test_polling_reporting_and_names_of_other_points_are_the_hubs(now: Accepted) -> None:
    def change(document: dict[str, Any]) -> None:
        point(document, "power_kw").update(every_s=2.0, report={"dead_band": 0.5})
        point(document, "role_set_code")["label"] = {"en": "Role wanted", "zh": "角色"}

    assert isinstance(verdict(now, changed(now, profile_path(now, "comp1"), change)), Accepted)


def test_a_password_of_the_box_is_not_sent_to_an_address_it_was_not_meant_for(now: Accepted) -> None:
    broker = next(one.id for one in now.site.edge.devices if one.connection.kind == "mqtt")

    def move(document: dict[str, Any]) -> None:
        connection = device(document, broker)["connection"]
        connection.update(host="10.9.9.9", login={"user": "x", "password": {"env": "HOME"}, "plain": True})

    found = verdict(now, changed(now, DEVICES, move))
    assert isinstance(found, Refused)
    assert found.why in {Why.SECRET, Why.WRITE_BLOCK}


def test_an_outlet_may_come_from_the_hub_but_not_with_a_login_of_the_box(now: Accepted) -> None:
    def plain(document: dict[str, Any]) -> None:
        document["outlet"] = {"host": "10.9.9.9"}

    def signed_in(document: dict[str, Any]) -> None:
        login = {"user": "x", "password": {"env": "HOME"}, "plain": True}
        document["outlet"] = {"host": "10.9.9.9", "login": login}

    assert isinstance(verdict(now, changed(now, DEVICES, plain)), Accepted)
    found = verdict(now, changed(now, DEVICES, signed_in))
    assert isinstance(found, Refused)
    assert (found.why, "broker that is not known" in found.detail) == (Why.SECRET, True)


def test_the_networks_of_devices_are_widened_at_the_box_alone(now: Accepted, tmp_path: Path) -> None:
    own = tmp_path / "box" / DEVICES
    own.parent.mkdir(parents=True)
    document = yaml.safe_load((now.place.config / DEVICES).read_text("utf-8"))
    own.write_text(yaml.safe_dump(document | {"device_networks": ["127.0.0.0/8"]}), encoding="utf-8")
    files, now = now, replace(now, place=replace(now.place, config=tmp_path / "box"))
    narrower = changed(files, DEVICES, lambda d: d.update(device_networks=["127.0.0.1"]))
    assert isinstance(verdict(now, narrower), Accepted)
    for change, words in (
        (lambda d: d.update(device_networks=["127.0.0.1", "10.0.0.0/8"]), "10.0.0.0/8 lies outside"),
        (lambda d: d.update(outlet=None), "any lies outside"),  # none is any
    ):
        found = verdict(now, changed(files, DEVICES, change))
        assert isinstance(found, Refused)
        assert (found.why, words in found.detail) == (Why.NOT_VALID, True)


def test_faults_are_told_with_file_and_line_and_without_the_folder_they_were_staged_in(now: Accepted) -> None:
    found = verdict(now, changed(now, DEVICES, lambda d: device(d, "comp1").update(profile="nobody_x")))
    assert isinstance(found, Refused)
    assert (found.why, str(now.place.state) in found.detail) == (Why.NOT_VALID, False)
    assert "sites/demo/edge1.yaml:" in found.detail


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("sites/demo/write/comp1.yaml", Why.WRITE_BLOCK),
        ("sites/demo/site.yaml", Why.FILES),
        ("sites/other/edge1.yaml", Why.FILES),
    ],
)
def test_other_files_are_refused_unread(now: Accepted, path: str, why: Why) -> None:
    wanted = changed(now, DEVICES, lambda _: None)
    found = refuse_paths(
        Configuration(1, "demo", "edge1", "", 1, "", "", {**wanted.files, path: b"x"}), now.place
    )
    assert found is not None
    assert found.why is why


def test_a_profile_no_device_uses_and_another_edge_are_refused(now: Accepted) -> None:
    wanted = changed(now, DEVICES, lambda _: None)
    spare = {**wanted.files, "devices/spare_x.yaml": b"id: x"}
    found = verdict(now, Configuration(1, "demo", "edge1", "", 1, "", "", spare))
    assert isinstance(found, Refused)
    assert found.why is Why.FILES
    foreign = refuse_paths(Configuration(1, "demo", "edge9", "", 1, "", "", wanted.files), now.place)
    assert foreign is not None
    assert foreign.why is Why.ADDRESSEE
