"""All faults of a document at once: what was found, what is allowed, and the faults behind the first ones.

A model stops checking a part as soon as something in it is wrong, so a second fault would only be seen in the
next run. Here a wrong part is taken out and the rest is checked again, until nothing new turns up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from protocols.config import ONCE, Config, twice

Loc = tuple[int | str, ...]
_Schema = Mapping[str, object]

_ROUNDS: Final = 8
_LONGEST: Final = 60
_QUOTED: Final = re.compile(r"'([^']*)'")
_OWN_WORDS: Final = ("value_error", "assertion_error", "union_tag_invalid")
"""Errors whose sentence says already what was found."""


_MADE: Final = frozenset({"controller"})
"""Kinds that the program makes itself; a person who writes a file is not offered them."""


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        loc: Where, as keys and positions of the document as written; empty for the document as a whole.
        text: What was found and what is allowed.
    """

    loc: Loc
    text: str


def faults_of(model: type[Config], data: object) -> list[Fault]:
    """Everything that keeps `data` from being a `model`, each once; empty when it is one."""
    search = _Search(model, data)
    for _ in range(_ROUNDS):
        if not search.look():
            break
    search.look_for_twins()
    return list(search.found)


class _Search:
    def __init__(self, model: type[Config], data: object) -> None:
        self.found: dict[Fault, None] = {}
        self._model = model
        self._data = data
        self._out: set[Loc] = set()
        self._filled: dict[Loc, object] = {}
        self._kept: dict[Loc, list[int]] = {}
        self._value: object = None
        self._schema: _Schema = {}

    def look(self) -> bool:
        """Check once; whether a further look may find more."""
        self._kept = {}
        self._value = self._rest(self._data, ())
        try:
            self._model.model_validate(self._value)
        except ValidationError as error:
            self._schema = self._schema or self._model.model_json_schema()
            faults = error.errors()
            if any(not fault["loc"] for fault in faults) and self._take_out_whole_items():
                return True
            changed = [self._take(fault) for fault in faults]  # every one of them, not up to the first
            return any(changed)
        return False

    def look_for_twins(self) -> None:
        """Name items that share what each has once, also where other faults took all of them out."""
        if not self.found or not isinstance(self._data, Mapping):
            return
        for field, items in self._data.items():
            mark = _schema_at(self._schema, (str(field),)).get(ONCE)
            if isinstance(mark, Mapping) and isinstance(items, list):
                for number, name in _later_twins(items, str(mark["key"])):
                    self.found.setdefault(Fault((str(field), number), twice(str(mark["what"]), name)))

    def _take_out_whole_items(self) -> bool:
        """Before the whole is judged, take out items of lists that are there only in part.

        What stands in for a wrong field is its default, and a default may clash with another item.
        """
        items = {out[: _deepest_item(out)] for out in self._out if _deepest_item(out)} - self._out
        self._out |= items
        return bool(items)

    def _rest(self, node: object, at: Loc) -> object:
        """The document without what was taken out."""
        if isinstance(node, Mapping):
            kept = {
                key: self._rest(part, (*at, key)) for key, part in node.items() if (*at, key) not in self._out
            }
            added = {loc[-1]: value for loc, value in self._filled.items() if loc[:-1] == at}
            return kept | added
        if isinstance(node, list):
            self._kept[at] = [number for number in range(len(node)) if (*at, number) not in self._out]
            return [self._rest(node[number], (*at, number)) for number in self._kept[at]]
        return node

    def _take(self, fault: ErrorDetails) -> bool:
        loc, kind = self._as_written(fault), fault["type"]
        ours = (
            (kind == "missing" and loc in self._out)
            or (kind == "too_short" and self._thinned(loc))
            or loc in self._filled
        )
        if not ours:
            for text in self._sentences(fault, loc):
                self.found.setdefault(Fault(loc or _named(self._data, text), text))
        return self._take_out(loc, loc[:-1] if kind == "missing" else loc)

    def _take_out(self, loc: Loc, part: Loc) -> bool:
        if part:
            fresh = part not in self._out
            self._out.add(part)
            return fresh
        if loc in self._filled or len(loc) != 1:
            return False
        filler = _filler(self._schema, _schema_at(self._schema, loc))
        if filler is None:
            return False
        self._out.discard(loc)
        self._filled[loc] = filler
        return True

    def _as_written(self, fault: ErrorDetails) -> Loc:
        """Place of an error in the document as written: without union tags, with the items taken out."""
        node, at = self._value, ()  # type: object, Loc
        for number, part in enumerate(fault["loc"]):
            if isinstance(node, Mapping) and part in node:
                node, at = node[part], (*at, part)
            elif isinstance(node, list) and isinstance(part, int) and part < len(node):
                node, at = node[part], (*at, self._kept[at][part])
            elif fault["type"] == "missing" and number == len(fault["loc"]) - 1:
                at = (*at, part)
        return at

    def _thinned(self, loc: Loc) -> bool:
        return any(out[: len(loc)] == loc for out in self._out)

    def _sentences(self, fault: ErrorDetails, loc: Loc) -> Iterator[str]:
        """Sentences of an error; those about something that was taken out may be wrong and are left out."""
        if fault["type"] != "value_error":
            yield self._sentence(fault)
            return
        away = set() if loc else {_name(_at(self._data, out)) for out in self._out}
        for text in _each(_plain(fault)):
            if not away.intersection(_QUOTED.findall(text)):
                yield text

    def _sentence(self, fault: ErrorDetails) -> str:
        kind, loc = fault["type"], fault["loc"]
        if kind == "missing":
            return "is missing"
        if kind == "extra_forbidden":
            return _unknown_field(str(loc[-1]), _fields(self._schema, loc[:-1]))
        if kind == "union_tag_not_found":
            return f"{_plain(fault)}; allowed: {_tags(_schema_at(self._schema, loc))}"
        text = _plain(fault)
        return text if kind in _OWN_WORDS else f"{text}; found {_shown(fault['input'])}"


