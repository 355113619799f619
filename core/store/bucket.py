"""Pictures in an S3 bucket, under the same paths as in a folder. An object that a PUT was answered for is durable and whole.

The address is s3://bucket/prefix. Endpoint, region and keys come from the usual AWS_* variables (AWS_SESSION_TOKEN too,
with keys that expire); all but the keys may stand in the address: ?endpoint=https://...&region=...&path_style=true, and
?timeout=30&retry=10, in seconds.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from core.errors import NotFound, Unavailable
from core.store.packs import ASIDE, TRIAL, Bytes, Kept, contents, hash_of, lay_out, own_path, picture
from core.store.port import Stored

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

CONNECT, TIMEOUT, RETRY = 3.0, 30.0, 10.0  # seconds: for a connection, for one request, for trying one again
_KNOWN = {"endpoint", "region", "path_style", "sign_payload", "timeout", "retry"}
_YES = ("true", "1", "yes")
_LISTED = 1000
_SOME, _UNSPECIFIC = 120, "Look at its address and the network; what was to be kept is sent again."


@dataclass(frozen=True, slots=True)
class BucketAddress:
    bucket: str
    prefix: str
    endpoint: str  # empty: Amazon's own, by region
    region: str
    path_style: bool
    sign_payload: bool  # hash every body once more for its signature: where TLS does not guard it
    timeout: float
    retry: float

    @classmethod
    def read(cls, url: str, environment: Mapping[str, str] = os.environ) -> BucketAddress:
        parts = urlsplit(url)
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not parts.hostname or "@" in parts.netloc or not said.keys() <= _KNOWN:
            raise Unavailable(
                "the bucket's address cannot be understood.",
                where="MARKHALL_STORE_URL",
                remedy=f"Write s3://bucket/prefix; options: {', '.join(sorted(_KNOWN))}; keys stand in AWS_ACCESS_KEY_ID and others.",
            )
        named = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or environment.get("AWS_ENDPOINT") or ""
        endpoint = said.get("endpoint", named)
        style = said.get("path_style") or str(bool(endpoint))
        return cls(
            bucket=parts.netloc,
            prefix=unquote(parts.path).strip("/"),
            endpoint=endpoint,
            region=said.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
            path_style=style.lower() in _YES,
            sign_payload=(said.get("sign_payload") or str(endpoint.startswith("http://"))).lower() in _YES,
            timeout=_seconds(said, "timeout", TIMEOUT),
            retry=_seconds(said, "retry", RETRY),
        )

    @property
    def name(self) -> str:
        """As people meet it: no options, no keys."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + (f" at {self.endpoint}" if self.endpoint else "")


