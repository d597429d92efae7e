"""The desired configuration arrives from the hub: checked, tried, accepted or rolled back, and told.

    bus → signature → check → kept on disk → the agent starts anew with it → trial → accepted | rolled back

Leases outlive the change as they outlive any start: a device with a write block is never touched by it. A
trial that does not end, for whatever reason, is void at the next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from nats.aio.client import Client

from edge_agent.commands import JournalPort
from edge_agent.configuration_check import Refused, Staged, changed_points, refuse_paths
from edge_agent.configuration_child import checked_apart
from edge_agent.configuration_store import ConfigurationStore
from edge_agent.settings import Accepted, load_again
from edge_agent.trial import Health, PollTally, hopeless, worse
from protocols import subjects
from protocols.clock import Clock
from protocols.configuration import (
    MOST_BYTES,
    PURPOSE_CONFIGURATION,
    WHY_TEXTS,
    Configuration,
    Outcome,
    Why,
    decode_configuration,
    digest,
)
from protocols.errors import ConfigError, ContractError, KeyFileError, SignatureError, StoreError
from protocols.signing import key_id, open_envelope, verify
from runtime.keys import load_public_key
from runtime.site import beside_files, configuration_files

_log = logging.getLogger(__name__)

TRIAL_S: Final = 60.0
"""How long a new configuration is tried. [s]"""

KEY_FILE: Final = "config_sign.pub"
"""Public half of the hub's configuration key, in the keys folder of the edge."""

_BASIS_S: Final = 15.0
"""Polling is known well enough after this to be compared with. [s]"""

_LOOK_S: Final = 10.0
_QUEUE: Final = 8
_ANSWERED: Final = 64


@dataclass(frozen=True, slots=True)
class Trial:
    """A configuration that is tried.

    Attributes:
        version: Its number.
        accepted: Its devices, with the write blocks of the box.
        before: Polling with the configuration before.
        changed: Points `device/point` that are new or read in another way.
        isolated: Controllers that had failed already with the configuration before.
    """

    version: int
    accepted: Accepted
    before: Health
    changed: frozenset[str]
    isolated: frozenset[str]


@dataclass(slots=True)
class Turn:
    """One run of the agent among several of one process.

    Attributes:
        trial: What this run tries; None: what is in force.
        good: What goes on when the trial fails and the files at the box were spoiled since.
        again: Set when another run is to follow.
        following: What that one tries.
        back: What is in force after a trial that failed, read while polling still went on.
    """

    trial: Trial | None
    good: Accepted
    again: asyncio.Event = field(default_factory=asyncio.Event)
    following: Trial | None = None
    back: Accepted | None = None


@dataclass(frozen=True, slots=True)
class Configured:
    """What a run knows about where its configuration comes from."""

    store: ConfigurationStore
    turn: Turn


class ConfigurationState(NamedTuple):
    """What heartbeats tell; names as in `protocols/heartbeat.py`."""

    config_version: int
    config_trial: int
    config_seen: int
    config_digest: str
    config_edited: list[str]


@dataclass(frozen=True, slots=True)
class ConfigurationPorts:
    """What the service touches; `isolated` names failed controllers, `trial_s` is how long it tries [s]."""

    journal: JournalPort
    tally: PollTally
    clock: Clock
    isolated: Callable[[], frozenset[str]]
    trial_s: float = TRIAL_S


