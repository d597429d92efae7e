"""The deciding core: snapshot in, decision out; no I/O, no clock of its own. The closed loop runs the same.

A plan is wanted at the start, at each quarter hour, and at once with an event: a machine trips, is switched
to local, taken over by a person, loses its link or comes back; needs, a battery or the forecast leave what
was planned on (`events`). Set-points are those of the step of the plan that holds now; when no plan holds,
the machines that are free are told their order by rule (`order`), or, where not even the need is known,
nothing: the leases run out and every machine goes back to its own control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from accounts.invoice import Courses
from hub.dispatch import events
from hub.dispatch.able import unable
from hub.dispatch.approved import ended_by
from hub.dispatch.level_hold import Since, in_force, needs_known
from hub.dispatch.order import by_rule, left_to
from hub.dispatch.peak_guard import Guarded, blind, guarded, with_guard
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, MachineSeen, Seen, Snapshot, look
from hub.dispatch.solving import Accepted
from hub.dispatch.targets import targets
from hub.dispatch.trust import only_raised
from hub.dispatch.wanted import SetPoint, with_one_trim
from hub.forecast.issue import Issue
from hub.forecast.quarters import floor_quarter_ns
from optimizer.problem import LONG_S
from optimizer.setpoints import eased, setpoints_at
from plant.control.setpoints import Setpoints

RETRY_S: Final = 30.0
"""Wait after a plan that could not be had. [s]"""
_NS: Final = 1_000_000_000
_FIRST: Final = "first plan"
_RULED: Final = "no plan can be had: machines run in the order of their efficiency"
_QUARTER: Final = "a new quarter hour"
USUAL: Final = frozenset({_FIRST, _QUARTER})
"""Why a plan is wanted that follows the clock, not an event."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the core remembers from step to step.

    Attributes:
        seen: Machines at the last step.
        plan: Plan in force, None before the first and after it has run out.
        asked_ns: When a plan was last asked for.
        waiting: Whether that plan has not come yet.
        event: Event that was seen while a plan was under way.
        asked_for: Why the plan asked for last was wanted.
        owed: The same of one that could not be had.
        issue: Forecast looked at last.
        supply_c: Chilled-water set-point each chiller was told last. [°C]
        approved: Machine in the mode `approve` to the plan that a person lets it follow.
        ruled: Quarter hour, and what is told in it by rule where no plan holds.
    """

    seen: dict[str, MachineSeen] = field(default_factory=dict)
    plan: Accepted | None = None
    asked_ns: int | None = None
    waiting: bool = False
    event: str | None = None
    asked_for: str = ""
    owed: str | None = None
    issue: Issue | None = None
    supply_c: dict[str, float] = field(default_factory=dict)
    approved: Mapping[str, Accepted] = field(default_factory=dict)
    ruled: tuple[int, Setpoints | None] = (0, None)
    settled_ns: int | None = None
    """When a plan was asked for last that answers deviations."""
    planned_on: Mapping[str, bool] = field(default_factory=dict)
    """Which machines ran when a plan was asked for last."""
    away_ns: Mapping[str, int] = field(default_factory=dict)
    """When a machine was last taken away."""
    ruled_for: frozenset[str] = frozenset()
    """Machines the rule had to tell."""
    own_control: bool = False
    """Whether the plan asked for last was refused as worse than the plant's own control."""
    hurry: bool = False
    """Whether the event that was seen does not wait."""
    courses: Mapping[str, Courses] = field(default_factory=dict)
    """Prices of the day when a plan was asked for last."""
    news_ns: int = 0
    """When a forecast or prices were others than those planned on last."""
    guard: Guarded = field(default_factory=Guarded)
    """How the battery is held for the demand window that runs."""
    levels: Mapping[str, Since] = field(default_factory=dict)
    """Water temperatures in force, and since when."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now.

    Attributes:
        replan: Why a new plan is wanted, None when none is.
        set_points: All that shall be held, machine by machine; what is not named is given back.
        seen: The plant as it was read.
        ended: Machines whose approval is over.
    """

    replan: str | None
    set_points: tuple[SetPoint, ...]
    seen: Seen
    ended: frozenset[str] = frozenset()


