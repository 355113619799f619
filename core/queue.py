"""The machine queue: RQ, one job a chunk. A queued job is a hint; what must be done stands in the database."""

from __future__ import annotations

import gc
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.timeouts import TimerDeathPenalty

from core.presence import Present

READING = "markhall-reading"
REREADING = "markhall-rereading"  # taken only while nothing waits to be read for the first time
JOB_SECONDS = 600


def enqueue(redis: Redis, function: str, *args: Any, job_id: str, queue: str = READING) -> None:
    """Put a job, named by its dotted path, to the end of the queue."""
    Queue(queue, connection=redis).enqueue(function, *args, job_id=job_id, job_timeout=JOB_SECONDS, result_ttl=60, failure_ttl=3600)


class WarmWorker(SimpleWorker):
    """Runs jobs in its own process, so that compiled kernels and open files stay warm."""

    death_penalty_class = TimerDeathPenalty


def work(redis: Redis, *, burst: bool = False) -> None:
    """Be a worker until told to stop. What stands first in the list of queues is empty before the next is looked at."""
    queues = [Queue(name, connection=redis) for name in (READING, REREADING)]
    # What was compiled and loaded stays: a collector that looks through it again and again costs a chunk some pages.
    gc.collect()
    gc.freeze()
    with Present(redis):
        WarmWorker(queues, connection=redis).work(burst=burst, logging_level="WARNING")
