"""Every fault of a configuration's file is told in Chinese too: the tables against the code that says it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any, Final

import pytest
from pydantic import BaseModel
from pydantic_core import _pydantic_core

from ems.reference_fields import ROOTS
from hub.api.config_desk import fault_of
from hub.api.deep_refusals import told as refusal
from hub.api.file_words import SENTENCES, fault_text, lines_text
from hub.api.file_words.kinds import KINDS
from hub.api.file_words.parts import PARTS
from protocols.config import ONCE, twice
from protocols.device import EdgeDevices
from runtime.yaml_faults import faults_of

ROOT: Final = Path(__file__).parents[3]
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
WORD: Final = re.compile(r"(?<!\w)[a-z]\w+(?!\w)")
BESIDE: Final = (
    "accounts.band_check", "edge_agent.configuration", "edge_agent.configuration_check",
    "edge_agent.configuration_child", "edge_agent.plan", "edge_agent.settings", "edge_agent.trial",
    "protocols.configuration", "hub.api.config_desk", "hub.registry.bulk", "hub.registry.checking",
    "plant.control.controller_check", "plant.state", "protocols.expression", "protocols.expression_table",
    "protocols.networks", "protocols.point", "protocols.rule_check", "protocols.units", "runtime.site",
    "runtime.yaml_config", "runtime.yaml_faults",
)  # fmt: skip
"""Modules that judge files beside those of the models and those that `hub.registry.whole` asks."""
ELSEWHERE: Final = ("hub.auth", "hub.outside", "hub.reports", "optimizer.cases")
"""Files of the hub's own folder, and cases: nobody sends them by the page."""
NO_FAULT: Final = frozenset(
    {
        "Text",
        "Phrase",
        "Field",
        "Option",
        "Argument",
        "Table",
        "echo",
        "compile",
        "debug",
        "info",
        "warning",
        "error",
    }
)
"""Calls whose texts are no faults."""


def models() -> set[type[BaseModel]]:
    """Every model of a file that a version may hold."""
    found: set[type[BaseModel]] = set()
    rest: list[Any] = [root.model for root in ROOTS]
    while rest:
        one = rest.pop()
        rest += getattr(one, "__args__", ())
        if inspect.isclass(one) and issubclass(one, BaseModel) and one not in found:
            found.add(one)
            rest += [field.annotation for field in one.model_fields.values()]
            rest += one.__mro__[1:]
    return {one for one in found if not one.__module__.startswith((*ELSEWHERE, "pydantic"))}


@cache
def rooms() -> frozenset[str]:
    """Modules that say what is wrong with a file."""
    asked = ast.parse((ROOT / "hub/registry/whole.py").read_text(encoding="utf-8")).body
    loads = {str(one.module) for one in asked if isinstance(one, ast.ImportFrom)}
    ours = {name for name in loads if name.startswith(("hub.", "optimizer.", "plant."))}
    return frozenset({*ours, *BESIDE, *(one.__module__ for one in models()), "hub.registry.whole"})


def said_in(module: str) -> Iterator[tuple[str, str]]:
    """Every text in the functions of a module that reads like a sentence, with samples for its parts."""
    path = str(importlib.import_module(module).__file__)
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in texts(function):
                for said in sentences(node, module):
                    if is_sentence(said) and not CHINESE.search(said):
                        yield f"{module}:{node.lineno}", said


def is_sentence(said: str) -> bool:
    """Whether a text is two words or more, no query, and not the rest of another sentence."""
    return (
        " " in said.strip()
        and len(WORD.findall(said)) > 1
        and said[:1] != ";"
        and not re.match("[A-Z]{3,} ", said)
    )