def step(site: DispatchSite, memory: Memory, snapshot: Snapshot, now_ns: int) -> tuple[Memory, Decision]:
    """Decide; call it about once a second and with every event."""
    seen = look(site, snapshot, memory.seen)
    away = events.taken_away(memory.seen, seen.machines)
    memory, ended = _hurried(memory, away, now_ns), ended_by(site, memory.approved, away)
    memory = replace(memory, approved={m: one for m, one in memory.approved.items() if m not in ended})
    event = events.of_machines(memory.seen, seen.machines, memory.planned_on, now_ns) or memory.event
    drift = None
    if event is None:
        memory, event = _news(site, memory, snapshot)
    if event is None and _settled(memory, now_ns):
        event = drift = _drifted(site, memory, seen, snapshot)
    reason = None if site.modes.site == "off" else _reason(memory, event, now_ns)
    if reason is not None:
        answers = reason in USUAL or reason == drift or memory.asked_ns is None
        memory = replace(
            memory, asked_ns=now_ns, waiting=True, asked_for=reason, issue=snapshot.issue,
            settled_ns=now_ns if answers else memory.settled_ns or memory.asked_ns,
            planned_on={name: one.on for name, one in seen.machines.items()}, hurry=False,
            courses=snapshot.used.courses,
        )  # fmt: skip
        event = None
    memory = _with_rule(site, memory, seen, snapshot)
    wanted = _set_points(site, memory, seen, now_ns) or tuple(_by_rule(site, memory, seen))
    guard = guarded(site, memory.plan, (seen, snapshot), memory.guard)
    wanted = with_guard(site, wanted, guard)
    memory = replace(memory, seen=seen.machines, event=event, supply_c=_supply_c(site, wanted), guard=guard)
    memory = replace(memory, levels=in_force(memory.levels, memory.plan, now_ns))
    return memory, Decision(reason, wanted, seen, ended)


def unseen(site: DispatchSite, memory: Memory, last: Seen, links: Mapping[str, str], now_ns: int) -> Decision:
    """Go on by the plan in force where the plant cannot be read now: its steps, for machines as seen last.

    Nothing new is planned and nothing told by rule; a machine whose link is known to be lost is left alone.
    """
    told = (one for one in _set_points(site, memory, last, now_ns) if links.get(one.machine, "up") == "up")
    return Decision(None, with_guard(site, tuple(told), blind(memory.guard, now_ns)), last)


def planned(memory: Memory, plan: Accepted | None, *, own_control: bool = False) -> Memory:
    """Take a plan in, or note that none could be had; then the one in force stays.

    With `own_control` one was made and is worse than the plant's own control: nothing is told by rule then.
    """
    if plan is None:
        return replace(memory, waiting=False, owed=memory.asked_for, own_control=own_control)
    return replace(memory, waiting=False, plan=plan, owed=None, own_control=False)


def gives_way(memory: Memory) -> bool:
    """Whether the plan under way only follows the clock, and an event came that does not wait for it."""
    return memory.waiting and memory.asked_for == _QUARTER and memory.hurry and memory.event is not None


def gave_way(memory: Memory) -> Memory:
    """Nothing is under way any more; the event is asked for with the next step."""
    return replace(memory, waiting=False)


def _hurried(memory: Memory, away: frozenset[str], now_ns: int) -> Memory:
    """Note the machines that were taken away just now; one that comes and goes does not hurry each time."""
    again_ns = now_ns - round(events.AGAIN_S * _NS)
    first = any(memory.away_ns.get(name, again_ns) <= again_ns for name in away)
    away_ns = {**memory.away_ns, **dict.fromkeys(away, now_ns)}
    return replace(memory, away_ns=away_ns, hurry=memory.hurry or first)


def _reason(memory: Memory, event: str | None, now_ns: int) -> str | None:
    asked_s = LONG_S if memory.asked_ns is None else (now_ns - memory.asked_ns) / _NS
    if event is not None and not memory.waiting and (memory.hurry or asked_s >= events.GAP_S):
        return event
    if memory.waiting or asked_s < RETRY_S:
        return None
    if memory.plan is None:
        return _FIRST
    return _QUARTER if memory.plan.plan.start_ns != floor_quarter_ns(now_ns) else memory.owed


def _settled(memory: Memory, now_ns: int) -> bool:
    """Whether the plan in force has had its time, so that a deviation is none it has answered already."""
    asked_ns = memory.settled_ns or memory.asked_ns
    return not memory.waiting and asked_ns is not None and now_ns - asked_ns >= events.SETTLED_S * _NS


def _drifted(site: DispatchSite, memory: Memory, seen: Seen, snapshot: Snapshot) -> str | None:
    if memory.plan is None:
        return None
    only_up = only_raised(site, seen, snapshot.recent, snapshot.now_ns, memory.supply_c)
    return events.of_plant(site, memory.plan, seen, needs_known(memory.levels, snapshot), only_up)


def _news(site: DispatchSite, memory: Memory, snapshot: Snapshot) -> tuple[Memory, str | None]:
    """A forecast or prices that say something else than was planned on, as soon as they are there.

    They hurry; those that are others again within minutes wait like any event.
    """
    if memory.plan is None:
        return memory, None
    newer = memory.issue is not snapshot.issue
    changed = events.of_forecast(site, memory.plan, snapshot) if newer else None
    changed = changed or events.of_prices(memory.courses, snapshot)
    memory = replace(memory, issue=snapshot.issue)
    if changed is None:
        return memory, None
    first = snapshot.now_ns - memory.news_ns >= events.AGAIN_S * _NS
    return replace(memory, hurry=memory.hurry or first, news_ns=snapshot.now_ns), changed


