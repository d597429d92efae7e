"""Buckets as files and back, by the server's own backup of its shards (docs/adr/0034).

What the server copies is what it had when it was asked, or more. Its answer also holds its tokens and people;
they are read past and never kept.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from influxdb_client.rest import ApiException
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from hub.store.influx.place import InfluxPlace
from hub.store.influx.server import InfluxServer
from protocols.errors import StoreDeniedError, StoreError

_INDEX: Final = "buckets.json"
"""What the server says of the buckets; beside it is one packed tar a shard, named by its number."""
_UNFINISHED: Final = "-restoring"
"""Behind the names of buckets that are not whole yet, so that nobody takes them for what they will be."""

_PATIENCE: Final = Timeout(connect=20.0, read=600.0)
"""A server that flushes a large shard before it sends, or that takes one in, is silent meanwhile."""
_WAITS_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_CHUNK: Final = 1 << 20
_TSM: Final = bytes.fromhex("16d116d1")
_NOT_FOUND: Final = 404


class CopyingServer(InfluxServer):
    """A server whose buckets are copied; it asks for the token of an operator."""

    def take(self, folder: Path) -> None:
        """Copy the buckets of the place into a folder.

        Raises:
            StoreDeniedError: The token may not, or a bucket is missing.
            StoreError: The server is away, or too old.
            OSError: The disk refused.
        """
        folder.mkdir()
        manifests = self._manifests()
        for manifest in manifests:
            for shard in _shards(manifest):
                self._take_shard(shard, folder / f"{shard}.tar.gz")
        (folder / _INDEX).write_text(json.dumps(manifests), encoding="utf-8")

    def put(self, folder: Path) -> None:
        """Make the buckets of the place out of a folder; all of them, or none.

        Raises:
            StoreDeniedError: The token may not, or there is no such organisation.
            StoreError: A bucket of that name is there, the server is away, or the folder is damaged.
        """
        manifests = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        names = [bucket.name for bucket in self.place.buckets()]
        self._refuse_what_is_there(names)
        org = self._organisation()
        unfinished = [name + _UNFINISHED for name in names]
        self._drop(unfinished)  # of a restore that was killed
        try:
            for manifest, name in zip(manifests, unfinished, strict=True):
                mine = {"organizationID": org, "organizationName": self.place.org, "bucketName": name}
                for old, new in self._make({**manifest, **mine}).items():
                    file = folder / f"{old}.tar.gz"
                    if file.exists():
                        self._put_shard(new, file)
            for name in names:
                self._rename(name + _UNFINISHED, name)
        except BaseException:
            self._drop([*unfinished, *names])
            raise

    def drop(self) -> None:
        """Remove the buckets of the place and all that is in them.

        Raises:
            StoreError: The server is away, or the token may not.
        """
        self._drop([bucket.name for bucket in self.place.buckets()])

    def _manifests(self) -> list[dict[str, Any]]:
        """What the server says of each bucket of the place, those of samples first."""
        header = {"Accept": "multipart/mixed"}
        with self._fetched("/api/v2/backup/metadata", header) as response:
            kind, data = response.headers.get("Content-Type", ""), response.read()
        found = {
            one["bucketName"]: one
            for one in json.loads(_part(kind, data, "buckets"))
            if one["organizationName"] == self.place.org
        }
        names = [bucket.name for bucket in self.place.buckets()]
        missing = [name for name in names if name not in found]
        if missing:
            raise StoreDeniedError(
                f"InfluxDB at {self.place.url} has no bucket {', '.join(missing)} in {self.place.org!r}; "
                "run `ems hub init`, then back up"
            )
        return [found[name] for name in names]

    def _take_shard(self, shard: int, target: Path) -> None:
        """One shard; one whose time is over and that the server has let go meanwhile is left out."""
        try:
            response = self._fetched(f"/api/v2/backup/shards/{shard}", {"Accept-Encoding": "gzip"})
        except StoreDeniedError as error:
            if error.context.get("status") == _NOT_FOUND:
                return
            raise
        packed = response.headers.get("Content-Encoding") == "gzip"
        try:
            with response, target.open("xb") as plain, ExitStack() as opened:
                file = plain if packed else opened.enter_context(gzip.GzipFile("", "wb", 1, plain))
                for chunk in response.stream(_CHUNK, decode_content=False):
                    file.write(chunk)
        except HTTPError as error:
            raise self._away(error) from error

    def _make(self, manifest: Mapping[str, Any]) -> dict[int, int]:
        """Make a bucket and its empty shards; new numbers of shards by old ones."""
        body = json.dumps(manifest).encode()
        header = {"Content-Type": "application/json"}
        with self._patient("POST", "/api/v2/restore/bucketMetadata", header, body) as response:
            answer = json.loads(response.read())
        return {int(one["oldId"]): int(one["newId"]) for one in answer.get("shardMappings") or ()}

    def _put_shard(self, shard: int, file: Path) -> None:
        header = {
            "Content-Type": "application/octet-stream", "Content-Encoding": "gzip",
            "Content-Length": str(file.stat().st_size),
        }  # fmt: skip
        with file.open("rb") as body:
            self._patient("POST", f"/api/v2/restore/shards/{shard}", header, body).read()

    def _rename(self, old: str, new: str) -> None:
        api = self._client.buckets_api()
        found = self._answered(partial(api.find_bucket_by_name, old))
        found.name = new
        self._answered(partial(api.update_bucket, found))

    def _refuse_what_is_there(self, names: Sequence[str]) -> None:
        api = self._client.buckets_api()
        there = self._answered(lambda: [name for name in names if api.find_bucket_by_name(name) is not None])
        if there:
            raise StoreError(
                f"InfluxDB at {self.place.url} has {', '.join(there)} already, and nothing is overwritten: "
                "name another bucket by --store-bucket; or use them as they are by --buckets-stay, where "
                "they outlived the hub"
            )

    def _organisation(self) -> str:
        api = self._client.organizations_api()
        found: Sequence[Any] = self._answered(partial(api.find_organizations, org=self.place.org))
        if not found:
            raise StoreDeniedError(
                f"InfluxDB at {self.place.url} shows no organisation {self.place.org!r} to this token; check "
                "--store-org, and name the file of the token of an operator by --store-token-file"
            )
        return str(found[0].id)

    def _drop(self, names: Iterable[str]) -> None:
        api = self._client.buckets_api()
        for name in names:
            found = self._answered(partial(api.find_bucket_by_name, name))
            if found is not None:
                self._answered(partial(api.delete_bucket, found))

    def _answered(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401  whatever was asked
        try:
            return ask()
        except ApiException as error:
            self._raise(error)
        except HTTPError as error:
            raise self._away(error) from error

    def _fetched(self, path: str, header: Mapping[str, str]) -> Any:  # noqa: ANN401  the client's own answer
        """As `_patient`; a server that is just writing a shard out answers 500, and is asked again."""
        for wait_s in _WAITS_S:
            try:
                return self._patient("GET", path, header)
            except StoreDeniedError:
                raise
            except StoreError as error:
                if "status" not in error.context:
                    raise
            time.sleep(wait_s)
        return self._patient("GET", path, header)

    def _patient(self, method: str, path: str, header: Mapping[str, str], body: object = None) -> Any:  # noqa: ANN401  the client's own answer
        """An answer that is not read yet, of a request that may take long."""
        client = self._client.api_client
        try:
            response = client.rest_client.pool_manager.request(
                method, self.place.url + path, body=body, headers={**client.default_headers, **header},
                preload_content=False, timeout=_PATIENCE, retries=False,
            )  # fmt: skip
        except HTTPError as error:
            raise self._away(error) from error
        if not 200 <= response.status < 300:  # noqa: PLR2004  what HTTP calls success
            self._refused(response)
        return response

    def _refused(self, response: Any) -> None:  # noqa: ANN401  the client's own answer
        said = response.read().decode(errors="replace")[:400]
        if response.status in {401, 403}:
            raise StoreDeniedError(
                f"InfluxDB at {self.place.url} answered {response.status}: {said}; buckets are copied and "
                "made again with the token of an operator: name its file by --store-token-file"
            )
        if response.status == _NOT_FOUND:
            raise StoreDeniedError(
                f"InfluxDB at {self.place.url} does not know {response.url}: {said}; "
                "backups need InfluxDB 2.1 or later",
                status=_NOT_FOUND,
            )
        raise StoreError(f"InfluxDB at {self.place.url} answered: {said}", status=response.status)

    def _away(self, error: Exception) -> StoreError:
        return StoreError(f"InfluxDB at {self.place.url} does not answer: {error}")


def faults_of(folder: Path) -> Iterator[str]:
    """What is wrong with copied shards: each is unpacked to its end, its files begin as such files do."""
    for file in sorted(folder.glob("*.tar.gz")):
        try:
            with tarfile.open(file, "r:gz") as tar:
                for member in tar:
                    body = tar.extractfile(member) if member.isreg() else None
                    if body is not None and member.name.endswith(".tsm") and body.read(4) != _TSM:
                        yield f"{folder.name}/{file.name}: {member.name} is no file of samples"
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            yield f"{folder.name}/{file.name} cannot be read: {error}"


def drop_buckets(place: InfluxPlace) -> None:
    """Remove the buckets of a place and all that is in them.

    Raises:
        StoreError: The server is away, or the token may not.
    """
    server = CopyingServer(place)
    try:
        server.drop()
    finally:
        server.close()


def _shards(manifest: Mapping[str, Any]) -> Iterator[int]:
    for policy in manifest["retentionPolicies"]:
        for group in policy["shardGroups"] or ():
            for shard in () if group.get("deletedAt") else group["shards"]:
                yield int(shard["id"])


def _part(kind: str, data: bytes, name: str) -> bytes:
    """A named part of an answer in parts."""
    _, _, boundary = kind.partition("boundary=")
    for part in data.split(b"--" + boundary.strip('"').encode()) if boundary else ():
        head, _, body = part.partition(b"\r\n\r\n")
        if f'name="{name}"'.encode() in head or f"name={name}".encode() in head:
            return body.removesuffix(b"\r\n")
    raise StoreError(f"the answer of InfluxDB has no part {name!r}; is it version 2.1 or later?")