class ConfigurationService:
    """Hears, tries and tells; `run` once, `listen` once per bus connection."""

    def __init__(self, accepted: Accepted, configured: Configured, ports: ConfigurationPorts) -> None:
        """Note what the files in force are.

        Raises:
            ConfigError: They cannot be read.
        """
        self._accepted = accepted
        self._place = accepted.place
        self._store = store = configured.store
        self._turn = turn = configured.turn
        self._ports = ports
        self._begun_s = ports.clock.mono_s()
        self._answered: deque[bytes] = deque(maxlen=_ANSWERED)
        version = store.book.accepted if turn.trial is None else turn.trial.version
        self._folder = store.folder_of(version) if version else self._place.config
        self._reference = store.signed_files(version) if version else self._given()
        self._digest = digest(self._given_in(self._folder))
        self._edited: list[str] = []

    def state(self) -> ConfigurationState:
        """What is in force, by the last look."""
        book = self._store.book
        return ConfigurationState(book.accepted, book.trial, book.seen, self._digest, list(self._edited))

    async def run(self) -> None:
        """Try what is to be tried; then tell what is owed and look for edits until cancelled."""
        await self._tell()
        await self._look()
        if self._turn.trial is not None:
            await self._try(self._turn.trial)
        async for _ in self._ports.clock.ticks(_LOOK_S):
            await self._tell()
            await self._look()

    async def listen(self, client: Client) -> None:
        """Take configurations from the bus until cancelled; the hub sends each until it is answered."""
        subscription = await client.subscribe(
            subjects.configuration(self._place.edge), pending_msgs_limit=_QUEUE
        )
        try:
            async for message in subscription.messages:
                await self.take(message.data)
        finally:
            await subscription.unsubscribe()

    async def take(self, envelope: bytes) -> None:
        """Check one; what passes is kept and tried in the next run. In a trial, or too early, it waits."""
        passed_s = self._ports.clock.mono_s() - self._begun_s
        busy = self._store.book.trial or self._turn.again.is_set()
        name = hashlib.sha256(envelope).digest()
        if busy or passed_s < min(_BASIS_S, self._ports.trial_s / 2) or name in self._answered:
            return
        try:
            await self._take(envelope)
        except StoreError as error:
            _log.warning("a configuration of the hub waits: %s", error)
        else:
            self._answered.append(name)

    async def _take(self, envelope: bytes) -> None:
        version, opened = await asyncio.to_thread(self._opened, envelope)
        if isinstance(opened, Configuration):
            if version == self._store.book.seen:
                return  # this very one was decided already, in an earlier run
            staged = await self._staged(opened, envelope)
        else:
            staged = opened
        if isinstance(staged, Refused):
            await self._decide(Outcome.REFUSED, version, staged)
            return
        changed = await asyncio.to_thread(changed_points, self._accepted, staged)
        before, isolated = self._ports.tally.health(), self._ports.isolated()
        self._turn.following = Trial(version, staged, before, changed, isolated)
        await self._decide(Outcome.TRYING, version, Refused(Why.NONE, ""))
        self._turn.again.set()

    def _opened(self, envelope: bytes) -> tuple[int, Configuration | Refused]:
        """Version and content, or why it cannot be taken; a version counts only with a good signature."""
        try:
            body, signature = open_envelope(envelope, MOST_BYTES)
            found = decode_configuration(body)
            key = load_public_key(self._place.keys / KEY_FILE)
            verify(PURPOSE_CONFIGURATION, body, signature, {key_id(key): key}, found.key_id)
        except (SignatureError, KeyFileError) as error:
            return 0, Refused(Why.SIGNATURE, str(error))
        except ContractError as error:
            return 0, Refused(Why.SCHEMA, str(error))
        seen = self._store.book.seen
        if found.version < seen:
            return found.version, Refused(
                Why.OLD_VERSION, f"version {found.version}, {seen} was decided before"
            )
        return found.version, refuse_paths(found, self._place) or found

    async def _staged(self, configuration: Configuration, envelope: bytes) -> Accepted | Refused:
        folder = await asyncio.to_thread(self._store.keep, configuration, envelope)
        return await checked_apart(Staged(folder, configuration), self._accepted)

    async def _try(self, trial: Trial) -> None:
        """Poll with it for the time of a trial, less when it is hopeless; then decide."""
        begun_s, trial_s = self._ports.clock.mono_s(), self._ports.trial_s
        fault: str | None = None
        async for _ in self._ports.clock.ticks(min(1.0, trial_s / 8)):
            passed_s = self._ports.clock.mono_s() - begun_s
            after = self._ports.tally.health()
            if failed := sorted(self._ports.isolated() - trial.isolated):
                fault = f"controller {', '.join(failed)} failed and was isolated"
                break
            lost = passed_s >= trial_s / 4 and hopeless(trial.before, after)
            if passed_s >= trial_s or lost:
                fault = worse(trial.before, after, trial.changed)
                break
        if fault is None:
            self._store.note_given(self._given_in(self._place.config))
            await self._decide(Outcome.ACCEPTED, trial.version, Refused(Why.NONE, ""))
            return
        self._turn.back = await asyncio.to_thread(load_again, self._place, self._turn.good)
        await self._decide(Outcome.ROLLED_BACK, trial.version, Refused(Why.WORSE, fault))
        self._turn.again.set()

    async def _decide(self, outcome: Outcome, version: int, why: Refused) -> None:
        now = self._ports.clock.now()
        await asyncio.to_thread(self._store.decide, outcome, version, why.why, now, why.detail)
        said = "" if why.why is Why.NONE else f": {WHY_TEXTS[why.why].en} {why.detail}"
        _log.warning("configuration %d of the hub is %s%s", version, outcome, said)
        await asyncio.to_thread(self._store.tidy)
        await self._tell()

    async def _tell(self) -> None:
        """Put owed reports into the journal; one that fails is told later."""
        owed = self._store.book.owed
        if not owed:
            return
        try:
            await self._ports.journal.append_receipts([bytes.fromhex(report) for report in owed])
            await asyncio.to_thread(self._store.told, len(owed))
        except StoreError as error:
            _log.debug("reports of configurations wait: %s", error)

    async def _look(self) -> None:
        found = await asyncio.to_thread(self._edits)
        if found != self._edited:
            _log.warning("files changed at the box: %s", ", ".join(found) or "none any more")
        self._edited = found

    def _edits(self) -> list[str]:
        """Files in force that are not as they were, and files given at the box that are not in force."""
        found = [path for path, content in self._reference.items() if _read(self._folder / path) != content]
        found += [path for path in self._beside(self._folder) if path not in self._reference]
        if self._folder == self._place.config:
            return sorted(found)
        given = self._store.book.given
        found += [f"given:{path}" for path in self._beside(self._place.config) if path not in given]
        for path, name in given.items():
            content = _read(self._place.config / path)
            if content is None or digest({path: content}) != name:
                found.append(f"given:{path}")
        return sorted(found)

    def _beside(self, folder: Path) -> list[str]:
        """Controllers and rules that are in a folder."""
        paths = beside_files(folder, self._place.site, self._place.edge)
        return [str(path.relative_to(folder)) for path in paths]

    def _given(self) -> Mapping[str, bytes]:
        return self._given_in(self._place.config)

    def _given_in(self, folder: Path) -> Mapping[str, bytes]:
        try:
            return configuration_files(folder, self._place.site, self._place.edge)
        except ConfigError:
            return {}  # edited since into something that cannot be read; each missing file shows as an edit


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
