"""Where pictures lie: the paths of objects, and how a pack is laid out. A pack ends with the list of what is in it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import NotFound

Bytes = bytes | bytearray | memoryview

PACK = "markhall-pack/1"
ASIDE = "orphans"  # what no row named, moved here by a person's order
TRIAL = "trials"  # what `try_out` writes and removes
_OWN = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_PACK = re.compile(r"packs/([0-9a-f]{2})/(\1[0-9a-f]{30})")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that is on the disk."""

    sha256: str
    size: int
    place: str = ""  # pack:offset:length; empty for an object of its own


def own_path(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def own_hash(path: str) -> str | None:
    """The hash of the picture that lies at `path` as an object of its own; None where it is something else."""
    found = _OWN.fullmatch(path)
    return found[3] if found else None


def is_pack(path: str) -> bool:
    return _PACK.fullmatch(path) is not None


def is_draft(path: str) -> bool:
    """What a process that was killed while it wrote left behind, in a folder."""
    folder, _, name = path.rpartition("/")
    whole = f"{folder}/{name[1:].rpartition('.')[0]}"
    return name.startswith(".") and (own_hash(whole) is not None or is_pack(whole))


def lay_out(pictures: Sequence[Bytes], hashes: Sequence[str]) -> tuple[str, list[Kept]]:
    """A new pack's path, and where in it each picture will lie."""
    name = secrets.token_hex(16)
    path = f"packs/{name[:2]}/{name}"
    kept, offset = [], 0
    for data, sha256 in zip(pictures, hashes or map(hash_of, pictures), strict=True):
        kept.append(Kept(sha256, len(data), f"{path}:{offset}:{len(data)}"))
        offset += len(data)
    return path, kept


def hash_of(data: Bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def contents(kept: Sequence[Kept]) -> bytes:
    """The last line of a pack: each picture's hash and length, in the order in which they lie there."""
    body = {"format": PACK, "pictures": [[one.sha256, one.size] for one in kept]}
    return b"\n" + json.dumps(body, separators=(",", ":")).encode() + b"\n"


def contents_size(sizes: Sequence[int]) -> int:
    """How long the last line of a pack with pictures of these sizes is."""
    return len(contents([Kept("0" * 64, size) for size in sizes]))


def contents_of(pack: str, tail: bytes) -> list[Kept] | None:
    """What is in a pack, from its last bytes; None when its last line begins before them."""
    begin = tail.rfind(b"\n", 0, -1)
    if begin < 0:
        return None
    try:
        body = json.loads(tail[begin:])
        if body["format"] != PACK:
            raise ValueError(body["format"])
        entries = [(str(sha256), int(size)) for sha256, size in body["pictures"]]
    except (ValueError, KeyError, TypeError):
        raise NotFound("the pack does not end with a list of what is in it.", where=pack) from None
    kept, offset = [], 0
    for sha256, size in entries:
        kept.append(Kept(sha256, size, f"{pack}:{offset}:{size}"))
        offset += size
    return kept


def picture(read: Callable[[str, int, int | None], bytes], sha256: str, place: str) -> bytes:
    """What a store's `read` gives of a picture: its object, or its range of a pack."""
    if not place:
        return read(own_path(sha256), 0, None)
    pack, offset, length = split_place(place)
    data = read(pack, offset, length)
    if len(data) != length:
        raise NotFound("the pack breaks off before the picture's end.", where=place)
    return data


def split_place(place: str) -> tuple[str, int, int]:
    pack, offset, length = place.rsplit(":", 2)
    return pack, int(offset), int(length)
