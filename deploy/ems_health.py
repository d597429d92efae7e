#!/opt/ems/bin/python -I
"""The health command of the image: 0 when the process in this container is ready.

    ems-health [URL | FILE]

Otherwise it ends with 1 and says why. A file is one in which a process shows that its loop turns
(`runtime/alive.py`). Without an address it asks where hub, bus and edge answer in their own
containers; one that answers is enough, because only one of them runs there. Standard library alone: it runs
every few seconds and must start fast.
"""

from __future__ import annotations

import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

USUAL: Final = (
    "http://127.0.0.1:8080/api/v1/health/ready",
    "http://127.0.0.1:8222/healthz",
    "http://127.0.0.1:9270/metrics",
)
"""Page and API of the hub, monitoring page of the bus, metrics of an edge."""

_WAIT_S: Final = 2.0
_OLD_S: Final = 30.0
"""A sign of life older than this is none. [s]"""

_AHEAD_S: Final = 0.1
"""A sign is written in tenths, so it may stand this far ahead; further ahead it is of an earlier boot. [s]"""

_SHOWN_BYTES: Final = 300


def trouble(place: str) -> str:
    """Why the process behind this address or file is not ready; empty where it is."""
    return _silence(Path(place)) if place.startswith("/") else _refusal(place)


def _refusal(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        return f"{url}: is no address; one is {USUAL[0]}"
    try:
        with urllib.request.urlopen(url, timeout=_WAIT_S, context=_within(url)) as answer:  # noqa: S310  looked at
            return "" if answer.status < 300 else f"{url}: answers {answer.status}"  # noqa: PLR2004  2xx
    except urllib.error.HTTPError as error:
        return f"{url}: answers {error.code}: {error.read(_SHOWN_BYTES).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        return f"{url}: {error}"


def _silence(file: Path) -> str:
    try:
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - float(file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        return f"{file}: {error}"
    return "" if -_AHEAD_S <= age_s < _OLD_S else f"{file}: the last sign of life is {age_s:.0f} s old"


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
