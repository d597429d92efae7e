"""Deliberate breaks of the gate: each names what it changes and the invariants that must notice.

A mutant is a piece of a function's source put in the place of another piece, found by the function's name,
and compiled into the function that all callers hold. It counts as caught only when the assertion that fails
names one of its invariants.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Mutant:
    """One break.

    Attributes:
        where: `module.function` or `module.Class.method` below `edge_agent.gate`.
        old: Piece of its source.
        new: What stands there instead.
        names: Invariants one of which the failing assertion must name.
    """

    where: str
    old: str
    new: str
    names: tuple[str, ...]

    @override
    def __str__(self) -> str:
        return f"{self.where}: {self.old!r} → {self.new!r}"


def _m(where: str, old: str, new: str, *names: str) -> Mutant:
    return Mutant(where, old, new, names)


MUTANTS: Final = (
    # I1 are about: what is written lies in the limits and is finite
    _m("checks._limits", "not low <= value <= high", "not low <= value", "I1"),
    _m("checks._limits", "not low <= value <= high", "not value <= high", "I1"),
    _m("checks._number", "not math.isfinite(value)", "math.isnan(value)", "I1"),
    _m("checks._values", "if command.steps:", "if False:", "I1", "I14"),
    _m("controller._fault", "rules.limits.low <= value <= rules.limits.high", "True", "I1", "I8"),
    # I2 are about: every write is justified
    _m("core.wanted", "holding.by_right(draft, write.point, act)", "True", "I2", "I3"),
    _m("holding.by_right", "_is_on_it(point, won)", "True", "I8"),
    _m("checks._planned_with", "command.cap_hash != rules.cap_hash", "False", "I2"),
    _m(
        "orders._test",
        "answers.done_at_once(draft, command)",
        "lease.grant(draft, command.point, ask.lease)",
        "I2",
        "I11",
    ),
    _m("present._expected", "draft.rule(ask.point).same(shown, ask.expect)", "True", "I2"),
    _m("rules.PointRules.home", 'self.limits.fallback.kind == "restore"', "False", "I2", "I3", "I14"),
    _m("holding.begin", "before = seen if old is None else old.before", "before = seen", "I2", "I14"),
    _m("fallback._done", "_remember(draft, name, value)", "pass", "I2"),
    _m("holding._turn_to", "not present.can_be_given_back(draft, name)", "False", "I2"),
    # I3 are about: no value of a lease stays longer than the lease
    _m("holding._fall", "fallback.begin(draft, name, careful=point.act.resumed)", "pass", "I3", "I14"),
    _m("core._tick", "holding.pursue(draft, name)", "pass", "I3", "I8", "I14"),
    _m("holding._may_stay", "return False", "return True", "I3"),
    _m("draft.Draft.put", "point.busy is not (name in busy)", "False", "I3", "I8", "I14"),
    # I4, I16 are about: fence and seq
    _m(
        "core._move_fence",
        "new = Fence(message.epoch, message.seq)",
        "new = Fence(old.epoch, message.seq)",
        "I4",
        "I6",
        "I16",
    ),
    _m("core._move_fence", "draft.persist(SaveFence(message.issuer, new))", "pass", "I4", "I6", "I16"),
    _m("checks.fenced", "message.epoch < fence.epoch", "False", "I4", "I6", "I16"),
    _m("checks.out_of_order", "message.seq <= fence.seq", "message.seq < fence.seq", "I4", "I6"),
    _m(
        "checks.out_of_order",
        "message.epoch == fence.epoch and message.seq <= fence.seq",
        "False",
        "I4",
        "I6",
    ),
    # I5 are about: what is not signed, addressed or allowed leaves no trace
    _m("checks.other_run", "message.agent_epoch != draft.rules.agent_epoch", "False", "I5"),
    _m(
        "checks.other_edge",
        "(message.site, message.edge) != (draft.rules.site, draft.rules.edge)",
        "False",
        "I5",
    ),
    _m(
        "checks._level_fault",
        "not open_here or command.level not in draft.rules.issuers[command.issuer].levels",
        "not open_here",
        "I5",
    ),
    _m("checks._level_fault", "rules.duty.writer is not None and", "False and", "I5"),
    _m("checks._act_fault", "draft.rules.issuers[command.issuer].acts and", "", "I5"),
    _m("checks._named", "not (command.actor.strip() and command.reason.strip())", "not command.actor", "I5"),
    _m("orders._completes", 'names in ("", chosen.lease.actor)', "not names", "I5"),
    # I6 are about: replay
    _m("core._command", "first is not None or no is not None", "no is not None", "I6"),
    _m("checks.stale", "message.echo.boot != draft.now.boot", "False", "I6"),
    _m("checks.stale", "0 <= age_ms <=", "age_ms <=", "I6"),
    _m("checks.stale", "* 1000:", "* 1100:", "I6"),
    # I7 are about: under a hand, a lock-out, a stop, an interlock
    _m("standing.hands_off", "safety is None or safety.local", "False", "I7"),
    _m("standing.hands_off", "switch is None or switch.local", "False", "I7"),
    _m("standing.latched", "draft.rules.scopes(name)", "draft.rules.scopes(name)[:1]", "I7", "I8"),
    _m("standing.stopped", "if stop is None:", "if True:", "I7"),
    _m("standing._fault", "not seen.value <= condition.high", "False", "I7"),
    _m("standing._fault", "not seen.good", "False", "I7"),
    _m(
        "acts.safety",
        "put(draft, Latch(LatchKind.STOP",
        "(lambda *_: None)(draft, Latch(LatchKind.STOP",
        "I7",
    ),
    _m(
        "acts._resume", "late = stop.armed_ns is None or", "late = stop.armed_ns is not None and", "I15", "I7"
    ),
    _m("start.restored", "for kept in saved.latches:", "for kept in ():", "I7", "I15", "I8"),
    _m("foreign.switched", "let_go(draft, name, LOCAL)", "pass", "I7", "I3"),
    # I8 are about: the ladder
    _m("ladder.winner", "key=lambda lease: rank(lease.level)", "key=lambda lease: -rank(lease.level)", "I8"),
    _m("ladder.winner", "min(max(value, left.low), left.high)", "value", "I8", "I2"),
    _m("ladder.winner", "None if left.empty else", "", "I2", "I8", "I1"),
    _m(
        "ladder.room",
        "min([rules.limits.high, *highs])",
        "max([rules.limits.low, *highs])",
        "I8",
        "I2",
        "I14",
    ),
    _m("holding._turn_to", "begin(draft, name, won)", "pass", "I8", "I14"),
    _m("state.Lease.value_at", "reversed(self.steps)", "self.steps", "I8"),
    _m("present._hands", "ask.lease.level in _PLANS", "False", "I8"),
    _m("acts._opt_out", "held.level in _PLANS", "held.level is Level.SCHEDULE", "I8", "I2"),
    # I9 are about: no lease is longer than allowed
    _m("checks._lease", "not 0 < command.lease_s <= most_s", "not 0 < command.lease_s", "I9"),
    _m("checks._lease", "rules.duty.horizon_s if command.steps else", "", "I9", "I14"),
    _m(
        "checks.renewal_length",
        "not 0 < valid_for_s <= rules.limits.max_lease_s",
        "not 0 < valid_for_s",
        "I9",
    ),
    _m("lease.prolong", "if lease.steps:", "if False:", "I9", "I8", "I3"),
    _m("lease.prolong", "max(lease.until_ns, until_ns)", "until_ns", "I14", "I8", "I3"),
    _m(
        "lease.span_ns",
        "after_ns(made_ns, command.lease_s)",
        "after_ns(now_ns, command.lease_s)",
        "I9",
        "I3",
        "I8",
    ),
    # I10 are about: crash at any line
    _m("holding.begin", "draft.persist(SaveIntent(name, draft.now.boot, intent))", "pass", "I10"),
    _m("lease.grant", "draft.persist(SaveLease(name, draft.now.boot, lease))", "pass", "I10", "I11"),
    _m("start._lease", "saved.boot == draft.now.boot and", "", "I10", "I3", "I9", "I14"),
    _m("start._keep_wears", "worn.boot != draft.now.boot", "False", "I14"),
    # I11 are about: receipts
    _m("lease.grant", "if old is not None:", "if False:", "I11"),
    _m("lease.end", "draft.tell(lease, last)", "pass", "I11"),
    _m("answers.done_at_once", "draft.emit(", "str(", "I11"),
    _m("selection.close", "draft.emit(last(member, chosen))", "pass", "I11"),
    _m("start.started", "draft.emit(Expired(chosen.id", "str(Expired(chosen.id", "I11"),
    # I12 are about: the wall clock
    _m("lease.asked", "until_ns - spread_ns", "until_ns - draft.now.wall_ns // 10**18 - spread_ns", "I12"),
    _m(
        "lease.prolong",
        "until_ns = draft.now_ns",
        "until_ns = draft.now.wall_ns // 10**18 + draft.now_ns",
        "I12",
    ),
    _m("draft.Draft.now_ns", "self.now.mono_ns", "self.now.mono_ns + self.now.wall_ns // 10**18", "I12"),
    # I13 are about: dwell, starts, step, budget, quota
    _m("wear._too_soon", "if left_ns > 0", "if False", "I13"),
    _m("wear._started_too_often", "lately >= duty.starts_per_h", "lately > duty.starts_per_h", "I13"),
    _m("wear._too_much", "abs(value - here) > duty.step + rules.tolerance", "False", "I13"),
    _m("wear._spent", "today >= duty.writes_per_day", "False", "I13"),
    _m("start._with_points", "for worn in saved.wears:", "for worn in ():", "I13"),
    _m("wear.of_another_boot", "changed_ns=now_ns", "changed_ns=None", "I13"),
    _m("present._quota", "lately >= most", "lately > most", "I13"),
    _m("present._rate", "No(Refusal.RATE, hindrance) if hindrance else None", "None", "I13"),
    _m("checks._timetable_fault", "before < after for before", "before <= after for before", "I9"),
    # I14 are about: liveness
    _m("fallback.tick", "act.stage in (Stage.WAITING, Stage.QUEUED)", "False", "I14"),
    _m(
        "fallback.read",
        "_write(draft, name, act, rules.home(point.intent))",
        "failed(draft, name, act)",
        "I14",
        "I3",
    ),
    _m(
        "fallback._turn",
        "all(_is_back(draft, member) for member in earlier)",
        "not earlier",
        "I14",
        "I3",
    ),
    # I15 are about: all or none, two steps
    _m("orders._completes", "missing > 0", "False", "I15"),
    _m("orders._completes", "chosen is None or not _fits(chosen, command)", "chosen is None", "I15"),
    _m("checks._two_step", "rules.duty.two_step and one_step", "False", "I15"),
    _m("orders._still_good", "present.first_no(", "(lambda *_, **__: None)(", "I15", "I7", "I13"),
    _m(
        "selection.members",
        "draft.state.groups.get(chosen.group, (name,)) if chosen.group else (name,)",
        "(name,)",
        "I15",
        "I14",
    ),
    # I17 are about: the chain of entries
    _m("draft.Draft.write", "if why != REFRESH:", "if why not in (REFRESH, 'fallback'):", "I17"),
    _m("draft.Draft.write", "SaveEntry(name, value, why", "SaveEntry(name, 0.0, why", "I17"),
    _m("audit._hash", "hashlib.sha256(before + body)", "hashlib.sha256(body)", "I17"),
)


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The gate with one break in it, and whole again after."""
    module_name, *path = mutant.where.split(".")
    module: Any = import_module(f"edge_agent.gate.{module_name}")
    owner: Any = module
    for part in path[:-1]:
        owner = getattr(owner, part)
    found = inspect.getattr_static(owner, path[-1])
    function: Any = found.fget if isinstance(found, property) else found
    source = textwrap.dedent(inspect.getsource(function))
    if mutant.old not in source:
        raise LookupError(f"{mutant}: the function has no such piece any more")
    source = source.removeprefix("@property\n").replace(mutant.old, mutant.new, 1)
    space: dict[str, Any] = {}
    code = compile("from __future__ import annotations\n" + source, f"<{mutant.where}>", "exec")
    exec(code, function.__globals__, space)  # noqa: S102  our own source, with one piece changed
    whole = function.__code__
    function.__code__ = space[path[-1]].__code__
    try:
        yield
    finally:
        function.__code__ = whole
