"""What a test read means, in sentences: which order fits, what is odd, what to try after a failure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from edge_agent.commission.likeness import looks_like
from edge_agent.commission.rawread import Candidate, RawPoint
from protocols.drivers.modbus.codec import modbus_address
from protocols.drivers.modbus.pdu import READ_FUNCTIONS, read_request
from protocols.errors import BadAnswerError, DeviceError, DeviceRefusedError, NoLinkError
from protocols.profile import ModbusAddress, PointSpec

NO_ANSWER: Final = (
    "the unit id (1, 255, 0, or as set at the device), the port, whether Modbus is switched on there, and "
    "whether another master holds its only connection; on a serial bus also baud rate, parity and A/B"
)
"""What to try when nothing comes back."""

_NO_LINK: Final = (
    "the address and the port (Modbus TCP: 502), cable and power, whether this box is in the same network "
    "(ping the address); on a serial bus the name of the port and the rights of this user"
)

_SAME: Final = 1e-9


def advice(spec: PointSpec, candidates: Sequence[Candidate]) -> str:
    """One sentence about which way to read the bytes is worth comparing with the display."""
    address = modbus_address(spec)
    mine = next((c for c in candidates if (c.address, c.order) == (address.address, address.order)), None)
    usual = sorted((c for c in candidates if c.usual), key=lambda c: c.order is not address.order)
    if mine is not None and mine.usual:
        others = [c for c in usual if c is not mine and abs(c.value - mine.value) > _SAME * abs(mine.value)]
        doubt = f"; also usual: {_listed(others, spec.unit)}" if others else ""
        return f"{mine.value:g} {spec.unit} is a usual reading, compare it with the display{doubt}"
    if usual:
        return f"not usual as it stands; this looks right: {_listed(usual, spec.unit)}"
    known = looks_like(mine.value) if mine is not None else ""
    hint = f"; the number itself looks like {known}" if known else ""
    return f"nothing usual in any order or beside it{hint}; try another type, table or address"


def summary(points: Sequence[RawPoint]) -> str:
    """How many readings are usual for their unit, and what the others look like."""
    odd = [point for point in points if not point.usual]
    text = f"{len(points) - len(odd)} of {len(points)} readings are usual for their unit"
    for point in odd:
        known = looks_like(point.value) if math.isfinite(point.value) else ""
        what = point.fault or f"{point.value:g} {point.spec.unit}" + (
            f", which looks like {known}" if known else ""
        )
        text += f"\n  {point.spec.name}: {what}"
    return text


def _listed(candidates: Sequence[Candidate], unit: str) -> str:
    """Addresses and orders, equal values named once."""
    by_value: dict[str, list[str]] = {}
    for one in candidates:
        by_value.setdefault(f"{one.value:g} {unit}".strip(), []).append(f"{one.address} {one.order}")
    return ", ".join(f"{value} ({' or '.join(places[:2])})" for value, places in by_value.items())


def explanation(error: DeviceError, at: ModbusAddress, unit_id: int, count: int | None = None) -> str:
    """What was sent, what came back, and what to try next; `count` where it is not the value's own."""
    if isinstance(error, NoLinkError):
        return f"nothing was sent: {error}\ntry next: {_NO_LINK}"
    asked = at.registers if count is None else count
    request = read_request(unit_id, READ_FUNCTIONS[at.table], at.address, asked)
    sent = f"sent: unit {unit_id}, function {request.function}, address {at.address}, count {asked}"
    return "\n".join(
        (f"{sent} ({request.pdu.hex(' ')})", f"came back: {error}", f"try next: {_next_step(error, at)}")
    )


def _next_step(error: DeviceError, at: ModbusAddress) -> str:
    if isinstance(error, DeviceRefusedError):
        return _AFTER_REFUSAL.get(error.context.get("code"), _AFTER_REFUSAL[None]).format(
            other="input" if at.table == "holding" else "holding", less=at.address - 1
        )
    if isinstance(error, BadAnswerError):
        return "another framing (mbap or rtu), or the type: the device sent another count than was asked for"
    return NO_ANSWER


_AFTER_REFUSAL: Final[Mapping[object, str]] = {
    1: "table {other}: the device does not know this function",
    2: "address {less} (manuals count from 1), table {other}, or a type of another length",
    3: "fewer registers in one request (max_registers), or a type of another length",
    None: "address {less}, table {other}, and the unit id",
}
