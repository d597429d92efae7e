"""Every refusal as `application/problem+json`: one clear sentence in both languages, never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException

from hub.api.deep_refusals import heard, told
from hub.api.fault_words import faults_text
from hub.api.refusals import REFUSALS, RefusedError, worded
from protocols.config import Text
from protocols.errors import (
    ConfigMovedError,
    ConfigRefusedError,
    EmsError,
    JoinRefusedError,
    NotSignedInError,
    OrderRefusedError,
    ProviderError,
    SecondFactorError,
    StoreError,
    TooManyGuessesError,
)

_log = logging.getLogger(__name__)
_STATUS: Final[tuple[tuple[type[EmsError], int], ...]] = (
    (NotSignedInError, 401),
    (JoinRefusedError, 403),
    (TooManyGuessesError, 429),
    (StoreError, 503),
    (ProviderError, 503),
    (ConfigMovedError, 412),
    (ConfigRefusedError, 422),
)
_OF_FRAMEWORK: Final = {400: "no_json", 404: "route", 405: "method"}
"""What the framework refuses by itself: a body that nobody can read, an address, a method."""


def install(app: FastAPI) -> None:
    """Turn every error of a route into a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OrderRefusedError, _order)
    app.add_exception_handler(EmsError, _ours)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    status: int,
    text: Text,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] = MappingProxyType({}),
) -> JSONResponse:
    """One refusal: its English sentence as `detail`, both languages as `text`."""
    body = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": text.en,
        "text": text.model_dump(),
    }  # fmt: skip
    kept = None if headers is None else dict(headers)
    return JSONResponse(body | dict(more), status, kept, media_type="application/problem+json")


def _of_table(code: str, **parts: object) -> JSONResponse:
    return problem(REFUSALS[code].status, worded(code, **parts), more={"code": code})


def _order(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, OrderRefusedError):
        return _unexpected(_request, error)
    status, wait_s = int(str(error.context["status"])), error.context.get("wait_s")
    headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
    return problem(status, heard(error), headers, {"code": error.context["code"]})


def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _unexpected(_request, error)
    if isinstance(error, RefusedError):
        return problem(error.status_code, error.text, error.headers, {"code": error.code})
    code = _OF_FRAMEWORK.get(error.status_code)
    text = told(str(error.detail)) if code is None else worded(code)
    status = error.status_code if code is None else REFUSALS[code].status
    return problem(status, text, error.headers, {} if code is None else {"code": code})


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        return _unexpected(_request, error)
    return _of_table("form", faults=faults_text(error.errors()))


def _ours(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, EmsError):
        return _unexpected(_request, error)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, TooManyGuessesError):
        headers["Retry-After"] = str(error.context.get("wait_s", 60))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s", error)
        return _of_table(_away(error))
    return problem(status, heard(error), headers, _more(error))


def _away(error: EmsError) -> str:
    if isinstance(error, ProviderError):
        return "provider_away"
    return "store_away" if isinstance(error, StoreError) else "unexpected"


def _more(error: EmsError) -> dict[str, object]:
    if isinstance(error, SecondFactorError):
        return {"code": "second_factor"}
    faults = error.context.get("faults") if isinstance(error, ConfigRefusedError) else None
    return {} if faults is None else {"faults": faults}


def _database(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DataError):  # a NUL in a text, a number beyond its column
        return _of_table("database_value")
    _log.warning("business database: %s", error)
    return _of_table("database_away")


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _of_table("unexpected")
