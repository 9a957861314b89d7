"""What a recogniser is, and which one is used. To add one: a class with `transcribe`, and a line in `load`; `whisper.py` is the example."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from jinyu.audio import AudioOptions, weights
from jinyu.audio.decode import Samples
from jinyu.types import InputError


@dataclass(frozen=True)
class Segment:
    """Recognised speech. Times are seconds from the first sample given; `confidence` lies between 0 and 1, None where none is told."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str | None = None


class Recogniser(Protocol):
    """Writes down speech. `transcribe` is called with one stretch of speech, from two threads at once."""

    def transcribe(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said, in order."""
        ...


@runtime_checkable
class SpeakerRecogniser(Recogniser, Protocol):
    """One that can also tell apart who speaks."""

    separates: bool

    def transcribe_call(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said in a whole one-channel call, in order, with `speaker`; asked for where `separates` is true."""
        ...


@cache
def load(options: AudioOptions) -> Recogniser:
    """The recogniser of the options, loaded once. Raises `InputError` if its package or weights are not there."""
    folder = Path(options.model) if options.model else weights.whisper() if options.recogniser == "whisper" else None
    if folder is None:
        remedy = "run: jinyu audio setup" if options.recogniser == "whisper" else "name it with --recogniser-model DIR"
        raise InputError(f"the recogniser {options.recogniser} needs a directory of weights; {remedy}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such directory; --recogniser-model names the directory of the recogniser's weights")
    try:
        if options.recogniser == "whisper":
            from jinyu.audio.whisper import Whisper

            return Whisper(folder, options.hotwords)
        if options.recogniser == "sherpa":
            from jinyu.audio.sherpa import Sherpa

            return Sherpa(folder)
        from jinyu.audio.funasr import Paraformer, SenseVoice

        return SenseVoice(folder) if options.recogniser == "sense-voice" else Paraformer(folder, options.hotwords)
    except ImportError as error:
        package = {"sherpa": "sherpa-onnx", "whisper": "'jinyu[audio]'"}.get(options.recogniser, "funasr torch torchaudio")
        raise InputError(
            f"the recogniser {options.recogniser} needs a package that is not installed: pip install {package}"
        ) from error
