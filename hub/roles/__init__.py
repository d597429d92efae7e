"""Wiring of the hub's processes, one module a role."""
