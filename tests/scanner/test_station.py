"""The station's client against a real server process on a real socket: nothing is lost, nothing is sent as something else."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import NotSignedIn, Unavailable
from core.tables import Picture
from scanner import intake, sending
from scanner.station import DONE, REFUSED, Plan, Sent, send_folder, watch_folder
from tests.omr.hall import Hall, open_hall
from tests.scanner.intake_server import Server, serving


@pytest.fixture
def hall(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(sqlite_url, redis_url, tmp_path / "home")
    yield opened
    opened.site.close()


@pytest.fixture
def server(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(sending, "FIRST_WAIT", 0.01)
    with serving(hall) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "batch-1"
    made.mkdir()
    for sequence in (1, 2):
        for face in (1, 2):
            (made / f"{sequence:05d}-{face}.jpg").write_bytes(f"\xff\xd8\xff{sequence}-{face}".encode("latin-1"))
    return made


def send(server: Server, folder: Path, **options: Any) -> Sent:
    return send_folder(folder, server.url, "T1", "A", server.token, batch="b1", **{"patience": 20.0} | options)


def states(server: Server) -> dict[str, int]:
    return intake.batch_view(server.site, server.exam_id, "A", "b1").states


def test_a_folder_arrives_whole_and_is_put_away(server: Server, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    sent = send(server, folder, progress=lambda done, total: seen.append((done, total)))
    assert (sent.frames, sent.sent, sent.received, sent.declared, sent.complete, sent.refused) == (4, 4, 4, 4, True, ())
    assert sorted(f.name for f in (folder / DONE).iterdir()) == ["00001-1.jpg", "00001-2.jpg", "00002-1.jpg", "00002-2.jpg"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_server_that_is_away_for_a_while_is_waited_for(server: Server, folder: Path) -> None:
    server.fail = [503, 502, 429, 500]
    assert send(server, folder).complete


def test_a_server_that_stays_away_costs_nothing(server: Server, folder: Path) -> None:
    with pytest.raises(Unavailable, match="stays in the folder"):
        send_folder(folder, "http://127.0.0.1:9", "T1", "A", server.token, batch="b1", patience=0.05)
    assert len([f for f in folder.iterdir() if f.suffix == ".jpg"]) == 4
    assert send(server, folder).complete


def test_an_acknowledgement_that_is_lost_makes_no_second_frame(server: Server, folder: Path) -> None:
    server.forget = 3
    assert send(server, folder).received == 4
    assert len(server.frames) == 7


def test_a_station_that_was_switched_off_sends_only_what_was_not_acknowledged(server: Server, folder: Path) -> None:
    server.fail = [401]
    with pytest.raises(NotSignedIn):
        send(server, folder)
    before = len(server.frames)
    assert send(server, folder).complete
    assert len(server.frames) == 4
    assert before < 4
    assert send(server, folder).complete


def test_a_line_that_a_power_failure_cut_off_is_dropped(server: Server, folder: Path) -> None:
    journal = folder / ".markhall-journal"
    journal.write_bytes(b'{"file": "00001-1.jpg", "page": 0, "place": [1, 1]}\n{"sent": [1, 1], "sha2')
    assert send(server, folder).complete
    assert len(server.frames) == 4
    assert all(json.loads(line) for line in journal.read_text("utf-8").splitlines())


def test_a_wrong_token_is_said_at_once(server: Server, folder: Path) -> None:
    with pytest.raises(NotSignedIn, match="token is not known"):
        send_folder(folder, server.url, "T1", "A", "wrong", batch="b1")


def test_another_picture_under_a_name_that_was_sent_is_refused_and_kept_beside_its_reason(server: Server, folder: Path) -> None:
    send(server, folder, close=False)
    (folder / "00001-1.jpg").write_bytes(b"\xff\xd8\xff another")
    sent = send(server, folder)
    assert not sent.complete
    assert "another picture has this place" in sent.refused[0]
    assert (folder / REFUSED / "00001-1.jpg").read_bytes() == b"\xff\xd8\xff another"
    assert "another picture has this place" in (folder / REFUSED / "00001-1.jpg.txt").read_text("utf-8")
    assert (folder / DONE / "00001-1.jpg").read_bytes() == b"\xff\xd8\xff1-1"


def test_files_with_any_names_get_places_in_order_and_keep_them(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "any"
    folder.mkdir()
    for name in ("scan b.jpg", "scan a.jpg", "scan c.jpg"):
        (folder / name).write_bytes(b"\xff\xd8\xff" + name.encode())
    assert send(server, folder, close=False).received == 3
    (folder / "scan 0.jpg").write_bytes(b"\xff\xd8\xfflate")
    assert send(server, folder).complete
    lines = [json.loads(line) for line in (folder / ".markhall-journal").read_text("utf-8").splitlines()]
    places = {line["file"]: line["place"] for line in lines if "file" in line}
    assert places == {"scan a.jpg": [1, 1], "scan b.jpg": [1, 2], "scan c.jpg": [2, 1], "scan 0.jpg": [2, 2]}


def test_a_tiff_of_many_pages_is_sent_page_by_page_and_a_broken_file_as_it_is(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    pages = [Image.new("L", (400, 500), shade) for shade in (200, 100, 50)]
    pages[0].save(folder / "many.tif", save_all=True, append_images=pages[1:])
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    sent = send(server, folder)
    assert (sent.frames, sent.complete) == (4, True)
    assert sorted(server.frames) == ["broken.pdf", "many.tif, page 1", "many.tif, page 2", "many.tif, page 3"]
    with server.site.database.read() as session:
        row = session.get_one(Picture, hashlib.sha256(b"%PDF-1.7 and no more").hexdigest())
        assert server.site.store.get(row.sha256, row.place) == b"%PDF-1.7 and no more"
    assert {f.name for f in (folder / DONE).iterdir()} == {"many.tif", "broken.pdf"}


def test_a_watched_folder_sends_each_subfolder_as_a_batch_and_retires_it(server: Server, folder: Path, tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    folder.rename(watched / "b1")
    said: list[str] = []
    plan = Plan("A", poll=0.05, once=True)
    assert watch_folder(watched, server.url, "T1", server.token, plan, stop=threading.Event(), say=said.append)
    assert states(server) == {"received": 4}
    assert (watched / DONE / "b1").is_dir()
    assert said == ["batch complete: b1: 4 frames, 4 on the server"]
