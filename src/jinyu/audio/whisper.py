"""Whisper by faster-whisper: the default, with weights that `jinyu audio setup` brings; any CTranslate2 Whisper directory works."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinyu.audio.decode import Samples
from jinyu.audio.recogniser import Segment
from jinyu.types import InputError

PROMPT = "以下是普通话的句子。"  # draws it to simplified script and punctuation
LOOP = 2.4  # a text that compresses better than this repeats itself: the recogniser got caught


class Whisper:
    """One thread a stretch of speech, two stretches at a time: two threads on one are slower than one."""

    def __init__(self, folder: Path, hotwords: str = "") -> None:
        from faster_whisper import WhisperModel

        try:
            self.model = WhisperModel(
                str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=2, local_files_only=True
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise InputError(
                f"{folder}: not a Whisper directory for CTranslate2 ({error}); expected model.bin, config.json, tokenizer.json"
            ) from error
        self.hotwords = hotwords or None

    def transcribe(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said, in simplified script. `rate` must be 16000."""
        found, _ = self.model.transcribe(
            samples,
            language="zh",
            initial_prompt=PROMPT,
            condition_on_previous_text=False,
            hotwords=self.hotwords,
            temperature=0.0,  # higher ones draw lots, and the same call must give the same text
        )
        return segments(found)


def segments(found: Iterable[Any]) -> list[Segment]:
    """faster-whisper's segments as ours."""
    said = []
    for item in found:
        text = _simplifier().convert(item.text.strip())
        if text and not _is_prompt(text.strip("。")):
            confidence = 0.0 if item.compression_ratio > LOOP else math.exp(min(item.avg_logprob, 0.0))
            said.append(Segment(text, item.start, item.end, confidence))
    return said


def _is_prompt(text: str) -> bool:
    """Given noise, it repeats the prompt or most of it; short words of it, such as 是, are said by people."""
    return len(text) > len(PROMPT) // 2 and text in PROMPT


@cache
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")
