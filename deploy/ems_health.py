#!/opt/ems/bin/python -I
"""The health command of the image: 0 when the process in this container is ready.

    ems-health [URL]

Otherwise it ends with 1 and says why. Without an address it asks where hub, bus and edge answer in their own
containers; one that answers is enough, because only one of them runs there. Standard library alone: it runs
every few seconds and must start fast.
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Final

USUAL: Final = (
    "http://127.0.0.1:8080/api/v1/health",
    "http://127.0.0.1:8222/healthz",
    "http://127.0.0.1:9270/metrics",
)
"""Page and API of the hub, monitoring page of the bus, metrics of an edge."""

_WAIT_S: Final = 2.0
_SHOWN_BYTES: Final = 300


def trouble(url: str) -> str:
    """Why the process behind this address is not ready; empty where it is."""
    if not url.startswith(("http://", "https://")):
        return f"{url}: is no address; one is {USUAL[0]}"
    try:
        with urllib.request.urlopen(url, timeout=_WAIT_S, context=_within(url)) as answer:  # noqa: S310  looked at
            return "" if answer.status < 300 else f"{url}: answers {answer.status}"  # noqa: PLR2004  2xx
    except urllib.error.HTTPError as error:
        return f"{url}: answers {error.code}: {error.read(_SHOWN_BYTES).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        return f"{url}: {error}"


def _within(url: str) -> ssl.SSLContext | None:
    """Inside the container nobody stands between, and its certificate names the hub, not 127.0.0.1."""
    if not url.startswith("https://127.0.0.1:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main(arguments: Sequence[str]) -> int:
    """Ask; gives the exit code."""
    said = []
    for url in arguments or USUAL:
        why = trouble(url)
        if not why:
            return 0
        said.append(why)
    sys.stderr.write("\n".join(said) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
