"""A small driver for a headless Chromium over its DevTools protocol: what a person does and sees."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

START_S = 20.0
CALL_S = 20.0
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "a": 65, "s": 83}
_AT_REST = """async (selector) => {
  const one = document.querySelector(selector)
  if (!one || one.disabled) return null
  one.scrollIntoView({ block: 'nearest' })
  const middle = () => {
    const box = one.getBoundingClientRect()
    return [box.x + box.width / 2, box.y + box.height / 2]
  }
  const before = middle()
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  const [x, y] = middle()
  const hit = document.elementFromPoint(x, y)
  return x === before[0] && y === before[1] && hit && (one.contains(hit) || hit.contains(one)) ? [x, y] : null
}"""


class Page:
    """The one page of a browser; every call waits for its answer."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._calls = 0
        self.faults: list[str] = []
        """Errors that scripts of the page threw or wrote to the console, except those of the network."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the protocol; raises AssertionError with the browser's words."""
        self._calls += 1
        self._wire.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        until_s = time.monotonic() + CALL_S
        while True:
            message = json.loads(self._wire.recv(max(0.0, until_s - time.monotonic())))
            if message.get("id") == self._calls:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.faults.append(str(parameters["exceptionDetails"]))
        elif message["method"] == "Log.entryAdded":
            entry = parameters["entry"]
            if entry["level"] == "error" and entry["source"] != "network":
                self.faults.append(f"{entry['source']}: {entry['text']}")
        elif message["method"] == "Runtime.consoleAPICalled" and parameters["type"] in {"error", "warning"}:
            self.faults.append(" ".join(str(one.get("value")) for one in parameters["args"]))

    def evaluate(self, script: str) -> Any:  # noqa: ANN401  whatever the script gives
        """The value of an expression in the page; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer.get('exceptionDetails')}"
        return answer["result"].get("value")

    def until(self, script: str, within_s: float = 20.0) -> Any:  # noqa: ANN401  whatever the script gives
        """Wait until an expression is true; its value. Fails with the text on the screen."""
        until_s = time.monotonic() + within_s
        while True:
            if (value := self.evaluate(script)) not in (None, False, 0, ""):  # an element comes as {}
                return value
            assert time.monotonic() < until_s, f"not within {within_s} s: {script}\n{self.text()}"
            time.sleep(0.05)

    def open(self, address: str) -> None:
        """Go to an address and wait until the page is read."""
        self.call("Page.navigate", url=address)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def text(self) -> str:
        """All text in sight, as a person could select it."""
        return str(self.evaluate("document.body.innerText"))

    def size(self, width: int, height: int, scale: float = 1.0) -> None:
        """Size of the window in CSS pixels; under 600 wide it is a phone with a touch screen."""
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=mobile,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def press(self, *keys: str) -> None:
        """Press keys one after the other: Tab, Enter, Escape, space."""
        for key in keys:
            text = {"Enter": "\r", " ": " "}.get(key, "")
            about = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **about)
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Put text into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, once it may be pressed, is in sight and rests."""
        x, y = self.until(f"({_AT_REST})({json.dumps(selector)})")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def fill(self, selector: str, text: str) -> None:
        """Replace what a field holds."""
        self.click(selector)
        self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        self.type(text)

    def picture(self, path: Path) -> None:
        """Write what is in sight as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(chromium: str, folder: Path, language: str = "en") -> Iterator[Page]:
    """A Chromium with its own profile in `folder`, ended by its process id."""
    arguments = [
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        f"--accept-lang={language}",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--hide-scrollbars",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to start for root with it
    process = subprocess.Popen(
        [chromium, *arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with connect(
            _page_address(process, folder / "DevToolsActivePort"), max_size=None, proxy=None
        ) as wire:
            page = Page(wire)
            page.size(1440, 900)
            yield page
    finally:
        process.terminate()
        process.wait(10)


def _page_address(process: subprocess.Popen[bytes], port_file: Path) -> str:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        assert process.poll() is None, "Chromium ended at its start"
        if port_file.exists() and (words := port_file.read_text().split()):
            pages = httpx.get(f"http://127.0.0.1:{words[0]}/json/list", trust_env=False).json()
            found = [page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"]
            if found:
                return str(found[0])
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not open its DevTools port within {START_S} s")
