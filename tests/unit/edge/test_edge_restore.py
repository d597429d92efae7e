"""A dead box is replaced: its accepted configuration comes back, its journal, epoch and leases do not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.configuration_store import ConfigurationStore
from edge_agent.epoch import next_epoch
from edge_agent.gate.book import proof_file
from edge_agent.prove import sign_blocks
from edge_agent.restore import read_saved, restore_box, saved_box
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.clock import Instant
from protocols.configuration import Configuration, Outcome, Why
from protocols.errors import ConfigError
from protocols.saved_box import EPOCHS_LEFT_OUT, SavedBox
from protocols.signing import key_id
from protocols.write_block import FallbackProof
from runtime.keys import create_signing_key
from runtime.site import configuration_files

AT = Instant("b", 1, 2)


@pytest.fixture
def old(tmp_path: Path, configs: Path) -> Accepted:
    """A box in service: a configuration of the hub, signed blocks, one proof, epoch 7."""
    keys = tmp_path / "keys"
    commissioning = create_signing_key(keys / "commissioning.key")
    place = Place(configs, "demo", "edge1", tmp_path / "old", keys, "")
    hub = create_signing_key(keys / "config_sign.key")
    keep(place, hub, 3)
    sign_blocks(configs, "demo", "edge1", place.state, commissioning)
    accepted = load_accepted(place)
    block = accepted.blocks["comp1"]
    proof = FallbackProof(
        device="comp1",
        cap_hash_hex=block.cap_hash().hex(),
        person="x",
        proven_at="2026-01-01T00:00:00Z",
        readings=(),
    )
    proof_file(place.state, "comp1").parent.mkdir()
    proof_file(place.state, "comp1").write_text(proof.model_dump_json())
    (place.state / "epoch").write_text("6\n")
    next_epoch(place.state)
    return load_accepted(place)


def keep(place: Place, key: Ed25519PrivateKey, version: int) -> None:
    files = configuration_files(place.config, "demo", "edge1")
    made = Configuration(version, "demo", "edge1", key_id(key.public_key()), 1, "x", "", files)
    store = ConfigurationStore(place.state, "edge1")
    store.keep(made, made.sealed(key))
    store.decide(Outcome.ACCEPTED, version, Why.NONE, AT)


def new(old: Accepted, tmp_path: Path) -> Place:
    return replace(old.place, config=tmp_path / "empty", state=tmp_path / "new")


def test_the_new_box_goes_by_the_same_configuration_blocks_and_proofs(old: Accepted, tmp_path: Path) -> None:
    place = new(old, tmp_path)
    restored = restore_box(SavedBox.model_validate_json(saved_box(old).model_dump_json()), place)
    assert restored.cap_hashes == old.cap_hashes
    assert set(restored.blocks) == set(old.blocks)
    again = load_accepted(place)
    assert (again.site, again.cap_hashes) == (old.site, old.cap_hashes)
    assert ConfigurationStore(place.state, "edge1").book.seen == 3
    assert next_epoch(place.state) == 7 + EPOCHS_LEFT_OUT + 1
    assert not {"journal.db", "control.db"} & {path.name for path in place.state.iterdir()}


def test_files_given_at_the_box_come_back_too_and_nothing_is_overwritten(
    old: Accepted, tmp_path: Path
) -> None:
    shutil.rmtree(old.place.state / "configuration")
    saved, place = saved_box(load_accepted(old.place)), new(old, tmp_path)
    assert restore_box(saved, place).site == old.site
    shutil.rmtree(place.state)
    (place.config / "sites" / "demo" / "edge1.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="differs from the saved one"):
        restore_box(saved, place)


def test_a_box_in_use_is_left_alone(old: Accepted, tmp_path: Path) -> None:
    place = replace(new(old, tmp_path), state=old.place.state)
    with pytest.raises(ConfigError, match="is in use"):
        restore_box(saved_box(old), place)


@pytest.mark.parametrize("name", ["commissioning", "config_sign"])
def test_what_the_keys_of_the_new_box_did_not_sign_is_refused_and_nothing_is_left(
    old: Accepted, tmp_path: Path, name: str
) -> None:
    place = replace(new(old, tmp_path), keys=tmp_path / "other")
    shutil.copytree(old.place.keys, place.keys)
    for path in place.keys.glob(f"{name}.*"):
        path.unlink()
    create_signing_key(place.keys / f"{name}.key")
    with pytest.raises(ConfigError):
        restore_box(saved_box(old), place)
    assert not place.state.exists()


def test_a_file_changed_on_its_way_is_refused(old: Accepted, tmp_path: Path) -> None:
    saved, place = saved_box(old), new(old, tmp_path)
    other = "01" if saved.signed_hex.endswith("00") else "00"
    for change in ({"accepted": 4}, {"signed_hex": "zz"}, {"signed_hex": saved.signed_hex[:-2] + other}):
        with pytest.raises(ConfigError, match=r"configuration|version"):
            restore_box(saved.model_copy(update=change), place)
    block = json.loads(saved.write["comp1"])
    block["block"]["points"][0]["high"] += 1
    with pytest.raises(ConfigError, match="commissioning key"):
        restore_box(saved.model_copy(update={"write": {"comp1": json.dumps(block)}}), place)
    assert not place.state.exists()


def test_the_commands_say_what_they_did(old: Accepted, tmp_path: Path) -> None:
    file, place = tmp_path / "box.json", new(old, tmp_path)
    where = [f"--config={old.place.config}", f"--keys={old.place.keys}"]
    saved = CliRunner().invoke(app, ["save", str(file), *where, f"--state={old.place.state}"])
    assert "9 write blocks, 1 proofs" in saved.output
    assert read_saved(file).site == "demo"
    done = CliRunner().invoke(app, ["restore", str(file), *where, f"--state={place.state}"])
    assert "demo/edge1: 16 devices, 1 may be written to" in done.output
