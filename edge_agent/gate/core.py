"""`decide`: one event in, the new state and what is to be done out; no I/O, no wall clock, no memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from edge_agent.gate import (
    acts,
    answers,
    checks,
    controller,
    fallback,
    foreign,
    holding,
    lease,
    orders,
    selection,
    standing,
)
from edge_agent.gate.draft import Decision, Draft
from edge_agent.gate.events import (
    ControllerOutput,
    Dropped,
    Event,
    InputRead,
    LocalMode,
    MessageReceived,
    PointRead,
    ReadBack,
    ReleaseAll,
    RenewalReceived,
    Safety,
    SaveFence,
    Started,
    Tick,
    Write,
    WriteDone,
    WriteFailed,
)
from edge_agent.gate.rules import Rules
from edge_agent.gate.start import started
from edge_agent.gate.state import Falling, Fence, GateState, Holding, Seen
from protocols.clock import Instant
from protocols.command import (
    ACTS,
    ID_BYTES,
    PURPOSE_COMMAND,
    PURPOSE_RENEWAL,
    Command,
    Renewal,
    decode_command,
    decode_renewal,
)
from protocols.receipt import Refused, Released
from protocols.refusal import Refusal


def decide(rules: Rules, state: GateState, event: Event, now: Instant) -> Decision:
    """Judge one event; costs as much as the points it touches.

    A decision with nothing to change gives back the very same state.
    """
    draft = Draft(rules, state, now)
    match event:
        case MessageReceived(data):
            _command(draft, data)
        case RenewalReceived(data):
            _renewal(draft, data)
        case Tick():
            _tick(draft)
        case WriteDone() | WriteFailed() | ReadBack() | PointRead():
            _answer_of_device(draft, event)
        case Started():
            started(draft, event)
        case ReleaseAll():
            _release_all(draft)
        case _:
            _beside(draft, event)
    return draft.done()


def wanted(rules: Rules, state: GateState, write: Write, now: Instant) -> bool:
    """Whether a write that has waited may still be carried out; asked right before it goes on the wire."""
    draft = Draft(rules, state, now)
    point = draft.point(write.point)
    act = point.act
    if isinstance(act, Holding):
        asked = write.ticket in (act.ticket, act.feeding) and holding.by_right(draft, write.point, act)
        return asked and standing.above(draft, write.point) is None
    return isinstance(act, Falling) and act.ticket == write.ticket and standing.writable(draft, write.point)


def settled(state: GateState) -> bool:
    """Whether no lease lives and no fallback is under way."""
    points = (state.points[name] for name in state.busy)
    return not any(point.leases or point.act for point in points)


def _beside(draft: Draft, event: LocalMode | Safety | InputRead | ControllerOutput) -> None:
    match event:
        case LocalMode():
            _local_mode(draft, event)
        case Safety():
            acts.safety(draft, event)
        case InputRead():
            _input(draft, event)
        case ControllerOutput():
            controller.output(draft, event)
        case _ as never:
            assert_never(never)


def _for_us(draft: Draft, data: bytes, decode: Callable[[bytes], checks.M], purpose: str) -> checks.M | None:
    """Checks 1 to 3; whoever sent what fails here is not known, so it gets no answer."""
    message, no = checks.opened(draft, data, decode, purpose)
    if message is not None:
        no = checks.other_edge(draft, message)
    if no is not None:
        draft.effects.append(Dropped(no.code, no.detail))
        return None
    return message


def _command(draft: Draft, data: bytes) -> None:
    command = _for_us(draft, data, decode_command, PURPOSE_COMMAND)
    if command is None:
        return
    first = draft.state.answers.get(command.id)
    no = _first_no(draft, command, checks.BEFORE_DUPLICATES)
    if no is None and first is None:
        no = _first_no(draft, command, checks.BEFORE_FENCE)
    if first is not None or no is not None:
        draft.emit(first or answers.refused(draft, command, no), durable=False)
        return
    _move_fence(draft, command)
    if command.kind in ACTS:
        acts.carry_out(draft, command)
    else:
        orders.carry_out(draft, command)


def _renewal(draft: Draft, data: bytes) -> None:
    renewal = _for_us(draft, data, decode_renewal, PURPOSE_RENEWAL)
    if renewal is None:
        return
    for check in (checks.other_run, *checks.BEFORE_FENCE):
        no = check(draft, renewal)
        if no is not None:
            _refuse_renewal(draft, renewal, no)
            return
    _move_fence(draft, renewal)
    held, no = lease.held_by(draft, renewal.issuer), None
    if lease.list_hash(held) != renewal.list_hash:
        no = checks.No(Refusal.LEASE_LIST, f"{len(held)} leases live here, the list names others")
    for name, _ in held:
        no = no or checks.renewal_length(draft.rule(name), renewal.valid_for_s)
    if no is not None:
        _refuse_renewal(draft, renewal, no)
    else:
        lease.prolong(draft, held, renewal.valid_for_s)


def _tick(draft: Draft) -> None:
    for name in list(draft.state.busy):
        holding.pursue(draft, name)
        holding.tick(draft, name)
        fallback.tick(draft, name)


def _answer_of_device(draft: Draft, event: WriteDone | WriteFailed | ReadBack | PointRead) -> None:
    name = event.point
    if name not in draft.rules.points:
        return
    holding.pursue(draft, name)
    if isinstance(event, PointRead):
        holding.polled(draft, event)
        holding.pursue(draft, name)
        return
    act = draft.point(name).act
    if isinstance(act, Holding):
        _for_holding(draft, act, event)
    elif isinstance(act, Falling) and act.ticket == event.ticket:
        _for_falling(draft, act, event)


def _for_holding(draft: Draft, act: Holding, event: WriteDone | WriteFailed | ReadBack) -> None:
    name = event.point
    held = draft.point(name).lease(act.id)
    if act.feeding == event.ticket:
        holding.fed(draft, name, act, taken=isinstance(event, WriteDone))
    elif held is None or act.ticket != event.ticket:
        return
    elif isinstance(event, WriteDone):
        holding.write_done(draft, name, act, held)
    elif isinstance(event, WriteFailed) or event.failed:
        holding.failed(draft, name, act, held)
    else:
        holding.read(draft, name, act, held, event.value)


def _for_falling(draft: Draft, act: Falling, event: WriteDone | WriteFailed | ReadBack) -> None:
    if isinstance(event, WriteDone):
        fallback.write_done(draft, event.point, act)
    elif isinstance(event, WriteFailed) or event.failed:
        fallback.failed(draft, event.point, act)
    else:
        fallback.read(draft, event.point, act, event.value)


def _local_mode(draft: Draft, event: LocalMode) -> None:
    foreign.switched(draft, event)
    for name in draft.rules.points_of.get(event.device, ()):
        holding.pursue(draft, name)


def _input(draft: Draft, event: InputRead) -> None:
    before = draft.state.inputs.get(event.input)
    if before is not None and event.at_ns <= before.at_ns:
        return
    seen = Seen(event.value, event.good, event.at_ns)
    draft.state = replace(draft.state, inputs=draft.state.inputs.put(event.input, seen))
    for name in draft.rules.guarded_by.get(event.input, ()):
        holding.pursue(draft, name)


def _release_all(draft: Draft) -> None:
    for name in list(draft.state.busy):
        lease.expire(draft, name)
        selection.release(draft, name)
        for held in draft.point(name).leases:
            lease.end(draft, name, held, Released(held.id, draft.rules.edge, name, draft.now))
        holding.pursue(draft, name)


def _move_fence(draft: Draft, message: Command | Renewal) -> None:
    """Durable with the grant; of a renewal the epoch alone: after a crash the run guards its number."""
    old = draft.state.fences.get(message.issuer, Fence())
    new = Fence(message.epoch, message.seq)
    draft.state = replace(draft.state, fences=draft.state.fences.put(message.issuer, new))
    if isinstance(message, Command) or new.epoch != old.epoch:
        draft.persist(SaveFence(message.issuer, new))


def _first_no(draft: Draft, command: Command, among: tuple[checks.Early, ...]) -> checks.No | None:
    return next((no for no in (check(draft, command) for check in among) if no is not None), None)


def _refuse_renewal(draft: Draft, renewal: Renewal, no: checks.No) -> None:
    ident = renewal.list_hash[:ID_BYTES]
    draft.emit(Refused(ident, draft.rules.edge, "", draft.now, no.code, no.detail), durable=False)
