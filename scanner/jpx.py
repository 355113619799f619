"""JPEG 2000 -> grey. Only PDFs carry it; its library refuses what breaks off."""

from __future__ import annotations

from PIL import Image

from scanner.bounds import Channel, Grey, Limits, check_size, damaged
from scanner.pictures import BROKEN, open_picture
from scanner.samples import grey_of


def unpack_jpx(data: bytes, *, where: str, channel: Channel, limits: Limits) -> Grey:
    with open_picture(data, where=where) as picture:
        check_size(*picture.size, where=where, limits=limits, deep=len(picture.getbands()))
        try:
            picture.load()
            return grey_of(picture, channel)
        except (*BROKEN, Image.DecompressionBombError) as e:
            raise damaged("PDF's picture", where) from e
