"""Two-step acts: a selected command waits for its operate, alone or with the rest of its group.

Of a group all are operated or none: whatever drops one selection drops all of its group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_agent.gate.draft import Draft
from edge_agent.gate.events import DropSelection, SaveSelection
from edge_agent.gate.state import Lease, Selection
from protocols.command import Command
from protocols.receipt import Expired, Overridden, Receipt, Released, Superseded

Last = Callable[[str, Selection], Receipt]
"""Makes the last receipt of a selection on a point."""


def put(draft: Draft, command: Command, lease: Lease, until_ns: int) -> None:
    """Take a selection; an older one on the point, and its group, give way."""
    name, edge = command.point, draft.rules.edge
    close(draft, name, lambda point, old: Superseded(old.lease.id, edge, point, draft.now, command.id))
    group = command.group or b""
    chosen = Selection(lease, until_ns, command.expect, group, command.group_size)
    draft.put(name, replace(draft.point(name), selection=chosen))
    draft.persist(SaveSelection(name, lease.id))
    if group:
        members = (*draft.state.groups.get(group, ()), name)
        draft.state = replace(draft.state, groups=draft.state.groups.put(group, members))


def members(draft: Draft, name: str) -> tuple[str, ...]:
    """The points that are operated together with one, itself included; none when nothing is selected."""
    chosen = draft.point(name).selection
    if chosen is None:
        return ()
    return draft.state.groups.get(chosen.group, (name,)) if chosen.group else (name,)


def take(draft: Draft, name: str) -> Selection | None:
    """Take a selection off its point, because its lease is granted now."""
    point = draft.point(name)
    if point.selection is None:
        return None
    draft.put(name, replace(point, selection=None))
    draft.persist(DropSelection(point.selection.lease.id))
    _forget_group(draft, point.selection.group)
    return point.selection


def close(draft: Draft, name: str, last: Last) -> None:
    """End a selection and those of its group, each with its last receipt."""
    for member in members(draft, name):
        chosen = take(draft, member)
        if chosen is not None:
            draft.emit(last(member, chosen))


def expire(draft: Draft, name: str) -> None:
    """End a selection whose operate did not come."""
    chosen = draft.point(name).selection
    if chosen is not None and draft.now_ns >= min(chosen.until_ns, chosen.lease.until_ns):
        close(draft, name, lambda point, old: Expired(old.lease.id, draft.rules.edge, point, draft.now))


def drop(draft: Draft, name: str, by: str) -> None:
    """End a selection because something above it has the point."""
    close(draft, name, lambda point, old: Overridden(old.lease.id, draft.rules.edge, point, draft.now, by))


def release(draft: Draft, name: str) -> None:
    """End a selection because its sender cancels it."""
    close(draft, name, lambda point, old: Released(old.lease.id, draft.rules.edge, point, draft.now))


def _forget_group(draft: Draft, group: bytes) -> None:
    if group:
        draft.state = replace(draft.state, groups=draft.state.groups.drop(group))
