"""Wiring of the hub's processes, one module a role: stages meet here, and nothing is decided here."""
