"""The files of a site as one set: read from a folder, compared, written to a folder whole or not at all.

A set holds `sites/<site>/` with all below it, all profiles in `devices/`, and what is named after the site in
`tariffs/`, `emissions/`, `calendars/` and `contracts/`. YAML alone: what a person can read and Git can keep.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from protocols.errors import ConfigError

Documents = Mapping[str, bytes]
"""Path below the folder, with forward slashes, to the bytes of the file."""

FOLDER: Final = "configuration"
"""Below the hub's own folder: the accepted version, written out."""

MOST_FILES: Final = 5000
MOST_BYTES: Final = 64_000_000

_PATH: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*\.yaml")
_LONGEST: Final = 200
_NAMED: Final = ("tariffs", "emissions", "calendars", "contracts")


@dataclass(frozen=True, slots=True)
class Change:
    """What differs at one path.

    Attributes:
        path: The file.
        kind: What happened to it.
        text: The lines, as a unified diff.
    """

    path: str
    kind: Literal["added", "removed", "changed"]
    text: str


def read_documents(folder: Path, site: str) -> dict[str, bytes]:
    """All files of a site, in the order of their paths.

    Raises:
        ConfigError: There is no such site, a name cannot be used, a link leads out, or it is far too much.
    """
    if not (folder / "sites" / site / "site.yaml").is_file():
        raise ConfigError(f"{folder}: there is no sites/{site}/site.yaml; give the folder that holds sites/")
    found: dict[str, bytes] = {}
    total = 0
    for path in _files(folder, site):
        name = path.relative_to(folder).as_posix()
        check_path(name)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"{path} is a link to a place outside {folder}; put the file itself there")
        found[name] = path.read_bytes()
        total += len(found[name])
        if len(found) > MOST_FILES or total > MOST_BYTES:
            raise ConfigError(f"{folder}: more than {MOST_FILES} files or {MOST_BYTES} bytes; is it a site?")
    return dict(sorted(found.items()))


def check_path(name: str) -> None:
    """Make sure that a path stays inside its folder and is the same on every system.

    Raises:
        ConfigError: It is not.
    """
    if not _PATH.fullmatch(name) or len(name) > _LONGEST:
        raise ConfigError(
            f"{name!r} cannot be the path of a configuration; allowed are small letters, digits, _ . - and a "
            f"name that ends in .yaml, at most {_LONGEST} characters"
        )


def _files(folder: Path, site: str) -> Iterator[Path]:
    yield from sorted((folder / "sites" / site).rglob("*.yaml"))
    yield from sorted((folder / "devices").glob("*.yaml"))
    for kind in _NAMED:
        yield from (path for path in (folder / kind / f"{site}.yaml",) if path.is_file())


def digest_of(documents: Documents) -> str:
    """SHA-256 in hex over paths and bodies; the same for the same files.

    Example:
        >>> digest_of({"a.yaml": b"1"}) == digest_of({"a.yaml": b"1"})
        True
    """
    total = hashlib.sha256()
    for path, body in sorted(documents.items()):
        total.update(f"{path}\0{hashlib.sha256(body).hexdigest()}\n".encode())
    return total.hexdigest()


def differences(old: Documents, new: Documents) -> list[Change]:
    """What happened between two sets, by path.

    Example:
        >>> [(one.path, one.kind) for one in differences({"a.yaml": b"1"}, {"b.yaml": b"1"})]
        [('a.yaml', 'removed'), ('b.yaml', 'added')]
    """
    return [
        _change(path, old.get(path), new.get(path))
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def _change(path: str, old: bytes | None, new: bytes | None) -> Change:
    before, after = _lines(old), _lines(new)
    names = (f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null")
    lines = difflib.unified_diff(before, after, *names, lineterm="")
    kind: Literal["added", "removed", "changed"] = (
        "added" if old is None else "removed" if new is None else "changed"
    )
    return Change(path, kind, "\n".join(lines))


def _lines(body: bytes | None) -> list[str]:
    return [] if body is None else body.decode("utf-8", errors="replace").splitlines()


def write_folder(folder: Path, documents: Documents) -> None:
    """Make a folder with these files, whole or not at all: written beside, flushed, renamed.

    Raises:
        ConfigError: It is there already.
        OSError: The disk refused; nothing is left.
    """
    if folder.exists():
        raise ConfigError(f"{folder} is there already; give a folder that is not")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        put_files(staging, documents)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def put_files(folder: Path, documents: Documents, *, durable: bool = True) -> list[str]:
    """Write the files that differ from what is in the folder, each whole or not at all; returns their paths.

    A folder that is gone before the next power cut need not be durable.

    Raises:
        ConfigError: A path leads out of the folder.
        OSError: The disk refused; the files before are written, this one is as it was.
    """
    written: list[str] = []
    for name, body in documents.items():
        check_path(name)
        path = folder / name
        if path.is_file() and path.read_bytes() == body:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        try:
            with beside.open("wb") as file:
                file.write(body)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        written.append(name)
    return written


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def version_of_folder(folder: Path) -> int:
    """Version that a folder of the accepted configuration has; 0 for any other folder.

    Example:
        >>> version_of_folder(Path("var/hub/configuration/12-9f00aa41c2d7"))
        12
    """
    number, _, digest = folder.name.partition("-")
    ours = folder.parent.name == FOLDER and number.isdecimal() and digest
    return int(number) if ours else 0
