"""Rules and controllers of the hub's: what they may do here, which file is in force, and what comes back."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.configuration_check import Refused, Staged, check_staged, refuse_paths
from edge_agent.configuration_store import ConfigurationStore
from edge_agent.controllers.file import load_controllers
from edge_agent.prove import sign_blocks
from edge_agent.restore import restore_box, saved_box
from edge_agent.rules_file import Trial, save_tried
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.clock import Instant
from protocols.configuration import Configuration, Outcome, Why
from protocols.rules import RuleBook
from protocols.signing import key_id
from runtime.keys import create_signing_key, load_signing_key
from runtime.site import configuration_files, controllers_file, rules_file
from runtime.yaml_config import load_config

RULES, CONTROLLERS = "sites/demo/edge1.rules.yaml", "sites/demo/edge1.controllers.yaml"
WRITERS = {"comp1": "air", "comp4": "air", "comp2": "quiet_night"}
TRIED = Trial("quiet_night", "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", 1, 1.0, 0.0)


@pytest.fixture
def place(tmp_path: Path, configs: Path) -> Place:
    """A box of the demo whose signed limits name a controller and a rule."""
    config = tmp_path / "config"
    shutil.copytree(configs, config)
    for device, writer in WRITERS.items():
        path = config / f"sites/demo/write/{device}.yaml"
        block = yaml.safe_load(path.read_text("utf-8"))
        for limits in block["points"]:
            limits["duty"] = {"writer": writer}
        path.write_text(yaml.safe_dump(block), encoding="utf-8")
    key = tmp_path / "keys" / "commissioning.key"
    create_signing_key(key)
    place = Place(config, "demo", "edge1", tmp_path / "edge", tmp_path / "keys", "")
    sign_blocks(config, "demo", "edge1", place.state, load_signing_key(key))
    return place


def examples(configs: Path) -> tuple[str, str]:
    """Controllers and rules of the page, both to act."""
    page = (configs.parent / "docs/local-controllers.md").read_text("utf-8")
    controllers, rules = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    return (
        controllers.replace("    id: air\n", "    id: air\n    mode: active\n"),
        rules.replace("  - id: quiet_night\n", "  - id: quiet_night\n    mode: active\n"),
    )


def wanted(place: Place, **texts: str) -> Configuration:
    """The box's own devices, with these controllers and rules alone."""
    files = configuration_files(place.config, "demo", "edge1")
    kept = {path: content for path, content in files.items() if path not in {RULES, CONTROLLERS}}
    names = {"rules": RULES, "controllers": CONTROLLERS}
    kept |= {names[name]: text.encode() for name, text in texts.items()}
    return Configuration(1, "demo", "edge1", "00ff", 1, "test", "", kept)


def verdict(place: Place, configuration: Configuration) -> Accepted | Refused:
    folder = ConfigurationStore(place.state, "edge1").keep(configuration, b"")
    refused = refuse_paths(configuration, place)
    return refused or check_staged(Staged(folder, configuration), load_accepted(place))


def acting(found: Accepted | Refused) -> set[str]:
    assert isinstance(found, Accepted), found
    return {wish.writer for one in load_controllers(found).hosted for wish in one.wishes if wish.active}


def test_a_rule_of_the_hub_acts_only_where_exactly_that_rule_was_tried(place: Place, configs: Path) -> None:
    _, rules = examples(configs)
    found = verdict(place, wanted(place, rules=rules))
    assert acting(found) == set()
    assert isinstance(found, Accepted)
    assert "quiet_night only advises: it was not tried as it is now" in load_controllers(found).notes[0]
    book = load_config(rules_file(found.folder, "demo", "edge1"), RuleBook)
    save_tried(place.state, {book.rules[0].digest(): TRIED})
    assert acting(verdict(place, wanted(place, rules=rules))) == {"quiet_night"}
    assert acting(verdict(place, wanted(place, rules=rules.replace("limit: 60", "limit: 61")))) == set()


