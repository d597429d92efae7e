"""What `ems optimize dispatch` says about the reasons of a plan, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def told_of(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Rows of the table: name and text, in English."""
    for conflict in said.get("conflicts", []):
        yield (
            f"why {conflict['name']}",
            f"{conflict['need']['en']} conflicts with: "
            + ("; ".join(one["en"] for one in conflict["limits"]) or "nothing, all else costs more"),
        )
    if "why_not" in said:
        yield "why", f"no answer: {said['why_not']}"
    why = said.get("why")
    if why is None:
        return
    yield "why", why["sentence"]["en"]
    for one in why["figures"]:
        shown = "none can be given" if one["value"] is None else f"{one['value']:,.3f} {one['unit']}"
        yield one["label"]["en"], shown
    for one in why["limits"]:
        worth = "" if one["worth"] is None else f" (one more is worth {one['worth']:.3f})"
        yield "binds", f"{one['limit']['en']}{worth}"
    if said.get("saving") is not None:
        yield "saving", said["saving"]["sentence"]["en"]
