"""Walking the address space of a server: every variable below a node, with type, unit, range and value.

Source: OPC UA Part 4, section 5.9 (Browse, BrowseNext); Part 8, section 5.3 (EURange, EngineeringUnits).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from protocols.device import OpcUa
from protocols.driver import Surroundings
from protocols.drivers.opcua.codec import TYPE_NAMES, quality_of_status
from protocols.drivers.opcua.session import Session, connect, let_go
from protocols.errors import DeviceRefusedError
from protocols.quality import Quality, is_bad

_AT_ONCE: Final = 50
"""Nodes browsed in one request; small servers have few continuation points."""

_CURRENT_WRITE: Final = 2
_EXTRAS: Final = frozenset({"EngineeringUnits", "EURange"})
_PROPERTY: Final = ua.NodeId(ua.Int32(ObjectIds.HasProperty))
"""What a variable has of this kind says something about it and is no value of the plant."""

_CLASSES: Final = ua.NodeClass.Object.value | ua.NodeClass.Variable.value


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a server.

    Attributes:
        path: Display names from the start of the walk, joined by slashes.
        node: Node id as a profile writes it, with the URI of its name space.
        indexed: The same with the number the name space has now.
        type: Name of a number's data type in a profile; empty for what is no single number.
        writable: Whether the server lets this user write it.
        unit: Text of its engineering unit; empty when the server tells none.
        low: Low end of its range, or None.
        high: High end of its range, or None.
        value: The value read, as text.
        quality: What its status says.
    """

    path: str
    node: str
    indexed: str = ""
    type: str = ""
    writable: bool = False
    unit: str = ""
    low: float | None = None
    high: float | None = None
    value: str = ""
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, slots=True)
class _Place:
    """A node on the way."""

    path: str
    node: ua.NodeId
    is_variable: bool


async def browse(
    place: OpcUa, around: Surroundings, start: str | None = None, most: int = 5000
) -> tuple[Variable, ...]:
    """Every variable below `start`, or below the objects folder without the server's own object.

    Raises:
        DeviceUnreachableError: No session.
        DeviceRefusedError: The server has no such start, more than `most` variables are below it, or it
            refuses to be browsed.
    """
    session = await connect(place, around)
    try:
        root = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder)) if start is None else session.node_id(start)
        if root is None:
            raise DeviceRefusedError(f"the server has no name space for {start}")
        if start is not None and not await _exists(session, root):
            raise DeviceRefusedError(
                f"the server has no node {start}; leave the start out to see what it has"
            )
        found, extras = [], {}
        async for one, own in _walk(session, root):
            found.append(one)
            extras[one.node] = own
            if len(found) > most:
                raise DeviceRefusedError(f"more than {most} variables are below; start at a deeper node")
        return await _described(session, found, extras)
    except (UaError, OSError, TimeoutError) as error:
        raise DeviceRefusedError(f"{place.url} cannot be browsed: {error!r}") from error
    finally:
        await let_go(session.client)


async def _exists(session: Session, node: ua.NodeId) -> bool:
    wanted = ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.NodeClass)
    found = await session.client.uaclient.read(ua.ReadParameters(NodesToRead=[wanted]))
    return bool(found[0].StatusCode is None or found[0].StatusCode.is_good())


async def _walk(session: Session, root: ua.NodeId) -> AsyncIterator[tuple[_Place, dict[str, ua.NodeId]]]:
    """Variables in breadth, each node once, with the nodes of their unit and range."""
    server = ua.NodeId(ua.Int32(ObjectIds.Server))
    seen, level = {root, server}, [_Place("", root, is_variable=False)]
    while level:
        below: list[_Place] = []
        most = min(_AT_ONCE, session.most_browsed)
        for begin in range(0, len(level), most):
            part = level[begin : begin + most]
            for above, references in zip(part, await _children(session, part), strict=True):
                own = {
                    reference.BrowseName.Name: _local(reference.NodeId)
                    for reference in references
                    if reference.BrowseName.Name in _EXTRAS
                }
                if above.is_variable:
                    yield above, own
                for reference in references:
                    node = _local(reference.NodeId)
                    if node not in seen and not _is_about(above, reference):
                        seen.add(node)
                        below.append(_below(above, reference, node))
        level = below


