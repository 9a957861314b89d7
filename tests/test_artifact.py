"""A damaged, foreign or missing model is refused with a remedy, before any scoring."""

import json

import pytest

from jinyu import ModelError, Scorer
from jinyu.artifact import Artifact, find, verify


def edit(path, **changes):
    value = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**value, **changes}), encoding="utf-8")


def test_a_run_is_found_by_its_directory(tiny_run):
    assert find(tiny_run) == tiny_run / "model"
    assert find(tiny_run / "model") == tiny_run / "model"


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "scoring.json", "phrases.npy"])
def test_one_flipped_byte_is_found(tiny_copy, name):
    data = bytearray((tiny_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tiny_copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} is damaged or was edited"):
        Scorer.load(tiny_copy)


def test_a_missing_file_is_named(tiny_copy):
    (tiny_copy / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read"):
        Scorer.load(tiny_copy)


def test_other_formats_and_text_rules_are_refused(tiny_copy):
    edit(tiny_copy / "manifest.json", format=99)
    with pytest.raises(ModelError, match="model of format 99, this jinyu reads format 1"):
        Artifact.open(tiny_copy)
    edit(tiny_copy / "manifest.json", format=1, text_version=0)
    with pytest.raises(ModelError, match=r"text rules version 0.*Retrain"):
        Artifact.open(tiny_copy)
    (tiny_copy / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        Artifact.open(tiny_copy)


def test_a_directory_that_is_no_model_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match=r"holds no manifest\.json.*training\.export"):
        Scorer.load(tmp_path)
    with pytest.raises(ModelError, match="no such model directory"):
        Scorer.load(tmp_path / "gone")


def test_a_hub_name_goes_to_the_hub(monkeypatch, tiny_run):
    import huggingface_hub

    asked = []

    def snapshot_download(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(tiny_run / "model")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert Scorer.load("some-team/their-model").leaves
    assert asked[0][0] == "some-team/their-model"
    assert "model.onnx" in asked[0][1]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: 1 / 0)
    with pytest.raises(ModelError, match="the hub did not give it"):
        Scorer.load("some-team/their-model")


def test_the_whole_shipped_model_is_intact(shipped):
    verify(shipped.model.path, shipped.model.manifest)
