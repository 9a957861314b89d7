"""FunASR: Paraformer (with hot words, and speakers in a one-channel call) and SenseVoice. The strongest for Mandarin calls; needs torch.

The directory for `funasr` holds FunASR's model directories under their names: `paraformer-zh`, `ct-punc` (punctuation), and, if FunASR is to
separate the speakers of a one-channel call, `fsmn-vad` and `cam++`. That for `sense-voice` is the model's own.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from jinyu.audio.decode import Samples
from jinyu.audio.recogniser import Segment
from jinyu.types import InputError

QUIET = {"disable_update": True, "disable_pbar": True, "disable_log": True}
TAG = re.compile(r"<\|[^|<>]*\|>")  # SenseVoice: <|zh|><|NEUTRAL|><|Speech|><|withitn|>


class Paraformer:
    """Paraformer with punctuation. It tells no confidence."""

    def __init__(self, folder: Path, hotwords: str = "") -> None:
        import funasr

        for name in ("paraformer-zh", "ct-punc"):
            if not (folder / name).is_dir():
                raise InputError(f"{folder}: no {name} in it; FunASR's model directories are expected there under their names")
        self._auto, self._folder, self._hotwords = funasr.AutoModel, folder, hotwords
        self._lock = Lock()  # its models are not made for threads
        self.separates = all((folder / name).is_dir() for name in ("fsmn-vad", "cam++"))

    @cached_property
    def _plain(self) -> Any:
        return self._auto(model=str(self._folder / "paraformer-zh"), punc_model=str(self._folder / "ct-punc"), **QUIET)

    @cached_property
    def _separating(self) -> Any:
        folder = self._folder
        return self._auto(
            model=str(folder / "paraformer-zh"),
            vad_model=str(folder / "fsmn-vad"),
            punc_model=str(folder / "ct-punc"),
            spk_model=str(folder / "cam++"),
            **QUIET,
        )

    def transcribe(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said, as one segment."""
        with self._lock:
            found = self._plain.generate(input=samples, fs=rate, hotword=self._hotwords)
        return whole(found, len(samples) / rate)

    def transcribe_call(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said in a one-channel call, by two speakers."""
        with self._lock:
            found = self._separating.generate(input=samples, fs=rate, batch_size_s=300, hotword=self._hotwords, preset_spk_num=2)
        return sentences(found)


class SenseVoice:
    """SenseVoice; its marks of language, emotion and sound are left out. It tells no confidence."""

    def __init__(self, folder: Path) -> None:
        import funasr

        self._lock = Lock()
        self._model = funasr.AutoModel(model=str(folder), **QUIET)

    def transcribe(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said, as one segment."""
        with self._lock:
            found = self._model.generate(input=samples, fs=rate, language="zh", use_itn=True)
        return whole(found, len(samples) / rate)


def whole(found: list[dict[str, Any]], seconds: float) -> list[Segment]:
    """One segment a result; `timestamp` holds the start and end of each character in milliseconds, where the model tells them."""
    said = []
    for item in found:
        text = TAG.sub("", item.get("text") or "").strip()
        times = item.get("timestamp") or []
        start, end = (times[0][0] / 1000, times[-1][1] / 1000) if times else (0.0, seconds)
        if text:
            said.append(Segment(text, start, end))
    return said


def sentences(found: list[dict[str, Any]]) -> list[Segment]:
    """The sentences of a call with their speakers; one speaker mode writes `sentence` for `text`."""
    return [
        Segment(text, piece["start"] / 1000, piece["end"] / 1000, speaker=str(piece["spk"]))
        for item in found
        for piece in item.get("sentence_info") or []
        if (text := TAG.sub("", piece.get("text") or piece.get("sentence") or "").strip())
    ]
