"""Sentences with parts, in both languages: said and kept in English, read back into Chinese where shown.

A finding travels and is kept as one English sentence, by boxes of any version. Whoever shows it in Chinese
looks for the phrase it was said with; a sentence of no known phrase is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from string import Formatter
from typing import Final

from protocols.config import Text

_MOST_CHARACTERS: Final = 1000
"""What is longer was said by nobody here."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence; parts stand as `{name}`, the same in both languages, each once.

    Example:
        >>> silent = Phrase("nothing heard for {seconds} s", "已 {seconds} 秒无消息")
        >>> in_chinese(silent.say(seconds=12), [silent])
        '已 12 秒无消息'
    """

    en: str
    zh: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pieces = [
            re.escape(literal) + (f"(?P<{name}>.*?)" if name else "")
            for literal, name, _, _ in Formatter().parse(self.en)
        ]
        object.__setattr__(self, "_pattern", re.compile("".join(pieces), re.DOTALL))

    def say(self, **parts: object) -> str:
        """The sentence in English."""
        return self.en.format(**parts)

    def parts(self, said: str) -> dict[str, str] | None:
        """The parts of a sentence; None where it is another one."""
        found = self._pattern.fullmatch(said)
        return None if found is None else found.groupdict()


def in_chinese(said: str, phrases: Iterable[Phrase]) -> str:
    """The same in Chinese where it was said with one of these phrases; else as it came.

    A part may be a sentence itself; it is shorter than the whole, so this ends.
    """
    known = tuple(phrases)
    for phrase in known if len(said) <= _MOST_CHARACTERS else ():
        parts = phrase.parts(said)
        if parts is not None:
            return phrase.zh.format(**{name: in_chinese(part, known) for name, part in parts.items()})
    return said


def both(said: str, phrases: Iterable[Phrase]) -> Text:
    """A sentence in both languages, for an answer."""
    return Text(en=said, zh=in_chinese(said, phrases))


def called(said: str, phrases: Iterable[Phrase], name_of: Callable[[str, str], Text | None]) -> Text:
    """The same, with machines and points in it called what people call them.

    Args:
        said: The English sentence.
        phrases: Those it may have been said with.
        name_of: What people call a part, by its name in the phrase and by what stands there; None: it stays,
            or is a sentence itself.

    Example:
        >>> stopped = Phrase("{name} has stopped", "{name} 已停机")
        >>> called("c1 has stopped", [stopped], lambda _, ident: Text(en=ident.upper(), zh="一号机")).zh
        '一号机 已停机'
    """
    known = tuple(phrases)
    for phrase in known if len(said) <= _MOST_CHARACTERS else ():
        parts = phrase.parts(said)
        if parts is not None:
            texts = {
                name: name_of(name, part) or called(part, known, name_of) for name, part in parts.items()
            }
            return Text(
                en=phrase.en.format(**{name: text.en for name, text in texts.items()}),
                zh=phrase.zh.format(**{name: text.zh for name, text in texts.items()}),
            )
    return Text(en=said, zh=said)
