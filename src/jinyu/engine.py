"""Model texts to probabilities and embeddings, on ONNX Runtime.

Texts are de-duplicated and batched by length, so that a batch holds little padding; results come back in the order given.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jinyu.artifact import GRAPH, TOKENIZER
from jinyu.types import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDER = 1.5  # the widest text of a batch over its shortest: the turns of one call would else be padded to the longest of them
BATCH_TOKENS = 2048  # a batch is at most this many tokens, padding included: fits the caches of small machines


class Engine:
    """The network of one model directory. Thread-safe; `threads` limits one call (default: the cores of this machine)."""

    def __init__(self, path: Path, max_tokens: int, temperature: float, threads: int | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _cores()
        # expand the int8 weights once, now, not in every call
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.log_severity_level = 3  # warnings about the graph are of no use to a user
        try:
            self._tokenizer = Tokenizer.from_file(str(path / TOKENIZER))
            self._session = onnxruntime.InferenceSession(str(path / GRAPH), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # both libraries raise bare Exception
            raise ModelError(f"{path}: the network cannot be loaded ({error})") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        pad = self._tokenizer.token_to_id("<pad>")
        self._pad = pad if pad is not None else self._tokenizer.token_to_id("[PAD]") or 0
        self._temperature = temperature
        unknown = [self._tokenizer.token_to_id(name) for name in ("<unk>", "[UNK]")]
        self._unknown = next((i for i in unknown if i is not None), -1)
        self.hidden = int(next(o.shape[1] for o in self._session.get_outputs() if o.name == "embedding"))

    def count_tokens(self, texts: list[str]) -> NDArray[np.int64]:
        """(n, 2): the tokens of each model text, marks of begin and end left out, and how many of them the model never learned."""
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        counts = [(len(e.ids), e.ids.count(self._unknown)) for e in encodings]
        return np.array(counts, dtype=np.int64).reshape(len(texts), 2)

    def run(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (n, leaves) after temperature and unit-length embeddings (n, hidden) of n model texts."""
        unique = list(dict.fromkeys(texts))
        encodings = [e.ids for e in self._tokenizer.encode_batch(unique)]
        order = sorted(range(len(unique)), key=lambda i: len(encodings[i]))
        place: dict[str, int] = {}
        logits: list[NDArray[np.float32]] = []
        embeddings: list[NDArray[np.float32]] = []
        for batch in _batches(order, encodings):
            width = len(encodings[batch[-1]])
            ids = np.full((len(batch), width), self._pad, dtype=np.int64)
            mask = np.zeros((len(batch), width), dtype=np.int64)
            for row, i in enumerate(batch):
                place[unique[i]] = len(place)
                ids[row, : len(encodings[i])] = encodings[i]
                mask[row, : len(encodings[i])] = 1
            out = self._session.run(["logits", "embedding"], {"input_ids": ids, "attention_mask": mask})
            logits.append(out[0])
            embeddings.append(out[1])
        if not unique:
            raise ValueError("no texts")
        rows = np.array([place[t] for t in texts])
        return softmax(np.concatenate(logits) / self._temperature)[rows], np.concatenate(embeddings)[rows]


def _cores() -> int:
    """The cores this process may use; 0 lets ONNX Runtime decide."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    total = shifted.sum(axis=-1, keepdims=True)
    return np.asarray(shifted / total, dtype=np.float32)


def _batches(order: list[int], encodings: list[list[int]]) -> list[list[int]]:
    """Runs of `order`, shortest first: the newest of a batch is its widest, and the others are padded to it."""
    batches: list[list[int]] = []
    for i in order:
        width = len(encodings[i])
        if batches and (len(batches[-1]) + 1) * width <= BATCH_TOKENS and width <= WIDER * len(encodings[batches[-1][0]]) + 3:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
