"""A proxy of a plant, for tests: `python -m tests.small_proxy TARGET_PORT [USER:PASSWORD]`.

It looks every name up as 127.0.0.1 at one port, and says on its standard output at which port it listens,
then each first line that it heard.
"""

from __future__ import annotations

import asyncio
import base64
import sys

_MOST_BYTES = 65_536


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_MOST_BYTES):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen until the standard input ends."""
    target, login = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    wanted = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        print(lines[0], flush=True)  # noqa: T201  what the test reads
        if login and wanted not in lines:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        back, there = await asyncio.open_connection("127.0.0.1", target)
        if lines[0].startswith("CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there.write(head)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pass_on(reader, there))
            tasks.create_task(_pass_on(back, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  as above
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
