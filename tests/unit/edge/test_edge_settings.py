"""What an agent accepts: whole files, blocks the commissioning key signed, an epoch that counts up."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from edge_agent.cli import app
from edge_agent.commission.record import CommissioningRecord, Comparison, profile_hash, save_record
from edge_agent.epoch import next_epoch
from edge_agent.prove import sign_blocks
from edge_agent.settings import Place, bus_login, gate_rules, load_accepted
from protocols.errors import ConfigError, KeyFileError, StoreError
from runtime.children import free_port
from runtime.keys import create_signing_key, load_signing_key
from runtime.site import load_devices, load_write_blocks

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("commissioning", "hub_sign"):
        create_signing_key(tmp_path / "keys" / f"{name}.key")
    return Place(CONFIGS, "demo", "edge1", tmp_path / "edge", tmp_path / "keys", "nats://127.0.0.1:1")


def sign(place: Place) -> None:
    sign_blocks(CONFIGS, "demo", "edge1", place.state, load_signing_key(place.keys / "commissioning.key"))


def test_the_demo_is_accepted_and_read_only_until_its_blocks_are_signed(place: Place) -> None:
    accepted = load_accepted(place)
    assert len(accepted.site.edge.devices) == 16
    assert not accepted.blocks
    assert not gate_rules(accepted, 1).points


def test_signed_blocks_are_accepted_and_count_as_proven_only_with_a_proof(place: Place) -> None:
    sign(place)
    accepted = load_accepted(place)
    rules = gate_rules(accepted, 3)
    assert set(accepted.blocks) == {
        "comp1",
        "comp2",
        "comp3",
        "comp4",
        "chiller1",
        "chiller2",
        "battery1",
        "chp1",
        "pv1",
    }
    assert accepted.cap_hashes == {}
    assert rules.agent_epoch == 3
    assert not any(point.proven for point in rules.points.values())
    assert accepted.local_points["comp1"] == "local_mode_code"


def test_a_block_that_was_changed_after_signing_is_refused(place: Place) -> None:
    sign(place)
    path = place.state / "write" / "comp1.json"
    document = json.loads(path.read_text())
    document["block"]["points"][0]["high"] = 4
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"comp1\.json: not signed by the commissioning key"):
        load_accepted(place)


def test_a_missing_key_is_named(place: Place) -> None:
    sign(place)
    (place.keys / "commissioning.pub").unlink()
    with pytest.raises(KeyFileError, match="commissioning"):
        load_accepted(place)


def test_a_missing_seed_of_the_bus_says_what_to_do(place: Place) -> None:
    with pytest.raises(ConfigError, match="ems bus token edge1"):
        bus_login(place)


def test_a_missing_device_list_is_one_sentence(place: Place) -> None:
    with pytest.raises(ConfigError, match="is missing; give --config"):
        load_accepted(Place(CONFIGS, "demo", "edge9", place.state, place.keys, place.bus))


def test_a_broken_device_list_names_file_and_line(place: Place, tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    path = tmp_path / "configs" / "sites" / "demo" / "edge1.yaml"
    path.write_text(path.read_text().replace("port: 15511", "port: 99999"))
    with pytest.raises(ConfigError, match=r"edge1\.yaml:\d+"):
        load_accepted(Place(tmp_path / "configs", "demo", "edge1", place.state, place.keys, place.bus))


def test_the_epoch_counts_up_with_each_start(tmp_path: Path) -> None:
    assert [next_epoch(tmp_path / "edge") for _ in range(3)] == [1, 2, 3]


def test_an_epoch_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_text("not a number")
    with pytest.raises(StoreError, match="one whole number"):
        next_epoch(tmp_path)


def _prove(place: Place, *arguments: str) -> None:
    options = [f"--config={place.config}", f"--state={place.state}", f"--keys={place.keys}", "--person=test"]
    app(["prove", *options, *arguments], standalone_mode=False)


def _compared_before(configs: Path, state: Path) -> None:
    """Records of a day when the compressors still answered."""
    site = load_devices(configs, configs / "sites" / "demo" / "edge1.yaml")
    for name, block in load_write_blocks(configs, "demo", site).items():
        profile = site.profile_of(name)
        comparisons = tuple(
            Comparison(point=limits.point, unit="code", read=3.0, shown=3.0, raw_hex="0003")
            for limits in block.points
        )
        record = CommissioningRecord(
            device=name, profile=profile.id, profile_hash_hex=profile_hash(profile), connection="{}",
            person="A. Smith", compared_at="2026-01-05T08:00:00Z", tolerance_frac=0.02,
            comparisons=comparisons,
        )  # fmt: skip
        save_record(state, record)


def test_a_device_that_is_not_proven_is_an_error_that_names_it(place: Place, tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    file = configs / "sites" / "demo" / "edge1.yaml"
    edge = yaml.safe_load(file.read_text())
    edge["devices"] = [device for device in edge["devices"] if device["id"] in {"comp1", "comp2"}]
    for device in edge["devices"]:
        device["connection"] |= {"port": free_port(), "timeout_s": 0.2}
    file.write_text(yaml.safe_dump(edge))
    with pytest.raises(ConfigError, match=r"comp1: nobody compared it.*\ncomp2: nobody compared it"):
        _prove(replace(place, config=configs), "--sign")
    _compared_before(configs, place.state)
    with pytest.raises(ConfigError, match=r"comp1: not proven.*; comp2: not proven"):
        _prove(replace(place, config=configs), "--sign")
    assert not list(place.state.glob("proofs/*"))


def test_nothing_to_prove_is_an_error_that_says_what_to_do(place: Place) -> None:
    with pytest.raises(ConfigError, match=r"holds no signed write block.*add --sign"):
        _prove(place)
