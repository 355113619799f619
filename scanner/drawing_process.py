"""The program of the drawing process: PDF documents come in, bitmaps go out. It is run as a file and imports no room."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

_NAMES = {
    pdfium.FPDFBitmap_Gray: "L",
    pdfium.FPDFBitmap_BGR: "BGR",
    pdfium.FPDFBitmap_BGRx: "BGRX",
    pdfium.FPDFBitmap_BGRA: "BGRA",
}


def main(memory: int) -> None:
    """Answer until the one who asks is gone."""
    _bound(memory)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    asked, document = sys.stdin.buffer, None
    while line := asked.readline():
        task = json.loads(line)
        try:
            if task["do"] == "open":
                if document is not None:
                    document.close()
                document = None
                data = asked.read(task["bytes"])
                document = pypdfium2.PdfDocument(data)
                _answer(answers, {})
            elif document is None:
                _answer(answers, {"error": "no document"})
            else:
                _do(answers, document, task)
        except (pypdfium2.PdfiumError, MemoryError, ValueError, IndexError, KeyError, RuntimeError) as e:
            _answer(answers, {"error": repr(e)})


def _do(answers: BinaryIO, document: Any, task: dict[str, Any]) -> None:
    page = document[task["page"] - 1]
    try:
        if task["do"] == "size":
            width, height = page.get_size()
            _answer(answers, {"width": width, "height": height})
        elif task["do"] == "draw":
            _bitmap(answers, page.render(scale=task["dpi"] / 72, grayscale=task["grey"]))
        else:
            _bitmap(answers, _picture(page, task))
    finally:
        page.close()


def _picture(page: Any, task: dict[str, Any]) -> Any:
    for found in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=5):
        bitmap = found.get_bitmap(render=False)
        if (bitmap.width, bitmap.height) == (task["width"], task["height"]):
            return bitmap
    raise ValueError("no such picture")


def _bitmap(answers: BinaryIO, bitmap: Any) -> None:
    data = memoryview(bitmap.buffer).cast("B")
    said = {"width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride, "mode": _NAMES[bitmap.format], "bytes": len(data)}
    _answer(answers, said, data)


def _answer(answers: BinaryIO, said: dict[str, Any], body: bytes | memoryview = b"") -> None:
    answers.write(json.dumps(said).encode() + b"\n")
    answers.write(body)
    answers.flush()


def _bound(memory: int) -> None:
    """No more memory than that; a system that cannot bound it (Windows) is left as it is."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main(int(sys.argv[1]))
