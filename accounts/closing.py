"""Closed periods: what was reported stays as it was reported, what is known better is told beside it.

A closed period is never overwritten. A restatement keeps the old figure, the new one, their difference, why
and by whom; the next one goes by the newest. Records form a chain of hashes, so that a changed one is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

from protocols.errors import ConfigError, ContractError

START: Final = "0" * 64
"""What the first record follows."""

Figures = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that became another.

    Attributes:
        figure: Its name.
        old: As it was reported last; None: it was not.
        new: As it is known now; None: it is not reported any more.
    """

    figure: str
    old: Decimal | None
    new: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """New less old; None where one of them is missing."""
        return None if self.old is None or self.new is None else self.new - self.old


@dataclass(frozen=True, slots=True)
class Closed:
    """A period as it was reported once.

    Attributes:
        period: Its name, as `2026-10`.
        version: 1 when it was closed, one more with each restatement.
        figures: What was reported, as text, so that it stays to the last digit.
        reason: Why it was restated; empty: it was closed.
        by: Who did it.
        at_ns: When. [ns since 1970, UTC]
        before: Hash of the record before.
    """

    period: str
    version: int
    figures: tuple[tuple[str, str], ...]
    reason: str
    by: str
    at_ns: int
    before: str

    @property
    def hash(self) -> str:
        """SHA-256 of all that it says."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def figure(self, name: str) -> Decimal | None:
        """A figure as it was reported; None: it was not."""
        return next((Decimal(text) for key, text in self.figures if key == name), None)


def close(records: Sequence[Closed], period: str, figures: Figures, by: str, at_ns: int) -> Closed:
    """The record that closes a period.

    Raises:
        ConfigError: It is closed already; it can be restated.
    """
    if (last := newest(records, period)) is not None:
        raise ConfigError(
            f"{period} is closed since version {last.version}; restate it with a reason, it is never "
            "overwritten"
        )
    return Closed(period, 1, _texts(figures), "", by, at_ns, _head(records))


def restate(
    records: Sequence[Closed], period: str, figures: Figures, why: tuple[str, str], at_ns: int
) -> Closed:
    """The record that restates a period.

    Args:
        records: All so far.
        period: Its name.
        figures: All of its figures as they are known now.
        why: The reason, and who says so.
        at_ns: When. [ns since 1970, UTC]

    Raises:
        ConfigError: It is not closed, no reason is given, or nothing is new.
    """
    reason, by = why
    last = newest(records, period)
    if last is None:
        raise ConfigError(f"{period} is not closed; close it first")
    if not reason.strip():
        raise ConfigError(f"a restatement of {period} needs a reason that can be read later")
    if _texts(figures) == last.figures:
        raise ConfigError(
            f"{period} comes out as it was reported in version {last.version}; nothing to restate"
        )
    return Closed(period, last.version + 1, _texts(figures), reason.strip(), by, at_ns, _head(records))


def newest(records: Iterable[Closed], period: str) -> Closed | None:
    """The last version of a period; None where it is open."""
    return max((one for one in records if one.period == period), key=lambda one: one.version, default=None)


def changes(old: Closed, new: Closed) -> list[Change]:
    """What became of each figure that differs between two versions, in the order of the newer one."""
    names = dict.fromkeys([name for name, _ in new.figures] + [name for name, _ in old.figures])
    found = [Change(name, old.figure(name), new.figure(name)) for name in names]
    return [one for one in found if one.old != one.new]


def verify(records: Sequence[Closed]) -> None:
    """Look through the chain.

    Raises:
        ContractError: A record was changed, taken out or put in; the message says which.
    """
    before, versions = START, dict[str, int]()
    for at, record in enumerate(records):
        if record.before != before:
            raise ContractError(
                f"record {at} ({record.period}, version {record.version}) does not follow the one before"
            )
        if record.version != versions.get(record.period, 0) + 1:
            raise ContractError(f"record {at} is version {record.version} of {record.period}, out of turn")
        before, versions[record.period] = record.hash, record.version


def _texts(figures: Figures) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in figures.items())


def _head(records: Sequence[Closed]) -> str:
    return records[-1].hash if records else START
