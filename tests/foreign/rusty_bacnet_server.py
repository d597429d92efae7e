"""A BACnet/IP device on rusty-bacnet: PORT INSTANCE; [{object, instance, value, writable}] as input."""

import asyncio
import json
import sys
from importlib.metadata import version

import rusty_bacnet as rb  # type: ignore[import-not-found]  # in a venv of its own

KINDS = {"analog-input": rb.ObjectType.ANALOG_INPUT, "analog-value": rb.ObjectType.ANALOG_VALUE,
         "binary-input": rb.ObjectType.BINARY_INPUT,
         "multi-state-input": rb.ObjectType.MULTI_STATE_INPUT}  # fmt: skip
STATES = 16


def add(server: rb.BACnetServer, point: dict[str, object], name: str) -> None:
    """One object; what may be written is commandable."""
    number = point["instance"]
    if point["object"] == "analog-input":
        server.add_analog_input(number, name, present_value=point["value"])
    elif point["object"] == "analog-value":
        server.add_analog_value(number, name)
    elif point["object"] == "binary-input":
        server.add_binary_input(number, name)
    else:
        server.add_multistate_input(number, name, STATES)


async def main() -> None:
    """Serve until the end of the process."""
    port, instance = map(int, sys.argv[1:])
    points = json.load(sys.stdin)
    server = rb.BACnetServer(instance, "device", "127.0.0.1", port, "127.0.0.1")
    for count, point in enumerate(points):
        add(server, point, f"object{count}")
    await server.start()
    for point in points:
        where = rb.ObjectIdentifier(KINDS[point["object"]], point["instance"])
        if point["object"] == "analog-value":
            value = rb.PropertyValue.real(point["value"])
            await server.write_property_local(
                where, rb.PropertyIdentifier.PRESENT_VALUE, value, 16, source_object=None
            )
        elif point["object"] == "binary-input":
            await server.set_present_value_local(where, rb.PropertyValue.enumerated(int(point["value"])))
        elif point["object"] == "multi-state-input":
            await server.set_present_value_local(where, rb.PropertyValue.unsigned(int(point["value"])))
    sys.stdout.write(f"ready rusty-bacnet {version('rusty-bacnet')}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
