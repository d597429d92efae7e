"""The reference of every command, option, file and field, made from the code itself.

    python -m ems.reference > docs/configuration-reference.md

What stands there cannot differ from what the program takes: options are read from the command line itself,
fields from the schemas of the models that check the files (`ems/reference_fields.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from ems.main import app_names, build_app
from ems.reference_fields import ROOTS, cell, models_of, table_of

_TITLE: Final = """\
# Configuration reference

Made by `python -m ems.reference` from the code; do not edit it. Words of the house are in
[nomenclature.md](nomenclature.md). A file that does not fit is refused with file, line and field, all
faults at once. Units stand in the names of the fields.

- [Files](#files): what stands where, and the model that checks it
- [Fields](#fields): each model, field by field
- [Commands](#commands): each command and its options
"""


def reference() -> str:
    """The whole page, as Markdown; the same bytes for the same code."""
    models = models_of(tuple(root.model for root in ROOTS))
    lines = [_TITLE, "## Files\n", "| file | what | model |", "|---|---|---|"]
    for root in ROOTS:
        name = root.model.__name__
        lines.append(f"| `{root.path}` | {cell(root.what)} | [{name}](#{name.lower()}) |")
    lines.append("\n## Fields")
    lines += [table_of(name, schema) for name, schema in sorted(models.items())]
    lines.append("\n## Commands")
    lines += _commands()
    return "\n".join(lines) + "\n"


def _commands() -> Iterator[str]:
    for name in app_names():
        tree: Any = _tree(name)
        yield from _command(f"ems {name}", tree)


def _tree(name: str) -> object:
    """The command `name` with all below it, as typer has built it."""
    from typer.main import get_command  # noqa: PLC0415  nothing else of this module needs it

    whole: Any = get_command(build_app([name]))
    return whole.commands[name]


def _command(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401  typer's own tree
    below = getattr(command, "commands", None)
    if below is not None:
        for name, one in sorted(below.items()):
            if not one.hidden:
                yield from _command(f"{path} {name}", one)
        return
    text, _, example = (command.help or "").partition("Example:")
    yield f"\n### {path}\n\n{' '.join(text.split())}"
    if example:
        yield f"\n    {' '.join(example.split())}"
    rows = [
        _option(one) for one in command.params if not getattr(one, "hidden", False) and one.name != "help"
    ]
    if rows:
        yield "\n| option | usual | meaning |\n|---|---|---|"
        yield from rows


def _option(one: Any) -> str:  # noqa: ANN401  as above
    names = [*one.opts, *one.secondary_opts]
    shown = ", ".join(f"`{name}`" for name in names) if names[0].startswith("-") else f"`{one.name.upper()}`"
    return f"| {shown} | {_usual(one)} | {cell(getattr(one, 'help', None) or '')} |"


def _usual(one: Any) -> str:  # noqa: ANN401  as above
    if one.required:
        return "required"
    value = one.default
    if value is None or value is False or value == () or callable(value):
        return ""
    return f"`{cell(str(value))}`"


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(reference())


if __name__ == "__main__":
    main()
