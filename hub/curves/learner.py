"""Every machine of a site learnt from what the hub has of it; slow, so call it in a thread or a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hub.curves.history import bound, learnable, rows_of
from hub.store.port import SeriesReader
from plant.flowsheet import Flowsheet
from plant.learning.learn import learn
from plant.learning.reasons import not_measured
from plant.learning.verdict import Verdict
from plant.learnt import CurveBook
from protocols.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LearningSite:
    """What learning goes by.

    Attributes:
        id: The site.
        flowsheet: The nominal plant.
        book: Curves in use.
        zone: IANA name; days are meant in it.
    """

    id: str
    flowsheet: Flowsheet
    book: CurveBook
    zone: str


def learn_site(
    site: LearningSite, reader: SeriesReader, span_ns: tuple[int, int], units: Sequence[str] = ()
) -> Iterator[Verdict]:
    """Learn machine by machine.

    Args:
        site: What it goes by.
        reader: The series.
        span_ns: Begin and end of what is learnt from, UTC.
        units: Which; none named: all that can be learnt.

    Raises:
        ConfigError: A unit is none that can be learnt.
        StoreError: The series cannot be read now.
    """
    known = dict(learnable(site.flowsheet))
    wrong = [name for name in units if name not in known]
    if wrong:
        raise ConfigError(f"{', '.join(wrong)}: no unit with a curve; those are {', '.join(known)}")
    for name in units or known:
        found = bound(site.flowsheet, name, known[name])
        if found.missing:
            yield Verdict(unit=name, status="too_little", reason=not_measured(found.missing))
            continue
        rows = rows_of(reader, site.id, (found, known[name]), span_ns)
        yield learn(name, known[name], rows, site.zone, site.book.curves.get(name))


def better(verdicts: Sequence[Verdict], say: Callable[[str], None]) -> list[str]:
    """Say each verdict in one line; gives the units whose curve may be accepted."""
    for verdict in verdicts:
        say(f"{verdict.unit:<12} {verdict.status:<11} {verdict.reason.en}")
        if verdict.drifted and verdict.drift_frac is not None:
            say(
                f"{'':<12} drift       the last days lie {100.0 * verdict.drift_frac:+.1f} % beside the "
                "learnt curve: the machine changed"
            )
    return [verdict.unit for verdict in verdicts if verdict.status == "better"]
