"""The base of every configuration model: frozen, unknown keys refused, fields documented below themselves."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

ID_PART: Final = r"^[a-z][a-z0-9_]{0,31}$"
"""An id part; a point is three of them joined by slashes, a subject the same joined by dots."""

IdPart = Annotated[str, Field(pattern=ID_PART)]


ONCE: Final = "x-once"
"""Mark in a list's schema: the key whose value no two items share, and what it is called."""


def once(key: str, what: str) -> JsonDict:
    """Mark for `json_schema_extra` of a list whose items each have their own `key`.

    The model still checks it; the mark lets twins be named also where both items have other faults.

    Example:
        >>> once("id", "device id")
        {'x-once': {'key': 'id', 'what': 'device id'}}
    """
    return {ONCE: {"key": key, "what": what}}


def twice(what: str, name: str) -> str:
    """The sentence about twins.

    Example:
        >>> twice("device id", "m1")
        "device id 'm1' is there twice"
    """
    return f"{what} {name!r} is there twice"


class Config(BaseModel):
    """A frozen model that refuses unknown keys and documents its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Text(Config):
    """A label in the languages of the house."""

    en: str
    """English."""

    zh: str
    """Chinese (simplified)."""
