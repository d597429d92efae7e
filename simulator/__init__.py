"""The demo plant behind servers that speak the real protocols: a product of its own (`ems sim`).

`core.SimulatedPlant` is the plant at 1 s steps without I/O; `servers/` shows each device on its wire through
the server side of a library, never through our own drivers; `service` wires the two.
"""
