"""HTTP to outside: to the address that was judged, or by the plant's proxy; nothing is followed elsewhere.

The certificate is checked against the name that was asked for, and that name is sent: only the connection
goes to an address instead of a name.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

import httpx
from typing_extensions import override

from hub.outside.way_out import WayOut

_PORTS: Final = {"http": 80, "https": 443}


def client(way: WayOut, timeout_s: float) -> httpx.Client:
    """A client for questions to one host.

    Its calls raise `AddressRefusedError` where the host may not be connected to.
    """
    return httpx.Client(transport=_Transport(way), timeout=timeout_s, follow_redirects=False, trust_env=False)


def async_client(way: WayOut, timeout_s: float) -> httpx.AsyncClient:
    """As `client`, for an event loop."""
    return httpx.AsyncClient(
        transport=_AsyncTransport(way), timeout=timeout_s, follow_redirects=False, trust_env=False
    )


class _Transport(httpx.HTTPTransport):
    def __init__(self, way: WayOut) -> None:
        super().__init__()
        self._way = way
        self._proxy = None if way.proxy is None else httpx.HTTPTransport(proxy=way.proxy.for_http())

    @override
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        super().__exit__(exc_type, exc_value, traceback)
        if self._proxy is not None:
            self._proxy.close()

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            addresses = self._way.direct(*_place(request))
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if addresses is None and self._proxy is not None:
            return self._proxy.handle_request(request)
        return self._directly(request, addresses or [])

    def _directly(self, request: httpx.Request, addresses: list[str]) -> httpx.Response:
        for address in addresses[:-1]:
            try:
                return super().handle_request(_at(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # the next one of its addresses
        return super().handle_request(_at(request, addresses[-1]))


class _AsyncTransport(httpx.AsyncHTTPTransport):
    def __init__(self, way: WayOut) -> None:
        super().__init__()
        self._way = way
        self._proxy = None if way.proxy is None else httpx.AsyncHTTPTransport(proxy=way.proxy.for_http())

    @override
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await super().__aexit__(exc_type, exc_value, traceback)
        if self._proxy is not None:
            await self._proxy.aclose()

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            addresses = await asyncio.to_thread(self._way.direct, *_place(request))
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if addresses is None and self._proxy is not None:
            return await self._proxy.handle_async_request(request)
        return await self._directly(request, addresses or [])

    async def _directly(self, request: httpx.Request, addresses: list[str]) -> httpx.Response:
        for address in addresses[:-1]:
            try:
                return await super().handle_async_request(_at(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # the next one of its addresses
        return await super().handle_async_request(_at(request, addresses[-1]))


def _place(request: httpx.Request) -> tuple[str, int]:
    """Host and port of a question."""
    url = request.url
    return url.raw_host.decode("ascii").strip("[]"), url.port or _PORTS[url.scheme]


def _at(request: httpx.Request, address: str) -> httpx.Request:
    """The same question, sent to an address; `Host` and the name of the certificate stay."""
    host = request.url.raw_host.decode("ascii").strip("[]")
    return httpx.Request(
        request.method, request.url.copy_with(host=address), headers=request.headers, stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )  # fmt: skip
