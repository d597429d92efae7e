"""A case file as plain data, and which kind of case it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from protocols.errors import ConfigError

PLANT: Final = "plant"
_MOST_BYTES: Final = 4_000_000
_PUBLISHED: Final[Mapping[str, frozenset[str]]] = {
    "chiller_loading": frozenset({"chillers", "loads"}),
    "chp_dispatch": frozenset({"chp", "demands"}),
    "unit_commitment": frozenset({"units", "load_mw"}),
    "economic_dispatch": frozenset({"units", "demands"}),
    "plant_day": frozenset({"compressors_fixed", "series"}),
}
"""Keys by which a file of one of the published forms is known."""


def parsed(case: Path) -> dict[str, Any]:
    """The file, YAML or JSON.

    Raises:
        ConfigError: It cannot be read, is too large, is neither, says a key twice, or is no mapping.
    """
    from runtime.yaml_config import load_yaml  # noqa: PLC0415  the help needs none of it

    plain = _json(case) if case.suffix.lower() == ".json" else load_yaml(case)
    if not isinstance(plain, dict):
        raise ConfigError(f"{case}: a case is a mapping; see docs/optimizer.md for its fields")
    return plain


def kind_of(case: Path, plain: Mapping[str, Any]) -> str:
    """`plant`, or the published form whose keys the file has.

    Raises:
        ConfigError: It says neither.
    """
    said = plain.get("kind")
    if said is not None:
        return said if isinstance(said, str) and said in _PUBLISHED else PLANT
    kind = next((kind for kind, keys in _PUBLISHED.items() if keys <= plain.keys()), None)
    if kind is not None:
        return kind
    if plain.keys() & {"machines", "needs", "prices"}:
        return PLANT
    forms = "; ".join(f"{kind}: {' and '.join(sorted(keys))}" for kind, keys in _PUBLISHED.items())
    raise ConfigError(
        f"{case}: its keys tell no kind of case; write `kind: plant`, or give those of a published form "
        f"({forms})"
    )


def _json(case: Path) -> object:
    try:
        with case.open("rb") as file:
            body = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{case}: cannot be read: {error.strerror}") from error
    if len(body) > _MOST_BYTES:
        raise ConfigError(f"{case}: larger than {_MOST_BYTES} bytes; no case is")
    try:
        plain: object = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{case} is no JSON: {error}") from error
    return plain


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice; leave one out")
    return found
