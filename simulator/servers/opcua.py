"""OPC UA: one asyncua server a device. Any write to a set-point feeds the watchdog, an equal value too."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, cast
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.common.callback import CallbackType, ServerItemCallback
from asyncua.common.node import Node
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds

from protocols.device import OpcUa
from protocols.point import PointKind
from protocols.profile import OpcuaAddress, PointSpec
from runtime.children import check_port_free
from simulator.device import SLOW_S, Fault, FieldDevice

_REFRESH_S: Final = 1.0
_URI: Final = "urn:ai4energy:simulator"
_OWN_SPACE: Final = 2
# it warns at each start that the demo's loopback server neither signs nor encrypts, which is meant
logging.getLogger("asyncua.server.server").setLevel(logging.ERROR)
_TYPES: Final = {
    "double": ua.VariantType.Double,
    "float": ua.VariantType.Float,
    "int64": ua.VariantType.Int64,
    "uint64": ua.VariantType.UInt64,
    "int32": ua.VariantType.Int32,
    "uint32": ua.VariantType.UInt32,
    "int16": ua.VariantType.Int16,
    "uint16": ua.VariantType.UInt16,
    "sbyte": ua.VariantType.SByte,
    "byte": ua.VariantType.Byte,
    "boolean": ua.VariantType.Boolean,
}


@asynccontextmanager
async def opcua_server(device: FieldDevice) -> AsyncIterator[OpcuaServer]:
    """Serve one device until the block is left.

    Raises:
        ConfigError: The port is taken.
    """
    url = cast("OpcUa", device.device.connection).url
    parts = urlsplit(url)
    check_port_free(parts.hostname or "", parts.port or 4840, f"OPC UA server of {device.id}")
    server = Server()
    with _without_garbage_collection():
        await server.init()
    server.set_endpoint(url)
    server.set_server_name(device.id)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    served = OpcuaServer(device, server)
    await served.build()
    async with server:
        yield served


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Let the 20,000 lasting objects of the standard address space be made in half the time."""
    gc.collect(0)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class OpcuaServer:
    """The variables of one device."""

    def __init__(self, device: FieldDevice, server: Server) -> None:
        self._device = device
        self._server = server
        self._nodes: list[tuple[PointSpec, Node]] = []
        self._by_id: dict[ua.NodeId, PointSpec] = {}

    async def build(self) -> None:
        """Make a variable for each point, and listen to the requests of clients."""
        index = await self._server.register_namespace(_URI)
        folder = await self._server.nodes.objects.add_object(index, self._device.id)
        base = cast("OpcUa", self._device.device.connection).base
        for spec in self._device.profile.points:
            at = cast("OpcuaAddress", spec.address)
            node_id = await self._node_id(at.node_at(base))
            name = ua.QualifiedName(spec.name, node_id.NamespaceIndex)
            node = await folder.add_variable(node_id, name, *self._variant(spec))
            if spec.kind is PointKind.SETPOINT:
                await node.set_writable()
                self._by_id[node_id] = spec
            self._nodes.append((spec, node))
        for event in (CallbackType.PreRead, CallbackType.PreWrite):
            self._server.subscribe_server_callback(event, self._before)
        self._server.subscribe_server_callback(CallbackType.PostWrite, self._written)

    async def _node_id(self, text: str) -> ua.NodeId:
        """Node id of a profile, its name space made where the server has none of this number or URI yet."""
        space, semicolon, rest = text.partition(";")
        if space.startswith("nsu="):
            index = await self._server.register_namespace(space.removeprefix("nsu="))
            return ua.NodeId.from_string(f"ns={index};{rest}")
        if semicolon and space.startswith("ns="):
            for number in range(_OWN_SPACE + 1, int(space.removeprefix("ns=")) + 1):
                await self._server.register_namespace(f"{_URI}:{number}")
        return ua.NodeId.from_string(text)

    async def run(self) -> None:
        """Refresh the variables each second, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(_REFRESH_S)

    async def refresh(self) -> None:
        """Copy what the device holds into the variables."""
        for spec, node in self._nodes:
            value, kind = self._variant(spec)
            await self._server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(value, kind)))

    def _variant(self, spec: PointSpec) -> tuple[float | int | bool, ua.VariantType]:
        kind = _TYPES[cast("OpcuaAddress", spec.address).type]
        raw = self._device.raw(spec)
        if kind in {ua.VariantType.Double, ua.VariantType.Float}:
            return raw, kind
        return (bool(raw) if kind is ua.VariantType.Boolean else round(raw)), kind

    async def _before(self, event: ServerItemCallback, _service: object) -> None:
        """Put the asked-for faults before reads and writes from outside."""
        if not event.is_external:
            return
        while self._device.fault is Fault.SILENT:  # noqa: ASYNC110  set by the plant loop, which knows no events
            await asyncio.sleep(_REFRESH_S)
        if self._device.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        await self.refresh()

    def _written(self, event: ServerItemCallback, _service: object) -> None:
        if not event.is_external:
            return
        for item, status in zip(event.request_params.NodesToWrite, event.response_params, strict=True):
            spec = self._by_id.get(item.NodeId)
            if spec is None or not status.is_good() or item.AttributeId != AttributeIds.Value:
                continue
            self._device.write(spec.name, float(item.Value.Value.Value) * spec.scale + spec.offset)
