"""Questions made from the OpenAPI document: fitting ones, and such that break one thing or several.

Values come from a seeded source, so that a run can be had again; of the hub only its document is known.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from hub.api.openapi import resolved

Schema = dict[str, Any]

_SERVER: Final = 500
_OK: Final = range(200, 400)
_ASTRAY: Final = frozenset({404, 405})
"""What a path with a slash in a name comes to: it is another path."""
_NASTY_TEXTS: Final = (
    "", " ", "\x00", "a\x00b", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%", "'; DROP TABLE user",
    '"',
    "\u202e", "🔥" * 40, "a" * 5000, "NaN", "-1", "0x10", "null",
    "=1+1", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}", "2024-02-30T25:61:00Z",
    "demo/comp1/power_kw", "9" * 400, "1e999", "true", "\n\r\tSet-Cookie: a=b", "٣", "é" * 64,
)  # fmt: skip
_NASTY_NUMBERS: Final[tuple[Any, ...]] = (
    0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30,
    1e308, -1e308, 5e-324, 0.1, 10**4000, True, None, "7", [], {},
)  # fmt: skip
_ODD_HEADERS: Final = (
    "",
    '"7"',
    'W/"7"',
    "*",
    '"',
    "7",
    "\x7f",
    "a" * 4000,
    "é".encode("latin-1"),
    "0",
    "-1",
)
_DEEP: Final = 60
_DEPTH: Final = 5
_MANGLED: Final = 0.1
_MISNAMED: Final = 0.2


@dataclass
class Found:
    """What became of the questions.

    Attributes:
        requests: How many were asked.
        server_errors: Those that ended in a 5xx, in words.
        undocumented: Operation and status that its document does not name.
        shapeless: Refusals that are no problem+json, and answers that are no JSON.
        statuses: How often each status came.
    """

    requests: int = 0
    server_errors: list[str] = field(default_factory=list)
    undocumented: Counter[str] = field(default_factory=Counter)
    shapeless: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)


class Fuzzer:
    """Asks an API everything its document offers, and more."""

    def __init__(self, document: dict[str, Any], seed: int) -> None:
        self._document = document
        self._dice = random.Random(seed)  # noqa: S311  no secret
        self.found = Found()

    async def ask_all(
        self, client: httpx.AsyncClient, token: Callable[[], str], each: Callable[[str], int]
    ) -> None:
        """Ask every operation so often as `each` says of its id."""
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                for _ in range(each(operation["operationId"])):
                    await self._ask(client, (method, path, operation), token())

    async def _ask(
        self, client: httpx.AsyncClient, what: tuple[str, str, dict[str, Any]], token: str
    ) -> None:
        method, path, operation = what
        question = self.question(path, operation)
        headers: list[tuple[str, str | bytes]] = list(question["headers"].items())
        headers.append(("Authorization", f"Bearer {token}"))
        sent = [(name.encode(), _bytes(value)) for name, value in headers]
        answer = await client.request(
            method, question["path"], params=question["query"], headers=sent, content=question["body"]
        )
        client.cookies.clear()
        self._judge(operation, f"{method} {question['path']}", question, answer)

    def question(self, path: str, operation: dict[str, Any]) -> dict[str, Any]:
        """One question: path, query, headers and body; half of its parts fit."""
        query: list[tuple[str, str]] = []
        headers: dict[str, Any] = {}
        for part in operation.get("parameters", []):
            one = resolved(self._document, part)
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", quote(self._path_text(one), safe=""))
            elif one["in"] == "header":
                headers |= {} if self._chance(0.5) else {one["name"]: self._dice.choice(_ODD_HEADERS)}
            elif one.get("required", False) or self._chance(0.5):
                query += [(one["name"], _text(value)) for value in self._values(one["schema"])]
        return {"path": path, "query": query, "headers": headers, "body": self._body(operation, headers)}

    def _path_text(self, parameter: dict[str, Any]) -> str:
        if parameter["name"] == "site" and self._chance(0.8):
            return "demo"
        nasty = [text for text in _NASTY_TEXTS if text and text not in {".", ".."}]
        return self._dice.choice(nasty) if self._chance(0.5) else _text(self.value(parameter["schema"]))

    def _chance(self, share: float) -> bool:
        return self._dice.random() < share

    def _values(self, schema: Schema) -> list[Any]:
        whole = resolved(self._document, schema)
        if whole.get("type") == "array":
            return [self._one(whole.get("items", {})) for _ in range(self._dice.choice((0, 1, 1, 2, 30)))]
        return [self._one(whole)] * self._dice.choice((1, 1, 1, 2))

    def _one(self, schema: Schema) -> Any:  # noqa: ANN401  any JSON
        return self._nasty() if self._chance(0.4) else self.value(schema)

    def _nasty(self) -> Any:  # noqa: ANN401  any JSON
        return self._dice.choice(self._dice.choice((_NASTY_TEXTS, _NASTY_NUMBERS)))

    def _body(self, operation: dict[str, Any], headers: dict[str, Any]) -> bytes | None:
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return None
        headers["Content-Type"] = "application/json"
        dice = self._dice.random()
        if dice < _MANGLED:
            return self._dice.choice(
                (b"", b"{", b"[" * 5000, b"\xff\xfe", b"null", b"[]", b'{"a":NaN}', b"1e999")
            )
        if dice < _MISNAMED:
            headers["Content-Type"] = self._dice.choice(
                ("text/plain", "", "application/xml", "multipart/form-data")
            )
        body = self.value(next(iter(content.values()))["schema"])
        for _ in range(self._dice.choice((0, 1, 1, 2, 5))):
            body = self._broken(body)
        return json.dumps(body, ensure_ascii=self._chance(0.5)).encode("utf-8", "replace")

    def _broken(self, body: Any) -> Any:  # noqa: ANN401  any JSON
        """The same with one thing otherwise."""
        if isinstance(body, dict) and body and self._chance(0.8):
            name = self._dice.choice(list(body))
            act = self._dice.choice(("change", "change", "drop", "add", "deep"))
            rest = {key: value for key, value in body.items() if key != name}
            changed: dict[str, Any] = {
                "drop": rest,
                "add": {**body, str(self._nasty())[:50]: self._nasty()},
                "deep": {**body, name: _nested(self._dice.randint(1, _DEEP))},
            }.get(act, {**body, name: self._broken(body[name])})
            return changed
        if isinstance(body, list) and body and self._chance(0.7):
            at = self._dice.randrange(len(body))
            return [*body[:at], self._broken(body[at]), *body[at + 1 :]]
        return self._nasty()

    def value(self, schema: Schema, depth: int = 0) -> Any:  # noqa: ANN401  any JSON
        """A value that fits a schema, as far as its types and bounds go."""
        schema = resolved(self._document, schema)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.value(self._dice.choice(schema[several]), depth + 1)
        if "const" in schema or "enum" in schema:
            return schema.get("const", self._dice.choice(schema.get("enum", [schema.get("const")])))
        kind = schema.get("type", "null")
        makers: Mapping[str, Callable[[Schema, int], Any]] = {
            "object": self._object, "array": self._array, "string": self._string, "integer": self._integer,
            "number": self._number, "boolean": lambda _schema, _depth: self._chance(0.5),
        }  # fmt: skip
        return makers[kind](schema, depth) if kind in makers else None

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        required = schema.get("required", [])
        made = {
            name: self.value(part, depth + 1)
            for name, part in schema.get("properties", {}).items()
            if name in required or (depth < _DEPTH and self._chance(0.6))
        }
        more = schema.get("additionalProperties")
        return made | ({"a": self.value(more, depth + 1)} if isinstance(more, dict) else {})

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        count = least if depth >= _DEPTH else least + self._dice.choice((0, 1, 2))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _string(self, schema: Schema, _depth: int) -> str:
        if schema.get("format") == "date-time":
            return self._dice.choice(
                ("2025-06-15T15:00:00Z", "2025-06-15T14:00:00+08:00", "1970-01-01T00:00:00Z")
            )
        known = (
            "demo/comp4/pressure_set_bar_g",
            "all",
            "olga",
            "kW",
            "comp1",
            "123 456",
            "long enough words",
            "2025-05",
            "2025",
        )
        least, most = schema.get("minLength", 0), schema.get("maxLength", 100)
        return self._dice.choice(known).ljust(least, "x")[:most]

    def _integer(self, schema: Schema, _depth: int) -> int:
        low, high = int(schema.get("minimum", -(2**40))), int(schema.get("maximum", 2**40))
        return self._dice.choice((low, high, self._dice.randint(low, high), max(low, min(high, 1))))

    def _number(self, schema: Schema, _depth: int) -> float:
        low, high = float(schema.get("minimum", -1e9)), float(schema.get("maximum", 1e9))
        return self._dice.choice((low, high, self._dice.uniform(low, high), max(low, min(high, 7.0))))

    def _judge(
        self, operation: dict[str, Any], asked: str, question: dict[str, Any], answer: httpx.Response
    ) -> None:
        name, status = operation["operationId"], answer.status_code
        self.found.requests += 1
        self.found.statuses[status] += 1
        if status >= _SERVER:
            self.found.server_errors.append(
                f"{asked[:200]} {question['query']} {question['body']!r:.500}: {status}"
            )
        astray = status in _ASTRAY and "%2F" in question["path"]
        if str(status) not in operation["responses"] and not astray:
            self.found.undocumented[f"{name} {status}"] += 1
        if not _has_shape(answer):
            self.found.shapeless[f"{name} {status}"] += 1


def _has_shape(answer: httpx.Response) -> bool:
    kind = answer.headers.get("content-type", "")
    if answer.status_code not in _OK:
        whole = kind == "application/problem+json" and answer.json()
        return bool(whole) and whole["status"] == answer.status_code and bool(whole["detail"])
    if kind.startswith("application/json"):
        json.loads(answer.text, parse_constant=_refuse)
    return True


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _nested(depth: int) -> Any:  # noqa: ANN401  any JSON
    made: Any = []
    for _ in range(depth):
        made = [made]
    return made


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if not isinstance(value, int) or abs(value) < 10**300 else "9" * 400


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")
