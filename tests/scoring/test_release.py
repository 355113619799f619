"""A release is drafted when the laws hold, signed by distinct people, published once, and checked without the database."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.errors import BadInput, Conflict, Forbidden, NotFound, NotProven
from core.exam import ExamDefinition
from core.loading import load_exam
from core.states import ReleaseState
from core.tables import AnswerRow, Candidate, CandidateDetails, Release, Score
from scoring import release as releases
from scoring.check import ReleaseCheck, verify_release
from scoring.export import export
from scoring.verify import verify
from scoring.view import release_view
from tests.scoring.hall import Hall, definition_again


def published(hall: Hall) -> int:
    number = releases.draft(hall.site, hall.exam.id, "user:1").number
    for login in ("office1", "chief1"):
        releases.sign(hall.site, hall.exam.id, number, hall.users[login])
    releases.publish(hall.site, hall.exam.id, number)
    return number


def scores(hall: Hall, number: int) -> dict[str, tuple[str, int, int, int | None]]:
    query = (
        select(CandidateDetails.number, Score.status, Score.numerator, Score.denominator, Score.published)
        .join(Score, Score.candidate_id == CandidateDetails.candidate_id)
        .join(Release, Release.id == Score.release_id)
        .where(Release.number == number)
    )
    with hall.site.database.read() as session:
        return {n: (str(status), a, b, c) for n, status, a, b, c in session.execute(query)}


def failed(check: ReleaseCheck) -> set[str]:
    return {c.name.en for c in check.checks if not c.holds}


def test_the_published_scores_are_the_exact_totals_rounded_once(hall: Hall) -> None:
    # 10000002: Q1 3, Q4 two of three right options 10/3, question 6 (4+5)/2, question 7 by the arbiter 3.
    assert scores(hall, published(hall)) == {
        "10000001": ("present", 3400, 1, 3400),
        "10000002": ("present", 4150, 3, 1400),
        "10000003": ("absent", 0, 1, None),
    }


def test_a_release_goes_from_draft_to_released(everywhere: Hall) -> None:
    site, exam = everywhere.site, everywhere.exam.id
    release = releases.draft(site, exam, "user:1")
    assert (release.number, release.state) == (1, ReleaseState.CHECKED)
    assert releases.sign(site, exam, 1, everywhere.users["office1"]).state is ReleaseState.CHECKED
    assert releases.sign(site, exam, 1, everywhere.users["chief1"]).state is ReleaseState.SIGNED
    assert releases.publish(site, exam, 1).state is ReleaseState.RELEASED
    assert [law.law for law in verify(site, exam) if not law.holds] == []


def test_nobody_signs_twice(hall: Hall) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    releases.sign(hall.site, hall.exam.id, 1, hall.users["office1"])
    with pytest.raises(Conflict, match="has signed already"):
        releases.sign(hall.site, hall.exam.id, 1, hall.users["office1"])


def test_a_marker_does_not_sign(hall: Hall) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    with pytest.raises(Forbidden, match="exam office"):
        releases.sign(hall.site, hall.exam.id, 1, hall.users["marker1"])


def test_one_signature_publishes_nothing(hall: Hall) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    releases.sign(hall.site, hall.exam.id, 1, hall.users["office1"])
    with pytest.raises(Conflict, match="only a signed one"):
        releases.publish(hall.site, hall.exam.id, 1)


def break_z4(hall: Hall) -> None:
    with hall.site.database.write() as session:
        first = session.scalars(select(AnswerRow.id).order_by(AnswerRow.id)).first()
        session.execute(update(AnswerRow).where(AnswerRow.id == first).values(second="C"))


def test_a_release_whose_laws_do_not_hold_is_not_signed(hall: Hall) -> None:
    break_z4(hall)
    assert releases.draft(hall.site, hall.exam.id, "user:1").state is ReleaseState.DRAFT
    with pytest.raises(NotProven, match=r"Z4 \(answers\)"):
        releases.sign(hall.site, hall.exam.id, 1, hall.users["office1"])


def test_two_people_override_a_law_with_a_reason(everywhere: Hall) -> None:
    site, exam = everywhere.site, everywhere.exam.id
    break_z4(everywhere)
    releases.draft(site, exam, "user:1")
    with pytest.raises(Conflict, match="written reason"):
        releases.override(site, exam, 1, law="Z4", user_id=everywhere.users["office1"], reason=" ")
    with pytest.raises(Conflict, match="nothing to override"):
        releases.override(site, exam, 1, law="Z5", user_id=everywhere.users["office1"], reason="why not")
    assert (
        releases.override(site, exam, 1, law="Z4", user_id=everywhere.users["office1"], reason="looked at by eye").state
        is ReleaseState.DRAFT
    )
    with pytest.raises(Conflict, match="a second person"):
        releases.override(site, exam, 1, law="Z4", user_id=everywhere.users["office1"], reason="again")
    assert releases.override(site, exam, 1, law="Z4", user_id=everywhere.users["chief1"], reason="so did I").state is ReleaseState.CHECKED
    for login in ("office1", "chief1"):
        releases.sign(site, exam, 1, everywhere.users[login])
    assert releases.publish(site, exam, 1).state is ReleaseState.RELEASED


def test_score_rows_that_were_touched_are_not_signed_and_break_z8(hall: Hall) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    with hall.site.database.write() as session:
        session.execute(update(Score).where(Score.published == 1400).values(published=1500))
    with pytest.raises(NotProven, match="not those that were drafted"):
        releases.sign(hall.site, hall.exam.id, 1, hall.users["office1"])
    laws = {law.law: law for law in verify(hall.site, hall.exam.id) if not law.holds}
    assert set(laws) == {"Z8"}
    assert "the score rows of release 1 were changed" in laws["Z8"].detail.en


def load_again(hall: Hall, **keys: str) -> ExamDefinition:
    """A later version of the definition, with other keys."""
    definition = definition_again(hall, **keys)
    load_exam(hall.site, definition, [], {}, [], by="user:1")
    return definition


def test_what_changed_since_the_draft_is_not_published(hall: Hall) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    for login in ("office1", "chief1"):
        releases.sign(hall.site, hall.exam.id, 1, hall.users[login])
    load_again(hall, Q1="C")
    with pytest.raises(NotProven, match="moved after it was drafted"):
        releases.publish(hall.site, hall.exam.id, 1)


def test_a_later_release_supersedes_with_a_diff(everywhere: Hall, tmp_path: Path) -> None:
    published(everywhere)
    load_again(everywhere, Q2="A")
    assert published(everywhere) == 2
    assert scores(everywhere, 2)["10000001"] == ("present", 3100, 1, 3100)
    folder = export(everywhere.site, everywhere.exam.id, 2, tmp_path / "two")
    changed = (folder / "changes.csv").read_text("utf-8").splitlines()
    assert [line.split(",", 1)[1] for line in changed[1:]] == ["M,present,34,present,31"]
    assert failed(verify_release(folder)) == set()
    with everywhere.site.database.read() as session:
        states = list(session.scalars(select(Release.state).order_by(Release.number)))
    assert states == [ReleaseState.SUPERSEDED, ReleaseState.RELEASED]
    assert failed(verify_release(export(everywhere.site, everywhere.exam.id, 1, tmp_path / "one"))) == set()


def test_a_release_folder_proves_itself(hall: Hall, tmp_path: Path) -> None:
    folder = export(hall.site, hall.exam.id, published(hall), tmp_path / "release")
    check = verify_release(folder)
    assert [c.detail for c in check.checks if not c.holds] == []
    assert (check.exam, check.number, len(check.checks)) == ("TEST", 1, 6)
    assert verify_release(folder, trusted=check.key).holds
    assert failed(verify_release(folder, trusted="0" * 32)) == {"the installation's signature"}


def test_a_candidates_number_stands_in_one_file_only(hall: Hall, tmp_path: Path) -> None:
    folder = export(hall.site, hall.exam.id, published(hall), tmp_path / "release")
    with hall.site.database.read() as session:
        assert session.scalars(select(Candidate.pseudonym)).first()
    found = [
        f.name for f in folder.rglob("*") if f.is_file() and ("10000001" in f.read_text("utf-8") or "考生1000" in f.read_text("utf-8"))
    ]
    assert found == ["scores.csv"]


def test_every_changed_byte_is_found(hall: Hall, tmp_path: Path) -> None:
    folder = export(hall.site, hall.exam.id, published(hall), tmp_path / "release")
    for path in sorted(f for f in folder.rglob("*") if f.is_file()):
        before = path.read_bytes()
        middle = len(before) // 2
        path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
        assert not verify_release(folder).holds, path.name
        path.write_bytes(before)
    (folder / "more.txt").write_text("one file too many")
    assert failed(verify_release(folder)) == {"file hashes"}


def test_a_score_that_was_raised_with_its_hash_is_found_by_the_ledger(hall: Hall, tmp_path: Path) -> None:
    folder = export(hall.site, hall.exam.id, published(hall), tmp_path / "release")
    path = folder / "scores.csv"
    path.write_text(path.read_text("utf-8").replace(",14,4150,3", ",15,4500,3"), encoding="utf-8")
    found = verify_release(folder)
    assert failed(found) == {"file hashes", "digest and signatures", "scores from the ledger"}
    assert "1500 is published, the ledger gives 1400" in next(c.detail for c in found.checks if c.name.en == "scores from the ledger")


def test_the_key_is_the_owners_alone(hall: Hall) -> None:
    published(hall)
    path = next((hall.site.settings.home / "keys").iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_an_empty_folder_and_a_published_release_are_exported(hall: Hall, tmp_path: Path) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    with pytest.raises(Conflict, match="only a published release"):
        export(hall.site, hall.exam.id, 1, tmp_path / "draft")
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        export(hall.site, hall.exam.id, 1, full)


def test_the_laws_are_kept_with_the_release(hall: Hall, tmp_path: Path) -> None:
    folder = export(hall.site, hall.exam.id, published(hall), tmp_path / "release")
    kept = json.loads((folder / "laws.json").read_text("utf-8"))
    assert [law["law"] for law in kept["laws"] if law["holds"]] == ["Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7", "Z8"]


def test_a_release_shows_who_signed_and_what_is_open(hall: Hall) -> None:
    break_z4(hall)
    releases.draft(hall.site, hall.exam.id, "user:1")
    view = release_view(hall.site, hall.exam.id)
    assert (view.number, view.state, view.failing, view.signatures, view.signatures_needed) == (1, "draft", ("Z4",), (), 2)
    for login in ("office1", "office2"):
        releases.override(hall.site, hall.exam.id, 1, law="Z4", user_id=hall.users[login], reason="seen")
    releases.sign(hall.site, hall.exam.id, 1, hall.users["office2"])
    view = release_view(hall.site, hall.exam.id, 1)
    assert (view.state, view.failing, [s.login for s in view.signatures]) == ("checked", (), ["office2"])
    assert json.loads(json.dumps(view.as_json()))["overrides"][0]["reason"] == "seen"
    with pytest.raises(NotFound, match="no such release"):
        release_view(hall.site, hall.exam.id, 2)
