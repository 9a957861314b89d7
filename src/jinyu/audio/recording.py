"""An audio file to a `Recording`: two channels are two parties, one channel is separated by voice. Roles stay open; `jinyu.speakers` finds them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np

from jinyu import audio
from jinyu.audio import recogniser as recognisers
from jinyu.audio.crosstalk import gate
from jinyu.audio.decode import RATE, Samples, decode
from jinyu.audio.recogniser import Recogniser, Segment, SpeakerRecogniser
from jinyu.audio.segments import Span, speech
from jinyu.audio.speakers import separate
from jinyu.recordings.vendor import merged
from jinyu.types import InputError, Recording, Turn

PAUSE_MS = 600  # a party that goes on after a shorter one, with nobody in between, is in the same turn
TURN_MS = 25_000
DEAD_DB = 50.0  # a channel this much weaker than the other carries nobody


@dataclass(frozen=True)
class Heard:
    """How far the recogniser is in a file: seconds of the call, of how many, after how long."""

    name: str
    seconds: float
    duration: float
    elapsed: float

    @property
    def speed(self) -> float:
        """As a multiple of real time."""
        return self.seconds / self.elapsed if self.elapsed else 0.0


Tell = Callable[[Heard], None]


def read(path: Path, options: audio.AudioOptions | None = None, tell: Tell | None = None) -> Recording:
    """The call in a file. `tell` is called after each stretch of speech, the last time with all of the call.

    Raises `InputError` if something is missing, with what to install; or with the file and the remedy.
    """
    if lack := audio.missing(options):
        raise InputError(f"{path}: {lack}")
    recogniser = recognisers.load(options or audio.AudioOptions())
    started = time.monotonic()
    channels = decode(path)
    duration = len(channels[0]) / RATE
    progress = _Progress(path.name, duration, started, tell)
    parties = alive(channels)
    try:
        if len(parties) == 2:
            turns = _two_channels(channels, recogniser, progress)
        else:
            turns = _one_channel(channels[parties[0]], recogniser, progress)
    except (RuntimeError, ValueError) as error:  # of the recogniser's library: one call less, and not the batch
        raise InputError(f"{path}: the recogniser failed ({error}); try another --recogniser, or convert the file again") from error
    progress.done()
    turns = in_turns(sorted(turns, key=lambda t: (t.start_ms or 0, t.end_ms or 0)))
    numbered = tuple(replace(turn, turn_id=str(number)) for number, turn in enumerate(turns))
    return Recording(path.stem, numbered, audio=str(path))


def alive(channels: list[Samples]) -> list[int]:
    """The channels that carry a party of their own: one of two alike, and not one that is dead beside the other."""
    if len(channels) == 1 or np.array_equal(channels[0], channels[1]):
        return [0]
    powers = [float(np.mean(np.square(channel, dtype=np.float64))) for channel in channels]
    loud = [k for k, power in enumerate(powers) if power > max(powers) / 10 ** (DEAD_DB / 10)]
    return loud or [0]


def in_turns(pieces: list[Turn]) -> list[Turn]:
    """Neighbouring pieces of one party as one turn, over pauses of a breath."""
    return merged(pieces, _goes_on, _join)


def _join(last: Turn, piece: Turn) -> Turn:
    known = [(t.asr_confidence, len(t.text)) for t in (last, piece) if t.asr_confidence is not None]
    return replace(
        last,
        text=last.text + ("" if last.text[-1] in "，。？！、；：,.?!;:" else "，") + piece.text,
        end_ms=piece.end_ms,
        asr_confidence=sum(c * n for c, n in known) / sum(n for _, n in known) if known else None,
    )


def _goes_on(last: Turn, piece: Turn) -> bool:
    if (last.channel, last.speaker) != (piece.channel, piece.speaker):
        return False
    begin, end, again, until = (t or 0 for t in (last.start_ms, last.end_ms, piece.start_ms, piece.end_ms))
    return again - end <= PAUSE_MS and until - begin <= TURN_MS


def _two_channels(channels: list[Samples], recogniser: Recogniser, progress: _Progress) -> list[Turn]:
    """One thread a channel: a recogniser is slower with two threads on one stretch."""
    muted = gate(*channels)
    spans = [speech(channel) for channel in muted]
    progress.expect(sum(b - a for found in spans for a, b in found))

    def channel(number: int) -> list[Turn]:
        said = [(span, _recognise(muted[number], span, recogniser, progress)) for span in spans[number]]
        return [turn for span, found in said for turn in _turns(span, found, str(number), None)]

    with ThreadPoolExecutor(2) as pool:
        return [turn for turns in pool.map(channel, (0, 1)) for turn in turns]


def _one_channel(samples: Samples, recogniser: Recogniser, progress: _Progress) -> list[Turn]:
    if isinstance(recogniser, SpeakerRecogniser) and recogniser.separates:
        progress.expect(len(samples))
        found = recogniser.transcribe_call(samples, RATE)
        return [turn for segment in found for turn in _turns((0, len(samples)), [segment], None, segment.speaker)]
    said = separate(samples, speech(samples))
    progress.expect(sum(b - a for (a, b), _ in said))
    with ThreadPoolExecutor(2) as pool:
        found_in = pool.map(lambda item: _recognise(samples, item[0], recogniser, progress), said)
        return [turn for (span, speaker), found in zip(said, found_in, strict=True) for turn in _turns(span, found, None, speaker)]


def _recognise(samples: Samples, span: Span, recogniser: Recogniser, progress: _Progress) -> list[Segment]:
    found = recogniser.transcribe(samples[slice(*span)], RATE)
    progress.add(span[1] - span[0])
    return found


def _turns(span: Span, found: list[Segment], channel: str | None, speaker: str | None) -> list[Turn]:
    """The segments of a stretch of speech as turns; their times never leave it."""
    begin, end = (1000 * place // RATE for place in span)
    return [
        Turn(
            text=segment.text,
            channel=channel,
            speaker=speaker,
            start_ms=min(end, begin + max(0, round(1000 * segment.start))),
            end_ms=min(end, begin + max(0, round(1000 * segment.end))),
            asr_confidence=None if segment.confidence is None else round(segment.confidence, 4),
        )
        for segment in found
    ]


class _Progress:
    """Stretches of speech to seconds of the call."""

    def __init__(self, name: str, duration: float, started: float, tell: Tell | None) -> None:
        self.name, self.duration, self.started, self.tell = name, duration, started, tell
        self.expected, self.reached, self.lock = 0, 0, Lock()

    def expect(self, samples: int) -> None:
        """How much speech there is."""
        self.expected = samples

    def add(self, samples: int) -> None:
        """So much more of it is recognised."""
        with self.lock:
            self.reached += samples
            if self.reached < self.expected:
                self._say(self.duration * self.reached / self.expected)

    def done(self) -> None:
        """The call is read."""
        self._say(self.duration)

    def _say(self, seconds: float) -> None:
        if self.tell:
            self.tell(Heard(self.name, seconds, self.duration, time.monotonic() - self.started))