def test_a_rule_of_the_hub_that_fights_with_a_controller_of_the_box_is_refused_with_its_line(
    place: Place, configs: Path
) -> None:
    controllers, rules = examples(configs)
    controllers_file(place.config, "demo", "edge1").write_text(controllers, encoding="utf-8")
    found = verdict(place, wanted(place, rules=rules.replace("comp2/", "comp1/")))
    assert isinstance(found, Refused)
    assert found.why is Why.NOT_VALID
    assert found.detail.startswith(f"{RULES}:6: rules.0.then.0.point: comp1/permit_set_code is set by air")


def test_a_controller_of_the_hub_acts_only_as_it_stands_at_the_box(place: Place, configs: Path) -> None:
    controllers, _ = examples(configs)
    advice = controllers.replace("mode: active", "mode: advice")
    own = controllers_file(place.config, "demo", "edge1")
    assert acting(verdict(place, wanted(place, controllers=advice))) == set()
    begins = verdict(place, wanted(place, controllers=controllers))
    assert isinstance(begins, Refused)
    assert begins.why is Why.WRITE_BLOCK
    assert "controller 'air' is to act and does not stand so at the box" in begins.detail
    own.write_text(controllers, encoding="utf-8")
    assert acting(verdict(place, wanted(place, controllers=controllers))) == {"air"}
    changed = verdict(place, wanted(place, controllers=controllers.replace("6.7", "7.9")))
    assert isinstance(changed, Refused)
    assert changed.why is Why.WRITE_BLOCK
    for less in (advice, "controllers: []\n"):
        assert acting(verdict(place, wanted(place, controllers=less))) == set()


def test_a_file_the_hub_does_not_send_is_that_of_the_box_and_an_empty_list_takes_it_away(
    place: Place, configs: Path
) -> None:
    controllers, rules = examples(configs)
    controllers_file(place.config, "demo", "edge1").write_text(controllers, encoding="utf-8")
    rules_file(place.config, "demo", "edge1").write_text(rules, encoding="utf-8")
    for texts, ids in (
        ({}, ["air", "rules"]),
        ({"rules": "rules: []\n"}, ["air"]),
        ({"rules": "rules: []\n", "controllers": "controllers: []\n"}, []),
    ):
        found = verdict(place, wanted(place, **texts))
        assert isinstance(found, Accepted)
        assert [one.id for one in load_controllers(found).hosted] == ids


def test_rules_of_another_edge_are_refused_unread(place: Place) -> None:
    other = wanted(place)
    files = {**other.files, "sites/demo/edge2.rules.yaml": b"rules: []"}
    found = refuse_paths(replace(other, files=files), place)
    assert found == (Why.FILES, "holds sites/demo/edge2.rules.yaml")


def test_rules_in_force_are_checked_without_naming_their_file(place: Place, configs: Path) -> None:
    store = ConfigurationStore(place.state, "edge1")
    store.keep(wanted(place, rules=examples(configs)[1]), b"")
    store.decide(Outcome.ACCEPTED, 1, Why.NONE, Instant("b", 1, 2))
    where = [f"--config={place.config}", f"--state={place.state}", f"--keys={place.keys}"]
    said = CliRunner().invoke(app, ["rules", "check", *where])
    assert said.exit_code == 0, said.exception
    assert f"configuration/1/{RULES}: 1 rules fit demo/edge1; 1 of them are to act" in said.output


def test_a_new_box_goes_by_the_rules_of_the_hub_too(place: Place, configs: Path, tmp_path: Path) -> None:
    controllers, rules = examples(configs)
    controllers_file(place.config, "demo", "edge1").write_text(controllers, encoding="utf-8")
    key = create_signing_key(place.keys / "config_sign.key")
    made = replace(wanted(place, rules=rules), key_id=key_id(key.public_key()))
    store = ConfigurationStore(place.state, "edge1")
    store.keep(made, made.sealed(key))
    store.decide(Outcome.ACCEPTED, 1, Why.NONE, Instant("b", 1, 2))
    fresh = replace(place, config=tmp_path / "empty", state=tmp_path / "new")
    restored = restore_box(saved_box(load_accepted(place)), fresh)
    assert [one.id for one in load_controllers(restored).hosted] == ["air", "rules"]
    again = load_accepted(fresh)
    assert again.folder == restored.folder == fresh.state / "configuration" / "1"
    assert set(ConfigurationStore(fresh.state, "edge1").book.given) == {CONTROLLERS}
