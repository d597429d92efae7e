#!/opt/ems/bin/python -I
"""Makes a token of InfluxDB 2 that may read the buckets of one organisation and nothing else, for Grafana.

    ems-influx-reader http://influxdb:8086 ORG TOKEN_FILE OUT_FILE

TOKEN_FILE holds a token that may make others. What stands in OUT_FILE and still works is kept, so it may be
run at every start. Standard library alone.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_WAIT_S: Final = 10.0
_GIVEN: Final = 4
_UNAUTHORISED: Final = 401
_SHOWN_BYTES: Final = 300


class RefusedError(Exception):
    """The server does not do it; the text is for a person."""


def ask(url: str, token: str, body: object = None) -> Any:  # noqa: ANN401  JSON
    """One request with a token; gives the answer, read as JSON.

    Raises:
        RefusedError: The server refuses, or does not answer.
    """
    if not url.startswith(("http://", "https://")):
        raise RefusedError(f"{url}: is no address; one is http://influxdb:8086")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310  the scheme was looked at
    try:
        with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310  as above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(_SHOWN_BYTES).decode(errors="replace")
        raise RefusedError(f"{url}: answers {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"{url}: {error}") from error


def works(server: str, token: str) -> bool:
    """Whether the server takes this token; a server that is away is not asked again.

    Raises:
        RefusedError: It refuses for another reason than the token.
    """
    try:
        ask(f"{server}/api/v2/buckets?limit=1", token)
    except RefusedError as error:
        if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == _UNAUTHORISED:
            return False
        raise
    return True


def reading_token(server: str, org: str, token: str) -> str:
    """A new token that reads the buckets of `org`.

    Raises:
        RefusedError: There is no such organisation, or `token` may not make others.
    """
    query = urllib.parse.urlencode({"org": org})
    found = ask(f"{server}/api/v2/orgs?{query}", token)["orgs"]
    if not found:
        raise RefusedError(f"{server}: has no organisation {org}")
    read = {"action": "read", "resource": {"type": "buckets", "orgID": found[0]["id"]}}
    wish = {"orgID": found[0]["id"], "description": "Grafana, reading", "permissions": [read]}
    return str(ask(f"{server}/api/v2/authorizations", token, wish)["token"])


def main(arguments: Sequence[str]) -> int:
    """Make the file where it is missing or no longer works; gives the exit code."""
    if len(arguments) != _GIVEN:
        sys.stderr.write("ems-influx-reader: give SERVER ORG TOKEN_FILE OUT_FILE\n")
        return 2
    server, org, given, out = arguments[0].rstrip("/"), arguments[1], Path(arguments[2]), Path(arguments[3])
    try:
        if out.exists() and works(server, out.read_text(encoding="ascii").strip()):
            return 0
        made = reading_token(server, org, given.read_text(encoding="ascii").strip())
        fresh = out.with_suffix(".new")
        fresh.write_text(made, encoding="ascii")
        fresh.chmod(0o444)  # Grafana has another user; nobody else has this folder
        fresh.replace(out)
    except (RefusedError, OSError) as error:
        sys.stderr.write(f"ems-influx-reader: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
