"""A profile as the YAML that a person keeps: one line a field, what is usual left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from protocols.profile import PointSpec, Profile


def profile_yaml(profile: Profile, comment: Sequence[str] = ()) -> str:
    """The file of a profile; reading it gives an equal profile.

    Args:
        profile: The profile.
        comment: Lines above it, without the sign of a comment.
    """
    head = profile.model_dump(mode="json", exclude_defaults=True, exclude={"points"})
    lines = [f"# {line}".rstrip() for line in comment]
    lines += [f"{name}: {_value(value)}" for name, value in head.items()]
    lines.append("points:")
    for spec in profile.points:
        lines += [f"{'  - ' if at == 0 else '    '}{line}" for at, line in enumerate(_point(spec))]
    return "\n".join(lines) + "\n"


def _point(spec: PointSpec) -> Iterator[str]:
    address = spec.address.model_dump(mode="json", exclude_defaults=True)
    fields = spec.model_dump(mode="json", exclude_defaults=True, exclude={"address"})
    for name in ("name", "label", "unit", "kind"):
        if name in fields:
            yield f"{name}: {_value(fields.pop(name))}"
    yield f"address: {_value({'kind': spec.address.kind} | address)}"
    for name, value in fields.items():
        yield f"{name}: {_value(value)}"


def _value(value: object) -> str:
    """One value in flow style; a text is quoted as JSON does, which YAML reads alike."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    if isinstance(value, str) and value.isidentifier() and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
