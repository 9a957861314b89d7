"""Where somebody speaks: silero's voice activity detection, which faster-whisper carries, with the options that kept the turns of calls apart."""

from __future__ import annotations

from jinyu.audio.decode import RATE, Samples

OPTIONS = {
    "threshold": 0.5,
    "min_speech_duration_ms": 150,
    "min_silence_duration_ms": 300,
    "speech_pad_ms": 150,
    "max_speech_duration_s": 25,  # a recogniser's window is 30 s
}
Span = tuple[int, int]  # samples, the end not included


def speech(samples: Samples) -> list[Span]:
    """The stretches of speech in a channel of 16 kHz, in order."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not len(samples):
        return []
    found = get_speech_timestamps(samples, VadOptions(**OPTIONS), sampling_rate=RATE)
    return [(int(s["start"]), min(int(s["end"]), len(samples))) for s in found]
