"""Pictures in a folder, two levels deep by the hash's first digits; packs lie apart. A file under its final name is whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core.errors import NotFound, Unavailable
from core.store.packs import ASIDE, TRIAL, Bytes, Kept, contents, hash_of, lay_out, own_path, picture
from core.store.port import Stored

_AT_ONCE = 512  # buffers in one call of the kernel, which takes 1,024


class FolderStore:
    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise _cannot("written", root, e) from e

    def put(self, data: Bytes) -> str:
        sha256 = hash_of(data)
        path = self.root / own_path(sha256)
        try:
            folders = _make_folder(path.parent, self.root)
            if not _touched(path):
                _write_durably(path, [data])
            # Also when it was there: whoever renamed it may have died before its folder reached the disk.
            for folder in sorted(folders | {path.parent}):
                _sync_folder(folder)
        except OSError as e:
            raise _cannot("written", path.parent, e) from e
        return sha256

    def put_pack(self, pictures: Sequence[Bytes], hashes: Sequence[str] = ()) -> list[Kept]:
        if not pictures:
            return []
        name, kept = lay_out(pictures, hashes)
        path = self.root / name
        try:
            folders = _make_folder(path.parent, self.root)
            _write_durably(path, [*pictures, contents(kept)])
            for folder in sorted(folders | {path.parent}):
                _sync_folder(folder)
        except OSError as e:
            raise _cannot("written", path.parent, e) from e
        return kept

    def get(self, sha256: str, place: str = "") -> bytes:
        return picture(self.read, sha256, place)

    def has(self, sha256: str) -> bool:
        return (self.root / own_path(sha256)).exists()

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        try:
            fd = os.open(self.root / path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return _read(fd, start, os.fstat(fd).st_size if length is None else length)
            finally:
                os.close(fd)
        except FileNotFoundError:
            raise NotFound("the picture is not in the store.", where=path.rpartition("/")[2]) from None
        except OSError as e:
            raise _cannot("read", self.root / path, e) from e

    def listing(self) -> Iterator[Stored]:
        try:
            yield from _listing(str(self.root), "")
        except OSError as e:
            raise _cannot("read", self.root, e) from e

    def set_aside(self, path: str) -> datetime:
        return self._move(path, f"{ASIDE}/{path}")

    def put_back(self, path: str) -> bool:
        try:
            self._move(f"{ASIDE}/{path}", path)
        except NotFound:
            return False
        return True

    def _move(self, path: str, to: str) -> datetime:
        """When it was last kept, asked after it moved: whoever kept it again before must have seen it in its old place."""
        source, target = self.root / path, self.root / to
        try:
            folders = _make_folder(target.parent, self.root)
            os.rename(source, target)
            for folder in sorted(folders | {target.parent, source.parent}):
                _sync_folder(folder)
            return datetime.fromtimestamp(target.stat().st_mtime, UTC)
        except FileNotFoundError:
            raise NotFound("the picture is not in the store.", where=path) from None
        except OSError as e:
            raise _cannot("written", target, e) from e

    def try_out(self) -> None:
        path = self.root / TRIAL / secrets.token_hex(8)
        try:
            _make_folder(path.parent, self.root)
            _write_durably(path, [b"trial"])
            path.unlink()
            with suppress(OSError):  # another's trial is under way
                path.parent.rmdir()
        except OSError as e:
            raise _cannot("written", self.root, e) from e

    def close(self) -> None:
        """Nothing is held open."""


def _cannot(done: str, where: Path, error: OSError) -> Unavailable:
    remedy = "Free space or rights, then send again." if done == "written" else "Look at the disk and its rights."
    return Unavailable(f"the picture store cannot be {done} ({error.strerror}).", where=str(where), remedy=remedy)


def _touched(path: Path) -> bool:
    """Whether it is there; it is young from now on, so that nobody who looks for orphans takes it for one."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        return path.exists()  # another's file, or a read-only disk: nobody can move it either
    return True


def _make_folder(folder: Path, root: Path) -> set[Path]:
    """Make `folder`; the folders whose entries changed and must reach the disk too. A root that is gone stays gone: its disk may be."""
    missing: list[Path] = []
    while folder != root and not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return {one.parent for one in missing}


def _write_durably(path: Path, parts: Sequence[Bytes]) -> None:
    """The parts in one file under its final name, or nothing."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        try:
            _write(fd, parts)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _read(fd: int, start: int, length: int) -> bytes:
    data = os.pread(fd, length, start)
    while len(data) < length and (more := os.pread(fd, length - len(data), start + len(data))):  # some file systems give less at a time
        data += more
    return data


def _write(fd: int, parts: Sequence[Bytes]) -> None:
    views = [memoryview(part) for part in parts if len(part)]
    for first in range(0, len(views), _AT_ONCE):
        chunk = views[first : first + _AT_ONCE]
        while chunk:
            written = os.writev(fd, chunk)
            while chunk and written >= len(chunk[0]):
                written -= len(chunk.pop(0))
            if chunk and written:
                chunk[0] = chunk[0][written:]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _listing(folder: str, prefix: str) -> Iterator[Stored]:
    with os.scandir(folder) as entries:
        found = sorted((f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry) for entry in entries)
    for name, entry in found:
        if name.endswith("/"):
            yield from _listing(entry.path, prefix + name)
            continue
        with suppress(FileNotFoundError):  # a draft that got its name meanwhile
            status = entry.stat(follow_symlinks=False)
            yield Stored(prefix + name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
