"""Passwords of servers: read where the configuration says they stand, never kept in it."""

from __future__ import annotations

import os
from pathlib import Path

from protocols.access import Secret
from protocols.errors import KeyFileError
from runtime.keys import read_private


def read_secret(state: Path, secret: Secret) -> str:
    """The password; a line end at the end of the file does not belong to it.

    Raises:
        KeyFileError: The file is missing or readable by others, the variable is not set, or either is empty.
    """
    if secret.file is not None:
        path = state / secret.file
        try:
            text = read_private(path).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise KeyFileError(f"{path}: the password is not UTF-8 text") from error
        where = str(path)
    else:
        text, where = os.environ.get(secret.env or "", ""), f"environment variable {secret.env}"
    if not text:
        raise KeyFileError(f"{where}: there is no password; put it there and start again")
    return text
