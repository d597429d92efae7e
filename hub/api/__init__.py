"""The hub's face: REST under `/api/v1`, live values over a WebSocket, and the built page.

Reads both databases and writes only sign-ins. Not here: decisions; a route asks a stage and translates.
"""
