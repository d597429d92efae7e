"""The judge: stands outside, sees every signed message, every receipt, every write, and what machines show.

    wrong_write   a write at a device that no live lease of the winning rung and no fallback explains
    accepted      a yes to what had to be refused
    stuck         a point on neither winner nor fallback longer than three ticks and its sequence
    receipts      an accepted command without exactly one last receipt, or one that the store never got
    ledger        a command that stands there otherwise than its receipts say, or was sent before its row
    orders        an order of a person without an end, that came back, or that lives on after its end
    chain         a chain that does not verify
    epoch, fence  one term of office for two lives of hubs; an edge that forgets which it has obeyed
    office        not one hub in office long after all has healed

What it knows of each edge stands in `judge_book.py`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_agent.gate.events import (
    Emit,
    Event,
    InputRead,
    LocalMode,
    MessageReceived,
    RenewalReceived,
    Safety,
    Write,
)  # fmt: skip
from protocols.clock import Instant
from protocols.command import ACTS, Command, CommandKind, Level, Renewal, lease_list_hash
from protocols.receipt import TERMINAL, Expired, Overridden, Receipt, Received, Refused
from protocols.refusal import Refusal
from tests.simulation.devices import Machine
from tests.simulation.judge_book import ENDS, EdgeBook, act, grant_of, operate, stuck_after_s
from tests.simulation.plant import SITE, Spec
from tests.simulation.timeline import NS, Story

_EARLY: Final = frozenset({
    Refusal.ADDRESSEE, Refusal.NOT_ALLOWED, Refusal.UNSUPPORTED, Refusal.PERSON, Refusal.FENCED,
    Refusal.STALE_ECHO, Refusal.OUT_OF_ORDER,
})  # fmt: skip
"""Refusals that leave the fence where it is."""
_PLANS: Final = (Level.SCHEDULE, Level.OPTIMISER)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be."""

    kind: str
    at_ns: int
    text: str


