"""An OPC UA server on open62541, through o6: PORT; [{node, type, value, writable}] on standard input."""

import json
import sys
import threading
from importlib.metadata import version

import o6  # type: ignore[import-not-found]  # in a venv of its own

NAMES = {"double": "Double", "float": "Float", "int64": "Int64", "uint64": "UInt64", "int32": "Int32",
         "uint32": "UInt32", "int16": "Int16", "uint16": "UInt16", "sbyte": "SByte", "byte": "Byte",
         "boolean": "Boolean"}  # fmt: skip

points = json.load(sys.stdin)
server = o6.Server(port=int(sys.argv[1]))
with server:
    server._add_namespace("urn:maker:machine", 2)
    for point in points:
        kind = getattr(o6, NAMES[point["type"]])
        value = kind(point["value"] if point["type"] in {"double", "float"} else round(point["value"]))
        name = point["node"].partition("=")[2].partition("=")[2]
        server.addVariable(name, server.objectsNode, value, nodeId=point["node"], writable=point["writable"])
    sys.stdout.write(f"ready o6 {version('o6')}\n")
    sys.stdout.flush()
    threading.Event().wait()
