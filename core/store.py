"""The picture store: bytes kept once, by their SHA-256, durable before anyone is told so (law 4, law 5)."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from core.errors import NotFound, Unavailable


class PictureStore(Protocol):
    def put(self, data: bytes) -> str:
        """Keep `data`; its hash, once it is durable."""

    def put_many(self, data: Iterable[bytes]) -> list[str]:
        """Keep all of them, with as few waits for the disk as can be; their hashes, once all are durable."""

    def get(self, sha256: str) -> bytes: ...

    def has(self, sha256: str) -> bool: ...


class FolderStore:
    """A folder, two levels deep by the hash's first digits. A file under its final name is whole."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def put(self, data: bytes) -> str:
        return self.put_many([data])[0]

    def put_many(self, data: Iterable[bytes]) -> list[str]:
        hashes: list[str] = []
        folders: set[Path] = set()
        for one in data:
            sha256 = hashlib.sha256(one).hexdigest()
            path = self._path(sha256)
            folders |= _make_folder(path.parent, self.root)
            if not path.exists():
                _write_durably(path, one)
            # Also when it was there: whoever renamed it may have died before its folder reached the disk.
            folders.add(path.parent)
            hashes.append(sha256)
        for folder in sorted(folders):
            _sync_folder(folder)
        return hashes

    def get(self, sha256: str) -> bytes:
        try:
            return self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound("the picture is not in the store.", where=sha256) from None

    def has(self, sha256: str) -> bool:
        return self._path(sha256).exists()


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


def _write_durably(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    except OSError as e:
        draft.unlink(missing_ok=True)
        raise Unavailable(
            f"the picture store cannot be written ({e.strerror}).", where=str(path.parent), remedy="Free space or rights, then send again."
        ) from e
    finally:
        os.close(fd)
    os.rename(draft, path)


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
