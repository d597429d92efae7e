"""The site's configuration in versions, for writing: checked, accepted, rolled back. Admins alone.

Whoever writes names in `If-Match` the version they looked at; where another one is in force by now nothing
is changed.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from hub.api import config_desk
from hub.api.config_desk import Asked
from hub.api.config_models import ConfigAccepted, ConfigChecked, ConfigProposal, ConfigReason, ConfigRows
from hub.api.config_routes import VersionNumber, etag
from hub.api.deps import Deps, SiteId, problems
from hub.api.once import OnceRoute
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from protocols.config import Config

_C = TypeVar("_C", bound=Config)
_DIGITS: Final = 19
router = APIRouter(
    prefix="/sites/{site}/configuration", dependencies=[Depends(permitted)], route_class=OnceRoute
)

BODIES: Final[tuple[type[Config], ...]] = (ConfigProposal, ConfigRows, ConfigReason)
"""Questions that are read by hand, after the caller was let in: they are larger than others may be."""

_WRITE: Final = problems(401, 403, 404, 412, 413, 422, 428, 429, 503)


class Writing:
    """A caller who was let in, with what they ask; the body is read when it is asked for."""

    def __init__(  # noqa: PLR0913, PLR0917  one parameter each, filled in by FastAPI
        self,
        site: SiteId,
        deps: Deps,
        request: Request,
        response: Response,
        caller: Permitted,
        if_match: Annotated[
            str | None, Header(alias="If-Match", description="Version that was looked at, as its ETag.")
        ] = None,
    ) -> None:
        self.site = site
        self.deps = deps
        self._request = request
        self._response = response
        self._caller = caller
        self._if_match = if_match

    async def read(self, model: type[_C]) -> _C:
        """The body.

        Raises:
            RequestValidationError: It does not fit the model.
        """
        try:
            return model.model_validate_json(await self._request.body())
        except ValidationError as error:
            faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
            raise RequestValidationError(faults) from error

    def asked(self, reason: str) -> Asked:
        """Who asks, what for, and which version they looked at.

        Raises:
            RefusedError: No reason, or no version.
        """
        if not reason.strip():
            raise refused("config_reason")
        if self._if_match is None:
            raise refused("config_seen")
        number = self._if_match.strip().removeprefix("W/").strip('"')
        if not (number.isascii() and number.isdecimal() and len(number) < _DIGITS):
            raise refused("config_match", found=self._if_match[:40])
        address = self._request.client.host if self._request.client else ""
        return Asked(self.deps, self._caller, address, reason.strip(), int(number))

    def told(self, accepted: ConfigAccepted) -> ConfigAccepted:
        """The answer, with its ETag; 200 where the same files were in force already."""
        self._response.headers["ETag"] = etag(accepted.version.version)
        if not accepted.fresh:
            self._response.status_code = 200
        return accepted


Write = Annotated[Writing, Depends()]


def _body(model: type[Config]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/check",
    operation_id="checkConfig",
    responses=_WRITE,
    openapi_extra=_body(ConfigProposal),
)
async def check(write: Write) -> ConfigChecked:
    """What would become of these files: all faults, all differences, what follows; nothing is changed."""
    return await config_desk.look(write.deps, await write.read(ConfigProposal))


@router.post(
    "/rows/check",
    operation_id="checkConfigRows",
    responses=_WRITE,
    openapi_extra=_body(ConfigRows),
)
async def check_rows(write: Write) -> ConfigChecked:
    """What would become of these rows; nothing is changed."""
    return await config_desk.look(write.deps, await write.read(ConfigRows))


@router.post(
    "",
    operation_id="acceptConfig",
    status_code=201,
    responses=_WRITE,
    openapi_extra=_body(ConfigProposal),
)
async def accept(write: Write) -> ConfigAccepted:
    """Make these files the version in force; with any fault nothing is changed, and all are told."""
    body = await write.read(ConfigProposal)
    return write.told(await config_desk.accept(write.asked(body.reason), body))


@router.post(
    "/rows",
    operation_id="acceptConfigRows",
    status_code=201,
    responses=_WRITE,
    openapi_extra=_body(ConfigRows),
)
async def accept_rows(write: Write) -> ConfigAccepted:
    """Put rows into a list of the version in force: all, or with `take_good` those without a fault."""
    body = await write.read(ConfigRows)
    return write.told(await config_desk.accept(write.asked(body.reason), body))


@router.post(
    "/{version}/rollback",
    operation_id="rollBackConfig",
    status_code=201,
    responses=_WRITE,
    openapi_extra=_body(ConfigReason),
)
async def roll_back(write: Write, version: VersionNumber) -> ConfigAccepted:
    """Make the files of an old version the ones in force again, as a new version."""
    body = await write.read(ConfigReason)
    return write.told(await config_desk.roll_back(write.asked(body.reason), version))
