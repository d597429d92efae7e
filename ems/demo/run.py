"""One demo from start to end: parts up, address printed, the hub killed once, counts taken, parts down."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ems.demo import measure
from ems.demo.layout import EDGE, SITE, Layout, Ports, choose_ports, prepare
from ems.demo.parts import Part, run_to_end, wait_until
from hub.store import schema
from hub.store.reader import EmbeddedReader
from protocols.errors import ConfigError, StoreError
from runtime.lock import StateLock
from runtime.nats_server import seed_file
from runtime.site import SiteDevices, devices_file, load_devices

KILL_BEFORE_END_S: Final = 30.0
HUB_AWAY_S: Final = 15.0
AFTER_VERIFIED_S: Final = 5.0
SEED: Final = 1
INTERRUPTED: Final = 130
"""Exit code of a run that was stopped before its end, as shells know it."""

_HEALTH_WAIT_S: Final = 60.0
_log = logging.getLogger(__name__)


def say(text: str) -> None:
    """One line for the person in front of the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Demo:
    """The running demo.

    Attributes:
        layout: Its folders.
        for_s: Seconds from the printed address to the end, or None to run until Ctrl-C.
        out: Where `demo.json` goes.
    """

    layout: Layout
    for_s: float | None
    out: Path | None
    ports: Ports = field(init=False)
    parts: dict[str, Part] = field(default_factory=dict, init=False)
    up: bool = field(default=False, init=False)
    stopping: bool = field(default=False, init=False)

    def ask_to_stop(self, _number: int, _frame: object) -> None:
        """Signal handler: end in order; at once while the parts still come up, or when asked twice."""
        if self.stopping or not self.up:
            raise KeyboardInterrupt
        self.stopping = True

    def run(self) -> int:
        """Run to the end; returns the exit code.

        Raises:
            ConfigError: A part could not be brought up; the message says which and why.
            StoreLockedError: Another demo runs in this folder.
        """
        with StateLock(self.layout.root):
            try:
                return self._run()
            finally:
                self._stop_all()

    def _run(self) -> int:
        record = measure.Record(up_ns=time.time_ns())
        self._start()
        self.up = True
        record.began_ns = time.time_ns()
        if self.for_s is None:
            self._keep(lambda: self.stopping)
        else:
            self._timed(record, self.for_s)
        return self._finish(record)

    def _start(self) -> None:
        """Bring the parts up, each with a line."""
        self.ports = prepare(self.layout)
        self._up("bus", "bus", "run", f"--state={self.layout.state('bus')}", f"--keys={self.layout.keys}",
                 f"--port={self.ports.bus}", f"--edge={EDGE}")  # fmt: skip
        self._up("sim", "sim", "run", f"--site={SITE}", *self._config(),
                 f"--state={self.layout.state('sim')}", f"--seed={SEED}")  # fmt: skip
        self._wait("bus", lambda: seed_file(self.layout.keys, EDGE).exists())
        say(f"bus      nats://127.0.0.1:{self.ports.bus}")
        self._seed_history()
        init = self._begin_hub_init()
        self._wait("sim", lambda: "simulator ready" in _tail(self.parts["sim"].log))
        say(f"plant    {len(self._devices().edge.devices)} simulated devices: Modbus, BACnet, OPC UA, MQTT")
        self._prove()
        password = self._end_hub_init(init)
        self._up("edge", "edge", "run", *self._edge())
        self.ports = choose_ports(self.layout, self.ports)
        self._up("hub", "hub", "run", *self._hub(), f"--port={self.ports.page}")
        say("edge     polls and keeps its journal")
        self._wait("hub", self._healthy)
        say("hub      stores, forecasts and plans")
        self._announce(password)

    def _up(self, name: str, *arguments: str) -> None:
        part = Part(name, arguments, self.layout.logs / f"{name}.log")
        part.log.unlink(missing_ok=True)
        self.parts[name] = part
        part.start()

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        wait_until(name, ready, list(self.parts.values()), _HEALTH_WAIT_S)

    def _config(self) -> tuple[str, ...]:
        return (f"--config={self.layout.config}",)

    def _edge(self) -> tuple[str, ...]:
        return (*self._config(), f"--site={SITE}", f"--edge={EDGE}", f"--state={self.layout.state('edge')}",
                f"--bus=nats://127.0.0.1:{self.ports.bus}", f"--keys={self.layout.keys}")  # fmt: skip

    def _hub(self) -> tuple[str, ...]:
        return (*self._config(), f"--site={SITE}", f"--state={self.layout.state('hub')}",
                f"--bus=nats://127.0.0.1:{self.ports.bus}", f"--keys={self.layout.keys}")  # fmt: skip

    def _seed_history(self) -> None:
        if (self.layout.state("hub") / schema.FILE).exists():
            return
        say("history  simulating 30 days …")
        part = Part(
            "history", ("demo", "seed", f"--state={self.layout.root}"), self.layout.logs / "history.log"
        )
        run_to_end(part, 60.0)

    def _prove(self) -> None:
        part = Part(
            "prove",
            ("edge", "prove", *self._edge(), "--person=demo", "--sign"),
            self.layout.logs / "prove.log",
        )
        run_to_end(part, 40.0)
        say("proofs   every set-point falls back by itself (var/edge/proofs)")

    def _begin_hub_init(self) -> subprocess.Popen[str]:
        """Make the hub's databases meanwhile; the one-time password comes by a pipe and is in no log."""
        return subprocess.Popen(  # noqa: S603  our own command line
            [sys.executable, "-m", "ems.main", "hub", "init", *self._hub()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "EMS_DIE_WITH_PARENT": "1"},
            start_new_session=True,
        )

    def _end_hub_init(self, init: subprocess.Popen[str]) -> str | None:
        """The one-time password, or None where somebody has one already.

        Raises:
            ConfigError: The databases could not be made; the message is the hub's own.
        """
        out, err = init.communicate()
        if init.returncode != 0:
            raise ConfigError(f"the hub's database could not be made: {err.strip().rpartition(chr(10))[2]}")
        found = [line for line in out.splitlines() if line.startswith("admin password:")]
        return found[0].partition(":")[2].strip() if found else None

    def _announce(self, password: str | None) -> None:
        say(f"page     http://127.0.0.1:{self.ports.page}/")
        again = f"`ems hub admin reset --state {self.layout.state('hub')}` makes a new one"
        if password is None:
            say(f"login    admin, with the password of the first start; {again}")
        else:
            say(f"login    admin / {password}    (shown once; {again})")

    def _healthy(self) -> bool:
        if "role api up" not in _tail(self.parts["hub"].log):
            return False
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports.page}/api/v1/health", timeout=1.0
            ) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return False

    def _devices(self) -> SiteDevices:
        return load_devices(self.layout.config, devices_file(self.layout.config, SITE, EDGE))

    def _keep(self, done: Callable[[], bool]) -> None:
        """Look after the parts until `done`."""
        while not done() and not self.stopping:
            now_s = time.monotonic()
            for part in self.parts.values():
                part.look_after(now_s)
            time.sleep(0.1)

    def _timed(self, record: measure.Record, for_s: float) -> None:
        """Kill the hub 30 s before the end, but not before 5 s after the first verified set-point."""
        began_s = time.monotonic()
        self._keep(lambda: self._time_to_kill(record, began_s + for_s - KILL_BEFORE_END_S))
        if self.stopping:
            return
        record.plan = measure.plan_now(self.layout.state("hub"), SITE)
        hub = self.parts["hub"]
        hub.held = True
        hub.kill()
        record.killed_ns = time.time_ns()
        say("hub      killed; the plant goes on without it")
        back_s = time.monotonic() + HUB_AWAY_S
        self._keep(lambda: time.monotonic() >= back_s)
        hub.start()
        hub.held = False
        say("hub      started again")
        end_s = max(began_s + for_s, back_s + HUB_AWAY_S)
        self._keep(lambda: time.monotonic() >= end_s)

    def _time_to_kill(self, record: measure.Record, earliest_s: float) -> bool:
        if time.monotonic() < earliest_s:
            return False
        reader = EmbeddedReader(self.layout.state("hub") / schema.FILE)
        try:
            first_ns = measure.first_verified_ns(reader, record.up_ns)
        finally:
            reader.close()
        waited_long = time.monotonic() > earliest_s + 60.0
        return waited_long or (first_ns is not None and time.time_ns() > first_ns + AFTER_VERIFIED_S * 1e9)

    def _finish(self, record: measure.Record) -> int:
        """Stop polling, let the data drain, count."""
        record.stopped_ns = time.time_ns()
        edge = self.parts["edge"]
        edge.stop()
        if self.stopping and self.for_s is not None:
            say("stopped  before its time; nothing is counted or written")
            return INTERRUPTED
        if self.out is None:
            return 0
        if record.plan is None:
            record.plan = measure.plan_now(self.layout.state("hub"), SITE)
        self.parts["hub"].stop()
        runs = measure.read_summary(self.layout.state("edge") / "summary.json", record.up_ns)
        document = measure.report(record, runs, self.layout.state("hub"), self._devices())
        self.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        say(f"written  {self.out}")
        return _verdict(document)

    def _stop_all(self) -> None:
        for name in ("edge", "hub", "sim", "bus"):
            if name in self.parts:
                self.parts[name].stop()


def _verdict(document: dict[str, Any]) -> int:
    fallback = document["fallback_test"]
    if fallback is not None and fallback["leases"] == 0:
        say("no lease was live when the hub was killed: the fallback could not be shown")
        return 1
    return 0


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""


def run_demo(root: Path, source: Path, for_s: float | None, out: Path | None) -> int:
    """Run the demo; Ctrl-C and SIGTERM end it in order.

    Raises:
        ConfigError: Bad input, or a part that does not come up.
    """
    demo = Demo(Layout(root.resolve(), source.resolve()), for_s, out)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, demo.ask_to_stop)
    try:
        return demo.run()
    except KeyboardInterrupt:
        say("stopped  at once; the next start goes on with what is there")
        return INTERRUPTED
    except StoreError as error:
        raise ConfigError(f"the demo cannot go on: {error}") from error
