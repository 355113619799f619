"""Passwords: their form, how many are computed at once, older forms made anew, and that an answer's time tells of nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api import auth, passwords
from core.errors import NotSignedIn
from core.site import Site
from core.tables import User
from tests.api.conftest import PASSWORD

OLDER = PasswordHasher(time_cost=1, memory_cost=16, parallelism=2)  # small, for speed: what counts is that it is another


def kept(site: Site, login: str) -> str:
    with site.database.read() as session:
        return session.scalars(select(User.password_hash).where(User.login == login)).one()


def keep(site: Site, login: str, password_hash: str) -> str:
    with site.database.write() as session:
        session.execute(update(User).where(User.login == login).values(password_hash=password_hash))
    return password_hash


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The forms in which a password was computed."""
    forms: list[str] = []
    verified = passwords._verified

    def note(kept: str, password: str) -> bool:
        forms.append(passwords.form_of(kept))
        return verified(kept, password)

    monkeypatch.setattr(passwords, "_verified", note)
    return forms


def test_passwords_are_kept_in_owasps_least_form(site: Site) -> None:
    assert kept(site, "wang").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.form_of(kept(site, "wang")) == passwords.FORM


def test_a_password_of_an_older_form_is_made_anew_when_its_owner_signs_in(site: Site) -> None:
    older = keep(site, "wang", OLDER.hash(PASSWORD))
    with pytest.raises(NotSignedIn):
        auth.sign_in(site, "wang", "another password")
    assert kept(site, "wang") == older
    auth.sign_in(site, "wang", PASSWORD)
    anew = kept(site, "wang")
    assert passwords.form_of(anew) == passwords.FORM
    auth.sign_in(site, "wang", PASSWORD)
    assert kept(site, "wang") == anew


def test_a_sign_in_does_not_fail_with_the_password_that_cannot_be_made_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    older = keep(site, "wang", OLDER.hash(PASSWORD))
    write, full = site.database.write, [True]

    @contextmanager
    def failing() -> Iterator[Session]:
        with write() as session:
            yield session
            if full.pop() if full else False:
                raise OperationalError("UPDATE", {}, Exception("the disk is full"))

    monkeypatch.setattr(site.database, "write", failing)
    token, person = auth.sign_in(site, "wang", PASSWORD)
    assert auth.person_of(site, token).login == person.login == "wang"
    assert kept(site, "wang") == older


def test_a_password_that_was_changed_meanwhile_is_not_put_back(site: Site) -> None:
    keep(site, "wang", OLDER.hash(PASSWORD))
    with site.database.read() as session:
        before = session.scalars(select(User).where(User.login == "wang")).one()
    other = keep(site, "wang", OLDER.hash("another password"))
    auth._hash_anew(site, before, PASSWORD)
    assert kept(site, "wang") == other


@pytest.mark.parametrize("some_are_older", [False, True])
def test_every_refusal_takes_as_much(site: Site, looked_at: list[str], some_are_older: bool) -> None:
    """Whether the login is known, and in which form its password is kept: the same forms are computed, each once."""
    if some_are_older:
        keep(site, "li", OLDER.hash(PASSWORD))
    taken = []
    for login in ("nobody", "wang", "li"):
        looked_at.clear()
        with pytest.raises(NotSignedIn):
            auth.check_password(site, login, "no such password")
        taken.append(sorted(looked_at))
    older = [passwords.form_of(OLDER.hash("x"))] if some_are_older else []
    assert taken == [sorted([passwords.FORM, *older])] * 3


def test_what_is_no_hash_is_nobodys_password(site: Site, looked_at: list[str]) -> None:
    keep(site, "wang", "-")
    with pytest.raises(NotSignedIn):
        auth.check_password(site, "wang", "-")
    assert looked_at[-1] == passwords.FORM


def test_only_a_few_are_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    most, under_way, lock = 0, 0, threading.Lock()

    class Slow:
        def hash(self, password: str) -> str:
            nonlocal most, under_way
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.005)
            with lock:
                under_way -= 1
            return password

    monkeypatch.setattr(passwords, "_hasher", Slow())
    with ThreadPoolExecutor(20) as pool:
        wait([pool.submit(passwords.hashed, "x") for _ in range(40)])
    assert most == passwords.AT_ONCE


def test_who_waits_to_sign_in_keeps_nobody_else_waiting(client: TestClient) -> None:
    """As many as there are threads for all other requests, and more."""
    for _ in range(passwords.AT_ONCE):
        passwords._turns.acquire()
    try:
        with ThreadPoolExecutor(60) as pool:
            waiting = [pool.submit(client.post, "/api/session", json={"login": "wang", "password": PASSWORD}) for _ in range(60)]
            time.sleep(0.3)
            health = threading.Thread(target=client.get, args=("/api/health",), daemon=True)
            health.start()
            health.join(10)
            answered = not health.is_alive()
            for _ in range(passwords.AT_ONCE):
                passwords._turns.release()
            assert {reply.result().status_code for reply in waiting} == {200}
            assert answered
    finally:
        while passwords._turns._value < passwords.AT_ONCE:
            passwords._turns.release()
