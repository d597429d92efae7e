"""The compose file is run: each service as its user, with its mounts, until its health check passes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import missing
from tests.unit.deploy import foreign_images
from tests.unit.deploy.compose_box import Box, box
from tests.unit.deploy.dockerfile import Builder, Stage

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
READY_S = 60.0

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The image as its file makes it, but with this environment for what the stages before would install."""
    if os.geteuid() != 0 or shutil.which("nsenter") is None:
        missing("root", "a root and a network of one's own are mounted by root")
    folder = tmp_path_factory.mktemp("image")
    given = folder / "given"
    (given / "opt").mkdir(parents=True)
    (given / "opt" / "ems").symlink_to(ROOT / ".venv")
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    made = Builder(ROOT, folder, {"page": given, "wheel": given, "installed": given}).build(text)
    (made.layer / "root").mkdir()  # the interpreter of this environment may stand below it
    (made.layer / "root").chmod(0o755)
    return made


@pytest.fixture
def here(image: Stage, tmp_path: Path) -> Iterator[Box]:
    """The box, with secrets as the script makes them."""
    secrets = tmp_path / "secrets"
    subprocess.run(["/bin/sh", COMPOSE.with_name("secrets.sh"), secrets], check=True, capture_output=True)
    with box(COMPOSE, image, tmp_path) as made:
        yield made


def test_every_service_of_the_compose_file_starts_and_is_healthy(
    here: Box, image: Stage, tmp_path: Path
) -> None:
    here.finished("bus-setup", READY_S)
    here.start("bus")
    here.start("postgres", foreign_images.postgres(here.services["postgres"].data["environment"]))
    influx = here.services["influxdb"].data["environment"]
    here.start("influxdb", foreign_images.influxdb(influx, image.layer))
    here.healthy("bus", READY_S)
    here.healthy("influxdb", READY_S)
    here.healthy("postgres", READY_S)
    here.post(
        "http://127.0.0.1:8086/api/v2/setup", foreign_images.setup_request(influx, tmp_path / "secrets")
    )
