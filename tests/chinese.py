"""Punctuation of Chinese sentences: full width beside Chinese characters, in every text people read.

`python -m tests.chinese` mends the tree; `tests/unit/test_chinese_punctuation.py` holds it. Names,
numbers, units and code inside a sentence stay as they are, and so does what stands between them.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FULL: Final = dict(zip(",;:?!()", "\uff0c\uff1b\uff1a\uff1f\uff01\uff08\uff09", strict=True))
CHINESE: Final = re.compile("[\u3400-\u9fff]")
_BESIDE: Final = re.compile("[\u3400-\u9fff\u3001\u3002\u300a\u300b" + "".join(FULL.values()) + "]")
_OPAQUE: Final = re.compile(r"`[^`]*`|\]\([^)\s]*\)|https?://[^\s)]*|\\.|<[^<>\n]*>|(\{[^{}]*\})")
"""Code, the end of a link, an address, an escape, a tag; last a part that is filled in."""
_CODE_BLOCK: Final = re.compile(r"^```.*?^```|^(?: {4}|\t).*$", re.MULTILINE | re.DOTALL)
_LATIN: Final = re.compile("[A-Za-z]")
_INSIDE: Final = "\x00"
_FILLED: Final = "\x02"
_SEAM: Final = "\x01"
_MEANS: Final = [" ", "="]
"""After a sign that is explained."""
_BLANK: Final = f" \n{_SEAM}"

ROOMS: Final = (
    "accounts", "edge_agent", "ems", "ems_client", "hub", "optimizer", "plant", "protocols", "runtime",
    "simulator",
)  # fmt: skip
"""Python whose strings people read."""
ELSEWHERE: Final = ("hub/migrations",)
PAGES: Final = ("README.zh.md", "docs/*.zh.md")
MESSAGES: Final = ("web/src/i18n/zh.json",)
ALERTS: Final = ("deploy/compose/prometheus/rules.yml",)
LABELS: Final = ("configs/**/*.yaml",)
_LABEL: Final = re.compile(r"""(?<=\bzh: )(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"',}\n][^,}\n]*)""")
"""A text of YAML: in quotes, or as far as it can be in braces."""


def mended(text: str) -> str:
    """A text with full-width punctuation beside Chinese characters; what is right already stays.

    Example:
        >>> mended("\u6709 {n} kW,\u65e0 a, b") == "\u6709 {n} kW\uff0c\u65e0 a, b"
        True
    """
    hidden = _hidden(text)
    signs = list(hidden)
    while changed := _to_change(signs):
        for at in changed:
            signs[at] = FULL[signs[at]]
    out = [new if old != new else was for old, new, was in zip(hidden, signs, text, strict=True)]
    for at, (old, new) in enumerate(zip(hidden, signs, strict=True)):
        if old != new:
            for beside in (at - 1, at + 1):
                if out[beside : beside + 1] == [" "] and out[beside + 1 : beside + 2] != ["|"]:
                    out[beside] = ""
    return "".join(out)


def is_chinese(text: str) -> bool:
    """Whether a text is in Chinese, and not in English with a Chinese name in it."""
    hidden = _hidden(text)
    return 4 * len(CHINESE.findall(hidden)) > len(_LATIN.findall(hidden))


def _hidden(text: str) -> str:
    """A text of the same length in which what stays as it is cannot be read."""
    return _OPAQUE.sub(lambda found: (_FILLED if found.group(1) else _INSIDE) * len(found.group()), text)


def _to_change(signs: list[str]) -> list[int]:
    """Places of half-width signs beside a Chinese one; brackets are changed in pairs."""
    found = [
        at
        for at, sign in enumerate(signs)
        if sign in ",;:?!" and signs[at + 1 : at + 3] != _MEANS and _beside_chinese(signs, at)
    ]
    for first, last in _brackets(signs):
        if _beside_chinese(signs, first) or _beside_chinese(signs, last):
            found += [first, last]
    return found


def _beside_chinese(signs: list[str], at: int) -> bool:
    before, after = _next(signs, at, -1), _next(signs, at, 1)
    if _BESIDE.match(before) or _BESIDE.match(after):
        return True
    if signs[at] == ";" and before == after == _INSIDE:
        return True
    joins = before == _FILLED and after in (_FILLED, "") and signs[at] in ",;?!"
    return joins or (signs[at] == ":" and before == after == _FILLED)


