"""How a server in the field is entered: passwords, certificates, security. Never a secret itself."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocols.config import Config
from protocols.units import Seconds


class Secret(Config):
    """Where a password stands: a file or an environment variable, exactly one of the two."""

    file: str | None = None
    """File with the password alone, readable by its owner only; below the state folder, or a full path."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of an environment variable that holds the password."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError(
                "give either `file` or `env`, the place of the password, never the password itself"
            )
        return self


class Login(Config):
    """A user of a server or broker."""

    user: Annotated[str, Field(min_length=1)]
    """Name of the user."""

    password: Secret | None = None
    """Where the password stands; None for a user without one."""

    plain: bool = False
    """Whether the password may cross the network unencrypted."""


class KeyPair(Config):
    """A certificate and its private key, as files below the edge's state folder or with a full path."""

    certificate: str
    """File of the certificate, PEM, or DER with the suffix `.der`."""

    key: str
    """File of the private key, PEM, readable by its owner only."""


class OpcUaSecurity(Config):
    """Security of an OPC UA channel; the server must offer exactly this."""

    policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "Basic256Sha256"
    """Security policy."""

    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    """Whether messages are signed, or signed and encrypted."""


class Tls(Config):
    """TLS of a broker; its certificate and host name are always checked."""

    ca_file: str | None = None
    """Certificates that may have signed the broker's, PEM; None: those the system trusts."""

    client: KeyPair | None = None
    """Our own certificate, where the broker asks for one."""


class Availability(Config):
    """A topic that tells whether the device is there: its last will and its birth message."""

    topic: Annotated[str, Field(min_length=1)]
    """Topic below the connection's prefix."""

    path: str = ""
    """Dotted path inside the JSON body; empty when the body is the word itself."""

    online: str = "online"
    """Word that says it is there."""

    offline: str = "offline"
    """Word that says it is gone; every point is bad (unreachable) until `online` comes."""


class Sparkplug(Config):
    """Where a device stands in a Sparkplug B name space."""

    group: Annotated[str, Field(pattern=r"^[^/+#]+$")]
    """Group id."""

    node: Annotated[str, Field(pattern=r"^[^/+#]+$")]
    """Edge node id."""

    device: Annotated[str, Field(pattern=r"^[^/+#]+$")] | None = None
    """Device id below the node; None when the points are the node's own."""

    silence_s: Annotated[Seconds, Field(gt=0)] | None = None
    """Longest silence of the whole node before its points are stale; None: only its death is believed. [s]"""
