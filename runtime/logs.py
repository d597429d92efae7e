"""Logging to standard error, one line a record; a parent process collects the lines of its children."""

from __future__ import annotations

import logging
import sys


def setup_logging(name: str, level: str = "INFO") -> None:
    """Send every record of this process to standard error, marked with `name`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("asyncua", "pymodbus", "bacpypes3", "nats", "aiosqlite", "httpx", "alembic", "mqtt"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
