"""A clock that tests set."""

import time


class Clock:
    """Seconds since the epoch: it goes on by itself, and jumps when it is told to."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> float:
        return time.time() + self.shift

    def advance(self, seconds: float) -> None:
        self.shift += seconds
