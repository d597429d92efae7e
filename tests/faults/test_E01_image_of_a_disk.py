"""E1 on a file system: the agent stands still, the image of its disk is copied, and the copy is looked at.

What the kernel had not written to the image yet is lost in the copy, as in a power cut. Receipts, events and
orders that had been promised must be there; of telemetry only what is younger than the time between two
flushes may be missing. Root alone may mount an image; without it the tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
import pytest

from benchmarks.edge_orders import FALLBACK, HIGH, LOW, Orders, orders, point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import set_points
from edge_agent.journal_rows import Kind
from edge_agent.journal_store import DURABLE_S
from protocols.frame import decode_bundle
from runtime.clock import NS, SystemClock
from tests.needs import missing

pytestmark = [pytest.mark.net, pytest.mark.slow]
IMAGE_BYTES = 96_000_000
POINTS = 4
MOST_LOST_S = 5.0
"""The design allows 1 to 5 s between two flushes of telemetry."""


def _root(*command: str) -> None:
    tool = shutil.which(command[0])
    if tool is None or os.geteuid() != 0:
        missing("root", f"{command[0]} is not here, or this is not root")
    done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        missing("root", f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    _root("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        _root("umount", str(folder))


@dataclass(frozen=True)
class Kept:
    """What the two databases of an agent hold."""

    rows: dict[int, tuple[Kind, bytes]]
    answers: set[bytes]
    fence: tuple[int, int]


def kept(folder: Path, *, check: bool = False) -> Kept:
    rows: dict[int, tuple[Kind, bytes]] = {}
    with sqlite3.connect(folder / "journal.db", timeout=2.0) as journal:
        for seq, kind, body in journal.execute("SELECT seq, kind, body FROM entry"):
            rows[seq] = (Kind(kind), body)
        sound = [journal.execute("PRAGMA integrity_check").fetchone()] if check else []
    journal.close()
    with sqlite3.connect(folder / "control.db", timeout=2.0) as control:
        answers = {ident for (ident,) in control.execute("SELECT id FROM answer")}
        fence = control.execute("SELECT epoch, seq FROM fence").fetchone() or (0, 0)
        sound += [control.execute("PRAGMA integrity_check").fetchone()] if check else []
    control.close()
    assert all(one == ("ok",) for one in sound)
    return Kept(rows, answers, tuple(fence))


@dataclass
class Seen:
    """What came of the cuts."""

    cuts: int = 0
    rows: int = 0
    lost: list[str] = field(default_factory=list)
    telemetry_lost: int = 0
    oldest_lost_s: float = 0.0

    def compare(self, before: Kept, after: Kept, cut_ns: int) -> None:
        """What had been promised before the cut against what is there after it."""
        self.cuts += 1
        self.rows += len(before.rows)
        for seq in before.rows.keys() - after.rows.keys():
            kind, body = before.rows[seq]
            if kind is Kind.RECEIPT:
                self.lost.append(f"cut {self.cuts}: receipt {seq}")
                continue
            self.telemetry_lost += 1
            made_ns = min(frame.at.mono_ns for frame in decode_bundle(body).frames)
            self.oldest_lost_s = max(self.oldest_lost_s, (cut_ns - made_ns) / NS)
        changed = [
            seq for seq in before.rows.keys() & after.rows.keys() if before.rows[seq] != after.rows[seq]
        ]
        self.lost += [f"cut {self.cuts}: row {seq} is another one" for seq in changed]
        self.lost += [f"cut {self.cuts}: answer {one.hex()}" for one in before.answers - after.answers]
        self.lost += [f"cut {self.cuts}: the fence went back"] if after.fence < before.fence else []


async def cut(made: Rig, folder: Path, seen: Seen) -> None:
    """Stop the agent, copy the image, let it go on, and look at the copy."""
    assert made.agent is not None
    stopped = psutil.Process(made.agent.pid)
    made.agent.send_signal(signal.SIGSTOP)
    try:
        await until(lambda: stopped.status() == psutil.STATUS_STOPPED, 10, "the agent stands still")
        cut_ns = SystemClock().now().mono_ns
        before = kept(folder / "disk")
        shutil.copyfile(folder / "image", folder / "copy")
    finally:
        made.agent.send_signal(signal.SIGCONT)
    with mounted(folder / "copy", folder / "looked_at") as copy:
        seen.compare(before, kept(copy, check=True), cut_ns)


def _order(hub: Orders, chance: Random) -> None:
    hub.want(point(chance.randrange(POINTS)), round(chance.uniform(LOW, HIGH), 2))


async def cuts(folder: Path, count: int, note: Callable[[str, object], None]) -> None:
    chance, clock, seen, image = Random(count), SystemClock(), Seen(), folder / "image"  # noqa: S311  repeatable
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    _root("mkfs.ext4", "-q", "-F", str(image))
    with mounted(image, folder / "disk"), farm(4, 25) as port, set_points(POINTS, FALLBACK) as device:
        write_site(folder / "config", port, devices=4, floats=25, every_s=0.2)
        write_set_points(folder / "config", device.port, POINTS)
        (folder / "edge").symlink_to(folder / "disk")
        async with rig(folder, counting=False) as made:  # nobody covers a row, so all of them stay
            await prove(made)
            made.start_agent()
            async with orders(made) as hub:
                for _ in range(count):
                    end_s = clock.mono_s() + chance.uniform(0.3, 1.5)
                    while clock.mono_s() < end_s:
                        _order(hub, chance)
                        await clock.sleep(0.1)
                    await cut(made, folder, seen)
            await made.end_agent(signal.SIGKILL)
    for name, figure in (
        ("cuts", seen.cuts), ("rows_looked_at", seen.rows), ("promised_and_lost", len(seen.lost)),
        ("telemetry_rows_lost", seen.telemetry_lost), ("oldest_lost_s", round(seen.oldest_lost_s, 1)),
    ):  # fmt: skip
        note(name, figure)
    assert seen.lost == []
    assert seen.oldest_lost_s <= max(MOST_LOST_S, 2 * DURABLE_S)
    assert seen.rows > count


@pytest.mark.nightly
@pytest.mark.timeout(1800)
async def test_after_two_hundred_cuts_of_the_image_only_the_youngest_telemetry_is_missing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await cuts(tmp_path, 200, record_property)
