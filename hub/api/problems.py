"""Every refusal as `application/problem+json` with one clear sentence; never a stack trace."""

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
    detail: str,
    headers: dict[str, str] | None = None,
    more: Mapping[str, object] = MappingProxyType({}),
) -> JSONResponse:
    """One refusal."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body | dict(more), status, headers, media_type="application/problem+json")


def _order(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, OrderRefusedError):
        return _unexpected(_request, error)
    words = Text(en=str(error.args[0]), zh=str(error.context["zh"]))
    status, wait_s = int(str(error.context["status"])), error.context.get("wait_s")
    headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
    return problem(status, words.en, headers, {"code": error.context["code"], "text": words.model_dump()})


def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _unexpected(_request, error)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # the framework, of a body that nobody can read
        return problem(422, "body: this is no JSON that can be read")
    return problem(error.status_code, str(error.detail), dict(error.headers or {}))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        return _unexpected(_request, error)
    faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    return problem(422, "; ".join(faults))


def _ours(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, EmsError):
        return _unexpected(_request, error)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, TooManyGuessesError):
        headers["Retry-After"] = str(error.context.get("wait_s", 60))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s", error)
    return problem(status, _sentence(error, status), headers, _more(error))


def _sentence(error: EmsError, status: int) -> str:
    if isinstance(error, ProviderError):
        return "the provider of identities cannot answer now; try again, or sign in with name and password"
    told = status < HTTPStatus.INTERNAL_SERVER_ERROR
    return str(error.args[0]) if told else "the store cannot answer now; try again"


def _more(error: EmsError) -> dict[str, object]:
    if isinstance(error, SecondFactorError):
        return {"code": "second_factor"}
    faults = error.context.get("faults") if isinstance(error, ConfigRefusedError) else None
    return {} if faults is None else {"faults": faults}


def _database(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DataError):  # a NUL in a text, a number beyond its column
        return problem(422, "a value is none the database can hold")
    _log.warning("business database: %s", error)
    return problem(503, "the database cannot answer now; try again")


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "the hub could not answer this; its log says why")
