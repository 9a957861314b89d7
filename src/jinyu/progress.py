"""What a person at a terminal sees while a batch runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinyu.audio.recording import Heard


class Pace:
    """Progress as a line: files, utterances, alarms, rate and the time that is left."""

    def __init__(self, files: int, done: int, show: Callable[[str], None] | None) -> None:
        self.files, self.before, self.done, self.show = files, done, done, show
        self.utterances, self.flagged, self.started = 0, 0, time.monotonic()

    def step(self, line: dict[str, Any]) -> None:
        """Count one journal line."""
        rows = line.get("utterances", ())
        self.done += "finished" in line
        self.utterances += len(rows)
        self.flagged += sum(row["flagged"] for row in rows)
        if self.show:
            seconds = time.monotonic() - self.started
            new = self.done - self.before
            left = f", {_clock(seconds / new * (self.files - self.done))} left" if new else ""
            rate = f", {self.utterances / seconds:.0f}/s" if seconds else ""
            self.show(f"{self.done}/{self.files} files, {self.utterances} utterances{rate}, {self.flagged} flagged{left}")


class Hearing:
    """How much sound was recognised in how long; shows how far the file at hand is."""

    def __init__(self, show: Callable[[str], None] | None) -> None:
        self.show, self.seconds, self.elapsed = show, 0.0, 0.0

    def __call__(self, heard: Heard) -> None:
        """Told by the recogniser."""
        if heard.seconds == heard.duration:
            self.seconds += heard.duration
            self.elapsed += heard.elapsed
        elif self.show:
            self.show(f"{heard.name}: {_clock(heard.seconds)} of {_clock(heard.duration)} heard, {heard.speed:.1f} x real time")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def stderr_progress() -> Callable[[str], None] | None:
    """A one-line progress display on stderr; None when that is not a terminal."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def show(message: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            print(f"\r{message}\033[K", end="", file=sys.stderr, flush=True)

    return show
