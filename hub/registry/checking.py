"""A proposed configuration is checked in a process of its own: a large one takes seconds of a processor.

The process has a bound in time and memory, so nobody can keep the hub busy with a file; the hub itself reads
a configuration only when it passed here.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal, NamedTuple

from hub.registry import bulk
from hub.registry.documents import Documents, check_path
from hub.registry.whole import check_documents
from protocols.errors import ConfigError, StoreError
from runtime.children import die_with_parent, step_back

CHECK_S: Final = 90.0
"""A configuration whose check takes longer is refused. [s]"""

MOST_FAULTS: Final = 5000
"""Faults that are told; the rest is counted."""

_MOST_BYTES: Final = 4 << 30
_NICE: Final = 10
_IN_FORCE: Final = Path("the configuration")


class Table(NamedTuple):
    """Rows for a list of the configuration.

    Attributes:
        of: What a row is.
        name: Edge or profile whose list it is.
        file: Name of the table, `.csv` or `.yaml`, as complaints say it.
        text: Its text.
        take_good: Whether good rows are taken though others are not.
    """

    of: Literal["device", "point"]
    name: str
    file: str
    text: str
    take_good: bool = False


class Question(NamedTuple):
    """What is to be checked: files, and rows to be put into one of them."""

    site: str
    documents: Documents
    table: Table | None = None


class Answer(NamedTuple):
    """What came of it.

    Attributes:
        documents: The files as they would be; None: they cannot be taken.
        faults: Everything that is wrong, one line each; of rows also where the others can be taken.
        rows: Rows of the table.
        bad: How many of them have a fault.
    """

    documents: dict[str, bytes] | None
    faults: tuple[str, ...] = ()
    rows: int = 0
    bad: int = 0


def check(question: Question) -> Answer:
    """Check files, with the rows put in; blocks for as long as it takes."""
    try:
        for path in question.documents:
            check_path(path)
        if question.table is None:
            return _whole(question.site, Answer(dict(question.documents)))
        return _with_rows(question, question.table)
    except ConfigError as error:
        return Answer(None, tuple(str(error).splitlines()))


def _with_rows(question: Question, table: Table) -> Answer:
    target = bulk.points_of(table.name) if table.of == "point" else bulk.devices_of(question.site, table.name)
    with tempfile.TemporaryDirectory(prefix="ems-table-") as folder:
        path = Path(folder) / ("table.csv" if table.file.lower().endswith(".csv") else "table.yaml")
        path.write_text(table.text, encoding="utf-8")
        try:
            rows = bulk.read_rows(path, target, question.documents)
        except ConfigError as error:
            return Answer(None, tuple(str(error).replace(str(path), table.file).splitlines()))
    faults = tuple(fault.replace(str(path), table.file) for fault in rows.faults)
    total = len(rows.good) + rows.bad
    if not rows.good or (rows.bad and not table.take_good):
        return Answer(
            None, faults or (f"{table.file}: found no row; write one a line below the head",), total, rows.bad
        )
    merged = bulk.merged(question.documents, target, rows.good)
    return _whole(question.site, Answer(merged, faults, total, rows.bad))


def _whole(site: str, answer: Answer) -> Answer:
    documents = answer.documents or {}
    if f"sites/{site}/site.yaml" not in documents:
        return Answer(None, (f"sites/{site}/site.yaml:1: there is no such file; a site begins with it",))
    try:
        check_documents(documents, site, _IN_FORCE)
    except ConfigError as error:
        faults = str(error).replace(f"{_IN_FORCE}/", "").splitlines()
        return answer._replace(documents=None, faults=(*answer.faults, *faults))
    return answer


async def check_apart(question: Question) -> Answer:
    """As `check`, in a child process that is ended after `CHECK_S`, or when this is cancelled.

    Raises:
        StoreError: The machine gives no process.
    """
    asked = await asyncio.to_thread(pickle.dumps, question)
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise StoreError(f"no process to check a configuration in: {error.strerror}; try again") from error
    try:
        async with asyncio.timeout(CHECK_S):
            told, _ = await child.communicate(asked)
    except TimeoutError:
        return Answer(None, (f"to read it takes more than {CHECK_S:g} s; send less at once",))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        return Answer(None, (f"the process that read it ended with {child.returncode}; send less at once",))
    return Answer(*pickle.loads(told))  # noqa: S301  from our own child over its own pipe


def main() -> None:
    """One question from stdin, one answer to stdout."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    step_back(_NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get into the answer
    answer = check(pickle.load(sys.stdin.buffer))  # noqa: S301  from our own parent over its own pipe
    if len(answer.faults) > MOST_FAULTS:
        more = f"and {len(answer.faults) - MOST_FAULTS} more"
        answer = answer._replace(faults=(*answer.faults[:MOST_FAULTS], more))
    with os.fdopen(out, "wb") as pipe:
        pickle.dump(tuple(answer), pipe)


if __name__ == "__main__":
    main()
