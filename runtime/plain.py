"""Words of people on a terminal: what would begin a line, move the cursor or turn the direction is shown."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""The text with each character that cannot be seen written as an escape.

    Example:
        >>> one_line("leak\n  7  admin  stop  \x1b[2J")
        'leak\\n  7  admin  stop  \\x1b[2J'
        >>> one_line("更换机油")
        '更换机油'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
