"""The time that is left, and what of it later sections may count on."""

import os
import time

# For the tests of gpu_check: all limits are multiplied by it.
SCALE = float(os.environ.get("VITRINE_GPU_CHECK_TIME_SCALE", "1"))

WITH_BUILD = 15 * 60  # seconds that all of it takes by default
AFTER_BUILD = 10 * 60  # that the checks have in any case, if the build took long
WORTH_BEGINNING = 2  # with less than so many seconds left, nothing is begun


class Budget:
    def __init__(self):
        self._begin = time.monotonic()
        self._total: float | None = None  # None: no limit
        self._deadline = 0.0
        self._reserved = 0.0

    def start(self, seconds: float | None) -> None:
        """From now on there are so many; None: as many as anybody wants."""
        self._total = None if seconds is None else seconds * SCALE
        self._deadline = time.monotonic() + (self._total or 0.0)

    def usual(self) -> float:
        """What is left after the build by default."""
        spent = (time.monotonic() - self._begin) / SCALE
        return max(WITH_BUILD - spent, AFTER_BUILD)

    def reserve(self, share: float) -> None:
        """So much of it, at the end, belongs to what comes later."""
        self._reserved = share

    def limit(self, seconds: float) -> float | None:
        """What a check may take that is worth at most so many; None where there is no time for it."""
        if self._total is None:
            return seconds * SCALE
        left = self._deadline - self._reserved * self._total - time.monotonic()
        return min(seconds * SCALE, left) if left >= WORTH_BEGINNING * SCALE else None
