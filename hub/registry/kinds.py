"""What each file of a site's configuration is, by its path: a closed list, so that a wrong name is told."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Final, Literal

from hub.registry.documents import Documents

Kind = Literal[
    "site", "areas", "flowsheet", "curves", "values", "alarms", "retention", "forecast", "edge",
    "controllers", "rules", "write_limits", "profile", "tariff", "emissions", "calendar", "contract",
    "accounts", "planning",
]  # fmt: skip

_ID: Final = "[a-z][a-z0-9_]{0,31}"
_PATHS: Final[tuple[tuple[str, Kind], ...]] = (
    ("sites/{site}/site.yaml", "site"),
    ("sites/{site}/areas.yaml", "areas"),
    ("sites/{site}/flowsheet.yaml", "flowsheet"),
    ("sites/{site}/curves.yaml", "curves"),
    ("sites/{site}/values.yaml", "values"),
    ("sites/{site}/alarms.yaml", "alarms"),
    ("sites/{site}/retention.yaml", "retention"),
    ("sites/{site}/forecast.yaml", "forecast"),
    ("sites/{site}/accounts.yaml", "accounts"),
    ("sites/{site}/planning.yaml", "planning"),
    ("sites/{site}/{id}.controllers.yaml", "controllers"),
    ("sites/{site}/{id}.rules.yaml", "rules"),
    ("sites/{site}/write/{id}.yaml", "write_limits"),
    ("sites/{site}/{id}.yaml", "edge"),
    ("devices/{id}.yaml", "profile"),
    ("tariffs/{site}.yaml", "tariff"),
    ("emissions/{site}.yaml", "emissions"),
    ("calendars/{site}.yaml", "calendar"),
    ("contracts/{site}.yaml", "contract"),
)
_OF_SITE: Final = (
    "site.yaml",
    "areas.yaml",
    "flowsheet.yaml",
    "curves.yaml",
    "values.yaml",
    "alarms.yaml",
    "retention.yaml",
    "forecast.yaml",
    "accounts.yaml",
    "planning.yaml",
)


def kind_of(path: str, site: str) -> tuple[Kind, str] | None:
    """What a file is, and the edge, device or profile in its name (empty: none); None: nothing that is known.

    Example:
        >>> kind_of("sites/demo/edge1.rules.yaml", "demo")
        ('rules', 'edge1')
    """
    for form, kind in _PATHS:
        literal = re.escape(form).replace(r"\{site\}", re.escape(site))
        found = re.fullmatch(literal.replace(r"\{id\}", f"({_ID})"), path)
        if found is not None:
            return kind, found[1] if found.groups() else ""
    return None


def strays(
    documents: Documents, site: str, edges: Collection[str], devices: Collection[str]
) -> Iterator[str]:
    """Files that nothing would ever read, one a line: the slip of a name would be silence."""
    for path in documents:
        known = kind_of(path, site)
        if known is None:
            yield f"{path}:1: found a file that nothing reads; {_instead(path, site)}"
            continue
        kind, name = known
        if kind in {"edge", "controllers", "rules"} and name not in edges:
            given = ", ".join(sorted(edges))
            yield (
                f"{path}:1: found a file of {name!r}, which is no edge of the site; allowed are {given}, or "
                f"name it in sites/{site}/site.yaml; {_instead(path, site)}"
            )
        elif kind == "write_limits" and name not in devices:
            yield f"{path}:1: found limits of {name!r}, no device of the site; allowed are its devices"


def _instead(path: str, site: str) -> str:
    forms = [form.replace("{site}", site).replace("{id}", "<id>") for form, _ in _PATHS]
    plain = [f"sites/{site}/{name}" for name in _OF_SITE]
    like = difflib.get_close_matches(path, [*plain, *forms], 1, 0.75)
    return f"did you mean {like[0]}?" if like else f"allowed are {', '.join(forms)}"
