"""The hub's face: REST under `/api/v1`, live values over a WebSocket, and the built page."""
