"""Whose session a token is, asked for many tokens at once. Only hashes of tokens are kept; `api.auth` writes sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, select

from core.errors import NotSignedIn
from core.questions import Asked, Question
from core.tables import Session, User

_ALIVE = Question(
    lambda among: (
        select(Session.token_hash, Session.user_id)
        .join(User, User.id == Session.user_id)
        .where(among(Session.token_hash, "digests"), Session.expires_at >= bindparam("now"), User.active)
    )
)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def alive(digests: Iterable[str], now: datetime) -> Asked:
    """(digest, user) of those sessions that have not ended, of people who are active."""
    return _ALIVE(digests=sorted(set(digests)), now=now)


def ended() -> NotSignedIn:
    return NotSignedIn("the session has ended.", remedy="Sign in again.")
