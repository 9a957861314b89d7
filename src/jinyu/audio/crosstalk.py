"""The gate before speech detection: on a two-channel call each party is heard faintly on the other's channel, and a detector takes it for speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jinyu.audio.decode import RATE, Samples

FRAME = RATE // 50  # 20 ms
SMOOTH = 6  # frames, 0.12 s
LOUDER_DB = 12.0


def gate(one: Samples, other: Samples) -> tuple[Samples, Samples]:
    """Both channels, each silent in the frames in which the other is more than 12 dB louder."""
    if not len(one):
        return one, other
    powers = _power(one), _power(other)
    factor = 10 ** (LOUDER_DB / 10)
    return _mute(one, powers[1] > factor * powers[0]), _mute(other, powers[0] > factor * powers[1])


def _power(samples: Samples) -> NDArray[np.float64]:
    """Mean power of each frame, smoothed."""
    frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME).astype(np.float64)
    power = (frames**2).mean(axis=1)
    return np.convolve(power, np.full(SMOOTH, 1 / SMOOTH), mode="full")[SMOOTH // 2 : SMOOTH // 2 + len(power)]


def _mute(samples: Samples, frames: NDArray[np.bool_]) -> Samples:
    muted = samples.copy()
    muted[np.repeat(frames, FRAME)[: len(samples)]] = 0
    return muted
