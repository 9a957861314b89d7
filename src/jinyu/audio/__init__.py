"""Calls as sound: an audio file in, a `Recording` with turns, times and confidences out. Behind the `audio` extra.

`recording.py` is the road: `decode.py` reads the file, `crosstalk.py` mutes what leaks from one channel into the other, `segments.py` finds
speech, `speakers.py` tells two voices on one channel apart, and a recogniser (`recogniser.py`) writes down what is said. `setup.py` gets the
default weights. This file imports nothing heavy, so that transcripts are read without any of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from jinyu.audio import weights

SUFFIXES = (".wav", ".mp3", ".m4a", ".ogg")
RECOGNISERS = ("whisper", "funasr", "sense-voice", "sherpa")
NEEDED = ("av", "faster_whisper", "kaldi_native_fbank")  # by every recogniser: decoding, speech detection, speaker separation


@dataclass(frozen=True)
class AudioOptions:
    """Who writes down what is said. `model` is the directory of the recogniser's weights; whisper alone has a default.

    `hotwords` are words that the recogniser should expect, parted by spaces: products, places, names.
    """

    recogniser: str = "whisper"
    model: str | None = None
    hotwords: str = ""


def missing(options: AudioOptions | None = None) -> str:
    """What is not there for reading audio, and the remedy; empty if all is."""
    options = options or AudioOptions()
    if any(find_spec(name) is None for name in NEEDED):
        return "needs the audio extra: pip install 'jinyu[audio]' and then jinyu audio setup"
    if options.recogniser == "whisper" and options.model is None and weights.whisper() is None:
        return "needs the default weights of the recogniser: jinyu audio setup"
    return ""


__all__ = ["RECOGNISERS", "SUFFIXES", "AudioOptions", "missing"]
