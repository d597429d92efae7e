"""The small overlay is run: each pod's containers in order, with users and volumes, until they are ready."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deploy import foreign_images
from tests.unit.deploy.compose_box import Box, box
from tests.unit.deploy.dockerfile import Stage
from tests.unit.deploy.pod_box import services_of
from tests.unit.deploy.test_compose_runs import READY_S, light_image
from tests.unit.deploy.test_kubernetes import FOLDER, manifests

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(300)]
NAMES = "ems-bus ems-api ems-door postgres influxdb"


def databases_started(here: Box, image: Stage, secrets: Path) -> None:
    """PostgreSQL and InfluxDB, set up as their images do it."""
    wanted = {name: here.services[f"{name}.{name}"].data["environment"] for name in ("postgres", "influxdb")}
    here.start("postgres.postgres", foreign_images.postgres(wanted["postgres"], image.layer))
    here.start("influxdb.influxdb", foreign_images.influxdb(wanted["influxdb"], image.layer))
    for name in ("postgres", "influxdb"):
        here.healthy(f"{name}.{name}", READY_S)
    setup = foreign_images.setup_request(wanted["influxdb"], secrets)
    here.post("http://127.0.0.1:8086/api/v2/setup", setup)


def test_every_pod_of_the_small_overlay_is_ready_and_lets_a_box_in_by_tls(tmp_path: Path) -> None:
    image = light_image(tmp_path)
    secrets = tmp_path / "secrets"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    words = ["/bin/sh", str(FOLDER / "secrets.sh"), str(secrets), "bus.ems.example"]
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "PATH": path})
    data = services_of(manifests("small"), secrets, tmp_path / "volumes")
    with box(FOLDER, image, tmp_path, data, NAMES) as here:
        databases_started(here, image, secrets)
        for name in ("ems-bus.keys", "ems-bus.configuration"):
            here.finished(name, READY_S)
        here.start("ems-bus.bus")
        here.healthy("ems-bus.bus", READY_S)
        here.finished("ems-setup.keys", READY_S)
        assert "admin password: " in here.finished("ems-setup.setup", READY_S)
        for role in ("ingest", "api", "dispatch"):
            here.finished(f"ems-{role}.keys", READY_S)
            here.start(f"ems-{role}.{role}")
        for role in ("ingest", "api", "dispatch"):
            here.healthy(f"ems-{role}.{role}", READY_S)
        assert here.stop("ems-api.api") == 0
        here.start("ems-bus.door")
        here.healthy("ems-bus.door", READY_S)
        check_door(here)


def check_door(here: Box) -> None:
    """A box gets its account although the bus is another container of the pod; the bus is told at once."""
    folders = ["--state", "/var/lib/ems/bus", "--hub-state", "/var/lib/ems/hub"]
    said = here.inside(
        "ems-bus.door", ["ems", "bus", "token", "edge1", *folders, "--hub", "http://127.0.0.1:8080"]
    )
    assert said.returncode == 0, said
    joined = here.inside(
        "ems-bus.door", ["ems", "edge", "join", said.stdout.split()[-1], "--keys", "/tmp/box"]
    )
    assert (joined.returncode, "edge1" in joined.stdout) == (0, True), joined
