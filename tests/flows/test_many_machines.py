"""Several machines are the same program with three addresses changed: nothing is shared but a database, a queue and a bucket."""

from __future__ import annotations

import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from api.auth import add_user, grant_role
from api.demo import setting_up
from api.demo.folder import DemoFolder
from core.db import migrate
from core.loading import exam_by_code
from core.orphans import Tally, check_store
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, PageState, ReceiptState, TaskState
from core.tables import Attempt, Page, Receipt, Response, Task
from omr.warm import warm_up
from scanner.intake import register_station
from tests.parts.bucket import BucketServer
from tests.parts.machines import Machines

CANDIDATES = 40
WORKERS = ("reader-1", "reader-2", "reader-3")
PASSWORD = "a good long password"


@pytest.fixture
def machines(tmp_path: Path, postgres_url: str, redis_url: str, bucket_server: BucketServer, built_client: None) -> Iterator[Machines]:
    made = Machines(tmp_path, postgres_url, redis_url, bucket_server.make(f"hall-{secrets.token_hex(6)}"))
    yield made
    made.stop()


@pytest.fixture
def office(machines: Machines) -> Iterator[Site]:
    """The office's own machine: it loads the exam and looks at the rows. Its home is not the readers' either."""
    settings = Settings.from_environment(machines.environment("office"))
    migrate(settings.database_url)
    site = open_site(settings)
    yield site
    site.close()


def scanned(site: Site, folder: Path) -> tuple[int, list[Path]]:
    """The exam, loaded, printed, filled and scanned; the scans as two folders."""
    demo = DemoFolder(folder / "demo")
    demo.begin({"exam": "DEMO"})
    setting_up.write_exam(demo, CANDIDATES, 7)
    definition, roster = setting_up.load(site, demo)
    setting_up.print_all(demo, definition, roster, lambda done, total: None)
    setting_up.fill_and_scan(demo, definition, roster, 7, "none", lambda done, total: None)
    halves = [folder / "scans-a", folder / "scans-b"]
    sheets = sorted({(file.parent.name, file.stem.split("-")[0]) for file in (demo.paper / "scans").rglob("*-1.*")})
    for n, (batch, sheet) in enumerate(sheets):
        halves[n % 2].mkdir(exist_ok=True)
        for file in (demo.paper / "scans" / batch).glob(f"{sheet}-*"):
            shutil.copyfile(file, halves[n % 2] / f"{n + 1:05}-{file.name.split('-')[1]}")
    with site.database.read() as session:
        return exam_by_code(session, "DEMO").id, halves


def wait_for(so: Callable[[], bool], machines: Machines, what: str, seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, f"{what}\n" + "\n".join(f"{name}: {machines.log(name)[-1500:]}" for name in machines.running)
        time.sleep(0.01)


def running(site: Site) -> set[int]:
    """The process ids of readers that hold a chunk now."""
    with site.database.read() as session:
        workers = session.scalars(select(Attempt.worker).where(Attempt.state == AttemptState.RUNNING)).all()
    return {int(worker.split(":")[1]) for worker in workers if worker}


def received(site: Site) -> int:
    with site.database.read() as session:
        return session.scalar(select(func.count()).select_from(Receipt)) or 0


def kill_a_reader_at_work(site: Site, machines: Machines) -> str:
    found: list[str] = []

    def caught() -> bool:
        busy = running(site)
        found.extend(name for name in WORKERS if machines.running[name].pid in busy)
        return bool(found)

    wait_for(caught, machines, "no reader was seen at work")
    machines.kill(found[0])
    return found[0]


def test_an_exam_is_read_once_by_machines_that_share_three_addresses_and_two_are_killed(
    machines: Machines, office: Site, tmp_path: Path
) -> None:
    warm_up(lambda sentence: None)  # or each reader would compile the same loops first
    exam_id, halves = scanned(office, tmp_path)
    tokens = [register_station(office, exam_id, name) for name in ("hall-a", "hall-b")]
    for login in ("wang", "chen"):
        add_user(office, login, login, PASSWORD)
        grant_role(office, login, "marker", "DEMO")
    frames = sum(len(list(half.iterdir())) for half in halves)
    for name in WORKERS:
        machines.start(name, ["worker"])
    webs = [machines.web("web-1"), machines.web("web-2")]

    stations = [
        machines.station(name, half, url, "DEMO", token)
        for name, half, url, token in zip(("hall-a", "hall-b"), halves, webs, tokens, strict=True)
    ]
    wait_for(lambda: received(office) > 5, machines, "nothing came in")
    machines.kill("web-1")
    killed = kill_a_reader_at_work(office, machines)
    assert machines.web("web-1") == webs[0]  # as its supervisor would; the reader stays dead

    wait_for(lambda: all(station.poll() is not None for station in stations), machines, "a station did not end")
    assert [station.returncode for station in stations] == [0, 0], machines.log("hall-a") + machines.log("hall-b")

    def all_read() -> bool:
        with office.database.read() as session:
            states = Counter(session.scalars(select(Receipt.state)))
        return states == {ReceiptState.READ: frames}

    wait_for(all_read, machines, f"not all of {frames} frames were read; {killed} was killed")
    _check_rows(office, frames)
    _check_marking(office, webs, machines)


def _check_rows(office: Site, frames: int) -> None:
    with office.database.read() as session:
        pages = Counter(session.scalars(select(Page.receipt_id).where(Page.state != PageState.SUPERSEDED)))
        workers = set(session.scalars(select(Attempt.worker).where(Attempt.state == AttemptState.DONE)))
    assert len(pages) == frames
    assert set(pages.values()) == {1}
    assert len({worker.split(":")[1] for worker in workers}) >= 2, "one reader did all the work"
    findings = list(check_store(office, Tally(), deep=True))
    assert [one for one in findings if one.is_loss] == []
    assert all(one.path.startswith("packs/") for one in findings), "only the killed processes' packs may be left over"
    with office.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Receipt)) == frames


def _check_marking(office: Site, webs: list[str], machines: Machines) -> None:
    """A marker who signed in at one machine gets a task from the other, and its picture from the first."""

    def tasks_are_there() -> bool:
        with office.database.read() as session:
            made = session.scalar(select(func.count()).select_from(Response)) or 0
            return made > 0 and bool(session.scalar(select(Task.id).where(Task.state == TaskState.OPEN).limit(1)))

    wait_for(tasks_are_there, machines, "no response became a task")
    first, second = webs
    with httpx.Client(trust_env=False, timeout=30) as client:
        token = client.post(f"{first}/api/session", json={"login": "wang", "password": PASSWORD}).json()["token"]
        headers, tasks = {"Authorization": f"Bearer {token}"}, list[dict[str, object]]()

        def handed_out() -> bool:
            tasks.extend(client.post(f"{second}/api/marking/DEMO/next", headers=headers, json={}).json()["tasks"])
            return bool(tasks)

        wait_for(handed_out, machines, "no task was handed out")
        (picture, *_) = tasks[0]["pictures"]  # type: ignore[misc]  # JSON
        for url in (first, second):
            reply = client.get(url + picture["url"], headers=headers)  # type: ignore[has-type]  # JSON
            assert reply.status_code == 200
            assert reply.content.startswith(b"\xff\xd8")
