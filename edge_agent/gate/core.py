"""`decide`: one event in, the new state and what is to be done out; no I/O, no wall clock, no memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from edge_agent.gate import checks, fallback, foreign, holding, lease
from edge_agent.gate.draft import Decision, Draft
from edge_agent.gate.events import (
    Dropped,
    Event,
    LocalMode,
    MessageReceived,
    PointRead,
    ReadBack,
    ReleaseAll,
    RenewalReceived,
    SaveAnswer,
    SaveFence,
    Started,
    Tick,
    Write,
    WriteDone,
    WriteFailed,
)
from edge_agent.gate.start import started
from edge_agent.gate.state import NS, Falling, Fence, GateState, Holding, Rules
from protocols.clock import Instant
from protocols.command import (
    ID_BYTES,
    PURPOSE_COMMAND,
    PURPOSE_RENEWAL,
    Command,
    CommandKind,
    Renewal,
    decode_command,
    decode_renewal,
)
from protocols.receipt import Receipt, Received, Refused, Released, Scheduled
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
        case LocalMode():
            _local_mode(draft, event)
        case Started():
            started(draft, event)
        case ReleaseAll():
            _release_all(draft)
        case _ as never:
            assert_never(never)
    return draft.done()


def wanted(rules: Rules, state: GateState, write: Write, now: Instant) -> bool:
    """Whether a write that has waited may still be carried out; asked right before it goes on the wire."""
    draft = Draft(rules, state, now)
    point = draft.point(write.point)
    act = point.act
    if not draft.writable(write.point):
        return False
    if isinstance(act, Holding):
        held = point.lease(act.id)
        return held is not None and held.lives(now.mono_ns) and write.ticket in (act.ticket, act.feeding)
    return isinstance(act, Falling) and act.ticket == write.ticket


def settled(state: GateState) -> bool:
    """Whether no lease lives and no fallback is under way."""
    return not any(point.leases or point.act for point in state.points.values())


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
        draft.emit(first or _refused(draft, command, no), durable=False)
        return
    _move_fence(draft, command)
    lease.expire(draft, command.point)
    if command.kind is CommandKind.RELEASE:
        _release(draft, command)
    else:
        _set(draft, command)
    holding.pursue(draft, command.point)


def _set(draft: Draft, command: Command) -> None:
    rules, point = draft.rule(command.point), draft.point(command.point)
    for check in checks.SET:
        no = check(draft, rules, point, command)
        if no is not None:
            _remember(draft, _refused(draft, command, no))
            return
    if command.value is None:
        return
    edge, at = draft.rules.edge, draft.now
    left_s = (lease.span_ns(command, at.mono_ns)[1] - at.mono_ns) / NS
    _remember(draft, Received(command.id, edge, command.point, at, left_s))
    granted = lease.grant(draft, command, command.value)
    if granted.start_ns > draft.now_ns:
        wait_s = (granted.start_ns - draft.now_ns) / NS
        draft.emit(Scheduled(command.id, edge, command.point, at, wait_s))


def _release(draft: Draft, command: Command) -> None:
    edge, name, at = draft.rules.edge, command.point, draft.now
    if command.value is not None:
        no = checks.No(Refusal.VALUE, "a release has no value")
        _remember(draft, _refused(draft, command, no))
        return
    _remember(draft, Received(command.id, edge, name, at, 0.0))
    for held in draft.point(name).leases:
        if held.level is command.level:
            lease.end(draft, name, held, Released(held.id, edge, name, at))
    draft.emit(Released(command.id, edge, name, at))


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
    for name, point in draft.state.points.items():
        if point.leases or point.act or point.intent:
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


def _release_all(draft: Draft) -> None:
    for name in draft.state.points:
        lease.expire(draft, name)
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


def _remember(draft: Draft, receipt: Receipt) -> None:
    """Answer a command for the first time; the oldest answer is forgotten when there are too many."""
    state = draft.state
    number = state.next_order
    oldest = state.order.get(number - draft.rules.most_ids)
    answers, order = state.answers.put(receipt.id, receipt), state.order.put(number, receipt.id)
    if oldest is not None:
        answers, order = answers.drop(oldest), order.drop(number - draft.rules.most_ids)
    draft.state = replace(state, answers=answers, order=order, next_order=number + 1)
    draft.persist(SaveAnswer(receipt.id, receipt, oldest))
    draft.emit(receipt)


def _first_no(draft: Draft, command: Command, among: tuple[checks.Early, ...]) -> checks.No | None:
    return next((no for no in (check(draft, command) for check in among) if no is not None), None)


def _refused(draft: Draft, command: Command, no: checks.No | None) -> Refused:
    code, detail = (no.code, no.detail) if no else (Refusal.SCHEMA, "")
    return Refused(command.id, draft.rules.edge, command.point, draft.now, code, detail)


def _refuse_renewal(draft: Draft, renewal: Renewal, no: checks.No) -> None:
    ident = renewal.list_hash[:ID_BYTES]
    draft.emit(Refused(ident, draft.rules.edge, "", draft.now, no.code, no.detail), durable=False)
