"""How long a plan keeps a bus busy, from the bytes and gaps alone: pure.

Source: MODBUS over Serial Line Specification V1.02, section 2.5.1.1 (3.5 characters between frames; above
19,200 Bd 1.75 ms).
"""

from __future__ import annotations

from typing import Final

from protocols.device import ModbusSerial, ModbusTcp
from protocols.drivers.modbus.pdu import Request
from protocols.drivers.modbus.rtu import gap_s
from protocols.units import Seconds

MOST_LOAD_FRAC: Final = 0.8
"""A serial bus that is busier than this has no room for writes, retries and dead units; it is refused."""

_RTU_EXTRA_BYTES: Final = 3
_MBAP_EXTRA_BYTES: Final = 7


def exchange_bytes(at: ModbusTcp | ModbusSerial, request: Request) -> int:
    """Bytes of question and answer with their framing."""
    mbap = isinstance(at, ModbusTcp) and at.framing == "mbap"
    extra = _MBAP_EXTRA_BYTES if mbap else _RTU_EXTRA_BYTES
    return len(request.pdu) + request.size + 2 * extra


def exchange_s(
    at: ModbusTcp | ModbusSerial, request: Request, answer_s: Seconds, pause_s: Seconds
) -> Seconds:
    """Time one request keeps the line: bytes both ways, a gap behind each, the unit's answer time, the pause.

    On TCP the bytes are free and the answer time counts alone.

    Args:
        at: The connection.
        request: What is asked.
        answer_s: Time the unit takes to begin its answer. [s]
        pause_s: Time the unit wants between its answer and the next request. [s]
    """
    if isinstance(at, ModbusTcp):
        return answer_s + pause_s
    character_s = at.bits_per_character / at.baud
    gap = gap_s(character_s)
    return exchange_bytes(at, request) * character_s + gap + max(answer_s, gap) + max(pause_s - gap, 0.0)
