"""The compose file is run: each service as its user, with its mounts, until its health check passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.needs import missing
from tests.unit.deploy import foreign_images
from tests.unit.deploy.compose_box import Box, box
from tests.unit.deploy.dockerfile import Builder, Stage

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
READY_S = 60.0
HUB = ("ingest", "api", "dispatch")

pytestmark = [pytest.mark.net, pytest.mark.slow]


def light_image(folder: Path) -> Stage:
    """The image as its file makes it, but with this environment for what the stages before would install."""
    if os.geteuid() != 0 or shutil.which("nsenter") is None:
        missing("root", "a root and a network of one's own are mounted by root")
    given = folder / "given"
    (given / "opt").mkdir(parents=True)
    (given / "opt" / "ems").symlink_to(Path(sys.prefix))
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    done = {"page": given, "wheel": given, "installed": given, "system": folder / "nothing"}
    (folder / "nothing").mkdir()
    made = Builder(ROOT, folder / "image", done).build(text)
    (made.layer / "root").mkdir()  # the interpreter of this environment may stand below it
    (made.layer / "root").chmod(0o755)
    return made


@contextmanager
def running(image: Stage, folder: Path) -> Iterator[Box]:
    """The box, with secrets as the script makes them."""
    secrets = folder / "secrets"
    subprocess.run(["/bin/sh", COMPOSE.with_name("secrets.sh"), secrets], check=True, capture_output=True)
    with box(COMPOSE, image, folder) as made:
        yield made


def servers_started(here: Box, image: Stage, secrets: Path) -> None:
    """Bus and databases, set up as their images do it."""
    here.finished("bus-setup", READY_S)
    here.start("bus")
    here.start(
        "postgres", foreign_images.postgres(here.services["postgres"].data["environment"], image.layer)
    )
    influx = here.services["influxdb"].data["environment"]
    here.start("influxdb", foreign_images.influxdb(influx, image.layer))
    for name in ("bus", "influxdb", "postgres"):
        here.healthy(name, READY_S)
    here.post("http://127.0.0.1:8086/api/v2/setup", foreign_images.setup_request(influx, secrets))


def hub_started(here: Box) -> str:
    """The three roles; gives what the setup said."""
    said = here.finished("hub-setup", READY_S)
    here.finished("grafana-setup", READY_S)
    for name in HUB:
        here.start(name)
    return said


@pytest.mark.timeout(90)
def test_bus_and_databases_start_as_the_compose_file_says_and_are_healthy(tmp_path: Path) -> None:
    image = light_image(tmp_path)
    with running(image, tmp_path) as here:
        servers_started(here, image, tmp_path / "secrets")
        here.finished("grafana-setup", READY_S)
        token = (here.volume("reader") / "token").read_text()
        here.finished("grafana-setup", READY_S)
        assert (here.volume("reader") / "token").read_text() == token


@pytest.mark.nightly
@pytest.mark.timeout(1500)
def test_the_image_is_built_and_every_service_of_the_compose_file_runs_in_it(tmp_path: Path) -> None:
    light_image(tmp_path / "light")
    try:
        image = Builder(ROOT, tmp_path / "image").build((ROOT / "deploy" / "Dockerfile").read_text())
    except subprocess.CalledProcessError as error:
        missing("packages", f"the image cannot be built: {error}")
    with running(image, tmp_path) as here:
        prove(here, image, tmp_path / "secrets")


def prove(here: Box, image: Stage, secrets: Path) -> None:
    """Everything of the file but the pages of others starts, is healthy, does its work and ends well."""
    servers_started(here, image, secrets)
    assert "admin password: " in hub_started(here)
    for name in HUB:
        here.healthy(name, READY_S)
    here.start("ingest", number=2)  # `up --scale ingest=2`
    here.healthy("ingest", READY_S, 2)
    check_doors(here, secrets)
    here.until((here.volume("signing") / "hub_sign.key").exists, READY_S)
    assert not (here.volume("keys") / "hub_sign.key").exists()
    state = ["--state", "/var/lib/ems/hub"]
    backup = here.inside("api", ["ems", "backup", "/tmp/b.tar.zst", *state])
    assert backup.returncode == 0, backup
    drill = here.inside("api", ["ems", "backup", "drill", "/tmp/b.tar.zst", "--in", "/tmp"])
    assert drill.returncode == 0, drill
    assert [here.stop(name) for name in HUB] == [0, 0, 0]


def check_doors(here: Box, secrets: Path) -> None:
    """A box comes in although bus and API are two containers; Grafana's token reads and nothing else."""
    state = ["--state", "/var/lib/ems/bus", "--hub-state", "/var/lib/ems/hub"]
    token = here.inside("api", ["ems", "bus", "token", "edge1", *state, "--hub", "http://127.0.0.1:8080"])
    assert token.returncode == 0, token
    joined = here.inside("api", ["ems", "edge", "join", token.stdout.split()[-1], "--keys", "/tmp/box"])
    assert (joined.returncode, "edge1" in joined.stdout) == (0, True), joined
    reader = (here.volume("reader") / "token").read_text()
    buckets = "http://127.0.0.1:8086/api/v2/buckets"
    assert "ems_15m" in here.ask(buckets, reader)
    with pytest.raises(AssertionError, match=r"401|403"):
        here.ask("http://127.0.0.1:8086/api/v2/write?org=ems&bucket=ems", reader, "m v=1")
    assert reader != (secrets / "influx_token").read_text()
    assert "ems_hub_" in here.ask("http://127.0.0.1:8080/metrics", "")
