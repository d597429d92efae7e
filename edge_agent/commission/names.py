"""Names of points made of foreign names: an id part that ends in the suffix of its unit and is still free."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 32


def free_name(path: str, suffix: str, used: set[str]) -> str:
    """A free id part ending in `suffix`: of the last names of the path as few as make it unique.

    Args:
        path: Foreign names from the outermost to the innermost, joined by slashes.
        suffix: Of the unit, with its underscore.
        used: Names that are taken; the new one is added.

    Example:
        >>> free_name("Meter 1/Active Power", "_kw", set())
        'active_power_kw'
    """
    parts = [re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in path.split("/")]
    room = _LONGEST - len(suffix)
    for count in range(1, len(parts) + 1):
        stem = "_".join(part for part in parts[-count:] if part).removesuffix(suffix)
        stem = stem if stem[:1].isalpha() else f"p_{stem}"
        name = f"{stem[:room].rstrip('_')}{suffix}"
        if name not in used:
            used.add(name)
            return name
    number = 2
    while f"p{number}{suffix}" in used:
        number += 1
    used.add(f"p{number}{suffix}")
    return f"p{number}{suffix}"
