"""The server: one write of bytes with our own retry, one query as columns, and what each answer means.

The client's own retry keeps blocks in memory and drops them at its end; here nobody gives up what is not
written: the caller gets an error and keeps the rows.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.dialect import Dialect
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from hub.store.influx import influxql
from hub.store.influx.place import Bucket, InfluxPlace
from protocols.errors import LinesRefusedError, StoreDeniedError, StoreError

_TIMEOUT_MS: Final = 20_000
_WAITS_S: Final = (0.1, 0.3, 1.0, 2.0)
"""Before each new try of the same bytes; after the last the caller tries again, from the bus. [s]"""

_MOST_WAIT_S: Final = 5.0
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_REFUSED: Final = frozenset({400, 413, 422})
_DO: Final = {
    401: "the token is wrong: put the right one into the file of --store-token-file or into EMS_INFLUX_TOKEN",
    403: "give a token that may read and write these buckets (and make them, for `ems hub init`)",
    404: "check --store-org and --store-bucket, or let `ems hub init` make the buckets",
}
"""Answers that no new try changes, and what a person has to do."""

_MESSAGE_CHARS: Final = 400
_ROWS_AT_ONCE: Final = 20_000
_CHUNK: Final = 1 << 18


class InfluxServer:
    """One server; used from one thread at a time."""

    def __init__(self, place: InfluxPlace) -> None:
        self.place = place
        self._client = InfluxDBClient(place.url, place.token(), org=place.org, timeout=_TIMEOUT_MS)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def write(self, bucket: str, lines: bytes) -> None:
        """Write lines and wait for the server's 204; the same bytes again while it is busy or away.

        Raises:
            LinesRefusedError: At least one line will never be taken; others may have been.
            StoreDeniedError: No right to write, or no such bucket.
            StoreError: Not written as far as known: away or busy.
        """
        body = gzip.compress(lines, 1)
        for wait_s in (*_WAITS_S, None):
            asked_s = 0.0
            try:
                self._post(bucket, body)
            except ApiException as error:
                if error.status not in _BUSY or wait_s is None:
                    self._raise(error)
                asked_s = _asked_wait_s(error)
            except HTTPError as error:
                if wait_s is None:
                    raise StoreError(f"InfluxDB at {self.place.url} takes no data: {error}") from error
            else:
                return
            time.sleep(max(wait_s or 0.0, asked_s))

    def query(self, flux: str) -> Iterator[dict[str, str]]:
        """Rows of a query, by name of column.

        Raises:
            StoreError: It cannot be answered now.
        """
        dialect = Dialect(header=True, annotations=[], date_time_format="RFC3339Nano")
        try:
            text = self._client.query_api().query_raw(flux, dialect=dialect).read().decode()
        except ApiException as error:
            self._raise(error)
        except HTTPError as error:
            raise StoreError(f"InfluxDB at {self.place.url} cannot be read: {error}") from error
        return _rows(text)

    def ask(self, bucket: str, influxql: str) -> Iterator[dict[str, Any]]:
        """Series in the answer to InfluxQL, some rows at a time, so that memory stays bounded.

        Raises:
            StoreDeniedError: The bucket may not be read, or is not there.
            StoreError: It cannot be answered now.
        """
        params = [("org", self.place.org), ("db", bucket), ("epoch", "ns"), ("chunked", "true")]
        try:
            response = self._client.api_client.call_api(
                "/query",
                "POST",
                query_params=[*params, ("chunk_size", str(_ROWS_AT_ONCE))],
                header_params={"Content-Type": "application/x-www-form-urlencoded"},
                post_params=[("q", influxql)],
                auth_settings=[],
                _preload_content=False,
                _return_http_data_only=True,
            )
            for line in _lines(response.stream(_CHUNK)):
                yield from self._series_of(_decoded(line))
        except ApiException as error:
            self._raise(error)
        except (HTTPError, ValueError) as error:
            raise StoreError(f"InfluxDB at {self.place.url} cannot be read: {error}") from error

    def _series_of(self, answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for result in answer.get("results", [answer]):
            if "error" in result:
                words = str(result["error"])[:_MESSAGE_CHARS]
                kind = StoreDeniedError if "not found" in words else StoreError
                raise kind(f"InfluxDB at {self.place.url} could not finish an answer: {words}")
            yield from result.get("series", ())

    def make_buckets(self) -> list[str]:
        """Make the buckets that are missing, and give all of them their retention.

        Returns:
            What was made or changed, in words.

        Raises:
            StoreDeniedError: The token may not, or there is no such organisation.
            StoreError: The server is away.
        """
        done: list[str] = []
        api = self._client.buckets_api()
        try:
            for bucket in self.place.buckets():
                found = api.find_bucket_by_name(bucket.name)
                if found is None:
                    api.create_bucket(
                        bucket_name=bucket.name, retention_rules=_rules(bucket), org=self.place.org
                    )
                    done.append(f"bucket {bucket.name} made, {_kept(bucket)}")
                elif sum(rule.every_seconds for rule in found.retention_rules) != bucket.keep_s:
                    found.retention_rules = _rules(bucket)
                    api.update_bucket(bucket=found)
                    done.append(f"bucket {bucket.name}: {_kept(bucket)} from now on")
        except ApiException as error:
            self._raise(error)
        except HTTPError as error:
            raise StoreError(f"InfluxDB at {self.place.url} does not answer: {error}") from error
        return done

    def has_samples(self) -> bool:
        """Whether the bucket of samples is there and has any.

        Raises:
            StoreDeniedError: The token is wrong, or may not.
            StoreError: The server is away.
        """
        try:
            found = self._client.buckets_api().find_bucket_by_name(self.place.bucket)
        except ApiException as error:
            self._raise(error)
        except HTTPError as error:
            raise StoreError(f"InfluxDB at {self.place.url} does not answer: {error}") from error
        return found is not None and any(True for _ in self.ask(self.place.bucket, influxql.ANY_SAMPLE))

    def check(self) -> None:
        """Look whether the samples' buckets are there and may be read.

        Raises:
            StoreDeniedError: A bucket is missing, or the token is wrong.
            StoreError: The server is away.
        """
        try:
            listed = self._client.buckets_api().find_buckets_iter(limit=100, org=self.place.org)
            found = {bucket.name for bucket in listed}
        except ApiException as error:
            self._raise(error)
        except HTTPError as error:
            raise StoreError(f"InfluxDB at {self.place.url} does not answer: {error}") from error
        missing = [bucket.name for bucket in self.place.buckets() if bucket.name not in found]
        if missing:
            raise StoreDeniedError(
                f"InfluxDB at {self.place.url} shows no bucket {', '.join(missing)} to this token; "
                "run `ems hub init` with one that may make them, or give this one the right to read and write"
            )

    def _post(self, bucket: str, body: bytes) -> None:
        self._client.api_client.call_api(
            "/api/v2/write",
            "POST",
            query_params=[("org", self.place.org), ("bucket", bucket), ("precision", "ns")],
            header_params={"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"},
            auth_settings=[],
            body=body,
        )

    def _raise(self, error: ApiException) -> NoReturn:
        words = _words(error)
        if error.status in _REFUSED:
            raise LinesRefusedError(words, status=error.status) from error
        if error.status in _DO:
            raise StoreDeniedError(
                f"InfluxDB at {self.place.url} answered {error.status} for organisation {self.place.org!r}, "
                f"bucket {self.place.bucket!r}: {words}; {_DO[error.status]}"
            ) from error
        raise StoreError(f"InfluxDB at {self.place.url} answered {error.status}: {words}") from error


def _asked_wait_s(error: ApiException) -> float:
    asked = str(error.headers.get("Retry-After", "")) if error.headers else ""
    return min(float(asked), _MOST_WAIT_S) if asked.isdigit() else 0.0


def _words(error: ApiException) -> str:
    """The server's own sentence."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        found = json.loads(body)
        text = str(found.get("message", body)) if isinstance(found, dict) else body
    except ValueError:
        text = body
    text = "".join(char if char.isprintable() else " " for char in text)
    return text[:_MESSAGE_CHARS] or str(error.reason)


def _rules(bucket: Bucket) -> list[dict[str, object]]:
    return [{"type": "expire", "everySeconds": bucket.keep_s}] if bucket.keep_s else []


def _kept(bucket: Bucket) -> str:
    return f"kept {bucket.keep_s // 86_400} days" if bucket.keep_s else "kept for ever"


def _decoded(line: bytes) -> dict[str, Any]:
    """A piece of an answer; `-0`, as the server writes the number below zero, is no whole number."""
    signed = b"-0," in line or b"-0]" in line
    found: dict[str, Any] = json.loads(line, parse_int=_whole) if signed else json.loads(line)
    return found


def _whole(text: str) -> int | float:
    return -0.0 if text == "-0" else int(text)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of an answer that comes in pieces."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def _rows(text: str) -> Iterator[dict[str, str]]:
    names: list[str] = []
    header = True
    for line in text.split("\r\n"):
        if not line:
            header = True
            continue
        cells = line.split(",")
        if header:
            names, header = cells, False
            continue
        if "error" in names:
            raise StoreError(f"InfluxDB could not finish an answer: {line[:_MESSAGE_CHARS]}")
        yield dict(zip(names, cells, strict=True))
