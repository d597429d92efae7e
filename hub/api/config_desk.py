"""Takes a proposed configuration: looked at whole, apart from the hub, then accepted with its audit entry.

propose (page, script) → held against the version in force → checked in a process of its own → next version,
only if what was looked at is still in force → this process takes it at once, the others within a second
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hub.api.config_models import (
    ConfigAccepted,
    ConfigChange,
    ConfigChecked,
    ConfigEffect,
    ConfigFault,
    ConfigProposal,
    ConfigRows,
    ConfigVersion,
)
from hub.api.deep_refusals import heard
from hub.api.deps import ApiDeps
from hub.api.file_words import PLACE, fault_text
from hub.api.models import from_ns
from hub.api.refusals import refused
from hub.auth.tokens import Caller
from hub.ledger import audit
from hub.registry.checking import Answer, Question, Table, check_apart
from hub.registry.documents import MOST_BYTES, MOST_FILES, Change, Documents, differences
from hub.registry.effects import effects
from hub.registry.version_tables import VersionRow
from hub.registry.versions import Author, documents_of, keep, newest, version_of
from protocols.errors import ConfigError, ConfigMovedError, ConfigRefusedError

_log = logging.getLogger(__name__)

MOST_TEXT: Final = 200_000
"""Characters of differences in one answer."""

_WAIT_S: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants.

    Attributes:
        deps: Where.
        caller: Who.
        address: From where.
        reason: What for.
        seen: Version they looked at.
    """

    deps: ApiDeps
    caller: Caller
    address: str
    reason: str
    seen: int

    def author(self, back_to: int = 0) -> Author:
        """As the version and the audit name them."""
        return Author(
            self.caller.name,
            self.reason,
            self.caller.role,
            self.address,
            back_to=back_to,
            seen=self.seen,
            token=self.caller.token,
        )


async def look(deps: ApiDeps, proposal: ConfigProposal | ConfigRows) -> ConfigChecked:
    """What would become of a proposal; nothing is changed.

    Raises:
        RefusedError: Another one is looked at just now.
        StoreError: The database or the machine cannot do it now.
    """
    site = deps.registry.site.id
    base, before = await _in_force(deps)
    answer = await _checked(deps, before, proposal)
    changes = [] if answer.documents is None else differences(before, answer.documents)
    return ConfigChecked(
        base=base,
        acceptable=answer.documents is not None,
        faults=await _told(answer.faults),
        changes=shown(changes),
        effects=_effects(deps, changes, site),
        rows=answer.rows,
        bad_rows=answer.bad,
    )


async def accept(asked: Asked, proposal: ConfigProposal | ConfigRows) -> ConfigAccepted:
    """Make it the version in force.

    Raises:
        ConfigMovedError: Another version is in force than the one that was looked at.
        ConfigRefusedError: It has faults, all of them are told; nothing was changed.
        RefusedError: Another one is looked at just now.
        StoreError: The database or the machine cannot do it now.
    """
    base, before = await _in_force(asked.deps)
    if base != asked.seen:
        await _note(asked, "import", base, "refused: another version is in force")
        raise ConfigMovedError(
            f"version {base} is in force, not version {asked.seen} that this was made on; look at it first"
        )
    answer = await _checked(asked.deps, before, proposal)
    return await _accepted(asked, asked.author(), before, answer)


async def roll_back(asked: Asked, version: int) -> ConfigAccepted:
    """Make the files of an old version the ones in force again, as a new version; checked like any other.

    Raises:
        ConfigMovedError: As `accept`.
        ConfigRefusedError: As `accept`: it does not fit what the hub checks today.
        RefusedError: There is no such version; or as `accept`.
        StoreError: As `accept`.
    """
    _, before = await _in_force(asked.deps)
    try:
        old = await documents_of(asked.deps.sessions, asked.deps.registry.site.id, version)
    except ConfigError as error:
        raise refused("config_version", why=heard(error)) from error
    answer = await _apart(asked.deps, Question(asked.deps.registry.site.id, old))
    return await _accepted(asked, asked.author(back_to=version), before, answer)


async def _accepted(asked: Asked, author: Author, before: Documents, answer: Answer) -> ConfigAccepted:
    deps, site = asked.deps, asked.deps.registry.site.id
    kind = "roll_back" if author.back_to else "import"
    if answer.documents is None:
        await _note(asked, kind, asked.seen, f"refused: {len(answer.faults)} faults")
        faults = [fault.model_dump() for fault in await _told(answer.faults)]
        raise ConfigRefusedError(
            "it has faults, nothing was changed; mend them and send it again", faults=faults
        )
    kept = await keep(deps.sessions, site, answer.documents, author, deps.clock.now().wall_ns)
    await _take(deps)
    row = await version_of(deps.sessions, site, kept.version)
    return ConfigAccepted(
        version=version_model(row, used=row.version == deps.config_version),
        fresh=kept.fresh,
        effects=_effects(deps, differences(before, answer.documents), site),
        rows=answer.rows - answer.bad,
        faults=await _told(answer.faults),
    )


