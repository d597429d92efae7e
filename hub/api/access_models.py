"""Answers and questions of the API about people: who is signed in, who may do what, tokens of programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from hub.auth.api_tokens import MOST_DAYS
from hub.auth.roles import Role
from protocols.config import Config

Scope = Literal["viewer", "operator", "engineer", "manager"]
"""What a program may do at most; nobody lends a program the right to say who may do what."""

Password = Annotated[str, Field(min_length=1, max_length=256)]
PersonName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]


class Me(Config):
    """The caller."""

    username: str
    """Their name."""

    site: str
    """Site of this hub."""

    role: str
    """What they are at it; empty: nothing."""

    rights: list[str]
    """What they may do beyond looking: command, configure, manage, administer."""

    factor: bool
    """Whether a second factor is asked for at their sign-in."""

    scope: str
    """Of a program's token: role whose rights it does not go beyond; empty for a person."""


class NewPassword(Config):
    """A password for another one."""

    old: Password
    """The one until now."""

    new: Annotated[str, Field(min_length=12, max_length=256)]
    """The one from now on; 12 characters or more."""


class PasswordAgain(Config):
    """The caller's password once more, for what matters."""

    password: Password
    """Their password."""

    code: str = Field(default="", max_length=16)
    """What their code generator shows, where they have a second factor; empty: none."""


class NewFactor(Config):
    """A secret for a code generator; it counts once a code of it was shown."""

    secret: str
    """To be typed in by hand, base32."""

    uri: str
    """To be read as a QR code."""


class FactorCode(Config):
    """What a code generator shows."""

    code: Annotated[str, Field(pattern=r"^[0-9]{3} ?[0-9]{3}$")]
    """Six digits."""


class SignedInFrom(Config):
    """A sign-in that goes on."""

    id: str
    """Its name."""

    made: datetime | None
    """When it began; None: before it was written down."""

    seen: datetime
    """When it was last prolonged."""

    way: str
    """`password`, `provider`; empty where that is not known."""

    address: str
    """Address it came from."""

    agent: str
    """What the program calls itself."""

    this: bool
    """Whether it is the one that asks."""


class NewToken(PasswordAgain):
    """A token for a program."""

    label: Annotated[str, Field(min_length=1, max_length=64)]
    """What it is for."""

    scope: Scope = "viewer"
    """What it may do at most; never more than its person."""

    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 90
    """How long it is good. [d]"""


class Token(Config):
    """A token of a program, without its secret."""

    id: str
    """Its name."""

    label: str
    """What it is for."""

    site: str
    """Site it is for."""

    scope: str
    """What it may do at most."""

    made: datetime
    """When it was made."""

    expires: datetime
    """When it ends."""

    used: datetime | None
    """When it was last used, to the minute; None: never."""


class MadeToken(Config):
    """A token of a program that was just made."""

    token: Token
    """What is kept of it."""

    secret: str
    """Send as `Authorization: Bearer …`; nobody can ask for it again."""


class Person(Config):
    """Somebody who may sign in."""

    name: str
    """Their name."""

    role: str
    """What they are at this site; empty: nothing."""

    everywhere: str
    """What they are at every site that says nothing else; empty: nothing."""

    factor: bool
    """Whether they have a second factor."""

    provider: str
    """Provider of identities they come from; empty: none."""

    password: bool
    """Whether they have a password here."""

    sessions: int
    """How many of their sign-ins go on."""


class NewPerson(Config):
    """Somebody new, at this site."""

    name: PersonName
    """Small letters, like olga or o.smith."""

    role: Role
    """What they are at this site."""


class PersonRole(Config):
    """What somebody is at this site from now on."""

    role: Role | Literal["none"]
    """A role, or none."""


class OncePassword(Config):
    """A password that nobody can ask for again."""

    name: str
    """Whose."""

    password: str
    """For their first sign-in; they change it then."""
