"""Closed periods in a file: one record a line, only ever added to; each carries the hash of the one before.

A line is durable before the command that wrote it ends. Two commands at the same time wait for each other.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accounts.closing import Closed, verify
from protocols.errors import ConfigError, ContractError

_FIELDS = frozenset({"period", "version", "figures", "reason", "by", "at_ns", "before"})


def read_closed(path: Path) -> list[Closed]:
    """All records of a file; none where it is not there yet.

    Raises:
        ConfigError: A line is no record.
        ContractError: The chain is broken: a record was changed, taken out or put in.
    """
    if not path.exists():
        return []
    return _records(path, path.read_text(encoding="utf-8"))


def add_closed(path: Path, make: Callable[[Sequence[Closed]], Closed]) -> Closed:
    """Add the record that `make` gives for those so far.

    Raises:
        ConfigError: As `read_closed`, or `make` refuses.
        ContractError: As `read_closed`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        record = make(_records(path, file.read()))
        file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return record


def _records(path: Path, text: str) -> list[Closed]:
    records: list[Closed] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            records.append(_record(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            said = f"{path}:{number}: this is no record of a closed period; restore the file"
            raise ConfigError(said) from error
    try:
        verify(records)
    except ContractError as error:
        raise ContractError(f"{path}: {error.args[0]}; restore the file from a backup") from error
    return records


def _record(plain: dict[str, Any]) -> Closed:
    if set(plain) != _FIELDS:
        raise ValueError("other fields than a record has")
    figures = tuple((str(name), str(value)) for name, value in plain["figures"])
    return Closed(
        str(plain["period"]), int(plain["version"]), figures, str(plain["reason"]), str(plain["by"]),
        int(plain["at_ns"]), str(plain["before"]),
    )  # fmt: skip