def _later_twins(items: list[object], key: str) -> Iterator[tuple[int, str]]:
    """Position of the last of each set of twins, and the name they share."""
    last: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        if isinstance(item, Mapping) and isinstance(item.get(key), str):
            last.setdefault(item[key], []).append(number)
    yield from ((numbers[-1], name) for name, numbers in last.items() if len(numbers) > 1)


def _deepest_item(loc: Loc) -> int:
    """Length of the part of a place that ends at its innermost position in a list; 0 when it has none."""
    return max((number + 1 for number, part in enumerate(loc) if isinstance(part, int)), default=0)


def _plain(fault: ErrorDetails) -> str:
    return fault["msg"].removeprefix("Value error, ")


def _each(text: str) -> list[str]:
    r"""Sentences of an error that tells several, one a line or as a list below a heading.

    Example:
        >>> _each("a has no b; give one"), _each("two mistakes:\n- one\n- the other")
        (['a has no b; give one'], ['one', 'the other'])
    """
    _, *items = text.split("\n- ")
    return items or text.splitlines()


def _shown(found: object) -> str:
    if isinstance(found, Mapping):
        return "a mapping"
    if isinstance(found, list | tuple):
        return f"a list of {len(found)}"
    text = repr(found)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _unknown_field(name: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(name, allowed, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown field; allowed: {', '.join(allowed)}{hint}"


def _at(node: object, loc: Loc) -> object:
    for part in loc:
        node = node[part] if isinstance(node, Mapping | list) else None  # type: ignore[index]  # int or key
    return node


def _name(node: object) -> str:
    """What an item of a list is called by the others."""
    named = node.get("name", node.get("id")) if isinstance(node, Mapping) else None
    return str(named)


def _named(data: object, text: str) -> Loc:
    """Place of the list item that a sentence about the whole names last; empty when it names none."""
    lists = data.items() if isinstance(data, Mapping) else ()
    items = {
        _name(item): (str(key), number)
        for key, value in lists
        if isinstance(value, list)
        for number, item in enumerate(value)
    }
    places = [items[name] for name in _QUOTED.findall(text) if name in items]
    return places[-1] if places else ()


def _resolve(root: _Schema, node: object) -> _Schema:
    while isinstance(node, Mapping) and "$ref" in node:
        node = root["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]]  # type: ignore[index]  # a JSON schema
    return node if isinstance(node, Mapping) else {}


def _schema_at(root: _Schema, loc: Loc) -> _Schema:
    node = root
    for part in loc:
        node = _resolve(root, _step(root, node, part))
    return node


def _step(root: _Schema, node: _Schema, part: int | str) -> object:
    if isinstance(part, int):
        return node.get("items")
    for key in ("discriminator", "properties"):
        inner = node.get(key)
        below = inner.get("mapping", inner) if isinstance(inner, Mapping) else {}
        if isinstance(below, Mapping) and part in below:
            return {"$ref": below[part]} if key == "discriminator" else below[part]
    options = node.get("anyOf", ())
    for option in options if isinstance(options, list) else ():
        found = _step(root, _resolve(root, option), part)
        if found is not None:
            return found
    return node.get("additionalProperties")


def _fields(root: _Schema, loc: Loc) -> list[str]:
    node = _schema_at(root, loc)
    options = node.get("anyOf", ())  # a part that may be left out is one of itself and null
    parts = [node, *(_resolve(root, one) for one in (options if isinstance(options, list) else ()))]
    found = [part["properties"] for part in parts if isinstance(part.get("properties"), Mapping)]
    return [str(name) for properties in found if isinstance(properties, Mapping) for name in properties]


def _tags(node: _Schema) -> str:
    discriminator = node.get("discriminator")
    mapping = discriminator.get("mapping", {}) if isinstance(discriminator, Mapping) else {}
    return ", ".join(tag for tag in mapping if tag not in _MADE)


def _filler(root: _Schema, node: _Schema) -> object:
    """Stands in for a text of the top level, so that the rest can be checked; None where nothing can."""
    if node.get("type") == "string" and not {"enum", "const"} & node.keys():
        return "x"
    fields = node.get("properties")
    if not isinstance(fields, Mapping):
        return None
    inner = {key: _filler(root, _resolve(root, part)) for key, part in fields.items()}
    return None if None in inner.values() else inner
