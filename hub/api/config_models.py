"""Answers and questions of the API about the site's configuration in versions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from hub.api.edge_models import WantedState
from hub.api.models import Link
from hub.registry.effects import When
from hub.registry.kinds import Kind
from protocols.config import Config, IdPart, Text

MOST_REASON = 200


class ConfigVersion(Config):
    """One accepted version of all files of a site."""

    version: int
    """Counts up; the highest is in force."""

    made: datetime
    """When it was accepted."""

    actor: str
    """Who wanted it."""

    note: str
    """What for."""

    digest: str
    """SHA-256 over its files."""

    back_to: int | None
    """Version whose files it has again; None: it is no roll-back."""

    used: bool
    """Whether this process of the hub goes by it."""


class ConfigChange(Config):
    """What a version changed at one file."""

    path: str
    """The file."""

    kind: Literal["added", "removed", "changed"]
    """What happened to it."""

    text: str
    """The lines, as a unified diff; empty where it would be too long for one answer."""


class ConfigDocument(Config):
    """One file of a version."""

    path: str
    """Where it stands, below the folder."""

    kind: Kind | None
    """What it is; None: nothing reads it."""

    size_bytes: int
    """Its length. [B]"""

    sha256: str
    """Hash of its bytes in hex."""


class ConfigText(Config):
    """One file of a version with what it says."""

    path: str
    """Where it stands, below the folder."""

    kind: Kind | None
    """What it is; None: nothing reads it."""

    text: str
    """What it says."""


class ConfigFile(Config):
    """One file as it shall be."""

    path: str = Field(max_length=200)
    """Where it stands, below the folder: `sites/demo/site.yaml`."""

    text: str | None
    """What it says; None: it shall be gone."""


class ConfigProposal(Config):
    """Files that shall be accepted."""

    files: list[ConfigFile] = Field(min_length=1, max_length=5000)
    """The files."""

    whole: bool = False
    """Whether these are all files there shall be; else those not named stay as they are."""

    reason: str = Field(default="", max_length=MOST_REASON)
    """What for; needed where it is accepted."""


class ConfigRows(Config):
    """Rows that shall be put into a list, as a table."""

    of: Literal["device", "point"]
    """What a row is."""

    name: IdPart
    """The edge whose devices, or the profile whose points they are."""

    file: str = Field(pattern=r"^[^/\\\x00-\x1f]{1,100}\.(csv|CSV|yaml|yml)$")
    """Name of the table as complaints say it; its end says how it is read."""

    text: str
    """The table: a column is the path of a field, `connection.host`."""

    take_good: bool = False
    """Whether good rows are taken though others are not."""

    reason: str = Field(default="", max_length=MOST_REASON)
    """What for; needed where they are accepted."""


class ConfigReason(Config):
    """Why a version shall be in force again."""

    reason: str = Field(min_length=1, max_length=MOST_REASON)
    """What for."""


class ConfigFault(Config):
    """One thing that is wrong."""

    file: str | None
    """The file or table; None: it is not one file's."""

    line: int | None
    """Line of the file or row of the table, from 1; None: it is not one line's."""

    field: str | None
    """The field; None: it is not one field's."""

    text: Text
    """What was found and what is allowed."""


class ConfigEffect(Config):
    """What follows from a change."""

    when: When
    """`now`: by itself, within seconds; `person`: not before somebody does something."""

    code: str
    """What it is about: `hub`, `planner`, `edge:edge1` …"""

    text: Text
    """What happens, or what to do."""


class ConfigChecked(Config):
    """What would become of a proposal."""

    base: int
    """Version it was held against, the one in force; send it as `If-Match`."""

    acceptable: bool
    """Whether it would be accepted."""

    faults: list[ConfigFault]
    """All that is wrong; of rows also where the good ones can be taken."""

    changes: list[ConfigChange]
    """What would differ; empty where it cannot be accepted, or changes nothing."""

    effects: list[ConfigEffect]
    """What would follow."""

    rows: int
    """Rows of a table; 0 for files."""

    bad_rows: int
    """How many of them have a fault."""


class ConfigAccepted(Config):
    """What became of a proposal."""

    version: ConfigVersion
    """The version in force now."""

    fresh: bool
    """Whether it is a new one; False: the same files were in force already."""

    effects: list[ConfigEffect]
    """What follows."""

    rows: int
    """Rows that were taken; 0 for files."""

    faults: list[ConfigFault]
    """Faults of rows that were left out on request."""


class ConfigOfRole(Config):
    """Which version a process of the hub goes by."""

    role: str
    """Its role."""

    instance: str
    """Which process, as `host:pid`."""

    version: int
    """The version; 0: a folder that was never accepted."""

    fault: str | None
    """Why it does not go by the one in force; None: it does, or will in a moment."""


class ConfigOfEdge(Config):
    """Desired beside reported of one edge."""

    edge: str
    """The edge."""

    link: Link
    """Whether it is heard now."""

    same: bool | None
    """Whether it goes by the files of the version in force; None: it was never heard."""

    reported: int | None
    """Version of its own that it reports; 0: files put on the box; None: it was never heard."""

    trial: int | None
    """Version on trial now."""

    edited: list[str]
    """Files that were changed at the box."""

    heard: datetime | None
    """When it last said so."""

    wanted: int | None
    """Newest version that was sent to it; None: none ever was."""

    state: WantedState | None
    """What became of that."""

    detail: str
    """What the edge said of it, in English."""

    words: Text
    """The same in both languages."""


class ConfigState(Config):
    """Where the version in force has arrived."""

    version: int
    """The version in force; 0: none yet."""

    roles: list[ConfigOfRole]
    """Processes of the hub."""

    edges: list[ConfigOfEdge]
    """Edges of the site."""
