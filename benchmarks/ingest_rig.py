"""Bus, hub processes and fed journals, for proofs that kill one of them: what was fed is in the store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Final, Protocol

from benchmarks.journal_feeder import DRAIN_S, FED, READY
from hub.store.engine import StorePlace, open_reader, place_of
from hub.store.port import Span, StoreReader
from protocols.errors import BusError, ConfigError, ContractError, StoreError
from runtime.children import free_port
from runtime.nats_server import BusConfig, NatsServer

EDGES: Final = ("edge1", "edge2", "edge3", "edge4", "edge5", "edge6")
_ROOT: Final = Path(__file__).resolve().parents[1]
_START_S: Final = 60.0
_EVERY: Final = 2**40


@dataclass(frozen=True, slots=True)
class Balance:
    """What was fed, beside what the store has.

    Attributes:
        fed: Samples that the journals took.
        stored: Samples in the store.
        duplicate: Samples beyond one a point and instant.
    """

    fed: int
    stored: int
    duplicate: int

    @property
    def lost(self) -> int:
        """Fed and not stored."""
        return self.fed - (self.stored - self.duplicate)


class Bus(Protocol):
    """One server, or several that are one bus."""

    def start(self) -> None:
        """Start it and wait until it answers."""
        ...

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def stop(self) -> None:
        """End it in order."""
        ...


@dataclass(slots=True)
class IngestRig:
    """What runs.

    Attributes:
        folder: All is below.
        bus: The bus.
        options: Options of every `ems hub run`, beside its folder.
        hubs: Running hubs by the name of their folder.
    """

    folder: Path
    bus: Bus
    options: Sequence[str]
    hubs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    feeder: subprocess.Popen[bytes] | None = None
    _reader: StoreReader | None = None

    def init_hub(self, name: str) -> None:
        """Make what a hub needs, as an operator does: buckets, tables, the first person.

        Raises:
            ConfigError: It cannot be made; the message is the hub's own.
        """
        options = [one for one in self.options if not one.startswith("--bus-replicas=")]  # of the run alone
        done = subprocess.run(  # noqa: S603  our own command line
            [sys.executable, "-m", "ems.main", "hub", "init", f"--state={self.folder / name}", *options],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise ConfigError(done.stderr.strip())

    def start_hub(self, name: str) -> None:
        """Start `ems hub run --roles ingest` on a folder of its own."""
        arguments = [f"--state={self.folder / name}", "--roles=ingest", *self.options]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.hubs[name] = subprocess.Popen(  # noqa: S603  our own command line
                [sys.executable, "-m", "ems.main", "hub", "run", *arguments],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def end_hub(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End one and wait for it; its roles die with it."""
        process = self.hubs.pop(name)
        process.send_signal(how)
        process.wait(30)

    def reader(self) -> StoreReader:
        """Reads the store of the first hub, waiting until there is one.

        Raises:
            StoreError: There is none after a minute.
        """
        until_s = monotonic() + _START_S
        while self._reader is None:
            try:
                self._reader = open_reader(self.place())
            except StoreError:
                if monotonic() > until_s:
                    raise
                sleep(0.1)
        return self._reader

    def place(self) -> StorePlace:
        """Where the series of the first hub stand."""
        return place_of(self.folder / "hub1")

    def feed(self, rate: int, edges: Sequence[str] = EDGES) -> None:
        """Begin to feed so many samples a second.

        Raises:
            BusError: The feeder does not come up.
        """
        with (self.folder / "feeder.log").open("ab") as log:
            self.feeder = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", "benchmarks.journal_feeder", str(self.folder), self._url(),
                 str(self.folder / "keys"), str(rate), *edges],
                stdout=log, stderr=log, start_new_session=True, cwd=_ROOT,
            )  # fmt: skip
        until_s = monotonic() + _START_S
        while not (self.folder / READY).exists():
            if monotonic() > until_s or self.feeder.poll() is not None:
                raise BusError(f"the feeder does not come up; {self.folder / 'feeder.log'} says why")
            sleep(0.05)

    def rows(self) -> int:
        """Rows of all journals that are committed; -1 while the store cannot answer."""
        try:
            reader = self.reader()
            names = json.loads((self.folder / READY).read_text(encoding="utf-8"))
            pairs = [reader.ranges(edge, journal) for edge, journal in names.items()]
        except StoreError:
            return -1
        return sum(last - first + 1 for ranges in pairs for first, last in ranges)

    def wait_for_row(self, above: int, most_s: float) -> float:
        """Seconds until more rows are committed than `above`.

        Raises:
            BusError: None came within `most_s`.
        """
        begun_s = monotonic()
        while self.rows() <= above:
            if monotonic() - begun_s > most_s:
                raise BusError(f"no new row is stored after {most_s:g} s; {self.folder} has the logs")
            sleep(0.02)
        return monotonic() - begun_s

    def settle(self) -> Balance:
        """End the feeding, wait until the hub has all of it, and count.

        Raises:
            ContractError: A journal still held rows at the end.
        """
        if self.feeder is None:
            raise ContractError("nothing was fed")
        self.feeder.terminate()
        self.feeder.wait(DRAIN_S + 30)
        fed = json.loads((self.folder / FED).read_text(encoding="utf-8"))
        held = [edge for edge, said in fed.items() if not said["drained"]]
        if held:
            raise ContractError(
                f"the hub never had all rows of {', '.join(held)}; {self.folder} has the logs"
            )
        found = [self.reader().counts(Span(edge, said["journal"], 0, _EVERY)) for edge, said in fed.items()]
        return Balance(
            sum(said["samples"] for said in fed.values()),
            sum(one.stored for one in found),
            sum(one.duplicates for one in found),
        )

    def _url(self) -> str:
        return next(one for one in self.options if one.startswith("--bus=")).partition("=")[2]

    def close(self) -> None:
        """End everything."""
        if self.feeder is not None and self.feeder.poll() is None:
            self.feeder.kill()
            self.feeder.wait()
        for name in list(self.hubs):
            self.end_hub(name)
        if self._reader is not None:
            self._reader.close()
        self.bus.stop()


@contextmanager
def ingest_rig(
    folder: Path, options: Sequence[str] = (), bus: tuple[Bus, str] | None = None
) -> Iterator[IngestRig]:
    """A bus; hubs and feeding are started by the caller.

    Args:
        folder: All is below; the seeds of the bus in `keys`.
        options: Of every `ems hub init` and `run`.
        bus: One that is not started yet, and its address; None: one server.
    """
    server, url = bus or _one_server(folder)
    server.start()
    common = [
        f"--config={_ROOT / 'configs'}", "--site=demo", f"--bus={url}", f"--keys={folder / 'keys'}", *options
    ]  # fmt: skip
    made = IngestRig(folder, server, common)
    try:
        yield made
    finally:
        made.close()


def _one_server(folder: Path) -> tuple[Bus, str]:
    config = BusConfig(folder / "bus", folder / "keys", free_port(), EDGES)
    return NatsServer(config), f"nats://127.0.0.1:{config.port}"
