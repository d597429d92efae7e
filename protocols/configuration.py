"""The desired configuration of an edge: whole files, versioned, signed by the hub's configuration key.

    body = zstd over msgpack [v, version, site, edge, key_id, made_ns, actor, note, {path: bytes, …}]

It holds the edge's device list and the profiles it names, and may hold its controllers and its rules; never a
write block: those bear the commissioning key, which is not on the hub. What became of it travels among the
receipts of a journal as msgpack
[v, "configuration", edge, version, outcome, why, detail, digest, boot, mono_ns, wall_ns].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Final

import msgpack
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols.clock import Instant
from protocols.config import Text
from protocols.errors import ContractError
from protocols.signing import seal

SCHEMA: Final = 1
PURPOSE_CONFIGURATION: Final = "ems.configuration"
KIND: Final = "configuration"

MOST_BYTES: Final = 240_000
"""An envelope is one message of the bus, which takes 256 KB."""

MOST_PLAIN_BYTES: Final = 2_000_000
"""All files together, before compression: some ten thousand points. More would keep a small box from polling
while it is read."""

MOST_FILES: Final = 500
_MOST: Final = 2**62
_PATH: Final = re.compile(
    r"^(devices|sites/[a-z][a-z0-9_]{0,31}(/write)?)/[a-z][a-z0-9_]{0,31}\.yaml\Z"
    r"|^sites/[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}\.(controllers|rules)\.yaml\Z"
)
_DIGEST_DIGITS: Final = 16
_MOST_DETAIL: Final = 2000


class Outcome(StrEnum):
    """What became of a configuration; on the wire and in the database, never renamed."""

    TRYING = "trying"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"


class Why(StrEnum):
    """Why it was not accepted; `none` where it was."""

    NONE = "none"
    SCHEMA = "schema"
    SIGNATURE = "signature"
    ADDRESSEE = "addressee"
    OLD_VERSION = "old_version"
    FILES = "files"
    WRITE_BLOCK = "write_block"
    SECRET = "secret"  # noqa: S105  a code, no password
    NOT_VALID = "not_valid"
    NO_START = "no_start"
    WORSE = "worse"
    INTERRUPTED = "interrupted"


WHY_TEXTS: Final[dict[Why, Text]] = {
    Why.NONE: Text(en="The configuration is in force.", zh="该配置已生效。"),
    Why.SCHEMA: Text(
        en="The message is no configuration this version can read.", zh="报文不是此版本可读取的配置。"
    ),
    Why.SIGNATURE: Text(
        en="The signature does not match, or its configuration key is not accepted here.",
        zh="签名不符，或该配置密钥在此不被接受。",
    ),
    Why.ADDRESSEE: Text(en="The configuration is for another site or edge.", zh="该配置属于另一站点或网关。"),
    Why.OLD_VERSION: Text(
        en="This version, or a newer one, was decided before; versions only grow.",
        zh="此版本或更新的版本已处理过；版本号只增不减。",
    ),
    Why.FILES: Text(
        en="It must hold the device list of this edge and the profiles it names; besides them it may hold "
        "its controllers and rules, nothing else.",
        zh="配置必须含本网关的设备清单及其所列的设备模板，此外只可含本网关的控制器和规则。",
    ),
    Why.WRITE_BLOCK: Text(
        en="It touches what a write block rests on; that can be changed only at the box.",
        zh="它改动了写入许可所依赖的内容；此类内容只能在网关现场更改。",
    ),
    Why.SECRET: Text(
        en="It would send a password or certificate of this box somewhere new; set that up at the box.",
        zh="它会把本网关的密码或证书发往新的地址；请在网关现场设置。",
    ),
    Why.NOT_VALID: Text(
        en="The files have faults; nothing was changed.", zh="配置文件有错误；未作任何更改。"
    ),
    Why.NO_START: Text(
        en="The agent could not start with it; the configuration before is in force again.",
        zh="代理程序无法用它启动；已恢复先前的配置。",
    ),
    Why.WORSE: Text(
        en="Polling got worse in the trial; the configuration before is in force again.",
        zh="试运行期间采集变差；已恢复先前的配置。",
    ),
    Why.INTERRUPTED: Text(
        en="The agent ended in the middle of the trial; the configuration before is in force again.",
        zh="试运行中途代理程序结束；已恢复先前的配置。",
    ),
}
"""What a person is told; a report adds where and what."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version of what an edge shall read and how.

    Attributes:
        version: Counts up per edge; a number is never used twice.
        site: Site of the edge.
        edge: The edge.
        key_id: Id of the key that signs it.
        made_ns: Wall clock of the hub, for people. [ns]
        actor: Who wanted it.
        note: What for.
        files: Path below a configuration folder to content.
    """

    version: int
    site: str
    edge: str
    key_id: str
    made_ns: int
    actor: str
    note: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    def body(self) -> bytes:
        """Pack and compress; files in the order of their paths."""
        row = [SCHEMA, self.version, self.site, self.edge, self.key_id, self.made_ns, self.actor, self.note]
        packed = msgpack.packb([*row, dict(sorted(self.files.items()))])
        return zstandard.ZstdCompressor(level=10).compress(bytes(packed))

    def sealed(self, key: Ed25519PrivateKey) -> bytes:
        """Envelope with the signature.

        Raises:
            ContractError: It is larger than a message of the bus, or than an edge reads.
        """
        plain = sum(map(len, self.files.values()))
        if plain > MOST_PLAIN_BYTES:
            raise ContractError(f"a configuration of {plain} bytes; at most {MOST_PLAIN_BYTES}")
        envelope = seal(PURPOSE_CONFIGURATION, self.body(), key)
        if len(envelope) > MOST_BYTES:
            raise ContractError(f"a configuration of {len(envelope)} bytes packed; at most {MOST_BYTES}")
        return envelope


def decode_configuration(body: bytes) -> Configuration:
    """Read `Configuration.body()` back; checks form and bounds, not the signature.

    Raises:
        ContractError: Not a configuration of a known schema, or larger than allowed.
    """
    try:
        schema, version, site, edge, key, made_ns, actor, note, files = msgpack.unpackb(_plain(body))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a configuration") from error
    texts, numbers = (site, edge, key, actor, note), (version, made_ns)
    if schema != SCHEMA or not all(isinstance(text, str) for text in texts) or not _are_counts(numbers):
        raise ContractError("not a configuration of a known schema")
    return Configuration(version, site, edge, key, made_ns, actor, note, _files(files))


def _plain(body: bytes) -> bytes:
    # the library ignores `max_output_size` where the frame states a size, so that one is checked here
    try:
        stated = zstandard.get_frame_parameters(body).content_size
        if stated != zstandard.CONTENTSIZE_UNKNOWN and stated > MOST_PLAIN_BYTES:
            raise ContractError(f"a configuration of {stated} bytes; at most {MOST_PLAIN_BYTES}")
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=MOST_PLAIN_BYTES)
    except zstandard.ZstdError as error:
        raise ContractError("a configuration is not zstd or unpacks beyond its bound") from error


def _are_counts(numbers: tuple[object, ...]) -> bool:
    return all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < _MOST for n in numbers)


def _files(files: object) -> dict[str, bytes]:
    if not isinstance(files, dict) or not 0 < len(files) <= MOST_FILES:
        raise ContractError(f"a configuration has 1 to {MOST_FILES} files")
    for path, content in files.items():
        if not isinstance(path, str) or not _PATH.match(path) or not isinstance(content, bytes):
            raise ContractError(f"{path!r} is no path of a device list, a profile, controllers or rules")
    return files


def digest(files: Mapping[str, bytes]) -> str:
    """Name of a set of files: 16 hex digits of SHA-256 over paths and contents in their order.

    Example:
        >>> digest({"a": b"1", "b": b"2"}) == digest({"b": b"2", "a": b"1"})
        True
    """
    found = hashlib.sha256()
    for path, content in sorted(files.items()):
        found.update(f"{path}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:_DIGEST_DIGITS]


@dataclass(frozen=True, slots=True)
class ConfigurationReport:
    """What became of a version at the edge.

    Attributes:
        edge: The edge.
        version: Which one; 0 where it could not be read.
        outcome: What became of it.
        why: Why, as a code; `WHY_TEXTS` has its sentences.
        detail: Where and what, in English, may be several lines.
        digest: Name of the files of that version; empty where they were not kept.
        at: When.
    """

    edge: str
    version: int
    outcome: Outcome
    why: Why
    detail: str
    digest: str
    at: Instant

    def encode(self) -> bytes:
        """Pack it; a long detail is cut."""
        head = [SCHEMA, KIND, self.edge, self.version, str(self.outcome), str(self.why)]
        return bytes(msgpack.packb([*head, self.detail[:_MOST_DETAIL], self.digest, *astuple(self.at)]))


def is_configuration_report(data: bytes) -> bool:
    """Whether a receipt row holds such a report; never raises."""
    try:
        row = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return False
    return isinstance(row, list) and row[1:2] == [KIND]


def decode_configuration_report(data: bytes) -> ConfigurationReport:
    """Read a report back.

    Raises:
        ContractError: Not a report of a known schema.
    """
    try:
        schema, kind, edge, version, outcome, why, detail, name, boot, mono_ns, wall_ns = msgpack.unpackb(
            data
        )
        at = Instant(str(boot), int(mono_ns), int(wall_ns))
        report = ConfigurationReport(
            str(edge), int(version), Outcome(outcome), Why(why), str(detail), str(name), at
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a configuration report") from error
    if schema != SCHEMA or kind != KIND or not _are_counts((report.version, at.mono_ns, at.wall_ns)):
        raise ContractError("not a configuration report of a known schema")
    return report
