"""Set-points that were chosen, on the page of a plan: each with the times at which it changes."""

from __future__ import annotations

import datetime as dt
from html import escape

from optimizer.level_words import LABELS
from optimizer.plan import Plan
from protocols.config import Text


def level_rows(plan: Plan, zone: dt.tzinfo) -> list[tuple[Text, str]]:
    """What it is called, and "from time value" for each change; empty where nothing was to be chosen."""
    rows: list[tuple[Text, str]] = []
    for name, (label, unit) in LABELS.items():
        values = plan.setpoints.get(name)
        if values is None:
            continue
        changes = [step for step in range(plan.steps) if not step or values[step] != values[step - 1]]
        told = []
        for step in changes:
            at = dt.datetime.fromtimestamp(plan.start_ns / 1e9 + step * plan.step_s, zone)
            told.append(f"{at:%H:%M} {float(values[step]):g}")
        rows.append((label, escape(f"{', '.join(told)} {unit}")))
    return rows
