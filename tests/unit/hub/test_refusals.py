"""Every refusal is said in both languages: the tables of sentences are held against the code that refuses."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any, Final

import pytest

from hub.accounts.phrases import PHRASES, account_text
from hub.api.app import openapi_document
from hub.api.deep_refusals import DEEP, told
from hub.api.fault_words import FAULTS, faults_text
from hub.api.openapi import resolved
from hub.api.refusals import REFUSALS, refused
from hub.database import FILE, embedded_url
from tests.unit.hub.api_running import Running, running_api

ROOT: Final = Path(__file__).parents[3]
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
SAID: Final = frozenset(
    {"NotSignedInError", "SecondFactorError", "JoinRefusedError", "TooManyGuessesError"}
    | {"ConfigMovedError", "ConfigRefusedError"}
)
"""Errors whose sentence becomes a problem wherever they are raised in the hub."""
TAKEN: Final = {
    "hub/auth/people.py": "ConfigError",
    "hub/registry/versions.py": "ConfigError",
    "hub/dispatch/asking.py": "SolveError",
    "hub/values/calendar.py": "ValueError",
}
"""Rooms whose errors a route takes and tells: each with their kind."""
OF_FILES: Final = frozenset(
    {"hub/accounts/contracts.py", "hub/accounts/tables.py", "hub/accounts/book_check.py"}
    | {"accounts/band_check.py"}
)
"""What is wrong with a file of the configuration, told line by line where it is checked."""
WORD_OF_KEYWORD: Final = {
    "minLength": "string_too_short", "maxLength": "string_too_long", "pattern": "string_pattern_mismatch",
    "minimum": "greater_than_equal", "maximum": "less_than_equal", "exclusiveMinimum": "greater_than",
    "exclusiveMaximum": "less_than", "minItems": "too_short", "maxItems": "too_long", "enum": "literal_error",
    "const": "literal_error", "required": "missing", "additionalProperties": "extra_forbidden",
}  # fmt: skip
"""A bound in the OpenAPI document and the fault of who breaks it."""
WORD_OF_TYPE: Final = {
    "string": "string_type", "integer": "int_parsing", "number": "float_parsing", "boolean": "bool_parsing",
    "array": "list_type", "object": "model_attributes_type", "null": "none_required",
    "date-time": "datetime_parsing", "date": "date_parsing",
}  # fmt: skip
MORE: Final = {"$ref", "anyOf", "items", "properties", "title", "description", "default", "type", "format"}
"""Words of a schema that bound nothing by themselves."""


@pytest.fixture
async def api(business_file: Path, tmp_path: Path) -> AsyncIterator[Running]:
    shutil.copyfile(business_file, tmp_path / FILE)
    async with running_api(embedded_url(tmp_path), tmp_path) as running:
        yield running


def _trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def _sentences(node: ast.AST, module: str) -> list[str]:
    """What an expression may say, with a sample for each part; nothing where only its run can tell."""
    match node:
        case ast.Constant(value=str(text)):
            found = [text]
        case ast.JoinedStr(values=parts):
            found = _together([_sentences(part, module) or ["7"] for part in parts])
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            found = _together([_sentences(left, module), _sentences(right, module)])
        case ast.IfExp(body=body, orelse=orelse):
            found = [*_sentences(body, module), *_sentences(orelse, module)]
        case ast.Name(id=name) | ast.FormattedValue(value=ast.Name(id=name)) if name.isupper():
            found = [str(getattr(importlib.import_module(module), name))]
        case _:
            found = []
    return found


def _together(parts: list[list[str]]) -> list[str]:
    return ["".join(pieces) for pieces in product(*parts)]


def _raised(folders: tuple[str, ...], kinds: frozenset[str]) -> Iterator[tuple[str, str]]:
    for path, tree in _trees(*folders):
        taken = kinds | ({TAKEN[path]} if path in TAKEN else set())
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for call in _calls(tree, *taken):
            for said in _sentences(call.args[0], module) if call.args else ():
                yield f"{path}:{call.lineno}", said


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_routes_refuse_by_the_table_alone_and_each_row_is_used_with_all_its_parts() -> None:
    used: set[str] = set()
    for path, tree in _trees("hub/api"):
        if path != "hub/api/refusals.py":
            assert not list(_calls(tree, "HTTPException")), f"{path}: say it in hub/api/refusals.py"
        for call in _calls(tree, "refused", "worded", "_of_table"):
            code = call.args[0]
            if not isinstance(code, ast.Constant) or code.value not in REFUSALS:
                continue
            used.add(str(code.value))
            given = {one.arg for one in call.keywords}
            assert _placeholders(REFUSALS[code.value].words.en) <= given, f"{path}:{call.lineno}"
    assert REFUSALS.keys() - used == {
        "no_json",
        "method",
        "provider_away",
        "store_away",
    }  # said by their kind


@pytest.mark.parametrize("code", REFUSALS)
def test_each_row_says_the_same_parts_in_both_languages(code: str) -> None:
    words = REFUSALS[code].words
    assert _placeholders(words.en) == _placeholders(words.zh)
    assert CHINESE.search(words.zh) or re.fullmatch(r"\{\w+\}", words.zh)


def test_the_parts_of_each_phrase_are_the_same_in_both_languages() -> None:
    for phrase in DEEP:
        assert _placeholders(phrase.zh) <= _placeholders(phrase.en), phrase.en
        assert CHINESE.search(phrase.zh), phrase.en


def test_every_sentence_that_reaches_a_route_from_below_is_known_in_chinese() -> None:
    found = list(_raised(("hub",), SAID))
    assert len(found) > 30
    unknown = [f"{place}: {said}" for place, said in found if "英文" in told(said).zh]
    assert not unknown


def test_every_sentence_of_the_accounts_is_known_in_chinese() -> None:
    rooms = _raised(("accounts", "hub/accounts"), frozenset({"ConfigError"}))
    found = [(place, said) for place, said in rooms if place.partition(":")[0] not in OF_FILES]
    assert len(found) > 60
    unknown = [f"{place}: {said}" for place, said in found if account_text(said).zh == said]
    assert not unknown


def test_every_note_on_a_line_of_an_invoice_is_known_in_chinese() -> None:
    for path, tree in _trees("accounts"):
        for node in ast.walk(tree):
            given = node.value if isinstance(node, ast.keyword) and node.arg == "note" else None
            for said in (
                _sentences(given, path.removesuffix(".py").replace("/", ".")) if given else None
            ) or ():
                assert account_text(said).zh != said, f"{path}: {said}"


def test_a_phrase_within_a_phrase_is_said_in_chinese_too() -> None:
    said = "no invoice can be made of 2026-10: a charge by the month needs a billing period of whole months; "
    said += "mend that, or close it without its invoice"
    assert (
        account_text(said).zh
        == "2026-10 无法生成账单：按月收费须以整月为计费周期；请先处理，或选择不含账单结账"
    )
    assert len({phrase.en for phrase in PHRASES}) == len(PHRASES)


def test_every_bound_of_a_request_has_words_for_who_breaks_it() -> None:
    document = openapi_document()
    seen: set[str] = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            parts = [resolved(document, one)["schema"] for one in operation.get("parameters", [])]
            bodies = operation.get("requestBody", {}).get("content", {}).values()
            for schema in (*parts, *(one["schema"] for one in bodies)):
                _hold(document, schema, seen)


def _hold(document: dict[str, Any], schema: dict[str, Any], seen: set[str]) -> None:
    name = str(schema.get("$ref", ""))
    if name in seen:
        return
    seen.update({name} - {""})
    whole = resolved(document, schema)
    types = {str(whole[word]) for word in ("type", "format") if word in whole}
    assert {WORD_OF_TYPE[one] for one in types if one in WORD_OF_TYPE} <= FAULTS.keys()
    assert whole.get("type", "string") in WORD_OF_TYPE, whole
    bounds = whole.keys() - MORE - {name for name in whole if name.startswith("x-")}
    assert {WORD_OF_KEYWORD.get(bound, bound) for bound in bounds} <= FAULTS.keys(), whole
    inner = [*whole.get("properties", {}).values(), *whole.get("anyOf", [])]
    for one in (*inner, *([whole["items"]] if "items" in whole else [])):
        _hold(document, one, seen)


def test_a_fault_of_an_unknown_kind_is_told_in_chinese_as_well() -> None:
    fault = {"type": "of_tomorrow", "loc": ("body", "a", 0), "msg": "must be new"}
    assert faults_text([fault]).model_dump() == {
        "en": "body.a.0: must be new",
        "zh": "body.a.0：值不符合要求",
    }


async def test_what_the_framework_and_the_routes_refuse_reaches_the_reader_in_both_languages(
    api: Running,
) -> None:
    headers = {"Authorization": f"Bearer {await api.token()}"}
    answers = {
        "point": await api.get("/sites/demo/samples", **_span("demo/comp1/nothing_kw")),
        "point_id": await api.get("/sites/demo/samples", **_span("../../etc/passwd")),
        "form": await api.get("/sites/demo/history", point="demo/comp1/power_kw", window_s=0),
        "route": await api.get("/there/is/none"),
        "method": await api.client.put("/api/v1/sites/demo/points", headers=headers),
        "site": await api.get("/sites/other/points"),
    }
    for code, answer in answers.items():
        problem = answer.json()
        assert (problem["code"], problem["detail"]) == (code, problem["text"]["en"]), answer.text
        assert CHINESE.search(problem["text"]["zh"]), answer.text
    nobody = (await api.client.get("/api/v1/sites/demo/points")).json()
    assert nobody["text"] == {"en": "this needs a sign-in", "zh": "请先登录"}


def _span(point: str) -> dict[str, str]:
    return {"point": point, "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


def test_when_to_ask_again_stands_in_the_head_of_a_refusal_too() -> None:
    assert refused("pace", wait_s=0.2).headers == {"Retry-After": "1"}
