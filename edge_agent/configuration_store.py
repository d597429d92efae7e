"""The configuration an edge goes by, on its disk: what is in force, what is tried, what was decided.

<state>/configuration/book.json          the decisions; replaced whole, durable before anything acts on them
<state>/configuration/<version>/         files of a version, as in a configuration folder
<state>/configuration/<version>.signed   the envelope they came in

As long as the hub sent nothing that was accepted, the folder given at the start is in force.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from protocols.clock import Instant
from protocols.config import Config
from protocols.configuration import (
    MOST_BYTES,
    Configuration,
    ConfigurationReport,
    Outcome,
    Why,
    decode_configuration,
    digest,
)
from protocols.errors import ConfigError, ContractError, StoreError
from protocols.signing import open_envelope

FOLDER: Final = "configuration"
_BOOK: Final = "book.json"
_KEPT_REPORTS: Final = 100


class Book(Config):
    """The decisions of one edge about its configuration."""

    accepted: int = Field(default=0, ge=0)
    """Version in force; 0: the files given at the box."""

    trial: int = Field(default=0, ge=0)
    """Version being tried; 0: none."""

    seen: int = Field(default=0, ge=0)
    """Highest version decided; it and lower ones are refused from now on."""

    given: dict[str, str] = Field(default_factory=dict)
    """Files given at the box when `accepted` was: path to the name of its content."""

    owed: tuple[str, ...] = ()
    """Reports that are not in the journal yet, hex, oldest first."""


class ConfigurationStore:
    """One per state folder; the caller holds the folder's lock."""

    def __init__(self, state: Path, edge: str) -> None:
        """Read the book.

        Raises:
            ConfigError: It is there and cannot be read; without it nobody knows what is in force.
        """
        self._folder = state / FOLDER
        self._edge = edge
        self._book = read_book(state)

    @property
    def book(self) -> Book:
        """The decisions so far."""
        return self._book

    def folder_of(self, version: int) -> Path:
        """Where the files of a version are."""
        return self._folder / str(version)

    def keep(self, configuration: Configuration, envelope: bytes) -> Path:
        """Write the files of a version, durably; nothing is decided by it.

        Raises:
            StoreError: The disk refused.
        """
        folder = self.folder_of(configuration.version)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            for path, content in configuration.files.items():
                _write(folder / path, content)
            _write(folder.with_suffix(".signed"), envelope)
        except OSError as error:
            raise StoreError(f"{folder}: the configuration cannot be kept: {error.strerror}") from error
        return folder

    def signed_files(self, version: int) -> Mapping[str, bytes]:
        """Files of a version as they were signed.

        Raises:
            ConfigError: The envelope is missing or damaged.
        """
        path = self.folder_of(version).with_suffix(".signed")
        try:
            return decode_configuration(open_envelope(path.read_bytes(), MOST_BYTES)[0]).files
        except (OSError, ContractError) as error:
            raise ConfigError(f"{path}: version {version} cannot be read back: {error}") from error

    def decide(self, outcome: Outcome, version: int, why: Why, at: Instant, detail: str = "") -> None:
        """Note what becomes of a version, durably, together with the report that is owed for it.

        Raises:
            StoreError: The disk refused; nothing is decided.
        """
        report = ConfigurationReport(self._edge, version, outcome, why, detail, self._digest(version), at)
        owed = (*self._book.owed, report.encode().hex())[-_KEPT_REPORTS:]
        accepted, trial = self._book.accepted, self._book.trial
        if outcome is Outcome.ACCEPTED:
            accepted = version
        if outcome is Outcome.TRYING:
            trial = version
        elif version == trial:
            trial = 0
        signed = why not in {Why.SIGNATURE, Why.SCHEMA, Why.ADDRESSEE}
        seen = max(self._book.seen, version) if signed else self._book.seen
        self._save(Book(accepted=accepted, trial=trial, seen=seen, given=self._book.given, owed=owed))

    def note_given(self, given: Mapping[str, bytes]) -> None:
        """Remember how the files given at the box were when a version of the hub took their place.

        Raises:
            StoreError: The disk refused.
        """
        names = {path: digest({path: content}) for path, content in given.items()}
        self._save(self._book.model_copy(update={"given": names}))

    def told(self, count: int) -> None:
        """The oldest `count` reports are in the journal.

        Raises:
            StoreError: The disk refused; they will be told again.
        """
        self._save(self._book.model_copy(update={"owed": self._book.owed[count:]}))

    def recover(self, at: Instant) -> bool:
        """Void a trial that an earlier run did not finish; True when there was one.

        Raises:
            StoreError: The disk refused; the agent must not start with a doubt about its configuration.
        """
        trial = self._book.trial
        if not trial:
            return False
        self.decide(Outcome.ROLLED_BACK, trial, Why.INTERRUPTED, at)
        return True

    def tidy(self) -> None:
        """Remove versions that are neither in force nor tried."""
        for path in self._folder.glob("[0-9]*"):
            if int(path.stem) not in {self._book.accepted, self._book.trial}:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def restore(self, book: Book) -> None:
        """Begin with these decisions, in a folder that has none.

        Raises:
            StoreError: The disk refused.
        """
        self._save(book)

    def _digest(self, version: int) -> str:
        folder = self.folder_of(version)
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}
        return digest(files) if files else ""

    def _save(self, book: Book) -> None:
        try:
            _write(self._folder / _BOOK, book.model_dump_json(indent=1).encode())
        except OSError as error:
            raise StoreError(f"{self._folder}: no decision can be kept: {error.strerror}") from error
        self._book = book


def read_book(state: Path) -> Book:
    """The decisions kept in a state folder; an empty book where there are none.

    Raises:
        ConfigError: It cannot be read.
    """
    path = state / FOLDER / _BOOK
    try:
        return Book.model_validate_json(path.read_bytes()) if path.exists() else Book()
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{path}: cannot be read; `ems edge restore` begins anew: {error}") from error


def folder_in_force(config: Path, state: Path) -> Path:
    """Folder with the device list and profiles an edge goes by.

    Raises:
        ConfigError: The decisions cannot be read.
    """
    accepted = read_book(state).accepted
    return state / FOLDER / str(accepted) if accepted else config


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
