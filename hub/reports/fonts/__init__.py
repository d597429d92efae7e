"""The font reports are set in: a subset of Noto Sans CJK SC (OFL 1.1, beside), or one that a hub is given."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from protocols.errors import ConfigError

FAMILY: Final = "EMS Sans SC"
FILE: Final = Path(__file__).parent / "EMSSansSC-Regular.otf"

STAND_IN: Final = "〓"
"""What stands for a character that the font does not have: the sign printers use for a missing type."""


class Font(NamedTuple):
    """A font a report can be set in.

    Attributes:
        path: Its file.
        family: What it is called.
        known: Code points it has.
    """

    path: Path
    family: str
    known: frozenset[int]


def open_font(path: Path | None = None) -> Font:
    """The font of a file; none given: the one that comes with the hub.

    Raises:
        ConfigError: It cannot be read as a font.
    """
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415  only the process that draws needs it

    place = path or FILE
    try:
        with TTFont(io.BytesIO(place.read_bytes()), fontNumber=0, lazy=True) as font:
            family = str(font["name"].getBestFamilyName())
            return Font(place, family, frozenset(font.getBestCmap()))
    except (OSError, TTLibError, KeyError) as error:
        raise ConfigError(f"{place} cannot be read as a font: {error}") from error


def missing(font: Font, texts: Iterable[str]) -> str:
    """Characters of texts that a font does not have, each once, in order."""
    return "".join(
        sorted({sign for text in texts for sign in text if ord(sign) not in font.known and sign != "\n"})
    )


def replaced(font: Font, text: str) -> str:
    """The text with a stand-in for each character the font does not have."""
    return "".join(sign if ord(sign) in font.known or sign == "\n" else STAND_IN for sign in text)
