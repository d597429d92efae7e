"""What holds for all routes, written into the OpenAPI document once instead of at each of them."""

from __future__ import annotations

from typing import Any, Final

from hub.api.once import HEADER, REPEATABLE

_OPEN: Final = frozenset({"login", "refresh", "logout"})
_REFUSED: Final = {"$ref": "#/components/responses/Refused"}
_PARTS: Final[dict[str, dict[str, Any]]] = {
    "responses": {
        "Refused": {
            "description": "Problem",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
        "Same": {"description": "The same as before"},
    },
    "headers": {
        "ETag": {
            "description": "Names this content; show it as `If-None-Match` to hear whether it is the same.",
            "schema": {"type": "string"},
        }
    },
    "parameters": {
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"},
            "description": "ETag of what is known already: the same content is answered by 304 without it.",
        },
        "IdempotencyKey": {
            "name": HEADER, "in": "header", "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": "Whoever sends a question again with the key of the first has it done once.",
        },
    },
}  # fmt: skip


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with limits of pace, ETags and idempotency keys at every route they hold for."""
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete(method, operation)
    document["components"] |= _PARTS
    return document


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document itself, where it is named by a reference.

    Example:
        >>> resolved({"components": {"headers": {"ETag": {"a": 1}}}}, {"$ref": "#/components/headers/ETag"})
        {'a': 1}
    """
    while "$ref" in part:
        _, *way = part["$ref"].split("/")
        found = document
        for step in way:
            found = found[step]
        part = found
    return part


def streamed(operation: dict[str, Any]) -> bool:
    """Whether the answer goes out in parts while it is made, so that nothing can be said of it before."""
    return "application/vnd.apache.parquet" in operation["responses"].get("200", {}).get("content", {})


def _complete(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "security" in operation:
        responses.setdefault("429", _REFUSED)
        responses.setdefault("503", _REFUSED)
    if method == "get" and "200" in responses and not streamed(operation):
        responses["200"].setdefault("headers", {})["ETag"] = {"$ref": "#/components/headers/ETag"}
        responses["304"] = {"$ref": "#/components/responses/Same"}
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IfNoneMatch"})
    elif method == "post" and operation["operationId"] not in _OPEN | REPEATABLE:
        responses.setdefault("409", _REFUSED)
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    operation["responses"] = dict(sorted(responses.items()))
