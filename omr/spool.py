"""Many pages onto one small PDF: page contents go to disk as they come, so memory stays flat at any number of sheets.

The base holds the forms, the fonts and one specimen page of each kind. It can be finished only when all text is
known, so contents wait in a temporary file; then base and pages are written one after the other, as an incremental
update (ISO 32000-1, 7.5.6) whose page tree takes the place of the base's.
"""

from __future__ import annotations

import re
import zlib
from array import array
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import pikepdf

FAN_OUT = 500  # pages below one node of the page tree


class PageSpool:
    """Pages in order, each of a `kind`: the number of the specimen page whose size and resources it shares."""

    def __init__(self, folder: Path) -> None:
        self._contents = TemporaryFile(dir=folder)  # noqa: SIM115  # it lives until close, and has no name
        self._lengths = array("Q")
        self._kinds = array("H")

    def add(self, kind: int, operators: str) -> None:
        data = zlib.compress(operators.encode("latin-1"))
        self._contents.write(data)
        self._lengths.append(len(data))
        self._kinds.append(kind)

    def write(self, base: bytes, out: Path) -> None:
        """The whole file."""
        self._contents.seek(0)
        with out.open("wb") as file:
            file.write(base.rstrip() + b"\n")
            _Update(file, base).finish(self._contents, self._lengths, self._kinds)

    def close(self) -> None:
        self._contents.close()


class _Update:
    """The objects that follow the base, their places, and the table of them at the end."""

    def __init__(self, file: BinaryIO, base: bytes) -> None:
        self._file = file
        self._places = array("Q")
        found = re.findall(rb"startxref\s+(\d+)", base)
        self._previous = int(found[-1])
        with pikepdf.open(BytesIO(base)) as document:
            trailer = document.trailer
            self._first = int(trailer["/Size"])
            self._root, self._info = (trailer[key].objgen[0] for key in ("/Root", "/Info"))
            self._id = trailer["/ID"].unparse()
            self._tree = document.Root.Pages.objgen[0]
            self._kinds = [(p.obj["/MediaBox"].unparse(), p.obj["/Resources"].unparse()) for p in document.pages]

    def finish(self, contents: BinaryIO, lengths: array[int], kinds: array[int]) -> None:
        resources = [self._object(text) for _, text in self._kinds]
        nodes = range(0, len(lengths), FAN_OUT)
        # A page is two objects and each node of the tree follows its pages, so a node's number is known beforehand.
        node_numbers = []
        for start in nodes:
            members = range(start, min(start + FAN_OUT, len(lengths)))
            node = self._first + len(self._places) + 2 * len(members)
            pages = [self._page(contents.read(lengths[i]), kinds[i], resources, node) for i in members]
            refs = b" ".join(b"%d 0 R" % page for page in pages)
            self._object(b"<</Type/Pages/Parent %d 0 R/Count %d/Kids[%s]>>" % (self._tree, len(pages), refs))
            node_numbers.append(node)
        kids = b" ".join(b"%d 0 R" % node for node in node_numbers)
        tree = self._file.tell()
        self._file.write(b"%d 0 obj\n<</Type/Pages/Count %d/Kids[%s]>>\nendobj\n" % (self._tree, len(lengths), kids))
        self._table(tree)

    def _page(self, data: bytes, kind: int, resources: list[int], parent: int) -> int:
        stream = self._object(b"<</Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream" % (len(data), data))
        box = self._kinds[kind][0]
        return self._object(
            b"<</Type/Page/Parent %d 0 R/MediaBox %s/Resources %d 0 R/Contents %d 0 R>>" % (parent, box, resources[kind], stream)
        )

    def _object(self, body: bytes) -> int:
        number = self._first + len(self._places)
        self._places.append(self._file.tell())
        self._file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        return number

    def _table(self, tree: int) -> None:
        start, size = self._file.tell(), self._first + len(self._places)
        self._file.write(b"xref\n%d 1\n%010d 00000 n \n%d %d\n" % (self._tree, tree, self._first, len(self._places)))
        for place in self._places:
            self._file.write(b"%010d 00000 n \n" % place)
        self._file.write(
            b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID %s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
            % (size, self._root, self._info, self._id, self._previous, start)
        )