def texts(node: ast.AST) -> Iterator[ast.expr]:
    """Texts below a node, but for docstrings, nested functions and what is no fault."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Expr(value=ast.Constant()) | ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in NO_FAULT:
                continue
            case ast.JoinedStr() | ast.Constant(value=str()):
                yield child
            case _:
                yield from texts(child)


def sentences(node: ast.expr, module: str) -> list[str]:
    """What a text may say."""
    match node:
        case ast.Constant(value=value):
            found = [str(value)]
        case ast.JoinedStr(values=parts):
            found = ["".join(pieces) for pieces in product(*(sentences(part, module) for part in parts))]
        case ast.FormattedValue(value=ast.IfExp(body=body, orelse=orelse)):
            found = [*sentences(body, module), *sentences(orelse, module)]
        case ast.FormattedValue(value=ast.Name(id=name)) if name.isupper():
            found = [str(getattr(importlib.import_module(module), name))]
        case _:
            found = ["7"]
    return found


PLACE: Final = re.compile(r"^(?:[\w/.]+\.yaml|7):(?:7|1| row \w+): (?:[\w.]*7?: )?")
"""File, line and field before a sentence, as samples have them."""
BEFORE: Final = ("", "'7' ", "device '7': ", "the outlet: ")
"""What the caller puts before a sentence that begins without its subject."""
PUT_TOGETHER: Final = frozenset(
    {
        "7 is at 7, which",
        "device id",
        "the outlet",
        "the whole file",
        " network 7 mac 7",
        " and 7 more",
        "the configuration/",
    }
)
"""Pieces that are no sentences."""
AT_WORK: Final = frozenset(
    {
        "refused: another version is in force",  # the audit's
        "a bill needs steps of whole minutes and two series of the same length",  # nobody's file
        "7 at rating is 7 instead of 1",  # a remark
        "refused: 7 faults",  # the audit's
        "bring it from where the limits were signed",  # a start's, before anything is read
        "copy it from the hub's keys; its first start makes it",  # as above
        (
            "7 is missing; bring this box in: `ems edge join TOKEN`, and `ems bus token 7` at the hub makes "
            "the token"
        ),
        "not a configuration report",  # the hub's log
        "not a configuration report of a known schema",  # as above
    }
)


def told(said: str) -> Iterator[str]:
    """A sentence as the page gets it: without its place, behind its subject."""
    text = PLACE.sub("", said)
    yield from (before + text for before in BEFORE)


def known(said: str) -> bool:
    """Whether a page says it in Chinese, as a fault, a word of one, or a refusal of another room."""
    if any("英文说明" not in fault_text(one).zh for one in told(said)):
        return True
    words = any(phrase.parts(said) is not None for phrase in PARTS)
    return words or "英文说明" not in refusal(said).zh or said in PUT_TOGETHER | AT_WORK


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def every_sentence() -> list[tuple[str, str]]:
    return [one for room in sorted(rooms()) for one in said_in(room)]


def test_every_sentence_about_a_file_is_known_in_chinese() -> None:
    found = every_sentence()
    assert len(found) > 250
    unknown = [f"{place}: {said}" for place, said in found if not known(said)]
    assert not unknown, "\n".join(unknown)


def test_every_phrase_is_said_somewhere() -> None:
    found = [one for _, said in every_sentence() for one in told(said)] + twins()
    found += ["unknown field; allowed: 7; did you mean '7'?"]
    found += ["Unable to extract tag using discriminator '7'; allowed: 7"]
    found += ["for 7/7", "holds 7", "no number from 7 and 7 more"]
    kinds = set(map(id, KINDS.values()))
    idle = [
        phrase.en
        for phrase in SENTENCES
        if id(phrase) not in kinds and not any(phrase.parts(said) is not None for said in found)
    ]
    assert idle == []


def twins() -> list[str]:
    """Of each list whose items have a name of their own."""
    schemas = [root.model.model_json_schema() for root in ROOTS]
    parts = [*schemas, *(part for schema in schemas for part in schema.get("$defs", {}).values())]
    marks = [
        field[ONCE]["what"] for one in parts for field in one.get("properties", {}).values() if ONCE in field
    ]
    return [twice(what, "a") for what in marks]


def test_twins_in_each_list_are_told_in_chinese() -> None:
    assert len(twins()) > 8
    assert [one for one in twins() if "英文说明" in fault_text(one).zh] == []


def test_each_phrase_names_the_same_parts_in_both_languages() -> None:
    for phrase in (*SENTENCES, *PARTS):
        assert placeholders(phrase.zh) <= placeholders(phrase.en), phrase.en
        assert CHINESE.search(phrase.zh) or not is_sentence(phrase.en), phrase.en


@pytest.mark.parametrize("kind", KINDS)
def test_a_bound_is_told_with_the_words_of_the_checker_itself(kind: str) -> None:
    """So that another release of it that says a bound otherwise is noticed."""
    theirs = {str(one["type"]): one["message_template_python"] for one in _pydantic_core.list_all_errors()}
    assert KINDS[kind].en == theirs[kind]


KINDS_OF: Final[dict[str, set[str]]] = {
    "bool": {"bool_type", "bool_parsing"},
    "date": {"date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"},
    "datetime": {
        "datetime_type",
        "datetime_parsing",
        "datetime_from_date_parsing",
        "datetime_object_invalid",
    },
    "decimal": {"decimal_type", "decimal_parsing", "finite_number"},
    "dict": {"dict_type"},
    "enum": {"enum"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float"},
    "is-instance": {"is_instance_of"},
    "literal": {"literal_error"},
    "model": {"model_type"},
    "model-fields": {"model_attributes_type"},
    "nullable": {"none_required"},
    "str": {"string_type", "string_unicode"},
    "tagged-union": {"union_tag_invalid", "union_tag_not_found"},
    "tuple": {"tuple_type"},
}
"""What may be wrong with a value of a kind of schema."""
BOUNDS: Final[dict[str, str]] = {
    "gt": "greater_than", "ge": "greater_than_equal", "lt": "less_than", "le": "less_than_equal",
    "multiple_of": "multiple_of", "tz_constraint": "timezone_aware", "max_digits": "decimal_max_digits",
    "decimal_places": "decimal_max_places",
}  # fmt: skip
OF_TEXTS: Final = {
    "pattern": "string_pattern_mismatch",
    "min_length": "string_too_short",
    "max_length": "string_too_long",
}
OF_LISTS: Final = {"min_length": "too_short", "max_length": "too_long"}
INNER: Final = {
    "any", "chain", "default", "definition-ref", "definitions", "function-after", "function-before",
    "function-plain", "function-wrap", "json-or-python", "lax-or-strict", "model-field", "no-info", "union",
    "with-info",
}  # fmt: skip
"""Kinds of schema that say nothing themselves, or in our own words."""


def schemas(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node
        for part in node.values():
            yield from schemas(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from schemas(part)


def test_every_bound_of_every_file_has_words_for_who_breaks_it() -> None:
    needed: set[str] = set()
    for root in ROOTS:
        for schema in schemas(root.model.__pydantic_core_schema__):
            kind = schema["type"]
            assert kind in KINDS_OF.keys() | INNER, f"{root.model.__name__}: {kind} has no words"
            needed |= KINDS_OF.get(kind, set())
            bounds = BOUNDS | (OF_TEXTS if kind == "str" else OF_LISTS)
            needed |= {fault for bound, fault in bounds.items() if bound in schema and kind not in INNER}
    assert needed - KINDS.keys() == set()


def test_faults_of_a_file_reach_the_reader_in_both_languages() -> None:
    device = {
        "id": "M1",
        "label": {"en": "x"},
        "profile": "p",
        "colour": 1,
        "connection": {"kind": "modbuss"},
    }
    near = {"id": "m2", "label": {"en": "x", "zh": "x"}, "profile": "p"}
    meter = near | {"connection": {"kind": "modbus", "host": "169.254.1.1", "port": "a lot", "unit": 300}}
    odd = near | {"id": "m3", "connection": {"kind": "modbus", "host": "169.254.1.1"}}
    document = {"site": "demo", "edge": "edge1", "devices": [device, meter, odd]}
    found = [fault_text(fault.text) for fault in faults_of(EdgeDevices, document)]
    assert len(found) > 6
    assert [one.en for one in found if "英文说明" in one.zh or not CHINESE.search(one.zh)] == []


@pytest.mark.parametrize(
    ("said", "zh"),
    [
        ("Input should be greater than 0; found -1", "应大于 0；现为 -1"),
        ("Input should be 'a', 'b' or 'c'; found 'x'", "应为 'a'、'b'、'c'；现为 'x'"),
        ("sets a/b twice; conditions nested deeper than 5", "两次设定 a/b；条件嵌套超过 5 层"),
        ("of no known kind", "（英文说明）of no known kind"),
        ("is missing; " * 400, None),
    ],
)
def test_a_sentence_is_read_back_with_its_parts(said: str, zh: str | None) -> None:
    assert fault_text(said).model_dump() == {"en": said, "zh": zh or f"（英文说明）{said}"}


def test_what_an_edge_says_is_told_line_by_line() -> None:
    said = "sites/demo/edge1.yaml:7: devices.0.id: is missing\ndevice 'm1' has a write block and is gone"
    assert lines_text(said).zh == (
        "sites/demo/edge1.yaml:7: devices.0.id: 缺少此项\n设备 'm1' 有写入许可\uff0c却已去掉"
    )
    assert lines_text("").model_dump() == {"en": "", "zh": ""}


def test_a_complaint_is_told_with_file_line_and_field() -> None:
    found = fault_of("sites/demo/edge1.yaml:7: devices.0.id: is missing")
    assert (found.file, found.line, found.field) == ("sites/demo/edge1.yaml", 7, "devices.0.id")
    assert found.text.model_dump() == {"en": "is missing", "zh": "缺少此项"}
