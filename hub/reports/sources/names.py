"""What people call meters, areas, devices and carriers, in the language of a report."""

from __future__ import annotations

from typing import Final

from hub.accounts.book import AccountMeter
from hub.accounts.notes import Note
from hub.accounts.words import carrier_text, residual_text
from hub.reports.around import Around
from hub.reports.sources.ledger import Ledger
from protocols.config import Text

_NOWHERE: Final = Text(en="not assigned", zh="未分配")
_STATES: Final = {
    "met": Text(en="met", zh="达成"),
    "at_risk": Text(en="at risk", zh="有风险"),
    "missed": Text(en="missed", zh="未达成"),
    "unknown": Text(en="not known", zh="未知"),
}


_BECAUSE: Final = Text(en="{0} ({1}).", zh="{0}（{1}）。")


def note_text(around: Around, note: Note) -> str:
    """What could not be said, and why."""
    text = around.say(note.text)
    if note.detail is None:
        return text
    return around.say(_BECAUSE).format(text.rstrip(".。"), around.say(note.detail))


def carrier_name(around: Around, carrier: str) -> str:
    """What people call a carrier: as the book names its media; else by the one table of names."""
    accounts = around.view.accounts
    media = {} if accounts is None else {one.id: one.label for one in accounts.book.media}
    return around.say(media.get(carrier) or carrier_text(carrier))


def meter_name(around: Around, ledger: Ledger, meter: AccountMeter) -> str:
    """What people call a meter: as the book does; else the device it alone is read from; else its id."""
    if meter.label is not None:
        return around.say(meter.label)
    device = (meter.point or "").partition("/")[0]
    known = around.view.registry.devices.get(device)
    others = [one for one in ledger.site.book.meters if (one.point or "").partition("/")[0] == device]
    return around.say(known.device.label) if known is not None and len(others) == 1 else meter.id


def key_name(around: Around, ledger: Ledger, dimension: str, key: str) -> str:
    """What people call a place in a dimension."""
    if not key:
        return around.say(_NOWHERE)
    found = _labels(around, ledger, dimension).get(key)
    if found is None:
        return carrier_name(around, key) if dimension == "carrier" else key
    return found


def _residual(around: Around, name: str) -> str:
    return around.say(residual_text(Text(en=name, zh=name)))


def _labels(around: Around, ledger: Ledger, dimension: str) -> dict[str, str]:
    places, devices = around.view.places, around.view.registry.devices
    texts: dict[str, Text] = {}
    if dimension == "state":
        texts = dict(_STATES)
    elif dimension == "area":
        texts = {name: one.label for name, one in places.areas.by_id.items()}
    elif dimension == "device":
        texts = {name: one.device.label for name, one in devices.items()}
    elif dimension == "product":
        texts = {one.id: one.label for one in ledger.site.book.products}
    elif dimension == "shift":
        texts = {one.id: one.label for one in ledger.site.calendar.file.shifts}
    elif dimension == "meter":
        meters = ledger.site.book.meters
        above = {one.below for one in meters}
        names = {one.id: meter_name(around, ledger, one) for one in meters}
        return {key: _residual(around, name) if key in above else name for key, name in names.items()}
    return {name: around.say(text) for name, text in texts.items()}
