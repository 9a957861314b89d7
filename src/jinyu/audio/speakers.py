"""Who speaks when, on one channel with two parties: CAM++ embeddings of pieces of speech, and two clusters of them.

`campplus.onnx` is the network without its weights; it reads them in place from the checkpoint that `jinyu audio setup` stores
(`benchmarks/campplus_graph.py` made it), so the graph is copied beside the checkpoint on first use.
"""

from __future__ import annotations

import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jinyu.audio.decode import RATE, Samples
from jinyu.audio.segments import Span
from jinyu.audio.weights import SPEAKERS
from jinyu.types import InputError

WINDOW = 3 * RATE // 2  # what a longer stretch of speech is split into
LEAST = 2 * RATE // 5  # shorter pieces say too little: they join no cluster, and are given to the nearer one
SHARE = 0.1  # of the speech: a cluster with less is a cough, not a party
SAME = 0.75  # centroids more alike than this are one voice
Vectors = NDArray[np.float64]


def separate(samples: Samples, spans: list[Span]) -> list[tuple[Span, str]]:
    """The stretches of speech, cut where the speaker changes, with the speaker: "0" for who speaks first, "1" for the other."""
    pieces = [piece for span in spans for piece in split(span)]
    labels = two_voices(np.array([embed(samples[a:b]) for a, b in pieces]), np.array([b - a for a, b in pieces])) if pieces else []
    return join(spans, pieces, labels)


def split(span: Span) -> list[Span]:
    """A stretch of speech in windows of 1.5 s or a little more."""
    start, end = span
    count = max(1, (end - start) // WINDOW)
    edges = [start + (end - start) * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def join(spans: list[Span], pieces: list[Span], labels: list[int]) -> list[tuple[Span, str]]:
    """Pieces of one stretch and one speaker in one again. A change that lasts one window is taken for an error."""
    said: list[tuple[Span, int]] = []
    for start, end in spans:
        inside = [k for k, (a, b) in enumerate(pieces) if start <= a and b <= end]
        names = [labels[k] for k in inside]
        for k in range(len(names)):
            alone = (k == 0 or names[k - 1] != names[k]) and (k + 1 == len(names) or names[k + 1] != names[k])
            if alone and len(names) > 2:
                names[k] = names[k - 1] if k else names[1]
        first = 0
        for k in range(1, len(inside) + 1):
            if k == len(inside) or names[k] != names[first]:
                said.append(((pieces[inside[first]][0], pieces[inside[k - 1]][1]), names[first]))
                first = k
    opener = said[0][1] if said else 0
    return [(span, "0" if name == opener else "1") for span, name in said]


def two_voices(vectors: Vectors, lengths: NDArray[np.int64]) -> list[int]:
    """0 or 1 for each piece: agglomerative clusters by mean cosine, down to two that each hold a fair share of the speech."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    long = np.flatnonzero(lengths >= LEAST)
    if len(long) < 2:
        return [0] * len(vectors)
    clusters = _clusters(unit[long], lengths[long])
    if clusters is None:
        return [0] * len(vectors)
    centres = np.array([unit[long[c]].mean(axis=0) for c in clusters])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    if centres[0] @ centres[1] > SAME:
        return [0] * len(vectors)
    return [int(k) for k in (unit @ centres.T).argmax(axis=1)]


def _clusters(unit: Vectors, lengths: NDArray[np.int64]) -> tuple[list[int], list[int]] | None:
    """The members of two clusters: the last two before the merging would leave fewer than two with a fair share."""
    alike = unit @ unit.T  # between clusters: the mean over pairs
    np.fill_diagonal(alike, -np.inf)
    members: list[list[int]] = [[k] for k in range(len(unit))]
    best = None
    while True:
        alive = sorted((m for m in members if m), key=lambda m: -lengths[m].sum())
        if len(alive) < 2:
            return best
        if lengths[alive[1]].sum() >= SHARE * lengths.sum():
            best = alive[0], alive[1]
        a, b = sorted(int(k) for k in np.unravel_index(alike.argmax(), alike.shape))
        na, nb = len(members[a]), len(members[b])
        merged = (na * alike[a] + nb * alike[b]) / (na + nb)
        alike[a], alike[:, a] = merged, merged
        alike[b], alike[:, b], alike[a, a] = -np.inf, -np.inf, -np.inf
        members[a], members[b] = members[a] + members[b], []


def embed(samples: Samples) -> Vectors:
    """The speaker embedding of a piece of speech."""
    features = _features(samples)
    (vector,) = _session().run(None, {"features": features[None].astype(np.float32)})
    return np.asarray(vector[0], dtype=np.float64)


def _features(samples: Samples) -> NDArray[np.float32]:
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = 80
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(RATE, samples.tolist())
    bank.input_finished()
    frames = np.array([bank.get_frame(k) for k in range(bank.num_frames_ready)], dtype=np.float32)
    return np.asarray(frames - frames.mean(axis=0), dtype=np.float32)


@cache
def _session() -> Any:
    import onnxruntime

    if not SPEAKERS.installed():
        raise InputError("telling the speakers of a one-channel call apart needs the speaker weights: jinyu audio setup")
    graph = SPEAKERS.path / "campplus.onnx"
    shipped = Path(__file__).with_name("campplus.onnx")
    try:
        if not graph.exists() or graph.read_bytes() != shipped.read_bytes():
            shutil.copyfile(shipped, graph)
    except OSError as error:
        raise InputError(f"{graph}: cannot be written ({error.strerror}); run jinyu audio setup as a user who may") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
