"""A message of the bus becomes a row for the store; what cannot be read is kept apart and covered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from hub.store.port import Received
from protocols.clock_note import decode_clock_note, is_clock_note
from protocols.configuration import decode_configuration_report, is_configuration_report
from protocols.frame import Bundle, Catalogue, Frame, decode_bundle
from protocols.gap import decode_gap, is_gap
from protocols.subjects import as_sent, message_id
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)
_MOST: Final = 2**62


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came from, by its subject (the bus checked it) and its id."""

    kind: str
    edge: str
    journal: str
    seq: int

    @property
    def source(self) -> tuple[str, str, int]:
        """Edge, journal and seq: the key of the row."""
        return self.edge, self.journal, self.seq


def origin_of(subject: str, ident: str | None) -> Origin | None:
    """Read `tel.<edge>.<journal>`, as sent or as kept, and `<journal>:<seq>`; None when they do not fit.

    Example:
        >>> origin_of("tel.edge1.ab", "ab:7")
        Origin(kind='tel', edge='edge1', journal='ab', seq=7)
        >>> origin_of("tel.edge1.ab", "cd:7") is None
        True
    """
    kind, _, rest = as_sent(subject).partition(".")
    edge, _, journal = rest.partition(".")
    digits = (ident or "").rpartition(":")[2]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):  # noqa: PLR2004  digits of 2**62
        return None
    seq = int(digits)
    if ident != message_id(journal, seq):
        return None
    return Origin(kind, edge, journal, seq)


def row_of(origin: Origin, data: bytes) -> Received:
    """Decode one message; a bundle that lies about its origin or cannot be read is a rejected row."""
    if origin.kind == "rcpt":
        return _of_receipts(origin, data)
    bundle = guarded_decode(decode_bundle, data, "bundle")
    if bundle is None or not _honest(bundle, origin):
        return rejected(origin, data)
    return Received(*origin.source, frames=bundle.frames)


def _of_receipts(origin: Origin, data: bytes) -> Received:
    for is_one, read in ((is_clock_note, _note), (is_configuration_report, _configured), (is_gap, _gap)):
        if is_one(data):
            return read(origin, data)
    return Received(*origin.source, receipt=data)


def rejected(origin: Origin, data: bytes) -> Received:
    """A row nobody can use; its bytes stay for a person."""
    return Received(*origin.source, rejected=data)


def fits(frame: Frame, catalogue: Catalogue) -> bool:
    """Whether every sample of the frame has its point."""
    count = len(catalogue.points)
    if frame.indices is None:
        return len(frame.values) == count
    return len(frame.indices) == 0 or int(frame.indices.max()) < count


def _note(origin: Origin, data: bytes) -> Received:
    note = guarded_decode(decode_clock_note, data, "clock note")
    if note is None or note.edge != origin.edge:
        return rejected(origin, data)
    return Received(*origin.source, note=note)


def _configured(origin: Origin, data: bytes) -> Received:
    report = guarded_decode(decode_configuration_report, data, "configuration report")
    if report is None or report.edge != origin.edge:
        return rejected(origin, data)
    return Received(*origin.source, configured=data)


def _gap(origin: Origin, data: bytes) -> Received:
    gap = guarded_decode(decode_gap, data, "gap record")
    if gap is None or gap.edge != origin.edge:
        return rejected(origin, data)
    _log.warning(
        "edge %s gave up %d rows with %d samples for want of %s, seq %d to %d of journal %s",
        gap.edge, gap.rows, gap.samples, gap.why, gap.first, gap.last, gap.journal,
    )  # fmt: skip
    return Received(*origin.source, gap=data)


def _honest(bundle: Bundle, origin: Origin) -> bool:
    same = (bundle.edge, bundle.journal, bundle.seq) == (origin.edge, origin.journal, origin.seq)
    return same and all(0 < frame.at.wall_ns < _MOST for frame in bundle.frames)
