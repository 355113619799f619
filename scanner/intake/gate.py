"""The gate of a web process: frames that arrive while one group is being written are the next group.

Nobody waits for company: an idle gate takes a single frame at once. Under load a group grows by itself to what one
write and one commit can carry, so that the disk is waited for once a group and not three times a frame.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from core.errors import MarkhallError
from core.site import Site
from scanner.intake.arriving import ArrivingFrame, ReceiptView
from scanner.intake.group import Answer, take_in

MOST_FRAMES = 64
MOST_BYTES = 64 * 1024 * 1024
Asked = tuple[ArrivingFrame, asyncio.Future[ReceiptView]]


class Gate:
    """Used from one event loop; one thread of its own writes."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gate")
        self._waiting: deque[Asked] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def receive(self, frame: ArrivingFrame) -> ReceiptView:
        """The receipt, once bytes and row are on the disk."""
        answer: asyncio.Future[ReceiptView] = asyncio.get_running_loop().create_future()
        self._waiting.append((frame, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    answers = await loop.run_in_executor(self._thread, take_in, self._site, [frame for frame, _ in group])
                    for (_, asked), answer in zip(group, answers, strict=True):
                        _tell(asked, answer)
                except Exception as e:  # each asks for itself and is told; the gate goes on with the next group
                    for _, asked in group:
                        if not asked.done():
                            asked.set_exception(e)
        finally:
            self._writing = None

    def _next_group(self) -> list[Asked]:
        group, size = [self._waiting.popleft()], 0
        while self._waiting and len(group) < MOST_FRAMES:
            size += len(group[-1][0].data)
            if size + len(self._waiting[0][0].data) > MOST_BYTES:
                break
            group.append(self._waiting.popleft())
        return group


def _tell(asked: asyncio.Future[ReceiptView], answer: Answer) -> None:
    if asked.done():  # whoever asked went away
        return
    if isinstance(answer, MarkhallError):
        asked.set_exception(answer)
    else:
        asked.set_result(answer)
