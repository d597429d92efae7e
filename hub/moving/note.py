"""How far a move is, beside the state of the hub; every step of it is kept before the next one begins."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from hub.store.influx.place import InfluxPlace
from protocols.config import Config
from protocols.errors import ConfigError

NOTE: Final = "series.move"
"""In the state folder; stays there when the move is done."""


class DaySum(Config):
    """What was copied of a day of a shelf."""

    samples: int
    """How many."""
    total: float
    """Sum of their values, those that are numbers; whatever their units: it is held against another sum."""
    most: float
    """Largest magnitude among them."""


class MoveNote(Config):
    """How far a move is."""

    to: InfluxPlace
    """The server."""
    newest_commit: int
    """Newest commit of the embedded store: it takes nothing any more."""
    days: dict[str, DaySum] = Field(default_factory=dict)
    """Copied days by `<shelf>/<day>`."""
    beside: tuple[str, ...] = ()
    """What else is copied: means of the past, rollups whose samples are gone."""
    damaged: tuple[str, ...] = ()
    """Sealed files that could not be read when their day was copied."""
    compared: bool = False
    """Whether counts and sums of all days were compared after the last one."""


def note_of(state: Path) -> MoveNote | None:
    """How far the move of a state folder is; None where none was begun.

    Raises:
        ConfigError: The note cannot be read.
    """
    path = state / NOTE
    if not path.exists():
        return None
    try:
        return MoveNote.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def keep(state: Path, note: MoveNote) -> None:
    """Keep how far a move is.

    Raises:
        OSError: The folder cannot be written to.
    """
    path = state / NOTE
    fresh = path.with_suffix(".new")
    fresh.write_text(note.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
