"""What the scan hall's page shows: stations, batches, the queue, readers, and what somebody must go and look at."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from redis.exceptions import RedisError

from api.asking import AskingDep
from api.names import give_names
from api.routes.guarded import Guarded
from core.presence import Reader, readers
from core.site import Site
from core.states import BatchState
from core.tables import Exam
from scanner import intake
from scanner.intake.batches import missing_frames
from scanner.intake.hall import hall_now
from scanner.intake.hall_alarms import alarms

router = APIRouter(prefix="/api/hall/{exam}", tags=["hall"], route_class=Guarded)
log = logging.getLogger("markhall.api")
_NAMED = 20  # batches whose missing frames are named, and faults of printed numbers that are shown


@router.get("")
def hall(asking: AskingDep) -> dict[str, Any]:
    asking.require("office", "chief", "clerk", "auditor")
    site, exam_id = asking.site, asking.exam_id
    with site.database.read() as session:
        now = hall_now(session, exam_id, site.now())
        faults = intake.imprint_gaps(session, exam_id)
        scanned = intake.papers_scanned(session, session.get_one(Exam, exam_id))
        short = [b for b in now.batches if b.state is BatchState.CLOSED and b.received < (b.declared or 0)][:_NAMED]
        missing = {(b.station, b.batch): missing_frames(session, exam_id, b.station, b.batch) for b in short}
    said = [asdict(s) for s in scanned]
    give_names(site, said)
    alive = _readers(site)
    return {
        **asdict(now),
        "batches": [{**asdict(b), "missing": missing.get((b.station, b.batch), ())} for b in now.batches],
        "readers": [asdict(r) for r in alive] if alive is not None else None,
        "alarms": [{**asdict(a), "sentence": a.sentence.model_dump()} for a in alarms(now, alive)],
        "imprints": [asdict(f) for f in faults[:_NAMED]],
        "imprint_faults": len(faults),
        "scanned": said,
    }


def _readers(site: Site) -> list[Reader] | None:
    try:
        return readers(site.redis)
    except RedisError as e:
        log.warning("the queue server does not answer: %s", e)
        return None
