"""One TCP connection to a Modbus address, shared by the units behind it; one request at a time.

What pymodbus leaves open is closed here: nothing is ever re-sent, an answer is checked for transaction,
unit, function and count, and a connection that the peer closes fails the request at once instead of after
its time-out. Facts: docs of the field protocols, section Modbus.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError

_CLOSE_AFTER: Final = 2
"""Silent requests in a row, of whichever unit, after which the connection is opened anew."""

_GATEWAY_SILENCE: Final = (10, 11)
"""Exception codes of a gateway whose device does not answer."""

_NEVER: Final = 2**31

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the line says once that a device is down

Ask = Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]]


class ModbusLink:
    """A connection that is opened when needed; never raises anything but `DeviceError`."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._where = f"{host}:{port}"
        self._timeout_s = timeout_s
        self._deadline: asyncio.Timeout | None = None
        self._silent = 0
        self._client = AsyncModbusTcpClient(
            host,
            port=port,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._on_connection,
        )
        self._client.set_max_no_responses(_NEVER)

    async def open(self) -> None:
        """Connect; harmless when connected.

        Raises:
            DeviceUnreachableError: Nobody listens there.
        """
        if self._client.connected:
            return
        self._client.close()
        if not await self._client.connect():
            raise DeviceUnreachableError(f"nobody answers at {self._where}")

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    async def ask(self, unit: int, function: int, ask: Ask) -> ModbusPDU:
        """Send one request once and check who answered what.

        Raises:
            DeviceUnreachableError: No answer in time, or the connection was closed.
            DeviceRefusedError: An exception answer.
            BadAnswerError: Answer of another transaction, unit or function.
        """
        await self.open()
        try:
            async with asyncio.timeout(self._timeout_s) as self._deadline:
                answer = await ask(self._client)
        except (TimeoutError, ModbusException, OSError) as error:
            self._count_silence()
            raise DeviceUnreachableError(
                f"no answer from {self._where} within {self._timeout_s:g} s", unit=unit
            ) from error
        finally:
            self._deadline = None
        self._silent = 0
        self._check(answer, unit, function)
        return answer

    def _check(self, answer: ModbusPDU, unit: int, function: int) -> None:
        asked = self._client.ctx.request_transaction_id
        refused = isinstance(answer, ExceptionResponse)
        got = answer.function_code & 0x7F
        if answer.transaction_id != asked or answer.dev_id != unit or got != function:
            self.bad_answer(
                f"asked transaction {asked} unit {unit} function {function}, answered "
                f"{answer.transaction_id}, {answer.dev_id}, {got}"
            )
        if refused and answer.exception_code in _GATEWAY_SILENCE:
            raise DeviceUnreachableError(f"the gateway {self._where} gets no answer", unit=unit)
        if refused:
            raise DeviceRefusedError(f"exception {answer.exception_code}", unit=unit, function=function)

    def bad_answer(self, what: str) -> None:
        """Drop the connection, so that nothing late is taken for the next answer.

        Raises:
            BadAnswerError: Always.
        """
        self.close()
        raise BadAnswerError(f"{self._where}: {what}")

    def _count_silence(self) -> None:
        self._silent += 1
        if self._silent >= _CLOSE_AFTER:
            self._silent = 0
            self.close()

    def _on_connection(self, up: bool) -> None:  # noqa: FBT001  signature of pymodbus
        if not up and self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())
