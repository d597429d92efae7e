"""Who did it: a record of commissioning or a proof without a name is worth nothing."""

from __future__ import annotations

import typer


def a_name(person: str) -> str:
    """The name as it was given, without blanks around it.

    Raises:
        typer.BadParameter: There is none.
    """
    if not person.strip():
        raise typer.BadParameter("is empty; give the name of whoever stands beside the machine")
    return person.strip()
