"""An audio file to samples: one array a channel, 16 kHz, float32 between -1 and 1. PyAV reads every container and codec."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jinyu.types import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 16_000
Samples = NDArray[np.float32]
FORMATS = "WAV (PCM, A-law, µ-law), MP3, M4A and OGG are read; convert it with: ffmpeg -i"


def decode(path: Path) -> list[Samples]:
    """One or two channels of equal length. Raises `InputError` with the file and the remedy."""
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise InputError(f"{path}: no sound in it; {_convert(path)}")
            count = container.streams.audio[0].codec_context.channels
            if count not in (1, 2):
                raise InputError(
                    f"{path}: {count} channels, expected one, or two with a party each; {_convert(path, ' -ac 2')}, or -ac 1"
                )
            resampler = av.AudioResampler(format="s16", layout="stereo" if count == 2 else "mono", rate=RATE)
            blocks = [
                block.to_ndarray().reshape(-1) for frame in chain(_frames(container), [None]) for block in resampler.resample(frame)
            ]
    except av.error.FFmpegError as error:  # an OSError or a ValueError, by its kind
        raise InputError(f"{path}: cannot be read as audio ({error.strerror}); {_convert(path)}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # of the resampler, where rate or channels change amid the file
        raise InputError(f"{path}: cannot be read as audio ({error}); {_convert(path)}") from error
    if not blocks:
        raise InputError(f"{path}: no sound in it; {_convert(path)}")
    samples = np.concatenate(blocks)
    return [np.multiply(samples[k::count], np.float32(1 / 32768), dtype=np.float32) for k in range(count)]


def _convert(path: Path, how: str = "") -> str:
    return f"{FORMATS} {path.name}{how} {path.stem}-new.wav"


def _frames(container: Any) -> Iterator[Any]:
    """Frames of the first audio stream; a damaged one is passed over, as in a recording that was cut off."""
    import av

    frames = container.decode(audio=0)
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            return
        except av.error.InvalidDataError:
            continue
        frame.pts = None  # gaps in the clock of a damaged file are not silence
        yield frame
