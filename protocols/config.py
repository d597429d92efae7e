"""The base of every configuration model: frozen, unknown keys refused, fields documented below themselves."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

ID_PART: Final = r"^[a-z][a-z0-9_]{0,31}$"
"""An id part; a point is three of them joined by slashes, a subject the same joined by dots."""

IdPart = Annotated[str, Field(pattern=ID_PART)]


class Config(BaseModel):
    """A frozen model that refuses unknown keys and documents its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Text(Config):
    """A label in the languages of the house."""

    en: str
    """English."""

    zh: str
    """Chinese (simplified)."""
