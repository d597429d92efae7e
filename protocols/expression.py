"""Safe expressions over points: read, units checked, evaluated on whole arrays. Nothing is ever executed.

    (comp1.power_kw + comp2.power_kw) / (comp1.flow_m3_min + comp2.flow_m3_min)
    if(chiller1.power_kw > 5 kW, cop(chiller1.cooling_kw, chiller1.power_kw), 0)
    meter_main.power_kw - sum(meter_air.power_kw, meter_cooling.power_kw)

Names are `device.point` of the site. A number may carry a unit of the table (`5 kW`, `7 bar(g)`, `m3` for
`m³`); a bare number is a plain one, and a bare 0 is nothing of anything. Operators are `+ - * /`,
comparisons, `and or not`; what else there is stands in `protocols/expression_table.py`. The result is NaN
wherever an input is NaN and wherever the mathematics has no answer (a division by zero): never an infinity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.dimension import PLAIN, Kind, Meaning, factor, meaning
from protocols.errors import ConfigError
from protocols.expression_table import TABLE
from protocols.units import UNITS

FloatArray = NDArray[np.float64]

MOST_CHARACTERS: Final = 2000
MOST_POINTS: Final = 64
_MOST_NESTED: Final = 40

_NUMBER: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?")
_OPERATOR: Final = re.compile(r"<=|>=|==|!=|[-+*/(),<>]")
_SYMBOLS: Final = sorted((symbol for symbol in UNITS if symbol != "1" and symbol), key=len, reverse=True)
_SPELT: Final = {symbol.replace("³", "3").replace("²", "2"): symbol for symbol in _SYMBOLS}
_SPELLINGS: Final = sorted({*_SYMBOLS, *_SPELT}, key=len, reverse=True)
_UNIT: Final = re.compile(rf"[ ]*({'|'.join(map(re.escape, _SPELLINGS))})(?![A-Za-z0-9_])")
_BINARY: Final = ({"or"}, {"and"}, {"<", "<=", ">", ">=", "==", "!="}, {"+", "-"}, {"*", "/"})
_COMPARING: Final = 2
_SIGNS: Final = frozenset({"negative", "not", "and", "or"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the text; `at` is its place, counted from 0."""

    value: float
    unit: str
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A point in the text, `device/point`."""

    point: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function with what it is applied to."""

    function: str
    parts: tuple[Node, ...]
    at: int