class BucketStore:
    def __init__(self, address: BucketAddress) -> None:
        self.address = address
        self._bucket = _connect(address)

    @classmethod
    def at(cls, url: str) -> BucketStore:
        return cls(BucketAddress.read(url))

    def put(self, data: Bytes) -> str:
        sha256 = hash_of(data)
        # Also when it is there: it becomes young, so that nobody who looks for orphans takes it for one.
        self._put(own_path(sha256), [data])
        return sha256

    def put_pack(self, pictures: Sequence[Bytes], hashes: Sequence[str] = ()) -> list[Kept]:
        if not pictures:
            return []
        path, kept = lay_out(pictures, hashes)
        self._put(path, [*pictures, contents(kept)])
        return kept

    def get(self, sha256: str, place: str = "") -> bytes:
        return picture(self.read, sha256, place)

    def has(self, sha256: str) -> bool:
        try:
            with self._asking(own_path(sha256)):
                obstore.head(self._bucket, own_path(sha256))
        except NotFound:
            return False
        return True

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            return b""
        try:
            with self._asking(path):
                if length is not None:
                    return obstore.get_range(self._bucket, path, start=start, length=length).to_bytes()
                return obstore.get(self._bucket, path).bytes().to_bytes()[start:]
        except _BeyondItsEnd:
            return b""

    def listing(self) -> Iterator[Stored]:
        with self._asking(""):
            for chunk in obstore.list(self._bucket, chunk_size=_LISTED):
                yield from (Stored(one["path"], one["size"], one["last_modified"]) for one in chunk)

    def set_aside(self, path: str) -> datetime:
        with self._asking(path):
            kept_at = obstore.head(self._bucket, path)["last_modified"]
            obstore.rename(self._bucket, path, f"{ASIDE}/{path}")
            return kept_at

    def put_back(self, path: str) -> bool:
        try:
            with self._asking(path):
                obstore.rename(self._bucket, f"{ASIDE}/{path}", path)
        except NotFound:
            return False
        return True

    def try_out(self) -> None:
        path, data = f"{TRIAL}/{secrets.token_hex(8)}", secrets.token_bytes(16)
        self._put(path, [data])
        with self._asking(path):
            if obstore.get(self._bucket, path).bytes().to_bytes() != data:
                raise Unavailable("the bucket does not give back what was put there.", where=self.address.name)
            obstore.delete(self._bucket, path)

    def close(self) -> None:
        """Connections close with the process."""

    def _put(self, path: str, parts: Sequence[Bytes]) -> None:
        with self._asking(path, writes=True):
            # In one request: parts of a broken upload in several would lie in the bucket unseen.
            obstore.put(self._bucket, path, parts[0] if len(parts) == 1 else iter(parts), use_multipart=False)

    @contextmanager
    def _asking(self, path: str, *, writes: bool = False) -> Iterator[None]:
        """What the bucket answers, as errors of this house."""
        name = self.address.name
        try:
            yield
        except FileNotFoundError as e:
            if writes or "NoSuchBucket" in str(e):
                raise Unavailable("there is no such bucket.", where=name, remedy="Make it, or correct the address.") from None
            raise NotFound("the picture is not in the store.", where=path.rpartition("/")[2]) from None
        except (PermissionDeniedError, UnauthenticatedError) as e:
            raise Unavailable(
                f"the bucket refuses its keys ({_reason(e)}).",
                where=name,
                remedy="Look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do.",
            ) from None
        except (BaseError, OSError, ValueError) as e:
            if " 416 " in str(e):
                raise _BeyondItsEnd from None
            if "NoSuchBucket" in str(e):
                raise Unavailable("there is no such bucket.", where=name, remedy="Make it, or correct the address.") from None
            raise Unavailable(f"the bucket does not answer as it should ({_reason(e)}).", where=name, remedy=_UNSPECIFIC) from None


class _BeyondItsEnd(Exception):
    """A range was asked for that begins behind the object's last byte."""


def _connect(address: BucketAddress) -> S3Store:
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT),
        "timeout": timedelta(seconds=address.timeout),
        "allow_http": address.endpoint.startswith("http://"),
    }
    authority = os.environ.get("AWS_CA_BUNDLE")
    if authority:
        client["root_certificate"] = Path(authority).read_bytes()
    retry: RetryConfig = {
        "max_retries": 8,
        "retry_timeout": timedelta(seconds=address.retry),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    }
    config: S3Config = {
        "region": address.region,
        "virtual_hosted_style_request": not address.path_style,
        "unsigned_payload": not address.sign_payload,
    }
    if address.endpoint:
        config["endpoint"] = address.endpoint
    try:
        return S3Store(address.bucket, prefix=address.prefix or None, config=config, client_options=client, retry_config=retry)
    except (BaseError, ValueError, OSError) as e:
        raise Unavailable(f"the bucket cannot be opened ({_reason(e)}).", where=address.name) from None


def _seconds(said: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(said.get(name, default))
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise Unavailable(f"{name}={said[name]} is no number of seconds.", where="MARKHALL_STORE_URL", remedy="Give 1 to 600.")
    return value


def _reason(error: Exception) -> str:
    """The last of what the library says on its first line: the cause, without the request's address."""
    first = str(error).partition("\n")[0]
    return first.rpartition(" - ")[2].strip()[:_SOME] or type(error).__name__