def _is_about(above: _Place, reference: ua.ReferenceDescription) -> bool:
    known = reference.BrowseName.Name in _EXTRAS
    return known or (above.is_variable and _local(reference.ReferenceTypeId) == _PROPERTY)


def _below(above: _Place, reference: ua.ReferenceDescription, node: ua.NodeId) -> _Place:
    name = reference.DisplayName.Text or reference.BrowseName.Name or str(node.Identifier)
    path = f"{above.path}/{name}" if above.path else name
    return _Place(path, node, is_variable=reference.NodeClass == ua.NodeClass.Variable)


async def _children(session: Session, places: Sequence[_Place]) -> list[list[ua.ReferenceDescription]]:
    wanted = [
        ua.BrowseDescription(
            NodeId=place.node,
            BrowseDirection=ua.BrowseDirection.Forward,
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
            IncludeSubtypes=True,
            NodeClassMask=ua.UInt32(_CLASSES),
            ResultMask=ua.UInt32(ua.BrowseResultMask.All.value),
        )
        for place in places
    ]
    results = await session.client.uaclient.browse(ua.BrowseParameters(NodesToBrowse=wanted))
    return [await _rest(session, result) for result in results]


async def _rest(session: Session, result: ua.BrowseResult) -> list[ua.ReferenceDescription]:
    """References of one node, those behind continuation points too."""
    found, point = list(result.References or ()), result.ContinuationPoint
    while point:
        params = ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=[point])
        more = (await session.client.uaclient.browse_next(params))[0]
        found += more.References or ()
        point = more.ContinuationPoint
    return found


async def _described(
    session: Session, found: Sequence[_Place], extras: dict[ua.NodeId, dict[str, ua.NodeId]]
) -> tuple[Variable, ...]:
    nodes = [place.node for place in found]
    values = await _attribute(session, nodes, AttributeIds.Value)
    levels = await _attribute(session, nodes, AttributeIds.UserAccessLevel)
    told = [node for own in extras.values() for node in own.values()]
    extra = dict(zip(told, await _attribute(session, told, AttributeIds.Value), strict=True))
    variables = []
    for place, value, level in zip(found, values, levels, strict=True):
        own = {name: _plain(extra[node]) for name, node in extras[place.node].items()}
        node = _profile_node(session, place.node)
        one = Variable(place.path, node, place.node.to_string(), writable=_writable(level))
        variables.append(_with_extras(_with_value(one, value), own))
    return tuple(variables)


def _with_value(one: Variable, answer: ua.DataValue) -> Variable:
    quality = Quality.GOOD if answer.StatusCode is None else quality_of_status(answer.StatusCode.value)
    variant = answer.Value
    if variant is None or is_bad(quality):
        return replace(one, quality=quality)
    kind = "" if variant.is_array else TYPE_NAMES.get(variant.VariantType.value, "")
    return replace(one, type=kind, value=str(variant.Value), quality=quality)


def _with_extras(one: Variable, own: dict[str, Any]) -> Variable:
    unit, span = own.get("EngineeringUnits"), own.get("EURange")
    if isinstance(unit, ua.EUInformation):
        one = replace(one, unit=unit.DisplayName.Text or "")
    if isinstance(span, ua.Range) and span.Low < span.High:
        one = replace(one, low=float(span.Low), high=float(span.High))
    return one


async def _attribute(
    session: Session, nodes: Sequence[ua.NodeId], attribute: AttributeIds
) -> list[ua.DataValue]:
    answers: list[ua.DataValue] = []
    for begin in range(0, len(nodes), session.most_nodes):
        part = list(nodes[begin : begin + session.most_nodes])
        answers += await session.client.uaclient.read_attributes(part, attribute)
    return answers


def _plain(answer: ua.DataValue) -> object:
    return None if answer.Value is None else answer.Value.Value


def _writable(answer: ua.DataValue) -> bool:
    told = _plain(answer)
    return isinstance(told, int) and bool(told & _CURRENT_WRITE)


def _local(node: ua.NodeId) -> ua.NodeId:
    """The same node without what an expanded id carries besides."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


def _profile_node(session: Session, node: ua.NodeId) -> str:
    text = _local(node).to_string()
    index = int(node.NamespaceIndex)
    if index == 0 or index >= len(session.namespaces):
        return text
    return f"nsu={session.namespaces[index]};{text.split(';', 1)[-1]}"
