"""What is wrong with files of a configuration, in both languages; whoever checks a file says it in English.

A fault is one English sentence, on the command line, in an edge's report and in the log. Here it is read
back by the phrase it was said with, part by part, for the reader's language (ADR 0060).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from string import Formatter
from typing import Final

from hub.api.file_words.accounts import OF_ACCOUNTS
from hub.api.file_words.control import OF_CONTROL
from hub.api.file_words.devices import OF_DEVICES
from hub.api.file_words.edges import OF_EDGES
from hub.api.file_words.expressions import OF_EXPRESSIONS
from hub.api.file_words.form import OF_FORM
from hub.api.file_words.kinds import KINDS
from hub.api.file_words.parts import PARTS
from hub.api.file_words.plant import OF_PLANT
from hub.api.file_words.site import OF_SITE
from protocols.config import Text
from protocols.phrases import Phrase

SENTENCES: Final = (
    *OF_FORM, *KINDS.values(), *OF_EDGES, *OF_DEVICES, *OF_CONTROL, *OF_EXPRESSIONS, *OF_PLANT, *OF_SITE,
    *OF_ACCOUNTS,
)  # fmt: skip
"""All that is known."""

PLACE: Final = re.compile(
    r"(?P<file>[^:\s]+\.(?:yaml|yml|csv)):(?: row )?(?P<line>\d+): "
    r"(?:(?:the whole file|(?P<field>[\w.]+)): )?(?P<text>.*)",
    re.DOTALL,
)
"""A complaint: file, line or row of a table, field, and what is wrong."""

_MARKED: Final = "（英文说明）{en}"
_MOST_CHARACTERS: Final = 2000
_MOST_JOINTS: Final = 20
_KEPT: Final = 4096
_FOUND: Final = "; found "
_JOINT: Final = "; "
_ITEM: Final = "- "
_HEAD: Final = 3
"""Letters by which phrases are sought. [-]"""


def fault_text(en: str) -> Text:
    """A fault in both languages; one that no phrase knows is marked as English."""
    return Text(en=en, zh=_whole(en) or _MARKED.format(en=en))


def lines_text(en: str) -> Text:
    """Complaints of one edge, one a line, in both languages; their places stay."""
    return Text(en=en, zh="\n".join(map(_complaint, en.splitlines())))


def _complaint(line: str) -> str:
    found = PLACE.fullmatch(line)
    if found is None:
        return fault_text(line).zh
    return line.removesuffix(found["text"]) + fault_text(found["text"]).zh


def _own(phrase: Phrase) -> int:
    """Letters that a phrase says by itself, without its parts: the more, the surer it is meant."""
    return sum(len(literal) for literal, _, _, _ in Formatter().parse(phrase.en))


def _by_head(phrases: Sequence[Phrase]) -> dict[str, tuple[Phrase, ...]]:
    """Phrases that may fit a text, the surest first, by its first letters; under the empty text any other."""
    told = {phrase.en.partition("{")[0][:_HEAD] for phrase in phrases}
    return {
        head: tuple(
            sorted(
                (one for one in phrases if head.startswith(one.en.partition("{")[0][:_HEAD])),
                key=_own,
                reverse=True,
            )
        )
        for head in (*told, "")
    }


_SENTENCES: Final = _by_head(SENTENCES)
_PARTS: Final = _by_head(PARTS)


@lru_cache(_KEPT)
def _whole(said: str) -> str | None:
    """A fault in Chinese: one sentence, several, or one with what was found; None where it is unknown."""
    if len(said) > _MOST_CHARACTERS:
        return None
    if said.startswith(_ITEM):
        inner = _whole(said.removeprefix(_ITEM))
        return None if inner is None else _ITEM + inner
    return next(chain(_with_found(said), _several(said), _fitting(said, _SENTENCES)), None)


def _with_found(said: str) -> Iterator[str]:
    """`sentence; found what`: what stood in the file comes behind the sentence."""
    head, found, tail = said.rpartition(_FOUND)
    told = _whole(head) if found else None
    if told is not None:
        yield f"{told}；现为 {_part(tail)}"


def _several(said: str) -> Iterator[str]:
    """Sentences that were put together; each may hold the sign between them itself."""
    at = said.find(_JOINT) if said.count(_JOINT) <= _MOST_JOINTS else -1
    while at >= 0:
        first = next(_fitting(said[:at], _SENTENCES), None)
        rest = _whole(said[at + len(_JOINT) :]) if first is not None else None
        if rest is not None:
            yield f"{first}；{rest}"
        at = said.find(_JOINT, at + 1)


def _fitting(said: str, known: dict[str, tuple[Phrase, ...]]) -> Iterator[str]:
    heads = (said[:size] for size in range(_HEAD, -1, -1))
    for phrase in known[next(head for head in heads if head in known)]:
        parts = phrase.parts(said)
        if parts is not None:
            yield phrase.zh.format(**{name: _part(part) for name, part in parts.items()})


def _part(said: str) -> str:
    """A part of a sentence: words in Chinese, a name or number as it came."""
    known = _whole(said) or next(_fitting(said, _PARTS), None)
    return known or said.replace("' or '", "'、'").replace("', '", "'、'")
