"""A tiny BERT, built offline, taken through the whole road: train, calibrate, export. Quality is tested on the shipped model alone."""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from jinyu import Scorer
from training import base, calibrate, data, train

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    """The project's data cut to a few rows a leaf."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("taxonomy.yaml", "phrases.jsonl", "hands.jsonl"):
        shutil.copy(data.DATA / name, folder)
    (folder / "second_reading.jsonl").write_text("", encoding="utf-8")
    (folder / "utterances").mkdir()
    for split, most in (("train", 4), ("validation", 2), ("test", 2)):
        seen = defaultdict(int)
        kept = []
        for line in (data.DATA / "utterances" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
            leaf = json.loads(line)["leaf"]
            seen[leaf] += 1
            if seen[leaf] <= most:
                kept.append(line + "\n")
        (folder / "utterances" / f"{split}.jsonl").write_text("".join(kept), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory, tiny_data) -> Path:
    """A BERT of two layers and 32 dimensions over the characters of the tiny data, with fresh weights."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    rows = data.load("train", tiny_data) + data.phrase_rows(tiny_data)
    characters = sorted({c for r in rows for c in r.model_text if c != " "})
    pieces = [(p, 0.0) for p in base.SPECIALS] + [(c, -5.0) for c in ["▁", *characters]]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base.build_tokenizer(pieces),
        bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>",
    )  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, pad_token_id=1
    )
    out = tmp_path_factory.mktemp("base")
    BertModel(config, add_pooling_layer=False).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


@pytest.fixture(scope="session")
def tiny_recipe(tiny_base) -> train.Recipe:
    return train.Recipe(base_model=str(tiny_base), layers=0, epochs=2, batch=16, head_lr=5e-3, freeze_words=False, max_tokens=64)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, tiny_data, tiny_recipe) -> Path:
    """A finished run directory with its exported model."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    train.fit(tiny_recipe, run, tiny_data, threads=1)
    calibrate.calibrate(run, tiny_data)
    return run


@pytest.fixture(scope="session")
def tiny(tiny_run) -> Scorer:
    return Scorer.load(tiny_run, threads=1)


@pytest.fixture(scope="session")
def shipped() -> Scorer:
    """The model that the package ships."""
    return Scorer.load()


@pytest.fixture
def tiny_copy(tiny_run, tmp_path) -> Path:
    """A model directory of one's own, to damage."""
    return Path(shutil.copytree(tiny_run / "model", tmp_path / "model"))