def _next(signs: list[str], at: int, step: int) -> str:
    """The next sign in a direction, beyond a blank or the end of a line."""
    for place in (at + step, at + 2 * step):
        if not 0 <= place < len(signs):
            return ""
        if signs[place] not in _BLANK:
            return signs[place]
    return ""


def _brackets(signs: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of half-width brackets of one paragraph."""
    begun: list[int] = []
    for at, sign in enumerate(signs):
        if sign == "(":
            begun.append(at)
        elif sign == ")" and begun:
            yield begun.pop(), at
        elif sign == "\n" and signs[at - 1] == "\n":
            begun.clear()


def page_mended(text: str) -> str:
    """A page of Markdown; blocks of code stay as they are."""
    parts, at = [], 0
    for block in _CODE_BLOCK.finditer(text):
        parts += [mended(text[at : block.start()]), block.group()]
        at = block.end()
    return "".join([*parts, mended(text[at:])])


def messages_mended(text: str) -> str:
    """The messages of the page, a JSON file: each string of it."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: _message_mended(found.group()), text)


def _message_mended(message: str) -> str:
    return mended(message) if is_chinese(message) else message


def alerts_mended(text: str) -> str:
    """Rules of Prometheus: what they say in Chinese."""
    return re.sub("(?<=_zh: ).*", lambda found: mended(found.group()), text)


def labels_mended(text: str) -> str:
    """A configuration: its texts in Chinese."""
    return _LABEL.sub(lambda found: mended(found.group()), text)


def python_mended(source: str) -> str:
    """A module: its strings, those that follow each other as one."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    edits: list[tuple[int, int, str]] = []
    for run in _strings(source):
        spans = [_inside(source, lines[a[0] - 1] + a[1], lines[b[0] - 1] + b[1]) for a, b in run]
        whole = "".join(source[first:last] for first, last in spans)
        if not is_chinese(whole):
            continue
        edits += _edits(whole, spans)
    for first, last, new in reversed(edits):
        source = source[:first] + new + source[last:]
    return source


_Place = tuple[int, int]


def _strings(source: str) -> Iterator[list[tuple[_Place, _Place]]]:
    tokens = [
        one
        for one in tokenize.generate_tokens(io.StringIO(source).readline)
        if one.type not in (tokenize.NL, tokenize.COMMENT)
    ]
    for kind, run in groupby(tokens, lambda one: one.type):
        if kind == tokenize.STRING:
            yield [(one.start, one.end) for one in run if not one.string.endswith(("'''", '"""'))]


def _inside(source: str, first: int, last: int) -> tuple[int, int]:
    """Where a literal's text stands, without its prefix and quotes."""
    found = re.match(r"[A-Za-z]*('|\")", source[first:last])
    assert found is not None
    return first + found.end(), last - len(found.group(1))


def _edits(whole: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """The texts of literals that follow each other, mended as one, each told by its place."""
    marked, at = [], 0
    for first, last in spans:
        marked.append(whole[at : at + last - first])
        at += last - first
    joined = mended(_SEAM.join(marked)).split(_SEAM)
    for (first, last), new in zip(spans, joined, strict=True):
        yield first, last, new


def files() -> Iterator[tuple[Path, str, str]]:
    """Every file with texts in Chinese: itself, as it is, and as it should be."""
    for path, mend in _found():
        text = path.read_text(encoding="utf-8")
        yield path, text, mend(text) if CHINESE.search(text) else text


def _found() -> Iterator[tuple[Path, Callable[[str], str]]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not str(path.relative_to(ROOT)).startswith(ELSEWHERE):
                yield path, python_mended
    for patterns, mend in (
        (PAGES, page_mended),
        (MESSAGES, messages_mended),
        (ALERTS, alerts_mended),
        (LABELS, labels_mended),
    ):
        for pattern in patterns:
            yield from ((path, mend) for path in sorted(ROOT.glob(pattern)))


def main() -> None:
    """Mend the tree and tell what was changed."""
    for path, was, new in files():
        if new != was:
            path.write_text(new, encoding="utf-8")
            print(path.relative_to(ROOT))  # noqa: T201  what it is for


if __name__ == "__main__":
    main()
