"""Images of others, played by the same programs of this machine as their entry points start them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from runtime.influx_server import program
from tests.needs import missing
from tests.unit.deploy.compose_box import Process

POSTGRES = Path("/usr/lib/postgresql/15/bin")
_PATH = {"PATH": f"{POSTGRES}:/usr/local/bin:/usr/bin:/bin"}

_POSTGRES_START = """
data=/var/lib/postgresql/data
chown 999:999 "$data" && chmod 700 "$data"
install -o 999 -m 600 "$POSTGRES_PASSWORD_FILE" /tmp/password
run() { setpriv --reuid=999 --regid=999 --clear-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
    run initdb -D "$data" -U "$POSTGRES_USER" --pwfile=/tmp/password $POSTGRES_INITDB_ARGS >/tmp/initdb.log
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    printf 'create database %s;' "$POSTGRES_DB" | run postgres --single -D "$data" postgres >/dev/null
fi
exec setpriv --reuid=999 --regid=999 --clear-groups postgres -D "$data" -c listen_addresses='*' \\
    -c unix_socket_directories=/tmp
"""
_INFLUX_START = """
chown -R 1000:1000 /var/lib/influxdb2
cd /var/lib/influxdb2
exec setpriv --reuid=1000 --regid=1000 --clear-groups influxd --bolt-path influxd.bolt --engine-path engine \\
    --sqlite-path influxd.sqlite --http-bind-address :8086
"""


def postgres(environment: Mapping[str, str], layer: Path) -> Process:
    """The official image of PostgreSQL: a database with user and password at the first start."""
    if not (POSTGRES / "initdb").exists():
        missing("postgres", "its server programs are not installed")
    with (layer / "etc" / "passwd").open("a") as people:
        people.write("of_image:x:999:999::/:/bin/sh\n")
    return Process(["/bin/sh", "-euc", _POSTGRES_START], environment={**environment, **_PATH})


def influxdb(environment: Mapping[str, str], layer: Path) -> Process:
    """The official image of InfluxDB 2, up to its setup, which `set_up` does."""
    tools = layer / "usr" / "local" / "bin"
    found = program(layer.parent)
    if found is None:
        missing("influxd", "not named by EMS_INFLUXD, not on PATH, not packed in shared/bin")
    shutil.copy2(found, tools / "influxd")
    (tools / "influxd").chmod(0o755)
    # what `influx ping` does: 0 when /ping answers
    (tools / "influx").write_text(
        '#!/bin/sh\n[ "$1" = ping ] && exec ems-health http://127.0.0.1:8086/ping\n'
    )
    (tools / "influx").chmod(0o755)
    return Process(
        ["/bin/sh", "-euc", _INFLUX_START], environment={**environment, **_PATH, "HOME": "/var/lib/influxdb2"}
    )


def setup_request(environment: Mapping[str, str], secrets: Path) -> bytes:
    """What the image of InfluxDB asks its own server at the first start, by its variables."""
    assert environment["DOCKER_INFLUXDB_INIT_MODE"] == "setup"

    def secret(name: str) -> str:
        return (secrets / Path(environment[name]).name).read_text()

    wish = {
        "username": environment["DOCKER_INFLUXDB_INIT_USERNAME"],
        "password": secret("DOCKER_INFLUXDB_INIT_PASSWORD_FILE"),
        "org": environment["DOCKER_INFLUXDB_INIT_ORG"],
        "bucket": environment["DOCKER_INFLUXDB_INIT_BUCKET"],
        "token": secret("DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE"),
    }
    return json.dumps(wish).encode()
