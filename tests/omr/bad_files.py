"""Files that a station might send and no reader can read, small enough to be made in a test."""

from __future__ import annotations

import io
import zlib

import pikepdf


def locked_pdf() -> bytes:
    sink = io.BytesIO()
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.save(sink, encryption=pikepdf.Encryption(user="secret", owner="secret"))
    return sink.getvalue()


def huge_png(side: int = 60_000) -> bytes:
    """A sound PNG of so many black and white pixels each way, packed to a few hundred kilobytes."""
    rows = zlib.compressobj(1)
    line = bytes(1 + side // 8)
    packed = b"".join(rows.compress(line) for _ in range(side)) + rows.flush()
    size = side.to_bytes(4, "big")
    chunks = ((b"IHDR", size + size + bytes((1, 0, 0, 0, 0))), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )
