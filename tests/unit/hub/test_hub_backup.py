"""A backup of a hub that writes meanwhile: whole or not at all, checked before it is believed, tried."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ems.main import build_app
from hub.backup import archive, snapshot
from hub.backup.drill import drill
from hub.backup.make import Wanted, make
from hub.backup.manifest import FileEntry, Manifest
from hub.backup.marks import Mark, marks
from hub.backup.restore import restore
from hub.database import create_engine, embedded_url, sessions_of, upgrade
from hub.ledger import audit
from hub.store.engine import embedded_place, open_reader, open_store
from hub.store.port import Received, SeriesStore, Span
from protocols.clock import Instant
from protocols.errors import ConfigError, EmsError, StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import SystemClock
from runtime.keys import create_signing_key, load_signing_key

S = 1_000_000_000
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))
POWER = PointId("demo", "meter", "power_kw")
EVERYTHING = Span("edge1", "j1", 0, 10**9)


def _drop(_: FileEntry, chunks: Iterator[bytes]) -> None:
    list(chunks)


def row(seq: int) -> Received:
    at = Instant("b", seq * S, (1_750_000_000 + seq) * S)
    return Received(
        "edge1", "j1", seq, (Frame(METER.hash(), at, np.array([seq, 1.0]), np.zeros(2, np.uint8)),)
    )


def add_audit(state: Path, count: int) -> None:
    async def work() -> None:
        engine = create_engine(embedded_url(state))
        async with sessions_of(engine)() as session, session.begin():
            entry = audit.Entry(1, "anna", "operator", "::1", "person", "add", "bob", "", "", "", "done")
            await audit.add(session, "demo", [replace(entry, time_ns=at) for at in range(1, count + 1)])
        await engine.dispose()

    asyncio.run(work())


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """The folder of a hub with both databases."""
    state = tmp_path / "hub"
    state.mkdir()
    upgrade(embedded_url(state))
    add_audit(state, 5)
    with closing(open_store(embedded_place(state), SystemClock())) as store:
        store.add_catalogue(METER)
        store.append([row(seq) for seq in range(1, 101)])
    return state


def backup(hub: Path, name: str = "b.tar.zst") -> Path:
    return make(Wanted(hub, "demo", hub.parent / name), SystemClock(), lambda _: None)


def test_a_backup_while_the_hub_writes_is_one_moment_of_it_and_sets_the_mark(
    hub: Path, tmp_path: Path
) -> None:
    stop = threading.Event()
    store = open_store(embedded_place(hub), SystemClock())

    def write(store: SeriesStore) -> None:
        seq = 100
        while not stop.is_set():
            store.append([row(seq := seq + 1)])

    writer = threading.Thread(target=write, args=(store,))
    writer.start()
    try:
        file = backup(hub)
    finally:
        stop.set()
        writer.join()
    store.close()
    manifest = restore(file, tmp_path / "again")
    ((first, last),) = manifest.journals[0].ranges
    assert first == 1
    assert last >= 100
    with closing(open_reader(embedded_place(tmp_path / "again"))) as reader:
        assert reader.counts(EVERYTHING).stored == 2 * last
        assert reader.counts(EVERYTHING).duplicates == 0
    assert asyncio.run(_marks(hub)) == [Mark("edge1", "j1", ((1, last),))]


async def _marks(state: Path) -> list[Mark]:
    engine = create_engine(embedded_url(state))
    try:
        return await marks(sessions_of(engine), "demo")
    finally:
        await engine.dispose()


def test_a_drill_says_that_a_backup_can_be_used_and_how_long_it_took(hub: Path) -> None:
    found = drill(backup(hub), hub.parent, SystemClock())
    assert found.faults == ()
    assert found.newest_ns == (1_750_000_000 + 100) * S
    assert 0 < found.restore_s < 10
    assert found.rows > 100
    assert sorted(path.name for path in hub.parent.iterdir()) == ["b.tar.zst", "hub"]


def test_a_drill_finds_a_changed_audit(hub: Path) -> None:
    with closing(sqlite3.connect(hub / "business.db")) as opened:
        opened.execute("UPDATE audit SET body = replace(body, 'bob', 'eve') WHERE number = 3")
        opened.commit()
    assert drill(backup(hub), None, SystemClock()).faults == ("the audit chain of demo is broken at entry 3",)


def test_no_damaged_byte_and_no_missing_end_is_believed_and_nothing_is_left(
    hub: Path, tmp_path: Path
) -> None:
    whole = backup(hub).read_bytes()
    chance = random.Random(6)  # noqa: S311  a seeded order of a test
    broken = [whole[:size] for size in (0, 1, 100, len(whole) // 2, len(whole) - 1)]
    places = [0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(60))]
    broken += [
        whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :] for at in places
    ]
    file = tmp_path / "broken.tar.zst"
    before = sorted(path.name for path in [*tmp_path.iterdir(), file])
    for data in broken:
        file.write_bytes(data)
        with pytest.raises(StoreError):
            restore(file, tmp_path / "again")
        assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_archive_with_a_strange_file_or_another_content_is_refused(hub: Path, tmp_path: Path) -> None:
    said = archive.read(backup(hub), lambda _: None, _drop)
    root = tmp_path / "files"
    root.mkdir()
    (root / "x").write_bytes(b"one")
    entry = archive.entry_of(root, root / "x")
    (root / "x").write_bytes(b"two")
    file = tmp_path / "forged.tar.zst"
    archive.write(file, root, said.model_copy(update={"files": (entry,)}))
    with pytest.raises(StoreError, match="x has another hash"):
        restore(file, tmp_path / "again")
    with pytest.raises(ValueError, match="path"):
        Manifest.model_validate(said.model_dump() | {"files": [entry.model_dump() | {"path": "../x"}]})


@pytest.mark.parametrize("later", [{"series_schema": 99}, {"business_schema": "9999"}, {"format": 3}])
def test_a_backup_of_a_later_version_is_refused(hub: Path, tmp_path: Path, later: dict[str, object]) -> None:
    said = archive.read(backup(hub), lambda _: None, _drop)
    file = tmp_path / "later.tar.zst"
    archive.write(file, tmp_path, said.model_copy(update={"files": (), **later}))
    with pytest.raises(StoreError, match=r"later version|this version reads"):
        restore(file, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_nothing_is_overwritten(hub: Path, tmp_path: Path) -> None:
    file = backup(hub)
    with pytest.raises(ConfigError, match="overwrites nothing"):
        backup(hub)
    with pytest.raises(ConfigError, match="is not empty"):
        restore(file, hub)
    (tmp_path / "empty").mkdir()
    restore(file, tmp_path / "empty")
    with pytest.raises(ConfigError, match="is not empty"):
        restore(file, tmp_path / "empty")


_LIMITED = """
import resource, sys
from pathlib import Path
from hub.backup.make import Wanted, make
from hub.backup.restore import restore
from protocols.errors import StoreError
from runtime.clock import SystemClock
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    if sys.argv[1] == "make":
        make(Wanted(Path(sys.argv[3]), "demo", Path(sys.argv[4])), SystemClock(), print)
    else:
        restore(Path(sys.argv[3]), Path(sys.argv[4]))
