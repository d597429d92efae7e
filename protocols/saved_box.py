"""What a gateway box is made anew from: its accepted configuration, as one file a person carries.

Saved at the box it holds also the write blocks and the proofs; saved at the hub only what the hub knows, and
the new box stays read-only until both were brought there. Every signature in it is checked at the new box.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from protocols.config import Config, IdPart

EPOCHS_LEFT_OUT: Final = 1_000_000
"""A restored agent counts its starts from so much above the saved epoch: the old box may have gone on."""


class SavedBox(Config):
    """One box."""

    kind: Literal["ems_saved_box"] = "ems_saved_box"

    site: IdPart
    """Site of the edge."""

    edge: IdPart
    """The edge."""

    agent_epoch: Annotated[int, Field(ge=0, lt=2**53)]
    """Starts of the agent known when it was saved."""

    accepted: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Version of the hub's configuration in force; 0: the files given at the box."""

    seen: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Highest version decided; it and lower ones stay refused."""

    signed_hex: str = ""
    """The accepted version with the signature of the hub's configuration key; empty for 0."""

    given: dict[str, str] = Field(default_factory=dict)
    """Files given at the box: path below the configuration folder to content."""

    write: dict[IdPart, str] = Field(default_factory=dict)
    """Device to its write block as signed with the commissioning key, JSON."""

    proofs: dict[IdPart, str] = Field(default_factory=dict)
    """Device to the proof of its fallback, JSON."""

    beside: dict[str, str] = Field(default_factory=dict)
    """Controllers and rules at the box: path below the configuration folder to content."""

    tried: str = ""
    """Record of the rules tried against history, JSON; empty: none."""
