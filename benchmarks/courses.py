"""Long courses of a case in processes beside each other: progress shown, and what was cut off goes on.

Each course has files of its own beside the results: how far it is, what was put away of it, its answer. They
stay until all courses of the case are done, so a call that was interrupted goes on where it stopped, and a
case may be lived through part by part; a change of the code begins anew. `EMS_BENCH_WORKERS` is the number of
processes (2).
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.progress import Progress

from protocols.errors import ConfigError

RESULTS: Final = Path(__file__).parent / "results"
_ROOT: Final = Path(__file__).parents[1]
_CODE: Final = ("plant", "optimizer", "hub/dispatch", "hub/forecast", "configs", "benchmarks")
_WORKERS: Final = "EMS_BENCH_WORKERS"
_LOOK_S: Final = 0.5
_T = TypeVar("_T")
_Job = TypeVar("_Job")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one course writes.

    Attributes:
        answer: File of its answer; the others stand beside it.
        caller: Process that asked for it.
    """

    answer: Path
    caller: int = field(default_factory=os.getpid)

    def tell(self, done: float) -> None:
        """Say how far it is, a fraction; where nobody listens any more the process ends."""
        if self.caller not in {os.getpid(), os.getppid()}:
            os._exit(1)  # a worker whose caller was killed would wait for its next course for ever
        self.answer.with_suffix(".progress").write_text(f"{done:.4f}", encoding="ascii")

    def keep(self, state: object) -> None:
        """Put the course away as it stands."""
        fresh = self.answer.with_suffix(".fresh")
        fresh.write_bytes(pickle.dumps(state))
        fresh.replace(self.answer.with_suffix(".state"))

    def kept(self, begin: Callable[[], _T]) -> _T:
        """What was put away, or a fresh beginning."""
        file = self.answer.with_suffix(".state")
        if not file.exists():
            return begin()
        state: _T = pickle.loads(file.read_bytes())  # noqa: S301  written by `keep` beside the results
        return state


def live_all(
    name: str,
    jobs: Mapping[str, _Job],
    live: Callable[[_Job, Place], Mapping[str, Any]],
    *,
    whole: bool = True,
) -> dict[str, dict[str, Any]]:
    """The answer of every course, by its title; those that are not there yet are lived through.

    Args:
        name: Of the case.
        jobs: By title, the longest first; what is different must be different in its `repr`.
        live: A function of a module, since it is called in another process; plain values come back.
        whole: Whether these are all courses of the case; the answers of a part are kept for the rest.

    Raises:
        ConfigError: `EMS_BENCH_WORKERS` is no number of processes.
    """
    folder = RESULTS / f".{name}" / _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    places = {title: Place(folder / _file(title, job)) for title, job in jobs.items()}
    missing = {title: job for title, job in jobs.items() if not places[title].answer.exists()}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_workers(), mp_context=context) as pool, Progress() as progress:
        futures = {title: pool.submit(_lived, live, job, places[title]) for title, job in missing.items()}
        _watch(futures, places, progress)
    found = {title: json.loads(place.answer.read_text(encoding="utf-8")) for title, place in places.items()}
    if whole:
        shutil.rmtree(folder.parent)
    return found


def _workers() -> int:
    text = os.environ.get(_WORKERS, "2")
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{_WORKERS} is {text!r}; give a number of processes from 1 on")
    return int(text)


def _file(title: str, job: object) -> str:
    """The same name for the same course only: two lengths of one cell have two."""
    return f"{title.replace(' ', '-')}-{hashlib.sha256(repr(job).encode()).hexdigest()[:8]}.json"


def _lived(live: Callable[[_Job, Place], Mapping[str, Any]], job: _Job, place: Place) -> None:
    fresh = place.answer.with_suffix(".new")
    fresh.write_text(json.dumps(live(job, place)), encoding="utf-8")
    fresh.replace(place.answer)
    place.answer.with_suffix(".state").unlink(missing_ok=True)
    place.tell(1.0)


def _watch(futures: Mapping[str, Future[None]], places: Mapping[str, Place], progress: Progress) -> None:
    bars = {title: progress.add_task(title, total=1.0) for title in futures}
    waiting = dict(futures)
    while waiting:
        for title, future in list(waiting.items()):
            progress.update(bars[title], completed=_fraction(places[title]))
            if not future.done():
                continue
            del waiting[title]
            if future.cancelled() or future.exception() is not None:
                for other in waiting.values():
                    other.cancel()  # what runs already ends, and its answer is kept
        time.sleep(_LOOK_S)
    for future in futures.values():
        if not future.cancelled():
            future.result()


def _fraction(place: Place) -> float:
    file = place.answer.with_suffix(".progress")
    text = file.read_text(encoding="ascii") if file.exists() else ""
    return float(text or 0.0)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for part in _CODE:
        for file in sorted((_ROOT / part).rglob("*")):
            if file.suffix in {".py", ".yaml"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