Node = Number | Name | Call


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read.

    Attributes:
        text: As a person wrote it.
        root: What was understood.
        points: `device/point` of its inputs, each once, in the order of the text.
    """

    text: str
    root: Node
    points: tuple[str, ...]

    def faults(self, units: Mapping[str, str], target: str) -> list[str]:
        """Everything that keeps it from giving a value in the unit `target`; empty when nothing does.

        Args:
            units: Unit of each point of the site, by `device/point`.
            target: Symbol of the wanted unit.
        """
        found: list[str] = []
        result = _meaning(self.root, units, found)
        if result is None:
            return found
        wanted = meaning(target)
        same = (result.dimension, result.kind) == (wanted.dimension, wanted.kind)
        if not same and not (result.zero and wanted.kind is Kind.AMOUNT):
            found.append(
                f"the expression gives {result.text} ({result.kind}), the point has the unit {wanted.text} "
                f"({wanted.kind}); give the point that unit or convert in the expression"
            )
        return found

    def truth_faults(self, units: Mapping[str, str]) -> list[str]:
        """Everything that keeps it from being a comparison that is true or not; empty when nothing does.

        One without faults is evaluated in the unit `1`: 1 is true, 0 is false.
        """
        found: list[str] = []
        result = _meaning(self.root, units, found)
        if result is not None and result.kind is not Kind.TRUTH:
            found.append(f"it gives {result.text}, no comparison; write one such as a.power_kw > 5 kW")
        return found

    def evaluate(self, inputs: Mapping[str, FloatArray], units: Mapping[str, str], target: str) -> FloatArray:
        """Values in the unit `target`; NaN where an input is NaN or the mathematics has no answer.

        Args:
            inputs: Values of each of `points` in its own unit, all of shape (n,).
            units: Unit of each point.
            target: Symbol of the wanted unit; `faults` must have found nothing.
        """
        base: dict[str, FloatArray] = {}
        for point in self.points:
            scale, offset = factor(units[point])
            base[point] = inputs[point] * scale + offset
        with np.errstate(all="ignore"):
            scale, offset = factor(target)
            result = (_run(self.root, base) - offset) / scale
        usable = np.isfinite(result)
        for values in base.values():
            usable = usable & np.isfinite(values)
        return np.where(usable, result, np.nan)


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ConfigError: It is none; the message has the place and what was expected.

    Example:
        >>> parse("a.power_kw / (b.flow_m3_min + 2 m3/min)").points
        ('a/power_kw', 'b/flow_m3_min')
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"{len(text)} characters; an expression has at most {MOST_CHARACTERS}")
    reader = _Reader(text)
    root = reader.read(0)
    if reader.next.text:
        raise reader.fault("an operator such as + - * / or the end")
    points = tuple(dict.fromkeys(names(root)))
    if len(points) > MOST_POINTS:
        raise ConfigError(f"{len(points)} points; an expression has at most {MOST_POINTS}, split it")
    return Expression(text, root, points)


def names(node: Node) -> Iterator[str]:
    """Points of a part, in the order of the text."""
    if isinstance(node, Name):
        yield node.point
    elif isinstance(node, Call):
        for part in node.parts:
            yield from names(part)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    unit: str = ""


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        kind, found = _matched(text, at)
        at = found.end()
        unit = _UNIT.match(text, at) if kind == "number" else None
        if unit:
            at = unit.end()
        yield _Token(kind, found[0], found.start(), "" if unit is None else _SPELT.get(unit[1], unit[1]))
    yield _Token("end", "", len(text))


def _matched(text: str, at: int) -> tuple[str, re.Match[str]]:
    for kind, pattern in (("number", _NUMBER), ("name", _NAME), ("operator", _OPERATOR)):
        found = pattern.match(text, at)
        if found:
            return kind, found
    raise ConfigError(
        f"at character {at + 1}: {text[at]!r} means nothing here; points are device.point in small letters, "
        "a unit stands after its number"
    )


class _Reader:
    """Reads by precedence; refuses what nests too deep, so that no text exhausts the stack."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rest = _tokens(text)
        self._depth = 0
        self.next = next(self._rest)

    def read(self, level: int) -> Node:
        """Read operators of this precedence and the tighter ones."""
        if level == len(_BINARY):
            return self._nested(self._unary)
        if level == _COMPARING and self.next.text == "not":
            at = self._take().at
            return Call("not", (self._nested(lambda: self.read(level)),), at)
        node = self.read(level + 1)
        while self.next.text in _BINARY[level]:
            token = self._take()
            node = Call(token.text, (node, self.read(level + 1)), token.at)
            if level == _COMPARING and self.next.text in _BINARY[level]:
                raise self.fault("`and` between two comparisons")
        return node

    def fault(self, expected: str) -> ConfigError:
        """What to say about the next word."""
        found = f"{self.next.text!r}" if self.next.text else "the end"
        return ConfigError(f"at character {self.next.at + 1}: found {found}, expected {expected}")

    def _take(self) -> _Token:
        token = self.next
        self.next = next(self._rest, token)
        return token

    def _nested(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise ConfigError(f"at character {self.next.at + 1}: nested deeper than {_MOST_NESTED}")
        node = read()
        self._depth -= 1
        return node

    def _unary(self) -> Node:
        if self.next.text == "-":
            return self._negative(self._take())
        if self.next.text == "(":
            self._take()
            node = self.read(0)
            self._expect(")")
            return node
        if self.next.kind == "number":
            token = self._take()
            return Number(float(token.text), token.unit, token.at)
        if self.next.kind != "name" or self.next.text in {"and", "or", "not"}:
            raise self.fault("a point, a number or a bracket")
        return self._named(self._take())

    def _negative(self, sign: _Token) -> Node:
        if self.next.kind == "number":
            token = self._take()
            return Number(-float(token.text), token.unit, sign.at)
        return Call("negative", (self._nested(self._unary),), sign.at)

    def _named(self, token: _Token) -> Node:
        if self.next.text == "(":
            return self._call(token)
        device, dot, point = token.text.partition(".")
        if not dot:
            raise ConfigError(f"at character {token.at + 1}: {token.text!r} is no point; write device.point")
        return Name(f"{device}/{point}", token.at)

    def _call(self, token: _Token) -> Node:
        if token.text not in TABLE or token.text in _SIGNS:
            known = ", ".join(name for name in TABLE if name.isidentifier() and name not in _SIGNS)
            raise ConfigError(f"at character {token.at + 1}: no function {token.text!r}; there are: {known}")
        self._take()
        parts = [self.read(0)]
        while self.next.text == ",":
            self._take()
            parts.append(self.read(0))
        self._expect(")")
        low, high = TABLE[token.text].arity
        if not low <= len(parts) <= high:
            many = str(low) if low == high else f"{low} to {high}"
            raise ConfigError(
                f"at character {token.at + 1}: {token.text} takes {many} values, found {len(parts)}"
            )
        return Call(token.text, tuple(parts), token.at)

    def _expect(self, text: str) -> None:
        if self.next.text != text:
            raise self.fault(f"{text!r}")
        self._take()


def _meaning(node: Node, units: Mapping[str, str], found: list[str]) -> Meaning | None:
    """What a part measures; None where that cannot be said, which was noted."""
    if isinstance(node, Number):
        return meaning(node.unit) if node.unit else replace(PLAIN, zero=node.value == 0.0)
    result = _of_name(node, units) if isinstance(node, Name) else _of_call(node, units, found)
    if isinstance(result, str):
        found.append(f"at character {node.at + 1}: {result}")
        return None
    return result


def _of_name(node: Name, units: Mapping[str, str]) -> Meaning | str:
    return meaning(units[node.point]) if node.point in units else _unknown(node.point, units)


def _of_call(node: Call, units: Mapping[str, str], found: list[str]) -> Meaning | str | None:
    parts = [_meaning(part, units, found) for part in node.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    result = TABLE[node.function].rule(known)
    if isinstance(result, Meaning):
        return result
    said = ", ".join(f"{_said(part)} [{m.text}]" for part, m in zip(node.parts, known, strict=True))
    return f"{result}; found {said}"


def _unknown(point: str, units: Mapping[str, str]) -> str:
    device = point.partition("/")[0]
    same = sorted(name.partition("/")[2] for name in units if name.startswith(f"{device}/"))
    known = f"{device} has {', '.join(same)}" if same else f"there is no device {device!r} on this site"
    return f"there is no point {point.replace('/', '.')!r}; {known}"


def _said(node: Node) -> str:
    """A part in the words of the text."""
    if isinstance(node, Name):
        return node.point.replace("/", ".")
    if isinstance(node, Number):
        return f"{node.value:g} {node.unit}".strip()
    if len(node.parts) == 2 and not node.function.isidentifier():  # noqa: PLR2004  an operator with two sides
        return f"({_said(node.parts[0])} {node.function} {_said(node.parts[1])})"
    return f"{node.function}(…)"


def _run(node: Node, inputs: Mapping[str, FloatArray]) -> FloatArray:
    """Values of a part in base units."""
    if isinstance(node, Number):
        scale, offset = factor(node.unit)
        return np.asarray(node.value * scale + offset)
    if isinstance(node, Name):
        return inputs[node.point]
    return TABLE[node.function].run(*(_run(part, inputs) for part in node.parts))
