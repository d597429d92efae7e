#!/opt/ems/bin/python -I
"""Brings the register of a bus from the server where boxes join to the others: public keys, no secret.

    ems-register serve FILE PORT CERT KEY     offers one file over TLS, whatever is asked for
    ems-register fetch URL CA FILE            takes it from there, whole or not at all

Only for the servers of one bus: let nobody else reach the port (docs/scaling.md). Standard library alone.
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

_WAIT_S: Final = 5.0
_MOST_BYTES: Final = 10_000_000
_USAGE: Final = "give `serve FILE PORT CERT KEY` or `fetch URL CA FILE`"


def server_of(file: Path, port: int, cert: Path, key: Path) -> ThreadingHTTPServer:
    """A server that answers every GET with the file as it is then, 503 while there is none."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _WAIT_S

        def do_GET(self) -> None:
            try:
                body = file.read_bytes()
            except OSError as error:
                self.send_error(503, f"no register yet: {error.strerror}")
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(cert, key)
    server = ThreadingHTTPServer(("", port), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def fetch(url: str, ca: Path, file: Path) -> str:
    """Take what is offered; gives why that cannot be, empty where it could."""
    if not url.startswith("https://"):
        return f"{url}: a register comes by https"
    try:
        context = ssl.create_default_context(cafile=ca)
        with urllib.request.urlopen(url, timeout=_WAIT_S, context=context) as answer:  # noqa: S310  https only
            body = answer.read(_MOST_BYTES)
        json.loads(body)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(body)
        fresh.replace(file)
    except (OSError, ValueError) as error:
        return f"{url}: {error}"
    return ""


def main(arguments: Sequence[str]) -> int:
    """Serve until ended, or fetch once; gives the exit code."""
    match arguments:
        case ["serve", file, port, cert, key] if port.isdigit():
            server_of(Path(file), int(port), Path(cert), Path(key)).serve_forever()
            return 0
        case ["fetch", url, ca, file]:
            why = fetch(url, Path(ca), Path(file))
        case _:
            why = _USAGE
    if why:
        sys.stderr.write(f"ems-register: {why}\n")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
