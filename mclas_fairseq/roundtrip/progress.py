"""How far a run is: shards and pairs done, speed, and when it may end."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from mclas_fairseq.roundtrip.shard_files import Cut
from mclas_fairseq.roundtrip.watching import Failure, Observer

logger = logging.getLogger(__name__)


class Progress(Observer):
    """Turns news of shards into lines of text.

    Args:
        show: is given a line.
        seconds: between two lines; the first and the last one come anyway.
        clock: seconds that go on, whatever the time of day.
    """

    def __init__(
        self,
        show: Callable[[str], None],
        *,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show = show
        self._seconds = seconds
        self._clock = clock
        self._partly: dict[int, int] = {}
        self._failures = 0

    def begin(self, cut: Cut, todo: Sequence[int]) -> None:
        """The run has these shards still to do."""
        self._cut = cut
        self._shards_done = cut.shards - len(todo)
        self._todo = sum(cut.size(shard) for shard in todo)
        self._before = cut.records - self._todo
        self._done = 0
        self._start = self._last = self._clock()
        if self._shards_done:
            logger.info("%d of %d shards were done before", self._shards_done, cut.shards)

    def advanced(self, shard: int, records: int) -> None:
        """Remember the part of a shard that is done."""
        self._partly[shard] = records

    def done(self, shard: int) -> None:
        """Count a shard; says so now and then, and at the end."""
        self._partly.pop(shard, None)
        self._shards_done += 1
        self._done += self._cut.size(shard)
        self._tell(anyway=self._shards_done == self._cut.shards)

    def retried(self, failure: Failure) -> None:
        """Say why an attempt failed."""
        self._partly.pop(failure.shard, None)
        logger.warning(
            "shard %d is tried again: %s (%s)", failure.shard, failure.reason, failure.log
        )

    def failed(self, failure: Failure) -> None:
        """Say why a shard was given up."""
        self._partly.pop(failure.shard, None)
        self._failures += 1
        logger.error("shard %d is given up: %s (%s)", failure.shard, failure.reason, failure.log)

    def waiting(self) -> None:
        """Say how far the run is, when it is time to."""
        self._tell(anyway=False)

    def _tell(self, *, anyway: bool) -> None:
        now = self._clock()
        if anyway or now - self._last >= self._seconds:
            self._last = now
            self._show(self.line())

    def line(self) -> str:
        """Shards, pairs, speed since this process began, and the time left at that speed."""
        done = self._done + sum(self._partly.values())
        speed = done / max(1e-9, self._clock() - self._start)
        left = "unknown" if not done else str(timedelta(seconds=round((self._todo - done) / speed)))
        failed = f", {self._failures:,} failed" if self._failures else ""
        return (
            f"{self._shards_done:,} of {self._cut.shards:,} shards{failed},"
            f" {self._before + done:,} of {self._cut.records:,} pairs, {speed:,.1f} pairs/s,"
            f" ETA {left}"
        )
