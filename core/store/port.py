"""What every picture store can do. Its laws are one test file that runs on each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.store.packs import Bytes, Kept


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as a listing shows it."""

    path: str
    size: int
    modified: datetime  # when it was last kept: keeping the same bytes again makes it young


class PictureStore(Protocol):
    def put(self, data: Bytes) -> str:
        """Keep `data` as an object of its own; its hash, once it is durable."""

    def put_pack(self, pictures: Sequence[Bytes], hashes: Sequence[str] = ()) -> list[Kept]:
        """Keep all of them in one object, with one wait for the disk; what they are, in order, once all are durable.

        `hashes`: of callers that have just computed them from these very bytes; hashing costs more than writing.
        """

    def get(self, sha256: str, place: str = "") -> bytes:
        """The picture: the whole object, or one range of a pack."""

    def has(self, sha256: str) -> bool:
        """Whether it is there as an object of its own."""

    def listing(self) -> Iterator[Stored]:
        """Everything that lies there, in the order of the paths' bytes, never all of it in memory."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Some bytes of an object, or all; fewer than `length` where it ends sooner."""

    def set_aside(self, path: str) -> datetime:
        """Move an object to ASIDE, where no reader looks; when it was last kept."""

    def put_back(self, path: str) -> bool:
        """Undo `set_aside`; whether it was there."""

    def try_out(self) -> None:
        """Write, read and remove a small object; an error says what cannot be done."""

    def close(self) -> None: ...
