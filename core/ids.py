"""Names of things that travel outside: tokens that tell nothing, and the page code that is printed.

A page code is what every printed side carries: exam, paper, edition, sheet serial, side, check character.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CODE = re.compile(r"M1/([0-9A-Z]{1,8})/([0-9A-Z]{1,4})/([0-9A-Z]{1,2})/([0-9]{6,12})/([0-9])/([0-9A-Z])")


def new_token() -> str:
    """128 random bits, url-safe: for sessions, tasks, pictures. Never derived from what it names."""
    return secrets.token_urlsafe(16)


def check_character(text: str) -> str:
    """ISO 7064 MOD 37,36 over the digits and capitals of `text`: finds every single slip and swap."""
    p = 36
    for c in text:
        if c in ALPHABET:
            p = (p + ALPHABET.index(c)) % 36 or 36
            p = p * 2 % 37
    return ALPHABET[(37 - p) % 36]


@dataclass(frozen=True, slots=True)
class PageCode:
    exam: str
    paper: str
    edition: str
    serial: str
    side: int

    def __str__(self) -> str:
        body = f"M1/{self.exam}/{self.paper}/{self.edition}/{self.serial}/{self.side}"
        return f"{body}/{check_character(body)}"

    @classmethod
    def parse(cls, text: str) -> PageCode | None:
        """The page code that `text` spells, or None when it is not one or its check fails."""
        match = _CODE.fullmatch(text)
        if match is None or check_character(text[:-2]) != match.group(6):
            return None
        exam, paper, edition, serial, side = match.group(1, 2, 3, 4, 5)
        return cls(exam, paper, edition, serial, int(side))