@dataclass
class Judge:
    """Keeps one book for each edge."""

    story: Story
    findings: list[Finding] = field(default_factory=list)
    signed: dict[bytes, Command | Renewal] = field(default_factory=dict)
    books: dict[str, EdgeBook] = field(default_factory=dict)
    machines: dict[str, dict[str, Machine]] = field(default_factory=dict)
    told: dict[bytes, list[Receipt]] = field(default_factory=lambda: defaultdict(list))
    begun_ns: dict[bytes, int] = field(default_factory=dict)
    """When a command was signed first."""
    taken_ns: dict[bytes, int] = field(default_factory=dict)
    """When the plant took the point from a command, or nobody kept it alive."""
    troubled: Counter[str] = field(default_factory=Counter)
    calm_ns: dict[str, int] = field(default_factory=dict)
    terms: dict[int, str] = field(default_factory=dict)
    writes_seen: int = 0
    writes_of_leases: int = 0

    def add_edge(self, name: str, specs: Sequence[Spec], machines: dict[str, Machine]) -> None:
        """Watch one more edge."""
        self.books[name] = EdgeBook({spec.point: spec for spec in specs})
        self.machines[name] = machines

    def find(self, kind: str, text: str) -> None:
        """Note what must not be."""
        self.story.tell("JUDGE", f"{kind}: {text}")
        self.findings.append(Finding(kind, self.story.timeline.now_ns, text))

    # -- what is signed ------------------------------------------------------------------------

    def signs(self, data: bytes, message: Command | Renewal, life: str) -> None:
        """An honest holder of a key has signed this."""
        self.signed[data] = message
        if isinstance(message, Command):
            self.begun_ns.setdefault(message.id, self.story.timeline.now_ns)
        if message.issuer == "hub" and self.terms.setdefault(message.epoch, life) != life:
            self.find("epoch", f"term {message.epoch} is spoken by {self.terms[message.epoch]} and {life}")

    def beats(self, edge: str, fence: int) -> None:
        """An edge tells the highest epoch it has heard."""
        highest = max((epoch for epoch, _ in self.books[edge].fences.values()), default=0)
        if fence < highest:
            self.find("fence", f"{edge} tells epoch {fence} and has obeyed {highest}")

    # -- what goes on at an edge -----------------------------------------------------------------

    def edge_started(self, edge: str, now: Instant, run: int) -> None:
        """A new run: inputs were not read yet, selections are gone; of another boot all leases as well."""
        book = self.books[edge]
        for point in book.points.values():
            point.chosen = None
            if now.boot != book.boot:
                point.grants.clear()
        book.boot, book.run, book.alive = now.boot, run, True
        book.local.clear()
        book.safety.clear()
        book.inputs.clear()
        self.trouble(edge, 0)

    def edge_died(self, edge: str) -> None:
        """It does nothing until it starts again."""
        self.books[edge].alive = False

    def trouble(self, edge: str, change: int) -> None:
        """A fault at the machines of an edge begins (1), ends (-1) or has passed (0)."""
        self.troubled[edge] += change
        self.calm_ns[edge] = self.story.timeline.now_ns

    def decided(self, edge: str, now: Instant, event: Event, emitted: Sequence[Emit]) -> None:
        """The edge has decided, and what must be durable is."""
        book, receipts = self.books[edge], [emit.receipt for emit in emitted]
        match event:
            case MessageReceived(data):
                self._message(book, now, self.signed.get(data), receipts)
            case RenewalReceived(data):
                self._renewal(book, now, self.signed.get(data))
            case LocalMode(device, local, _):
                book.local[device] = local
            case Safety(device, acts, _):
                self._safety(book, device, acts=acts)
            case InputRead(name, value, good, at_ns):
                book.inputs[name] = (value if good else math.nan, at_ns)
            case _:
                pass
        for emit in emitted:
            if emit.durable:
                self._receipt(book, emit.receipt)

    def _safety(self, book: EdgeBook, device: str, *, acts: bool) -> None:
        if acts and not book.safety.get(device, False):
            zone = next(spec.zone for spec in book.specs.values() if spec.device == device)
            scope = f"{SITE}/{device}" if zone is None else f"zone:{zone}"
            book.latches["stop", scope] = math.inf
        book.safety[device] = acts

    def _message(
        self, book: EdgeBook, now: Instant, message: Command | Renewal | None, receipts: Sequence[Receipt]
    ) -> None:
        if not isinstance(message, Command) or book is not self.books.get(message.edge):
            if any(isinstance(receipt, Received) for receipt in receipts):
                self.find("accepted", "a yes to what nobody has signed for this edge")
            return
        if message.id in book.known:
            return
        answer = next((r for r in receipts if r.id == message.id and isinstance(r, Received | Refused)), None)
        why = book.not_for_us(message, now.boot, now.mono_ns)
        late = isinstance(answer, Refused) and answer.code not in _EARLY and not _one_step(message, answer)
        if isinstance(answer, Received):
            why = why or book.must_refuse(message, now.mono_ns)
            if why:
                self.find("accepted", f"{message.kind.value} of {message.point}: {why}")
                return
            self._grant(book, message, now.mono_ns)
        if (isinstance(answer, Received) or late) and not why:
            book.fences[message.issuer] = (message.epoch, message.seq)
            book.known.add(message.id)

    def _renewal(self, book: EdgeBook, now: Instant, message: Command | Renewal | None) -> None:
        if not isinstance(message, Renewal) or book is not self.books.get(message.edge):
            return
        if book.not_for_us(message, now.boot, now.mono_ns):
            return
        book.fences[message.issuer] = (message.epoch, message.seq)
        held = [
            grant
            for point in book.points.values()
            for grant in point.grants.values()
            if grant.issuer == message.issuer and now.mono_ns < grant.until_ns
        ]
        if lease_list_hash([grant.id for grant in held]) != message.list_hash:
            return
        for grant in held:
            if not grant.table:
                grant.until_ns = max(grant.until_ns, now.mono_ns + round(message.valid_for_s * NS))

    def _receipt(self, book: EdgeBook, receipt: Receipt) -> None:
        self.told[receipt.id].append(receipt)
        if isinstance(receipt, Overridden | Expired):
            self.taken_ns.setdefault(receipt.id, self.story.timeline.now_ns)
        point = book.points.get(receipt.point)
        if point is None or not isinstance(receipt, TERMINAL):
            return
        for key, grant in list(point.grants.items()):
            if grant.id == receipt.id:
                del point.grants[key]
        if point.chosen is not None and point.chosen.id == receipt.id:
            point.chosen = None

    # -- what a yes changes ----------------------------------------------------------------------

    def _grant(self, book: EdgeBook, command: Command, now_ns: int) -> None:
        if command.kind in ACTS:
            act(book, command, now_ns)
            return
        point = book.points[command.point]
        if command.kind is CommandKind.SELECT:
            point.chosen, point.group = grant_of(command, now_ns), command.group
        elif command.kind is CommandKind.OPERATE:
            operate(book, point, command, now_ns)
        elif command.kind in ENDS:
            for key, grant in list(point.grants.items()):
                begun = grant.steps[0][0] <= now_ns
                if grant.level is command.level and not (command.kind is CommandKind.CANCEL and begun):
                    del point.grants[key]
        elif command.kind is not CommandKind.TEST:
            grant = grant_of(command, now_ns)
            point.grants[grant.level, grant.bound] = grant

    # -- writes ----------------------------------------------------------------------------------

    def writes(self, edge: str, now: Instant, write: Write) -> None:
        """A write goes on the wire."""
        self.writes_seen += 1
        why = self._wrong(self.books[edge], write.point, write.value, now.mono_ns)
        if why:
            self.find("wrong_write", f"{write.point} = {write.value} as {write.why}: {why}")

    def _wrong(self, book: EdgeBook, point: str, value: float | None, now_ns: int) -> str:
        spec = book.specs.get(point)
        if spec is None or not spec.may_hold(value):
            return "outside the commissioned limits"
        held = book.hands_off(point, now_ns)
        if held or value in self._homes(book, point):
            return held
        self.writes_of_leases += 1
        allowed = book.allowed(point, now_ns)
        asked = (
            "" if value in allowed else f"the live lease of the winning rung asks for {allowed or 'nothing'}"
        )
        return book.no_lease(point, now_ns) or asked

    def _homes(self, book: EdgeBook, point: str) -> set[float | None]:
        spec = book.specs[point]
        if spec.fallback["kind"] != "restore":
            return {spec.home}
        machines = next(self.machines[name] for name, other in self.books.items() if other is book)
        return machines[spec.device].registers[point].native

    # -- what machines show ------------------------------------------------------------------------

    def look(self, edge: str, now: Instant) -> None:
        """Whether every point is on its winner or its fallback, or will be soon."""
        book, at_ns = self.books[edge], self.story.timeline.now_ns
        if self.troubled[edge] or not book.alive:
            return
        for name, point in book.points.items():
            if self._at_rest(edge, name, now.mono_ns):
                point.bad_since_ns = None
                continue
            point.bad_since_ns = at_ns if point.bad_since_ns is None else point.bad_since_ns
            since_ns = max(point.bad_since_ns, self.calm_ns.get(edge, 0))
            if at_ns - since_ns > stuck_after_s(book.specs, point.spec) * NS and not point.told_stuck:
                point.told_stuck = True
                shown = self.machines[edge][point.spec.device].registers[name].value
                wanted = None if book.no_lease(name, now.mono_ns) else book.allowed(name, now.mono_ns)
                self.find("stuck", f"{name} shows {shown}, wanted is {wanted or point.spec.home}")

    def _at_rest(self, edge: str, name: str, now_ns: int) -> bool:
        book, spec = self.books[edge], self.books[edge].specs[name]
        register = self.machines[edge][spec.device].registers[name]
        if book.hands_off(name, now_ns):
            return True
        wanted = set() if book.no_lease(name, now_ns) else book.allowed(name, now_ns)
        at_home = register.value in self._homes(book, name) or not register.ours
        if not wanted:
            return at_home
        return register.value in wanted or (at_home and spec.duty.get("dwell_s", 0.0) > 0)


def _one_step(command: Command, answer: Refused) -> bool:
    return command.kind is CommandKind.SET and answer.code is Refusal.SELECTION