async def _take(deps: ApiDeps) -> None:
    """This process need not wait for its next look; where it cannot take it, its state says why."""
    if deps.look is None:
        return
    try:
        await deps.look()
    except ConfigError as error:
        _log.warning("%s", error)


async def _in_force(deps: ApiDeps) -> tuple[int, dict[str, bytes]]:
    site = deps.registry.site.id
    row = await newest(deps.sessions, site)
    return (0, {}) if row is None else (row.version, await documents_of(deps.sessions, site, row.version))


async def _checked(deps: ApiDeps, before: Documents, proposal: ConfigProposal | ConfigRows) -> Answer:
    site = deps.registry.site.id
    if isinstance(proposal, ConfigRows):
        table = Table(proposal.of, proposal.name, proposal.file, proposal.text, proposal.take_good)
        return await _apart(deps, Question(site, before, table))
    twice = [path for path, count in Counter(one.path for one in proposal.files).items() if count > 1]
    if twice:
        return Answer(None, tuple(f"{path} stands twice among the files; send it once" for path in twice))
    documents = _put_in({} if proposal.whole else before, proposal)
    if len(documents) > MOST_FILES or sum(map(len, documents.values())) > MOST_BYTES:
        return Answer(None, (f"more than {MOST_FILES} files or {MOST_BYTES} bytes; is it one site?",))
    return await _apart(deps, Question(site, documents))


def _put_in(documents: Documents, proposal: ConfigProposal) -> dict[str, bytes]:
    found = dict(documents)
    for one in proposal.files:
        if one.text is None:
            found.pop(one.path, None)
        else:
            found[one.path] = one.text.encode("utf-8", errors="replace")
    return dict(sorted(found.items()))


async def _apart(deps: ApiDeps, question: Question) -> Answer:
    """One at a time: each takes a processor and much memory for seconds."""
    if deps.checking.locked():
        raise refused("config_busy", wait_s=_WAIT_S, seconds=_WAIT_S)
    async with deps.checking:
        return await check_apart(question)


async def _note(asked: Asked, kind: str, base: int, result: str) -> None:
    deps, site = asked.deps, asked.deps.registry.site.id
    entry = audit.Entry(
        deps.clock.now().wall_ns, asked.caller.name, asked.caller.role, asked.address, "configuration", kind,
        site, str(base), "", asked.reason, result, token=asked.caller.token,
    )  # fmt: skip
    async with deps.sessions.begin() as session:
        await audit.add(session, site, [entry])


def _effects(deps: ApiDeps, changes: Sequence[Change], site: str) -> list[ConfigEffect]:
    users: dict[str, set[str]] = {}
    for name, known in deps.registry.devices.items():
        users.setdefault(name, set()).add(known.edge)
        users.setdefault(known.profile.id, set()).add(known.edge)
    return [
        ConfigEffect(when=one.when, code=one.code, text=one.text) for one in effects(changes, site, users)
    ]


async def _told(lines: Sequence[str]) -> list[ConfigFault]:
    """Complaints in parts and in both languages; thousands of them take a moment."""
    return await asyncio.to_thread(lambda: [fault_of(line) for line in lines])


def fault_of(line: str) -> ConfigFault:
    """A complaint in parts: `file:line: field: text`, or with a row of a table."""
    found = PLACE.fullmatch(line)
    if found is None:
        return ConfigFault(file=None, line=None, field=None, text=fault_text(line))
    return ConfigFault(
        file=found["file"], line=int(found["line"]), field=found["field"], text=fault_text(found["text"])
    )


def shown(changes: Iterable[Change]) -> list[ConfigChange]:
    """Changes as an answer; a text that would be too long for one is left out."""
    room, found = MOST_TEXT, []
    for one in changes:
        text = one.text if len(one.text) <= room else ""
        room -= len(text)
        found.append(ConfigChange(path=one.path, kind=one.kind, text=text))
    return found


def version_model(row: VersionRow, *, used: bool) -> ConfigVersion:
    """A version as an answer."""
    return ConfigVersion(
        version=row.version, made=from_ns(row.made_ns), actor=row.actor, note=row.note, digest=row.digest,
        back_to=row.back_to or None, used=used,
    )  # fmt: skip
