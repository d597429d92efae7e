"""The register of the bus: keys stay, changes are told, bad input is refused."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ems.bus_cli import app
from ems.bus_settings import Wanted, settled
from protocols import subjects
from protocols.errors import ConfigError
from runtime.bus_register import BusKeeper, new_seed, nobodys_key, public_key
from runtime.nats_server import server_binary

RUN = CliRunner()


def _config(folder: Path, *more: str) -> list[str]:
    arguments = ["config", f"--state={folder / 'bus'}", f"--keys={folder / 'keys'}", *more]
    done = RUN.invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_the_written_configuration_is_one_that_the_server_takes(tmp_path: Path) -> None:
    _config(tmp_path, "--edge=edge1", "--edge=edge2", "--spare=3")
    path = tmp_path / "bus" / "nats.conf"
    done = subprocess.run([server_binary(), "-t", "-c", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    assert "sync_interval: always" in text
    assert 'http: "127.0.0.1:8222"' in text
    for absent in ("mqtt", "websocket", "leafnodes {", "no_auth_user", "deny", "cluster"):
        assert absent not in text


def test_again_keeps_every_key_adds_edges_and_tells_the_difference(tmp_path: Path) -> None:
    assert _config(tmp_path, "--edge=edge1")[:2] == ["+ server 127.0.0.1:4222", "+ edge edge1 (spare)"]
    before = BusKeeper(tmp_path / "bus").known()
    seed = (tmp_path / "keys" / "hub.nk").read_bytes()
    assert _config(tmp_path)[0] == "nothing changes"
    assert _config(tmp_path, "--edge=edge2", "--monitor-port=0")[:2] == [
        "~ monitor_port: 8222 → 0",
        "+ edge edge2 (spare)",
    ]
    after = BusKeeper(tmp_path / "bus").known()
    assert after.find("edge1") == before.find("edge1")
    assert (after.hub_key, (tmp_path / "keys" / "hub.nk").read_bytes()) == (before.hub_key, seed)


def test_every_subject_of_an_edge_is_in_its_account(tmp_path: Path) -> None:
    """The table at the top of protocols/subjects.py is what an edge's account must let through."""
    _config(tmp_path, "--edge=edge1")
    account = (tmp_path / "bus" / "nats.conf").read_text().partition("EDGE_edge1: {")[2]
    named = re.findall(r"^(?:up|down|both)? +(\w+)\.<edge>", subjects.__doc__ or "", re.MULTILINE)
    assert len(named) >= 10
    for name in named:
        wanted = "CONSUMER.MSG.NEXT.CMD.CMD_edge1" if name == "cmd" else f"{name}.edge1"
        assert wanted in account, name


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    assert "+ edge edge1 (spare)" in _config(tmp_path, "--edge=edge1", "--dry-run")
    assert not (tmp_path / "bus").exists()
    assert not (tmp_path / "keys").exists()


def test_seeds_are_private_and_in_no_written_or_printed_line(tmp_path: Path) -> None:
    printed = "\n".join(_config(tmp_path, "--edge=edge1"))
    seed = (tmp_path / "keys" / "hub.nk").read_text()
    assert stat.S_IMODE((tmp_path / "keys" / "hub.nk").stat().st_mode) == 0o600
    written = "\n".join(path.read_text() for path in (tmp_path / "bus").iterdir())
    assert seed not in printed + written
    assert stat.S_IMODE((tmp_path / "bus" / "nats.conf").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(listen="somewhere"), "--listen"),
        (Wanted(listen="127.0.0.1:70000"), "1 to 65535"),
        (Wanted(listen="10.0.0.1:4222"), "in the clear"),
        (Wanted(listen="0.0.0.0:4222", plain=True), "--address is needed"),
        (Wanted(address="tls://hub.example:4222"), "no certificate"),
        (Wanted(edges=("Edge 1",)), "cannot be an edge's id"),
        (Wanted(edges=("hub",)), "cannot be an edge's id"),
        (Wanted(edges=('e"} }',)), "cannot be an edge's id"),
        (Wanted(spare=501), "at most 500"),
    ],
)
def test_what_does_not_go_together_is_refused(wanted: Wanted, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settled(None, wanted, nobodys_key())


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["config", f"--state={tmp_path / 'bus'}", f"--tls-cert={tmp_path / 'c.pem'}"])
    assert isinstance(done.exception, ConfigError)
    assert "belong together" in str(done.exception)


def test_a_spoiled_register_is_told_and_left_alone(tmp_path: Path) -> None:
    _config(tmp_path, "--edge=edge1")
    path = tmp_path / "bus" / "bus.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(ConfigError, match="is no register"):
        BusKeeper(tmp_path / "bus").known()


def test_an_account_that_is_not_there_cannot_be_revoked_or_taken(tmp_path: Path) -> None:
    _config(tmp_path, "--edge=edge1")
    keeper = BusKeeper(tmp_path / "bus")
    for act in (lambda: keeper.revoke("edge9"), lambda: keeper.admit("edge9", nobodys_key())):
        with pytest.raises(ConfigError, match="no account for an edge 'edge9'; it has: edge1"):
            act()


def test_a_stale_pid_file_signals_nobody(tmp_path: Path) -> None:
    _config(tmp_path, "--edge=edge1")
    (tmp_path / "bus" / "nats.pid").write_text("1")
    assert not BusKeeper(tmp_path / "bus").reload()


def test_a_seed_is_told_from_other_text() -> None:
    assert public_key(new_seed()).startswith("U")
    with pytest.raises(ConfigError, match="no nkey seed"):
        public_key(b"SUSHI")
