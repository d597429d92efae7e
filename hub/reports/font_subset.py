"""Makes the font of the reports from a large one: `python -m hub.reports.font_subset NotoSansCJK.ttc`.

Kept are GB 2312, Latin letters of Europe, and signs of units. The result is committed: a report looks the
same on every machine, and nothing is fetched when one is made. Characters outside are told (`fonts.missing`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

from hub.reports.fonts import FAMILY, FILE

_SIGNS: Final = "°²³µ·×÷±≤≥≈≠–—…€£¥→←↑↓ΔΩαβγηλµρσφ‰〓■□●○▲△▼▽◆◇★☆✓ⅠⅡ"
_LATIN: Final = ((0x20, 0x7F), (0xA0, 0x180))
_NAMES: Final = {
    1: FAMILY,
    3: f"{FAMILY} Regular",
    4: f"{FAMILY} Regular",
    6: FAMILY.replace(" ", ""),
    16: FAMILY,
}
_FACE: Final = "Noto Sans CJK SC"


def characters() -> set[int]:
    """Code points that are kept.

    Example:
        >>> found = characters()
        >>> ord("电") in found, ord("ü") in found, ord("𠮷") in found
        (True, True, False)
    """
    wanted = {ord(sign) for sign in _SIGNS}
    for first, last in _LATIN:
        wanted |= set(range(first, last))
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            wanted |= {ord(sign) for sign in bytes((row, cell)).decode("gb2312", "ignore")}
    return wanted


def make(source: Path, to: Path) -> None:
    """Write the subset of a font, or of the Chinese face of a collection, under a name of its own."""
    font = _face(source)
    options = subset.Options(layout_features=["kern", "liga"], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14, 16])
    options.hinting, options.desubroutinize, options.notdef_outline = False, False, True
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters())
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in _NAMES:
            record.string = _NAMES[record.nameID]
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [_NAMES[6]]
        cff.topDictIndex[0].FamilyName, cff.topDictIndex[0].FullName = FAMILY, f"{FAMILY} Regular"
    font.save(to)


def _face(source: Path) -> TTFont:
    if source.suffix != ".ttc":
        return TTFont(source)
    for font in TTCollection(source).fonts:
        if font["name"].getDebugName(1) == _FACE:
            return font
    sys.exit(f"{source} has no face {_FACE!r}")


if __name__ == "__main__":
    make(Path(sys.argv[1]), FILE)
