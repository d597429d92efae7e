"""The hub's command line on PostgreSQL: told once where the business data is, found by every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
from typer.testing import CliRunner

from hub.cli import app
from hub.database import FILE, PLACE_FILE
from protocols.errors import StoreDeniedError
from runtime.postgres_server import PostgresServer
from tests.postgres import new_database

RUN = CliRunner()


def test_commands_find_the_database_that_init_was_told(
    postgres: PostgresServer, tmp_path: Path, configs: Path
) -> None:
    url = new_database(postgres, empty=True)
    made = RUN.invoke(app, ["init", f"--config={configs}", f"--state={tmp_path}", f"--db={url}"])
    assert made.exit_code == 0, made.output
    assert made.output.startswith("admin password: ")
    assert not (tmp_path / FILE).exists()
    assert (tmp_path / PLACE_FILE).read_text(encoding="utf-8").strip() == url
    again = RUN.invoke(app, ["init", f"--config={configs}", f"--state={tmp_path}"])
    assert again.exit_code == 0
    assert "password" not in again.output
    added = RUN.invoke(app, ["person", "add", "olga", "--role=operator", f"--state={tmp_path}"])
    assert added.exit_code == 0, added.output
    listed = RUN.invoke(app, ["person", "list", f"--state={tmp_path}"])
    assert listed.output.split() == ["admin", "admin", "olga", "operator"]
    assert RUN.invoke(app, ["admin", "reset", f"--state={tmp_path}"]).exit_code == 0
    chain = RUN.invoke(app, ["audit", f"--state={tmp_path}"])
    assert chain.exit_code == 0, chain.output
    assert "olga" in chain.output


def test_a_password_comes_from_the_file_that_libpq_knows_and_is_said_nowhere(
    postgres: PostgresServer, tmp_path: Path, configs: Path
) -> None:
    url = new_database(postgres, empty=True).replace("ems@", "ems:hidden@")
    told = subprocess.run(
        [sys.executable, "-m", "ems.main", "hub", "init", f"--config={configs}", f"--state={tmp_path}"],
        env={**os.environ, "EMS_DB": url}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == 2
    assert "PGPASSFILE" in told.stderr
    assert "hidden" not in told.stdout + told.stderr
    assert not (tmp_path / PLACE_FILE).exists()


def test_a_server_that_is_away_is_said_in_one_sentence(tmp_path: Path, configs: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "ems.main", "hub", "init", f"--config={configs}", f"--state={tmp_path}",
         "--db=postgresql+psycopg://ems@127.0.0.1:1/ems"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == 2
    assert "the business database cannot be brought to this version" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_database_that_has_not_every_character_is_refused_in_words(
    postgres: PostgresServer, tmp_path: Path, configs: Path
) -> None:
    for number, encoding in enumerate(("SQL_ASCII", "LATIN1")):
        name = f"narrow{number}"
        with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
        told = RUN.invoke(
            app, ["init", f"--config={configs}", f"--state={tmp_path}", f"--db={postgres.url(name)}"]
        )
        assert isinstance(told.exception, StoreDeniedError)
        said = str(told.exception)
        assert said == (
            f"the business database '{name}' keeps text as {encoding}, which has not every character; make "
            f"one with: createdb --encoding=UTF8 --template=template0 {name}"
        )
        with psycopg.connect(postgres.url(name).replace("+psycopg", "")) as connection:
            assert connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone() == (0,)