except StoreError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("most_bytes", [1_000, 60_000])
def test_a_disk_that_takes_no_more_leaves_nothing_half_done(
    hub: Path, tmp_path: Path, most_bytes: int
) -> None:
    file = backup(hub)
    before = sorted(path.name for path in tmp_path.iterdir())
    for words in (
        ["make", str(most_bytes), hub, tmp_path / "c.tar.zst"],
        ["restore", str(most_bytes), file, tmp_path / "again"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", _LIMITED, *map(str, words)], capture_output=True, text=True, check=True
        )
        assert "nothing was" in done.stdout, done.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != most_bytes


def test_keys_go_along_only_with_a_passphrase_and_come_out_only_with_it(hub: Path, tmp_path: Path) -> None:
    key = create_signing_key(tmp_path / "keys" / "hub_sign.key")
    secret = tmp_path / "phrase"
    secret.write_text("correct horse battery\n", encoding="utf-8")
    secret.chmod(0o600)
    file = tmp_path / "k.tar.zst"
    assert "not in it: keys" in ems("backup", str(tmp_path / "n.tar.zst"), f"--state={hub}")
    ems("backup", str(file), f"--state={hub}", f"--keys={tmp_path / 'keys'}", f"--passphrase-file={secret}")
    assert key.private_bytes_raw().hex().encode() not in file.read_bytes()
    target = f"--to={tmp_path / 'again'}"
    said = ems("restore", str(file), target, f"--keys={tmp_path / 'back'}", f"--passphrase-file={secret}")
    assert "2 keys" in said
    again = load_signing_key(tmp_path / "back" / "hub_sign.key")
    assert again.private_bytes_raw() == key.private_bytes_raw()
    secret.write_text("another horse battery\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="another passphrase"):
        ems(
            "restore",
            str(file),
            f"--to={tmp_path / 'b2'}",
            f"--keys={tmp_path / 'k2'}",
            f"--passphrase-file={secret}",
        )


def ems(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(arguments), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_drill_at_the_command_line_ends_with_1_when_a_backup_cannot_be_used(
    hub: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    ems("backup", str(tmp_path / "out"), f"--state={hub}")
    (file,) = (tmp_path / "out").iterdir()
    assert json.loads(ems("backup", "drill", str(file), "--json"))["ok"] is True
    assert "it can be used" in ems("backup", "drill", str(file))
    with closing(sqlite3.connect(hub / "business.db")) as opened:
        opened.execute("DELETE FROM audit WHERE number = 5")
        opened.commit()
    arguments = ["backup", "drill", str(backup(hub, "c.tar.zst"))]
    done = CliRunner().invoke(build_app(arguments), arguments)
    assert done.exit_code == 1
    assert "it cannot be relied on" in done.output


def test_a_folder_without_a_hub_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(EmsError, match="there is no hub in"):
        backup(tmp_path / "none")


def test_sealed_files_that_the_database_counts_on_are_in_it_and_a_missing_one_is_found(
    hub: Path, tmp_path: Path
) -> None:
    with closing(open_store(embedded_place(hub), SystemClock())) as store:
        while store.upkeep():
            pass
    names = snapshot.sealed_files(hub / "series.db")
    assert names
    file = backup(hub)
    restore(file, tmp_path / "again")
    assert all((tmp_path / "again" / snapshot.SEALED / name).is_file() for name in names)
    assert drill(file, None, SystemClock()).faults == ()
    with closing(open_reader(embedded_place(tmp_path / "again"))) as reader:
        assert len(reader.raw(POWER, 0, 2**62).values) == 100
    (hub / snapshot.SEALED / names[0]).unlink()
    with pytest.raises(StoreError, match="sealed files of the series went away"):
        backup(hub, "c.tar.zst")
