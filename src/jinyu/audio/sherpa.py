"""SenseVoice by sherpa-onnx: no torch. The directory holds `model.int8.onnx` or `model.onnx`, and `tokens.txt`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinyu.audio.decode import Samples
from jinyu.audio.recogniser import Segment
from jinyu.types import InputError


class Sherpa:
    """One thread a stretch of speech. It tells no confidence."""

    def __init__(self, folder: Path) -> None:
        import sherpa_onnx

        model = next((m for name in ("model.int8.onnx", "model.onnx") if (m := folder / name).exists()), None)
        if model is None or not (folder / "tokens.txt").exists():
            raise InputError(
                f"{folder}: not a SenseVoice directory of sherpa-onnx; expected model.int8.onnx or model.onnx, and tokens.txt"
            )
        self.recogniser: Any = sherpa_onnx.OfflineRecognizer.from_sense_voice(
            model=str(model), tokens=str(folder / "tokens.txt"), num_threads=1, language="zh", use_itn=True
        )

    def transcribe(self, samples: Samples, rate: int) -> list[Segment]:
        """What is said, as one segment."""
        stream = self.recogniser.create_stream()
        stream.accept_waveform(rate, samples)
        self.recogniser.decode_stream(stream)
        return segments(stream.result, len(samples) / rate)


def segments(result: Any, seconds: float) -> list[Segment]:
    """sherpa-onnx's result as ours: `timestamps` are the starts of the tokens, in seconds."""
    text = result.text.strip()
    times = list(result.timestamps)
    return [Segment(text, float(times[0]) if times else 0.0, seconds)] if text else []
