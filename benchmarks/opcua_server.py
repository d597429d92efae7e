"""An OPC UA server of its own process for `edge_opcua`: doubles that all change each second."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds

_URI = "urn:ai4energy:benchmark"


async def serve(port: int, items: int) -> None:
    """Serve for ever; item i holds the number of the second plus i thousandths, so a reader can check it."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/bench")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(_URI)
    nodes = [
        await server.nodes.objects.add_variable(
            ua.NodeId.from_string(f"ns={index};s=p{item}"), f"p{item}", 0.0
        )
        for item in range(items)
    ]
    async with server:
        second = 0
        while True:
            for item, node in enumerate(nodes):
                value = ua.Variant(second + item / 1000.0, ua.VariantType.Double)
                await server.iserver.aspace.write_attribute_value(
                    node.nodeid, AttributeIds.Value, ua.DataValue(value)
                )
            second += 1
            await asyncio.sleep(1.0)


def main(port: Annotated[int, typer.Option()], items: Annotated[int, typer.Option()] = 1000) -> None:
    """Serve until ended."""
    asyncio.run(serve(port, items))


if __name__ == "__main__":
    typer.run(main)
