"""The picture store: bytes kept by their SHA-256, durable before anyone is told so (law 4, law 5).

A picture is an object of its own, or lies in a pack. What a station sends together and what a reader cuts out of a
chunk of pages is one pack: one object, one wait for the disk, and not twenty million files. Where a picture lies in a
pack is kept in its row (`core.pictures`). A folder and an S3 bucket keep the same objects under the same paths.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.errors import Unavailable
from core.store.folder import FolderStore
from core.store.packs import ASIDE, PACK, Bytes, Kept, contents_of, contents_size
from core.store.port import PictureStore, Stored

__all__ = ["ASIDE", "PACK", "Bytes", "FolderStore", "Kept", "PictureStore", "Stored", "contents_of", "contents_size", "open_store"]


def open_store(url: str) -> PictureStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        from core.store.bucket import BucketStore

        return BucketStore.at(url)
    raise Unavailable(
        f"the store address {parts.scheme}:// is not supported.",
        where="MARKHALL_STORE_URL",
        remedy="Use file:///folder or s3://bucket/prefix.",
    )
