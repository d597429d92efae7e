"""One BACnet application for all devices of the process, on a free port of its own, and what it leaves open.

bacpypes3 reports refusals as classes below `BaseException`, waits 12 s for a dead device unless told,
and answers itself when a loopback peer has its own port number; all three are settled here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from bacpypes3.apdu import APDU, AbortPDU, AbortReason, ErrorRejectAbortNack
from bacpypes3.app import Application
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address

from protocols.errors import DeviceRefusedError, DeviceUnreachableError
from protocols.links.udp import local_address

_OWN_INSTANCE: Final = 4_190_010
_VENDOR: Final = 999
_SILENT: Final = (AbortReason.noResponse, AbortReason.tsmTimeout, AbortReason.serverTimeout)

logging.getLogger("bacpypes3").setLevel(logging.CRITICAL)  # the line says once that a device is down


class BacnetLink:
    """The client side; opened at the first request, closed when the last device lets go."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._app: Application | None = None

    def close(self) -> None:
        """Close the socket; harmless when closed."""
        app, self._app = self._app, None
        if app is not None:
            app.close()

    async def ask(self, request: APDU, at: tuple[str, int], timeout_s: float) -> APDU:
        """Send one request once and wait for its acknowledgement.

        Raises:
            DeviceUnreachableError: No answer in time.
            DeviceRefusedError: Error, reject or abort.
        """
        where = f"{at[0]}:{at[1]}"
        request.pduDestination = Address(where)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._opened(at).request(request)
        except TimeoutError as error:
            raise DeviceUnreachableError(f"no answer from {where} within {timeout_s:g} s") from error
        except ErrorRejectAbortNack as refusal:
            answer = refusal
        if isinstance(answer, AbortPDU) and answer.apduAbortRejectReason in _SILENT:
            raise DeviceUnreachableError(f"no answer from {where} within {timeout_s:g} s")
        if isinstance(answer, ErrorRejectAbortNack):
            raise DeviceRefusedError(f"{where} answers {type(answer).__name__}: {answer.reason}")
        return answer

    def _opened(self, at: tuple[str, int]) -> Application:
        if self._app is None:
            host, port = local_address(*at)
            device = DeviceObject(
                objectIdentifier=("device", _OWN_INSTANCE), objectName="ems_edge", vendorIdentifier=_VENDOR
            )
            network = NetworkPortObject(
                f"{host}/32:{port}", objectIdentifier=("network-port", 1), objectName="port"
            )
            device.apduTimeout = round(self._longest_s * 1000)
            device.numberOfApduRetries = 0
            self._app = Application.from_object_list([device, network])
        return self._app
