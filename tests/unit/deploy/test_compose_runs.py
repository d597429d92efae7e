"""The compose file is run: each service as its user, with its mounts, until its health check passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import certificates
from tests.needs import missing
from tests.promql import told
from tests.unit.deploy import foreign_images
from tests.unit.deploy.compose_box import Box, box, load, merged
from tests.unit.deploy.dockerfile import Builder, Stage

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
READY_S = 60.0
PLAIN = "http://127.0.0.1:8080"
NAME = "hub.example"
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
def running(image: Stage, folder: Path, data: dict[str, Any] | None = None) -> Iterator[Box]:
    """The box, with secrets as the script makes them; `data` instead of the first file alone."""
    secrets = folder / "secrets"
    subprocess.run(["/bin/sh", COMPOSE.with_name("secrets.sh"), secrets], check=True, capture_output=True)
    names = "" if data is None else " ".join([*data["services"], NAME])
    with box(COMPOSE, image, folder, data, names) as made:
        yield made


def servers_started(here: Box, image: Stage, secrets: Path) -> None:
    """Bus and databases."""
    here.finished("bus-setup", READY_S)
    here.start("bus")
    databases_started(here, image, secrets)
    here.healthy("bus", READY_S)


def databases_started(here: Box, image: Stage, secrets: Path) -> None:
    """PostgreSQL and InfluxDB, set up as their images do it."""
    here.start(
        "postgres", foreign_images.postgres(here.services["postgres"].data["environment"], image.layer)
    )
    influx = here.services["influxdb"].data["environment"]
    here.start("influxdb", foreign_images.influxdb(influx, image.layer))
    for name in ("influxdb", "postgres"):
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


@pytest.mark.nightly
@pytest.mark.timeout(400)
def test_with_your_certificate_every_service_runs_over_tls_and_nothing_answers_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = light_image(tmp_path)
    ca, (cert, key) = certificates(tmp_path / "tls", (NAME, "bus", "127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    said = {"EMS_NAME": NAME, "EMS_BUS": "tls://bus:4222"}
    data = merged(load(COMPOSE, said), load(COMPOSE.with_name("compose.tls.yaml"), said))
    with running(image, tmp_path, data) as here:
        for name, file in (("tls_ca", ca), ("tls_cert", cert), ("tls_key", key)):
            made = tmp_path / "secrets" / f"{name}.pem"
            shutil.copy(file, made)
            os.chown(made, 10001, 10001)
            made.chmod(0o444 if name == "tls_ca" else 0o400)
        prove(here, image, tmp_path / "secrets", f"https://{NAME}:8443", "https://127.0.0.1:8443")
        assert "tls://" in (here.volume("bus") / "bus.json").read_text()
        for plain in ("http://127.0.0.1:8443/metrics", "http://127.0.0.1:8080/metrics"):
            with pytest.raises(AssertionError):
                here.ask(plain, "")
        assert "first record does not look like a TLS handshake" not in here.said("bus"), "nobody tried it"


@pytest.mark.nightly
@pytest.mark.timeout(400)
def test_three_servers_of_the_bus_let_the_same_boxes_in_and_do_without_one(tmp_path: Path) -> None:
    image = light_image(tmp_path)
    said = {"EMS_BUS": ",".join(f"nats://127.0.0.{number}:4222" for number in (1, 2, 3))}
    data = merged(load(COMPOSE, said), load(COMPOSE.with_name("compose.bus3.yaml"), said))
    for number, name in enumerate(
        ("bus-setup", "bus2", "bus3"), 1
    ):  # one network here: addresses tell them apart
        own = f"127.0.0.{number}"
        routes = " ".join(f"--cluster-route 127.0.0.{one}:6222" for one in (1, 2, 3))
        options = f"--plain --monitor-port {8221 + number} --cluster-listen {own}:6222 {routes}"
        environment = {"EMS_BUS_LISTEN": f"{own}:4222", "EMS_BUS_OPTIONS": options, "EMS_FOLLOW_S": "1"}
        data["services"][name]["environment"] = {**data["services"][name]["environment"], **environment}
        server = data["services"]["bus" if number == 1 else name]
        server["healthcheck"] = {"test": ["CMD", "ems-health", f"http://127.0.0.1:{8221 + number}/healthz"]}
    with running(image, tmp_path, data) as here:
        here.finished("bus-setup", READY_S)
        for name in ("bus", "bus2", "bus3"):
            here.start(name)
        servers = ("bus", "bus2", "bus3")
        for name in servers:
            here.healthy(name, READY_S)
        databases_started(here, image, tmp_path / "secrets")
        hub_started(here)
        for name in HUB:
            here.healthy(name, READY_S)
        check_doors(here, tmp_path / "secrets", PLAIN, PLAIN)
        joined = '"state": "joined"'
        here.until(
            lambda: all(joined in (here.volume(name) / "bus.json").read_text() for name in servers), 30.0
        )
        assert here.stop("bus2") == 0
        for name in ("bus", "bus3", *HUB):
            here.healthy(name, READY_S)
        here.start("bus2")
        here.healthy("bus2", READY_S)
        assert [here.stop(name) for name in HUB] == [0, 0, 0]


def prove(here: Box, image: Stage, secrets: Path, hub: str = PLAIN, page: str = PLAIN) -> None:
    """Everything of the file but the pages of others starts, is healthy, does its work and ends well."""
    servers_started(here, image, secrets)
    assert "admin password: " in hub_started(here)
    for name in HUB:
        here.healthy(name, READY_S)
    here.start("ingest", number=2)  # `up --scale ingest=2`
    here.healthy("ingest", READY_S, 2)
    check_doors(here, secrets, hub, page)
    here.until((here.volume("signing") / "hub_sign.key").exists, READY_S)
    assert not (here.volume("keys") / "hub_sign.key").exists()
    state = ["--state", "/var/lib/ems/hub"]
    backup = here.inside("api", ["ems", "backup", "/tmp/b.tar.zst", *state])
    assert backup.returncode == 0, backup
    drill = here.inside("api", ["ems", "backup", "drill", "/tmp/b.tar.zst", "--in", "/tmp"])
    assert drill.returncode == 0, drill
    series = told(here.ask(f"{page}/metrics", ""))
    assert {"ems_hub_commands", "ems_hub_seal_age_seconds", "ems_hub_edge_up"} <= series.keys()
    assert [here.stop(name) for name in HUB] == [0, 0, 0]


def check_doors(here: Box, secrets: Path, hub: str, page: str) -> None:
    """A box comes in although bus and API are two containers; Grafana's token reads and nothing else."""
    state = ["--state", "/var/lib/ems/bus", "--hub-state", "/var/lib/ems/hub"]
    token = here.inside("api", ["ems", "bus", "token", "edge1", *state, "--hub", hub])
    assert token.returncode == 0, token
    joined = here.inside("api", ["ems", "edge", "join", token.stdout.split()[-1], "--keys", "/tmp/box"])
    assert (joined.returncode, "edge1" in joined.stdout) == (0, True), joined
    reader = (here.volume("reader") / "token").read_text()
    buckets = "http://127.0.0.1:8086/api/v2/buckets"
    assert "ems_15m" in here.ask(buckets, reader)
    with pytest.raises(AssertionError, match=r"401|403"):
        here.ask("http://127.0.0.1:8086/api/v2/write?org=ems&bucket=ems", reader, "m v=1")
    assert reader != (secrets / "influx_token").read_text()
    assert "ems_hub_" in here.ask(f"{page}/metrics", "")