def _set_points(site: DispatchSite, memory: Memory, seen: Seen, now_ns: int) -> tuple[SetPoint, ...]:
    """Of the plan in force for machines in auto, of the one a person approved for those that wait."""
    wanted: list[SetPoint] = []
    if memory.plan is not None:
        wanted += _of_plan(
            site, memory, (memory.plan, lambda name: site.modes.of(name) == "auto"), seen, now_ns
        )
    for machine, accepted in memory.approved.items():
        if site.modes.of(machine) == "approve":
            wanted += _of_plan(site, memory, (accepted, machine.__eq__), seen, now_ns)
    standing = {name: one for name, one in memory.approved.items() if site.modes.of(name) == "approve"}
    return with_one_trim(site, wanted, standing, _regulates(memory.plan, now_ns))


def _regulates(accepted: Accepted | None, now_ns: int) -> str | None:
    """The compressor that regulates by a plan now."""
    at = None if accepted is None else accepted.plan.step_at(now_ns)
    if accepted is None or at is None:
        return None
    return next((name for name, one in accepted.plan.machines.items() if one.role[at] == "trim"), None)


def _of_plan(
    site: DispatchSite, memory: Memory, of: tuple[Accepted, Callable[[str], bool]], seen: Seen, now_ns: int
) -> Iterator[SetPoint]:
    """Set-points of some machines in the step that holds now; none beyond the exact steps."""
    accepted, follows = of
    at = accepted.plan.step_at(now_ns)
    if at is None or at >= accepted.plan.binary_steps:
        return
    planned = setpoints_at(site.plant, accepted.plan, at, float(accepted.pv_kw[at]))
    before_c = tuple(memory.supply_c.get(name) for name in site.plant.chiller_ids)
    told = eased(site.plant, planned, before_c, seen.loop_c)
    for machine, point, value, unit in _allowed(site, seen, targets(site.plant, told)):
        if follows(machine):
            yield SetPoint(point, value, unit, accepted.why(machine, at), machine)


def _with_rule(site: DispatchSite, memory: Memory, seen: Seen, snapshot: Snapshot) -> Memory:
    """What is told by rule: decided once a quarter hour and whenever other machines take orders.

    Nothing while a plan holds, none has failed, or the last was worse than the plant's own control.
    """
    plan, quarter_ns = memory.plan, floor_quarter_ns(snapshot.now_ns)
    at = None if plan is None else plan.plan.step_at(snapshot.now_ns)
    holds = plan is not None and at is not None and at < plan.plan.binary_steps
    if holds or memory.owed is None or memory.own_control:
        return replace(memory, ruled=(0, None))
    takes = (name for name, one in seen.machines.items() if one.availability is Availability.FREE)
    kept = unable(site)
    free = frozenset(name for name in takes if site.modes.of(name) == "auto" and name not in kept)
    if memory.ruled[0] == quarter_ns and memory.ruled[1] is not None and memory.ruled_for == free:
        return memory
    only_up = only_raised(site, seen, snapshot.recent, snapshot.now_ns, memory.supply_c)
    outlook = None if plan is None or at is None else plan.outlook
    floor = {} if outlook is None else {name: float(getattr(outlook, name)[at]) for name in only_up}
    needs = left_to(site.plant, free, seen, snapshot, floor)
    return replace(memory, ruled=(quarter_ns, by_rule(site.plant, free, needs)), ruled_for=free)


def _by_rule(site: DispatchSite, memory: Memory, seen: Seen) -> Iterator[SetPoint]:
    told = memory.ruled[1]
    if told is None:
        return
    for machine, point, value, unit in _allowed(site, seen, targets(site.plant, told)):
        if site.modes.of(machine) == "auto":
            yield SetPoint(point, value, unit, _RULED, machine, of_plan=False)


def _supply_c(site: DispatchSite, wanted: tuple[SetPoint, ...]) -> dict[str, float]:
    values = {one.point: one.value for one in wanted}
    bound = {name: site.plant.flowsheet.binding(name, "supply_set_c") for name in site.plant.chiller_ids}
    return {name: values[point] for name, point in bound.items() if point in values}


def _allowed(
    site: DispatchSite, seen: Seen, wanted: Iterator[tuple[str, str, float]]
) -> Iterator[tuple[str, str, float, str]]:
    """Only machines that are free, only points with limits, only values inside them."""
    for machine, role, value in wanted:
        state = seen.machines.get(machine)
        point = site.plant.flowsheet.binding(machine, role)
        limits = site.limits.get(point) if point is not None else None
        free = state is not None and state.availability is Availability.FREE
        if point is None or limits is None or not free or not site.may_tell(point):
            continue
        if limits.low <= value <= limits.high:
            yield machine, point, value, limits.unit
