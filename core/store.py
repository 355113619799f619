"""The picture store: bytes kept by their SHA-256, durable before anyone is told so (law 4, law 5).

A frame that a station sends is a file of its own. What a reader cuts out of a chunk of pages is one pack: one file,
one wait for the disk, and not twenty million files. A pack ends with the list of what is in it, so that it explains
itself; where a picture lies in one is kept in its row (`core.pictures`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from core.errors import NotFound, Unavailable

PACK = "markhall-pack/1"
_AT_ONCE = 512  # parts of one write; an operating system takes at most 1,024


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that is on the disk."""

    sha256: str
    size: int
    place: str = ""  # pack:offset:length; empty for a file of its own


class PictureStore(Protocol):
    def put(self, data: bytes) -> str:
        """Keep `data` as a file of its own; its hash, once it is durable."""

    def put_pack(self, pictures: Sequence[bytes], hashes: Sequence[str] = ()) -> list[Kept]:
        """Keep all of them in one file, with one wait for the disk; what they are, in order, once all are durable.

        `hashes`: of callers that have just computed them from these very bytes; hashing costs more than writing.
        """

    def get(self, sha256: str, place: str = "") -> bytes: ...

    def has(self, sha256: str) -> bool:
        """Whether it is there as a file of its own."""


class FolderStore:
    """A folder, two levels deep by the hash's first digits; packs lie apart. A file under its final name is whole."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def put(self, data: bytes) -> str:
        sha256 = _hash(data)
        path = self._path(sha256)
        folders = _make_folder(path.parent, self.root)
        if not path.exists():
            _write_durably(path, [data])
        # Also when it was there: whoever renamed it may have died before its folder reached the disk.
        for folder in sorted(folders | {path.parent}):
            _sync_folder(folder)
        return sha256

    def put_pack(self, pictures: Sequence[bytes], hashes: Sequence[str] = ()) -> list[Kept]:
        if not pictures:
            return []
        name = secrets.token_hex(16)
        pack = f"packs/{name[:2]}/{name}"
        kept, offset = [], 0
        for data, sha256 in zip(pictures, hashes or map(_hash, pictures), strict=True):
            kept.append(Kept(sha256, len(data), f"{pack}:{offset}:{len(data)}"))
            offset += len(data)
        path = self.root / pack
        folders = _make_folder(path.parent, self.root)
        _write_durably(path, [*pictures, _contents(kept)])
        for folder in sorted(folders | {path.parent}):
            _sync_folder(folder)
        return kept

    def get(self, sha256: str, place: str = "") -> bytes:
        try:
            return self._from_pack(place) if place else self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound("the picture is not in the store.", where=sha256) from None

    def _from_pack(self, place: str) -> bytes:
        pack, offset, length = place.rsplit(":", 2)
        with (self.root / pack).open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), int(length), int(offset))
        if len(data) != int(length):
            raise NotFound("the pack breaks off before the picture's end.", where=place)
        return data

    def has(self, sha256: str) -> bool:
        return self._path(sha256).exists()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _contents(kept: Sequence[Kept]) -> bytes:
    """The last line of a pack: each picture's hash and length, in the order in which they lie there."""
    body = {"format": PACK, "pictures": [[one.sha256, one.size] for one in kept]}
    return b"\n" + json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _make_folder(folder: Path, root: Path) -> set[Path]:
    """Make `folder`; the folders whose entries changed and must reach the disk too."""
    changed: set[Path] = set()
    while not folder.exists():
        changed.add(folder.parent)
        if folder == root:
            break
        folder = folder.parent
    for parent in sorted(changed):
        parent.mkdir(exist_ok=True)
    return changed


def _write_durably(path: Path, parts: Sequence[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        for n in range(0, len(parts), _AT_ONCE):
            _write_all(fd, parts[n : n + _AT_ONCE])
        os.fsync(fd)
    except OSError as e:
        draft.unlink(missing_ok=True)
        raise Unavailable(
            f"the picture store cannot be written ({e.strerror}).", where=str(path.parent), remedy="Free space or rights, then send again."
        ) from e
    finally:
        os.close(fd)
    os.rename(draft, path)


def _write_all(fd: int, parts: Sequence[bytes]) -> None:
    """All parts by one call where the disk takes them; joined first only where it takes less."""
    written, size = os.writev(fd, parts), sum(map(len, parts))
    if written < size:
        view = memoryview(b"".join(parts))[written:]
        while view:
            view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_store(url: str) -> PictureStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    raise Unavailable(f"the store address {parts.scheme}:// is not supported.", where="MARKHALL_STORE_URL", remedy="Use file:///folder.")
